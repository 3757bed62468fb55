/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * attach-check: /dev/amphora does what <linux/amphora.h> says, call by call, with the probe
 * firmware as the other side. usage: attach-check [CHECK]
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../probe/client.h"
#include "../probe/memory.h"
#include "../providers/check.h"
#include "module.h"

#define BOTH	(AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES)
#define SIZE	(4u * MIB)
#define LIST	5u
#define WAIT_MS 30000

/* All that a check has opened. */
static void close_all(void)
{
	EXPECT_EQUAL(close_range(3, ~0u, 0), 0);
}

/* --- what proves a remote processor --- */

static void expect_no_proof(int fd)
{
	EXPECT(fd >= 0);
	EXPECT_EQUAL(module_remote(fd), -ENODEV);
	close(fd);
}

static void other_files_prove_no_remote(void)
{
	int pair[2];

	expect_no_proof(open("/dev/null", O_RDWR));
	expect_no_proof(open("/dev/zero", O_RDONLY));
	expect_no_proof(open("/dev/console", O_WRONLY | O_NOCTTY));
	expect_no_proof(open("/dev/ttyAMA0", O_RDWR | O_NOCTTY));
	expect_no_proof(open("/dev/dma_heap/system", O_RDWR));
	expect_no_proof(open("/dev/amphora", O_RDWR));
	expect_no_proof(open("/tmp", O_RDONLY | O_DIRECTORY));
	expect_no_proof(open("/proc/self/stat", O_RDONLY));
	expect_no_proof(memfd_create("no-remote", 0));
	expect_no_proof(module_open_remote());
	expect_no_proof(module_heap(4096, O_RDWR));
	EXPECT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	expect_no_proof(pair[0]);
	close(pair[1]);
	EXPECT_EQUAL(module_remote(-1), -EBADF);
	EXPECT_EQUAL(module_remote(987), -EBADF);
}

static void path_only_file_proves_nothing(void)
{
	int fd = open("/dev/remoteproc0", O_PATH);

	EXPECT(fd >= 0);
	EXPECT_EQUAL(module_remote(fd), -EBADF);
	close(fd);
}

static void endpoint_proves_the_remote_that_it_lives_on(void)
{
	struct probe probe;
	int remote;

	EXPECT_EQUAL(probe_open(&probe), 0);
	remote = module_remote(probe.endpoint.fd);
	EXPECT(remote >= 0);
	EXPECT_EQUAL(module_remote_info(remote).index, 0);
	EXPECT_EQUAL(probe_close(&probe), 0);
	EXPECT_EQUAL(module_remote_info(remote).state, AMPHORA_RUNNING);
	close(remote);
}

static void endpoint_of_a_stopped_remote_proves_nothing(void)
{
	struct probe probe;

	EXPECT_EQUAL(probe_open(&probe), 0);
	EXPECT_EQUAL(remote_switch("stop"), 0);
	EXPECT_EQUAL(module_remote(probe.endpoint.fd), -ENODEV);
	probe_close(&probe);
	EXPECT_EQUAL(remote_switch("start"), 0);
}

/* --- a remote --- */

static void device_says_its_version(void)
{
	struct amphora_version version = {.version = 99, .reserved = 99};
	int device = module_open();

	EXPECT_EQUAL(module_call(device, AMPHORA_IOC_VERSION, &version), 0);
	EXPECT_EQUAL(version.version, AMPHORA_ABI_VERSION);
	EXPECT_EQUAL(version.reserved, 0);
	close(device);
}

static void remote_says_what_it_is(void)
{
	int remote = module_open_remote();
	struct amphora_remote_info info = module_remote_info(remote);

	EXPECT_EQUAL(info.state, AMPHORA_RUNNING);
	EXPECT_EQUAL(info.index, 0);
	EXPECT_EQUAL(info.address_bits, 32);
	EXPECT_EQUAL(info.attachments, 0);
	EXPECT_EQUAL(info.flags, AMPHORA_REMOTE_COHERENT);
	EXPECT_EQUAL(info.cache_line, 1);
	EXPECT_EQUAL(info.quarantine_bytes, 0);
	EXPECT(info.quarantine_max > 0);
	EXPECT(info.boots > 0);
	EXPECT_EQUAL(strcmp(info.name, "coprocessor"), 0);
	EXPECT(fcntl(remote, F_GETFD) & FD_CLOEXEC);
	close(remote);
}

