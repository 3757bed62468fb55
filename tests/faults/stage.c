/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Places of death: the hooks behind every access to shared memory count them, and kill.
 * Test code; linked to the library whose accesses are handed to a test (amphora_hooked).
 */
#include "stage.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "support/order_plain.h"

#define TIMES_MAX 48u /* as often a store is a place, in one life */

struct stage *stage;
uint8_t *arena;

static bool is_victim;
static void (*scribble_all)(void);
static sigjmp_buf *next_life;

void stage_fail(const char *file, int line, const char *format, ...)
{
	const char *name = strrchr(file, '/');
	uint32_t first = 0;
	va_list arguments;

	if (__atomic_compare_exchange_n(&stage->failed, &first, 1, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST)) {
		int length = snprintf(stage->failure, sizeof(stage->failure),
				      "%s:%d: ", name ? name + 1 : file, line);

		va_start(arguments, format);
		vsnprintf(stage->failure + length, sizeof(stage->failure) - (size_t)length, format,
			  arguments);
		va_end(arguments);
	}
	_exit(1);
}

void stage_victim(void (*scribble)(void), sigjmp_buf *life)
{
	is_victim = true;
	scribble_all = scribble;
	next_life = life;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void stage_set(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

bool stage_wait(uint32_t *word, uint32_t least)
{
	const struct timespec nap = {.tv_nsec = 100000000};
	uint64_t end = now_ms() + STAGE_WAIT_MS;

	for (;;) {
		uint32_t value = __atomic_load_n(word, __ATOMIC_SEQ_CST);

		if (value >= least)
			return true;
		if (now_ms() > end)
			return false;
		syscall(SYS_futex, word, FUTEX_WAIT, value, &nap, NULL, 0);
	}
}

/* For good: only a signal ends it. */
static void hang(void)
{
	while (!stage_wait(&stage->scribble, 1))
		;
	scribble_all();
	stage_set(&stage->scribble, 2);
	for (;;)
		pause();
}

static void die(void)
{
	stage_set(&stage->died, stage->died + 1);
	switch (stage->death) {
	case DEATH_KILL:
		raise(SIGKILL);
		break;
	case DEATH_HANG:
	case DEATH_SILENT:
		hang();
		break;
	case DEATH_STOP:
	case DEATH_PAUSE:
		raise(SIGSTOP);
		break;
	case DEATH_RESTART:
		is_victim = false;
		siglongjmp(*next_life, 1);
	default:
		break;
	}
}

/* Is this the place? */
static bool here(void)
{
	return is_victim && ++stage->met == stage->place;
}

static bool here_at(struct order_site *site)
{
	/* who waits looks again and again, and says so each time: that is no step */
	if (!is_victim || ++site->count > TIMES_MAX || !here())
		return false;
	stage->site = (int32_t)(site - order_sites_first());
	return true;
}

void stage_message(bool sending, uint32_t type)
{
	if (!here())
		return;
	stage->site = -1;
	stage->sending = sending;
	stage->message = type;
	die();
}

/* --- every access to shared memory --- */

uint64_t order_load(const void *word, size_t size, struct order_site *site)
{
	(void)site;
	return order_plain_load(word, size);
}

void order_store(void *word, size_t size, uint64_t value, struct order_site *site)
{
	if (here_at(site))
		die();
	order_plain_store(word, size, value);
}

void order_barrier(struct order_site *site)
{
	(void)site;
	order_plain_barrier();
}

/* A copy dies in its middle. */
void order_copy(void *to, const void *from, size_t length, struct order_site *site)
{
	if (site->kind == ORDER_COPY_TO_SHARED && here_at(site)) {
		order_plain_copy(to, from, length / 2);
		die();
	}
	order_plain_copy(to, from, length);
}
