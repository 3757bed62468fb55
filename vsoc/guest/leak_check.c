/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * leak-check: runs a program, and prints what the kernel has lost meanwhile. Runs inside the virtual
 * SoC, with the debugging kernel: it needs kmemleak.
 * usage: leak-check COMMAND [ARGUMENT...]     exit status 1 when something is lost
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KMEMLEAK   "/sys/kernel/debug/kmemleak"
#define GROWN_UP_S 6 /* what is younger than five seconds is not looked at */
#define SCANS	   2 /* a pointer that was on its way is seen by the second */

static int command(const char *text)
{
	int file = open(KMEMLEAK, O_WRONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : write(file, text, strlen(text));

	if (length < 0)
		fprintf(stderr, "leak-check: " KMEMLEAK ": %s: %s\n", text, strerror(errno));
	if (file >= 0)
		close(file);
	return length < 0 ? -1 : 0;
}

static int run(char **arguments)
{
	int status = -1;
	int child = fork();

	if (!child) {
		execvp(arguments[0], arguments);
		fprintf(stderr, "leak-check: %s: %s\n", arguments[0], strerror(errno));
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Prints the report; returns how many bytes it has, or -1. */
static long report(void)
{
	char text[4096];
	FILE *file = fopen(KMEMLEAK, "re");
	long total = 0;
	size_t count;

	if (!file)
		return -1;
	while ((count = fread(text, 1, sizeof(text), file)) > 0) {
		fwrite(text, 1, count, stdout);
		total += (long)count;
	}
	fclose(file);
	return total;
}

int main(int count, char **arguments)
{
	if (count < 2) {
		fputs("usage: leak-check COMMAND [ARGUMENT...]\n", stderr);
		return 2;
	}
	/* what was lost before is not this program's */
	if (command("scan") || command("clear"))
		return 1;
	int status = run(arguments + 1);
	sleep(GROWN_UP_S);
	for (int i = 0; i < SCANS; i++)
		if (command("scan"))
			return 1;
	return report() ? 1 : status;
}
