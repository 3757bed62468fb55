/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The heap of protected memory, by the module amphora_protected and by the provider for dma-heaps.
 * Test code, inside the virtual SoC: it sees the memory by /dev/mem, as no program on a board should.
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <amphora/dmabuf.h>
#include <amphora/time.h>

#include "providers/check.h"

#define HEAP   "/dev/dma_heap/protected,amphora"
#define DRIVER "/sys/bus/platform/drivers/amphora_protected/"
#define DEVICE "protected-memory" /* vsoc.dtsi */
#define START  0x5e400000 /* vsoc.dtsi */
#define SIZE   (UINT64_C(4) << 20)
#define PAGE   4096u

static struct amph_provider_heap heap;
static struct place place;

static void set_up(void)
{
	char name[AMPH_HEAP_NAME_MAX];
	struct amph_why why;

	EXPECT_EQUAL(amph_heap_find_protected(name, sizeof(name), &why), 0);
	EXPECT(!strcmp(name, "protected,amphora"));
	EXPECT_EQUAL(amph_provider_heap_init(&heap, "protected", name, &why), 0);
	place_init(&place, &heap.provider);
}

static uint8_t *all_of_it(void)
{
	int file = open("/dev/mem", O_RDWR | O_CLOEXEC);
	void *va = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, START);

	EXPECT(file >= 0 && va != MAP_FAILED);
	close(file);
	return va;
}

static void buffers_of_all_sizes_are_without_a_mapping(void)
{
	static const uint64_t sizes[] = {1, 4096, 65536, 300000, SIZE};

	set_up();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		EXPECT_EQUAL(place_open(&place, "protected:a", sizes[i], AMPH_SHM_PROTECTED), 0);
		EXPECT_EQUAL(place.shm.flags, AMPH_SHM_PROTECTED);
		EXPECT(!place.shm.va);
		EXPECT_EQUAL(place.shm.size, sizes[i]);
		EXPECT_EQUAL(lseek((int)place.shm.handle, 0, SEEK_END),
			     (sizes[i] + PAGE - 1) & ~(PAGE - 1));
		EXPECT_EQUAL(fcntl((int)place.shm.handle, F_GETFD), FD_CLOEXEC);
		EXPECT_EQUAL(amph_shm_check_access(&place.shm, 0, 1, false), -ENOTSUP);
		EXPECT_EQUAL(amph_shm_put(&place.shm), 0);
	}
}

static void every_way_to_touch_one_is_refused(void)
{
	static const int protections[] = {PROT_NONE, PROT_READ, PROT_WRITE, PROT_READ | PROT_WRITE};
	struct dma_buf_sync sync = {.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW};
	char byte;
	int fd;

	set_up();
	EXPECT_EQUAL(place_open(&place, "protected:a", SIZE, 0), 0);
	fd = (int)place.shm.handle;
	for (size_t i = 0; i < sizeof(protections) / sizeof(protections[0]); i++) {
		EXPECT(mmap(NULL, PAGE, protections[i], MAP_SHARED, fd, 0) == MAP_FAILED);
		EXPECT_EQUAL(errno, EACCES);
		EXPECT(mmap(NULL, PAGE, protections[i], MAP_PRIVATE, fd, 0) == MAP_FAILED);
	}
	EXPECT_EQUAL(ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync), -1);
	EXPECT_EQUAL(errno, EACCES);
	EXPECT_EQUAL(amph_dmabuf_begin_access(fd, AMPH_CPU_READS, amph_deadline(1000)), -EACCES);
	EXPECT_EQUAL(read(fd, &byte, 1), -1);
	EXPECT_EQUAL(write(fd, &byte, 1), -1);
	EXPECT_EQUAL(pread(fd, &byte, 1, 0), -1);
	EXPECT_EQUAL(amph_shm_put(&place.shm), 0);
}

