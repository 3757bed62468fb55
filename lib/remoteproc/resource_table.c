/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Resource table: parsing an untrusted one, and writing the loader's answers into the firmware's copy.
 * Remoteproc layer; freestanding; knows the layout, not where anything is placed.
 * It says what a coprocessor needs before it starts: memory, rings, a trace buffer.
 */
#include <amphora/resource_table.h>

#include <stdbool.h>
#include <stddef.h>

#include <amphora/order.h>

#define TABLE_HEADER  16u
#define MEMORY_BYTES  56u
#define TRACE_BYTES   48u
#define VDEV_BYTES    28u
#define VRING_BYTES   20u
#define VDEV_FEATURES 16u /* driver features */
#define VDEV_STATUS   24u /* the word: status, ring count, two reserved bytes */

struct reader {
	const uint8_t *bytes;
	uint32_t size;
	uint32_t starts[AMPH_RESOURCE_ENTRY_MAX];
	uint32_t ends[AMPH_RESOURCE_ENTRY_MAX];
	uint32_t count;
	struct amph_why *why;
};

static uint32_t read32(const struct reader *reader, uint32_t offset)
{
	const uint8_t *bytes = reader->bytes + offset;

	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

static int read_name(const struct reader *reader, uint32_t offset, char *name)
{
	for (uint32_t i = 0; i < AMPH_RESOURCE_NAME; i++)
		name[i] = (char)reader->bytes[offset + i];
	if (name[AMPH_RESOURCE_NAME - 1])
		return amph_refuse(reader->why, -EINVAL, "a resource's name is not closed", offset,
				   AMPH_RESOURCE_NAME);
	return 0;
}

/* Whether the entry at `where`, `length` bytes, ends inside the table. */
static int check_room(const struct reader *reader, uint32_t where, uint64_t length)
{
	if (length > reader->size - where)
		return amph_refuse(reader->why, -EINVAL, "a resource reaches past the table's end",
				   where + length, reader->size);
	return 0;
}

static int parse_memory(const struct reader *reader, uint32_t where,
			struct amph_resource_table *table)
{
	if (table->memory_count == AMPH_RESOURCE_MEMORY_MAX)
		return amph_refuse(reader->why, -ENOSPC, "too many carveouts", where,
				   AMPH_RESOURCE_MEMORY_MAX);
	struct amph_resource_memory *memory = &table->memories[table->memory_count];
	int error = check_room(reader, where, MEMORY_BYTES);
	if (error)
		return error;
	*memory = (struct amph_resource_memory){
		.type = read32(reader, where),
		.where = where,
		.da = read32(reader, where + 4),
		.pa = read32(reader, where + 8),
		.length = read32(reader, where + 12),
		.flags = read32(reader, where + 16),
	};
	if (read32(reader, where + 20))
		return amph_refuse(reader->why, -EINVAL, "a carveout's reserved word is not 0",
				   read32(reader, where + 20), 0);
	if (!memory->length)
		return amph_refuse(reader->why, -EINVAL, "a carveout has no length", where, 1);
	table->memory_count++;
	return read_name(reader, where + 24, memory->name);
}

static int parse_trace(const struct reader *reader, uint32_t where,
		       struct amph_resource_table *table)
{
	if (table->trace_count == AMPH_RESOURCE_TRACE_MAX)
		return amph_refuse(reader->why, -ENOSPC, "too many trace buffers", where,
				   AMPH_RESOURCE_TRACE_MAX);
	struct amph_resource_trace *trace = &table->traces[table->trace_count];
	int error = check_room(reader, where, TRACE_BYTES);
	if (error)
		return error;
	*trace = (struct amph_resource_trace){
		.where = where,
		.da = read32(reader, where + 4),
		.length = read32(reader, where + 8),
	};
	if (read32(reader, where + 12))
		return amph_refuse(reader->why, -EINVAL, "a trace's reserved word is not 0",
				   read32(reader, where + 12), 0);
	if (!trace->length)
		return amph_refuse(reader->why, -EINVAL, "a trace buffer has no length", where, 1);
	table->trace_count++;
	return read_name(reader, where + 16, trace->name);
}

static bool power_of_two(uint32_t value)
{
	return value && !(value & (value - 1));
}

static int parse_vring(const struct reader *reader, uint32_t where,
		       struct amph_resource_vring *vring)
{
	*vring = (struct amph_resource_vring){
		.da = read32(reader, where),
		.align = read32(reader, where + 4),
		.count = read32(reader, where + 8),
		.notify_id = read32(reader, where + 12),
		.pa = read32(reader, where + 16),
	};
	if (!power_of_two(vring->count) || vring->count > 32768)
		return amph_refuse(reader->why, -EINVAL,
				   "a ring's count is no power of two up to 32768", vring->count,
				   32768);
	if (!power_of_two(vring->align) || vring->align > AMPH_RESOURCE_ALIGN_MAX)
		return amph_refuse(reader->why, -EINVAL,
				   "a ring's alignment is no power of two up to 65536",
				   vring->align, AMPH_RESOURCE_ALIGN_MAX);
	if (vring->notify_id >= AMPH_RESOURCE_NOTIFY_MAX && vring->notify_id != AMPH_RESOURCE_ANY)
		return amph_refuse(reader->why, -EINVAL, "a ring's notify id is too large",
				   vring->notify_id, AMPH_RESOURCE_NOTIFY_MAX);
	return 0;
}

static int parse_vdev(const struct reader *reader, uint32_t where, uint32_t *length,
		      struct amph_resource_table *table)
{
	if (table->vdev_count == AMPH_RESOURCE_VDEV_MAX)
		return amph_refuse(reader->why, -ENOSPC, "too many virtio devices", where,
				   AMPH_RESOURCE_VDEV_MAX);
	struct amph_resource_vdev *vdev = &table->vdevs[table->vdev_count];
	int error = check_room(reader, where, VDEV_BYTES);
	if (error)
		return error;
	uint32_t status = read32(reader, where + VDEV_STATUS);
	*vdev = (struct amph_resource_vdev){
		.where = where,
		.id = read32(reader, where + 4),
		.notify_id = read32(reader, where + 8),
		.device_features = read32(reader, where + 12),
		.driver_features = read32(reader, where + VDEV_FEATURES),
		.config_length = read32(reader, where + 20),
		.status = (uint8_t)status,
		.vring_count = status >> 8 & 0xff,
	};
	if (status >> 16)
		return amph_refuse(reader->why, -EINVAL, "a vdev's reserved bytes are not 0",
				   status >> 16, 0);
	if (vdev->vring_count > AMPH_RESOURCE_VRING_MAX)
		return amph_refuse(reader->why, -EINVAL, "a vdev has too many rings",
				   vdev->vring_count, AMPH_RESOURCE_VRING_MAX);
	uint64_t bytes =
		VDEV_BYTES + (uint64_t)vdev->vring_count * VRING_BYTES + vdev->config_length;
	error = check_room(reader, where, bytes);
	if (error)
		return error;
	*length = (uint32_t)bytes;
	for (uint32_t i = 0; i < vdev->vring_count && !error; i++)
		error = parse_vring(reader, where + VDEV_BYTES + i * VRING_BYTES, &vdev->vrings[i]);
	table->vdev_count++;
	return error;
}

/* Where a vendor's entry ends, as nothing says how long it is: at the next entry. */
static uint32_t next_entry(const struct reader *reader, uint32_t where)
{
	uint32_t end = reader->size;

	for (uint32_t i = 0; i < reader->count; i++)
		if (reader->starts[i] > where && reader->starts[i] < end)
			end = reader->starts[i];
	return end;
}

static int parse_vendor(const struct reader *reader, uint32_t where, uint32_t *length,
			struct amph_resource_table *table)
{
	if (table->vendor_count == AMPH_RESOURCE_VENDOR_MAX)
		return amph_refuse(reader->why, -ENOSPC, "too many vendor resources", where,
				   AMPH_RESOURCE_VENDOR_MAX);
	*length = next_entry(reader, where) - where;
	table->vendors[table->vendor_count++] = (struct amph_resource_vendor){
		.type = read32(reader, where),
		.where = where,
		.length = *length,
	};
	return 0;
}

static int parse_entry(struct reader *reader, uint32_t index, struct amph_resource_table *table)
{
	uint32_t where = reader->starts[index];
	uint32_t type = read32(reader, where);
	uint32_t length = 0;
	int error;

	if (type == AMPH_RESOURCE_CARVEOUT || type == AMPH_RESOURCE_DEVMEM) {
		length = MEMORY_BYTES;
		error = parse_memory(reader, where, table);
	} else if (type == AMPH_RESOURCE_TRACE) {
		length = TRACE_BYTES;
		error = parse_trace(reader, where, table);
	} else if (type == AMPH_RESOURCE_VDEV) {
		error = parse_vdev(reader, where, &length, table);
	} else if (type >= AMPH_RESOURCE_VENDOR_FIRST && type <= AMPH_RESOURCE_VENDOR_LAST) {
		error = parse_vendor(reader, where, &length, table);
	} else {
		error = amph_refuse(reader->why, -ENOTSUP, "an unknown type of resource", type,
				    AMPH_RESOURCE_VENDOR_LAST);
	}
	reader->ends[index] = where + length;
	return error;
}

/* Reads the list of entries: aligned, behind the header, with room for a type, none twice. */
static int read_offsets(struct reader *reader, uint32_t count)
{
	uint32_t header = TABLE_HEADER + 4 * count;

	if (reader->size < header)
		return amph_refuse(reader->why, -EINVAL,
				   "the resource table is shorter than its list", reader->size,
				   header);
	reader->count = count;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t where = read32(reader, TABLE_HEADER + 4 * i);

		if (where < header)
			return amph_refuse(reader->why, -EINVAL,
					   "a resource lies in the table's header", where, header);
		if (where % 4)
			return amph_refuse(reader->why, -EINVAL, "a resource is misaligned", where,
					   4);
		if (where > reader->size || reader->size - where < 4)
			return amph_refuse(reader->why, -EINVAL,
					   "a resource lies outside the table", where,
					   reader->size);
		reader->starts[i] = where;
	}
	return 0;
}

