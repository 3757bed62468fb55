/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ELF images that are right, and each lie that one can tell, in both classes.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <amphora/elf.h>

#include "support/elf_image.h"

#define BASE 0x80000000u

static const uint8_t table_bytes[40] = "the table";
static const uint32_t classes[2] = {32, 64};

static void build(struct image *image, uint32_t bits)
{
	image_build(image, bits, BASE, table_bytes, sizeof(table_bytes));
}

static int open_copy(const struct image *image, struct amph_elf *elf, uint8_t **copy,
		     struct amph_why *why)
{
	*copy = image_copy(image);
	*why = (struct amph_why){0};
	return amph_elf_open(elf, *copy, image->size, why);
}

static void assert_refused(const struct image *image, const char *what)
{
	struct amph_elf elf;
	struct amph_why why;
	uint8_t *copy;

	assert_int_equal(open_copy(image, &elf, &copy, &why), -ENOEXEC);
	assert_non_null(why.what);
	assert_string_equal(why.what, what);
	assert_int_equal(amph_elf_open(&elf, copy, image->size, NULL), -ENOEXEC);
	free(copy);
}

static void assert_accepted(const struct image *image)
{
	struct amph_elf elf;
	struct amph_why why;
	uint8_t *copy;

	assert_int_equal(open_copy(image, &elf, &copy, &why), 0);
	free(copy);
}

static void right_image_is_read_in_both_classes(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct amph_elf_segment segment;
		struct amph_elf elf;
		struct amph_why why;
		struct image image;
		const uint8_t *data;
		uint64_t address, size;
		uint8_t *copy;

		build(&image, classes[i]);
		assert_int_equal(open_copy(&image, &elf, &copy, &why), 0);
		assert_int_equal(elf.class_bits, classes[i]);
		assert_int_equal(elf.machine, EM_RISCV);
		assert_int_equal(elf.type, AMPH_ELF_TYPE_EXEC);
		assert_int_equal(elf.entry, BASE + 4);
		assert_int_equal(amph_elf_segment(&elf, 0, &segment), 0);
		assert_int_equal(segment.address, BASE);
		assert_int_equal(segment.virtual_address, BASE);
		assert_int_equal(segment.file_size, 64);
		assert_int_equal(segment.memory_size, 256);
		assert_int_equal(segment.data[0], 0x40);
		assert_int_equal(segment.data[63], 0x7f);
		assert_int_equal(amph_elf_segment(&elf, 1, &segment), 0);
		assert_int_equal(segment.address, BASE + 4096);
		assert_memory_equal(segment.data, table_bytes, sizeof(table_bytes));
		assert_int_equal(amph_elf_segment(&elf, 2, &segment), -ENOENT);
		assert_int_equal(
			amph_elf_section(&elf, ".resource_table", &address, &data, &size, &why), 0);
		assert_int_equal(address, BASE + 4096);
		assert_int_equal(size, sizeof(table_bytes));
		assert_memory_equal(data, table_bytes, sizeof(table_bytes));
		/* no prefix and no longer name is the same name */
		assert_int_equal(amph_elf_section(&elf, ".resource", &address, &data, &size, &why),
				 -ENOENT);
		assert_int_equal(
			amph_elf_section(&elf, ".resource_tables", &address, &data, &size, &why),
			-ENOENT);
		free(copy);
	}
}

static void image_that_is_cut_short_anywhere_is_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct image image;

		build(&image, classes[i]);
		for (uint32_t size = 0; size < image.size; size++) {
			struct amph_elf elf;
			struct image cut = image;
			struct amph_why why;
			uint8_t *copy;

			cut.size = size;
			assert_int_equal(open_copy(&cut, &elf, &copy, &why), -ENOEXEC);
			free(copy);
		}
	}
}

static void wrong_identity_is_refused(void **state)
{
	struct image image;

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		build(&image, 32);
		image.bytes[i] ^= 1;
		assert_refused(&image, "the image is no ELF file");
	}
	for (uint32_t class = 0; class < 4; class += 3) {
		build(&image, 32);
		image.bytes[EI_CLASS] = (uint8_t) class;
		assert_refused(&image, "the ELF class is neither 32 nor 64 bits");
	}
	build(&image, 64);
	image.bytes[EI_DATA] = ELFDATA2MSB;
	assert_refused(&image, "the image is not little-endian");
	build(&image, 64);
	image.bytes[EI_VERSION] = 2;
	assert_refused(&image, "unknown ELF version");
	build(&image, 32);
	image.size = 15;
	assert_refused(&image, "the image is too short for ELF");
}

