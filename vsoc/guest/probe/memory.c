/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory as tests look at it. Test code that runs inside the virtual SoC; see memory.h.
 */
#include "memory.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../remote.h"

#define RANGES	  "/sys/firmware/devicetree/base/coprocessor-bus/dma-ranges"
#define PAGE	  4096u
#define PRESENT	  (1ull << 63)
#define PFN_MASK  ((1ull << 55) - 1)
#define AT_A_TIME 512u /* pages */
#define TAKE_MAX  0x10000000u /* bytes: the window is not smaller than the rest */

static int read_at(const char *path, void *to, size_t size, uint64_t offset)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : pread(file, to, size, (off_t)offset);
	int error = errno;

	if (file >= 0)
		close(file);
	if (length == (ssize_t)size)
		return 0;
	return remote_fail("%s: %s", path, length < 0 ? strerror(error) : "too short");
}

int memory_window_read(struct memory_window *window)
{
	uint64_t cells[3]; /* device address, physical address, length: big-endian */

	if (read_at(RANGES, cells, sizeof(cells), 0))
		return -1;
	window->da = be64toh(cells[0]);
	window->pa = be64toh(cells[1]);
	window->length = be64toh(cells[2]);
	return 0;
}

void memory_fill(void *va, uint64_t size, uint32_t seed, uint64_t offset)
{
	volatile uint32_t *words = va;

	for (uint64_t i = 0; i < size / sizeof(*words); i++)
		words[i] = probe_pattern(seed, offset + i * sizeof(*words));
}

int memory_verify(const void *va, uint64_t size, uint32_t seed, uint64_t offset)
{
	const volatile uint32_t *words = va;

	for (uint64_t i = 0; i < size / sizeof(*words); i++) {
		uint32_t found = words[i];
		uint32_t expected = probe_pattern(seed, offset + i * sizeof(*words));

		if (found != expected)
			return remote_fail("at offset %#llx is %#x, not %#x",
					   (unsigned long long)(offset + i * sizeof(*words)), found,
					   expected);
	}
	return 0;
}

int memory_pages(const void *va, uint64_t size, uint64_t *pages)
{
	uint64_t entries[AT_A_TIME], count = size / PAGE;

	for (uint64_t i = 0; i < count; i++)
		(void)((const volatile uint8_t *)va)[i * PAGE];
	for (uint64_t first = 0; first < count; first += AT_A_TIME) {
		uint64_t here = count - first < AT_A_TIME ? count - first : AT_A_TIME;

		if (read_at("/proc/self/pagemap", entries, here * sizeof(*entries),
			    ((uintptr_t)va / PAGE + first) * sizeof(*entries)))
			return -1;
		for (uint64_t i = 0; i < here; i++) {
			if (!(entries[i] & PRESENT) || !(entries[i] & PFN_MASK))
				return remote_fail("page %llu has no physical address",
						   (unsigned long long)(first + i));
			pages[first + i] = (entries[i] & PFN_MASK) * PAGE;
		}
	}
	return 0;
}

/* Whether all pages are in it, and then where the coprocessor sees them. */
static bool translate(const struct memory_window *window, const uint64_t *pages, uint64_t count,
		      struct probe_segment *segments)
{
	for (uint64_t i = 0; i < count; i++) {
		if (pages[i] < window->pa || pages[i] - window->pa >= window->length)
			return false;
		segments[i] = (struct probe_segment){.address = pages[i] - window->pa + window->da,
						     .length = PAGE};
	}
	return true;
}

uint8_t *memory_inside(const struct memory_window *window, uint64_t size,
		       struct probe_segment *segments)
{
	uint64_t pages[AT_A_TIME];

	for (uint64_t taken = 0; size <= sizeof(pages) / sizeof(pages[0]) * PAGE; taken += size) {
		uint8_t *va = taken > TAKE_MAX ? MAP_FAILED
					       : mmap(NULL, size, PROT_READ | PROT_WRITE,
						      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE |
							      MAP_LOCKED,
						      -1, 0);

		if (va == MAP_FAILED || memory_pages(va, size, pages))
			break;
		if (translate(window, pages, size / PAGE, segments))
			return va;
	}
	remote_fail("no memory that the coprocessor sees");
	return NULL;
}

const volatile void *memory_physical(uint64_t pa, uint64_t size)
{
	int file = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	void *va = MAP_FAILED;

	if (file >= 0)
		va = mmap(NULL, size, PROT_READ, MAP_SHARED, file, (off_t)pa);
	if (va == MAP_FAILED)
		remote_fail("/dev/mem: %s", strerror(errno));
	if (file >= 0)
		close(file);
	return va == MAP_FAILED ? NULL : va;
}
