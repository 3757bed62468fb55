/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ELF images, 32 and 64 bits, little-endian: what a loader needs of an untrusted file.
 * Remoteproc layer; freestanding; every offset and size is checked before it is used.
 */
#ifndef AMPHORA_ELF_H
#define AMPHORA_ELF_H

#include <stdint.h>

#include <amphora/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An image that was checked; points into the caller's memory. */
struct amph_elf {
	const uint8_t *image;
	uint64_t size;
	uint8_t class_bits; /* 32 or 64 */
	uint16_t machine; /* EM_* */
	uint64_t entry;
	uint64_t program_offset, section_offset;
	uint32_t program_count, section_count;
	uint32_t program_size, section_size;
	uint64_t names_offset, names_size; /* section names */
};

/* One PT_LOAD: file_size bytes at data go to address, then zeros up to memory_size. */
struct amph_elf_segment {
	uint64_t address; /* p_paddr: a device address */
	uint64_t virtual_address;
	uint64_t memory_size, file_size;
	const uint8_t *data;
	uint32_t flags;
};

/* Checks the headers. Returns 0, -ENOEXEC and *why. The image must not change while in use. */
int amph_elf_open(struct amph_elf *elf, const void *image, uint64_t size, struct amph_why *why);

/* The PT_LOAD number `index` (counting PT_LOADs only). 0, -ENOENT past the last, -ENOEXEC. */
int amph_elf_segment(const struct amph_elf *elf, uint32_t index, struct amph_elf_segment *segment,
		     struct amph_why *why);

/* A section by name: 0, its address, data and size; -ENOENT; -ENOEXEC. */
int amph_elf_section(const struct amph_elf *elf, const char *name, uint64_t *address,
		     const uint8_t **data, uint64_t *size, struct amph_why *why);

#ifdef __cplusplus
}
#endif

#endif
