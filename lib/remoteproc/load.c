/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loading: an untrusted image into a coprocessor's memory, with its resources placed.
 * Remoteproc layer; freestanding; knows images, tables and the map, no back-end.
 * First everything is checked, then memory is written: what fails has changed nothing that runs.
 */
#include "remoteproc/place.h"

#include <amphora/order.h>

/* Where a segment goes on this side, checked. */
static int reach_segment(struct amph_rproc *rproc, const struct amph_elf_segment *segment,
			 void **va)
{
	uint64_t pa;

	if (amph_rproc_reach(rproc, segment->address, segment->memory_size, va, &pa))
		return amph_refuse(&rproc->why, -ERANGE,
				   "a segment lies outside the map or the regions",
				   segment->address, segment->memory_size);
	if (amph_rproc_in_carveout(rproc, pa, segment->memory_size))
		return amph_refuse(&rproc->why, -ERANGE, "a segment lies in the carve-out",
				   segment->address, segment->memory_size);
	return 0;
}

static int check_segments(struct amph_rproc *rproc, const struct amph_elf *elf)
{
	struct amph_elf_segment segment;
	bool entry = false;
	uint32_t i;
	void *va;

	if (elf->type != AMPH_ELF_TYPE_EXEC)
		return amph_refuse(&rproc->why, -ENOEXEC,
				   "the image is not linked for fixed addresses", elf->type,
				   AMPH_ELF_TYPE_EXEC);
	for (i = 0; !amph_elf_segment(elf, i, &segment); i++) {
		int error = reach_segment(rproc, &segment, &va);

		if (error)
			return error;
		if (elf->entry >= segment.address &&
		    elf->entry - segment.address < segment.memory_size)
			entry = true;
	}
	if (!i)
		return amph_refuse(&rproc->why, -ENOEXEC, "the image has nothing to load", 0, 1);
	if (!entry)
		return amph_refuse(&rproc->why, -ENOEXEC, "the entry lies in no segment",
				   elf->entry, 0);
	return 0;
}

static int copy_segments(struct amph_rproc *rproc, const struct amph_elf *elf)
{
	struct amph_elf_segment segment;
	void *va;

	for (uint32_t i = 0; !amph_elf_segment(elf, i, &segment); i++) {
		int error = reach_segment(rproc, &segment, &va);

		if (error)
			return error;
		/* what is mapped here has a size that fits */
		amph_copy_to_shared(va, segment.data, (size_t)segment.file_size);
		__builtin_memset((uint8_t *)va + segment.file_size, 0,
				 (size_t)(segment.memory_size - segment.file_size));
	}
	return 0;
}

/*
 * Where a section of the image lies in the processor's memory: in the segment that holds its bytes
 * and runs where it is loaded, as the firmware reads the answers there.
 */
static int find_in_segments(struct amph_rproc *rproc, const struct amph_elf *elf, uint64_t address,
			    const uint8_t *data, uint64_t size)
{
	struct amph_elf_segment segment;
	void *va;

	for (uint32_t i = 0; !amph_elf_segment(elf, i, &segment); i++) {
		uint64_t offset = address - segment.address;

		if (address < segment.address || offset > segment.file_size ||
		    size > segment.file_size - offset || data != segment.data + offset)
			continue;
		if (segment.address != segment.virtual_address)
			return amph_refuse(&rproc->why, -EINVAL,
					   "the resource table does not run where it is loaded",
					   segment.virtual_address, segment.address);
		int error = reach_segment(rproc, &segment, &va);
		if (error)
			return error;
		rproc->table.da = address;
		rproc->table_bytes = (uint8_t *)va + offset;
		if ((uintptr_t)rproc->table_bytes % 4)
			return amph_refuse(&rproc->why, -EINVAL, "the resource table is misaligned",
					   address, 4);
		return 0;
	}
	return amph_refuse(&rproc->why, -EINVAL, "the resource table is in no segment", address,
			   size);
}

