/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The probe firmware behind the IOMMU; see trial.h.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/amphora.h>
#include <vsoc_iommu.h>

#include "../kernel/module.h"
#include "../probe/memory.h"
#include "../providers/check.h"
#include "trial.h"

void trial_begin(struct probe *probe)
{
	if (!remote_is("running"))
		EXPECT_EQUAL(remote_switch("start"), 0);
	EXPECT_EQUAL(probe_open(probe), 0);
}

void trial_finish(struct probe *probe)
{
	EXPECT_EQUAL(probe_close(probe), 0);
}

/* What is attached after a fault is worked on as before. */
static void expect_all_is_well(struct probe *probe)
{
	struct attached it;

	EXPECT_EQUAL(probe_open(probe), 0);
	attached_open(&it, TRIAL_SIZE, TRIAL_BOTH);
	attached_list(probe, 1, it.address, TRIAL_SIZE);
	EXPECT_EQUAL(probe_work(probe, PROBE_VERIFY, 1, 1, 0, TRIAL_SIZE), 0);
	EXPECT_EQUAL(probe_work(probe, PROBE_FILL, 1, 2, 0, TRIAL_SIZE), 0);
	EXPECT_EQUAL(memory_verify(it.va, TRIAL_SIZE, 2, 0), 0);
	attached_release(&it);
	attached_close(&it);
	trial_finish(probe);
}

void trial_recover(struct probe *probe)
{
	EXPECT_EQUAL(probe_close(probe), 0);
	fault_recover();
	expect_all_is_well(probe);
}

void trial_tables_open(struct trial_tables *tables)
{
	int file = open("/dev/mem", O_RDWR | O_CLOEXEC);
	const struct vsoc_iommu_words *words;
	struct memory_window window;

	EXPECT(file >= 0);
	EXPECT_EQUAL(memory_window_read(&window), 0);
	tables->memory = mmap(NULL, VSOC_IOMMU_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file,
			      (off_t)(VSOC_IOMMU_DA - window.da + window.pa));
	EXPECT(tables->memory != MAP_FAILED);
	close(file);
	words = (const struct vsoc_iommu_words *)(tables->memory + VSOC_IOMMU_WORDS);
	tables->root = (volatile uint32_t *)(tables->memory + (words->root - VSOC_IOMMU_DA));
}

void trial_tables_close(struct trial_tables *tables)
{
	munmap(tables->memory, VSOC_IOMMU_SIZE);
}
