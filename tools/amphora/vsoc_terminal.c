/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux's console, and the terminal. Tool code; see vsoc_terminal.h.
 */
#include "vsoc_terminal.h"
#include "tool.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONTROL_A   1
#define END_OF_FILE 4 /* Ctrl-D */
#define ROWS	    24 /* of a terminal that does not know */
#define COLUMNS	    80

enum { INPUT, OUTPUT, LINE }; /* the poll entries */

static bool in_foreground(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void take(struct vsoc_terminal *terminal)
{
	struct termios settings;

	if (!isatty(STDIN_FILENO))
		return;
	if (!in_foreground()) {
		terminal->input_over = true;
		return;
	}
	if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &terminal->before))
		return;
	settings = terminal->before;
	cfmakeraw(&settings);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &settings))
		return;
	terminal->raw = true;
	tool_terminal_raw(true);
}

int vsoc_terminal_open(struct vsoc_terminal *terminal)
{
	int pair[2];

	*terminal = (struct vsoc_terminal){.ours = -1, .theirs = -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	terminal->ours = pair[0];
	terminal->theirs = pair[1];
	take(terminal);
	return 0;
}

void vsoc_terminal_handed_over(struct vsoc_terminal *terminal)
{
	if (terminal->theirs >= 0)
		close(terminal->theirs);
	terminal->theirs = -1;
}

static void write_output(struct vsoc_terminal *terminal)
{
	ssize_t count = write(STDOUT_FILENO, terminal->output, terminal->to_user);

	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (count < 0) { /* nobody reads it */
		terminal->output_over = true;
		count = (ssize_t)terminal->to_user;
	}
	terminal->to_user -= (uint32_t)count;
	memmove(terminal->output, terminal->output + count, terminal->to_user);
}

/* Returns how many bytes came, 0 at the end, or -errno. */
static int read_line(struct vsoc_terminal *terminal)
{
	ssize_t count = recv(terminal->ours, terminal->output + terminal->to_user,
			     sizeof(terminal->output) - terminal->to_user, MSG_DONTWAIT);

	if (count < 0)
		return -errno;
	if (!terminal->output_over)
		terminal->to_user += (uint32_t)count;
	return (int)count;
}

/* Who reads the output may take all the time there is; a signal ends that. */
static void pass_on_rest(struct vsoc_terminal *terminal, int interrupt)
{
	struct pollfd polls[] = {{.fd = STDOUT_FILENO, .events = POLLOUT},
				 {.fd = interrupt, .events = POLLIN}};

	do {
		while (terminal->to_user) {
			if (poll(polls, 2, -1) < 0 && errno != EINTR)
				return;
			if (polls[1].revents)
				return;
			if (polls[0].revents)
				write_output(terminal);
		}
	} while (read_line(terminal) > 0);
}

void vsoc_terminal_close(struct vsoc_terminal *terminal, int interrupt)
{
	vsoc_terminal_handed_over(terminal);
	if (terminal->ours < 0)
		return;
	if (interrupt >= 0)
		pass_on_rest(terminal, interrupt);
	if (terminal->raw) {
		tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
		tool_terminal_raw(false);
	}
	close(terminal->ours);
	*terminal = (struct vsoc_terminal){.ours = -1, .theirs = -1};
}

void vsoc_terminal_polls(const struct vsoc_terminal *terminal, bool listens, struct pollfd *polls)
{
	bool wanted = listens && !terminal->input_over && !terminal->to_linux;
	short room = terminal->to_user < sizeof(terminal->output) ? POLLIN : 0;

	polls[INPUT] = (struct pollfd){.fd = wanted ? STDIN_FILENO : -1, .events = POLLIN};
	polls[OUTPUT] =
		(struct pollfd){.fd = terminal->to_user ? STDOUT_FILENO : -1, .events = POLLOUT};
	polls[LINE] = (struct pollfd){
		.fd = terminal->ours,
		.events = (short)(room | (terminal->to_linux ? POLLOUT : 0)),
	};
	if (!polls[LINE].events)
		polls[LINE].fd = -1;
}

static void add_input(struct vsoc_terminal *terminal, char byte)
{
	terminal->input[terminal->to_linux++] = byte;
}

/* What was typed, into terminal->input, which is empty. Returns true for Ctrl-A X. */
static bool take_keys(struct vsoc_terminal *terminal, const char *keys, ssize_t count)
{
	for (ssize_t i = 0; i < count; i++) {
		char key = keys[i];

		if (!terminal->raw) {
			add_input(terminal, key);
			continue;
		}
		if (!terminal->escaped) {
			terminal->escaped = key == CONTROL_A;
			if (!terminal->escaped)
				add_input(terminal, key);
			continue;
		}
		terminal->escaped = false;
		if (key == 'x' || key == 'X')
			return true;
		add_input(terminal, CONTROL_A);
		if (key != 'a' && key != 'A' && key != CONTROL_A)
			add_input(terminal, key);
	}
	return false;
}

static bool read_input(struct vsoc_terminal *terminal)
{
	char keys[sizeof(terminal->input) / 2]; /* one that follows a Ctrl-A becomes two */
	ssize_t count = read(STDIN_FILENO, keys, sizeof(keys));

	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (count > 0) {
		terminal->last = keys[count - 1];
		return take_keys(terminal, keys, count);
	}
	/* a line that has begun takes a first Ctrl-D for itself */
	if (terminal->last && terminal->last != '\n')
		add_input(terminal, END_OF_FILE);
	add_input(terminal, END_OF_FILE);
	terminal->input_over = true;
	return false;
}

static void write_line(struct vsoc_terminal *terminal)
{
	ssize_t count = send(terminal->ours, terminal->input, terminal->to_linux,
			     MSG_DONTWAIT | MSG_NOSIGNAL);

	if (count < 0)
		return; /* full: later; ended: so is Linux */
	terminal->to_linux -= (uint32_t)count;
	memmove(terminal->input, terminal->input + count, terminal->to_linux);
}

bool vsoc_terminal_serve(struct vsoc_terminal *terminal, const struct pollfd *polls)
{
	bool leaves = false;

	if (polls[OUTPUT].revents)
		write_output(terminal);
	if (polls[LINE].revents & POLLOUT)
		write_line(terminal);
	if (polls[LINE].revents & (POLLIN | POLLHUP | POLLERR))
		(void)!read_line(terminal);
	if (polls[INPUT].revents)
		leaves = read_input(terminal);
	return leaves;
}

uint32_t vsoc_terminal_window(const struct vsoc_terminal *terminal)
{
	struct winsize size = {0};

	if (!terminal->raw)
		return 0;
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
		return ROWS << 16 | COLUMNS;
	return (uint32_t)size.ws_row << 16 | size.ws_col;
}
