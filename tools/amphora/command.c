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

static void be_shell(const char *text, pid_t keeper, const sigset_t *signals)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != keeper)
		_exit(127);
	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, signals, NULL);
	execl("/bin/sh", "sh", "-c", text, (char *)NULL);
	_exit(127);
}

/*
 * Waits for the shell's end, and for the demo's, which comes as a signal; whatever comes first, then
 * ends all processes of the command. Signals are waited for, not handled.
 */
static void be_keeper(const char *text, pid_t demo)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
	sigset_t wanted, before;
	int number = 0, status = 0;
	pid_t shell, ended;

	sigemptyset(&wanted);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		sigaddset(&wanted, numbers[i]);
		signal(numbers[i], SIG_DFL);
	}
	sigprocmask(SIG_BLOCK, &wanted, &before);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != demo)
		_exit(127);
	pid_t keeper = getpid();
	shell = fork();
	if (!shell)
		be_shell(text, keeper, &before);
	if (shell < 0)
		_exit(127);
	setpgid(shell, shell); /* the shell does so too: whoever comes first */
	do {
		ended = waitpid(shell, &status, WNOHANG);
		if (!ended)
			number = sigwaitinfo(&wanted, NULL);
	} while (!ended && (number == SIGCHLD || number < 0));
	kill(-shell, SIGKILL); /* also what it left in the background */
	if (ended != shell)
		_exit(128 + SIGKILL);
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
