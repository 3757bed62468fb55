/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Placing resources: each entry of a checked resource table gets memory, or its own is checked.
 * Remoteproc layer; freestanding; knows the map, the regions and the carve-out, no back-end.
 * Nothing here writes to the processor's memory but zeros into fresh blocks and rings.
 */
#include "remoteproc/place.h"

#include <stddef.h>

#include <amphora/virtqueue.h>

int amph_rproc_reach(const struct amph_rproc *rproc, uint64_t da, uint64_t length, void **va,
		     uint64_t *pa)
{
	int error = amph_map_da_to_pa(&rproc->config.map, da, length, pa);

	if (error)
		return error;
	for (uint32_t i = 0; i < rproc->config.region_count; i++) {
		const struct amph_io *region = &rproc->config.regions[i];

		if (region->va && !amph_io_pa_to_va(region, *pa, length, va))
			return 0;
	}
	return -ERANGE;
}

bool amph_rproc_overlap(uint64_t start, uint64_t length, uint64_t other, uint64_t other_length)
{
	return start <= other + (other_length - 1) && other <= start + (length - 1);
}

bool amph_rproc_in_carveout(const struct amph_rproc *rproc, uint64_t pa, uint64_t length)
{
	const struct amph_pool *pool = rproc->config.carveout;

	return pool && amph_rproc_overlap(pa, length, rproc->config.carveout_pa, pool->size);
}

int amph_rproc_take(struct amph_rproc *rproc, uint64_t length, uint64_t alignment,
		    struct amph_io *block)
{
	uint64_t offset, pa, da;
	uint32_t number;
	void *va;

	if (!rproc->config.carveout || rproc->placed_count == AMPH_RPROC_PLACED_MAX)
		return amph_refuse(&rproc->why, -ENOSPC, "there is no carve-out to place it in",
				   length, rproc->placed_count);
	if (amph_pool_allocate(rproc->config.carveout, length, alignment, &offset, &number))
		return amph_refuse(&rproc->why, -ENOSPC, "the carve-out is full", length,
				   rproc->config.carveout->size - rproc->config.carveout->used);
	rproc->placed[rproc->placed_count++] = number;
	pa = rproc->config.carveout_pa + offset; /* init checked that the pool does not wrap */
	if (amph_map_pa_to_da(&rproc->config.map, pa, length, &da) ||
	    amph_rproc_reach(rproc, da, length, &va, &pa))
		return amph_refuse(&rproc->why, -ERANGE,
				   "a block of the carve-out lies outside the map or the regions",
				   pa, length);
	/* resource tables have 32-bit addresses, and all ones means none */
	if (da + (length - 1) >= UINT32_MAX || pa + (length - 1) >= UINT32_MAX)
		return amph_refuse(&rproc->why, -ERANGE,
				   "a block of the carve-out lies beyond 32 bits", da, UINT32_MAX);
	__builtin_memset(va, 0, (size_t)length);
	*block = (struct amph_io){.va = va, .pa = pa, .da = da, .size = length};
	return 0;
}

void amph_rproc_give_back(struct amph_rproc *rproc)
{
	while (rproc->placed_count)
		amph_pool_free(rproc->config.carveout, rproc->placed[--rproc->placed_count]);
	rproc->table = (struct amph_resource_table){0};
	rproc->table_bytes = NULL;
	rproc->rpmsg = NULL;
	rproc->buffers = (struct amph_io){0};
	rproc->trace_position = 0;
}

/* A resource that brings its own address: it must be memory this side reaches, and not the carve-out. */
static int check_fixed(struct amph_rproc *rproc, uint32_t da, uint64_t length, void **va,
		       uint32_t *pa)
{
	uint64_t wide;

	if (amph_rproc_reach(rproc, da, length, va, &wide))
		return amph_refuse(&rproc->why, -ERANGE,
				   "a resource lies outside the map or the regions", da, length);
	if (amph_rproc_in_carveout(rproc, wide, length))
		return amph_refuse(&rproc->why, -ERANGE, "a resource lies in the carve-out", da,
				   length);
	if (wide + (length - 1) >= UINT32_MAX || (uint64_t)da + (length - 1) >= UINT32_MAX)
		return amph_refuse(&rproc->why, -ERANGE, "a resource lies beyond 32 bits", wide,
				   UINT32_MAX);
	*pa = (uint32_t)wide;
	return 0;
}

