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
	registered = pthread_atfork(NULL, NULL, count_fork) == 0;
}

uint32_t amph_fork_generation(void)
{
	pthread_once(&once, register_handler);
	/* Without memory for a handler the process id still tells parent and child apart. */
	return registered ? generation : (uint32_t)getpid();
}