static void list_has_the_services_that_were_announced(void)
{
	struct amphora_rpmsg found[8] = {0};
	struct amphora_rpmsg_list list = {.capacity = 8, .list = (uintptr_t)found};
	int remote = module_open_remote();
	char path[128];
	uint32_t all;

	EXPECT_EQUAL(remote_wait("running"), 0);
	EXPECT_EQUAL(module_call(remote, AMPHORA_IOC_RPMSG_LIST, &list), 0);
	EXPECT(list.count > 1 && list.count < 8);
	all = list.count;
	bool seen = false;
	for (uint32_t i = 0; i < all; i++) {
		snprintf(path, sizeof(path), "/sys/bus/rpmsg/devices/%s/name", found[i].device);
		EXPECT_EQUAL(access(path, F_OK), 0);
		seen |= !strcmp(found[i].name, "amphora-sample");
	}
	EXPECT(seen);
	list.capacity = 1;
	memset(&found[1], 0x5a, sizeof(found[1]));
	EXPECT_EQUAL(module_call(remote, AMPHORA_IOC_RPMSG_LIST, &list), 0);
	EXPECT_EQUAL(list.count, all);
	EXPECT_EQUAL(found[1].name[0], 0x5a);
	list.capacity = 8;
	list.list = 8;
	EXPECT_EQUAL(module_call(remote, AMPHORA_IOC_RPMSG_LIST, &list), -EFAULT);
	close(remote);
}

static void wrong_arguments_of_a_remote_are_refused(void)
{
	struct amphora_remote made = {.proof = 0, .flags = 1};
	int device = module_open();
	int remote = module_open_remote();

	EXPECT_EQUAL(module_call(device, AMPHORA_IOC_REMOTE, &made), -EINVAL);
	made = (struct amphora_remote){.reserved = 1};
	EXPECT_EQUAL(module_call(device, AMPHORA_IOC_REMOTE, &made), -EINVAL);
	EXPECT_EQUAL(module_call(device, AMPHORA_IOC_REMOTE, NULL), -EFAULT);
	EXPECT_EQUAL(module_call(device, AMPHORA_IOC_VERSION, NULL), -EFAULT);
	EXPECT_EQUAL(module_call(device, AMPHORA_IOC_RELEASE, NULL), -ENOTTY);
	EXPECT_EQUAL(module_call(remote, AMPHORA_IOC_REMOTE_INFO, NULL), -EFAULT);
	EXPECT_EQUAL(module_call(remote, AMPHORA_IOC_ATTACH, NULL), -EFAULT);
	EXPECT_EQUAL(module_call(remote, AMPHORA_IOC_VERSION, NULL), -ENOTTY);
	close(device);
	close(remote);
}

/* --- attaching --- */

static int attach_heap(int remote, uint64_t size, uint32_t direction)
{
	int dmabuf = module_heap(size, O_RDWR);
	int attachment = module_attach(remote, dmabuf, direction);

	EXPECT(attachment >= 0);
	close(dmabuf);
	return attachment;
}

static void segments_cover_the_buffer_at_other_addresses(void)
{
	int remote = module_open_remote();
	int attachment = attach_heap(remote, SIZE, BOTH);
	struct amphora_attachment_info info = module_info(attachment);
	uint64_t sum = 0;
	uint32_t count;
	struct amphora_segment *list = module_segments(attachment, &count);

	EXPECT_EQUAL(info.size, SIZE);
	EXPECT_EQUAL(info.direction, BOTH);
	EXPECT_EQUAL(info.flags, AMPHORA_ATTACHMENT_COHERENT);
	EXPECT_EQUAL(info.boots, module_remote_info(remote).boots);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 1);
	for (uint32_t i = 0; i < count; i++) {
		EXPECT(list[i].address >= 0x80000000 && list[i].address < 0xa0000000);
		EXPECT(i + 1 == count || list[i].address + list[i].length != list[i + 1].address);
		sum += list[i].length;
	}
	EXPECT_EQUAL(sum, SIZE);
	EXPECT(fcntl(attachment, F_GETFD) & FD_CLOEXEC);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 0);
	free(list);
	close_all();
}

