/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma-bufs of others as buffers, and waiting for the kernel's devices.
 * Test code, inside the virtual SoC.
 */
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amphora/dmabuf.h>
#include <amphora/memfd.h>
#include <amphora/target.h>
#include <amphora/time.h>

#include "check.h"
#include "exporters.h"

#define SIZE	65536u
#define SOON_MS 100
#define LONG_MS 60000

static int heap_dmabuf(uint32_t mode)
{
	struct dma_heap_allocation_data request = {.len = SIZE, .fd_flags = mode | O_CLOEXEC};
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);

	EXPECT(heap >= 0);
	EXPECT_EQUAL(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &request), 0);
	close(heap);
	return (int)request.fd;
}

static int import(struct place *p, int fd, uint64_t offset, uint64_t size, uint32_t flags)
{
	return amph_shm_open_dmabuf(&p->memory, &p->shm, &p->storage, "import:theirs", fd, offset,
				    size, flags);
}

static void buffer_of_drm_is_imported_and_shared(void)
{
	struct vgem vgem;
	struct place p;

	place_init(&p, NULL);
	vgem_open(&vgem, true);
	EXPECT_EQUAL(import(&p, vgem.fd, 0, vgem.size, 0), 0);
	EXPECT(p.shm.handle != vgem.fd);
	EXPECT_EQUAL(fcntl((int)p.shm.handle, F_GETFD), FD_CLOEXEC);
	EXPECT_EQUAL(p.shm.segment_count, 0);
	check_zero_write_read(&p.shm);
	void *theirs = mmap(NULL, vgem.size, PROT_READ, MAP_SHARED, vgem.fd, 0);
	EXPECT(theirs != MAP_FAILED);
	check_filled(theirs, vgem.size, 7);
	munmap(theirs, vgem.size);
	check_not_in_child(&p.shm);
	vgem_close(&vgem); /* the import keeps the memory */
	check_filled(p.shm.va, p.shm.size, 7);
	EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
}

static void picture_of_a_camera_is_seen_in_the_import(void)
{
	struct camera camera;
	struct place p;
	uint64_t lit = 0;

	place_init(&p, NULL);
	camera_open(&camera);
	EXPECT_EQUAL(import(&p, camera.fd, 0, camera.size, 0), 0);
	EXPECT(p.shm.va);
	memset(p.shm.va, 0, camera.size);
	camera_take_picture(&camera);
	EXPECT_EQUAL(
		amph_dmabuf_begin_access((int)p.shm.handle, AMPH_CPU_READS, amph_deadline(LONG_MS)),
		0);
	for (uint64_t i = 0; i < camera.size; i++)
		lit += ((const uint8_t *)p.shm.va)[i] != 0;
	EXPECT_EQUAL(
		amph_dmabuf_end_access((int)p.shm.handle, AMPH_CPU_READS, amph_deadline(LONG_MS)),
		0);
	EXPECT(lit > camera.size / 2);
	EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
	camera_close(&camera);
}

static void part_of_a_dmabuf_is_imported(void)
{
	int fd = heap_dmabuf(O_RDWR);
	struct place p;

	place_init(&p, NULL);
	EXPECT_EQUAL(import(&p, fd, 4096, 10000, 0), 0);
	EXPECT_EQUAL(p.shm.handle_offset, 4096);
	check_zero_write_read(&p.shm);
	uint8_t *whole = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	EXPECT(whole != MAP_FAILED);
	check_filled(whole + 4096, 10000, 7);
	munmap(whole, SIZE);
	EXPECT_EQUAL(amph_shm_put(&p.shm), 0);

	EXPECT_REFUSED(import(&p, fd, 100, 4096, 0), -EINVAL, &p.shm.why, "page");
	EXPECT_REFUSED(import(&p, fd, 0, SIZE + 1, 0), -ERANGE, &p.shm.why, "smaller");
	EXPECT_EQUAL(p.shm.why.value, SIZE + 1);
	EXPECT_EQUAL(p.shm.why.limit, SIZE);
	EXPECT_REFUSED(import(&p, fd, 4096, SIZE, 0), -ERANGE, &p.shm.why, "smaller");
	EXPECT_REFUSED(import(&p, fd, SIZE + 4096, 1, 0), -ERANGE, &p.shm.why, "smaller");
	EXPECT_REFUSED(import(&p, fd, 4096, UINT64_MAX, 0), -ERANGE, &p.shm.why, "smaller");
	close(fd);
}

