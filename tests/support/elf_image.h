/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Builds ELF images and resource tables in memory, right ones that a test then makes lie.
 * Test code; an independent writer: it shares no offset with the reader in lib/remoteproc.
 */
#ifndef TESTS_ELF_IMAGE_H
#define TESTS_ELF_IMAGE_H

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_SEGMENTS 3
#define IMAGE_SECTIONS 3 /* none, .resource_table, .names */
#define IMAGE_MAX      16384

struct image {
	uint32_t bits;
	uint32_t size;
	_Alignas(8) uint8_t bytes[IMAGE_MAX];
};

static const char image_names[] = "\0.resource_table\0.names";

/* A field of a header in either class: IMAGE_SET(image, Ehdr, 0, e_entry, 5). */
#define IMAGE_SET(image, kind, index, field, value)                              \
	do {                                                                     \
		if ((image)->bits == 32)                                         \
			((Elf32_##kind *)image_##kind(image, index))->field =    \
				(__typeof__(((Elf32_##kind *)0)->field))(value); \
		else                                                             \
			((Elf64_##kind *)image_##kind(image, index))->field =    \
				(__typeof__(((Elf64_##kind *)0)->field))(value); \
	} while (0)

#define IMAGE_GET(image, kind, index, field)                                                 \
	((image)->bits == 32 ? (uint64_t)((Elf32_##kind *)image_##kind(image, index))->field \
			     : (uint64_t)((Elf64_##kind *)image_##kind(image, index))->field)

static inline uint32_t image_header_size(const struct image *image)
{
	return image->bits == 32 ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr);
}

static inline uint32_t image_phdr_size(const struct image *image)
{
	return image->bits == 32 ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr);
}

static inline uint32_t image_shdr_size(const struct image *image)
{
	return image->bits == 32 ? sizeof(Elf32_Shdr) : sizeof(Elf64_Shdr);
}

static inline void *image_Ehdr(struct image *image, uint32_t index)
{
	(void)index;
	return image->bytes;
}

static inline void *image_Phdr(struct image *image, uint32_t index)
{
	return image->bytes + image_header_size(image) + index * image_phdr_size(image);
}

static inline void *image_Shdr(struct image *image, uint32_t index)
{
	return image->bytes + image_header_size(image) + IMAGE_SEGMENTS * image_phdr_size(image) +
	       index * image_shdr_size(image);
}

static inline void image_segment(struct image *image, uint32_t index, uint32_t type, uint64_t at,
				 uint64_t offset, uint64_t file_size, uint64_t memory_size)
{
	IMAGE_SET(image, Phdr, index, p_type, type);
	IMAGE_SET(image, Phdr, index, p_offset, offset);
	IMAGE_SET(image, Phdr, index, p_vaddr, at);
	IMAGE_SET(image, Phdr, index, p_paddr, at);
	IMAGE_SET(image, Phdr, index, p_filesz, file_size);
	IMAGE_SET(image, Phdr, index, p_memsz, memory_size);
}

/*
 * Segment 0: 64 bytes of code at base, 256 in memory; segment 1: a note; segment 2: the table at
 * base + 4096, as long as the table and zeros to 4096. Entry: base + 4.
 */
static inline void image_build(struct image *image, uint32_t bits, uint64_t base, const void *table,
			       uint32_t table_size)
{
	uint32_t offset;

	memset(image, 0, sizeof(*image));
	image->bits = bits;
	memcpy(image->bytes, ELFMAG, SELFMAG);
	image->bytes[EI_CLASS] = bits == 32 ? ELFCLASS32 : ELFCLASS64;
	image->bytes[EI_DATA] = ELFDATA2LSB;
	image->bytes[EI_VERSION] = EV_CURRENT;
	offset = (uint32_t)((uint8_t *)image_Shdr(image, IMAGE_SECTIONS) - image->bytes);
	IMAGE_SET(image, Ehdr, 0, e_type, ET_EXEC);
	IMAGE_SET(image, Ehdr, 0, e_machine, EM_RISCV);
	IMAGE_SET(image, Ehdr, 0, e_version, EV_CURRENT);
	IMAGE_SET(image, Ehdr, 0, e_entry, base + 4);
	IMAGE_SET(image, Ehdr, 0, e_phoff, image_header_size(image));
	IMAGE_SET(image, Ehdr, 0, e_shoff, (uint8_t *)image_Shdr(image, 0) - image->bytes);
	IMAGE_SET(image, Ehdr, 0, e_ehsize, image_header_size(image));
	IMAGE_SET(image, Ehdr, 0, e_phentsize, image_phdr_size(image));
	IMAGE_SET(image, Ehdr, 0, e_phnum, IMAGE_SEGMENTS);
	IMAGE_SET(image, Ehdr, 0, e_shentsize, image_shdr_size(image));
	IMAGE_SET(image, Ehdr, 0, e_shnum, IMAGE_SECTIONS);
	IMAGE_SET(image, Ehdr, 0, e_shstrndx, 2);
	IMAGE_SET(image, Shdr, 2, sh_name, 17);
	IMAGE_SET(image, Shdr, 2, sh_type, SHT_STRTAB);
	IMAGE_SET(image, Shdr, 2, sh_offset, offset);
	IMAGE_SET(image, Shdr, 2, sh_size, sizeof(image_names));
	memcpy(image->bytes + offset, image_names, sizeof(image_names));
	offset += (uint32_t)sizeof(image_names);
	image_segment(image, 0, PT_LOAD, base, offset, 64, 256);
	for (uint32_t i = 0; i < 64; i++)
		image->bytes[offset + i] = (uint8_t)(0x40 + i);
	offset += 64;
	image_segment(image, 1, PT_NOTE, 0, offset, 0, 0);
	image_segment(image, 2, PT_LOAD, base + 4096, offset, table_size, 4096);
	IMAGE_SET(image, Shdr, 1, sh_name, 1);
	IMAGE_SET(image, Shdr, 1, sh_type, SHT_PROGBITS);
	IMAGE_SET(image, Shdr, 1, sh_addr, base + 4096);
	IMAGE_SET(image, Shdr, 1, sh_offset, offset);
	IMAGE_SET(image, Shdr, 1, sh_size, table_size);
	if (table_size)
		memcpy(image->bytes + offset, table, table_size);
	image->size = offset + table_size;
}

/* A heap copy that ends with the image's last byte: a sanitizer sees the first byte too far. */
static inline uint8_t *image_copy(const struct image *image)
{
	uint8_t *copy = malloc(image->size ? image->size : 1);

	if (!copy)
		abort();
	memcpy(copy, image->bytes, image->size);
	return copy;
}

/* --- resource tables --- */

#define TABLE_MAX 2048

struct test_table {
	uint32_t words[TABLE_MAX / 4];
	uint32_t size; /* bytes */
};

static inline void table_begin(struct test_table *table, uint32_t count)
{
	memset(table, 0, sizeof(*table));
	table->words[0] = 1;
	table->words[1] = count;
	table->size = 16 + 4 * count;
}

/* Appends an entry of `bytes` bytes as number `index`; returns its words. */
static inline uint32_t *table_entry(struct test_table *table, uint32_t index, uint32_t type,
				    uint32_t bytes)
{
	uint32_t *words = table->words + table->size / 4;

	table->words[4 + index] = table->size;
	table->size += bytes;
	words[0] = type;
	return words;
}

static inline uint32_t *table_carveout(struct test_table *table, uint32_t index, uint32_t da,
				       uint32_t length, const char *name)
{
	uint32_t *words = table_entry(table, index, 0, 56);

	words[1] = da;
	words[2] = 0xffffffff;
	words[3] = length;
	strncpy((char *)(words + 6), name, 31);
	return words;
}

static inline uint32_t *table_trace(struct test_table *table, uint32_t index, uint32_t da,
				    uint32_t length)
{
	uint32_t *words = table_entry(table, index, 2, 48);

	words[1] = da;
	words[2] = length;
	strncpy((char *)(words + 4), "trace", 31);
	return words;
}

/* An RPMsg device with two rings of 16, F_NS and EVENT_IDX, notify ids 0 and 1. */
static inline uint32_t *table_vdev(struct test_table *table, uint32_t index, uint32_t da0,
				   uint32_t da1)
{
	uint32_t *words = table_entry(table, index, 3, 28 + 40);

	words[1] = 7;
	words[3] = 1u | 1u << 29;
	words[6] = 2u << 8;
	for (uint32_t i = 0; i < 2; i++) {
		words[7 + 5 * i] = i ? da1 : da0;
		words[8 + 5 * i] = 64;
		words[9 + 5 * i] = 16;
		words[10 + 5 * i] = i;
		words[11 + 5 * i] = 0xffffffff;
	}
	return words;
}

#endif