static void remote_reads_and_writes_what_was_attached(void)
{
	int remote = module_open_remote(), dmabuf = module_heap(SIZE, O_RDWR);
	int attachment = module_attach(remote, dmabuf, BOTH);
	void *va = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	struct probe_segment *list;
	struct probe probe;
	uint32_t count;

	EXPECT(attachment >= 0 && va != MAP_FAILED);
	list = (struct probe_segment *)module_segments(attachment, &count);
	EXPECT_EQUAL(probe_open(&probe), 0);
	EXPECT_EQUAL(probe_list(&probe, LIST, list, count), 0);
	memory_fill(va, SIZE, 1, 0);
	EXPECT_EQUAL(module_sync(attachment, 0, SIZE, AMPHORA_SYNC_FOR_DEVICE), 0);
	EXPECT_EQUAL(probe_work(&probe, PROBE_VERIFY, LIST, 1, 0, SIZE), 0);
	EXPECT_EQUAL(probe_work(&probe, PROBE_FILL, LIST, 2, 0, SIZE), 0);
	EXPECT_EQUAL(module_sync(attachment, 0, SIZE, AMPHORA_SYNC_FOR_CPU), 0);
	EXPECT_EQUAL(memory_verify(va, SIZE, 2, 0), 0);
	EXPECT_EQUAL(probe_list(&probe, LIST, NULL, 0), 0);
	EXPECT_EQUAL(probe_close(&probe), 0);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	free(list);
	close_all();
}

static void what_is_no_dma_buf_is_not_attached(void)
{
	struct amphora_attach made = {.direction = BOTH, .flags = 1};
	int remote = module_open_remote();
	int null = open("/dev/null", O_RDWR), dmabuf = module_heap(4096, O_RDWR);

	EXPECT_EQUAL(module_attach(remote, null, BOTH), -EINVAL);
	EXPECT_EQUAL(module_attach(remote, remote, BOTH), -EINVAL);
	EXPECT_EQUAL(module_attach(remote, -1, BOTH), -EBADF);
	EXPECT_EQUAL(module_attach(remote, dmabuf, 0), -EINVAL);
	EXPECT_EQUAL(module_attach(remote, dmabuf, 4), -EINVAL);
	made.dmabuf = dmabuf;
	EXPECT_EQUAL(module_call(remote, AMPHORA_IOC_ATTACH, &made), -EINVAL);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 0);
	close_all();
}

static void descriptor_without_the_right_gives_no_access(void)
{
	int remote = module_open_remote();
	int readable = module_heap(4096, O_RDONLY), writable = module_heap(4096, O_WRONLY);
	int attachment = module_attach(remote, readable, AMPHORA_DEVICE_READS);

	EXPECT(attachment >= 0);
	EXPECT_EQUAL(module_attach(remote, readable, AMPHORA_DEVICE_WRITES), -EACCES);
	EXPECT_EQUAL(module_attach(remote, readable, BOTH), -EACCES);
	EXPECT_EQUAL(module_attach(remote, writable, BOTH), -EACCES);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	close_all();
}

static void stopped_remote_takes_nothing(void)
{
	int remote = module_open_remote(), dmabuf = module_heap(4096, O_RDWR);

	EXPECT_EQUAL(remote_switch("stop"), 0);
	EXPECT_EQUAL(module_remote_info(remote).state, AMPHORA_OFF);
	EXPECT_EQUAL(module_attach(remote, dmabuf, BOTH), -ENOTCONN);
	EXPECT_EQUAL(module_coherent(remote, 4096), -ENOTCONN);
	EXPECT_EQUAL(remote_switch("start"), 0);
	close_all();
}

/* An argument whose last page can't be written: the call fails, and nothing stays. */
static void result_that_cannot_be_written_leaves_nothing(void)
{
	int remote = module_open_remote(), dmabuf = module_heap(4096, O_RDWR);
	struct amphora_attach *made =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int open_before = check_descriptors();

	EXPECT(made != MAP_FAILED);
	*made = (struct amphora_attach){.dmabuf = dmabuf, .direction = BOTH};
	EXPECT_EQUAL(mprotect(made, 4096, PROT_READ), 0);
	EXPECT_EQUAL(module_call(remote, AMPHORA_IOC_ATTACH, made), -EFAULT);
	EXPECT_EQUAL(check_descriptors(), open_before);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 0);
	EXPECT_EQUAL(module_remote_info(remote).quarantine_bytes, 0);
	close_all();
}

/* --- an attachment --- */

