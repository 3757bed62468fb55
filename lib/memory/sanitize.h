/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sanitizers: what the library tells them, through one pointer that is NULL while they are off.
 * Memory layer, private; the layers above tell of sessions and queues. Compiled to nothing where
 * AMPH_SANITIZE is 0. What they are is in docs/sanitizers.md, and how they work in sanitize/.
 */
#ifndef AMPH_MEMORY_SANITIZE_H
#define AMPH_MEMORY_SANITIZE_H

#include <amphora/attachment.h>
#include <amphora/config.h>
#include <amphora/shm.h>

struct amph_session;

struct amph_sanitize_ops {
	/* It is in the lists, and its record says who has it. May exchange shm->va for a shadow. */
	void (*opened)(struct amph_shm *shm);
	/* The memory goes back, or the window closes: shm->va is the mapping again. Once is enough. */
	void (*closing)(struct amph_shm *shm);
	/* The library itself keeps its ring in it (exempt), or no more: shm->va is the mapping then. */
	void (*exempt)(struct amph_shm *shm, bool exempt);
	/* What the provider mapped, in place of a shadow. */
	void *(*mapping)(const struct amph_shm *shm);
	void (*attached)(struct amph_attachment *attachment);
	/* The buffer's record still says who had what. */
	void (*detaching)(struct amph_attachment *attachment);
	/* The CPU gives: all is checked, caches and record are as before. */
	void (*giving)(struct amph_attachment *attachment, uint64_t offset, uint64_t length,
		       bool reading);
	/* The CPU takes: the same. */
	void (*taking)(struct amph_attachment *attachment, uint64_t offset, uint64_t length);
	/* Caches are done, the record is not; written: the target may have written some of it. */
	void (*taken)(struct amph_attachment *attachment, uint64_t offset, uint64_t length,
		      bool written);
	/* The next bytes that are taken were given, but nobody got them. */
	void (*undoing)(struct amph_attachment *attachment);
	void (*passing)(struct amph_attachment *from, struct amph_attachment *to, uint64_t offset,
			uint64_t length);
	/* The record of these bytes is another now. */
	void (*changed)(struct amph_shm *shm, uint64_t offset, uint64_t length);
	void (*session_opened)(const struct amph_session *session, const char *other);
	void (*session_ended)(const struct amph_session *session);
};

#if AMPH_SANITIZE

/* Written once, by amph_sanitize_start(), before a context exists; NULL: all are off. */
extern const struct amph_sanitize_ops *amph_sanitize_hook;

/*
 * The port's: reads, once, what the environment asks for. Returns 0, or -EINVAL, said on stderr, when
 * that can't be understood.
 */
int amph_sanitize_start(void);

#define amph_sanitize(call, ...)                                     \
	do {                                                         \
		if (__builtin_expect(amph_sanitize_hook != NULL, 0)) \
			amph_sanitize_hook->call(__VA_ARGS__);       \
	} while (0)

static inline bool amph_sanitizing(void)
{
	return amph_sanitize_hook;
}

#else

static inline int amph_sanitize_start(void)
{
	return 0;
}

#define amph_sanitize(call, ...) ((void)0)

static inline bool amph_sanitizing(void)
{
	return false;
}

#endif

/* Where the CPU sees the memory itself, and not a shadow of it. */
static inline void *amph_sanitize_mapping(const struct amph_shm *shm)
{
#if AMPH_SANITIZE
	if (amph_sanitize_hook)
		return amph_sanitize_hook->mapping(shm);
#endif
	return shm->va;
}

#endif
