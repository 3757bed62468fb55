/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu-enforce: the coprocessor behind its IOMMU, with the probe firmware, which goes where it is told:
 * it reaches what is attached, at addresses of its own, as it was attached and as long; everything
 * else traps, is told on both sides, and changes nothing. (What a hostile one tries is in escape.c.)
 * usage: iommu-enforce [CHECK]
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <amphora/dmabuf.h>
#include <amphora/time.h>
#include <vsoc_iommu.h>

#include "../kernel/module.h"
#include "../probe/buffer.h"
#include "../probe/memory.h"
#include "../providers/check.h"
#include "trial.h"

#define PAGES	     4u
#define SCATTERED    512u /* pages */
#define ANSWER_MS    3000u /* after which the driver gives a coprocessor up */
#define LATER_US     100000
#define READ_ONLY    "which is mapped to be read, at pc"
#define SWITCHED_OFF "switched off"
#define LARGE	     (8u * MIB)
#define LARGE_MAX    8

static struct probe probe;

/* --- what is attached --- */

/* Every page is where it is alone, and none where the coprocessor would see it without an IOMMU. */
static void expect_own_address(const uint64_t *pages, uint32_t count, uint64_t address)
{
	struct memory_window window;

	EXPECT_EQUAL(memory_window_read(&window), 0);
	EXPECT(address >= window.da && address + count * PROBE_PAGE <= window.da + window.length);
	for (uint32_t i = 0; i < count; i++)
		EXPECT(address + i * PROBE_PAGE != pages[i] - window.pa + window.da);
}

/* Of pages in the order from the last to the first. */
static void scattered_buffer_is_one_segment_at_an_address_of_its_own(void)
{
	static uint64_t physical[SCATTERED];
	static uint32_t order[SCATTERED];
	uint64_t size = SCATTERED * PROBE_PAGE;
	struct attachment attachment;
	struct buffer buffer;
	uint8_t *va;
	int remote, memfd = buffer_memfd(size, &va);

	trial_begin(&probe);
	EXPECT(memfd >= 0);
	EXPECT_EQUAL(attachment_remote(&remote), 0);
	EXPECT(module_remote_info(remote).flags & AMPHORA_REMOTE_IOMMU);
	for (uint32_t i = 0; i < SCATTERED; i++)
		order[i] = SCATTERED - 1 - i;
	EXPECT_EQUAL(buffer_of_pages(&buffer, memfd, order, SCATTERED), 0);
	EXPECT_EQUAL(memory_pages(va, size, physical), 0);
	EXPECT_EQUAL(attachment_open(&attachment, remote, &buffer), 0);
	EXPECT_EQUAL(attachment.info.segments, 1);
	EXPECT(attachment.info.flags & AMPHORA_ATTACHMENT_ENFORCED);
	expect_own_address(physical, SCATTERED, attachment.segments[0].address);
	memory_fill(buffer.va, size, 1, 0);
	EXPECT_EQUAL(probe_list(&probe, 1, attachment.segments, 1), 0);
	EXPECT_EQUAL(probe_work(&probe, PROBE_VERIFY, 1, 1, 0, size), 0);
	EXPECT_EQUAL(probe_work(&probe, PROBE_FILL, 1, 2, 0, size), 0);
	EXPECT_EQUAL(memory_verify(buffer.va, size, 2, 0), 0);
	EXPECT_EQUAL(attachment_close(&attachment), 0);
	buffer_close(&buffer);
	munmap(va, size);
	close(memfd);
	close(remote);
	trial_finish(&probe);
}

/* Large enough for pages of 4 MiB, and more than one table of small ones. */
static void contiguous_buffer_is_mapped_and_unmapped_whole(void)
{
	struct attachment attachment;
	char heap[AMPH_HEAP_NAME_MAX];
	struct buffer buffer;
	int remote;

	trial_begin(&probe);
	EXPECT_EQUAL(amph_heap_find_cma(heap, sizeof(heap), NULL), 0);
	EXPECT_EQUAL(attachment_remote(&remote), 0);
	for (uint64_t size = 18 * MIB; size > 7 * MIB; size -= 5 * MIB + PROBE_PAGE) {
		EXPECT_EQUAL(buffer_open(&buffer, heap, size), 0);
		EXPECT_EQUAL(attachment_open(&attachment, remote, &buffer), 0);
		EXPECT_EQUAL(attachment.info.segments, 1);
		memory_fill(buffer.va, size, 3, 0);
		EXPECT_EQUAL(probe_list(&probe, 1, attachment.segments, 1), 0);
		EXPECT_EQUAL(probe_work(&probe, PROBE_VERIFY, 1, 3, 0, size), 0);
		EXPECT_EQUAL(probe_work(&probe, PROBE_FILL, 1, 4, size - 8, 8), 0);
		EXPECT_EQUAL(memory_verify(buffer.va + size - 8, 8, 4, size - 8), 0);
		EXPECT_EQUAL(attachment_close(&attachment), 0);
		buffer_close(&buffer);
	}
	close(remote);
	trial_finish(&probe);
}

