/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way of the demo's buffers: open, attach, offer; release, detach, close.
 * Tool code; knows the memory layer and the share session, not where the memory comes from.
 */
#include "demo.h"
#include "tool.h"

#include <errno.h>
#include <stdio.h>

#include <amphora/time.h>

static int fail(struct demo_buffer *buffer, const char *doing, int status)
{
	struct demo_machine *machine = buffer->machine;
	char why[256];

	snprintf(machine->error, sizeof(machine->error), "%s: %s", doing,
		 tool_why(&buffer->shm.why, status, why, sizeof(why)));
	return status;
}

int demo_buffer_open(struct demo_buffer *buffer, struct demo_machine *machine, const char *name,
		     uint64_t size)
{
	struct amph_shm_storage storage = {.ranges = buffer->ranges,
					   .range_max = DEMO_RANGES,
					   .segments = buffer->segments,
					   .segment_max = DEMO_SEGMENTS};
	char full_name[AMPH_NAME_MAX];

	*buffer = (struct demo_buffer){.machine = machine};
	storage.ranges = buffer->ranges;
	snprintf(full_name, sizeof(full_name), "%s:%s", machine->provider, name);
	int status = amph_shm_open(machine->memory, &buffer->shm, &storage, full_name, size, 0);
	if (status)
		return fail(buffer, "the buffer", status);
	buffer->open = true;
	return 0;
}

int demo_buffer_share(struct demo_buffer *buffer, uint64_t deadline)
{
	struct demo_machine *machine = buffer->machine;
	int status = amph_shm_attach(&buffer->shm, machine->target, AMPH_DEVICE_READS_WRITES,
				     demo_method(machine), &buffer->attachment,
				     buffer->device_segments, DEMO_SEGMENTS);

	if (status)
		return fail(buffer, "attach", status);
	buffer->attached = true;
	status = amph_session_offer(machine->session, &buffer->attachment, 0, deadline,
				    &buffer->share);
	if (!status)
		status = amph_session_wait_share(machine->session, buffer->share,
						 AMPH_SHARE_ACCEPTED, deadline);
	if (status)
		machine->ops->explain(machine, "offering the buffer", status);
	return status;
}

int demo_buffer_release(struct demo_buffer *buffer, uint64_t deadline)
{
	struct demo_machine *machine = buffer->machine;
	int status = amph_session_release(machine->session, buffer->share, deadline);

	if (!status)
		status = amph_session_wait_share(machine->session, buffer->share,
						 AMPH_SHARE_RELEASED, deadline);
	if (status) {
		machine->ops->explain(machine, "releasing the buffer", status);
		return status;
	}
	buffer->share = NULL;
	status = amph_shm_detach(&buffer->attachment);
	if (status)
		return fail(buffer, "detaching the buffer", status);
	buffer->attached = false;
	return 0;
}

int demo_stop(struct demo_machine *machine, int status)
{
	char error[DEMO_ERROR];

	snprintf(error, sizeof(error), "%s", machine->error);
	tool_progress_begin("stopping the coprocessor");
	int stopped = machine->ops->stop(machine, amph_deadline(DEMO_STEP_MS));
	tool_progress_end();
	if (!status)
		return stopped;
	snprintf(machine->error, sizeof(machine->error), "%s", error);
	return status;
}

int demo_buffer_close(struct demo_buffer *buffer, int status)
{
	int closed = 0;

	if (!buffer->open)
		return status;
	buffer->open = false;
	closed = amph_shm_put(&buffer->shm);
	if (closed == -EBUSY) /* a coprocessor that was not ours to stop may still reach it */
		closed = amph_shm_abandon(&buffer->shm, NULL);
	if (closed == -EINPROGRESS)
		closed = 0;
	if (status || !closed)
		return status;
	return fail(buffer, "closing the buffer", closed);
}

void demo_buffer_describe(const struct demo_buffer *buffer, struct report *report)
{
	const struct amph_attachment *attachment = &buffer->attachment;
	const struct amph_shm *shm = &buffer->shm;
	uint64_t offset = 0;

	report->buffer_name = shm->name;
	report->buffer_size = shm->size;
	report->granule = attachment->granule;
	report->by_queue = attachment->method == AMPH_SYNC_QUEUE;
	report->enforced = attachment->enforced;
	report->pa_known = shm->segment_count == 1;
	report->segments_all = attachment->segment_count;
	for (uint32_t i = 0; i < attachment->segment_count && i < REPORT_SEGMENTS; i++) {
		const struct amph_segment *segment = &attachment->segments[i];

		report->segments[i] = (struct report_segment){
			.va = (uint64_t)(uintptr_t)shm->va + offset,
			.pa = report->pa_known ? shm->storage.segments[0].address + offset : 0,
			.da = segment->address,
			.length = segment->length};
		report->segment_count = i + 1;
		offset += segment->length;
	}
}