static void what_is_no_dmabuf_is_refused(void)
{
	int fd = memfd_create("none", MFD_CLOEXEC);
	struct amph_why why;
	struct place p;
	uint64_t size;

	place_init(&p, NULL);
	EXPECT_EQUAL(ftruncate(fd, SIZE), 0);
	EXPECT_REFUSED(import(&p, fd, 0, 4096, 0), -EINVAL, &p.shm.why, "no dma-buf");
	EXPECT_REFUSED(amph_dmabuf_size(fd, &size, &why), -EINVAL, &why, "no dma-buf");
	EXPECT_EQUAL(amph_dmabuf_wait_fences(fd, AMPH_DEVICE_READS, 0), -EINVAL);
	EXPECT_EQUAL(amph_dmabuf_begin_access(fd, AMPH_CPU_READS, 0), -EINVAL);
	EXPECT_EQUAL(amph_dmabuf_end_access(fd, AMPH_CPU_READS, 0), -EINVAL);
	close(fd);
	EXPECT_EQUAL(import(&p, fd, 0, 4096, 0), -EBADF);
	EXPECT_EQUAL(import(&p, -1, 0, 4096, 0), -EBADF);
	EXPECT_REFUSED(amph_dmabuf_size(fd, &size, &why), -EBADF, &why, "not open");
	EXPECT_EQUAL(amph_dmabuf_wait_fences(fd, AMPH_DEVICE_READS, 0), -EBADF);
}

static void import_is_as_writable_as_its_fd(void)
{
	struct vgem vgem;
	struct place p;

	place_init(&p, NULL);
	vgem_open(&vgem, false);
	EXPECT_REFUSED(import(&p, vgem.fd, 0, vgem.size, 0), -EROFS, &p.shm.why, "O_RDWR");
	EXPECT_EQUAL(import(&p, vgem.fd, 0, vgem.size, AMPH_SHM_READ_ONLY), 0);
	EXPECT(p.shm.va);
	EXPECT_EQUAL(mprotect(p.shm.va, vgem.size, PROT_READ | PROT_WRITE), -1);
	EXPECT_EQUAL(amph_shm_check_access(&p.shm, 0, 4, true), -EACCES);
	EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
	EXPECT_REFUSED(import(&p, vgem.fd, 0, 1, AMPH_SHM_HUGE), -ENOTSUP, &p.shm.why, "read-only");
	vgem_close(&vgem);
}

/* Write-only: the fd has no mapping to give, as the memory of some exporters. */
static void dmabuf_without_a_mapping_is_a_buffer_without_one(void)
{
	int fd = heap_dmabuf(O_WRONLY);
	struct place p;

	place_init(&p, NULL);
	EXPECT_EQUAL(import(&p, fd, 0, SIZE, AMPH_SHM_READ_ONLY), 0);
	EXPECT_EQUAL((uintptr_t)p.shm.va, 0);
	EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
	close(fd);
}

/* One buffer, that a remote processor could have too, in another process: mapped there, as passed. */
static void other_process_maps_a_heaps_buffer(void)
{
	struct amph_provider_heap heap;
	struct amph_target process;
	struct amph_attachment attachment;
	struct amph_segment segment;
	char path[32];
	struct place p;
	int status;

	EXPECT_EQUAL(amph_provider_heap_init(&heap, "heap", "system", NULL), 0);
	place_init(&p, &heap.provider);
	amph_target_process_init(&process, "process");
	EXPECT_EQUAL(place_open(&p, "heap:shared", SIZE, 0), 0);
	EXPECT_EQUAL(amph_shm_attach(&p.shm, &process, AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES,
				     &attachment, &segment, 1),
		     0);
	EXPECT(attachment.enforced);
	check_fill(p.shm.va, SIZE, 1);
	pid_t child = fork();
	EXPECT(child >= 0);
	if (!child) {
		void *va;

		EXPECT_EQUAL(amph_dmabuf_map((int)p.shm.handle, segment.address, segment.length, 1,
					     &va, NULL),
			     0);
		check_filled(va, SIZE, 1);
		check_fill(va, SIZE, 2);
		EXPECT_EQUAL(amph_memfd_unmap(va, SIZE), 0);
		_exit(0);
	}
	EXPECT_EQUAL(waitpid(child, &status, 0), child);
	EXPECT_EQUAL(status, 0);
	check_filled(p.shm.va, SIZE, 2);
	/* what `enforced` rests on */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", (int)p.shm.handle);
	EXPECT_EQUAL(open(path, O_RDWR | O_CLOEXEC), -1);
	EXPECT_EQUAL(ftruncate((int)p.shm.handle, 0), -1);
	EXPECT_EQUAL(amph_shm_detach(&attachment), 0);
	EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
}