/* One field of one header set to one value, in both classes, and what it is refused for. */
#define REFUSED(kind, index, field, value, what)                    \
	do {                                                        \
		for (int c = 0; c < 2; c++) {                       \
			struct image lie;                           \
			build(&lie, classes[c]);                    \
			IMAGE_SET(&lie, kind, index, field, value); \
			assert_refused(&lie, what);                 \
		}                                                   \
	} while (0)

#define ACCEPTED(kind, index, field, value)                           \
	do {                                                          \
		for (int c = 0; c < 2; c++) {                         \
			struct image other;                           \
			build(&other, classes[c]);                    \
			IMAGE_SET(&other, kind, index, field, value); \
			assert_accepted(&other);                      \
		}                                                     \
	} while (0)

static void wrong_file_header_is_refused(void **state)
{
	(void)state;
	REFUSED(Ehdr, 0, e_type, ET_REL, "the image is not linked: no executable");
	REFUSED(Ehdr, 0, e_type, ET_CORE, "the image is not linked: no executable");
	ACCEPTED(Ehdr, 0, e_type, ET_DYN);
	REFUSED(Ehdr, 0, e_version, 2, "unknown ELF version");
	REFUSED(Ehdr, 0, e_version, 0x10001, "unknown ELF version");
	REFUSED(Ehdr, 0, e_ehsize, 51, "the ELF header has a wrong size");
	REFUSED(Ehdr, 0, e_ehsize, 65, "the ELF header has a wrong size");
}

static void program_headers_that_lie_are_refused(void **state)
{
	struct image image;

	(void)state;
	REFUSED(Ehdr, 0, e_phnum, PN_XNUM, "extended numbering is not supported");
	REFUSED(Ehdr, 0, e_phnum, 65, "too many program headers");
	REFUSED(Ehdr, 0, e_phentsize, 31, "program headers have a wrong size");
	REFUSED(Ehdr, 0, e_phentsize, 57, "program headers have a wrong size");
	REFUSED(Ehdr, 0, e_phentsize, 0, "program headers have a wrong size");
	REFUSED(Ehdr, 0, e_phoff, 0xffffffff, "the program headers lie outside the image");
	build(&image, 64);
	IMAGE_SET(&image, Ehdr, 0, e_phoff, UINT64_MAX - 55);
	assert_refused(&image, "the program headers lie outside the image");
	for (int c = 0; c < 2; c++) {
		build(&image, classes[c]);
		IMAGE_SET(&image, Ehdr, 0, e_phoff, image.size - 3 * image_phdr_size(&image) + 1);
		assert_refused(&image, "the program headers lie outside the image");
	}
	/* none at all is no lie: a library for something else may be, wherever they would be */
	ACCEPTED(Ehdr, 0, e_phnum, 0);
	for (int c = 0; c < 2; c++) {
		build(&image, classes[c]);
		IMAGE_SET(&image, Ehdr, 0, e_phnum, 0);
		IMAGE_SET(&image, Ehdr, 0, e_phentsize, 0);
		assert_accepted(&image);
		/* a header and nothing else; one byte less is no header */
		IMAGE_SET(&image, Ehdr, 0, e_shnum, 0);
		IMAGE_SET(&image, Ehdr, 0, e_shoff, 0);
		image.size = image_header_size(&image);
		assert_accepted(&image);
		image.size--;
		assert_refused(&image, "the image is shorter than its ELF header");
		image.size = 16;
		assert_refused(&image, "the image is shorter than its ELF header");
		/* as many as there may be */
		build(&image, classes[c]);
		IMAGE_SET(&image, Ehdr, 0, e_phoff, image.size);
		IMAGE_SET(&image, Ehdr, 0, e_phnum, 64);
		image.size += 64 * image_phdr_size(&image);
		assert_accepted(&image);
		IMAGE_SET(&image, Ehdr, 0, e_phnum, 65);
		image.size += image_phdr_size(&image);
		assert_refused(&image, "too many program headers");
	}
}