static void segments_beyond_the_last_are_refused(void)
{
	int remote = module_open_remote(), attachment = attach_heap(remote, SIZE, BOTH);
	uint32_t all = module_info(attachment).segments;
	struct amphora_segment one;
	struct amphora_segments wanted = {.first = all - 1, .count = 1, .list = (uintptr_t)&one};

	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_SEGMENTS, &wanted), 0);
	wanted.list = 8;
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_SEGMENTS, &wanted), -EFAULT);
	wanted.count = 2;
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_SEGMENTS, &wanted), -EINVAL);
	wanted = (struct amphora_segments){.first = all + 1};
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_SEGMENTS, &wanted), -EINVAL);
	wanted = (struct amphora_segments){.first = 1, .count = UINT32_MAX};
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_SEGMENTS, &wanted), -EINVAL);
	wanted = (struct amphora_segments){.first = UINT32_MAX, .count = UINT32_MAX};
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_SEGMENTS, &wanted), -EINVAL);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_SEGMENTS, NULL), -EFAULT);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	close_all();
}

static void sync_outside_the_buffer_is_refused(void)
{
	int remote = module_open_remote(), attachment = attach_heap(remote, SIZE, BOTH);
	struct amphora_sync range = {.length = 64, .flags = AMPHORA_SYNC_FOR_CPU, .reserved = 1};

	EXPECT_EQUAL(module_sync(attachment, SIZE - 64, 64, AMPHORA_SYNC_FOR_DEVICE), 0);
	EXPECT_EQUAL(module_sync(attachment, SIZE - 64, 128, AMPHORA_SYNC_FOR_CPU), -EINVAL);
	EXPECT_EQUAL(module_sync(attachment, SIZE, 64, AMPHORA_SYNC_FOR_CPU), -EINVAL);
	EXPECT_EQUAL(module_sync(attachment, UINT64_MAX - 63, 64, AMPHORA_SYNC_FOR_CPU), -EINVAL);
	EXPECT_EQUAL(module_sync(attachment, 64, UINT64_MAX - 63, AMPHORA_SYNC_FOR_CPU), -EINVAL);
	EXPECT_EQUAL(module_sync(attachment, 0, 0, AMPHORA_SYNC_FOR_CPU), -EINVAL);
	EXPECT_EQUAL(module_sync(attachment, 0, 64, 0), -EINVAL);
	EXPECT_EQUAL(module_sync(attachment, 0, 64, 3), -EINVAL);
	EXPECT_EQUAL(module_sync(attachment, 0, 64, 4), -EINVAL);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_SYNC, &range), -EINVAL);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_SYNC, NULL), -EFAULT);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	close_all();
}

static void expect_ended(int attachment, uint32_t flag)
{
	struct amphora_segments wanted = {.count = 0};

	EXPECT(module_info(attachment).flags & flag);
	EXPECT_EQUAL(module_poll(attachment, 0), POLLHUP | POLLERR);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_SEGMENTS, &wanted), -ESTALE);
	EXPECT_EQUAL(module_sync(attachment, 0, 4096, AMPHORA_SYNC_FOR_CPU), -ESTALE);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_RELEASE, NULL), -ESTALE);
}

static void released_attachment_is_stale(void)
{
	int remote = module_open_remote(), attachment = attach_heap(remote, SIZE, BOTH);

	EXPECT_EQUAL(module_poll(attachment, 0), 0);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	expect_ended(attachment, AMPHORA_ATTACHMENT_RELEASED);
	close_all();
}

static void stop_revokes_and_the_next_life_is_another(void)
{
	int remote = module_open_remote(), attachment = attach_heap(remote, SIZE, BOTH);
	uint64_t boots = module_remote_info(remote).boots;

	EXPECT_EQUAL(module_poll(remote, 0), 0);
	EXPECT_EQUAL(remote_switch("stop"), 0);
	EXPECT_EQUAL(module_poll(remote, WAIT_MS), POLLPRI);
	expect_ended(attachment, AMPHORA_ATTACHMENT_REVOKED);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 0);
	EXPECT_EQUAL(module_remote_info(remote).boots, boots);
	EXPECT_EQUAL(remote_switch("start"), 0);
	EXPECT_EQUAL(module_remote_info(remote).boots, boots + 1);
	expect_ended(attachment, AMPHORA_ATTACHMENT_REVOKED);
	EXPECT_EQUAL(module_attach(remote, attachment, BOTH), -EINVAL);
	close_all();
}

static void close_without_release_stays_until_the_stop(void)
{
	int remote = module_open_remote(), attachment = attach_heap(remote, SIZE, BOTH);
	int copy = dup(attachment);

	close(attachment);
	EXPECT_EQUAL(module_remote_info(remote).quarantine_bytes, 0);
	close(copy);
	EXPECT_EQUAL(module_remote_info(remote).quarantine_bytes, SIZE);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 1);
	EXPECT_EQUAL(remote_switch("stop"), 0);
	EXPECT_EQUAL(module_remote_info(remote).quarantine_bytes, 0);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 0);
	EXPECT_EQUAL(remote_switch("start"), 0);
	close_all();
}

