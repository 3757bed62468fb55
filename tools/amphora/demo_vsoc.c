/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * amphora demo --on vsoc: the same command in the virtual SoC's Linux, on its remote processor.
 * The picture and its edges cross by a folder that Linux sees, beside the output, gone afterwards.
 */
#include "demo.h"
#include "picture.h"
#include "tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGUMENTS_MAX 40
#define IN_LINUX      "/share/"
#define INPUT	      "input.png"
#define OUTPUT	      "output.png"

struct crossing {
	const struct demo_options *options;
	char output[PATH_MAX]; /* the real file, links followed */
	char folder[PATH_MAX];
	bool direct; /* the output is no plain file, but a device or a pipe */
	char error[DEMO_ERROR];
};

static int fail(struct crossing *crossing, const char *what)
{
	int error = errno ? errno : EIO;

	snprintf(crossing->error, sizeof(crossing->error), "%.400s: %s", what, strerror(error));
	return -error;
}

/* Something to write into that is no plain file: a device, a pipe. */
static bool is_direct(const struct crossing *crossing)
{
	struct stat status;

	return !crossing->options->camera && !stat(crossing->output, &status) &&
	       !S_ISREG(status.st_mode);
}

/* A folder where the output will be, so that it can take its place in one step. */
static int make_folder(struct crossing *crossing)
{
	const char *wanted = crossing->options->output, *slash;
	int length;

	if (!realpath(wanted, crossing->output) &&
	    snprintf(crossing->output, PATH_MAX, "%s", wanted) >= PATH_MAX - 64) {
		errno = ENAMETOOLONG;
		return fail(crossing, wanted);
	}
	crossing->direct = is_direct(crossing);
	slash = strrchr(crossing->output, '/');
	length = slash ? (int)(slash - crossing->output) + 1 : 0;
	if (crossing->direct)
		snprintf(crossing->folder, PATH_MAX, "/tmp/.amphora-XXXXXX");
	else
		snprintf(crossing->folder, PATH_MAX, "%.*s.amphora-XXXXXX",
			 length < PATH_MAX - 32 ? length : PATH_MAX - 32, crossing->output);
	if (mkdtemp(crossing->folder))
		return 0;
	crossing->folder[0] = 0;
	return fail(crossing, wanted);
}

static void remove_folder(const struct crossing *crossing)
{
	DIR *folder = crossing->folder[0] ? opendir(crossing->folder) : NULL;
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		unlinkat(dirfd(folder), entry->d_name, 0); /* refuses . and .. */
	if (folder)
		closedir(folder);
	if (crossing->folder[0])
		rmdir(crossing->folder);
}

static int copy(struct crossing *crossing, const char *from, const char *to, int flags)
{
	int input = open(from, O_RDONLY | O_CLOEXEC);
	int output = input < 0 ? -1 : open(to, O_WRONLY | O_CLOEXEC | flags, 0644);
	int status = output < 0 ? fail(crossing, input < 0 ? from : to) : 0;
	ssize_t done = status ? 0 : 1;

	while (done > 0)
		done = sendfile(output, input, NULL, 1 << 30);
	if (done < 0)
		status = fail(crossing, to);
	if (output >= 0 && close(output) && !status)
		status = fail(crossing, to);
	if (input >= 0)
		close(input);
	return status;
}

static int bring_input(struct crossing *crossing)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/" INPUT, crossing->folder);
	return copy(crossing, crossing->options->input, path, O_CREAT | O_EXCL);
}

/* One that was not written is left as it was: the demo has said why. */
static int take_output(struct crossing *crossing, const char *from, const char *to)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", crossing->folder, from);
	if (access(path, F_OK))
		return 0;
	if (crossing->direct)
		return copy(crossing, path, to, 0);
	return rename(path, to) ? fail(crossing, to) : 0;
}

static int take_outputs(struct crossing *crossing)
{
	static const char *const when[] = {"before", "after"};
	char from[64], to[PATH_MAX + 16];
	int status = 0;

	if (!crossing->options->camera)
		return take_output(crossing, OUTPUT, crossing->output);
	for (int i = 0; i < 2 && !status; i++) {
		demo_camera_file(OUTPUT, when[i], from, sizeof(from));
		demo_camera_file(crossing->output, when[i], to, sizeof(to));
		status = take_output(crossing, from, to);
	}
	return status;
}

static void add(char **arguments, const char *name, const char *value)
{
	int count = 0;

	while (arguments[count])
		count++;
	arguments[count] = (char *)(uintptr_t)name;
	if (value)
		arguments[count + 1] = (char *)(uintptr_t)value;
}

static int run(const struct crossing *crossing)
{
	const struct demo_options *options = crossing->options;
	char *arguments[ARGUMENTS_MAX] = {"amphora vsoc", "--share",
					  (char *)(uintptr_t)crossing->folder};
	char frames[16], size[32];
	int count = 0;

	snprintf(frames, sizeof(frames), "%u", options->frames);
	snprintf(size, sizeof(size), "%ux%u", options->width, options->height);
	if (options->verbose)
		add(arguments, "--verbose", NULL);
	if (options->debug_kernel)
		add(arguments, "--debug-kernel", NULL);
	add(arguments, "--", "amphora");
	add(arguments, "demo", NULL);
	add(arguments, "--on", "remoteproc");
	if (options->camera) {
		add(arguments, "--camera", NULL);
		add(arguments, "--frames", frames);
		add(arguments, "--size", size);
	} else {
		add(arguments, "--input", IN_LINUX INPUT);
		add(arguments, "--input-name", options->input);
	}
	add(arguments, "--output", IN_LINUX OUTPUT);
	add(arguments, "--output-name", options->output);
	if (options->remote)
		add(arguments, "--remote", options->remote);
	if (options->heap)
		add(arguments, "--heap", options->heap);
	if (options->queue)
		add(arguments, "--queue", NULL);
	if (options->json)
		add(arguments, "--json", NULL);
	if (options->verbose)
		add(arguments, "--verbose", NULL);
	while (arguments[count])
		count++;
	return command_vsoc(count, arguments);
}

/* Not even Linux is started for an input that is no picture. */
static int check_input(struct crossing *crossing)
{
	struct picture_file picture;
	int status = picture_open(&picture, crossing->options->input, crossing->error,
				  sizeof(crossing->error));

	if (!status)
		picture_close(&picture);
	return status;
}

int demo_vsoc(const struct demo_options *options)
{
	static struct crossing crossing; /* large, and one of a kind */
	int result = EXIT_USAGE, status = 0;

	crossing.options = options;
	if (!options->camera)
		status = check_input(&crossing);
	if (!status) {
		result = EXIT_FAILED;
		status = make_folder(&crossing);
	}
	if (!status && !options->camera)
		status = bring_input(&crossing);
	if (!status) {
		result = run(&crossing);
		status = take_outputs(&crossing);
		if (status)
			result = EXIT_FAILED;
	}
	remove_folder(&crossing);
	if (status) {
		if (options->json && result == EXIT_USAGE)
			report_failure_json(crossing.error);
		tool_error("%s", crossing.error);
	}
	return result;
}
