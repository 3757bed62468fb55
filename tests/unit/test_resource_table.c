/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Resource tables that are right, each lie that one can tell, and the answers written back.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <amphora/resource_table.h>

#include "support/elf_image.h"

#define ANY AMPH_RESOURCE_ANY

static struct amph_resource_table parsed;

/* Parses a heap copy that ends where the table ends. */
static int parse(const struct test_table *table, struct amph_why *why)
{
	uint8_t *copy = malloc(table->size ? table->size : 1);

	memcpy(copy, table->words, table->size);
	int error = amph_resource_table_parse(&parsed, copy, table->size, why);
	free(copy);
	return error;
}

static void assert_refused(const struct test_table *table, int error, const char *what)
{
	struct amph_why why = {0};

	assert_int_equal(parse(table, &why), error);
	assert_non_null(why.what);
	assert_string_equal(why.what, what);
}

/* A carveout, a trace, a vendor's entry of 12 bytes, a vdev with 8 bytes of config space. */
static void build(struct test_table *table)
{
	table_begin(table, 4);
	table_carveout(table, 0, ANY, 0x8000, "vdev0buffer")[4] = 5;
	table_trace(table, 1, 0x80001000, 4096);
	table_entry(table, 2, 200, 12)[1] = 77;
	table_vdev(table, 3, ANY, 0x80004000)[5] = 8;
	table->size += 8;
}

static uint32_t *entry(struct test_table *table, uint32_t index)
{
	return table->words + table->words[4 + index] / 4;
}

static void right_table_is_read(void **state)
{
	struct amph_why why = {0};
	struct test_table table;

	(void)state;
	build(&table);
	assert_int_equal(parse(&table, &why), 0);
	assert_int_equal(parsed.size, table.size);
	assert_int_equal(parsed.memory_count, 1);
	assert_int_equal(parsed.memories[0].where, table.words[4]);
	assert_int_equal(parsed.memories[0].type, AMPH_RESOURCE_CARVEOUT);
	assert_int_equal(parsed.memories[0].da, ANY);
	assert_int_equal(parsed.memories[0].pa, ANY);
	assert_int_equal(parsed.memories[0].length, 0x8000);
	assert_int_equal(parsed.memories[0].flags, 5);
	assert_string_equal(parsed.memories[0].name, "vdev0buffer");
	assert_int_equal(parsed.trace_count, 1);
	assert_int_equal(parsed.traces[0].where, table.words[5]);
	assert_int_equal(parsed.traces[0].da, 0x80001000);
	assert_int_equal(parsed.traces[0].length, 4096);
	assert_string_equal(parsed.traces[0].name, "trace");
	assert_int_equal(parsed.vendor_count, 1);
	assert_int_equal(parsed.vendors[0].type, 200);
	assert_int_equal(parsed.vendors[0].where, table.words[6]);
	assert_int_equal(parsed.vendors[0].length, 12);
	assert_int_equal(parsed.vdev_count, 1);
	assert_int_equal(parsed.vdevs[0].where, table.words[7]);
	assert_int_equal(parsed.vdevs[0].id, 7);
	assert_int_equal(parsed.vdevs[0].device_features, 1u | 1u << 29);
	assert_int_equal(parsed.vdevs[0].config_length, 8);
	assert_int_equal(parsed.vdevs[0].vring_count, 2);
	assert_int_equal(parsed.vdevs[0].vrings[0].da, ANY);
	assert_int_equal(parsed.vdevs[0].vrings[1].da, 0x80004000);
	assert_int_equal(parsed.vdevs[0].vrings[1].align, 64);
	assert_int_equal(parsed.vdevs[0].vrings[1].count, 16);
	assert_int_equal(parsed.vdevs[0].vrings[1].notify_id, 1);
	assert_int_equal(parsed.vdevs[0].vrings[1].pa, ANY);
}

static void entries_may_stand_in_any_order(void **state)
{
	struct amph_why why = {0};
	struct test_table table;

	(void)state;
	build(&table);
	uint32_t first = table.words[4];
	table.words[4] = table.words[6];
	table.words[6] = table.words[7];
	table.words[7] = first;
	assert_int_equal(parse(&table, &why), 0);
	assert_int_equal(parsed.vendors[0].length, 12);
	table_begin(&table, 0);
	assert_int_equal(parse(&table, &why), 0);
}

static void table_that_is_cut_short_anywhere_is_refused(void **state)
{
	struct test_table table;

	(void)state;
	build(&table);
	for (uint32_t size = table.size; size-- > 0;) {
		struct amph_why why = {0};

		table.size = size;
		assert_int_equal(parse(&table, &why), -EINVAL);
	}
}

