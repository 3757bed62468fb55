/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the ioctl fuzzer's files share: a table of descriptors that all threads use, close and replace
 * under each other, a map of good and bad addresses, and one random call. Test code that runs inside
 * the virtual SoC; knows no library of Amphora's.
 */
#ifndef VSOC_GUEST_DEATH_FUZZ_H
#define VSOC_GUEST_DEATH_FUZZ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZ_SLOTS 96
#define FUZZ_MAPS  16

/* What a descriptor was when it was put into the table. */
enum fuzz_kind {
	FUZZ_DEVICE,
	FUZZ_REMOTE,
	FUZZ_ATTACHMENT,
	FUZZ_FOREIGN, /* a dma-buf, or anything else that is open */
	FUZZ_PROOF, /* a /dev/remoteprocN: its driver logs each ioctl */
	FUZZ_CLOSED,
	FUZZ_KINDS
};

struct fuzz_memory {
	uint8_t *good; /* a page that can be read and written, all threads' */
	uint8_t *edge; /* the end of such a page: nothing is mapped behind it */
	uint8_t *read_only;
	uint8_t *no_access;
	uint8_t *unmapped;
	uint8_t *dmabuf; /* a page of a buffer of the system heap */
};

struct fuzz {
	bool alone; /* one thread: what a descriptor is does not change meanwhile */
	uint64_t end; /* by death_now() */
	_Atomic int slots[FUZZ_SLOTS]; /* descriptors, -1 */
	_Atomic uint8_t kinds[FUZZ_SLOTS]; /* enum fuzz_kind; exact where it is alone */
	_Atomic(void *) maps[FUZZ_MAPS]; /* of descriptors, FUZZ_MAP_SIZE each; NULL */
	struct fuzz_memory memory;
	_Atomic unsigned *failures; /* shared with forked children */
};

#define FUZZ_MAP_SIZE 65536u

struct fuzz_thread {
	struct fuzz *fuzz;
	uint64_t random;
	uint8_t *own; /* a page of its own */
	/* what has come back, for the summary */
	unsigned long calls;
	unsigned long passed;
};

int fuzz_memory_init(struct fuzz_memory *memory);

/* Evenly: 0 to limit - 1. */
uint32_t fuzz_below(struct fuzz_thread *thread, uint32_t limit);
/* A number that somebody may have got wrong by one. */
uint64_t fuzz_number(struct fuzz_thread *thread);

/* A slot's descriptor, of that kind if there is one (FUZZ_KINDS: any); its slot in *slot. */
int fuzz_pick(struct fuzz_thread *thread, enum fuzz_kind kind, unsigned *slot);
/* Keeps the descriptor in a random slot, and closes what was in it. */
void fuzz_keep(struct fuzz_thread *thread, int fd, enum fuzz_kind kind);

/* One ioctl with random arguments, whose result is checked. */
void fuzz_ioctl_call(struct fuzz_thread *thread);
/* One ioctl that should work, to have something to fuzz. */
void fuzz_ioctl_make(struct fuzz_thread *thread);
/* Closes what no slot knows: results that came back where nobody could read them. */
void fuzz_tidy(struct fuzz *fuzz);
/* Starts, stops, detaches or crashes the coprocessor, whatever state it is in. */
void fuzz_switch(struct fuzz_thread *thread);
/* Anything else that can be done to a descriptor. */
void fuzz_file_call(struct fuzz_thread *thread);

#endif
