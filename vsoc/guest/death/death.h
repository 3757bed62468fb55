/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the programs share that try to make Linux lose, leak or reuse memory which the coprocessor
 * reaches: short ways to /dev/amphora, and what Linux says about itself. Test code that runs inside the
 * virtual SoC; knows no library of Amphora's, and is 32-bit clean.
 */
#ifndef VSOC_GUEST_DEATH_H
#define VSOC_GUEST_DEATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/amphora.h>

#define DEATH_RPROC   "/dev/remoteproc0"
#define DEATH_STATE   "/sys/class/remoteproc/remoteproc0/state"
#define DEATH_CRASH   "/sys/kernel/debug/remoteproc/remoteproc0/crash"
#define DEATH_HEAP    "/dev/dma_heap/system"
#define DEATH_UDMABUF "/dev/udmabuf"
#define DEATH_CMA     "/dev/dma_heap/reserved"
#define DEATH_PAGE    4096u
#define DEATH_WAIT_MS 30000 /* what must happen has happened by then, on a busy machine too */

/* Prints a line on standard error; returns -1. */
int death_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Milliseconds of the monotonic clock. */
uint64_t death_now(void);

/* splitmix64: the same seed gives the same numbers on every machine. */
uint64_t death_random(uint64_t *state);

/* A file's text without its last newline. Returns 0 or -errno; the text is then empty. */
int death_read(const char *path, char *text, size_t size);
/* Returns 0 or -errno. */
int death_write(const char *path, const char *text);

/* Waits until the coprocessor's state in sysfs is that. Returns 0, or -1 after a line. */
int death_wait_state(const char *state);
/* "start", "stop" or "detach"; 0, or -1 after a line. */
int death_switch(const char *command);
/* Whatever state it is in: it is off afterwards. */
int death_switch_off(void);

/* The following return a descriptor or -errno. */
int death_open_device(void);
/* A remote, proved by /dev/remoteproc0. */
int death_open_remote(int device);
/* `heap`: a dma-heap's device, or DEATH_UDMABUF. */
int death_heap_alloc(const char *heap, size_t size);
int death_attach(int remote, int dmabuf, uint32_t direction);
int death_coherent(int remote, uint64_t size);

/* 0 or -errno */
int death_remote_info(int remote, struct amphora_remote_info *info);
int death_attachment_info(int attachment, struct amphora_attachment_info *info);
int death_release(int attachment);

/* How many descriptors this process has open. */
int death_count_fds(void);

/* A line of /proc/meminfo, in bytes; 0 when there is none. */
uint64_t death_meminfo(const char *name);

/* Waits until so much of that remote's is in quarantine, or more. Returns 0, or -1 after a line. */
int death_wait_quarantine(int remote, uint64_t bytes);

/* Waits until Linux has no dma-buf any more, whoever had it. Returns 0, or -1 after a line. */
int death_wait_no_buffers(void);

/*
 * What Linux can hand out, in bytes: its free pages, and those that its processors keep for themselves,
 * once it grows no more: a buffer's last page may come back after who held it has said so.
 */
uint64_t death_free_memory(void);

/*
 * Waits until as much is free as was before, but for what comes and goes in Linux by itself: what ends
 * late (page tables, an exited process, a work queue's pages) comes back, what is lost never does.
 * Returns 0, or -1 after how much is lost.
 */
int death_wait_memory(uint64_t before);

/* Waits until nothing is attached or in quarantine any more. Returns 0, or -1 after what is left. */
int death_wait_nothing_left(void);

#endif