/*
 * Pages of 4 MiB are used where memory and address begin with one, and no smaller ones were there before:
 * so by attaching more and more, with 1 MiB more between one and the next.
 */
static void large_pages_of_a_released_buffer_are_out_of_reach(void)
{
	struct attachment attachments[LARGE_MAX];
	struct buffer buffers[LARGE_MAX], between[LARGE_MAX];
	char heap[AMPH_HEAP_NAME_MAX];
	struct trial_tables tables;
	int remote, last = -1;
	bool is_large = false;

	trial_begin(&probe);
	EXPECT_EQUAL(amph_heap_find_cma(heap, sizeof(heap), NULL), 0);
	EXPECT_EQUAL(attachment_remote(&remote), 0);
	trial_tables_open(&tables);
	while (!is_large) {
		EXPECT(++last < LARGE_MAX);
		EXPECT_EQUAL(buffer_open(&buffers[last], heap, LARGE), 0);
		EXPECT_EQUAL(buffer_open(&between[last], heap, LARGE + MIB), 0);
		EXPECT_EQUAL(attachment_open(&attachments[last], remote, &buffers[last]), 0);
		is_large = tables.root[attachments[last].segments[0].address / (4 * MIB)] &
			   VSOC_PTE_LEAF;
	}
	trial_tables_close(&tables);
	memory_fill(buffers[last].va, LARGE, 3, 0);
	EXPECT_EQUAL(probe_list(&probe, 1, attachments[last].segments, 1), 0);
	EXPECT_EQUAL(probe_work(&probe, PROBE_VERIFY, 1, 3, 0, LARGE), 0);
	EXPECT_EQUAL(attachment_close(&attachments[last]), 0);
	fault_arm();
	attached_touch(&probe, PROBE_FILL, 1, LARGE);
	fault_expect(TRIAL_ABSENT, FAULT_BUS_STORE);
	EXPECT_EQUAL(memory_verify(buffers[last].va, LARGE, 3, 0), 0);
	for (int i = 0; i < last; i++)
		EXPECT_EQUAL(attachment_close(&attachments[i]), 0);
	for (int i = 0; i <= last; i++) {
		buffer_close(&between[i]);
		buffer_close(&buffers[i]);
	}
	trial_recover(&probe);
	close(remote);
}

static void coherent_memory_is_reachable_too(void)
{
	int remote = module_open_remote(), attachment = module_coherent(remote, 2 * PROBE_PAGE);
	struct amphora_segment *list;
	uint32_t count;

	trial_begin(&probe);
	uint8_t *va = mmap(NULL, 2 * PROBE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, attachment, 0);
	EXPECT(va != MAP_FAILED);
	EXPECT(module_info(attachment).flags & AMPHORA_ATTACHMENT_ENFORCED);
	list = module_segments(attachment, &count);
	memory_fill(va, 2 * PROBE_PAGE, 1, 0);
	attached_list(&probe, 1, list[0].address, 2 * PROBE_PAGE);
	EXPECT_EQUAL(probe_work(&probe, PROBE_VERIFY, 1, 1, 0, 2 * PROBE_PAGE), 0);
	EXPECT_EQUAL(probe_work(&probe, PROBE_FILL, 1, 2, 0, 2 * PROBE_PAGE), 0);
	EXPECT_EQUAL(memory_verify(va, 2 * PROBE_PAGE, 2, 0), 0);
	munmap(va, 2 * PROBE_PAGE);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	close(attachment);
	close(remote);
	trial_finish(&probe);
}

/* --- what is not --- */

/* A program's own pages, where the coprocessor would see them without an IOMMU. */
static void memory_that_was_never_attached_is_neither_read_nor_written(void)
{
	struct probe_segment segments[PAGES];
	struct memory_window window;
	uint8_t *va;

	trial_begin(&probe);
	EXPECT_EQUAL(memory_window_read(&window), 0);
	va = memory_inside(&window, PAGES * PROBE_PAGE, segments);
	EXPECT(va);
	memory_fill(va, PAGES * PROBE_PAGE, 1, 0);
	for (int write = 0; write < 2; write++) {
		fault_arm();
		EXPECT_EQUAL(probe_list(&probe, 1, segments, PAGES), 0);
		attached_touch(&probe, write ? PROBE_FILL : PROBE_VERIFY, 1, PAGES * PROBE_PAGE);
		fault_expect(TRIAL_ABSENT, write ? FAULT_BUS_STORE : FAULT_BUS_LOAD);
		EXPECT(fault_was_said(write ? "the coprocessor writes to"
					    : "the coprocessor reads from"));
		EXPECT_EQUAL(memory_verify(va, PAGES * PROBE_PAGE, 1, 0), 0);
		trial_recover(&probe);
		if (!write)
			EXPECT_EQUAL(probe_open(&probe), 0);
	}
}

