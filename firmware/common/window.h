/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Window: which memory of the main processor's this firmware is willing to touch for others.
 * Everything in the shared DRAM but what the firmware itself lives on.
 */
#ifndef FIRMWARE_WINDOW_H
#define FIRMWARE_WINDOW_H

#include <stdint.h>

#include <amphora/attachment.h>

/* Keeps a range out of every later window. Returns 0, -ERANGE (not in the DRAM), -ENOSPC. */
int window_forbid(uint64_t da, uint64_t length);

/* Gives up all that was kept out: nothing is lent to anybody now. */
void window_forget(void);

/*
 * The address of a range the firmware itself was placed on by the loader: inside the DRAM, and not
 * forbidden yet. Returns 0 and *va, or -ERANGE.
 */
int window_find(uint64_t da, uint64_t length, void **va);

/* A session's map hook (session.h): segments that follow one another, inside what is allowed. */
int window_map(void *argument, const struct amph_segment *segments, uint32_t count, uint64_t size,
	       uint32_t direction, intptr_t handle, void **va);
void window_unmap(void *argument, void *va, uint64_t size);

#endif
