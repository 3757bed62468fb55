/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the resource table's parser and the answers: the input is a table. Test code.
 * Whatever it says, every entry lies in the table, none overlaps another, and answers change only
 * the words that are theirs.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/resource_table.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

/* One mark for each byte that belongs to an entry: nobody marks a byte twice. */
static void mark(uint8_t *marks, uint64_t size, uint32_t where, uint64_t length)
{
	require(where % 4 == 0 && where >= 16 && where <= size && length <= size - where);
	for (uint64_t i = 0; i < length; i++) {
		require(!marks[where + i]);
		marks[where + i] = 1;
	}
}

static void require_closed(const char *name)
{
	require(memchr(name, 0, AMPH_RESOURCE_NAME) != NULL);
}

static void check_vdev(const struct amph_resource_vdev *vdev, uint8_t *marks, uint64_t size)
{
	require(vdev->vring_count <= AMPH_RESOURCE_VRING_MAX);
	mark(marks, size, vdev->where,
	     28 + 20ull * vdev->vring_count + (uint64_t)vdev->config_length);
	for (uint32_t i = 0; i < vdev->vring_count; i++) {
		const struct amph_resource_vring *vring = &vdev->vrings[i];

		require(vring->count && vring->count <= 32768);
		require(!(vring->count & (vring->count - 1)));
		require(vring->align && !(vring->align & (vring->align - 1)));
		require(vring->align <= AMPH_RESOURCE_ALIGN_MAX);
		require(vring->notify_id < AMPH_RESOURCE_NOTIFY_MAX ||
			vring->notify_id == AMPH_RESOURCE_ANY);
	}
}

static void check_table(const struct amph_resource_table *table, uint64_t size)
{
	uint8_t *marks = calloc(1, size ? size : 1);

	require(marks != NULL);
	require(table->size == size && table->da == 0);
	require(table->memory_count <= AMPH_RESOURCE_MEMORY_MAX);
	require(table->trace_count <= AMPH_RESOURCE_TRACE_MAX);
	require(table->vdev_count <= AMPH_RESOURCE_VDEV_MAX);
	require(table->vendor_count <= AMPH_RESOURCE_VENDOR_MAX);
	for (uint32_t i = 0; i < table->memory_count; i++) {
		require(table->memories[i].type <= AMPH_RESOURCE_DEVMEM);
		require(table->memories[i].length > 0);
		require_closed(table->memories[i].name);
		mark(marks, size, table->memories[i].where, 56);
	}
	for (uint32_t i = 0; i < table->trace_count; i++) {
		require(table->traces[i].length > 0);
		require_closed(table->traces[i].name);
		mark(marks, size, table->traces[i].where, 48);
	}
	for (uint32_t i = 0; i < table->vdev_count; i++)
		check_vdev(&table->vdevs[i], marks, size);
	for (uint32_t i = 0; i < table->vendor_count; i++) {
		require(table->vendors[i].type >= AMPH_RESOURCE_VENDOR_FIRST);
		require(table->vendors[i].type <= AMPH_RESOURCE_VENDOR_LAST);
		require(table->vendors[i].length >= 4);
		mark(marks, size, table->vendors[i].where, table->vendors[i].length);
	}
	free(marks);
}

/* Answers that say what the table said already change nothing. */
static void check_answers(struct amph_resource_table *table, uint8_t *bytes, uint64_t size)
{
	for (uint32_t i = 0; i < table->memory_count; i++)
		require(!amph_resource_table_write_memory(bytes, size, &table->memories[i]));
	for (uint32_t i = 0; i < table->trace_count; i++)
		require(!amph_resource_table_write_trace(bytes, size, &table->traces[i]));
	for (uint32_t i = 0; i < table->vdev_count; i++) {
		require(!amph_resource_table_write_vdev(bytes, size, &table->vdevs[i]));
		require(!amph_resource_table_write_status(bytes, size, &table->vdevs[i]));
	}
}

/* A table that shrank since it was parsed: refused, or written inside. */
static void check_shrunk(const struct amph_resource_table *table, uint64_t size)
{
	uint8_t *bytes = calloc(1, size / 2 + 1);

	require(bytes != NULL);
	for (uint32_t i = 0; i < table->memory_count; i++)
		amph_resource_table_write_memory(bytes, size / 2, &table->memories[i]);
	for (uint32_t i = 0; i < table->trace_count; i++)
		amph_resource_table_write_trace(bytes, size / 2, &table->traces[i]);
	for (uint32_t i = 0; i < table->vdev_count; i++) {
		amph_resource_table_write_vdev(bytes, size / 2, &table->vdevs[i]);
		amph_resource_table_write_status(bytes, size / 2, &table->vdevs[i]);
	}
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct amph_resource_table table;
	struct amph_why why = {0};
	uint8_t *bytes = malloc(size ? size : 1);

	if (!bytes)
		return 0;
	memcpy(bytes, data, size);
	int error = amph_resource_table_parse(&table, bytes, size, &why);
	require(!error ||
		((error == -EINVAL || error == -ENOSPC || error == -ENOTSUP) && why.what));
	if (!error) {
		check_table(&table, size);
		check_answers(&table, bytes, size);
		require(!memcmp(bytes, data, size));
		check_shrunk(&table, size);
	}
	free(bytes);
	return 0;
}