static void segments_that_lie_are_refused(void **state)
{
	struct image image;

	(void)state;
	ACCEPTED(Phdr, 2, p_filesz, 40);
	REFUSED(Phdr, 2, p_filesz, 41, "a segment's bytes lie outside the image");
	REFUSED(Phdr, 2, p_filesz, 0xffffffff, "a segment's bytes lie outside the image");
	REFUSED(Phdr, 2, p_offset, 0xffffffff, "a segment's bytes lie outside the image");
	REFUSED(Phdr, 0, p_memsz, 63, "a segment is larger in the image than in memory");
	REFUSED(Phdr, 0, p_memsz, 0, "a segment is larger in the image than in memory");
	/* overlap by one byte, from either side, and not by none */
	ACCEPTED(Phdr, 0, p_memsz, 4096);
	REFUSED(Phdr, 0, p_memsz, 4097, "two segments overlap");
	ACCEPTED(Phdr, 2, p_paddr, BASE + 256);
	REFUSED(Phdr, 2, p_paddr, BASE + 255, "two segments overlap");
	ACCEPTED(Phdr, 2, p_paddr, BASE - 4096);
	REFUSED(Phdr, 2, p_paddr, BASE - 4095, "two segments overlap");
	for (int c = 0; c < 2; c++) {
		uint64_t top = classes[c] == 32 ? 0xffffffff : UINT64_MAX;

		build(&image, classes[c]);
		IMAGE_SET(&image, Phdr, 0, p_paddr, top - 255);
		assert_accepted(&image);
		IMAGE_SET(&image, Phdr, 0, p_paddr, top - 254);
		assert_refused(&image, "a segment wraps around the address space");
		build(&image, classes[c]);
		IMAGE_SET(&image, Phdr, 0, p_vaddr, top - 254);
		assert_refused(&image, "a segment wraps around the address space");
	}
	build(&image, 64);
	IMAGE_SET(&image, Phdr, 2, p_filesz, UINT64_MAX);
	assert_refused(&image, "a segment's bytes lie outside the image");
	build(&image, 64);
	IMAGE_SET(&image, Phdr, 2, p_offset, UINT64_MAX);
	assert_refused(&image, "a segment's bytes lie outside the image");
	build(&image, 64);
	IMAGE_SET(&image, Phdr, 2, p_memsz, UINT64_MAX);
	assert_refused(&image, "a segment wraps around the address space");
}

static void segment_without_memory_is_not_counted(void **state)
{
	struct amph_elf_segment segment;
	struct amph_elf elf;
	struct amph_why why;
	struct image image;
	uint8_t *copy;

	(void)state;
	for (int c = 0; c < 2; c++) {
		build(&image, classes[c]);
		/* at the address of another: what has no size overlaps nothing */
		image_segment(&image, 0, PT_LOAD, BASE + 4100, 0, 0, 0);
		assert_int_equal(open_copy(&image, &elf, &copy, &why), 0);
		assert_int_equal(amph_elf_segment(&elf, 0, &segment), 0);
		assert_int_equal(segment.address, BASE + 4096);
		assert_int_equal(amph_elf_segment(&elf, 1, &segment), -ENOENT);
		free(copy);
		/* what is not loaded takes no memory either */
		build(&image, classes[c]);
		image_segment(&image, 1, PT_NOTE, BASE + 4096, 0, 64, 64);
		assert_accepted(&image);
		/* in the other order as well */
		build(&image, classes[c]);
		image_segment(&image, 2, PT_LOAD, BASE + 4, 0, 0, 0);
		assert_accepted(&image);
	}
}

static void section_headers_that_lie_are_refused(void **state)
{
	struct image image;

	(void)state;
	REFUSED(Ehdr, 0, e_shnum, 0, "extended numbering is not supported");
	REFUSED(Ehdr, 0, e_shnum, 0xff00, "extended numbering is not supported");
	REFUSED(Ehdr, 0, e_shstrndx, SHN_XINDEX, "extended numbering is not supported");
	REFUSED(Ehdr, 0, e_shstrndx, 3, "the section names are in no section");
	REFUSED(Ehdr, 0, e_shstrndx, 1, "the section names are no string table");
	REFUSED(Ehdr, 0, e_shentsize, 39, "section headers have a wrong size");
	REFUSED(Ehdr, 0, e_shentsize, 65, "section headers have a wrong size");
	REFUSED(Ehdr, 0, e_shoff, 0xffffff00, "the section headers lie outside the image");
	REFUSED(Shdr, 2, sh_size, 0, "the section names lie outside the image");
	REFUSED(Shdr, 2, sh_size, 0xffffffff, "the section names lie outside the image");
	REFUSED(Shdr, 2, sh_offset, 0xffffffff, "the section names lie outside the image");
	REFUSED(Shdr, 2, sh_size, sizeof(image_names) - 3, "the last section name is not closed");
	for (int c = 0; c < 2; c++) {
		build(&image, classes[c]);
		IMAGE_SET(&image, Shdr, 2, sh_offset, image.size - sizeof(image_names) + 1);
		assert_refused(&image, "the section names lie outside the image");
		build(&image, classes[c]);
		IMAGE_SET(&image, Ehdr, 0, e_shoff, image.size - 3 * image_shdr_size(&image) + 1);
		assert_refused(&image, "the section headers lie outside the image");
	}
}