/* A range and the image: it may hold whole segments where `around` is set, but parts of none. */
static int check_image(struct amph_rproc *rproc, const struct amph_elf *elf, uint64_t da,
		       uint64_t length, bool around)
{
	struct amph_elf_segment segment;

	for (uint32_t i = 0; elf && !amph_elf_segment(elf, i, &segment); i++) {
		if (!amph_rproc_overlap(da, length, segment.address, segment.memory_size))
			continue;
		if (around && segment.address >= da && segment.address - da <= length - 1 &&
		    segment.memory_size <= length - (segment.address - da))
			continue;
		return amph_refuse(&rproc->why, -EINVAL, "a resource overlaps the image", da,
				   segment.address);
	}
	return 0;
}

/* A range and the first `count` carveouts of the table. */
static int check_memories(struct amph_rproc *rproc, uint32_t count, uint64_t da, uint64_t length)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct amph_resource_memory *memory = &rproc->table.memories[i];

		if (memory->type == AMPH_RESOURCE_CARVEOUT &&
		    amph_rproc_overlap(da, length, memory->da, memory->length))
			return amph_refuse(&rproc->why, -EINVAL, "two resources overlap in memory",
					   da, memory->da);
	}
	return 0;
}

static int place_memory(struct amph_rproc *rproc, const struct amph_elf *elf, uint32_t index)
{
	struct amph_resource_memory *memory = &rproc->table.memories[index];
	struct amph_io block;
	uint64_t pa;
	void *va;
	int error;

	if (memory->type == AMPH_RESOURCE_DEVMEM) {
		/* registers: the map has them where the firmware wants them, or nobody can help */
		if (amph_map_da_to_pa(&rproc->config.map, memory->da, memory->length, &pa) ||
		    pa != memory->pa)
			return amph_refuse(&rproc->why, -ENOTSUP,
					   "device memory that the map does not have there",
					   memory->da, memory->pa);
		return 0;
	}
	if (memory->da == AMPH_RESOURCE_ANY) {
		error = amph_rproc_take(rproc, memory->length, 4096, &block);
		if (error)
			return error;
		memory->da = (uint32_t)block.da;
		memory->pa = (uint32_t)block.pa;
		return 0;
	}
	error = check_fixed(rproc, memory->da, memory->length, &va, &memory->pa);
	if (!error)
		error = check_image(rproc, elf, memory->da, memory->length, true);
	if (!error)
		error = check_memories(rproc, index, memory->da, memory->length);
	return error;
}

static int place_trace(struct amph_rproc *rproc, struct amph_resource_trace *trace)
{
	struct amph_io block;
	uint32_t pa;
	void *va;

	if (trace->da != AMPH_RESOURCE_ANY)
		return check_fixed(rproc, trace->da, trace->length, &va, &pa);
	int error = amph_rproc_take(rproc, trace->length, 64, &block);
	if (!error)
		trace->da = (uint32_t)block.da;
	return error;
}

/* A ring and the rings of the table before it. */
static int check_vrings(struct amph_rproc *rproc, const struct amph_resource_vring *vring,
			uint32_t length)
{
	for (uint32_t i = 0; i < rproc->table.vdev_count; i++) {
		struct amph_resource_vdev *vdev = &rproc->table.vdevs[i];

		for (uint32_t j = 0; j < vdev->vring_count; j++) {
			const struct amph_resource_vring *other = &vdev->vrings[j];

			if (other == vring)
				return 0;
			if (amph_rproc_overlap(vring->da, length, other->da,
					       amph_vring_size(other->count, other->align)))
				return amph_refuse(&rproc->why, -EINVAL, "two rings overlap",
						   vring->da, other->da);
		}
	}
	return 0;
}

static int place_vring(struct amph_rproc *rproc, const struct amph_elf *elf,
		       struct amph_resource_vring *vring)
{
	uint32_t length = amph_vring_size(vring->count, vring->align);
	struct amph_io block;
	void *va;
	int error;

	if (!length)
		return amph_refuse(&rproc->why, -EINVAL, "a ring has an impossible size",
				   vring->count, vring->align);
	if (vring->da == AMPH_RESOURCE_ANY) {
		error = amph_rproc_take(rproc, length, vring->align > 4096 ? vring->align : 4096,
					&block);
		if (error)
			return error;
		vring->da = (uint32_t)block.da;
		vring->pa = (uint32_t)block.pa;
		return 0;
	}
	if (vring->da % 16)
		return amph_refuse(&rproc->why, -EINVAL, "a ring is misaligned", vring->da, 16);
	error = check_fixed(rproc, vring->da, length, &va, &vring->pa);
	if (!error)
		error = check_image(rproc, elf, vring->da, length, false);
	if (!error)
		error = check_memories(rproc, rproc->table.memory_count, vring->da, length);
	if (!error)
		error = check_vrings(rproc, vring, length);
	if (!error)
		__builtin_memset(va, 0, length);
	return error;
}

