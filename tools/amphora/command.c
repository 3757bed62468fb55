/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Command: a shell command of the user's beside the demo, which never outlives it.
 */
#include "command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t group; /* in the keeper: the command's processes */

static void end_group(int number)
{
	(void)number;
	if (group > 0)
		kill(-group, SIGKILL);
	_exit(128 + SIGKILL);
}

static void be_shell(const char *text, pid_t keeper)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_DFL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != keeper)
		_exit(127);
	setpgid(0, 0);
	execl("/bin/sh", "sh", "-c", text, (char *)NULL);
	_exit(127);
}

/* Waits for the shell; ends everything when the demo is gone or says so. */
static void be_keeper(const char *text, pid_t demo)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction action = {.sa_handler = end_group};
	sigset_t block, before;
	int status;

	sigemptyset(&block);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&block, numbers[i]);
	sigprocmask(SIG_BLOCK, &block, &before); /* until there is a group to end */
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != demo)
		_exit(127);
	pid_t keeper = getpid();
	pid_t shell = fork();
	if (!shell) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		be_shell(text, keeper);
	}
	if (shell < 0)
		_exit(127);
	setpgid(shell, shell); /* the shell does so too: whoever comes first */
	group = shell;
	sigprocmask(SIG_SETMASK, &before, NULL);
	while (waitpid(shell, &status, 0) < 0)
		if (errno != EINTR)
			_exit(127);
	kill(-shell, SIGKILL); /* what it left in the background */
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int command_start(struct command *command, const char *text)
{
	pid_t demo = getpid();

	fflush(NULL);
	command->keeper = fork();
	if (command->keeper < 0) {
		command->keeper = 0;
		return -errno;
	}
	if (!command->keeper)
		be_keeper(text, demo);
	return 0;
}

bool command_ended(const struct command *command, int *status)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)command->keeper, &info, WEXITED | WNOHANG | WNOWAIT))
		return true;
	if (!info.si_pid)
		return false;
	*status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	return true;
}

void command_stop(struct command *command)
{
	if (command->keeper <= 0)
		return;
	kill(command->keeper, SIGTERM);
	while (waitpid(command->keeper, NULL, 0) < 0 && errno == EINTR)
		;
	command->keeper = 0;
}
