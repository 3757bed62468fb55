/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A buffer's way to the coprocessor and back. Test code that runs inside the virtual SoC; see
 * crossing.h.
 */
#include "crossing.h"

#define LIST 1u

int crossing_open(struct crossing *crossing)
{
	if (memory_window_read(&crossing->window))
		return -1;
	crossing->physical = memory_physical(crossing->window.pa, crossing->window.length);
	if (!crossing->physical || remote_switch("start") || probe_open(&crossing->probe))
		return -1;
	return attachment_remote(&crossing->remote);
}

int crossing_close(struct crossing *crossing)
{
	return probe_close(&crossing->probe) ? -1 : remote_switch("stop");
}

static int check_segment(const struct crossing *crossing, const struct probe_segment *segment,
			 uint32_t seed, uint64_t offset)
{
	const struct memory_window *window = &crossing->window;

	if (segment->address < window->da || segment->length > window->length ||
	    segment->address - window->da > window->length - segment->length)
		return remote_fail("device address %#llx is outside of dma-ranges",
				   (unsigned long long)segment->address);
	for (uint64_t at = 0; at < segment->length; at += PROBE_PAGE) {
		uint64_t place = segment->address - window->da + at;
		uint32_t found =
			*(const volatile uint32_t *)(const void *)(crossing->physical + place);

		if (found != probe_pattern(seed, offset + at))
			return remote_fail("device address %#llx is not physical address %#llx",
					   (unsigned long long)(segment->address + at),
					   (unsigned long long)(window->pa + place));
	}
	return 0;
}

int crossing_check(const struct crossing *crossing, const struct attachment *attachment,
		   uint32_t seed)
{
	uint64_t offset = 0;

	for (uint32_t i = 0; i < attachment->info.segments; i++) {
		if (check_segment(crossing, &attachment->segments[i], seed, offset))
			return -1;
		offset += attachment->segments[i].length;
	}
	return 0;
}

int crossing_work(struct crossing *crossing, const struct attachment *attachment, uint32_t command,
		  uint32_t seed, uint64_t offset, uint64_t length)
{
	if (probe_list(&crossing->probe, LIST, attachment->segments, attachment->info.segments))
		return -1;
	return probe_work(&crossing->probe, command, LIST, seed, offset, length);
}

int crossing_wrong(struct crossing *crossing, const struct attachment *attachment, uint32_t seed,
		   uint64_t offset, uint64_t length, uint64_t *wrong)
{
	struct probe_message message = {.command = PROBE_VERIFY,
					.list = LIST,
					.seed = seed,
					.offset = offset,
					.length = length};
	struct probe_answer answer;

	if (probe_list(&crossing->probe, LIST, attachment->segments, attachment->info.segments) ||
	    probe_ask(&crossing->probe, &message, &answer))
		return -1;
	if (answer.status != PROBE_OK && answer.status != PROBE_WRONG)
		return remote_fail("a verification is refused with %u", answer.status);
	*wrong = answer.wrong;
	return 0;
}

int crossing_run(struct crossing *crossing, const struct buffer *buffer,
		 const struct attachment *attachment, uint32_t seed)
{
	uint64_t size = buffer->size;

	if (attachment_sync(attachment, AMPHORA_SYNC_FOR_DEVICE, 0, size) ||
	    crossing_work(crossing, attachment, PROBE_VERIFY, seed, 0, size) ||
	    crossing_work(crossing, attachment, PROBE_FILL, seed + 1, 0, size) ||
	    attachment_sync(attachment, AMPHORA_SYNC_FOR_CPU, 0, size))
		return -1;
	return memory_verify(buffer->va, size, seed + 1, 0);
}
