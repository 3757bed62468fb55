/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bare-metal ports' self-check: time, waits, interrupts, locks and caches, on the processor
 * itself. Ends with exit code 0, or with the number of the check that failed.
 */
#include <stddef.h>

#include <amphora/cache.h>
#include <amphora/error.h>
#include <amphora/event.h>
#include <amphora/fork.h>
#include <amphora/irq.h>
#include <amphora/lock.h>
#include <amphora/time.h>

#include "../common/board.h"
#include "../common/main.h"
#include "check.h"

#ifndef CHECK_CACHE_LINE
#define CHECK_CACHE_LINE 1 /* QEMU's processors have no data cache, and say so */
#endif

static struct amph_event event;
static uint32_t interrupts;
static int number; /* of the check that runs */

static void expect(int condition)
{
	number++;
	if (!condition)
		board_exit(number);
}

static void take_interrupt(void *argument)
{
	check_clear();
	++*(volatile uint32_t *)argument;
	amph_event_signal(&event);
}

static void take_interrupt_once(void *argument)
{
	take_interrupt(argument);
	amph_irq_disable(check_interrupt());
}

static void check_time(void)
{
	uint64_t last = amph_time_now(), end = last + 20000000;

	while (last < end) {
		uint64_t now = amph_time_now();

		if (now < last)
			expect(0);
		last = now;
	}
	expect(1);
}

static void check_wait(void)
{
	uint64_t deadline = amph_deadline(5);
	uint32_t seen = amph_event_count(&event);

	expect(amph_event_wait(&event, seen, deadline) == -ETIMEDOUT);
	expect(amph_time_now() >= deadline);
	/* late, but by no more than a busy host explains */
	expect(amph_time_now() < deadline + 500000000u);
	amph_event_signal(&event);
	expect(amph_event_wait(&event, seen, deadline) == 0);
}

static void check_interrupts(void)
{
	uint32_t line = check_interrupt();
	uint32_t seen;

	amph_irq_disconnect(line);
	expect(amph_irq_connect(UINT32_MAX, take_interrupt, NULL) == -EINVAL);
	expect(amph_irq_connect(line, NULL, NULL) == -EINVAL);
	expect(amph_irq_enable(line) == -ENOENT);
	expect(amph_irq_connect(line, take_interrupt, &interrupts) == 0);
	expect(amph_irq_connect(line, take_interrupt, &interrupts) == -EBUSY);
	for (uint32_t i = 0; i < 100; i++) {
		seen = amph_event_count(&event);
		check_raise();
		if (amph_event_wait(&event, seen, amph_deadline(1000)))
			expect(0);
	}
	/* none lost, no storm; a level that falls late may be seen twice by the controller */
	expect(interrupts >= 100 && interrupts <= 110);
	expect(amph_irq_dispatch(0) == -ENOTSUP);

	/* pending while it is off, taken when it is on again */
	seen = amph_event_count(&event);
	expect(amph_irq_disable(line) == 0);
	check_raise();
	expect(amph_event_wait(&event, seen, amph_deadline(2)) == -ETIMEDOUT);
	expect(amph_irq_enable(line) == 0);
	expect(amph_event_wait(&event, seen, amph_deadline(1000)) == 0);
	expect(interrupts == 101);
}

/* A handler that disables its own interrupt gets it again once it is enabled. */
static void check_disable_by_handler(void)
{
	uint32_t line = check_interrupt(), seen;

	expect(amph_irq_disconnect(line) == 0);
	expect(amph_irq_connect(line, take_interrupt_once, &interrupts) == 0);
	for (uint32_t i = 0; i < 3; i++) {
		seen = amph_event_count(&event);
		check_raise();
		if (amph_event_wait(&event, seen, amph_deadline(1000)) || amph_irq_enable(line))
			expect(0);
	}
	expect(interrupts == 104);
	expect(amph_irq_disconnect(line) == 0);
	expect(amph_irq_connect(line, take_interrupt, &interrupts) == 0);
}

/* An interrupt that comes while a lock is held waits for its release, nested ones as well. */
static void check_locks(void)
{
	struct amph_lock outer, inner;
	uint32_t before = interrupts;
	uint64_t end;

	amph_lock_init(&outer);
	amph_lock_init(&inner);
	amph_lock_acquire(&outer);
	amph_lock_acquire(&inner);
	check_raise();
	for (end = amph_deadline(1) / 2; amph_time_now() < end;)
		;
	amph_lock_release(&inner);
	expect(*(volatile uint32_t *)&interrupts == before);
	amph_lock_release(&outer);
	for (end = amph_deadline(1000); *(volatile uint32_t *)&interrupts == before;)
		if (amph_time_now() > end)
			break;
	expect(interrupts == before + 1);
	expect(amph_irq_disconnect(check_interrupt()) == 0);
	expect(amph_irq_disconnect(check_interrupt()) == -ENOENT);
}

static void check_caches(void)
{
	static uint8_t bytes[300];
	int expected = CHECK_CACHE_LINE > 1 ? 0 : amph_cache_clean(bytes, 1);

	expect(amph_cache_line() == CHECK_CACHE_LINE);
	expect(expected == 0 || expected == -ENOTSUP);
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	expect(amph_cache_clean(bytes + 1, sizeof(bytes) - 2) == expected);
	expect(amph_cache_flush(bytes, sizeof(bytes)) == expected);
	expect(amph_cache_invalidate(bytes, sizeof(bytes)) == expected);
	expect(amph_cache_flush(bytes, 0) == expected);
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		if (bytes[i] != (uint8_t)i)
			expect(0);
	expect(amph_fork_generation() == 0);
}

/* The functions that the compiler calls by itself, aligned and not. */
static void check_memory(void)
{
	static uint8_t a[64], b[64];

	for (uint32_t i = 0; i < sizeof(a); i++)
		a[i] = (uint8_t)i;
	for (uint32_t shift = 0; shift < 4; shift++) {
		uint32_t wrong = 0;

		__builtin_memset(b, 0xa5, sizeof(b));
		__builtin_memcpy(b + shift, a + 4, 41);
		for (uint32_t i = 0; i < sizeof(b); i++)
			wrong += b[i] != (i >= shift && i < shift + 41 ? i - shift + 4 : 0xa5);
		__builtin_memset(b + shift, 0x3c, 13);
		for (uint32_t i = 0; i < 13; i++)
			wrong += b[shift + i] != 0x3c;
		expect(!wrong && b[shift + 13] == 17);
	}
}

void firmware_main(void)
{
	board_start();
	amph_event_init(&event);
	check_memory();
	check_time();
	check_wait();
	check_interrupts();
	check_disable_by_handler();
	check_locks();
	check_caches();
	board_exit(0);
}
