/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ELF images, 32 and 64 bits, little-endian.
 * Remoteproc layer; freestanding; knows bytes, not processors. Trusts nothing in the image.
 * The first step of a firmware's way into a coprocessor's memory.
 */
#include <amphora/elf.h>

#include <stdbool.h>

#define PT_LOAD	      1u
#define SHT_STRTAB    3u
#define SHT_NOBITS    8u
#define PN_XNUM	      0xffffu
#define SHN_LORESERVE 0xff00u

/* Where the fields are, for each class. */
struct layout {
	uint8_t header, program, section; /* bytes of each kind of header */
	uint8_t entry, program_offset, section_offset; /* in the file header; words */
	uint8_t tail; /* e_ehsize and what follows it, in the file header */
	uint8_t p_flags, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz;
	uint8_t s_addr, s_offset, s_size;
};

static const struct layout layout32 = {
	.header = 52,
	.program = 32,
	.section = 40,
	.entry = 24,
	.program_offset = 28,
	.section_offset = 32,
	.tail = 40,
	.p_flags = 24,
	.p_offset = 4,
	.p_vaddr = 8,
	.p_paddr = 12,
	.p_filesz = 16,
	.p_memsz = 20,
	.s_addr = 12,
	.s_offset = 16,
	.s_size = 20,
};

static const struct layout layout64 = {
	.header = 64,
	.program = 56,
	.section = 64,
	.entry = 24,
	.program_offset = 32,
	.section_offset = 40,
	.tail = 52,
	.p_flags = 4,
	.p_offset = 8,
	.p_vaddr = 16,
	.p_paddr = 24,
	.p_filesz = 32,
	.p_memsz = 40,
	.s_addr = 16,
	.s_offset = 24,
	.s_size = 32,
};

static const struct layout *layout_of(const struct amph_elf *elf)
{
	return elf->class_bits == 64 ? &layout64 : &layout32;
}

static uint32_t read16(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8;
}

static uint32_t read32(const uint8_t *bytes)
{
	return read16(bytes) | read16(bytes + 2) << 16;
}

/* An address, offset or size: as wide as the class. */
static uint64_t read_word(const struct amph_elf *elf, const uint8_t *bytes)
{
	if (elf->class_bits == 32)
		return read32(bytes);
	return read32(bytes) | (uint64_t)read32(bytes + 4) << 32;
}

/* Whether offset .. offset + length - 1 lies in the image. */
static bool inside(const struct amph_elf *elf, uint64_t offset, uint64_t length)
{
	return offset <= elf->size && length <= elf->size - offset;
}

static int check_identity(struct amph_elf *elf, struct amph_why *why)
{
	const uint8_t *ident = elf->image;

	if (elf->size < 16)
		return amph_refuse(why, -ENOEXEC, "the image is too short for ELF", elf->size, 16);
	if (ident[0] != 0x7f || ident[1] != 'E' || ident[2] != 'L' || ident[3] != 'F')
		return amph_refuse(why, -ENOEXEC, "the image is no ELF file", ident[0], 0x7f);
	if (ident[4] != 1 && ident[4] != 2)
		return amph_refuse(why, -ENOEXEC, "the ELF class is neither 32 nor 64 bits",
				   ident[4], 2);
	if (ident[5] != 1)
		return amph_refuse(why, -ENOEXEC, "the image is not little-endian", ident[5], 1);
	if (ident[6] != 1)
		return amph_refuse(why, -ENOEXEC, "unknown ELF version", ident[6], 1);
	elf->class_bits = ident[4] == 2 ? 64 : 32;
	return 0;
}

static int read_header(struct amph_elf *elf, struct amph_why *why)
{
	const struct layout *layout = layout_of(elf);
	const uint8_t *header = elf->image;
	const uint8_t *tail = header + layout->tail;

	if (elf->size < layout->header)
		return amph_refuse(why, -ENOEXEC, "the image is shorter than its ELF header",
				   elf->size, layout->header);
	elf->type = (uint16_t)read16(header + 16);
	elf->machine = (uint16_t)read16(header + 18);
	if (elf->type != AMPH_ELF_TYPE_EXEC && elf->type != AMPH_ELF_TYPE_DYN)
		return amph_refuse(why, -ENOEXEC, "the image is not linked: no executable",
				   elf->type, AMPH_ELF_TYPE_EXEC);
	if (read32(header + 20) != 1)
		return amph_refuse(why, -ENOEXEC, "unknown ELF version", read32(header + 20), 1);
	if (read16(tail) != layout->header)
		return amph_refuse(why, -ENOEXEC, "the ELF header has a wrong size", read16(tail),
				   layout->header);
	elf->entry = read_word(elf, header + layout->entry);
	elf->program_offset = read_word(elf, header + layout->program_offset);
	elf->program_size = read16(tail + 2);
	elf->program_count = read16(tail + 4);
	elf->section_offset = read_word(elf, header + layout->section_offset);
	elf->section_size = read16(tail + 6);
	elf->section_count = read16(tail + 8);
	return 0;
}

