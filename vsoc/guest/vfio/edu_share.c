/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * edu-share: shares buffers with a PCI device that stands behind an IOMMU, through the same calls as
 * with any other target, and shows that the IOMMU holds the device to them.
 * usage: edu-share
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <amphora/dmabuf.h>

#include "kernel_log.h"
#include "place.h"

#define HERE 0x0123000ull /* an IOVA of our choice */

static void exchange_at_chosen_and_given_addresses(struct place *place)
{
	struct buffer *a = &place->a;

	place_buffer_open(place, a, "memfd:a", SIZE);
	attach(place, a, AMPH_DEVICE_READS_WRITES);
	exchange(place, a, "chosen IOVA");
	detach(a);
	check("attach at", attach_at(place, a, HERE), &a->shm.why);
	if (a->segments[0].address != HERE)
		fail("another address than asked for", -EINVAL, NULL);
	exchange(place, a, "given IOVA");
	detach(a);
	place_buffer_close(a);
}

/* A dma-buf whose pages the kernel can pin: a remote processor could have it at the same time. */
static void exchange_in_a_udmabuf(struct place *place)
{
	struct amph_provider udmabuf;
	struct amph_why why = {0};
	struct buffer *a = &place->a;

	check("udmabuf", amph_provider_udmabuf_init(&udmabuf, &why), &why);
	check("udmabuf", amph_memory_add_provider(&place->memory, &udmabuf), &why);
	place_buffer_open(place, a, "udmabuf:a", SIZE);
	attach(place, a, AMPH_DEVICE_READS_WRITES);
	exchange(place, a, "udmabuf");
	detach(a);
	place_buffer_close(a);
	/* the provider ends with this function */
	place->memory.providers = place->memory.providers->next;
}

static void expect_blocked(struct place *place, const struct buffer *buffer, const uint8_t *before,
			   const char *what)
{
	if (memcmp(buffer->shm.va, before, SIZE) != 0)
		fail("the device has written what it may not", -EIO, NULL);
	check("the IOMMU reports nothing", kernel_log_wait_fault(place->log), NULL);
	printf("%s: blocked and reported, the bytes are unchanged\n", what);
}

/* flags: a buffer that the CPU writes, or one that is read-only itself; the map is the IOMMU's. */
static void a_write_to_a_read_only_map_is_blocked(struct place *place, uint32_t flags)
{
	static uint8_t before[SIZE];
	struct buffer *a = &place->a;
	const struct amph_shm_storage storage = {.ranges = a->ranges, .range_max = 5};

	check("open", amph_shm_open(&place->memory, &a->shm, &storage, "memfd:a", SIZE, flags),
	      &a->shm.why);
	attach(place, a, AMPH_DEVICE_READS);
	buffer_fill(a, 7);
	memcpy(before, a->shm.va, SIZE);
	store_mark(place, a->segments[0].address);
	expect_blocked(place, a, before,
		       flags ? "write to a read-only buffer" : "write to a read-only map");
	transfer(place, a, EDU_FETCHES, 0, EDU_TRANSFER_MAX);
	detach(a);
	place_buffer_close(a);
}

static void an_access_after_detach_is_blocked(struct place *place)
{
	static uint8_t before[SIZE];
	struct buffer *a = &place->a;
	uint64_t iova;

	place_buffer_open(place, a, "memfd:a", SIZE);
	attach(place, a, AMPH_DEVICE_READS_WRITES);
	buffer_fill(a, 8);
	memcpy(before, a->shm.va, SIZE);
	iova = a->segments[0].address;
	detach(a);
	store_mark(place, iova);
	expect_blocked(place, a, before, "write after detach");

	/* it reads nothing there either: what it then stores is not ours */
	check("transfer", edu_transfer(&place->edu, EDU_FETCHES, iova, TRIED), NULL);
	check("the IOMMU reports nothing", kernel_log_wait_fault(place->log), NULL);
	place_buffer_open(place, &place->b, "memfd:b", SIZE);
	attach(place, &place->b, AMPH_DEVICE_WRITES);
	transfer(place, &place->b, EDU_STORES, 0, EDU_TRANSFER_MAX);
	if (!memcmp(place->b.shm.va, before, TRIED))
		fail("the device has read what it may not", -EIO, NULL);
	puts("read after detach: blocked and reported, the bytes did not get out");
	detach(&place->b);
	place_buffer_close(&place->b);
	place_buffer_close(a);
}

int main(int count, char **arguments)
{
	static struct place place;

	(void)arguments;
	if (count > 1) {
		fputs("usage: edu-share\n", stderr);
		return 2;
	}
	place_init(&place);
	expect("before VFIO's driver is bound", edu_open(&place.edu, &place.config), -ENODEV,
	       &place.edu.target.why);
	check("vfio-pci does not bind", edu_bind(place.config.device), NULL);
	check("open", edu_open(&place.edu, &place.config), &place.edu.target.why);
	exchange_at_chosen_and_given_addresses(&place);
	exchange_in_a_udmabuf(&place);
	a_write_to_a_read_only_map_is_blocked(&place, 0);
	a_write_to_a_read_only_map_is_blocked(&place, AMPH_SHM_READ_ONLY);
	an_access_after_detach_is_blocked(&place);
	check("close", edu_close(&place.edu), &place.edu.target.why);
	close(place.log);
	return 0;
}
