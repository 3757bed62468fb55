/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * edu-share: shares buffers with a PCI device that stands behind an IOMMU, through the same calls as
 * with any other target, and shows that the IOMMU holds the device to them.
 * usage: edu-share
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <amphora/memfd.h>

#include "edu.h"
#include "kernel_log.h"

#define SIZE 8192u
#define HERE 0x0123000ull /* an IOVA of our choice */
/* bytes that the device tries to reach in vain: few, since the kernel limits the rate of its reports */
#define TRIED 8u

struct buffer {
	struct amph_shm shm;
	struct amph_range ranges[5];
	struct amph_segment segments[1];
	struct amph_attachment attachment;
};

struct place {
	struct amph_memory memory;
	struct amph_provider memfd;
	struct edu edu;
	int log;
	struct buffer a, b;
};

static void fail(const char *what, int error, const struct amph_why *why)
{
	fprintf(stderr, "edu-share: %s: %s", what, strerror(-error));
	if (why && why->what)
		fprintf(stderr, " (%s: 0x%llx, 0x%llx)", why->what, (unsigned long long)why->value,
			(unsigned long long)why->limit);
	fputc('\n', stderr);
	exit(1);
}

static void check(const char *what, int error, const struct amph_why *why)
{
	if (error)
		fail(what, error, why);
}

static void expect(const char *what, int error, int expected, const struct amph_why *why)
{
	if (error != expected)
		fail(what, error, why);
	printf("%s: %s: %s\n", what, strerror(-error), why->what);
}

static void buffer_open(struct place *place, struct buffer *buffer, const char *name, uint64_t size)
{
	const struct amph_shm_storage storage = {.ranges = buffer->ranges, .range_max = 5};

	check(name, amph_shm_open(&place->memory, &buffer->shm, &storage, name, size, 0),
	      &buffer->shm.why);
}

static void attach(struct place *place, struct buffer *buffer, uint32_t direction)
{
	check("attach",
	      amph_shm_attach(&buffer->shm, &place->edu.target.target, direction, AMPH_SYNC_LOCK,
			      &buffer->attachment, buffer->segments, 1),
	      &buffer->shm.why);
	if (!buffer->attachment.enforced || !buffer->attachment.coherent)
		fail("the attachment is not enforced and coherent", -EINVAL, NULL);
}

static void detach(struct buffer *buffer)
{
	check("detach", amph_shm_detach(&buffer->attachment), &buffer->shm.why);
}

