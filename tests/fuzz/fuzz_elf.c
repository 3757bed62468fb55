/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the ELF reader: the input is an image. Test code.
 * Whatever it says, what the reader returns lies in the image and is consistent.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/elf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static volatile uint8_t sink;

/* Touches the first and the last byte: a sanitizer sees one that is not the image's. */
static void touch(const uint8_t *bytes, uint64_t length)
{
	if (length)
		sink = (uint8_t)(bytes[0] ^ bytes[length - 1]);
}

static void require_inside(const struct amph_elf *elf, const uint8_t *data, uint64_t length)
{
	require(data >= elf->image);
	require((uint64_t)(data - elf->image) <= elf->size);
	require(length <= elf->size - (uint64_t)(data - elf->image));
	touch(data, length);
}

static void check_segments(const struct amph_elf *elf)
{
	struct amph_elf_segment segments[AMPH_ELF_PROGRAM_MAX + 1], *segment = segments;
	uint64_t last = elf->class_bits == 32 ? UINT32_MAX : UINT64_MAX;
	uint32_t count = 0;

	for (; !amph_elf_segment(elf, count, segment); segment++) {
		require(++count <= AMPH_ELF_PROGRAM_MAX);
		require(segment->memory_size > 0);
		require(segment->file_size <= segment->memory_size);
		require(segment->address <= last);
		require(segment->memory_size - 1 <= last - segment->address);
		require_inside(elf, segment->data, segment->file_size);
		for (const struct amph_elf_segment *other = segments; other < segment; other++)
			require(segment->address > other->address
					? segment->address - other->address >= other->memory_size
					: other->address - segment->address >=
						  segment->memory_size);
	}
	require(amph_elf_segment(elf, UINT32_MAX, segment) == -ENOENT);
}

static void check_section(const struct amph_elf *elf, const char *name)
{
	struct amph_why why = {0};
	const uint8_t *data;
	uint64_t address, size;
	int error = amph_elf_section(elf, name, &address, &data, &size, &why);

	require(!error || error == -ENOENT || error == -ENOEXEC);
	require(error != -ENOEXEC || why.what);
	if (!error)
		require_inside(elf, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct amph_why why = {0};
	struct amph_elf elf;
	uint8_t *image = malloc(size ? size : 1);

	if (!image)
		return 0;
	memcpy(image, data, size);
	int error = amph_elf_open(&elf, image, size, &why);
	require(!error || (error == -ENOEXEC && why.what));
	if (!error) {
		require(elf.class_bits == 32 || elf.class_bits == 64);
		check_segments(&elf);
		check_section(&elf, ".resource_table");
		check_section(&elf, ".names");
		check_section(&elf, "");
	}
	free(image);
	return 0;
}
