/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Symbols: a place as functions, files and lines, by addr2line of binutils where it is installed;
 * else as module+offset, which it resolves elsewhere.
 * Memory layer, Linux. Only when something is reported; no library is linked for it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory/sanitize/linux/internal.h"

#define SHOWN_ALL   12u /* where no line is known: the library's own frames are among them */
#define SHOWN	    4u
#define TEXT_MAX    32768u
#define PATIENCE_MS 10000

extern char **environ;

struct line {
	char function[96];
	char file[320]; /* and line; empty: not known */
	bool own; /* of the library, not of its user */
};

struct module {
	const char *path;
	uintptr_t base; /* of its link-time addresses */
	uintptr_t start; /* of what is mapped */
	bool library; /* libamphora.so: nothing in it is the user's */
	bool system; /* the C library: no line of it is what a report is about */
};

static bool is_named(const char *path, const char *start)
{
	const char *name = strrchr(path, '/');

	return !strncmp(name ? name + 1 : path, start, strlen(start));
}

static bool find_module(void *address, struct module *module)
{
	struct link_map *map = NULL;
	Dl_info info;

	if (!dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) || !map)
		return false;
	module->path = *map->l_name ? map->l_name : "/proc/self/exe";
	module->base = map->l_addr;
	module->start = (uintptr_t)info.dli_fbase;
	module->library = is_named(module->path, "libamphora.so");
	module->system = is_named(module->path, "libc.so");
	return true;
}

/* Without the program's own streams but for the pipe. Returns its pid, or -1. */
static pid_t start_program(char *const arguments[], int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;

	if (posix_spawn_file_actions_init(&actions))
		return -1;
	if (posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) ||
	    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO) ||
	    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) ||
	    posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, environ))
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* What the program writes, NUL at its end. */
static void run(char *const arguments[], char *text, size_t room)
{
	size_t length = 0;
	int ends[2];
	pid_t pid;

	text[0] = '\0';
	if (pipe2(ends, O_CLOEXEC))
		return;
	pid = start_program(arguments, ends[1]);
	close(ends[1]);
	while (pid > 0 && length < room - 1) {
		struct pollfd polled = {.fd = ends[0], .events = POLLIN};
		ssize_t more = 0;

		if (poll(&polled, 1, PATIENCE_MS) > 0)
			more = read(ends[0], text + length, room - 1 - length);
		if (more <= 0)
			break;
		length += (size_t)more;
	}
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	text[length] = '\0';
}

/* "/a/build/../lib/x.c" is "/a/lib/x.c". Not for links: the compiler wrote it as it was told. */
static void shorten(char *path)
{
	char *up;

	while ((up = strstr(path, "/../")) && up > path) {
		char *folder = up;

		while (folder > path && folder[-1] != '/')
			folder--;
		if (folder == path || !strncmp(folder, "../", 3))
			return;
		memmove(folder, up + 4, strlen(up + 4) + 1);
	}
}

/* The file of a function of the library's, as addr2line names it, but for its end: "/.../lib/". */
static void read_source(const char *file, char *source, size_t room)
{
	static const char own[] = "memory/sanitize/linux/symbols.c";
	const char *end = strstr(file, own);

	source[0] = '\0';
	if (end && (size_t)(end - file) < room) {
		memcpy(source, file, (size_t)(end - file));
		source[end - file] = '\0';
	}
}

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

static bool is_own(const char *function, const char *file, const char *source)
{
	/* a compiler cache's objects are from other folders, but relative in the same way */
	const char *relative = strstr(source, "/../");
	char own[256], other[320];

	if (starts_with(function, "amph_") || strstr(file, "/include/amphora/"))
		return true;
	if (!*source)
		return false;
	snprintf(own, sizeof(own), "%s", source);
	snprintf(other, sizeof(other), "%s", file);
	shorten(own);
	shorten(other);
	return starts_with(other, own) || (relative && strstr(file, relative));
}

/* The next line of text, without its end; NULL: none. */
static char *next_line(char **text)
{
	char *line = *text, *end = line ? strchr(line, '\n') : NULL;

	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line;
}

static void fill(struct line *line, const char *function, char *file, const char *source)
{
	/* "file:41 (discriminator 3)" */
	size_t length = strcspn(file, " ");
	bool known = file[0] != '?' && file[length - 1] != '?' && !strstr(file, ":0");

	snprintf(line->function, sizeof(line->function), "%s", function);
	snprintf(line->file, sizeof(line->file), "%.*s", known ? (int)length : 0, file);
	shorten(line->file);
	line->own = is_own(function, file, source);
}

/*
 * addr2line of frames that are all of one module; each may be several lines, where functions were
 * inlined. The first one asked for is a function of this file. Returns how many lines.
 */
