/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the commands of the tool share: messages, progress, where things lie.
 */
#include "tool.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <amphora/log.h>
#include <amphora/time.h>

#define PROGRESS_AFTER 1000000000ull /* ns */
#define PROGRESS_EVERY 100000000ull

static struct {
	const char *what;
	uint64_t begin, shown;
} progress;

void tool_error(const char *format, ...)
{
	va_list values;

	tool_progress_end();
	fputs("amphora: ", stderr);
	va_start(values, format);
	vfprintf(stderr, format, values);
	va_end(values);
	fputc('\n', stderr);
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
	fprintf(stderr, "amphora: %s: %s (%" PRIu64 ", %" PRIu64 ")\n",
		(unsigned)level < 4 ? names[level] : "log", what, value, limit);
}

void tool_log(bool verbose)
{
	static bool all;

	all = verbose;
	amph_log_set(log_line, &all);
}

void tool_progress_begin(const char *what)
{
	tool_progress_end();
	progress.what = isatty(STDERR_FILENO) ? what : NULL;
	progress.begin = amph_time_now();
	progress.shown = 0;
}

void tool_progress(uint32_t done, uint32_t total)
{
	uint64_t now = amph_time_now();

	if (!progress.what || now - progress.begin < PROGRESS_AFTER ||
	    now - progress.shown < PROGRESS_EVERY)
		return;
	progress.shown = now;
	if (total)
		fprintf(stderr, "\r\033[K%s %3u %%", progress.what,
			(unsigned)((uint64_t)done * 100 / total));
	else
		fprintf(stderr, "\r\033[K%s %" PRIu64 " s", progress.what,
			(now - progress.begin) / 1000000000u);
}

void tool_progress_end(void)
{
	if (progress.what && progress.shown)
		fputs("\r\033[K", stderr);
	progress.what = NULL;
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
