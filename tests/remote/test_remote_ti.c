/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The target "remote TI" on a kernel that the test plays, by the numbers and the layout that are known
 * of TI's. Test code; it has never met TI's kernel.
 */
#include "unit/memory_fixture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <amphora/remote_ti.h>

int __real_open(const char *path, int flags, ...);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

static struct {
	int open_error, attach_error, again;
	int32_t stops;
	unsigned opened, attached;
	int device; /* the last one opened */
	uint64_t da;
	uint64_t sync[8]; /* the flags of each */
	unsigned syncs;
} ti;

static struct fixture f;

int __wrap_open(const char *path, int flags, ...)
{
	if (strcmp(path, "/dev/remoteproc2") != 0)
		return __real_open(path, flags, 0);
	errno = ti.open_error;
	if (errno)
		return -1;
	ti.opened++;
	ti.device = memfd_create("remoteproc2", MFD_CLOEXEC);
	return ti.device;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	unsigned char *bytes;
	va_list values;
	uint32_t handle;

	va_start(values, request);
	bytes = va_arg(values, void *);
	va_end(values);
	switch (request) {
	case 0x8004b702: /* RPROC_GET_SHUTDOWN_ON_RELEASE */
		memcpy(bytes, &ti.stops, 4);
		return 0;
	case 0xc010b700: /* RPROC_IOC_DMA_BUF_ATTACH: u32 fd, u32 pad, u64 da */
		memcpy(&handle, bytes, 4);
		errno = ti.attach_error;
		if (ti.again && ti.again--)
			errno = EINTR;
		if (errno)
			return -1;
		assert_int_equal(fd, ti.device);
		assert_int_equal(handle, 77);
		memcpy(bytes + 8, &ti.da, 8);
		ti.attached++;
		return 0;
	case 0x40086200: /* DMA_BUF_IOCTL_SYNC */
		assert_int_equal(fd, 77);
		memcpy(&ti.sync[ti.syncs++ % 8], bytes, 8);
		return 0;
	default:
		return __real_ioctl(fd, request, bytes);
	}
}

static struct amph_remote_ti remote;

static void open_all(void)
{
	struct amph_why why = {0};

	memset(&ti, 0, sizeof(ti));
	ti.da = 0xa0000000;
	assert_int_equal(amph_remote_ti_init(&remote, "r5f", 2, &why), 0);
	assert_int_equal(fcntl(ti.device, F_GETFD), -1);
	fixture_init(&f, 4);
	fixture_open(&f, 0x10000, 0);
	f.shm.handle = 77;
}

static int attach(void)
{
	return amph_shm_attach(&f.shm, &remote.target, AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES,
			       &f.to_a, f.segments_a, 4);
}

static void attachment_is_one_address_and_a_descriptor(void **state)
{
	(void)state;
	open_all();
	ti.again = 2;
	assert_int_equal(attach(), 0);
	assert_int_equal(f.to_a.segment_count, 1);
	assert_int_equal(f.to_a.segments[0].address, 0xa0000000);
	assert_int_equal(f.to_a.segments[0].length, 0x10000);
	assert_false(f.to_a.enforced);
	assert_int_equal(fcntl(ti.device, F_GETFD), FD_CLOEXEC);
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	assert_int_equal(fcntl(ti.device, F_GETFD), -1);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	fixture_free(&f);
}

static void lost_processor_keeps_its_descriptor_until_it_is_off(void **state)
{
	(void)state;
	open_all();
	assert_int_equal(attach(), 0);
	amph_target_lost(&remote.target);
	assert_int_equal(amph_shm_detach(&f.to_a), -EBUSY);
	assert_int_equal(fcntl(ti.device, F_GETFD), FD_CLOEXEC);
	amph_target_off(&remote.target);
	assert_int_equal(fcntl(ti.device, F_GETFD), -1);
	fixture_free(&f);
}

static void only_whole_buffers_cross_where_it_is_not_coherent(void **state)
{
	(void)state;
	open_all();
	assert_int_equal(attach(), 0);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 0, 0x8000, false), -ENOTSUP, &f.shm);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 0x8000, 0x8000, false), -ENOTSUP, &f.shm);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 0x10000, false), 0);
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 0, 0x8000), -ENOTSUP, &f.shm);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 0, 0x10000), 0);
	assert_int_equal(ti.syncs, 2);
	assert_int_equal(ti.sync[0], 4 | 3); /* the CPU's access ends, */
	assert_int_equal(ti.sync[1], 0 | 3); /* and begins */
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 0x10000, false), 0);
	amph_target_off(&remote.target);
	assert_int_equal(ti.syncs, 4);
	fixture_free(&f);

	open_all();
	remote.target.coherent = true;
	assert_int_equal(attach(), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 1, 7, false), 0);
	assert_int_equal(ti.syncs, 0);
	amph_target_off(&remote.target);
	fixture_free(&f);
}

static void what_can_not_be_attached_is_refused_with_nothing_open(void **state)
{
	static const struct {
		int error, result;
	} cases[] = {{ENOTTY, -ENOTSUP}, {EINVAL, -EINVAL}, {ENOMEM, -ENOMEM}};

	(void)state;
	open_all();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ti.attach_error = cases[i].error;
		assert_refused(attach(), cases[i].result, &f.shm);
		assert_int_equal(fcntl(ti.device, F_GETFD), -1);
	}
	ti.attach_error = 0;
	ti.da = 0xffff8000; /* wider than 32 bits at its end */
	assert_refused(attach(), -ERANGE, &f.shm);
	assert_int_equal(fcntl(ti.device, F_GETFD), -1);
	ti.stops = 1;
	assert_refused(attach(), -EBUSY, &f.shm);
	assert_int_equal(fcntl(ti.device, F_GETFD), -1);
	ti.open_error = EACCES;
	assert_refused(attach(), -EACCES, &f.shm);
	f.shm.handle_offset = 4096;
	assert_refused(attach(), -EINVAL, &f.shm);
	f.shm.handle = -1;
	assert_refused(attach(), -ENOTSUP, &f.shm);
	f.shm.handle = 77;
	f.shm.handle_offset = 0;
	assert_refused(amph_shm_attach(&f.shm, &remote.target, AMPH_DEVICE_READS,
				       AMPH_SYNC_MESSAGES, &f.to_a, NULL, 0),
		       -ENOSPC, &f.shm);
	fixture_free(&f);
}

static void processor_that_a_close_would_stop_is_no_target(void **state)
{
	struct amph_why why = {0};

	(void)state;
	memset(&ti, 0, sizeof(ti));
	ti.stops = 1;
	assert_int_equal(amph_remote_ti_init(&remote, "r5f", 2, &why), -EBUSY);
	assert_non_null(strstr(why.what, "SHUTDOWN_ON_RELEASE"));
	ti.open_error = ENOENT;
	assert_int_equal(amph_remote_ti_init(&remote, "r5f", 2, &why), -ENOENT);
	assert_int_equal(amph_remote_ti_init_checked(&remote, "r5f", 2, NULL, AMPH_ABI, 1),
			 -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attachment_is_one_address_and_a_descriptor),
		cmocka_unit_test(lost_processor_keeps_its_descriptor_until_it_is_off),
		cmocka_unit_test(only_whole_buffers_cross_where_it_is_not_coherent),
		cmocka_unit_test(what_can_not_be_attached_is_refused_with_nothing_open),
		cmocka_unit_test(processor_that_a_close_would_stop_is_no_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