static void set_limit(const char *mib)
{
	int fd = open("/sys/module/amphora/parameters/quarantine_max_mib", O_WRONLY);

	EXPECT(fd >= 0);
	EXPECT_EQUAL(write(fd, mib, strlen(mib)), (ssize_t)strlen(mib));
	close(fd);
}

/* Attached counts too: a process that dies has all of it in quarantine. */
static void user_has_no_more_than_the_limit(void)
{
	int remote = module_open_remote(), dmabuf = module_heap(SIZE, O_RDWR), first, second;

	set_limit("8");
	EXPECT_EQUAL(module_remote_info(remote).quarantine_max, 8 * MIB);
	first = module_attach(remote, dmabuf, BOTH);
	second = module_attach(remote, dmabuf, BOTH);
	EXPECT(first >= 0 && second >= 0);
	EXPECT_EQUAL(module_attach(remote, dmabuf, BOTH), -EDQUOT);
	EXPECT_EQUAL(module_coherent(remote, 4096), -EDQUOT);
	close(first);
	EXPECT_EQUAL(module_remote_info(remote).quarantine_bytes, SIZE);
	EXPECT_EQUAL(module_attach(remote, dmabuf, BOTH), -EDQUOT);
	EXPECT_EQUAL(module_call(second, AMPHORA_IOC_RELEASE, NULL), 0);
	second = module_attach(remote, dmabuf, BOTH);
	EXPECT(second >= 0);
	EXPECT_EQUAL(remote_switch("stop"), 0);
	EXPECT_EQUAL(remote_switch("start"), 0);
	set_limit("0");
	close_all();
}

static void quarantine_of_one_user_is_not_anothers(void)
{
	int remote = module_open_remote(), attachment = attach_heap(remote, SIZE, BOTH);

	close(attachment);
	EXPECT_EQUAL(module_remote_info(remote).quarantine_bytes, SIZE);
	EXPECT_EQUAL(setresuid(1234, 1234, 0), 0);
	EXPECT_EQUAL(module_remote_info(remote).quarantine_bytes, 0);
	EXPECT_EQUAL(setresuid(0, 0, 0), 0);
	EXPECT_EQUAL(remote_switch("stop"), 0);
	EXPECT_EQUAL(remote_switch("start"), 0);
	close_all();
}

/* --- coherent memory --- */

static void coherent_memory_is_seen_by_both_sides(void)
{
	int remote = module_open_remote(), attachment = module_coherent(remote, 10000);
	struct probe_segment *list;
	struct probe probe;
	uint32_t count;
	void *va;

	EXPECT(attachment >= 0);
	EXPECT_EQUAL(module_info(attachment).size, 12288);
	EXPECT(module_info(attachment).flags & AMPHORA_ATTACHMENT_COHERENT);
	va = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, attachment, 0);
	EXPECT(va != MAP_FAILED);
	for (uint32_t i = 0; i < 12288; i++)
		EXPECT_EQUAL(((volatile uint8_t *)va)[i], 0);
	list = (struct probe_segment *)module_segments(attachment, &count);
	EXPECT_EQUAL(probe_open(&probe), 0);
	EXPECT_EQUAL(probe_list(&probe, LIST, list, count), 0);
	memory_fill(va, 12288, 7, 0);
	EXPECT_EQUAL(probe_work(&probe, PROBE_VERIFY, LIST, 7, 0, 12288), 0);
	EXPECT_EQUAL(probe_work(&probe, PROBE_FILL, LIST, 8, 0, 12288), 0);
	EXPECT_EQUAL(memory_verify(va, 12288, 8, 0), 0);
	EXPECT_EQUAL(module_sync(attachment, 0, 64, AMPHORA_SYNC_FOR_DEVICE), 0);
	EXPECT_EQUAL(probe_close(&probe), 0);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	free(list);
	close_all();
}