static void name_of_an_import_says_so(void)
{
	int fd = heap_dmabuf(O_RDWR);
	struct place p;

	place_init(&p, NULL);
	EXPECT_REFUSED(
		amph_shm_open_dmabuf(&p.memory, &p.shm, &p.storage, "heap:theirs", fd, 0, SIZE, 0),
		-EINVAL, &p.shm.why, "import:");
	EXPECT_REFUSED(
		amph_shm_open_fd(&p.memory, &p.shm, &p.storage, "import:theirs", fd, 0, SIZE, 0),
		-ENOTSUP, &p.shm.why, "amph_shm_open_dmabuf");
	close(fd);
}

static void reader_waits_for_who_writes_and_a_writer_for_all(void)
{
	struct vgem vgem;
	uint32_t fence;

	vgem_open(&vgem, true);
	EXPECT_EQUAL(amph_dmabuf_wait_fences(vgem.fd, AMPH_DEVICE_READS_WRITES, 0), 0);

	fence = vgem_fence(&vgem, false);
	EXPECT_EQUAL(amph_dmabuf_wait_fences(vgem.fd, AMPH_DEVICE_READS, 0), 0);
	EXPECT_EQUAL(amph_dmabuf_begin_access(vgem.fd, AMPH_CPU_READS, 0), 0);
	EXPECT_EQUAL(amph_dmabuf_end_access(vgem.fd, AMPH_CPU_READS, 0), 0);
	EXPECT_EQUAL(amph_dmabuf_wait_fences(vgem.fd, AMPH_DEVICE_WRITES, 0), -ETIMEDOUT);
	EXPECT_EQUAL(amph_dmabuf_begin_access(vgem.fd, AMPH_CPU_WRITES, 0), -ETIMEDOUT);
	vgem_signal(&vgem, fence);
	EXPECT_EQUAL(amph_dmabuf_wait_fences(vgem.fd, AMPH_DEVICE_WRITES, amph_deadline(LONG_MS)),
		     0);

	fence = vgem_fence(&vgem, true);
	EXPECT_EQUAL(amph_dmabuf_wait_fences(vgem.fd, AMPH_DEVICE_READS, 0), -ETIMEDOUT);
	vgem_signal(&vgem, fence);
	EXPECT_EQUAL(amph_dmabuf_wait_fences(vgem.fd, AMPH_DEVICE_READS, amph_deadline(LONG_MS)),
		     0);
	EXPECT_EQUAL(amph_dmabuf_wait_fences(vgem.fd, 0, 0), -EINVAL);
	EXPECT_EQUAL(amph_dmabuf_wait_fences(vgem.fd, 4, 0), -EINVAL);
	vgem_close(&vgem);
}

static void waiting_ends_at_the_deadline_and_not_before(void)
{
	struct vgem vgem;
	uint64_t start;
	uint32_t fence;

	vgem_open(&vgem, true);
	fence = vgem_fence(&vgem, true);
	start = amph_time_now();
	EXPECT_EQUAL(amph_dmabuf_wait_fences(vgem.fd, AMPH_DEVICE_READS, amph_deadline(SOON_MS)),
		     -ETIMEDOUT);
	EXPECT(amph_time_now() - start >= SOON_MS * UINT64_C(1000000));
	vgem_signal(&vgem, fence);
	vgem_close(&vgem);
}

static void waiting_ends_when_the_device_is_done(void)
{
	struct vgem vgem;
	uint32_t fence;

	vgem_open(&vgem, true);
	fence = vgem_fence(&vgem, true);
	pid_t child = fork();
	EXPECT(child >= 0);
	if (!child) {
		usleep(SOON_MS * 1000);
		vgem_signal(&vgem, fence);
		_exit(0);
	}
	EXPECT_EQUAL(
		amph_dmabuf_begin_access(vgem.fd, AMPH_CPU_READS_WRITES, amph_deadline(LONG_MS)),
		0);
	EXPECT_EQUAL(amph_dmabuf_end_access(vgem.fd, AMPH_CPU_READS_WRITES, amph_deadline(LONG_MS)),
		     0);
	vgem_close(&vgem);
}

static const struct check checks[] = {
	CHECK(buffer_of_drm_is_imported_and_shared),
	CHECK(picture_of_a_camera_is_seen_in_the_import),
	CHECK(part_of_a_dmabuf_is_imported),
	CHECK(what_is_no_dmabuf_is_refused),
	CHECK(import_is_as_writable_as_its_fd),
	CHECK(dmabuf_without_a_mapping_is_a_buffer_without_one),
	CHECK(other_process_maps_a_heaps_buffer),
	CHECK(name_of_an_import_says_so),
	CHECK(reader_waits_for_who_writes_and_a_writer_for_all),
	CHECK(waiting_ends_at_the_deadline_and_not_before),
	CHECK(waiting_ends_when_the_device_is_done),
};

int main(int argc, char **argv)
{
	return check_main(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
