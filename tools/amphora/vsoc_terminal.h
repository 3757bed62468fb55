/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux's console: what is between this process's standard input and output and QEMU's serial line.
 * Tool code; knows terminals, nothing of QEMU or Linux.
 *
 * Where both are a terminal it is Linux's: every key goes there, also Ctrl-C, but Ctrl-A: Ctrl-A X
 * leaves, Ctrl-A A is a Ctrl-A. Elsewhere input is passed on as it is, and its end as a Ctrl-D.
 */
#ifndef TOOLS_VSOC_TERMINAL_H
#define TOOLS_VSOC_TERMINAL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#define VSOC_TERMINAL_POLLS 3

struct vsoc_terminal {
	int ours, theirs; /* the serial line; theirs: for QEMU */
	bool raw; /* it is Linux's terminal */
	bool escaped; /* the last key was Ctrl-A */
	bool input_over, output_over;
	char last; /* of the input that was read */
	struct termios before;
	uint32_t to_linux, to_user; /* bytes that wait */
	char input[256], output[4096];
};

/* Takes the terminal, if it is one. Returns 0, or -errno with nothing changed. */
int vsoc_terminal_open(struct vsoc_terminal *terminal);

/*
 * Passes on what is left, for as long as `interrupt` has nothing to read (-1: passes on nothing), and
 * gives the terminal back as it was.
 */
void vsoc_terminal_close(struct vsoc_terminal *terminal, int interrupt);

/* Closes this process's copy of terminal->theirs, once QEMU has its own. */
void vsoc_terminal_handed_over(struct vsoc_terminal *terminal);

/* What to wait for: VSOC_TERMINAL_POLLS entries (some with fd -1). Input only once Linux listens. */
void vsoc_terminal_polls(const struct vsoc_terminal *terminal, bool listens, struct pollfd *polls);

/* Passes on what these entries say is there. Never blocks. Returns true when the user leaves. */
bool vsoc_terminal_serve(struct vsoc_terminal *terminal, const struct pollfd *polls);

/* How large it is: rows << 16 | columns; 0 where there is none. */
uint32_t vsoc_terminal_window(const struct vsoc_terminal *terminal);

#endif
