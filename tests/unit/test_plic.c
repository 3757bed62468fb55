/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The RISC-V port's interrupts, on the host, against a controller that is as strict as its
 * specification lets it be (QEMU's is not: it accepts every completion).
 * Test code: takes the place of plic.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <amphora/error.h>
#include <amphora/irq.h>

#define SOURCES 96u
#define ENABLE	0x2080u /* of context 1 */
#define CLAIM	0x201004u

static struct {
	uint32_t priority[SOURCES], enabled[SOURCES / 32];
	bool level[SOURCES], pending[SOURCES], claimed[SOURCES];
	uint32_t completions_ignored;
	bool open;
	bool line; /* the interrupt at the processor, as of the last look at what is pending */
} plic;

static bool is_enabled(uint32_t source)
{
	return plic.enabled[source / 32] >> source % 32 & 1;
}

static bool is_due(uint32_t source)
{
	return plic.pending[source] && is_enabled(source) && plic.priority[source];
}

/* As QEMU 7.2: at every change but that of an enable bit. */
static void look(void)
{
	plic.line = false;
	for (uint32_t source = 1; source < SOURCES; source++)
		plic.line |= is_due(source);
}

/* A gateway forwards nothing more until what it forwarded is completed (PLIC 1.0.0, 5). */
static void forward(uint32_t source)
{
	if (plic.level[source] && !plic.claimed[source])
		plic.pending[source] = true;
	look();
}

static uint32_t claim(void)
{
	for (uint32_t source = 1; source < SOURCES; source++) {
		if (!is_due(source))
			continue;
		plic.pending[source] = false;
		plic.claimed[source] = true;
		look();
		return source;
	}
	return 0;
}

/* "If the completion ID does not match an interrupt source that is currently enabled for the
 * target, the completion is silently ignored" (PLIC 1.0.0, 9). */
static void complete_at_plic(uint32_t source)
{
	assert_true(source < SOURCES && plic.claimed[source]);
	if (!is_enabled(source)) {
		plic.completions_ignored++;
		return;
	}
	plic.claimed[source] = false;
	forward(source);
}

static uint32_t plic_read(uint32_t offset)
{
	if (offset == CLAIM)
		return claim();
	assert_true(offset >= ENABLE && offset < ENABLE + SOURCES / 8 && offset % 4 == 0);
	return plic.enabled[(offset - ENABLE) / 4];
}

static void set_priority(uint32_t source, uint32_t value)
{
	plic.priority[source] = value;
	look();
}

static void plic_write(uint32_t offset, uint32_t value)
{
	if (offset == CLAIM)
		complete_at_plic(value);
	else if (offset >= ENABLE && offset < ENABLE + SOURCES / 8)
		plic.enabled[(offset - ENABLE) / 4] = value;
	else if (offset < 4 * SOURCES)
		set_priority(offset / 4, value);
	else
		assert_int_equal(offset, 0x201000); /* the threshold */
}

static void plic_open(void)
{
	plic.open = true;
}

#define AMPHORA_PLATFORM_BAREMETAL_RISCV32_PLIC_H
#include "platform/baremetal/riscv32/plic.c"

#include "platform/baremetal/irq.c"

const struct amph_machine amph_machine = {.irq_count = SOURCES, .plic_context = 1};

uint32_t amph_port_mask(void)
{
	return 0;
}

void amph_port_restore(uint32_t saved)
{
	(void)saved;
}

static uint32_t runs;

static void raise_level(uint32_t source)
{
	plic.level[source] = true;
	forward(source);
	amph_machine_interrupt();
}

static void take(void *argument)
{
	plic.level[*(uint32_t *)argument] = false;
	runs++;
}

/* Its cause stays: whoever waits for it will clear it and enable it again. */
static void take_and_disable(void *argument)
{
	runs++;
	assert_int_equal(amph_irq_disable(*(uint32_t *)argument), 0);
}

static void take_and_disconnect(void *argument)
{
	take(argument);
	assert_int_equal(amph_irq_disconnect(*(uint32_t *)argument), 0);
}

static int start(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < AMPH_IRQ_HANDLERS_MAX; i++)
		irqs[i].handler = NULL;
	plic.completions_ignored = 0;
	runs = 0;
	plic.enabled[2] = 0xffffffff;
	amph_machine_start();
	assert_true(plic.open);
	assert_int_equal(plic.enabled[2], 0);
	return 0;
}

