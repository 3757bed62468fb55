/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * edu-limits: what can't be had of a device behind an IOMMU is refused with the reason; what ends
 * early, or is killed, is cut off; nothing leaks.
 * usage: edu-limits
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include <amphora/dmabuf.h>

#include "kernel_log.h"
#include "place.h"

#define HERE	    0x0123000ull
#define MSI_WINDOW  0x8090000ull /* of the interrupt controller, reserved before both IOMMUs */
#define TOO_WIDE    (1ull << EDU_ADDRESS_BITS)
#define ENTRY_LIMIT "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit"

static uint64_t locked_bytes(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[128];
	uint64_t kilobytes = 0;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "VmLck:", 6))
			kilobytes = strtoull(line + 6, NULL, 10);
	if (file)
		fclose(file);
	return kilobytes * 1024;
}

static int count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

static void a_second_opener_is_refused(struct place *place)
{
	struct amph_target_vfio other;

	expect("the group is open", amph_target_vfio_open(&other, "other", &place->config), -EBUSY,
	       &other.why);
}

static void addresses_that_cant_be_are_refused(struct place *place)
{
	struct buffer *a = &place->a, *b = &place->b;

	place_buffer_open(place, a, "memfd:a", SIZE);
	place_buffer_open(place, b, "memfd:b", SIZE);
	expect("the MSI window", attach_at(place, a, MSI_WINDOW), -ERANGE, &a->shm.why);
	expect("over 28 bits", attach_at(place, a, TOO_WIDE - SIZE / 2), -ERANGE, &a->shm.why);
	expect("no page", attach_at(place, a, HERE + 64), -EINVAL, &a->shm.why);
	check("attach", attach_at(place, a, HERE), &a->shm.why);
	expect("in use", attach_at(place, b, HERE + SIZE / 2), -EADDRINUSE, &b->shm.why);
	detach(a);
	place_buffer_close(b);
	place_buffer_close(a);
}

static void memory_that_cant_be_mapped_is_refused(struct place *place)
{
	struct amph_provider_heap heap;
	struct amph_why why = {0};
	struct buffer *a = &place->a;

	place_buffer_open(place, a, "memfd:odd", SIZE + 1);
	expect("odd size",
	       amph_shm_attach(&a->shm, &place->edu.target.target, AMPH_DEVICE_READS,
			       AMPH_SYNC_LOCK, &a->attachment, a->segments, 1),
	       -EINVAL, &a->shm.why);
	place_buffer_close(a);
	check("heap", amph_provider_heap_init(&heap, "heap", "system", &why), &why);
	check("heap", amph_memory_add_provider(&place->memory, &heap.provider), &why);
	place_buffer_open(place, a, "heap:a", SIZE);
	expect("dma-heap",
	       amph_shm_attach(&a->shm, &place->edu.target.target, AMPH_DEVICE_READS,
			       AMPH_SYNC_LOCK, &a->attachment, a->segments, 1),
	       -ENOTSUP, &a->shm.why);
	place_buffer_close(a);
	/* the provider ends with this function */
	place->memory.providers = place->memory.providers->next;
}

/* Two targets in one container, each with its part of the addresses; the same device here. */
static void a_borrowed_container_is_shared(struct place *place)
{
	struct amph_vfio_config config = place->config;
	struct amph_target_vfio other;
	struct buffer *a = &place->a, *b = &place->b;

	config.borrow = true;
	config.container = place->edu.target.container;
	config.group = place->edu.target.group;
	config.iova_first = 0x1000000;
	config.iova_last = 0x1ffffff;
	check("borrow", amph_target_vfio_open(&other, "other", &config), &other.why);
	place_buffer_open(place, a, "memfd:a", SIZE);
	place_buffer_open(place, b, "memfd:b", SIZE);
	attach(place, a, AMPH_DEVICE_READS_WRITES);
	check("attach",
	      amph_shm_attach(&b->shm, &other.target, AMPH_DEVICE_READS_WRITES, AMPH_SYNC_LOCK,
			      &b->attachment, b->segments, 1),
	      &b->shm.why);
	exchange(place, a, "own part");
	exchange(place, b, "other's part");
	detach(b);
	/* the other does not see what is mapped here; the kernel does */
	expect("another's mapping",
	       amph_vfio_attach_at(&b->shm, &other, AMPH_DEVICE_READS, AMPH_SYNC_LOCK,
				   a->segments[0].address, &b->attachment, b->segments, 1),
	       -EADDRINUSE, &b->shm.why);
	detach(a);
	check("close", amph_target_vfio_close(&other), &other.why);
	place_buffer_close(b);
	place_buffer_close(a);
}

static struct amph_shm *closed_shm;

static void remember(struct amph_shm *shm)
{
	closed_shm = shm;
}

/* The device holds the bytes of a buffer that is given up: it is free when the device is off. */
static void a_device_that_is_lost_is_proved_off(struct place *place)
{
	struct amph_target_vfio *target = &place->edu.target;
	struct buffer *a = &place->a;
	uint64_t iova;

	place_buffer_open(place, a, "memfd:a", SIZE);
	attach(place, a, AMPH_DEVICE_READS_WRITES);
	iova = a->segments[0].address;
	check("give", amph_shm_sync_for_device(&a->attachment, 0, SIZE, false), &a->shm.why);
	amph_target_lost(&target->target);
	if (amph_shm_abandon(&a->shm, remember) != -EINPROGRESS || closed_shm)
		fail("no quarantine", -EIO, NULL);
	if (locked_bytes() != SIZE)
		fail("what is mapped does not count as locked", -EIO, NULL);
	check("off", amph_target_vfio_off(target), &target->why);
	if (closed_shm != &a->shm || locked_bytes())
		fail("the buffer is still in quarantine, or mapped", -EIO, NULL);
	check("up", amph_target_up(&target->target), NULL);
	check("bus master", amph_vfio_bus_master(target, true), &target->why);
	store_mark(place, iova);
	check("the IOMMU reports nothing", kernel_log_wait_fault(place->log), NULL);
	place_buffer_open(place, a, "memfd:a", SIZE);
	attach(place, a, AMPH_DEVICE_READS_WRITES);
	exchange(place, a, "after off and up");
	detach(a);
	place_buffer_close(a);
}

