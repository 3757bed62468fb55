/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the programs that use edu have in common; see place.h.
 */
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/memfd.h>

#include "kernel_log.h"

_Noreturn void fail(const char *what, int error, const struct amph_why *why)
{
	fprintf(stderr, "%s: %s", what, strerror(-error));
	if (why && why->what)
		fprintf(stderr, " (%s: 0x%llx, 0x%llx)", why->what, (unsigned long long)why->value,
			(unsigned long long)why->limit);
	fputc('\n', stderr);
	exit(1);
}

void check(const char *what, int error, const struct amph_why *why)
{
	if (error)
		fail(what, error, why);
}

void expect(const char *what, int error, int expected, const struct amph_why *why)
{
	if (error != expected)
		fail(what, error, why);
	printf("%s: %s: %s\n", what, strerror(-error), why->what);
}

void place_init(struct place *place)
{
	static char device[32];

	memset(place, 0, sizeof(*place));
	check("memory", amph_memory_init(&place->memory), NULL);
	amph_provider_memfd_init(&place->memfd);
	check("memfd", amph_memory_add_provider(&place->memory, &place->memfd), NULL);
	check("no edu", edu_find(device, sizeof(device)), NULL);
	place->config =
		(struct amph_vfio_config){.device = device, .address_bits = EDU_ADDRESS_BITS};
	place->log = kernel_log_open();
	if (place->log < 0)
		fail("/dev/kmsg", place->log, NULL);
}

void place_buffer_open(struct place *place, struct buffer *buffer, const char *name, uint64_t size)
{
	const struct amph_shm_storage storage = {.ranges = buffer->ranges, .range_max = 5};

	check(name, amph_shm_open(&place->memory, &buffer->shm, &storage, name, size, 0),
	      &buffer->shm.why);
}

void place_buffer_close(struct buffer *buffer)
{
	check("close", amph_shm_put(&buffer->shm), &buffer->shm.why);
}

void attach(struct place *place, struct buffer *buffer, uint32_t direction)
{
	check("attach",
	      amph_shm_attach(&buffer->shm, &place->edu.target.target, direction, AMPH_SYNC_LOCK,
			      &buffer->attachment, buffer->segments, 1),
	      &buffer->shm.why);
	if (!buffer->attachment.enforced || !buffer->attachment.coherent)
		fail("the attachment is not enforced and coherent", -EINVAL, NULL);
}

int attach_at(struct place *place, struct buffer *buffer, uint64_t iova)
{
	return amph_vfio_attach_at(&buffer->shm, &place->edu.target, AMPH_DEVICE_READS_WRITES,
				   AMPH_SYNC_LOCK, iova, &buffer->attachment, buffer->segments, 1);
}

void detach(struct buffer *buffer)
{
	check("detach", amph_shm_detach(&buffer->attachment), &buffer->shm.why);
}

void buffer_fill(struct buffer *buffer, uint32_t seed)
{
	uint8_t *bytes = buffer->shm.va;

	for (uint32_t i = 0; i < buffer->shm.size; i++)
		bytes[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
}

void transfer(struct place *place, struct buffer *buffer, enum edu_direction direction,
	      uint64_t offset, uint32_t length)
{
	struct amph_attachment *attachment = &buffer->attachment;
	uint64_t iova = 0;

	check("give", amph_shm_sync_for_device(attachment, offset, length, false),
	      &buffer->shm.why);
	check("address", amph_attachment_da(attachment, offset, &iova), NULL);
	check("transfer", edu_transfer(&place->edu, direction, iova, length), NULL);
	check("take back", amph_shm_sync_for_cpu(attachment, offset, length), &buffer->shm.why);
}

void exchange(struct place *place, struct buffer *buffer, const char *what)
{
	uint8_t *bytes = buffer->shm.va;

	for (uint32_t offset = 0; offset < SIZE / 2; offset += EDU_TRANSFER_MAX) {
		buffer_fill(buffer, offset + 1);
		transfer(place, buffer, EDU_FETCHES, offset, EDU_TRANSFER_MAX);
		transfer(place, buffer, EDU_STORES, offset + SIZE / 2, EDU_TRANSFER_MAX);
		if (memcmp(bytes + offset, bytes + offset + SIZE / 2, EDU_TRANSFER_MAX) != 0)
			fail("the device did not move the bytes", -EIO, NULL);
	}
	if (kernel_log_has_fault(place->log))
		fail("the IOMMU reports a fault", -EIO, NULL);
	printf("%s: the device read and wrote %u bytes at 0x%llx\n", what, SIZE,
	       (unsigned long long)buffer->segments[0].address);
}

void store_mark(struct place *place, uint64_t iova)
{
	place_buffer_open(place, &place->b, "memfd:mark", SIZE);
	attach(place, &place->b, AMPH_DEVICE_READS);
	memset(place->b.shm.va, 0xee, SIZE);
	transfer(place, &place->b, EDU_FETCHES, 0, EDU_TRANSFER_MAX);
	check("transfer", edu_transfer(&place->edu, EDU_STORES, iova, TRIED), NULL);
	detach(&place->b);
	place_buffer_close(&place->b);
}
