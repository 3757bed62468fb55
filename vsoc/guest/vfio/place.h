/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the programs that use edu have in common: a memory context, the device, buffers, and an end at
 * the first thing that goes wrong. Programs of the virtual SoC's Linux.
 */
#ifndef VSOC_GUEST_VFIO_PLACE_H
#define VSOC_GUEST_VFIO_PLACE_H

#include <stdint.h>

#include <amphora/provider.h>

#include "edu.h"

#define SIZE 8192u /* of a buffer, bytes */
/* bytes that the device tries to reach in vain: one access, one report; the kernel limits their rate */
#define TRIED 4u

struct buffer {
	struct amph_shm shm;
	struct amph_range ranges[5];
	struct amph_segment segments[1];
	struct amph_attachment attachment;
};

struct place {
	struct amph_memory memory;
	struct amph_provider memfd;
	struct amph_vfio_config config;
	struct edu edu;
	int log;
	struct buffer a, b;
};

/* Says what failed, with the reason if there is one (why may be NULL), and ends the program. */
_Noreturn void fail(const char *what, int error, const struct amph_why *why);

/* Does so if there is an error. */
void check(const char *what, int error, const struct amph_why *why);

/* Does so unless it is this error, whose reason it prints. */
void expect(const char *what, int error, int expected, const struct amph_why *why);

/* Memory, the kernel's log, and the device's name; vfio-pci is not bound yet. */
void place_init(struct place *place);

void place_buffer_open(struct place *place, struct buffer *buffer, const char *name, uint64_t size);
void place_buffer_close(struct buffer *buffer);
void buffer_fill(struct buffer *buffer, uint32_t seed);

void attach(struct place *place, struct buffer *buffer, uint32_t direction);
int attach_at(struct place *place, struct buffer *buffer, uint64_t iova);
void detach(struct buffer *buffer);

/* The device moves a part of the buffer, which is the device's meanwhile. */
void transfer(struct place *place, struct buffer *buffer, enum edu_direction direction,
	      uint64_t offset, uint32_t length);

/* Through the device from one half of the buffer to the other: it reads and writes what is shared. */
void exchange(struct place *place, struct buffer *buffer, const char *what);

/* The device stores some bytes at an address that may be nobody's, which it reads from `b` before. */
void store_mark(struct place *place, uint64_t iova);

#endif
