/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu-stopped: a coprocessor that does not even answer its IOMMU is switched off before the memory is
 * anybody else's. Whoever runs this stops the coprocessor's QEMU when the file `ready` is there, and
 * then makes the file `stopped`, both in this folder.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <amphora/time.h>

#include "../kernel/module.h"
#include "../probe/memory.h"
#include "../providers/check.h"
#include "fault.h"

#define SIZE	(2u * MIB)
#define WAIT_US 10000
#define WAITS	6000
#define WITHIN	20000u /* ms: no answer, and power off */

static void wait_until_it_is_stopped(void)
{
	int file = open("ready", O_WRONLY | O_CREAT, 0644);

	EXPECT(file >= 0);
	close(file);
	for (int i = 0; i < WAITS && access("stopped", F_OK); i++)
		usleep(WAIT_US);
	EXPECT_EQUAL(access("stopped", F_OK), 0);
}

static void release_switches_off_what_does_not_answer(void)
{
	struct attached it, other;
	struct probe probe;
	uint64_t start, ms;

	EXPECT_EQUAL(remote_switch("start"), 0);
	EXPECT_EQUAL(probe_open(&probe), 0);
	attached_open(&it, SIZE, AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES);
	attached_open(&other, SIZE, AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES);
	attached_list(&probe, 1, it.address, SIZE);
	EXPECT_EQUAL(probe_scribble(&probe, 1, 5), 0);
	fault_arm();
	wait_until_it_is_stopped();
	memory_fill(other.va, SIZE, 7, 0);
	start = amph_time_now();
	attached_release(&it);
	ms = (amph_time_now() - start) / 1000000;
	printf("released after %llu ms\n", (unsigned long long)ms);
	EXPECT(ms < WITHIN);
	EXPECT(fault_was_said("no answer to an invalidate: the coprocessor is switched off"));
	memory_fill(it.va, SIZE, 6, 0);
	EXPECT_EQUAL(remote_wait("crashed"), 0);
	EXPECT(!fault_was_said("fault: "));
	EXPECT_EQUAL(memory_verify(it.va, SIZE, 6, 0), 0);
	EXPECT_EQUAL(memory_verify(other.va, SIZE, 7, 0), 0);
	EXPECT_EQUAL(probe_close(&probe), 0);
	attached_close(&it);
	attached_close(&other);
	fault_recover();
	EXPECT_EQUAL(probe_open(&probe), 0);
	attached_open(&it, SIZE, AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES);
	attached_list(&probe, 1, it.address, SIZE);
	EXPECT_EQUAL(probe_work(&probe, PROBE_VERIFY, 1, 1, 0, SIZE), 0);
	start = amph_time_now();
	attached_release(&it);
	EXPECT((amph_time_now() - start) / 1000000 < 3000);
	attached_close(&it);
	EXPECT_EQUAL(probe_close(&probe), 0);
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {CHECK(release_switches_off_what_does_not_answer)};

	return check_main(checks, 1, argc, argv);
}
