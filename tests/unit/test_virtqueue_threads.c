/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The doorbell's handshake in two threads, round by round: one publishes and asks whether to ring
 * while the other goes to sleep. At least one of the two must notice. Test code.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <amphora/order.h>
#include <amphora/time.h>

#include "support/virtqueue_ids.h"

#define COUNT  8
#define ALIGN  64
#define BUFFER 64u
#define ROUNDS 100000
#define BUDGET 5000 /* ms; on a loaded machine fewer rounds are run */

struct run {
	struct amph_virtqueue driver, device;
	struct amph_virtqueue_device of_driver, of_device;
	struct amph_virtqueue_slot driver_slots[COUNT], device_slots[COUNT];
	_Alignas(64) atomic_uint go;
	_Alignas(64) atomic_uint done;
	bool saw;
};

static void wait_for(atomic_uint *word, unsigned int value)
{
	for (uint32_t spins = 0; atomic_load(word) != value; spins++)
		if (spins > 2000)
			sched_yield();
}

static void *sleeper(void *argument)
{
	struct run *run = argument;

	for (unsigned int round = 1;; round++) {
		/* the index is in this core's cache: the look is fast, the wish is slow */
		(void)amph_load16(&run->device.theirs[1]);
		wait_for(&run->go, round);
		if (run->of_driver.fault)
			return NULL;
		run->saw = amph_virtqueue_ask(&run->device);
		atomic_store(&run->done, round);
	}
}

static void no_entry_stays_unseen(bool event_index)
{
	struct run *run = aligned_alloc(64, sizeof(*run));
	uint32_t size = amph_vring_size(COUNT, ALIGN), lost = 0;
	struct amph_vring vring;
	pthread_t thread;
	uint64_t deadline = amph_deadline(BUDGET);
	void *memory;

	assert_non_null(run);
	assert_int_equal(posix_memalign(&memory, 64, size), 0);
	*run = (struct run){.saw = false};
	assert_int_equal(amph_vring_init(&vring, memory, size, COUNT, ALIGN), 0);
	run->of_driver = run->of_device = (struct amph_virtqueue_device){
		.area = 4096, .area_size = COUNT * BUFFER, .least = 4, .event_index = event_index};
	assert_int_equal(amph_virtqueue_driver_init(&run->driver, &run->of_driver, &vring,
						    run->driver_slots),
			 0);
	for (uint16_t i = 0; i < COUNT; i++)
		run->driver_slots[i] =
			(struct amph_virtqueue_slot){.state = run->driver_slots[i].state,
						     .offset = i * BUFFER,
						     .length = BUFFER};
	assert_int_equal(amph_virtqueue_device_init(&run->device, &run->of_device, &vring,
						    run->device_slots, false),
			 0);
	assert_int_equal(pthread_create(&thread, NULL, sleeper, run), 0);
	for (unsigned int round = 1; round <= ROUNDS && amph_time_now() < deadline; round++) {
		uint16_t id = (uint16_t)(round % COUNT);
		uint32_t length;
		bool kick;

		amph_virtqueue_hush(&run->device);
		atomic_store(&run->go, round);
		/* meet the other at every distance */
		for (volatile uint32_t i = 0; i < round % 128; i++)
			;
		driver_give(&run->driver, id, BUFFER);
		kick = amph_virtqueue_wants_kick(&run->driver);
		wait_for(&run->done, round);
		lost += !kick && !run->saw;
		assert_int_equal(device_take(&run->device, &id, &length), 1);
		assert_int_equal(device_give(&run->device, id, 0), 0);
		assert_int_equal(driver_take(&run->driver, &id, &length), 1);
	}
	run->of_driver.fault = -1;
	atomic_store(&run->go, atomic_load(&run->done) + 1);
	pthread_join(thread, NULL);
	free(memory);
	free(run);
	assert_int_equal(lost, 0);
}

static void who_falls_asleep_is_woken_or_sees_the_entry(void **state)
{
	(void)state;
	no_entry_stays_unseen(false);
	no_entry_stays_unseen(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_falls_asleep_is_woken_or_sees_the_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
