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

#define AMPH_ELF_PROGRAM_MAX 64u /* program headers; an image with more is refused */
#define AMPH_ELF_TYPE_EXEC   2u /* linked for fixed addresses */
#define AMPH_ELF_TYPE_DYN    3u /* relocated when it runs: an operating system's program */
#define AMPH_ELF_RISCV	     243u

/* An image that was checked; points into the caller's memory. */
struct amph_elf {
	const uint8_t *image;
	uint64_t size;
	uint8_t class_bits; /* 32 or 64 */
	uint16_t type; /* AMPH_ELF_TYPE_* */
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

/*
 * Checks the headers, every PT_LOAD (inside the image, no larger there than in memory, no wrap-around,
 * no two that overlap in memory) and the section names. Extended numbering is refused.
 * Returns 0, or -ENOEXEC and *why. image: private memory that does not change while elf is in use.
 * Any context. Source: System V ABI, chapters 4 and 5 (ELF-32, ELF-64), little-endian.
 */
int amph_elf_open(struct amph_elf *elf, const void *image, uint64_t size, struct amph_why *why);

/*
 * The PT_LOAD number `index`, counting only those that take memory. Returns 0, or -ENOENT past the
 * last. Any context.
 */
int amph_elf_segment(const struct amph_elf *elf, uint32_t index, struct amph_elf_segment *segment);

/*
 * A section by name, its bytes in the image. Returns 0; -ENOENT; -ENOEXEC and *why when its name or
 * its bytes lie outside the image, or it has none there. Any context.
 */
int amph_elf_section(const struct amph_elf *elf, const char *name, uint64_t *address,
		     const uint8_t **data, uint64_t *size, struct amph_why *why);

#ifdef __cplusplus
}
#endif

#endif