static void coherent_memory_outlives_its_descriptor_in_a_mapping(void)
{
	int remote = module_open_remote(), attachment = module_coherent(remote, MIB);
	char *va = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, attachment, 0);

	EXPECT(va != MAP_FAILED);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	close(attachment);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 1);
	memset(va, 1, MIB);
	EXPECT_EQUAL(munmap(va, MIB / 2), 0); /* a part of it */
	EXPECT_EQUAL(module_remote_info(remote).attachments, 1);
	EXPECT_EQUAL(munmap(va + MIB / 2, MIB / 2), 0);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 0);
	EXPECT_EQUAL(module_remote_info(remote).quarantine_bytes, 0);
	close_all();
}

static void coherent_memory_of_a_stopped_remote_is_freed_when_it_is_closed(void)
{
	int remote = module_open_remote(), attachment = module_coherent(remote, MIB);

	EXPECT_EQUAL(remote_switch("stop"), 0);
	expect_ended(attachment, AMPHORA_ATTACHMENT_REVOKED);
	EXPECT_EQUAL(mmap(NULL, MIB, PROT_READ, MAP_SHARED, attachment, 0) == MAP_FAILED, 1);
	EXPECT_EQUAL(errno, ESTALE);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 1);
	close(attachment);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 0);
	EXPECT_EQUAL(module_remote_info(remote).quarantine_bytes, 0);
	EXPECT_EQUAL(remote_switch("start"), 0);
	close_all();
}

static void mapping_that_does_not_fit_is_refused(void)
{
	int remote = module_open_remote(), attachment = module_coherent(remote, 8192);
	int dmabuf = attach_heap(remote, 8192, BOTH);

	EXPECT(mmap(NULL, 12288, PROT_READ, MAP_SHARED, attachment, 0) == MAP_FAILED);
	EXPECT(mmap(NULL, 8192, PROT_READ, MAP_SHARED, attachment, 4096) == MAP_FAILED);
	EXPECT(mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, attachment, 0) == MAP_FAILED);
	EXPECT(mmap(NULL, 8192, PROT_READ, MAP_SHARED, dmabuf, 0) == MAP_FAILED);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	EXPECT_EQUAL(module_call(dmabuf, AMPHORA_IOC_RELEASE, NULL), 0);
	close_all();
}

static void coherent_size_is_limited(void)
{
	int remote = module_open_remote();
	struct amphora_coherent made = {.size = 4096, .flags = 1};

	EXPECT_EQUAL(module_coherent(remote, 0), -EINVAL);
	EXPECT_EQUAL(module_coherent(remote, AMPHORA_COHERENT_MAX + 1), -EINVAL);
	EXPECT_EQUAL(module_coherent(remote, UINT64_MAX), -EINVAL);
	EXPECT_EQUAL(module_call(remote, AMPHORA_IOC_COHERENT, &made), -EINVAL);
	EXPECT_EQUAL(module_call(remote, AMPHORA_IOC_COHERENT, NULL), -EFAULT);
	close_all();
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {
		CHECK(other_files_prove_no_remote),
		CHECK(path_only_file_proves_nothing),
		CHECK(endpoint_proves_the_remote_that_it_lives_on),
		CHECK(endpoint_of_a_stopped_remote_proves_nothing),
		CHECK(device_says_its_version),
		CHECK(remote_says_what_it_is),
		CHECK(list_has_the_services_that_were_announced),
		CHECK(wrong_arguments_of_a_remote_are_refused),
		CHECK(segments_cover_the_buffer_at_other_addresses),
		CHECK(remote_reads_and_writes_what_was_attached),
		CHECK(what_is_no_dma_buf_is_not_attached),
		CHECK(descriptor_without_the_right_gives_no_access),
		CHECK(stopped_remote_takes_nothing),
		CHECK(result_that_cannot_be_written_leaves_nothing),
		CHECK(segments_beyond_the_last_are_refused),
		CHECK(sync_outside_the_buffer_is_refused),
		CHECK(released_attachment_is_stale),
		CHECK(stop_revokes_and_the_next_life_is_another),
		CHECK(close_without_release_stays_until_the_stop),
		CHECK(user_has_no_more_than_the_limit),
		CHECK(quarantine_of_one_user_is_not_anothers),
		CHECK(coherent_memory_is_seen_by_both_sides),
		CHECK(coherent_memory_outlives_its_descriptor_in_a_mapping),
		CHECK(coherent_memory_of_a_stopped_remote_is_freed_when_it_is_closed),
		CHECK(mapping_that_does_not_fit_is_refused),
		CHECK(coherent_size_is_limited),
	};
	int failed;

	if (remote_switch("start"))
		return 1;
	failed = check_main(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
	return remote_switch("stop") || failed;
}