static void header_that_lies_is_refused(void **state)
{
	struct amph_why why = {0};
	struct test_table table;

	(void)state;
	build(&table);
	table.words[0] = 2;
	assert_refused(&table, -EINVAL, "unknown version of the resource table");
	for (uint32_t i = 2; i < 4; i++) {
		build(&table);
		table.words[i] = 1;
		assert_refused(&table, -EINVAL, "the resource table's reserved words are not 0");
	}
	build(&table);
	table.words[1] = AMPH_RESOURCE_ENTRY_MAX + 1;
	assert_refused(&table, -ENOSPC, "too many resources");
	table.words[1] = 0xffffffff;
	assert_refused(&table, -ENOSPC, "too many resources");
	table.words[1] = 0x40000001; /* times 4 wraps around */
	assert_refused(&table, -ENOSPC, "too many resources");
	build(&table);
	assert_int_equal(amph_resource_table_parse(&parsed, table.words, UINT64_MAX, &why),
			 -EINVAL);
	assert_string_equal(why.what, "the resource table is too large");
	assert_int_equal(amph_resource_table_parse(&parsed, table.words, 15, NULL), -EINVAL);
}

static void offsets_that_lie_are_refused(void **state)
{
	struct test_table table;

	(void)state;
	build(&table);
	table.words[5] = 28;
	assert_refused(&table, -EINVAL, "a resource lies in the table's header");
	table.words[5] = 0;
	assert_refused(&table, -EINVAL, "a resource lies in the table's header");
	build(&table);
	table.words[5] += 2;
	assert_refused(&table, -EINVAL, "a resource is misaligned");
	build(&table);
	table.words[7] = table.size;
	assert_refused(&table, -EINVAL, "a resource lies outside the table");
	table.words[7] = 0xfffffffc;
	assert_refused(&table, -EINVAL, "a resource lies outside the table");
	/* the last entry starts too late for its length, by one word */
	build(&table);
	table.words[7] += 4;
	memmove((uint8_t *)table.words + table.words[7],
		(uint8_t *)table.words + table.words[7] - 4, 76);
	assert_refused(&table, -EINVAL, "a resource reaches past the table's end");
}

static void entries_that_overlap_are_refused(void **state)
{
	struct test_table table;

	(void)state;
	build(&table);
	table.words[5] = table.words[4];
	assert_refused(&table, -EINVAL, "two resources overlap");
	/* twice the same vendor's entry */
	build(&table);
	table.words[4] = table.words[6];
	assert_refused(&table, -EINVAL, "two resources overlap");
	/* the trace starts in the carveout's last word */
	table_begin(&table, 2);
	table_carveout(&table, 0, ANY, 4096, "a");
	table.size -= 4;
	table_trace(&table, 1, ANY, 64);
	assert_refused(&table, -EINVAL, "two resources overlap");
	/* a vdev's config space holds the next entry */
	table_begin(&table, 2);
	table_vdev(&table, 0, ANY, ANY)[5] = 4;
	table_trace(&table, 1, ANY, 64);
	assert_refused(&table, -EINVAL, "two resources overlap");
}

static void carveout_that_lies_is_refused(void **state)
{
	struct test_table table;

	(void)state;
	build(&table);
	entry(&table, 0)[5] = 1;
	assert_refused(&table, -EINVAL, "a carveout's reserved word is not 0");
	build(&table);
	entry(&table, 0)[3] = 0;
	assert_refused(&table, -EINVAL, "a carveout has no length");
	build(&table);
	memset(entry(&table, 0) + 6, 'x', 32);
	assert_refused(&table, -EINVAL, "a resource's name is not closed");
	build(&table);
	memset(entry(&table, 0) + 6, 'x', 31);
	assert_int_equal(parse(&table, NULL), 0);
	assert_int_equal(strlen(parsed.memories[0].name), 31);
}

static void trace_that_lies_is_refused(void **state)
{
	struct test_table table;

	(void)state;
	build(&table);
	entry(&table, 1)[3] = 1;
	assert_refused(&table, -EINVAL, "a trace's reserved word is not 0");
	build(&table);
	entry(&table, 1)[2] = 0;
	assert_refused(&table, -EINVAL, "a trace buffer has no length");
	build(&table);
	memset(entry(&table, 1) + 4, 'x', 32);
	assert_refused(&table, -EINVAL, "a resource's name is not closed");
}

