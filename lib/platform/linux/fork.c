/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux: the fork generation, counted by a pthread_atfork() handler that runs in each child.
 * Knows POSIX threads only. The memory layer compares it before it touches a mapping.
 */
#include <pthread.h>
#include <unistd.h>

#include <amphora/fork.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int registered;
static uint32_t generation;

/* The child has one thread here: nobody else reads or writes. */
static void count_fork(void)
{
	generation++;
}

static void register_handler(void)
{
	/* release: pairs with the acquire in amph_fork_word() */
	__atomic_store_n(&registered, pthread_atfork(NULL, NULL, count_fork) == 0,
			 __ATOMIC_RELEASE);
}

const uint32_t *amph_fork_word(void)
{
	/* once registered, for good: only the first calls need to ask who of them is first */
	if (!__atomic_load_n(&registered, __ATOMIC_ACQUIRE))
		pthread_once(&once, register_handler);
	return registered ? &generation : NULL;
}

uint32_t amph_fork_generation(void)
{
	const uint32_t *word = amph_fork_word();

	/* Without memory for a handler the process id still tells parent and child apart. */
	return word ? *word : (uint32_t)getpid();
}
