/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the commands of the tool share: exit codes, messages, progress, numbers.
 */
#ifndef TOOLS_TOOL_H
#define TOOLS_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/error.h>

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* The commands: each parses its own arguments (argv[0] is "amphora COMMAND") and gives an exit code. */
int command_demo(int count, char **arguments);
int command_doctor(int count, char **arguments);
int command_policy(int count, char **arguments);
int command_run(int count, char **arguments);
int command_serve(int count, char **arguments);
int command_vsoc(int count, char **arguments);

/* "amphora: ..." to standard error. */
void tool_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether standard error's terminal takes a line's end as it is: lines then end with a return too. */
void tool_terminal_raw(bool raw);

/* A reason of the library as text: "what: value V, limit L". Returns `text`. */
const char *tool_why(const struct amph_why *why, int error, char *text, uint32_t size);

/* Shows the library's log on standard error from now on: warnings, or all with verbose. */
void tool_log(bool verbose);

/*
 * A progress line on standard error, once the work has taken more than a second and only where
 * standard error is a terminal: in percent where tool_progress() says how far it is, else in seconds.
 * tool_progress_end() takes the line away; beginning the next step does too. The main thread only.
 */
void tool_progress_begin(const char *what);
void tool_progress(uint32_t done, uint32_t total);
void tool_progress_end(void);

/*
 * Where a file that is installed with the tool lies: beside the binary in a build tree, under its
 * prefix when installed. `relative` is under share/amphora/. Returns 0, or -ENOENT.
 */
int tool_find(const char *relative, char *path, uint32_t size);

#define TOOL_FILE_MAX 0x10000000u /* bytes */

/*
 * Reads a whole regular file into private memory: nobody can change it between check and use.
 * Returns it (to be freed), or NULL and *error, a negative errno.
 */
uint8_t *tool_read_file(const char *path, uint64_t *size, int *error);

/* A random nonce, never 0. */
uint64_t tool_nonce(void);

#endif
