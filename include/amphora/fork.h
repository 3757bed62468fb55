/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fork: how an object finds out that it is used in a child of the process that made it.
 * Platform layer: each port defines the function. Knows nothing of who asks.
 */
#ifndef AMPHORA_FORK_H
#define AMPHORA_FORK_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A number that stays the same as long as this process lives, and is another one in each child that
 * it forks after the first call. Keep it at initialisation and compare later: a difference is use
 * after fork. Linux: counted by a fork handler, so vfork() and a bare clone() are not seen.
 * Freestanding: nothing forks, and nobody pays for asking. Any thread.
 */
#if __STDC_HOSTED__
uint32_t amph_fork_generation(void);
#else
static inline uint32_t amph_fork_generation(void)
{
	return 0;
}
#endif

/* Whether this is a child of the process whose generation that was. */
static inline bool amph_fork_happened(uint32_t generation)
{
#if __STDC_HOSTED__
	return generation != amph_fork_generation();
#else
	(void)generation;
	return false;
#endif
}

/*
 * Where amph_fork_generation() is kept in this process, for who asks so often that a call is too much;
 * NULL where it is not kept anywhere. Any thread.
 */
const uint32_t *amph_fork_word(void);

/* The same question as amph_fork_happened(), of one who kept that word, or NULL, as well. Any thread. */
static inline bool amph_fork_happened_since(const uint32_t *word, uint32_t generation)
{
#if __STDC_HOSTED__
	if (word)
		return *word != generation;
#else
	(void)word;
#endif
	return amph_fork_happened(generation);
}

#ifdef __cplusplus
}
#endif

#endif
