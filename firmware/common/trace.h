/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Trace: lines of text in the buffer that the resource table announces, read by the main processor.
 *
 * Plain text, no header. The buffer is all NUL at the start and text begins at its first byte. Only
 * the firmware writes. A NUL always follows the newest byte; text goes on at the first byte again
 * when it reaches the end. A reader remembers where it stopped, reads on until a NUL, around the end
 * as well, and never sees part of a line: the byte where it waits is written last. A reader that is
 * a whole buffer behind loses text.
 */
#ifndef FIRMWARE_TRACE_H
#define FIRMWARE_TRACE_H

#include <stdint.h>

#include <amphora/log.h>

/* Lines go there from now on; before it they are dropped. size: bytes. The buffer is NUL. */
void trace_start(char *buffer, uint32_t size);

/* Writes a line "what: a b" in hexadecimal; a and b are left out when both are 0. Any context. */
void trace(const char *what, uint64_t a, uint64_t b);

/* An amph_log_hook. */
void trace_log(void *argument, enum amph_log_level level, const char *what, uint64_t value,
	       uint64_t limit);

#endif