static void vdev_that_lies_is_refused(void **state)
{
	struct test_table table;

	(void)state;
	build(&table);
	entry(&table, 3)[6] |= 0x10000;
	assert_refused(&table, -EINVAL, "a vdev's reserved bytes are not 0");
	build(&table);
	entry(&table, 3)[6] = 3u << 8;
	assert_refused(&table, -EINVAL, "a vdev has too many rings");
	build(&table);
	entry(&table, 3)[5] = 9;
	assert_refused(&table, -EINVAL, "a resource reaches past the table's end");
	entry(&table, 3)[5] = 0xffffffff;
	assert_refused(&table, -EINVAL, "a resource reaches past the table's end");
	static const uint32_t counts[] = {0, 3, 17, 65536, 0x80000000, 0xffffffff};
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		build(&table);
		entry(&table, 3)[7 + 2] = counts[i];
		assert_refused(&table, -EINVAL, "a ring's count is no power of two up to 32768");
		build(&table);
		entry(&table, 3)[12 + 2] = counts[i];
		assert_refused(&table, -EINVAL, "a ring's count is no power of two up to 32768");
	}
	static const uint32_t aligns[] = {0, 3, 48, 131072, 0xffffffff};
	for (size_t i = 0; i < sizeof(aligns) / sizeof(aligns[0]); i++) {
		build(&table);
		entry(&table, 3)[12 + 1] = aligns[i];
		assert_refused(&table, -EINVAL,
			       "a ring's alignment is no power of two up to 65536");
	}
	build(&table);
	entry(&table, 3)[7 + 3] = 32;
	assert_refused(&table, -EINVAL, "a ring's notify id is too large");
	entry(&table, 3)[7 + 3] = 31;
	assert_int_equal(parse(&table, NULL), 0);
	entry(&table, 3)[7 + 3] = ANY;
	assert_int_equal(parse(&table, NULL), 0);
	entry(&table, 3)[7 + 2] = 32768;
	entry(&table, 3)[7 + 1] = 65536;
	assert_int_equal(parse(&table, NULL), 0);
}

static void unknown_types_are_refused_and_vendors_kept(void **state)
{
	static const uint32_t unknown[] = {4, 127, 513, 0xffffffff};
	struct test_table table;

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		build(&table);
		entry(&table, 2)[0] = unknown[i];
		assert_refused(&table, -ENOTSUP, "an unknown type of resource");
	}
	build(&table);
	entry(&table, 2)[0] = 128;
	assert_int_equal(parse(&table, NULL), 0);
	entry(&table, 2)[0] = 512;
	assert_int_equal(parse(&table, NULL), 0);
	assert_int_equal(parsed.vendors[0].type, 512);
	/* the shortest there can be: a type, at the end of the table */
	table_begin(&table, 1);
	table_entry(&table, 0, 300, 4);
	assert_int_equal(parse(&table, NULL), 0);
	assert_int_equal(parsed.vendors[0].length, 4);
}

static void devmem_is_kept_with_its_type(void **state)
{
	struct test_table table;

	(void)state;
	table_begin(&table, 1);
	table_carveout(&table, 0, 0x1000, 4096, "uart")[0] = 1;
	assert_int_equal(parse(&table, NULL), 0);
	assert_int_equal(parsed.memories[0].type, AMPH_RESOURCE_DEVMEM);
}

static void more_entries_than_the_limits_are_refused(void **state)
{
	static const struct {
		uint32_t max;
		const char *what;
	} kinds[] = {
		{AMPH_RESOURCE_MEMORY_MAX, "too many carveouts"},
		{AMPH_RESOURCE_TRACE_MAX, "too many trace buffers"},
		{AMPH_RESOURCE_VDEV_MAX, "too many virtio devices"},
		{AMPH_RESOURCE_VENDOR_MAX, "too many vendor resources"},
	};

	(void)state;
	for (uint32_t kind = 0; kind < 4; kind++)
		for (uint32_t more = 0; more < 2; more++) {
			uint32_t count = kinds[kind].max + more;
			struct test_table table;

			table_begin(&table, count);
			for (uint32_t i = 0; i < count; i++)
				if (kind == 0)
					table_carveout(&table, i, ANY, 4096, "c");
				else if (kind == 1)
					table_trace(&table, i, ANY, 64);
				else if (kind == 2)
					table_vdev(&table, i, ANY, ANY);
				else
					table_entry(&table, i, 128, 4);
			if (more)
				assert_refused(&table, -ENOSPC, kinds[kind].what);
			else
				assert_int_equal(parse(&table, NULL), 0);
		}
}