static const uint8_t *program_header(const struct amph_elf *elf, uint32_t index)
{
	return elf->image + elf->program_offset + (uint64_t)index * elf->program_size;
}

static const uint8_t *section_header(const struct amph_elf *elf, uint32_t index)
{
	return elf->image + elf->section_offset + (uint64_t)index * elf->section_size;
}

static void read_segment(const struct amph_elf *elf, const uint8_t *header,
			 struct amph_elf_segment *segment)
{
	const struct layout *layout = layout_of(elf);

	segment->address = read_word(elf, header + layout->p_paddr);
	segment->virtual_address = read_word(elf, header + layout->p_vaddr);
	segment->memory_size = read_word(elf, header + layout->p_memsz);
	segment->file_size = read_word(elf, header + layout->p_filesz);
	segment->flags = read32(header + layout->p_flags);
	segment->data = elf->image; /* moved on once the offset is known to be good */
}

static bool wraps(const struct amph_elf *elf, uint64_t address, uint64_t length)
{
	uint64_t last = elf->class_bits == 32 ? UINT32_MAX : UINT64_MAX;

	/* length is not 0 */
	return length - 1 > last - address;
}

static int check_segment(const struct amph_elf *elf, uint32_t index, struct amph_why *why)
{
	const uint8_t *header = program_header(elf, index);
	struct amph_elf_segment segment, other;

	if (read32(header) != PT_LOAD)
		return 0;
	read_segment(elf, header, &segment);
	uint64_t offset = read_word(elf, header + layout_of(elf)->p_offset);
	if (!inside(elf, offset, segment.file_size))
		return amph_refuse(why, -ENOEXEC, "a segment's bytes lie outside the image", offset,
				   elf->size);
	if (segment.file_size > segment.memory_size)
		return amph_refuse(why, -ENOEXEC, "a segment is larger in the image than in memory",
				   segment.file_size, segment.memory_size);
	if (!segment.memory_size)
		return 0;
	if (wraps(elf, segment.address, segment.memory_size) ||
	    wraps(elf, segment.virtual_address, segment.memory_size))
		return amph_refuse(why, -ENOEXEC, "a segment wraps around the address space",
				   segment.address, segment.memory_size);
	for (uint32_t i = 0; i < index; i++) {
		header = program_header(elf, i);
		if (read32(header) != PT_LOAD)
			continue;
		read_segment(elf, header, &other);
		/* neither wraps around, so the last bytes can be compared */
		if (other.memory_size &&
		    segment.address <= other.address + (other.memory_size - 1) &&
		    other.address <= segment.address + (segment.memory_size - 1))
			return amph_refuse(why, -ENOEXEC, "two segments overlap", segment.address,
					   other.address);
	}
	return 0;
}

static int check_segments(const struct amph_elf *elf, struct amph_why *why)
{
	if (!elf->program_count)
		return 0;
	if (elf->program_count == PN_XNUM)
		return amph_refuse(why, -ENOEXEC, "extended numbering is not supported",
				   elf->program_count, AMPH_ELF_PROGRAM_MAX);
	if (elf->program_count > AMPH_ELF_PROGRAM_MAX)
		return amph_refuse(why, -ENOEXEC, "too many program headers", elf->program_count,
				   AMPH_ELF_PROGRAM_MAX);
	if (elf->program_size != layout_of(elf)->program)
		return amph_refuse(why, -ENOEXEC, "program headers have a wrong size",
				   elf->program_size, layout_of(elf)->program);
	if (!inside(elf, elf->program_offset, (uint64_t)elf->program_count * elf->program_size))
		return amph_refuse(why, -ENOEXEC, "the program headers lie outside the image",
				   elf->program_offset, elf->size);
	for (uint32_t i = 0; i < elf->program_count; i++) {
		int error = check_segment(elf, i, why);
		if (error)
			return error;
	}
	return 0;
}