static void image_without_sections_or_names_has_no_section(void **state)
{
	(void)state;
	for (int c = 0; c < 4; c++) {
		struct amph_elf elf;
		struct amph_why why;
		struct image image;
		const uint8_t *data;
		uint64_t address, size;
		uint8_t *copy;

		build(&image, classes[c % 2]);
		IMAGE_SET(&image, Ehdr, 0, e_shstrndx, 0);
		if (c >= 2) {
			IMAGE_SET(&image, Ehdr, 0, e_shoff, 0);
			IMAGE_SET(&image, Ehdr, 0, e_shnum, 0);
		}
		assert_int_equal(open_copy(&image, &elf, &copy, &why), 0);
		assert_int_equal(
			amph_elf_section(&elf, ".resource_table", &address, &data, &size, &why),
			-ENOENT);
		free(copy);
	}
}

static void section_that_lies_is_refused_when_it_is_looked_for(void **state)
{
	static const struct {
		int field;
		uint64_t value;
		const char *what;
	} lies[] = {
		{0, sizeof(image_names), "a section's name lies outside the names"},
		{0, 0xffffffff, "a section's name lies outside the names"},
		{1, SHT_NOBITS, "the section has no bytes in the image"},
		{2, 0xffffffff, "a section's bytes lie outside the image"},
		{3, sizeof(table_bytes) + 1, "a section's bytes lie outside the image"},
		{3, 0xffffffff, "a section's bytes lie outside the image"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]) * 2; i++) {
		struct amph_elf elf;
		struct amph_why why;
		struct image image;
		const uint8_t *data;
		uint64_t address, size;
		uint8_t *copy;
		int field = lies[i / 2].field;

		build(&image, classes[i % 2]);
		if (field == 0)
			IMAGE_SET(&image, Shdr, 1, sh_name, lies[i / 2].value);
		else if (field == 1)
			IMAGE_SET(&image, Shdr, 1, sh_type, lies[i / 2].value);
		else if (field == 2)
			IMAGE_SET(&image, Shdr, 1, sh_offset, lies[i / 2].value);
		else
			IMAGE_SET(&image, Shdr, 1, sh_size, lies[i / 2].value);
		assert_int_equal(open_copy(&image, &elf, &copy, &why), 0);
		assert_int_equal(
			amph_elf_section(&elf, ".resource_table", &address, &data, &size, &why),
			-ENOEXEC);
		assert_string_equal(why.what, lies[i / 2].what);
		free(copy);
	}
}

/* The last byte of the names may be the last of the image: a name there is read to its end only. */
static void name_at_the_end_of_the_image_is_not_read_past(void **state)
{
	struct amph_elf elf;
	struct amph_why why;
	struct image image;
	const uint8_t *data;
	uint64_t address, size;
	uint8_t *copy;

	(void)state;
	build(&image, 32);
	memcpy(image.bytes + image.size, "\0.resource", 10);
	IMAGE_SET(&image, Shdr, 2, sh_offset, image.size);
	IMAGE_SET(&image, Shdr, 2, sh_size, 11);
	IMAGE_SET(&image, Shdr, 2, sh_name, 1);
	image.size += 11;
	assert_int_equal(open_copy(&image, &elf, &copy, &why), 0);
	assert_int_equal(amph_elf_section(&elf, ".resource_table", &address, &data, &size, &why),
			 -ENOENT);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_image_is_read_in_both_classes),
		cmocka_unit_test(image_that_is_cut_short_anywhere_is_refused),
		cmocka_unit_test(wrong_identity_is_refused),
		cmocka_unit_test(wrong_file_header_is_refused),
		cmocka_unit_test(program_headers_that_lie_are_refused),
		cmocka_unit_test(segments_that_lie_are_refused),
		cmocka_unit_test(segment_without_memory_is_not_counted),
		cmocka_unit_test(section_headers_that_lie_are_refused),
		cmocka_unit_test(image_without_sections_or_names_has_no_section),
		cmocka_unit_test(section_that_lies_is_refused_when_it_is_looked_for),
		cmocka_unit_test(name_at_the_end_of_the_image_is_not_read_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