static void what_may_only_be_read_is_not_written(void)
{
	struct attached it;

	trial_begin(&probe);
	attached_open(&it, TRIAL_SIZE, AMPHORA_DEVICE_READS);
	fault_arm();
	attached_list(&probe, 1, it.address, TRIAL_SIZE);
	EXPECT_EQUAL(probe_work(&probe, PROBE_VERIFY, 1, 1, 0, TRIAL_SIZE), 0);
	attached_touch(&probe, PROBE_FILL, 1, TRIAL_SIZE);
	fault_expect(READ_ONLY, FAULT_BUS_STORE);
	EXPECT_EQUAL(memory_verify(it.va, TRIAL_SIZE, 1, 0), 0);
	trial_recover(&probe);
	attached_close(&it);
}

static void released_buffer_is_out_of_reach_and_the_one_beside_it_is_not(void)
{
	struct attached it, other;

	trial_begin(&probe);
	attached_open(&other, TRIAL_SIZE, TRIAL_BOTH);
	attached_open(&it, TRIAL_SIZE, TRIAL_BOTH);
	attached_list(&probe, 1, it.address, TRIAL_SIZE);
	attached_list(&probe, 2, other.address, TRIAL_SIZE);
	EXPECT_EQUAL(probe_work(&probe, PROBE_VERIFY, 1, 1, 0, TRIAL_SIZE), 0);
	fault_arm();
	attached_release(&it);
	EXPECT_EQUAL(probe_work(&probe, PROBE_VERIFY, 2, 1, 0, TRIAL_SIZE), 0);
	EXPECT_EQUAL(probe_work(&probe, PROBE_FILL, 2, 3, 0, TRIAL_SIZE), 0);
	attached_touch(&probe, PROBE_FILL, 1, TRIAL_SIZE);
	fault_expect(TRIAL_ABSENT, FAULT_BUS_STORE);
	EXPECT_EQUAL(memory_verify(it.va, TRIAL_SIZE, 1, 0), 0);
	EXPECT_EQUAL(memory_verify(other.va, TRIAL_SIZE, 3, 0), 0);
	trial_recover(&probe);
	attached_close(&it);
	attached_close(&other);
}

/* --- a firmware that does not listen --- */

static void expect_quick(uint64_t start)
{
	uint64_t ms = (amph_time_now() - start) / 1000000;

	if (ms >= ANSWER_MS)
		fprintf(stderr, "it took %llu ms\n", (unsigned long long)ms);
	EXPECT(ms < ANSWER_MS);
	EXPECT(!fault_was_said(SWITCHED_OFF));
}

static void firmware_that_hangs_with_interrupts_masked_is_cut_off_all_the_same(void)
{
	struct attached it;
	uint64_t start;

	trial_begin(&probe);
	attached_open(&it, TRIAL_SIZE, TRIAL_BOTH);
	fault_arm();
	EXPECT_EQUAL(probe_end(&probe, PROBE_HANG, PROBE_HANG_MASKED), 0);
	usleep(LATER_US);
	start = amph_time_now();
	attached_release(&it);
	expect_quick(start);
	usleep(LATER_US);
	EXPECT_EQUAL(remote_expect("running"), 0);
	EXPECT(!fault_was_said("fault: "));
	EXPECT_EQUAL(probe_close(&probe), 0);
	attached_close(&it);
	fault_recover();
	EXPECT_EQUAL(remote_switch("stop"), 0);
}

/* It knows the translation: it has just used it, and uses it at this moment. */
static void firmware_that_writes_all_the_while_stops_at_the_release(void)
{
	struct attached it;
	uint64_t start;

	trial_begin(&probe);
	attached_open(&it, TRIAL_SIZE, TRIAL_BOTH);
	fault_arm();
	attached_list(&probe, 1, it.address, TRIAL_SIZE);
	EXPECT_EQUAL(probe_scribble(&probe, 1, 5), 0);
	EXPECT_EQUAL(probe_end(&probe, PROBE_HANG, PROBE_HANG_SCRIBBLE | PROBE_HANG_MASKED), 0);
	usleep(LATER_US);
	start = amph_time_now();
	attached_release(&it);
	memory_fill(it.va, TRIAL_SIZE, 6, 0);
	expect_quick(start);
	fault_expect("the coprocessor writes to", FAULT_BUS_STORE);
	EXPECT_EQUAL(memory_verify(it.va, TRIAL_SIZE, 6, 0), 0);
	trial_recover(&probe);
	attached_close(&it);
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {
		CHECK(scattered_buffer_is_one_segment_at_an_address_of_its_own),
		CHECK(contiguous_buffer_is_mapped_and_unmapped_whole),
		CHECK(large_pages_of_a_released_buffer_are_out_of_reach),
		CHECK(coherent_memory_is_reachable_too),
		CHECK(memory_that_was_never_attached_is_neither_read_nor_written),
		CHECK(what_may_only_be_read_is_not_written),
		CHECK(released_buffer_is_out_of_reach_and_the_one_beside_it_is_not),
		CHECK(firmware_that_hangs_with_interrupts_masked_is_cut_off_all_the_same),
		CHECK(firmware_that_writes_all_the_while_stops_at_the_release),
	};

	if (!remote_is("running") && remote_switch("start"))
		return 1;
	return check_main(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