/* Only a mapping for writing: whether the device can read it as well depends on the IOMMU. */
static void what_a_write_only_map_is(struct place *place)
{
	struct buffer *a = &place->a;
	static uint8_t secret[TRIED];

	place_buffer_open(place, a, "memfd:a", SIZE);
	attach(place, a, AMPH_DEVICE_WRITES);
	buffer_fill(a, 9);
	memcpy(secret, a->shm.va, TRIED);
	check("transfer", edu_transfer(&place->edu, EDU_FETCHES, a->segments[0].address, TRIED),
	      NULL);
	transfer(place, a, EDU_STORES, SIZE / 2, TRIED);
	printf("write-only map: the device %s it\n",
	       memcmp((uint8_t *)a->shm.va + SIZE / 2, secret, TRIED) ? "can't read" : "reads");
	detach(a);
	place_buffer_close(a);
}

/* In a process of its own, which says where its buffer is and waits for its end. */
static void hold_buffer(int told)
{
	static struct place place;

	place_init(&place);
	check("open", edu_open(&place.edu, &place.config), &place.edu.target.why);
	place_buffer_open(&place, &place.a, "memfd:a", SIZE);
	attach(&place, &place.a, AMPH_DEVICE_READS_WRITES);
	check("give", amph_shm_sync_for_device(&place.a.attachment, 0, SIZE, false), NULL);
	if (write(told, &place.a.segments[0].address, 8) != 8)
		fail("pipe", -errno, NULL);
	pause();
}

static void what_a_killed_process_had_attached_is_unmapped(struct place *place)
{
	int pipes[2], child, status;
	uint64_t iova = 0;

	if (pipe2(pipes, O_CLOEXEC))
		fail("pipe", -errno, NULL);
	fflush(stdout);
	child = fork();
	if (!child) {
		hold_buffer(pipes[1]);
		_exit(1);
	}
	close(pipes[1]);
	if (child < 0 || read(pipes[0], &iova, 8) != 8)
		fail("the child did not attach", -EIO, NULL);
	close(pipes[0]);
	kill(child, SIGKILL);
	if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
		fail("the child was not killed", -EIO, NULL);
	check("open", edu_open(&place->edu, &place->config), &place->edu.target.why);
	place->edu.target.iova_next = iova + SIZE; /* not where that was */
	store_mark(place, iova);
	check("the IOMMU reports nothing", kernel_log_wait_fault(place->log), NULL);
	puts("killed: what it had attached is unmapped");
}

/* From here on what is mapped counts: this process may lock no memory by right. */
static void drop_lock_right(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	const struct rlimit limit = {.rlim_cur = SIZE, .rlim_max = SIZE};

	if (syscall(SYS_capget, &head, data))
		fail("capget", -errno, NULL);
	data[0].effective &= ~(1u << CAP_IPC_LOCK);
	data[0].permitted &= ~(1u << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &head, data) || setrlimit(RLIMIT_MEMLOCK, &limit))
		fail("capset", -errno, NULL);
}

static void set_entry_limit(const char *text)
{
	FILE *file = fopen(ENTRY_LIMIT, "we");

	if (!file || fputs(text, file) < 0 || fclose(file))
		fail(ENTRY_LIMIT, -errno, NULL);
}

static void limits_of_the_system_are_told(struct place *place)
{
	struct buffer *a = &place->a, *b = &place->b;

	place_buffer_open(place, a, "memfd:a", SIZE);
	place_buffer_open(place, b, "memfd:b", SIZE);
	set_entry_limit("1");
	check("open", edu_open(&place->edu, &place->config), &place->edu.target.why);
	set_entry_limit("65535");
	attach(place, a, AMPH_DEVICE_READS);
	expect("one mapping", attach_at(place, b, HERE), -ENOSPC, &b->shm.why);
	detach(a);
	check("close", edu_close(&place->edu), NULL);

	check("open", edu_open(&place->edu, &place->config), &place->edu.target.why);
	drop_lock_right();
	attach(place, a, AMPH_DEVICE_READS);
	expect("two buffers locked", attach_at(place, b, HERE), -ENOMEM, &b->shm.why);
	detach(a);
	place_buffer_close(b);
	place_buffer_close(a);
}

int main(int count, char **arguments)
{
	static struct place place;
	int descriptors;

	(void)arguments;
	if (count > 1) {
		fputs("usage: edu-limits\n", stderr);
		return 2;
	}
	place_init(&place);
	check("vfio-pci does not bind", edu_bind(place.config.device), NULL);
	descriptors = count_descriptors();
	what_a_killed_process_had_attached_is_unmapped(&place);
	a_second_opener_is_refused(&place);
	addresses_that_cant_be_are_refused(&place);
	memory_that_cant_be_mapped_is_refused(&place);
	a_borrowed_container_is_shared(&place);
	a_device_that_is_lost_is_proved_off(&place);
	what_a_write_only_map_is(&place);
	check("close", edu_close(&place.edu), &place.edu.target.why);
	limits_of_the_system_are_told(&place);
	check("close", edu_close(&place.edu), &place.edu.target.why);
	if (locked_bytes() || count_descriptors() != descriptors)
		fail("something is still locked, or open", -EIO, NULL);
	puts("nothing is locked, nothing is open");
	return 0;
}
