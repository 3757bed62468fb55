/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starts the coprocessor so that whoever closes /dev/remoteproc0 stops it, runs a program meanwhile,
 * and says what the state is then. For tests of who must not stop it. Runs inside Linux; static.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/remoteproc_cdev.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEVICE "/dev/remoteproc0"
#define STATE  "/sys/class/remoteproc/remoteproc0/state"

static int complain(const char *what)
{
	fprintf(stderr, "hold-remote: %s: %s\n", what, strerror(errno));
	return 1;
}

static int run(char **arguments)
{
	int status = 0, child = fork();

	if (!child) {
		execvp(arguments[0], arguments);
		_exit(complain(arguments[0]));
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return complain("fork");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int count, char **arguments)
{
	int32_t stop_on_close = 1;
	char state[32] = "";

	if (count < 2) {
		fputs("usage: hold-remote COMMAND [ARGUMENT...]\n", stderr);
		return 2;
	}
	int remote = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (remote < 0 || ioctl(remote, RPROC_SET_SHUTDOWN_ON_RELEASE, &stop_on_close))
		return complain(DEVICE);
	if (write(remote, "start", 5) != 5)
		return complain("start");
	int status = run(arguments + 1);
	int file = open(STATE, O_RDONLY | O_CLOEXEC);
	if (file < 0 || read(file, state, sizeof(state) - 1) <= 0)
		return complain(STATE);
	close(file);
	printf("\nafter it: %s", state);
	close(remote);
	return status;
}
