/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the commands of the tool share: messages, progress, where things lie.
 */
#include "tool.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <amphora/log.h>
#include <amphora/time.h>

#define PROGRESS_AFTER 1000000000ull /* ns */
#define PROGRESS_EVERY 100000000

/* One line for whatever is going on, shown by a thread of its own: the work may wait in one call. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool started, shown;
	const char *what; /* NULL: nothing goes on, or nobody looks */
	uint64_t begin;
	uint32_t done, total;
} progress = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static void *show_progress(void *argument)
{
	(void)argument;
	pthread_mutex_lock(&progress.lock);
	for (;;) {
		uint64_t now = amph_time_now();
		struct timespec until;

		if (!progress.what) {
			pthread_cond_wait(&progress.wake, &progress.lock);
			continue;
		}
		if (now - progress.begin >= PROGRESS_AFTER) {
			progress.shown = true;
			if (progress.total)
				fprintf(stderr, "\r\033[K%s %3u %%", progress.what,
					(unsigned)((uint64_t)progress.done * 100 / progress.total));
			else
				fprintf(stderr, "\r\033[K%s %" PRIu64 " s", progress.what,
					(now - progress.begin) / 1000000000u);
		}
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += PROGRESS_EVERY;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&progress.wake, &progress.lock, &until);
	}
	return NULL;
}

static const char *line_end = "\n";

void tool_terminal_raw(bool raw)
{
	line_end = raw ? "\r\n" : "\n";
}

void tool_error(const char *format, ...)
{
	va_list values;

	tool_progress_end();
	fputs("amphora: ", stderr);
	va_start(values, format);
	vfprintf(stderr, format, values);
	va_end(values);
	fputs(line_end, stderr);
}

const char *tool_why(const struct amph_why *why, int error, char *text, uint32_t size)
{
	if (!why || !why->what)
		snprintf(text, size, "%s", strerror(-error));
	else if (why->value || why->limit)
		snprintf(text, size,
			 "%s: 0x%" PRIx64 " (%" PRIu64 "), limit 0x%" PRIx64 " (%" PRIu64 "): %s",
			 why->what, why->value, why->value, why->limit, why->limit,
			 strerror(-error));
	else
		snprintf(text, size, "%s: %s", why->what, strerror(-error));
	return text;
}

static void log_line(void *argument, enum amph_log_level level, const char *what, uint64_t value,
		     uint64_t limit)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	const bool *verbose = argument;

	if (level > AMPH_LOG_WARNING && !*verbose)
		return;
	tool_progress_end();
	fprintf(stderr, "amphora: %s: %s (%" PRIu64 ", %" PRIu64 ")%s",
		(unsigned)level < 4 ? names[level] : "log", what, value, limit, line_end);
}

void tool_log(bool verbose)
{
	static bool all;

	all = verbose;
	amph_log_set(log_line, &all);
}

/* A terminal that can take a line away again. */
static bool is_terminal(void)
{
	const char *name = getenv("TERM");

	return isatty(STDERR_FILENO) && name && *name && strcmp(name, "dumb") != 0;
}

void tool_progress_begin(const char *what)
{
	sigset_t all, before;

	tool_progress_end();
	if (!is_terminal())
		return;
	pthread_mutex_lock(&progress.lock);
	if (!progress.started) {
		sigfillset(&all); /* signals are for the work */
		pthread_sigmask(SIG_SETMASK, &all, &before);
		progress.started = !pthread_create(&progress.thread, NULL, show_progress, NULL);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	progress.what = what;
	progress.begin = amph_time_now();
	progress.done = progress.total = 0;
	pthread_cond_signal(&progress.wake);
	pthread_mutex_unlock(&progress.lock);
}

void tool_progress(uint32_t done, uint32_t total)
{
	pthread_mutex_lock(&progress.lock);
	progress.done = done;
	progress.total = total;
	pthread_mutex_unlock(&progress.lock);
}

void tool_progress_end(void)
{
	pthread_mutex_lock(&progress.lock);
	if (progress.what && progress.shown)
		fputs("\r\033[K", stderr);
	progress.what = NULL;
	progress.shown = false;
	pthread_mutex_unlock(&progress.lock);
}

int tool_find(const char *relative, char *path, uint32_t size)
{
	char self[4096];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length <= 0)
		return -ENOENT;
	self[length] = 0;
	for (int i = 0; i < 2; i++) { /* PREFIX/bin/amphora */
		char *slash = strrchr(self, '/');
		if (!slash)
			return -ENOENT;
		*slash = 0;
	}
	int written = snprintf(path, size, "%s/share/amphora/%s", self, relative);
	if (written < 0 || (uint32_t)written >= size || access(path, R_OK))
		return -ENOENT;
	return 0;
}

uint64_t tool_nonce(void)
{
	uint64_t nonce = 0;

	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce) || !nonce)
		nonce = amph_time_now() | 1;
	return nonce;
}

uint8_t *tool_read_file(const char *path, uint64_t *size, int *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status = {0};
	uint8_t *bytes = NULL;
	uint64_t used = 0;

	*error = 0;
	if (fd < 0 || fstat(fd, &status))
		*error = -errno;
	else if (!S_ISREG(status.st_mode) || status.st_size > TOOL_FILE_MAX)
		*error = -EFBIG;
	else if (!(bytes = malloc((size_t)status.st_size + 1)))
		*error = -ENOMEM;
	while (!*error && used < (uint64_t)status.st_size) {
		ssize_t count = read(fd, bytes + used, (size_t)status.st_size - used);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			*error = count ? -errno : -EIO;
		else
			used += (uint64_t)count;
	}
	if (fd >= 0)
		close(fd);
	*size = used;
	if (*error) {
		free(bytes);
		bytes = NULL;
	}
	return bytes;
}