static void one_that_is_imported_says_that_it_is_protected(void)
{
	struct place other;
	struct amph_shm_storage storage;
	int fd;

	set_up();
	EXPECT_EQUAL(place_open(&place, "protected:a", SIZE, 0), 0);
	fd = dup((int)place.shm.handle);
	EXPECT_EQUAL(amph_shm_put(&place.shm), 0);
	place_init(&other, &heap.provider);
	storage = other.storage;
	EXPECT_EQUAL(amph_shm_open_dmabuf(&other.memory, &other.shm, &storage, "import:a", fd, 0,
					  SIZE, 0),
		     0);
	EXPECT_EQUAL(other.shm.flags, AMPH_SHM_PROTECTED);
	EXPECT(!other.shm.va);
	close(fd);
	/* it holds the memory */
	EXPECT_REFUSED(place_open(&place, "protected:b", PAGE, 0), -ENOMEM, &place.shm.why,
		       "memory");
	EXPECT_EQUAL(amph_shm_put(&other.shm), 0);
	EXPECT_EQUAL(place_open(&place, "protected:b", SIZE, 0), 0);
	EXPECT_EQUAL(amph_shm_put(&place.shm), 0);
}

static void nothing_of_one_is_left_for_the_next(void)
{
	uint8_t *memory = all_of_it();

	set_up();
	for (int round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < SIZE; i += 8)
			*(volatile uint64_t *)(memory + i) = UINT64_MAX;
		EXPECT_EQUAL(place_open(&place, "protected:a", SIZE, 0), 0);
		for (uint64_t i = 0; i < SIZE; i += 8)
			EXPECT_EQUAL(*(volatile uint64_t *)(memory + i), 0);
		EXPECT_EQUAL(amph_shm_put(&place.shm), 0);
	}
	munmap(memory, SIZE);
}

static void memory_comes_back_when_buffers_are_closed(void)
{
	struct place second;

	set_up();
	place_init(&second, &heap.provider);
	for (int i = 0; i < 100; i++) {
		EXPECT_EQUAL(place_open(&place, "protected:a", SIZE / 4 * 3, 0), 0);
		EXPECT_REFUSED(place_open(&second, "protected:b", SIZE / 2, 0), -ENOMEM,
			       &second.shm.why, "memory");
		EXPECT_EQUAL(place_open(&second, "protected:b", SIZE / 4, 0), 0);
		EXPECT_EQUAL(amph_shm_put(&place.shm), 0);
		EXPECT_EQUAL(amph_shm_put(&second.shm), 0);
	}
	EXPECT_REFUSED(place_open(&place, "protected:a", SIZE + 1, 0), -ENOMEM, &place.shm.why,
		       "memory");
	EXPECT_REFUSED(place_open(&place, "protected:a", UINT64_MAX, 0), -ENOMEM, &place.shm.why,
		       "memory");
}

static int allocate(struct dma_heap_allocation_data request)
{
	int device = open(HEAP, O_RDWR | O_CLOEXEC);
	int error;

	EXPECT(device >= 0);
	error = ioctl(device, DMA_HEAP_IOCTL_ALLOC, &request) ? -errno : 0;
	close(device);
	if (!error)
		close((int)request.fd);
	return error;
}