/* Finds the table of section names: strings inside the image, the last one closed. */
static int check_names(struct amph_elf *elf, uint32_t index, struct amph_why *why)
{
	const struct layout *layout = layout_of(elf);

	if (index >= elf->section_count)
		return amph_refuse(why, -ENOEXEC, "the section names are in no section", index,
				   elf->section_count);
	const uint8_t *header = section_header(elf, index);
	if (read32(header + 4) != SHT_STRTAB)
		return amph_refuse(why, -ENOEXEC, "the section names are no string table",
				   read32(header + 4), SHT_STRTAB);
	elf->names_offset = read_word(elf, header + layout->s_offset);
	elf->names_size = read_word(elf, header + layout->s_size);
	if (!elf->names_size || !inside(elf, elf->names_offset, elf->names_size))
		return amph_refuse(why, -ENOEXEC, "the section names lie outside the image",
				   elf->names_offset, elf->size);
	if (elf->image[elf->names_offset + elf->names_size - 1])
		return amph_refuse(why, -ENOEXEC, "the last section name is not closed",
				   elf->names_size, 0);
	return 0;
}

static int check_sections(struct amph_elf *elf, struct amph_why *why)
{
	uint32_t names = read16(elf->image + layout_of(elf)->tail + 10);

	if (!elf->section_count) {
		/* with sections, a count of 0 means that the count is in the first section */
		if (elf->section_offset)
			return amph_refuse(why, -ENOEXEC, "extended numbering is not supported",
					   elf->section_offset, 0);
		return 0;
	}
	if (elf->section_count >= SHN_LORESERVE || names >= SHN_LORESERVE)
		return amph_refuse(why, -ENOEXEC, "extended numbering is not supported",
				   elf->section_count, SHN_LORESERVE);
	if (elf->section_size != layout_of(elf)->section)
		return amph_refuse(why, -ENOEXEC, "section headers have a wrong size",
				   elf->section_size, layout_of(elf)->section);
	if (!inside(elf, elf->section_offset, (uint64_t)elf->section_count * elf->section_size))
		return amph_refuse(why, -ENOEXEC, "the section headers lie outside the image",
				   elf->section_offset, elf->size);
	if (!names) /* SHN_UNDEF: sections without names */
		return 0;
	return check_names(elf, names, why);
}

int amph_elf_open(struct amph_elf *elf, const void *image, uint64_t size, struct amph_why *why)
{
	*elf = (struct amph_elf){.image = image, .size = size};
	int error = check_identity(elf, why);
	if (!error)
		error = read_header(elf, why);
	if (!error)
		error = check_segments(elf, why);
	if (!error)
		error = check_sections(elf, why);
	return error;
}

int amph_elf_segment(const struct amph_elf *elf, uint32_t index, struct amph_elf_segment *segment)
{
	for (uint32_t i = 0; i < elf->program_count; i++) {
		const uint8_t *header = program_header(elf, i);

		if (read32(header) != PT_LOAD)
			continue;
		read_segment(elf, header, segment);
		if (!segment->memory_size || index--)
			continue;
		segment->data = elf->image + read_word(elf, header + layout_of(elf)->p_offset);
		return 0;
	}
	return -ENOENT;
}

/* Compares a closed string of the image with a name. */
static bool same_text(const uint8_t *text, const char *name)
{
	while (*text && *text == (uint8_t)*name) {
		text++;
		name++;
	}
	return *text == (uint8_t)*name;
}

int amph_elf_section(const struct amph_elf *elf, const char *name, uint64_t *address,
		     const uint8_t **data, uint64_t *size, struct amph_why *why)
{
	const struct layout *layout = layout_of(elf);

	if (!elf->names_size)
		return -ENOENT;
	for (uint32_t i = 0; i < elf->section_count; i++) {
		const uint8_t *header = section_header(elf, i);
		uint32_t name_offset = read32(header);

		if (name_offset >= elf->names_size)
			return amph_refuse(why, -ENOEXEC, "a section's name lies outside the names",
					   name_offset, elf->names_size);
		/* the last name is closed, so this one ends inside as well */
		if (!same_text(elf->image + elf->names_offset + name_offset, name))
			continue;
		uint64_t offset = read_word(elf, header + layout->s_offset);
		uint64_t length = read_word(elf, header + layout->s_size);
		if (read32(header + 4) == SHT_NOBITS)
			return amph_refuse(why, -ENOEXEC, "the section has no bytes in the image",
					   length, 0);
		if (!inside(elf, offset, length))
			return amph_refuse(why, -ENOEXEC, "a section's bytes lie outside the image",
					   offset, elf->size);
		*address = read_word(elf, header + layout->s_addr);
		*data = elf->image + offset;
		*size = length;
		return 0;
	}
	return -ENOENT;
}