/* Gives the rings without a notify id, or with one that another has, the lowest free one. */
static void give_notify_ids(struct amph_resource_table *table)
{
	uint32_t taken = 0; /* at most four rings share 32 ids */
	bool open[AMPH_RESOURCE_VDEV_MAX][AMPH_RESOURCE_VRING_MAX] = {{false}};

	for (uint32_t i = 0; i < table->vdev_count; i++)
		for (uint32_t j = 0; j < table->vdevs[i].vring_count; j++) {
			uint32_t id = table->vdevs[i].vrings[j].notify_id;

			open[i][j] = id == AMPH_RESOURCE_ANY || (taken >> id & 1);
			if (!open[i][j])
				taken |= 1u << id;
		}
	for (uint32_t i = 0; i < table->vdev_count; i++)
		for (uint32_t j = 0; j < table->vdevs[i].vring_count; j++) {
			uint32_t id = 0;

			if (!open[i][j])
				continue;
			while (taken >> id & 1)
				id++;
			table->vdevs[i].vrings[j].notify_id = id;
			taken |= 1u << id;
		}
}

static bool is_buffer_of(const char *name, uint32_t vdev)
{
	const char want[] = {'v', 'd', 'e', 'v', (char)('0' + vdev), 'b', 'u', 'f',
			     'f', 'e', 'r', 0};

	for (uint32_t i = 0; i < sizeof(want); i++)
		if (name[i] != want[i])
			return false;
	return true;
}

/* Finds or takes the memory that the messages of an RPMsg vdev live in. */
static int place_buffers(struct amph_rproc *rproc, uint32_t index)
{
	const struct amph_resource_vdev *vdev = &rproc->table.vdevs[index];
	uint64_t need = 0;

	for (uint32_t i = 0; i < vdev->vring_count; i++)
		need += (uint64_t)vdev->vrings[i].count * rproc->config.buffer_size;
	for (uint32_t i = 0; i < rproc->table.memory_count; i++) {
		const struct amph_resource_memory *memory = &rproc->table.memories[i];

		if (memory->type != AMPH_RESOURCE_CARVEOUT || !is_buffer_of(memory->name, index))
			continue;
		if (memory->length < need)
			return amph_refuse(&rproc->why, -ENOSPC,
					   "the carveout for message buffers is too small",
					   memory->length, need);
		rproc->buffers.da = memory->da;
		rproc->buffers.size = memory->length;
		return amph_rproc_reach(rproc, memory->da, rproc->buffers.size, &rproc->buffers.va,
					&rproc->buffers.pa);
	}
	return amph_rproc_take(rproc, need, 4096, &rproc->buffers);
}

static int place_vdev(struct amph_rproc *rproc, const struct amph_elf *elf, uint32_t index)
{
	struct amph_resource_vdev *vdev = &rproc->table.vdevs[index];
	int error = 0;

	for (uint32_t i = 0; i < vdev->vring_count && !error; i++)
		error = place_vring(rproc, elf, &vdev->vrings[i]);
	if (error)
		return error;
	vdev->status = 0;
	vdev->driver_features = 0;
	if (vdev->id != AMPH_VIRTIO_ID_RPMSG || vdev->vring_count != 2 || rproc->rpmsg)
		return 0;
	rproc->rpmsg = vdev;
	vdev->driver_features = vdev->device_features & rproc->config.features &
				(AMPH_VIRTIO_RPMSG_F_NS | AMPH_VIRTIO_RING_F_EVENT_IDX);
	return place_buffers(rproc, index);
}

int amph_rproc_place(struct amph_rproc *rproc, const struct amph_elf *elf)
{
	int error = 0;

	for (uint32_t i = 0; i < rproc->table.memory_count && !error; i++)
		error = place_memory(rproc, elf, i);
	for (uint32_t i = 0; i < rproc->table.trace_count && !error; i++)
		error = place_trace(rproc, &rproc->table.traces[i]);
	for (uint32_t i = 0; i < rproc->table.vdev_count && !error; i++)
		error = place_vdev(rproc, elf, i);
	if (!error)
		give_notify_ids(&rproc->table);
	return error;
}