static void table_with_all_that_there_may_be_is_read(void **state)
{
	struct test_table table;
	uint32_t i = 0;

	(void)state;
	table_begin(&table, AMPH_RESOURCE_ENTRY_MAX);
	for (; i < 4; i++)
		table_carveout(&table, i, ANY, 4096, "c");
	for (; i < 6; i++)
		table_trace(&table, i, ANY, 64);
	for (; i < 8; i++)
		table_vdev(&table, i, ANY, ANY);
	for (; i < AMPH_RESOURCE_ENTRY_MAX; i++)
		table_entry(&table, i, 128, 4);
	assert_int_equal(parse(&table, NULL), 0);
	assert_int_equal(parsed.memory_count, 4);
	assert_int_equal(parsed.trace_count, 2);
	assert_int_equal(parsed.vdev_count, 2);
	assert_int_equal(parsed.vendor_count, 8);
}

static void answers_are_written_to_their_places_only(void **state)
{
	struct test_table table;

	(void)state;
	build(&table);
	assert_int_equal(parse(&table, NULL), 0);
	struct test_table expected = table;
	parsed.memories[0].da = 0x90000000;
	parsed.memories[0].pa = 0x50000000;
	assert_int_equal(
		amph_resource_table_write_memory(table.words, table.size, &parsed.memories[0]), 0);
	entry(&expected, 0)[1] = 0x90000000;
	entry(&expected, 0)[2] = 0x50000000;
	assert_memory_equal(&table, &expected, sizeof(table));
	parsed.traces[0].da = 0x90001000;
	assert_int_equal(
		amph_resource_table_write_trace(table.words, table.size, &parsed.traces[0]), 0);
	entry(&expected, 1)[1] = 0x90001000;
	assert_memory_equal(&table, &expected, sizeof(table));
	parsed.vdevs[0].driver_features = 1;
	parsed.vdevs[0].status = 7;
	for (uint32_t i = 0; i < 2; i++) {
		parsed.vdevs[0].vrings[i].da = 0x91000000 + i;
		parsed.vdevs[0].vrings[i].notify_id = 8 + i;
		parsed.vdevs[0].vrings[i].pa = 0x51000000 + i;
		entry(&expected, 3)[7 + 5 * i] = 0x91000000 + i;
		entry(&expected, 3)[10 + 5 * i] = 8 + i;
		entry(&expected, 3)[11 + 5 * i] = 0x51000000 + i;
	}
	assert_int_equal(amph_resource_table_write_vdev(table.words, table.size, &parsed.vdevs[0]),
			 0);
	entry(&expected, 3)[4] = 1;
	assert_memory_equal(&table, &expected, sizeof(table));
	assert_int_equal(
		amph_resource_table_write_status(table.words, table.size, &parsed.vdevs[0]), 0);
	entry(&expected, 3)[6] = 7 | 2u << 8;
	assert_memory_equal(&table, &expected, sizeof(table));
}

static void answer_outside_the_table_is_refused(void **state)
{
	struct test_table table, before;

	(void)state;
	build(&table);
	assert_int_equal(parse(&table, NULL), 0);
	before = table;
	uint32_t memory = parsed.memories[0].where, trace = parsed.traces[0].where;
	uint32_t vdev = parsed.vdevs[0].where;
	assert_int_equal(
		amph_resource_table_write_memory(table.words, memory + 55, &parsed.memories[0]),
		-ERANGE);
	assert_int_equal(
		amph_resource_table_write_trace(table.words, trace + 47, &parsed.traces[0]),
		-ERANGE);
	assert_int_equal(amph_resource_table_write_vdev(table.words, vdev + 67, &parsed.vdevs[0]),
			 -ERANGE);
	assert_int_equal(amph_resource_table_write_status(table.words, vdev + 27, &parsed.vdevs[0]),
			 -ERANGE);
	parsed.traces[0].where = 0xfffffff0;
	assert_int_equal(
		amph_resource_table_write_trace(table.words, table.size, &parsed.traces[0]),
		-ERANGE);
	assert_memory_equal(&table, &before, sizeof(table));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_table_is_read),
		cmocka_unit_test(entries_may_stand_in_any_order),
		cmocka_unit_test(table_that_is_cut_short_anywhere_is_refused),
		cmocka_unit_test(header_that_lies_is_refused),
		cmocka_unit_test(offsets_that_lie_are_refused),
		cmocka_unit_test(entries_that_overlap_are_refused),
		cmocka_unit_test(carveout_that_lies_is_refused),
		cmocka_unit_test(trace_that_lies_is_refused),
		cmocka_unit_test(vdev_that_lies_is_refused),
		cmocka_unit_test(unknown_types_are_refused_and_vendors_kept),
		cmocka_unit_test(devmem_is_kept_with_its_type),
		cmocka_unit_test(more_entries_than_the_limits_are_refused),
		cmocka_unit_test(table_with_all_that_there_may_be_is_read),
		cmocka_unit_test(answers_are_written_to_their_places_only),
		cmocka_unit_test(answer_outside_the_table_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
