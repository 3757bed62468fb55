/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the demo firmware takes its resource table: behind an order.h checker that overwrites the table
 * as soon as it has been copied, on a board that is a piece of this program's memory.
 */
#define AMPH_ORDER_CHECKER "support/order_hooks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/order_plain.h"

#include "../../firmware/common/link.c"
#include "../../firmware/common/window.c"

#define DA   0x10000000u
#define SIZE 0x40000u

static struct amph_io dram, own[2];
static struct table *shared;
static uint32_t copies, waits, ready_after;

const struct amph_io *board_dram(void)
{
	return &dram;
}

uint32_t board_own(const struct amph_io **first)
{
	*first = own;
	return 2;
}

const struct table *board_table(void)
{
	return shared;
}

void board_ring(uint32_t notify_id)
{
	(void)notify_id;
}

int board_wait(uint64_t deadline)
{
	(void)deadline;
	if (++waits == ready_after)
		shared->vdev.status |= AMPH_VIRTIO_STATUS_DRIVER_OK;
	return -ETIMEDOUT;
}

uint64_t order_load(const void *word, size_t size, struct order_site *site)
{
	(void)site;
	return order_plain_load(word, size);
}

void order_store(void *word, size_t size, uint64_t value, struct order_site *site)
{
	(void)site;
	order_plain_store(word, size, value);
}

void order_barrier(struct order_site *site)
{
	(void)site;
	order_plain_barrier();
}

/* The other side changes the table as soon as it has been copied. */
void order_copy(void *to, const void *from, size_t length, struct order_site *site)
{
	const uint8_t *bytes = from;

	order_plain_copy(to, from, length);
	if (site->kind != ORDER_COPY_FROM_SHARED || bytes < (uint8_t *)shared ||
	    bytes >= (uint8_t *)(shared + 1))
		return;
	copies++;
	memset((uint8_t *)shared + (bytes - (uint8_t *)shared), 0xff, length);
}

static int open_board(void **state)
{
	uint8_t *memory = aligned_alloc(4096, SIZE);

	(void)state;
	memset(memory, 0, SIZE);
	assert_int_equal(amph_io_init(&dram, memory, DA, DA, SIZE), 0);
	shared = (struct table *)(void *)memory;
	*shared = (struct table)TABLE_INITIALIZER(DA + 0x1000);
	shared->buffers.da = DA + 0x10000;
	shared->buffers.pa = 0x50000000;
	shared->vrings[0].da = DA + 0x8000;
	shared->vrings[1].da = DA + 0xa000;
	shared->vrings[1].notify_id = 9;
	shared->vdev.driver_features = TABLE_FEATURES;
	assert_int_equal(amph_io_init(&own[0], memory, DA, DA, sizeof(*shared)), 0);
	assert_int_equal(
		amph_io_init(&own[1], memory + 0x1000, DA + 0x1000, DA + 0x1000, TABLE_TRACE_SIZE),
		0);
	forbidden_count = 0;
	copies = waits = ready_after = 0;
	return 0;
}

static int close_board(void **state)
{
	(void)state;
	free(dram.va);
	return 0;
}

static void be_ready(void)
{
	shared->vdev.status |= AMPH_VIRTIO_STATUS_DRIVER_OK;
}

static void table_is_copied_once_and_only_the_copy_is_used(void **state)
{
	static struct amph_rpmsg rpmsg;
	uint8_t *memory = dram.va;
	void *va;

	(void)state;
	be_ready();
	assert_int_equal(link_start(&rpmsg, 0), 0);
	assert_int_equal(copies, 1);
	assert_int_equal(notify_ids[0], 0);
	assert_int_equal(notify_ids[1], 9);
	assert_ptr_equal(rpmsg.config.buffers.va, memory + 0x10000);
	assert_int_equal(rpmsg.config.buffers.pa, 0x50000000);
	assert_true(rpmsg.config.event_index && rpmsg.config.name_service);
	/* table, trace, rings and buffers are nobody else's */
	assert_int_equal(window_find(DA, 1, &va), -ERANGE);
	assert_int_equal(window_find(DA + 0x1000 + TABLE_TRACE_SIZE - 1, 1, &va), -ERANGE);
	assert_int_equal(window_find(DA + 0x8000, 1, &va), -ERANGE);
	assert_int_equal(window_find(DA + 0xa000, 1, &va), -ERANGE);
	assert_int_equal(window_find(DA + 0x1ffff, 1, &va), -ERANGE);
	assert_int_equal(window_find(DA + 0x20000, 1, &va), 0);
}

static void wait_for_the_driver_ends_at_the_deadline_and_can_begin_again(void **state)
{
	static struct amph_rpmsg rpmsg;

	(void)state;
	assert_int_equal(link_start(&rpmsg, amph_deadline(1)), -ETIMEDOUT);
	assert_int_equal(copies, 0);
	assert_int_equal(forbidden_count, 0);
	ready_after = waits + 3;
	assert_int_equal(link_start(&rpmsg, amph_deadline(10000)), 0);
	assert_int_equal(waits, ready_after);
	assert_int_equal(copies, 1);
}

/* Each with one word that is wrong. */
static void table_that_names_wrong_memory_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
		int error;
	} lies[] = {
		{offsetof(struct table, vrings[0].da), DA + SIZE - 64, -ERANGE},
		{offsetof(struct table, vrings[0].da), DA - 4096, -ERANGE},
		{offsetof(struct table, vrings[0].da), DA, -ERANGE}, /* on the table */
		{offsetof(struct table, vrings[1].da), DA + 0x8000, -ERANGE}, /* on the other */
		{offsetof(struct table, vrings[0].count), 128, -EINVAL},
		{offsetof(struct table, vrings[1].align), 4096, -EINVAL},
		{offsetof(struct table, buffers.da), DA + SIZE - 4096, -ERANGE},
		{offsetof(struct table, buffers.da), DA + 0x1000, -ERANGE}, /* on the trace */
		{offsetof(struct table, buffers.length), 0xffffffff, -ERANGE},
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		static struct amph_rpmsg rpmsg;

		if (i) {
			close_board(state);
			open_board(state);
		}
		be_ready();
		memcpy((uint8_t *)shared + lies[i].at, &lies[i].value, sizeof(uint32_t));
		assert_int_equal(link_start(&rpmsg, 0), lies[i].error);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_board, close_board)
	const struct CMUnitTest tests[] = {
		TEST(table_is_copied_once_and_only_the_copy_is_used),
		TEST(wait_for_the_driver_ends_at_the_deadline_and_can_begin_again),
		TEST(table_that_names_wrong_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