/* For an image that is loaded elsewhere: its table gets a block of its own. */
static int place_table(struct amph_rproc *rproc, const uint8_t *data, uint64_t size)
{
	struct amph_io block;
	int error = amph_rproc_take(rproc, size, 64, &block);

	if (error)
		return error;
	amph_copy_to_shared(block.va, data, (size_t)size);
	rproc->table.da = block.da;
	rproc->table_bytes = block.va;
	return 0;
}

/* Finds, checks and places the table, in private memory. No table at all is fine. */
static int load_table(struct amph_rproc *rproc, const struct amph_elf *elf)
{
	uint64_t address, size;
	const uint8_t *data;
	bool here = !rproc->config.ops->load;
	int error = amph_elf_section(elf, ".resource_table", &address, &data, &size, &rproc->why);

	if (error)
		return error == -ENOENT ? 0 : error;
	error = amph_resource_table_parse(&rproc->table, data, size, &rproc->why);
	if (!error && here)
		error = find_in_segments(rproc, elf, address, data, size);
	else if (!error)
		error = place_table(rproc, data, size);
	if (!error)
		error = amph_rproc_place(rproc, here ? elf : NULL);
	return error;
}

/* Writes the answers into the firmware's copy. Its size is that of the checked table. */
static int write_table(struct amph_rproc *rproc)
{
	const struct amph_resource_table *table = &rproc->table;
	int error = 0;

	for (uint32_t i = 0; i < table->memory_count && !error; i++)
		error = amph_resource_table_write_memory(rproc->table_bytes, table->size,
							 &table->memories[i]);
	for (uint32_t i = 0; i < table->trace_count && !error; i++)
		error = amph_resource_table_write_trace(rproc->table_bytes, table->size,
							&table->traces[i]);
	for (uint32_t i = 0; i < table->vdev_count && !error; i++) {
		error = amph_resource_table_write_vdev(rproc->table_bytes, table->size,
						       &table->vdevs[i]);
		if (!error)
			error = amph_resource_table_write_status(rproc->table_bytes, table->size,
								 &table->vdevs[i]);
	}
	return error;
}

static int check_processor(struct amph_rproc *rproc, const struct amph_elf *elf)
{
	if (rproc->config.machine && elf->machine != rproc->config.machine)
		return amph_refuse(&rproc->why, -ENOEXEC, "the image is for another processor",
				   elf->machine, rproc->config.machine);
	if (rproc->config.class_bits && elf->class_bits != rproc->config.class_bits)
		return amph_refuse(&rproc->why, -ENOEXEC,
				   "the image is for a processor of another width", elf->class_bits,
				   rproc->config.class_bits);
	return 0;
}

static int load(struct amph_rproc *rproc, const void *image, uint64_t size)
{
	struct amph_elf elf;
	int error = amph_elf_open(&elf, image, size, &rproc->why);

	if (!error)
		error = check_processor(rproc, &elf);
	if (!error && !rproc->config.ops->load)
		error = check_segments(rproc, &elf);
	if (!error)
		error = load_table(rproc, &elf);
	if (error)
		return error;
	if (!rproc->config.ops->load)
		error = copy_segments(rproc, &elf);
	if (!error && rproc->table_bytes)
		error = write_table(rproc);
	if (!error && rproc->config.ops->load)
		error = rproc->config.ops->load(rproc, image, size);
	rproc->entry = elf.entry;
	return error;
}

int amph_rproc_load(struct amph_rproc *rproc, const void *image, uint64_t size)
{
	rproc->why = (struct amph_why){0};
	if (rproc->state != AMPH_RPROC_OFF)
		return amph_refuse(&rproc->why, -EBUSY, "the remote processor is not off",
				   rproc->state, AMPH_RPROC_OFF);
	int error = load(rproc, image, size);
	if (error) {
		amph_rproc_give_back(rproc);
		return error;
	}
	rproc->message[0] = 0;
	rproc->rung = 0;
	rproc->state = AMPH_RPROC_LOADED;
	return 0;
}