static int nothing_was_left_claimed(void **state)
{
	(void)state;
	assert_int_equal(plic.completions_ignored, 0);
	for (uint32_t i = 0; i < SOURCES; i++)
		assert_false(plic.claimed[i]);
	return 0;
}

static void interrupt_runs_its_handler_each_time(void **state)
{
	uint32_t number = 42, other = 41;

	(void)state;
	assert_int_equal(amph_irq_connect(0, take, &number), -EINVAL);
	assert_int_equal(amph_irq_connect(SOURCES, take, &number), -EINVAL);
	assert_int_equal(amph_irq_connect(number, take, &number), 0);
	assert_int_equal(amph_irq_connect(other, take, &other), 0);
	for (uint32_t i = 0; i < 3; i++)
		raise_level(number);
	assert_int_equal(runs, 3);
	plic.level[other] = true;
	forward(other);
	raise_level(number);
	assert_int_equal(runs, 5);
}

static void handler_that_disables_its_interrupt_gets_it_again_when_it_is_enabled(void **state)
{
	uint32_t number = 33;

	(void)state;
	assert_int_equal(amph_irq_connect(number, take_and_disable, &number), 0);
	raise_level(number);
	assert_int_equal(runs, 1);
	amph_machine_interrupt();
	assert_int_equal(runs, 1); /* off is off, though it is pending again */
	plic.level[number] = plic.pending[number] = false;
	assert_int_equal(amph_irq_enable(number), 0);
	amph_machine_interrupt();
	assert_int_equal(runs, 1);
	raise_level(number);
	assert_int_equal(runs, 2);
	plic.level[number] = plic.pending[number] = false;
}

static void interrupt_that_came_while_it_was_off_comes_when_it_is_enabled(void **state)
{
	uint32_t number = 10;

	(void)state;
	assert_int_equal(amph_irq_connect(number, take, &number), 0);
	raise_level(number);
	assert_int_equal(amph_irq_disable(number), 0);
	raise_level(number);
	assert_int_equal(runs, 1);
	assert_int_equal(amph_irq_enable(number), 0);
	assert_true(plic.line);
	amph_machine_interrupt();
	assert_int_equal(runs, 2);
}

static void interrupt_that_its_handler_disconnected_comes_to_the_next_one(void **state)
{
	uint32_t number = 95;

	(void)state;
	assert_int_equal(amph_irq_connect(number, take_and_disconnect, &number), 0);
	raise_level(number);
	assert_false(is_enabled(number));
	assert_int_equal(amph_irq_connect(number, take, &number), 0);
	raise_level(number);
	assert_int_equal(runs, 2);
}

static void interrupt_without_a_handler_is_disabled_and_usable_later(void **state)
{
	uint32_t number = 7;

	(void)state;
	amph_port_irq_enable(number); /* somebody's before us */
	raise_level(number);
	assert_false(is_enabled(number));
	plic.level[number] = plic.pending[number] = false;
	assert_int_equal(amph_irq_connect(number, take, &number), 0);
	raise_level(number);
	assert_int_equal(runs, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, nothing_was_left_claimed)
	const struct CMUnitTest tests[] = {
		TEST(interrupt_runs_its_handler_each_time),
		TEST(handler_that_disables_its_interrupt_gets_it_again_when_it_is_enabled),
		TEST(interrupt_that_came_while_it_was_off_comes_when_it_is_enabled),
		TEST(interrupt_that_its_handler_disconnected_comes_to_the_next_one),
		TEST(interrupt_without_a_handler_is_disabled_and_usable_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