static uint32_t look_up(const struct module *module, void *const frames[], uint32_t count,
			struct line *lines, uint32_t max)
{
	static char text[TEXT_MAX];
	char addresses[PLACE_DEPTH + 1][2 + 16 + 1], source[256] = "";
	char *arguments[PLACE_DEPTH + 9] = {"addr2line", "-a", "-f", "-i", "-C", "-e"};
	uint32_t used = 6, out = 0;
	char *rest = text, *function, *file;
	int asked = -1;
	char path[256];

	/* the symbolizer is another process */
	snprintf(path, sizeof(path), "%s", module->path);
	if (!strcmp(path, "/proc/self/exe"))
		snprintf(path, sizeof(path), "/proc/%d/exe", (int)getpid());
	arguments[used++] = path;
	for (uint32_t i = 0; i <= count; i++) {
		void *frame = i ? (char *)frames[i - 1] - 1 : (void *)&is_named;

		snprintf(addresses[i], sizeof(addresses[i]), "0x%llx",
			 (unsigned long long)((uintptr_t)frame - module->base));
		arguments[used++] = addresses[i];
	}
	arguments[used] = NULL;
	run(arguments, text, sizeof(text));
	while (out < max && (function = next_line(&rest))) {
		if (starts_with(function, "0x")) {
			asked++;
			continue;
		}
		file = next_line(&rest);
		if (!file)
			break;
		if (!asked)
			read_source(file, source, sizeof(source));
		else if (file[0])
			fill(&lines[out++], function, file, source);
	}
	return out;
}

/* Without addr2line, or in a module without symbols. */
static void fall_back(const struct module *module, void *frame, struct line *line)
{
	const char *name = strrchr(module->path, '/');
	char exe[256] = "";
	Dl_info info;
	ssize_t length;

	*line = (struct line){.own = module->library};
	if (dladdr(frame, &info) && info.dli_sname)
		snprintf(line->function, sizeof(line->function), "%s", info.dli_sname);
	else
		snprintf(line->function, sizeof(line->function), "?");
	line->own = line->own || starts_with(line->function, "amph_");
	name = name ? name + 1 : module->path;
	if (!strcmp(module->path, "/proc/self/exe")) {
		length = readlink(module->path, exe, sizeof(exe) - 1);
		exe[length > 0 ? length : 0] = '\0';
		name = strrchr(exe, '/') ? strrchr(exe, '/') + 1 : "?";
	}
	snprintf(line->file, sizeof(line->file), "%s+0x%llx", name,
		 (unsigned long long)((uintptr_t)frame - 1 - module->base));
}

struct listing {
	struct line lines[3 * PLACE_DEPTH];
	bool exact[3 * PLACE_DEPTH]; /* a file and a line, not a module and an offset */
	uint32_t count;
};

static void add_module(struct listing *list, const struct module *module, void *const frames[],
		       uint32_t count)
{
	uint32_t room = 3 * PLACE_DEPTH - list->count, found = 0;
	struct line *lines = &list->lines[list->count];

	if (!module->library && !module->system)
		found = look_up(module, frames, count, lines, room);
	for (uint32_t i = 0; i < found; i++)
		list->exact[list->count + i] = lines[i].file[0];
	/* what has neither file nor line says more by its offset */
	for (uint32_t i = 0; found == count && i < found; i++)
		if (!lines[i].file[0] && !lines[i].own) {
			bool own = lines[i].own;

			fall_back(module, frames[i], &lines[i]);
			lines[i].own = lines[i].own || own;
		}
	for (; !found && count && room; room--, count--, frames++)
		fall_back(module, *frames, &list->lines[list->count++]);
	list->count += found;
}

static void list_place(struct listing *list, const struct sanitize_place *place)
{
	list->count = 0;
	memset(list->exact, 0, sizeof(list->exact));
	for (uint32_t i = 0, next; i < place->depth; i = next) {
		struct module module, other;

		next = i + 1;
		if (!find_module((char *)place->frames[i] - 1, &module))
			continue;
		while (next < place->depth &&
		       find_module((char *)place->frames[next] - 1, &other) &&
		       other.start == module.start)
			next++;
		add_module(list, &module, &place->frames[i], next - i);
	}
}

void amph_sanitize_print_place(const char *title, const struct sanitize_place *place)
{
	static struct listing list;
	uint32_t shown = 0, most;
	bool exact = false;

	list_place(&list, place);
	for (uint32_t i = 0; i < list.count; i++)
		exact = exact || (list.exact[i] && !list.lines[i].own);
	most = exact ? SHOWN : SHOWN_ALL;
	for (uint32_t i = 0; i < list.count && shown < most; i++) {
		const struct line *line = &list.lines[i];

		if (line->own || (exact && !list.exact[i]))
			continue;
		amph_sanitize_say("  %-11s #%u %s %s", shown ? "" : title, shown, line->function,
				  line->file);
		shown++;
		if (!strcmp(line->function, "main"))
			break; /* what called it is the C library's */
	}
	if (!shown)
		amph_sanitize_say("  %-11s not known", title);
}