static int check_overlap(const struct reader *reader)
{
	for (uint32_t i = 0; i < reader->count; i++)
		for (uint32_t j = 0; j < i; j++)
			if (reader->starts[i] < reader->ends[j] &&
			    reader->starts[j] < reader->ends[i])
				return amph_refuse(reader->why, -EINVAL, "two resources overlap",
						   reader->starts[i], reader->starts[j]);
	return 0;
}

int amph_resource_table_parse(struct amph_resource_table *table, const void *bytes, uint64_t size,
			      struct amph_why *why)
{
	struct reader reader = {.bytes = bytes, .why = why};

	*table = (struct amph_resource_table){0};
	if (size < TABLE_HEADER)
		return amph_refuse(why, -EINVAL, "the resource table is too short", size,
				   TABLE_HEADER);
	if (size > UINT32_MAX)
		return amph_refuse(why, -EINVAL, "the resource table is too large", size,
				   UINT32_MAX);
	reader.size = (uint32_t)size;
	if (read32(&reader, 0) != 1)
		return amph_refuse(why, -EINVAL, "unknown version of the resource table",
				   read32(&reader, 0), 1);
	if (read32(&reader, 8) || read32(&reader, 12))
		return amph_refuse(why, -EINVAL, "the resource table's reserved words are not 0",
				   read32(&reader, 8), 0);
	uint32_t count = read32(&reader, 4);
	if (count > AMPH_RESOURCE_ENTRY_MAX)
		return amph_refuse(why, -ENOSPC, "too many resources", count,
				   AMPH_RESOURCE_ENTRY_MAX);
	int error = read_offsets(&reader, count);
	for (uint32_t i = 0; i < count && !error; i++)
		error = parse_entry(&reader, i, table);
	if (!error)
		error = check_overlap(&reader);
	table->size = reader.size;
	return error;
}

