/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The coprocessor's early start. Tool code; see vsoc_early.h.
 */
#include "vsoc_early.h"
#include "tool.h"

#include <stdlib.h>
#include <string.h>

#include <amphora/elf.h>

/* What is set aside for the firmware: the same numbers are in vsoc/vsoc.dtsi. Linux has the rest. */
#define FIRMWARE_DA   0x9f000000u
#define FIRMWARE_SIZE 0xf00000u

/* A device address of the firmware's. The image was checked: no sum of an address and a size wraps. */
static int reach(const struct vsoc_bridge *bridge, uint64_t da, uint64_t length, void **va)
{
	const struct amph_window *window = &bridge->window;

	if (da < FIRMWARE_DA || da + length > FIRMWARE_DA + FIRMWARE_SIZE)
		return -ERANGE;
	return amph_io_pa_to_va(&bridge->dram->io, window->pa + (da - window->da), length, va);
}

static int load(const struct vsoc_bridge *bridge, const struct amph_elf *elf)
{
	struct amph_elf_segment segment;
	void *va;

	for (uint32_t i = 0; !amph_elf_segment(elf, i, &segment); i++) {
		int error = reach(bridge, segment.address, segment.memory_size, &va);

		if (error)
			return error;
		memcpy(va, segment.data, segment.file_size);
		memset((uint8_t *)va + segment.file_size, 0,
		       segment.memory_size - segment.file_size);
	}
	return 0;
}

static int start(struct vsoc_bridge *bridge, const void *image, uint64_t size, struct amph_why *why)
{
	struct amph_elf elf;
	const uint8_t *table;
	uint64_t table_da, table_size;
	int error = amph_elf_open(&elf, image, size, why);

	if (!error && (elf.machine != AMPH_ELF_RISCV || elf.class_bits != 32))
		error = amph_refuse(why, -ENOEXEC, "no firmware for a riscv32", 0, 0);
	if (!error)
		error = amph_elf_section(&elf, ".resource_table", &table_da, &table, &table_size,
					 why);
	if (error == -ENOENT)
		error = amph_refuse(why, -ENOEXEC, "it has no resource table", 0, 0);
	if (!error)
		error = load(bridge, &elf);
	if (error)
		return error;
	return vsoc_bridge_start_early(bridge, elf.entry, table_da, table_size);
}

int vsoc_early_start(struct vsoc_bridge *bridge, const char *path)
{
	struct amph_why why = {0};
	char text[256];
	uint64_t size;
	int error;
	uint8_t *image = tool_read_file(path, &size, &error);

	if (image)
		error = start(bridge, image, size, &why);
	free(image);
	if (error)
		tool_error("%s can't be started before Linux: %s", path,
			   tool_why(&why, error, text, sizeof(text)));
	return error;
}
