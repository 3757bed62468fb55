/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An application that has nothing to do with those that die: it gives a buffer to the coprocessor and
 * gets it back, again and again, and says when anything of that goes wrong. Test code that runs inside
 * the virtual SoC.
 */
#ifndef VSOC_GUEST_DEATH_BYSTANDER_H
#define VSOC_GUEST_DEATH_BYSTANDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Shared memory. */
struct bystander {
	_Atomic bool over; /* by the starter: the coprocessor is about to end */
	_Atomic bool off; /* by the starter: it has ended */
	_Atomic bool failed; /* by the bystander, like the following */
	_Atomic bool told; /* it saw the end, its attachment is refused, its buffer is its own */
	_Atomic uint32_t rounds; /* crossings that were right */
};

/* Starts one. Returns its process id, -1 after a line. */
pid_t bystander_start(struct bystander *bystander);

/* Waits for some more of its rounds. Returns 0, or -1 after a line. */
int bystander_goes_on(const struct bystander *bystander);

/* After the coprocessor's end: waits until it was told, and for its end. 0, or -1 after a line. */
int bystander_was_told(const struct bystander *bystander, pid_t pid);

#endif