static void fill(struct buffer *buffer, uint32_t seed)
{
	uint8_t *bytes = buffer->shm.va;

	for (uint32_t i = 0; i < buffer->shm.size; i++)
		bytes[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
}

/* The device moves a part of the buffer: it is the device's meanwhile. */
static void transfer(struct place *place, struct buffer *buffer, enum edu_direction direction,
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

/* Through the device from one place of the buffer to another: it reads and writes what is shared. */
static void exchange(struct place *place, struct buffer *buffer, const char *what)
{
	uint8_t *bytes = buffer->shm.va;

	for (uint32_t offset = 0; offset < SIZE / 2; offset += EDU_TRANSFER_MAX) {
		fill(buffer, offset + 1);
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

static void exchange_at_chosen_and_given_addresses(struct place *place)
{
	struct buffer *a = &place->a;

	buffer_open(place, a, "memfd:a", SIZE);
	attach(place, a, AMPH_DEVICE_READS_WRITES);
	exchange(place, a, "chosen IOVA");
	detach(a);
	check("attach at",
	      amph_vfio_attach_at(&a->shm, &place->edu.target, AMPH_DEVICE_READS_WRITES,
				  AMPH_SYNC_LOCK, HERE, &a->attachment, a->segments, 1),
	      &a->shm.why);
	if (a->segments[0].address != HERE)
		fail("another address than asked for", -EINVAL, NULL);
	exchange(place, a, "given IOVA");
	detach(a);
	check("close", amph_shm_put(&a->shm), &a->shm.why);
}

/* What the device stores at iova: the first bytes of a buffer that it reads before. */
static void store_mark(struct place *place, uint64_t iova)
{
	buffer_open(place, &place->b, "memfd:mark", SIZE);
	attach(place, &place->b, AMPH_DEVICE_READS);
	memset(place->b.shm.va, 0xee, SIZE);
	transfer(place, &place->b, EDU_FETCHES, 0, EDU_TRANSFER_MAX);
	check("transfer", edu_transfer(&place->edu, EDU_STORES, iova, TRIED), NULL);
	detach(&place->b);
	check("close", amph_shm_put(&place->b.shm), &place->b.shm.why);
}

static void expect_blocked(struct place *place, const struct buffer *buffer, const uint8_t *before,
			   const char *what)
{
	if (memcmp(buffer->shm.va, before, SIZE) != 0)
		fail("the device has written what it may not", -EIO, NULL);
	check("the IOMMU reports nothing", kernel_log_wait_fault(place->log), NULL);
	printf("%s: blocked and reported, the bytes are unchanged\n", what);
}

static void a_write_to_a_read_only_map_is_blocked(struct place *place)
{
	static uint8_t before[SIZE];
	struct buffer *a = &place->a;

	buffer_open(place, a, "memfd:a", SIZE);
	attach(place, a, AMPH_DEVICE_READS);
	fill(a, 7);
	memcpy(before, a->shm.va, SIZE);
	store_mark(place, a->segments[0].address);
	expect_blocked(place, a, before, "write to a read-only map");
	detach(a);
	check("close", amph_shm_put(&a->shm), &a->shm.why);
}

static void an_access_after_detach_is_blocked(struct place *place)
{
	static uint8_t before[SIZE];
	struct buffer *a = &place->a;
	uint64_t iova;

	buffer_open(place, a, "memfd:a", SIZE);
	attach(place, a, AMPH_DEVICE_READS_WRITES);
	fill(a, 8);
	memcpy(before, a->shm.va, SIZE);
	iova = a->segments[0].address;
	detach(a);
	store_mark(place, iova);
	expect_blocked(place, a, before, "write after detach");

	/* it reads nothing there either: what it then stores is not ours */
	check("transfer", edu_transfer(&place->edu, EDU_FETCHES, iova, TRIED), NULL);
	check("the IOMMU reports nothing", kernel_log_wait_fault(place->log), NULL);
	buffer_open(place, &place->b, "memfd:b", SIZE);
	attach(place, &place->b, AMPH_DEVICE_WRITES);
	transfer(place, &place->b, EDU_STORES, 0, EDU_TRANSFER_MAX);
	if (!memcmp(place->b.shm.va, before, TRIED))
		fail("the device has read what it may not", -EIO, NULL);
	puts("read after detach: blocked and reported, the bytes did not get out");
	detach(&place->b);
	check("close", amph_shm_put(&place->b.shm), &place->b.shm.why);
	check("close", amph_shm_put(&a->shm), &a->shm.why);
}

static void start(struct place *place)
{
	static char device[32];
	const struct amph_vfio_config config = {.device = device, .address_bits = EDU_ADDRESS_BITS};
	struct amph_target_vfio *target = &place->edu.target;

	check("memory", amph_memory_init(&place->memory), NULL);
	amph_provider_memfd_init(&place->memfd);
	check("memfd", amph_memory_add_provider(&place->memory, &place->memfd), NULL);
	check("no edu", edu_find(device, sizeof(device)), NULL);
	place->log = kernel_log_open();
	if (place->log < 0)
		fail("/dev/kmsg", place->log, NULL);
	expect("before VFIO's driver is bound", edu_open(&place->edu, &config), -ENODEV,
	       &target->why);
	check("vfio-pci does not bind", edu_bind(device), NULL);
	check("open", edu_open(&place->edu, &config), &target->why);
}

int main(int count, char **arguments)
{
	static struct place place;

	(void)arguments;
	if (count > 1) {
		fputs("usage: edu-share\n", stderr);
		return 2;
	}
	start(&place);
	exchange_at_chosen_and_given_addresses(&place);
	a_write_to_a_read_only_map_is_blocked(&place);
	an_access_after_detach_is_blocked(&place);
	check("close", edu_close(&place.edu), &place.edu.target.why);
	close(place.log);
	return 0;
}