static bool fits(uint64_t size, uint32_t where, uint32_t length)
{
	return where <= size && length <= size - where;
}

static void write32(void *bytes, uint32_t offset, uint32_t value)
{
	amph_store32((uint32_t *)(void *)((uint8_t *)bytes + offset), value);
}

int amph_resource_table_write_memory(void *bytes, uint64_t size,
				     const struct amph_resource_memory *memory)
{
	if (!fits(size, memory->where, MEMORY_BYTES))
		return -ERANGE;
	write32(bytes, memory->where + 4, memory->da);
	write32(bytes, memory->where + 8, memory->pa);
	return 0;
}

int amph_resource_table_write_trace(void *bytes, uint64_t size,
				    const struct amph_resource_trace *trace)
{
	if (!fits(size, trace->where, TRACE_BYTES))
		return -ERANGE;
	write32(bytes, trace->where + 4, trace->da);
	return 0;
}

int amph_resource_table_write_vdev(void *bytes, uint64_t size,
				   const struct amph_resource_vdev *vdev)
{
	if (!fits(size, vdev->where, VDEV_BYTES + vdev->vring_count * VRING_BYTES))
		return -ERANGE;
	write32(bytes, vdev->where + VDEV_FEATURES, vdev->driver_features);
	for (uint32_t i = 0; i < vdev->vring_count; i++) {
		uint32_t where = vdev->where + VDEV_BYTES + i * VRING_BYTES;

		write32(bytes, where, vdev->vrings[i].da);
		write32(bytes, where + 12, vdev->vrings[i].notify_id);
		write32(bytes, where + 16, vdev->vrings[i].pa);
	}
	return 0;
}

int amph_resource_table_write_status(void *bytes, uint64_t size,
				     const struct amph_resource_vdev *vdev)
{
	if (!fits(size, vdev->where, VDEV_BYTES))
		return -ERANGE;
	/* one word holds the status, the ring count and two reserved bytes: nobody else writes it */
	uint32_t word = vdev->status | vdev->vring_count << 8;
	/* pairs with the acquire load of the firmware that waits for DRIVER_OK */
	amph_store32_release((uint32_t *)(void *)((uint8_t *)bytes + vdev->where + VDEV_STATUS),
			     word);
	return 0;
}