static void calls_that_make_no_sense_are_refused_and_cost_nothing(void)
{
	int device = open(HEAP, O_RDWR | O_CLOEXEC), descriptors = check_descriptors();
	void *wrong = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(device >= 0 && wrong != MAP_FAILED);
	EXPECT_EQUAL(allocate((struct dma_heap_allocation_data){.fd_flags = O_RDWR}), -EINVAL);
	EXPECT_EQUAL(allocate((struct dma_heap_allocation_data){.len = 1, .fd = 3}), -EINVAL);
	EXPECT_EQUAL(allocate((struct dma_heap_allocation_data){.len = 1, .heap_flags = 1}),
		     -EINVAL);
	EXPECT_EQUAL(allocate((struct dma_heap_allocation_data){.len = 1, .fd_flags = O_APPEND}),
		     -EINVAL);
	EXPECT_EQUAL(allocate((struct dma_heap_allocation_data){.len = UINT64_MAX}), -ENOMEM);
	EXPECT_EQUAL(ioctl(device, DMA_HEAP_IOCTL_ALLOC, NULL), -1);
	EXPECT_EQUAL(errno, EFAULT);
	/* no size; and memory that only the answer can't be written to */
	EXPECT_EQUAL(ioctl(device, DMA_HEAP_IOCTL_ALLOC, wrong), -1);
	EXPECT_EQUAL(errno, EINVAL);
	EXPECT_EQUAL(mprotect(wrong, PAGE, PROT_READ | PROT_WRITE), 0);
	((struct dma_heap_allocation_data *)wrong)->len = SIZE;
	((struct dma_heap_allocation_data *)wrong)->fd_flags = O_RDWR;
	EXPECT_EQUAL(mprotect(wrong, PAGE, PROT_READ), 0);
	for (int i = 0; i < 10; i++) {
		EXPECT_EQUAL(ioctl(device, DMA_HEAP_IOCTL_ALLOC, wrong), -1);
		EXPECT_EQUAL(errno, EFAULT);
	}
	EXPECT_EQUAL(ioctl(device, DMA_BUF_IOCTL_SYNC, wrong), -1);
	EXPECT_EQUAL(errno, ENOTTY);
	EXPECT_EQUAL(check_descriptors(), descriptors);
	close(device);
	EXPECT_EQUAL(allocate((struct dma_heap_allocation_data){.len = SIZE,
								.fd_flags = O_RDWR | O_CLOEXEC}),
		     0);
}

static int tell_driver(const char *what)
{
	char path[96];
	int file, error;

	snprintf(path, sizeof(path), DRIVER "%s", what);
	file = open(path, O_WRONLY | O_CLOEXEC);
	EXPECT(file >= 0);
	error = write(file, DEVICE, strlen(DEVICE)) < 0 ? -errno : 0;
	close(file);
	return error;
}

/* Its memory is the next driver's when the last buffer is gone, and not before. */
static void driver_that_goes_leaves_living_buffers_their_memory(void)
{
	int device, count = check_descriptors();

	set_up();
	EXPECT_EQUAL(place_open(&place, "protected:a", PAGE, 0), 0);
	EXPECT_EQUAL(tell_driver("unbind"), 0);
	EXPECT_EQUAL(open(HEAP, O_RDWR | O_CLOEXEC), -1);
	EXPECT_EQUAL(tell_driver("bind"), -EBUSY);
	EXPECT_EQUAL(amph_shm_put(&place.shm), 0);
	EXPECT_EQUAL(tell_driver("bind"), 0);
	/* an open file alone keeps it as well */
	device = open(HEAP, O_RDWR | O_CLOEXEC);
	EXPECT(device >= 0);
	EXPECT_EQUAL(tell_driver("unbind"), 0);
	EXPECT_EQUAL(tell_driver("bind"), -EBUSY);
	close(device);
	EXPECT_EQUAL(tell_driver("bind"), 0);
	EXPECT_EQUAL(place_open(&place, "protected:a", SIZE, 0), 0);
	EXPECT_EQUAL(amph_shm_put(&place.shm), 0);
	EXPECT_EQUAL(check_descriptors(), count);
}

static void too_few_descriptors_are_an_error_that_costs_nothing(void)
{
	set_up();
	check_few_descriptors(&place, "protected:few", SIZE, 0);
	EXPECT_EQUAL(place_open(&place, "protected:a", SIZE, 0), 0);
	EXPECT_EQUAL(amph_shm_put(&place.shm), 0);
}

static const struct check checks[] = {
	CHECK(buffers_of_all_sizes_are_without_a_mapping),
	CHECK(every_way_to_touch_one_is_refused),
	CHECK(one_that_is_imported_says_that_it_is_protected),
	CHECK(nothing_of_one_is_left_for_the_next),
	CHECK(memory_comes_back_when_buffers_are_closed),
	CHECK(calls_that_make_no_sense_are_refused_and_cost_nothing),
	CHECK(driver_that_goes_leaves_living_buffers_their_memory),
	CHECK(too_few_descriptors_are_an_error_that_costs_nothing),
};

int main(int argc, char **argv)
{
	return check_main(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
