/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a remote processor behind a back-end that only remembers what it was told.
 * Test code: memory is two regions at made-up addresses, with guard bytes around what may be written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <amphora/rproc.h>
#include <amphora/time.h>
#include <amphora/virtqueue.h>

#include "support/elf_image.h"

#define ANY	  AMPH_RESOURCE_ANY
#define DA	  0x80000000u
#define PA	  0x40000000u
#define SIZE	  0x40000u
#define POOL_AT	  0x20000u
#define POOL_SIZE 0x20000u

struct fake {
	struct amph_rproc rproc;
	int start_error, stop_error, wait_error, load_error;
	uint32_t starts, stops, loads, kicks, rung, kicked, waits;
	uint64_t entry, waited_for; /* waited_for: the last wait's deadline */
	uint32_t rings_left; /* 0: every wait ends with wait_error; else so many waits ring first */
	bool takes_time; /* a wait without a ring lasts until its deadline */
	char lines[16][AMPH_RPROC_LINE_MAX];
	uint32_t line_count;
};

struct board {
	uint8_t *memory;
	struct amph_io regions[2];
	struct amph_window windows[2];
	struct amph_pool pool;
	struct amph_pool_block blocks[32];
	struct amph_rproc_config config;
	struct fake fake;
	struct amph_rproc *rproc;
	struct test_table table;
	struct image image;
};

static int fake_load(struct amph_rproc *rproc, const void *image, uint64_t size)
{
	struct fake *fake = (struct fake *)rproc;

	(void)image;
	(void)size;
	fake->loads++;
	return fake->load_error;
}

static int fake_start(struct amph_rproc *rproc, uint64_t entry, uint64_t deadline)
{
	struct fake *fake = (struct fake *)rproc;

	(void)deadline;
	fake->starts++;
	fake->entry = entry;
	return fake->start_error;
}

static int fake_stop(struct amph_rproc *rproc, uint64_t deadline)
{
	struct fake *fake = (struct fake *)rproc;

	(void)deadline;
	fake->stops++;
	return fake->stop_error;
}

static void fake_kick(struct amph_rproc *rproc, uint32_t notify_id)
{
	struct fake *fake = (struct fake *)rproc;

	fake->kicks++;
	fake->kicked = notify_id;
}

static int fake_wait(struct amph_rproc *rproc, uint64_t deadline, uint32_t *rung)
{
	struct fake *fake = (struct fake *)rproc;

	fake->waits++;
	fake->waited_for = deadline;
	*rung = fake->rung;
	if (fake->rings_left) {
		fake->rings_left--;
		return 0;
	}
	while (fake->takes_time && amph_time_now() < deadline)
		;
	return fake->wait_error;
}

static intptr_t fake_handle(struct amph_rproc *rproc)
{
	(void)rproc;
	return 42;
}

static const struct amph_rproc_ops here = {
	.start = fake_start,
	.stop = fake_stop,
	.kick = fake_kick,
	.wait = fake_wait,
	.handle = fake_handle,
};

static const struct amph_rproc_ops elsewhere = {
	.load = fake_load,
	.start = fake_start,
	.stop = fake_stop,
	.kick = fake_kick,
	.wait = fake_wait,
};

static void keep_line(struct amph_rproc *rproc, const char *line)
{
	struct fake *fake = (struct fake *)rproc;

	assert_true(fake->line_count < 16);
	assert_true(strlen(line) < AMPH_RPROC_LINE_MAX);
	strcpy(fake->lines[fake->line_count++], line);
}

static void board_open_with(struct board *board, const struct amph_rproc_ops *ops)
{
	memset(board, 0, sizeof(*board));
	board->memory = aligned_alloc(4096, SIZE);
	memset(board->memory, 0xa5, SIZE);
	board->regions[0] = (struct amph_io){.va = board->memory, .pa = PA, .size = SIZE};
	/* known by address, not mapped */
	board->regions[1] = (struct amph_io){.pa = PA + SIZE, .size = SIZE};
	board->windows[0] = (struct amph_window){PA, DA, 3 * SIZE};
	board->windows[1] = (struct amph_window){0x10000000, 0x10000000, 4096};
	amph_pool_init(&board->pool, POOL_SIZE, 64, board->blocks, 32);
	board->config = (struct amph_rproc_config){
		.name = "fake",
		.ops = ops,
		.map = {board->windows, 2},
		.regions = board->regions,
		.region_count = 2,
		.carveout = &board->pool,
		.carveout_pa = PA + POOL_AT,
		.features = AMPH_VIRTIO_RPMSG_F_NS,
		.machine = EM_RISCV,
		.class_bits = 32,
	};
	board->rproc = &board->fake.rproc;
	assert_int_equal(amph_rproc_init(board->rproc, &board->config), 0);
}

static void board_open(struct board *board)
{
	board_open_with(board, &here);
}

static void board_close(struct board *board)
{
	board->fake.stop_error = 0;
	assert_int_equal(amph_rproc_stop(board->rproc, 0), 0);
	assert_int_equal(board->pool.used, 0);
	free(board->memory);
}

static int load_image(struct board *board)
{
	uint8_t *copy = image_copy(&board->image);
	int error = amph_rproc_load(board->rproc, copy, board->image.size);

	free(copy);
	return error;
}

static int load(struct board *board)
{
	image_build(&board->image, 32, DA, board->table.words, board->table.size);
	return load_image(board);
}

static void usual_table(struct board *board)
{
	table_begin(&board->table, 3);
	table_carveout(&board->table, 0, ANY, 0x4000, "vdev0buffer");
	table_trace(&board->table, 1, ANY, 256);
	table_vdev(&board->table, 2, ANY, ANY);
}

static void assert_refused(struct board *board, int error, const char *what)
{
	assert_int_equal(error ? load(board) : -1, error);
	assert_non_null(board->rproc->why.what);
	assert_string_equal(board->rproc->why.what, what);
	assert_int_equal(board->rproc->state, AMPH_RPROC_OFF);
	assert_int_equal(board->pool.used, 0);
	assert_int_equal(amph_rproc_start(board->rproc, 0), -EBUSY);
}

static uint32_t word_at(struct board *board, uint32_t da)
{
	uint32_t value;

	memcpy(&value, board->memory + (da - DA), 4);
	return value;
}

static void load_writes_segments_and_nothing_else(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	table_begin(&board.table, 0);
	assert_int_equal(load(&board), 0);
	assert_int_equal(board.rproc->state, AMPH_RPROC_LOADED);
	assert_int_equal(board.rproc->entry, DA + 4);
	for (uint32_t i = 0; i < SIZE; i++) {
		uint8_t expected = 0xa5;

		if (i < 64)
			expected = (uint8_t)(0x40 + i);
		else if (i < 256)
			expected = 0;
		else if (i >= 4096 && i < 8192)
			expected = i == 4096 ? 1 : 0; /* the table's version */
		assert_int_equal(board.memory[i], expected);
	}
	board_close(&board);
}

static void resources_are_placed_zeroed_and_told(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	usual_table(&board);
	assert_int_equal(load(&board), 0);
	struct amph_resource_table *table = &board.rproc->table;
	uint32_t at = DA + 4096;
	assert_int_equal(table->da, at);
	assert_in_range(table->memories[0].da, DA + POOL_AT, DA + SIZE - 0x4000);
	assert_int_equal(table->memories[0].pa, table->memories[0].da - DA + PA);
	assert_int_equal(word_at(&board, at + table->memories[0].where + 4), table->memories[0].da);
	assert_int_equal(word_at(&board, at + table->memories[0].where + 8), table->memories[0].pa);
	assert_int_equal(word_at(&board, at + table->traces[0].where + 4), table->traces[0].da);
	uint32_t vdev = at + table->vdevs[0].where;
	assert_int_equal(word_at(&board, vdev + 16), AMPH_VIRTIO_RPMSG_F_NS);
	assert_int_equal(word_at(&board, vdev + 24), 2u << 8);
	for (uint32_t i = 0; i < 2; i++) {
		struct amph_resource_vring *vring = &table->vdevs[0].vrings[i];

		assert_int_equal(vring->da % 4096, 0);
		assert_int_equal(vring->pa, vring->da - DA + PA);
		assert_int_equal(word_at(&board, vdev + 28 + 20 * i), vring->da);
		assert_int_equal(word_at(&board, vdev + 28 + 20 * i + 12), i);
		assert_int_equal(word_at(&board, vdev + 28 + 20 * i + 16), vring->pa);
		for (uint32_t j = 0; j < amph_vring_size(16, 64); j++)
			assert_int_equal(board.memory[vring->da - DA + j], 0);
	}
	for (uint32_t i = 0; i < 0x4000; i++)
		assert_int_equal(board.memory[table->memories[0].da - DA + i], 0);
	assert_ptr_equal(board.rproc->buffers.va, board.memory + (table->memories[0].da - DA));
	assert_int_equal(board.rproc->buffers.pa, table->memories[0].pa);
	assert_int_equal(board.rproc->buffers.da, table->memories[0].da);
	assert_int_equal(board.rproc->buffers.size, 0x4000);
	assert_int_equal(amph_pool_check(&board.pool, NULL), 0);
	board_close(&board);
}

static void buffers_without_a_carveout_get_a_block(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	table_begin(&board.table, 2);
	table_carveout(&board.table, 0, ANY, 0x4000, "vdev1buffer");
	table_vdev(&board.table, 1, ANY, ANY);
	assert_int_equal(load(&board), 0);
	assert_int_equal(board.rproc->buffers.size, 32 * 512);
	assert_int_not_equal(board.rproc->buffers.da, board.rproc->table.memories[0].da);
	board_close(&board);
}

static void notify_ids_left_open_or_used_twice_are_given_out(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	table_begin(&board.table, 2);
	uint32_t *first = table_vdev(&board.table, 0, ANY, ANY);
	uint32_t *second = table_vdev(&board.table, 1, ANY, ANY);
	first[10] = ANY;
	first[15] = 0;
	second[10] = 0;
	second[15] = 2;
	assert_int_equal(load(&board), 0);
	assert_int_equal(board.rproc->table.vdevs[0].vrings[0].notify_id, 1);
	assert_int_equal(board.rproc->table.vdevs[0].vrings[1].notify_id, 0);
	assert_int_equal(board.rproc->table.vdevs[1].vrings[0].notify_id, 3);
	assert_int_equal(board.rproc->table.vdevs[1].vrings[1].notify_id, 2);
	board_close(&board);
}

static void segment_outside_the_memory_is_refused(void **state)
{
	static const struct {
		uint32_t da, size;
		const char *what;
	} lies[] = {
		{DA - 256, 256, "a segment lies outside the map or the regions"},
		{DA - 4, 256, "a segment lies outside the map or the regions"},
		{DA + SIZE - 128, 256, "a segment lies outside the map or the regions"},
		{DA + SIZE, 256, "a segment lies outside the map or the regions"}, /* unmapped */
		{DA + 2 * SIZE, 256,
		 "a segment lies outside the map or the regions"}, /* no region */
		{0x10000000, 256, "a segment lies outside the map or the regions"},
		{0xffffff00, 256, "a segment lies outside the map or the regions"},
		{DA + POOL_AT, 256, "a segment lies in the carve-out"},
		{DA + POOL_AT - 255, 256, "a segment lies in the carve-out"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct board board;

		board_open(&board);
		table_begin(&board.table, 0);
		image_build(&board.image, 32, DA, board.table.words, board.table.size);
		IMAGE_SET(&board.image, Phdr, 0, p_paddr, lies[i].da);
		IMAGE_SET(&board.image, Phdr, 0, p_memsz, lies[i].size);
		IMAGE_SET(&board.image, Ehdr, 0, e_entry, lies[i].da);
		assert_int_equal(load_image(&board), -ERANGE);
		assert_string_equal(board.rproc->why.what, lies[i].what);
		assert_int_equal(board.rproc->state, AMPH_RPROC_OFF);
		/* nothing was written at all: the good segment was not either */
		for (uint32_t j = 0; j < SIZE; j++)
			assert_int_equal(board.memory[j], 0xa5);
		board_close(&board);
	}
	struct board board;
	board_open(&board);
	table_begin(&board.table, 0);
	image_build(&board.image, 32, DA, board.table.words, board.table.size);
	/* the last one lies: the first is not written either */
	IMAGE_SET(&board.image, Phdr, 2, p_paddr, DA + POOL_AT - 4095);
	assert_int_equal(load_image(&board), -ERANGE);
	for (uint32_t i = 0; i < SIZE; i++)
		assert_int_equal(board.memory[i], 0xa5);
	image_build(&board.image, 32, DA, board.table.words, board.table.size);
	IMAGE_SET(&board.image, Phdr, 0, p_paddr, DA + POOL_AT - 256);
	IMAGE_SET(&board.image, Ehdr, 0, e_entry, DA + POOL_AT - 256);
	assert_int_equal(load_image(&board), 0);
	board_close(&board);
}

static void image_of_another_processor_is_refused(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	table_begin(&board.table, 0);
	image_build(&board.image, 64, DA, board.table.words, board.table.size);
	assert_int_equal(load_image(&board), -ENOEXEC);
	assert_string_equal(board.rproc->why.what, "the image is for a processor of another width");
	board.rproc->config.class_bits = 0;
	assert_int_equal(load_image(&board), 0);
	assert_int_equal(amph_rproc_stop(board.rproc, 0), 0);
	IMAGE_SET(&board.image, Ehdr, 0, e_machine, EM_ARM);
	assert_int_equal(load_image(&board), -ENOEXEC);
	assert_string_equal(board.rproc->why.what, "the image is for another processor");
	board.rproc->config.machine = 0;
	assert_int_equal(load_image(&board), 0);
	assert_int_equal(amph_rproc_stop(board.rproc, 0), 0);
	IMAGE_SET(&board.image, Ehdr, 0, e_type, ET_DYN);
	assert_int_equal(load_image(&board), -ENOEXEC);
	assert_string_equal(board.rproc->why.what, "the image is not linked for fixed addresses");
	board_close(&board);
}

static void image_with_nothing_to_run_is_refused(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	table_begin(&board.table, 0);
	image_build(&board.image, 32, DA, board.table.words, board.table.size);
	IMAGE_SET(&board.image, Ehdr, 0, e_entry, DA + 255);
	assert_int_equal(load_image(&board), 0);
	assert_int_equal(amph_rproc_stop(board.rproc, 0), 0);
	static const uint32_t entries[] = {DA + 256, DA - 1, DA + 8192, 0};
	for (size_t i = 0; i < 4; i++) {
		IMAGE_SET(&board.image, Ehdr, 0, e_entry, entries[i]);
		assert_int_equal(load_image(&board), -ENOEXEC);
		assert_string_equal(board.rproc->why.what, "the entry lies in no segment");
	}
	IMAGE_SET(&board.image, Ehdr, 0, e_phnum, 0);
	assert_int_equal(load_image(&board), -ENOEXEC);
	assert_string_equal(board.rproc->why.what, "the image has nothing to load");
	assert_int_equal(amph_rproc_load(board.rproc, "no ELF", 6), -ENOEXEC);
	board_close(&board);
}

static void image_without_a_table_is_fine(void **state)
{
	struct amph_virtqueue_slot *slots[2] = {NULL, NULL};
	struct amph_rpmsg_config config;
	struct board board;
	uint32_t length;
	char text[8];

	(void)state;
	board_open(&board);
	table_begin(&board.table, 0);
	image_build(&board.image, 32, DA, board.table.words, board.table.size);
	IMAGE_SET(&board.image, Shdr, 1, sh_name, 0);
	assert_int_equal(load_image(&board), 0);
	assert_int_equal(board.rproc->table.da, 0);
	assert_int_equal(amph_rproc_rpmsg(board.rproc, slots, &config), -ENOENT);
	assert_int_equal(amph_rproc_rpmsg_ready(board.rproc), -ENOENT);
	assert_int_equal(amph_rproc_trace(board.rproc, text, sizeof(text), &length), -ENOENT);
	assert_int_equal(length, 0);
	board_close(&board);
}

static void table_that_is_not_where_it_says_is_refused(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	usual_table(&board);
	image_build(&board.image, 32, DA, board.table.words, board.table.size);
	IMAGE_SET(&board.image, Shdr, 1, sh_addr, DA + 4100);
	assert_int_equal(load_image(&board), -EINVAL);
	assert_string_equal(board.rproc->why.what, "the resource table is in no segment");
	IMAGE_SET(&board.image, Shdr, 1, sh_addr, DA);
	assert_int_equal(load_image(&board), -EINVAL);
	/* longer than what the segment has of it */
	image_build(&board.image, 32, DA, board.table.words, board.table.size);
	IMAGE_SET(&board.image, Phdr, 2, p_filesz, board.table.size - 1);
	assert_int_equal(load_image(&board), -EINVAL);
	assert_string_equal(board.rproc->why.what, "the resource table is in no segment");
	image_build(&board.image, 32, DA, board.table.words, board.table.size);
	IMAGE_SET(&board.image, Phdr, 2, p_vaddr, DA + 8192);
	assert_int_equal(load_image(&board), -EINVAL);
	assert_string_equal(board.rproc->why.what,
			    "the resource table does not run where it is loaded");
	image_build(&board.image, 32, DA, board.table.words, board.table.size);
	IMAGE_SET(&board.image, Phdr, 2, p_paddr, DA + 4098);
	IMAGE_SET(&board.image, Phdr, 2, p_vaddr, DA + 4098);
	IMAGE_SET(&board.image, Shdr, 1, sh_addr, DA + 4098);
	assert_int_equal(load_image(&board), -EINVAL);
	assert_string_equal(board.rproc->why.what, "the resource table is misaligned");
	image_build(&board.image, 32, DA, board.table.words, board.table.size);
	IMAGE_SET(&board.image, Shdr, 1, sh_type, SHT_NOBITS);
	assert_int_equal(load_image(&board), -ENOEXEC);
	board.table.words[0] = 2;
	assert_refused(&board, -EINVAL, "unknown version of the resource table");
	board_close(&board);
}

static void fixed_addresses_are_checked(void **state)
{
	static const struct {
		uint32_t da, length;
		int error;
		const char *what;
	} lies[] = {
		{DA + SIZE - 4096, 8192, -ERANGE, "a resource lies outside the map or the regions"},
		{DA - 4096, 4096, -ERANGE, "a resource lies outside the map or the regions"},
		{0x10000000, 64, -ERANGE, "a resource lies outside the map or the regions"},
		{DA + 0x10000, 0xffffffff, -ERANGE,
		 "a resource lies outside the map or the regions"},
		{DA + POOL_AT + 4096, 64, -ERANGE, "a resource lies in the carve-out"},
		{DA + POOL_AT - 64, 65, -ERANGE, "a resource lies in the carve-out"},
		{DA + 8191, 64, -EINVAL, "a resource overlaps the image"},
		{DA + 255, 1, -EINVAL, "a resource overlaps the image"},
		{DA, 8191, -EINVAL, "a resource overlaps the image"},
		{DA + 1, 8191, -EINVAL, "a resource overlaps the image"},
		{DA, 8192, 0, NULL}, /* around both segments */
		{DA + 8192, 64, 0, NULL}, /* behind the image */
		{DA + 256, 3840, 0, NULL}, /* between the segments */
		{DA + POOL_AT - 64, 64, 0, NULL}, /* up to the carve-out */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct board board;

		board_open(&board);
		table_begin(&board.table, 1);
		table_carveout(&board.table, 0, lies[i].da, lies[i].length, "fixed");
		if (lies[i].error) {
			assert_refused(&board, lies[i].error, lies[i].what);
		} else {
			assert_int_equal(load(&board), 0);
			assert_int_equal(board.rproc->table.memories[0].pa, lies[i].da - DA + PA);
			assert_int_equal(board.pool.used, 0);
		}
		board_close(&board);
	}
}

static void fixed_trace_may_lie_in_the_image(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	table_begin(&board.table, 1);
	table_trace(&board.table, 0, DA + 6000, 100);
	assert_int_equal(load(&board), 0);
	board_close(&board);
	board_open(&board);
	table_begin(&board.table, 1);
	uint32_t *trace = table_trace(&board.table, 0, DA + SIZE - 50, 100);
	assert_refused(&board, -ERANGE, "a resource lies outside the map or the regions");
	trace[1] = DA + POOL_AT;
	assert_refused(&board, -ERANGE, "a resource lies in the carve-out");
	board_close(&board);
}

static void fixed_rings_overlap_nothing(void **state)
{
	uint32_t size = amph_vring_size(16, 64);
	uint32_t free_da = DA + 0x10000;
	struct board board;

	(void)state;
	board_open(&board);
	table_begin(&board.table, 2);
	uint32_t *carveout = table_carveout(&board.table, 0, DA + 0x14000, 0x4000, "vdev0buffer");
	uint32_t *vdev = table_vdev(&board.table, 1, free_da, free_da + 0x1000);
	assert_int_equal(load(&board), 0);
	for (uint32_t i = 0; i < size; i++)
		assert_int_equal(board.memory[free_da - DA + i], 0);
	assert_int_equal(board.memory[free_da - DA + size], 0xa5);
	assert_int_equal(board.memory[free_da - DA - 1], 0xa5);
	assert_int_equal(board.rproc->table.vdevs[0].vrings[0].pa, free_da - DA + PA);
	assert_int_equal(amph_rproc_stop(board.rproc, 0), 0);
	vdev[12] = free_da;
	assert_refused(&board, -EINVAL, "two rings overlap");
	vdev[12] = free_da + (size - 1) / 16 * 16;
	assert_refused(&board, -EINVAL, "two rings overlap");
	vdev[12] = free_da + (size + 15) / 16 * 16;
	assert_int_equal(load(&board), 0);
	assert_int_equal(amph_rproc_stop(board.rproc, 0), 0);
	vdev[12] = free_da + 0x1008;
	assert_refused(&board, -EINVAL, "a ring is misaligned");
	vdev[12] = DA + 0x14000 - 16;
	assert_refused(&board, -EINVAL, "two resources overlap in memory");
	vdev[12] = DA;
	assert_refused(&board, -EINVAL, "a resource overlaps the image");
	vdev[12] = DA + POOL_AT;
	assert_refused(&board, -ERANGE, "a resource lies in the carve-out");
	vdev[12] = DA + SIZE;
	assert_refused(&board, -ERANGE, "a resource lies outside the map or the regions");
	vdev[12] = free_da + 0x1000;
	carveout[1] = DA + 0x13000;
	assert_int_equal(load(&board), 0);
	board_close(&board);
	board_open(&board);
	table_begin(&board.table, 2);
	table_carveout(&board.table, 0, DA + 0x14000, 0x4000, "a");
	table_carveout(&board.table, 1, DA + 0x17fff, 0x1000, "b");
	assert_refused(&board, -EINVAL, "two resources overlap in memory");
	board_close(&board);
}

static void device_memory_must_be_in_the_map(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	table_begin(&board.table, 1);
	uint32_t *devmem = table_carveout(&board.table, 0, 0x10000000, 4096, "uart");
	devmem[0] = AMPH_RESOURCE_DEVMEM;
	devmem[2] = 0x10000000;
	assert_int_equal(load(&board), 0);
	assert_int_equal(amph_rproc_stop(board.rproc, 0), 0);
	devmem[2] = 0x20000000;
	assert_refused(&board, -ENOTSUP, "device memory that the map does not have there");
	devmem[2] = 0x10000000;
	devmem[3] = 4097;
	assert_refused(&board, -ENOTSUP, "device memory that the map does not have there");
	board_close(&board);
}

static void carve_out_that_is_full_gives_everything_back(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	table_begin(&board.table, 2);
	table_carveout(&board.table, 0, ANY, POOL_SIZE - 4096, "most");
	uint32_t *second = table_carveout(&board.table, 1, ANY, 8192, "too much");
	assert_refused(&board, -ENOSPC, "the carve-out is full");
	second[3] = 4096;
	assert_int_equal(load(&board), 0);
	board_close(&board);
	/* with fewer bytes each of what comes after it fails as well */
	for (uint32_t taken = POOL_SIZE; taken > POOL_SIZE - 0x8000; taken -= 1024) {
		board_open(&board);
		usual_table(&board);
		uint64_t offset;
		uint32_t block;
		assert_int_equal(amph_pool_allocate(&board.pool, taken, 0, &offset, &block), 0);
		int error = load(&board);
		assert_true(error == -ENOSPC || error == 0);
		if (error)
			assert_int_equal(board.pool.used, taken);
		amph_rproc_stop(board.rproc, 0);
		amph_pool_free(&board.pool, block);
		board_close(&board);
	}
	board_open(&board);
	board.rproc->config.carveout = NULL;
	usual_table(&board);
	assert_refused(&board, -ENOSPC, "there is no carve-out to place it in");
	board_close(&board);
}

static void carveout_for_buffers_that_is_too_small_is_refused(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	usual_table(&board);
	board.table.words[board.table.words[4] / 4 + 3] = 32 * 512 - 1;
	assert_refused(&board, -ENOSPC, "the carveout for message buffers is too small");
	board_close(&board);
}

static void carve_out_out_of_reach_is_refused(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	board.config.carveout_pa = PA + SIZE; /* a region that is not mapped */
	assert_int_equal(amph_rproc_init(board.rproc, &board.config), 0);
	usual_table(&board);
	assert_refused(&board, -ERANGE,
		       "a block of the carve-out lies outside the map or the regions");
	board.config.carveout_pa = 0x20000000; /* not in the map */
	assert_int_equal(amph_rproc_init(board.rproc, &board.config), 0);
	assert_refused(&board, -ERANGE,
		       "a block of the carve-out lies outside the map or the regions");
	/* beyond what a table can say */
	board.windows[0].da = 0x180000000;
	board.config.carveout_pa = PA + POOL_AT;
	board.config.class_bits = 64;
	assert_int_equal(amph_rproc_init(board.rproc, &board.config), 0);
	image_build(&board.image, 64, 0x180000000, board.table.words, board.table.size);
	assert_int_equal(load_image(&board), -ERANGE);
	assert_string_equal(board.rproc->why.what, "a block of the carve-out lies beyond 32 bits");
	board_close(&board);
}

/* Tables have 32-bit addresses, and all ones means none: the last byte there is nobody's. */
static void addresses_that_a_table_cannot_say_are_refused(void **state)
{
	static const struct {
		uint64_t pa, da;
		bool fixed;
	} lies[] = {
		{0x140000000, DA, false},	 {0x140000000, DA, true},
		{0x100000000 - SIZE, DA, false}, {0x100000000 - SIZE, DA, true},
		{PA, 0x100000000 - SIZE, false}, {PA, 0x100000000 - SIZE, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct board board;

		board_open(&board);
		board.regions[0].pa = lies[i].pa;
		board.regions[1].pa = 0;
		board.windows[0] = (struct amph_window){lies[i].pa, lies[i].da, SIZE};
		board.config.carveout = lies[i].fixed ? NULL : &board.pool;
		board.config.carveout_pa = lies[i].pa + POOL_AT;
		assert_int_equal(amph_rproc_init(board.rproc, &board.config), 0);
		table_begin(&board.table, 1);
		table_carveout(&board.table, 0,
			       lies[i].fixed ? (uint32_t)lies[i].da + POOL_AT : ANY, POOL_SIZE,
			       "to the end");
		image_build(&board.image, 32, lies[i].da, board.table.words, board.table.size);
		assert_int_equal(load_image(&board), -ERANGE);
		assert_string_equal(board.rproc->why.what,
				    lies[i].fixed ? "a resource lies beyond 32 bits"
						  : "a block of the carve-out lies beyond 32 bits");
		board_close(&board);
	}
}

static void first_of_two_rpmsg_devices_is_the_one(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	table_begin(&board.table, 2);
	table_vdev(&board.table, 0, ANY, ANY);
	table_vdev(&board.table, 1, ANY, ANY);
	assert_int_equal(load(&board), 0);
	assert_ptr_equal(board.rproc->rpmsg, &board.rproc->table.vdevs[0]);
	assert_int_equal(board.rproc->table.vdevs[1].driver_features, 0);
	board_close(&board);
}

static void states_are_kept(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	usual_table(&board);
	assert_int_equal(amph_rproc_start(board.rproc, 0), -EBUSY);
	assert_int_equal(amph_rproc_wait(board.rproc, 0), -ENOTCONN);
	assert_int_equal(amph_rproc_handle(board.rproc), -1);
	assert_int_equal(amph_rproc_hung(board.rproc, "x"), -EBUSY);
	assert_int_equal(amph_rproc_stop(board.rproc, 0), 0);
	assert_int_equal(board.fake.stops, 0);
	assert_int_equal(load(&board), 0);
	assert_int_equal(load(&board), -EBUSY);
	assert_string_equal(board.rproc->why.what, "the remote processor is not off");
	assert_int_equal(board.rproc->state, AMPH_RPROC_LOADED);
	assert_int_equal(amph_rproc_wait(board.rproc, 0), -ENOTCONN);
	assert_int_equal(amph_rproc_start(board.rproc, 0), 0);
	assert_int_equal(board.rproc->boots, 1);
	assert_int_equal(board.fake.entry, DA + 4);
	assert_int_equal(amph_rproc_start(board.rproc, 0), -EBUSY);
	assert_int_equal(load(&board), -EBUSY);
	assert_int_equal(amph_rproc_handle(board.rproc), 42);
	board.fake.rung = 1;
	assert_int_equal(amph_rproc_wait(board.rproc, 0), 0);
	board.fake.rung = 4;
	assert_int_equal(amph_rproc_wait(board.rproc, 0), 0);
	assert_int_equal(board.rproc->rung, 5);
	board.fake.wait_error = -ETIMEDOUT;
	assert_int_equal(amph_rproc_wait(board.rproc, 0), -ETIMEDOUT);
	assert_int_equal(board.rproc->state, AMPH_RPROC_RUNNING);
	board.fake.wait_error = -EPIPE;
	assert_int_equal(amph_rproc_wait(board.rproc, 0), -EPIPE);
	assert_int_equal(board.rproc->state, AMPH_RPROC_CRASHED);
	board.fake.wait_error = 0;
	assert_int_equal(amph_rproc_wait(board.rproc, 0), -EPIPE);
	assert_int_equal(amph_rproc_start(board.rproc, 0), -EBUSY);
	assert_int_equal(amph_rproc_handle(board.rproc), -1);
	assert_true(board.pool.used > 0);
	assert_int_equal(amph_rproc_restart(board.rproc, board.image.bytes, board.image.size, 0),
			 0);
	assert_int_equal(board.rproc->state, AMPH_RPROC_RUNNING);
	assert_int_equal(board.rproc->boots, 2);
	assert_int_equal(board.rproc->rung, 0);
	assert_int_equal(board.fake.starts, 2);
	assert_int_equal(board.fake.stops, 1);
	assert_int_equal(amph_rproc_restart(board.rproc, "bad", 3, 0), -ENOEXEC);
	assert_int_equal(board.rproc->state, AMPH_RPROC_OFF);
	board_close(&board);
}

static void image_that_another_has_loaded_is_adopted(void **state)
{
	struct board board;
	struct amph_virtqueue_slot *slots[2] = {NULL, NULL};
	struct amph_rpmsg_config config;
	char text[8];
	uint32_t length;

	(void)state;
	board_open(&board);
	assert_int_equal(amph_rproc_adopt(board.rproc, DA + SIZE + 64), -ERANGE);
	assert_string_equal(board.rproc->why.what, "the entry lies outside the map or the regions");
	assert_int_equal(amph_rproc_adopt(board.rproc, DA - 1), -ERANGE);
	assert_int_equal(amph_rproc_adopt(board.rproc, UINT64_MAX), -ERANGE);
	assert_int_equal(board.rproc->state, AMPH_RPROC_OFF);
	assert_int_equal(amph_rproc_adopt(board.rproc, DA + 64), 0);
	assert_null(board.rproc->why.what);
	assert_int_equal(board.rproc->state, AMPH_RPROC_LOADED);
	assert_int_equal(amph_rproc_adopt(board.rproc, DA + 64), -EBUSY);
	assert_int_equal(amph_rproc_rpmsg(board.rproc, slots, &config), -ENOENT);
	assert_int_equal(amph_rproc_rpmsg_ready(board.rproc), -ENOENT);
	assert_int_equal(amph_rproc_trace(board.rproc, text, sizeof(text), &length), -ENOENT);
	assert_int_equal(amph_rproc_start(board.rproc, 0), 0);
	assert_int_equal(board.fake.entry, DA + 64);
	assert_int_equal(amph_rproc_adopt(board.rproc, DA + 64), -EBUSY);
	assert_int_equal(amph_rproc_stop(board.rproc, 0), 0);
	assert_int_equal(board.fake.stops, 1);
	assert_int_equal(board.pool.used, 0);
	/* nothing of it is left for the next one */
	usual_table(&board);
	assert_int_equal(load(&board), 0);
	assert_int_equal(amph_rproc_stop(board.rproc, 0), 0);
	assert_int_equal(amph_rproc_adopt(board.rproc, DA), 0);
	assert_int_equal(amph_rproc_rpmsg(board.rproc, slots, &config), -ENOENT);
	board_close(&board);
	board_open_with(&board, &elsewhere);
	assert_int_equal(amph_rproc_adopt(board.rproc, DA), -ENOTSUP);
	assert_int_equal(board.rproc->state, AMPH_RPROC_OFF);
	board_close(&board);
}

static void memory_stays_taken_until_it_is_proved_off(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	usual_table(&board);
	assert_int_equal(load(&board), 0);
	board.fake.start_error = -ETIMEDOUT;
	assert_int_equal(amph_rproc_start(board.rproc, 0), -ETIMEDOUT);
	assert_int_equal(board.rproc->state, AMPH_RPROC_CRASHED);
	assert_int_equal(board.rproc->boots, 0);
	board.fake.stop_error = -ETIMEDOUT;
	assert_int_equal(amph_rproc_stop(board.rproc, 0), -ETIMEDOUT);
	assert_true(board.pool.used > 0);
	assert_int_equal(amph_rproc_restart(board.rproc, board.image.bytes, board.image.size, 0),
			 -ETIMEDOUT);
	assert_int_equal(load(&board), -EBUSY);
	board.fake.stop_error = 0;
	assert_int_equal(amph_rproc_stop(board.rproc, 0), 0);
	assert_int_equal(board.pool.used, 0);
	board_close(&board);
}

static void hang_that_somebody_noticed_is_a_crash(void **state)
{
	char text[300];
	struct board board;

	(void)state;
	board_open(&board);
	usual_table(&board);
	memset(text, 'x', sizeof(text));
	text[299] = 0;
	assert_int_equal(load(&board), 0);
	assert_int_equal(amph_rproc_start(board.rproc, 0), 0);
	assert_int_equal(amph_rproc_hung(board.rproc, text), 0);
	assert_int_equal(board.rproc->state, AMPH_RPROC_CRASHED);
	assert_int_equal(strlen(board.rproc->message), sizeof(board.rproc->message) - 1);
	assert_int_equal(amph_rproc_wait(board.rproc, 0), -EPIPE);
	board_close(&board);
}

static void trace_is_read_around_the_end_and_never_out_of_it(void **state)
{
	struct board board;
	uint32_t length;
	char text[64];

	(void)state;
	board_open(&board);
	table_begin(&board.table, 1);
	table_trace(&board.table, 0, DA + SIZE - 0x20000 - 16, 16); /* ends where the pool starts */
	assert_int_equal(load(&board), 0);
	char *trace = (char *)board.memory + SIZE - 0x20000 - 16;
	memset(trace, 0, 16);
	assert_int_equal(amph_rproc_trace(board.rproc, text, sizeof(text), &length), 0);
	assert_int_equal(length, 0);
	memcpy(trace, "hello\n", 6);
	assert_int_equal(amph_rproc_trace(board.rproc, text, 2, &length), 0);
	assert_int_equal(length, 2);
	assert_memory_equal(text, "he", 2);
	assert_int_equal(amph_rproc_trace(board.rproc, text, sizeof(text), &length), 0);
	assert_int_equal(length, 4);
	assert_memory_equal(text, "llo\n", 4);
	/* ten more bytes reach the end; three go on at the start, with a NUL behind them */
	memcpy(trace + 6, "0123456789", 10);
	memcpy(trace, "abc\0", 4);
	assert_int_equal(amph_rproc_trace(board.rproc, text, sizeof(text), &length), 0);
	assert_int_equal(length, 13);
	assert_memory_equal(text, "0123456789abc", 13);
	assert_int_equal(amph_rproc_trace(board.rproc, text, sizeof(text), &length), 0);
	assert_int_equal(length, 0);
	/* a firmware that leaves no NUL: one buffer's worth each time, and no terminal codes */
	memset(trace, 0x1b, 16);
	assert_int_equal(amph_rproc_trace(board.rproc, text, sizeof(text), &length), 0);
	assert_int_equal(length, 16);
	assert_memory_equal(text, "????????????????", 16);
	memset(trace, 0, 16);
	memcpy(trace + 3, "\t~ \x7f\x80\xff\r", 8);
	assert_int_equal(amph_rproc_trace(board.rproc, text, sizeof(text), &length), 0);
	assert_int_equal(length, 7);
	assert_memory_equal(text, "\t~ ????", 7);
	board_close(&board);
}

/* A board that runs, with a trace of `size` bytes. Returns where the trace is. */
static char *run_with_trace(struct board *board, uint32_t size)
{
	table_begin(&board->table, 1);
	table_trace(&board->table, 0, DA + SIZE - 0x20000 - size, size);
	assert_int_equal(load(board), 0);
	assert_int_equal(amph_rproc_start(board->rproc, 0), 0);
	char *trace = (char *)board->memory + SIZE - 0x20000 - size;
	memset(trace, 0, size);
	return trace;
}

static void trace_comes_line_by_line(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	board.rproc->config.trace_line = keep_line;
	assert_int_equal(amph_rproc_trace_lines(board.rproc), -ENOENT);
	char *trace = run_with_trace(&board, 64);
	memcpy(trace, "one\n\ntwo\x1b[31m\tx\nthr", 20);
	assert_int_equal(amph_rproc_wait(board.rproc, 0), 0);
	assert_int_equal(board.fake.line_count, 2); /* an empty line is none */
	assert_string_equal(board.fake.lines[0], "one");
	assert_string_equal(board.fake.lines[1], "two?[31m\tx");
	memcpy(trace + 19, "ee\nfour", 7);
	board.fake.wait_error = -ETIMEDOUT;
	assert_int_equal(amph_rproc_wait(board.rproc, 0), -ETIMEDOUT);
	assert_int_equal(board.fake.line_count, 3);
	assert_string_equal(board.fake.lines[2], "three");
	assert_int_equal(amph_rproc_trace_lines(board.rproc), 0);
	assert_int_equal(board.fake.line_count, 3);
	/* what it wrote before it died, and what never got a newline */
	memcpy(trace + 26, "\ndying\nlast", 11);
	board.fake.wait_error = -EPIPE;
	assert_int_equal(amph_rproc_wait(board.rproc, 0), -EPIPE);
	assert_int_equal(board.fake.line_count, 5);
	assert_string_equal(board.fake.lines[3], "four");
	assert_string_equal(board.fake.lines[4], "dying");
	board.fake.stop_error = -ETIMEDOUT;
	assert_int_equal(amph_rproc_stop(board.rproc, 0), -ETIMEDOUT);
	assert_int_equal(board.fake.line_count, 5);
	board.fake.stop_error = 0;
	memcpy(trace + 37, " words", 6);
	assert_int_equal(amph_rproc_stop(board.rproc, 0), 0);
	assert_int_equal(board.fake.line_count, 6);
	assert_string_equal(board.fake.lines[5], "last words");
	board_close(&board);
}

static void trace_line_that_is_too_long_comes_in_pieces(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	char *trace = run_with_trace(&board, 512);
	board.fake.wait_error = -ETIMEDOUT;
	memset(trace, 'x', 2 * (AMPH_RPROC_LINE_MAX - 1) + 3);
	memcpy(trace + 2 * (AMPH_RPROC_LINE_MAX - 1) + 3, "\nend\n", 5);
	assert_int_equal(amph_rproc_trace_lines(board.rproc), -ENOENT); /* nobody for it */
	assert_int_equal(amph_rproc_wait(board.rproc, 0), -ETIMEDOUT);
	board.rproc->config.trace_line = keep_line;
	assert_int_equal(amph_rproc_trace_lines(board.rproc), 0);
	assert_int_equal(board.fake.line_count, 4);
	assert_int_equal(strlen(board.fake.lines[0]), AMPH_RPROC_LINE_MAX - 1);
	assert_int_equal(strlen(board.fake.lines[1]), AMPH_RPROC_LINE_MAX - 1);
	assert_string_equal(board.fake.lines[2], "xxx");
	assert_string_equal(board.fake.lines[3], "end");
	/* a firmware that leaves no NUL: one buffer's worth each time */
	memset(trace, '\n', 512);
	memset(trace, 'y', 10);
	uint32_t position = board.rproc->trace_position;
	assert_int_equal(amph_rproc_trace_lines(board.rproc), 0);
	assert_int_equal(board.rproc->trace_position, position);
	assert_int_equal(board.fake.line_count, 5);
	assert_string_equal(board.fake.lines[4], "yyyyyyyyyy");
	board_close(&board);
}

static void firmware_that_shows_no_sign_of_life_is_hung(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	usual_table(&board);
	assert_int_equal(load(&board), 0);
	board.rproc->config.hang_ms = 30;
	board.fake.takes_time = true;
	board.fake.wait_error = -ETIMEDOUT;
	uint64_t before = amph_time_now();
	assert_int_equal(amph_rproc_start(board.rproc, 0), 0);
	/* the caller's deadline comes first */
	assert_int_equal(amph_rproc_wait(board.rproc, amph_deadline(1)), -ETIMEDOUT);
	assert_int_equal(board.rproc->state, AMPH_RPROC_RUNNING);
	assert_int_equal(amph_rproc_wait(board.rproc, amph_deadline(10000)), -EPIPE);
	assert_true(amph_time_now() - before >= 30000000u);
	assert_true(board.fake.waited_for < before + 5000000000u);
	assert_int_equal(board.rproc->state, AMPH_RPROC_CRASHED);
	assert_string_equal(board.rproc->message, "hung: no sign of life for 30 ms");
	assert_string_equal(board.rproc->why.what, "the remote processor hangs");
	assert_int_equal(amph_rproc_wait(board.rproc, 0), -EPIPE);
	/* a new life */
	assert_int_equal(amph_rproc_restart(board.rproc, board.image.bytes, board.image.size, 0),
			 0);
	assert_int_equal(amph_rproc_wait(board.rproc, 0), -ETIMEDOUT);
	board_close(&board);
}

static void signs_of_life_put_the_hang_off(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	char *trace = run_with_trace(&board, 64);
	board.rproc->config.trace_line = keep_line;
	board.rproc->config.hang_ms = 1000;
	board.fake.wait_error = -ETIMEDOUT;
	board.fake.rings_left = 1;
	for (int i = 0; i < 3; i++) {
		/* all but hung */
		board.rproc->heard = amph_time_now() - 999000000u;
		board.rproc->looked = amph_time_now();
		if (i == 0)
			assert_int_equal(amph_rproc_wait(board.rproc, 0), 0);
		else if (i == 1)
			memcpy(trace, "busy\n", 5);
		else
			amph_rproc_alive(board.rproc);
		if (i == 1)
			assert_int_equal(amph_rproc_wait(board.rproc, 0), -ETIMEDOUT);
		assert_true(amph_time_now() - board.rproc->heard < 500000000u);
	}
	assert_int_equal(board.fake.line_count, 1);
	/* nobody waited for longer than that: no silence of the firmware's */
	board.rproc->heard = board.rproc->looked = amph_time_now() - 1500000000u;
	assert_int_equal(amph_rproc_wait(board.rproc, 0), -ETIMEDOUT);
	/* somebody did, and heard nothing */
	board.rproc->heard = amph_time_now() - 1500000000u;
	board.rproc->looked = amph_time_now();
	assert_int_equal(amph_rproc_wait(board.rproc, 0), -EPIPE);
	assert_string_equal(board.rproc->message, "hung: no sign of life for 1000 ms");
	board_close(&board);
}

static void firmware_is_never_hung_by_default(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	usual_table(&board);
	assert_int_equal(load(&board), 0);
	assert_int_equal(amph_rproc_start(board.rproc, 0), 0);
	board.fake.wait_error = -ETIMEDOUT;
	board.rproc->heard = board.rproc->looked = 0;
	assert_int_equal(amph_rproc_wait(board.rproc, UINT64_MAX), -ETIMEDOUT);
	assert_int_equal(board.fake.waits, 1);
	assert_true(board.fake.waited_for == UINT64_MAX);
	assert_int_equal(board.rproc->state, AMPH_RPROC_RUNNING);
	board_close(&board);
}

static void rpmsg_gets_what_the_table_says(void **state)
{
	struct amph_virtqueue_slot storage[2][16];
	struct amph_virtqueue_slot *slots[2] = {storage[0], storage[1]};
	struct amph_rpmsg_config config;
	struct board board;

	(void)state;
	board_open(&board);
	board.config.features = 0xffffffff;
	assert_int_equal(amph_rproc_init(board.rproc, &board.config), 0);
	usual_table(&board);
	assert_int_equal(amph_rproc_rpmsg(board.rproc, slots, &config), -ENOTCONN);
	assert_int_equal(amph_rproc_rpmsg_ready(board.rproc), -ENOTCONN);
	/* a feature that nobody here knows is not accepted */
	board.table.words[board.table.words[6] / 4 + 3] |= 1u << 5;
	board.table.words[board.table.words[6] / 4 + 10] = 6;
	board.table.words[board.table.words[6] / 4 + 15] = 9;
	assert_int_equal(load(&board), 0);
	assert_int_equal(amph_rproc_rpmsg(board.rproc, slots, &config), 0);
	assert_int_equal(config.role, AMPH_RPMSG_MAIN);
	assert_true(config.event_index);
	assert_true(config.name_service);
	assert_int_equal(config.buffer_size, 512);
	assert_ptr_equal(config.slots[0], storage[0]);
	assert_ptr_equal(config.slots[1], storage[1]);
	assert_int_equal(config.buffers.pa, board.rproc->buffers.pa);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t da = board.rproc->table.vdevs[0].vrings[i].da;

		assert_int_equal(config.vrings[i].count, 16);
		assert_ptr_equal(config.vrings[i].desc, board.memory + (da - DA));
	}
	uint32_t vdev = DA + 4096 + board.rproc->rpmsg->where;
	assert_int_equal(word_at(&board, vdev + 16), 1u | 1u << 29);
	assert_int_equal(word_at(&board, vdev + 24), 2u << 8);
	assert_int_equal(amph_rproc_rpmsg_ready(board.rproc), 0);
	assert_int_equal(word_at(&board, vdev + 24), 7 | 2u << 8);
	assert_int_equal(board.fake.kicks, 0); /* nobody there yet */
	assert_int_equal(config.wait(config.argument, 0), -EPIPE);
	assert_int_equal(amph_rproc_start(board.rproc, 0), 0);
	assert_int_equal(amph_rproc_rpmsg_ready(board.rproc), 0);
	assert_int_equal(board.fake.kicks, 1);
	assert_int_equal(board.fake.kicked, 6);
	config.kick(config.argument, 1);
	assert_int_equal(board.fake.kicked, 9);
	config.kick(config.argument, 2); /* there is no such queue */
	assert_int_equal(board.fake.kicks, 2);
	assert_int_equal(config.wait(config.argument, 0), 0);
	board.fake.wait_error = -ETIMEDOUT;
	assert_int_equal(config.wait(config.argument, 0), -ETIMEDOUT);
	struct amph_rpmsg rpmsg;
	assert_int_equal(amph_rpmsg_init(&rpmsg, &config), 0);
	amph_rpmsg_close(&rpmsg);
	/* the memory behind a ring is gone from the regions: nothing is laid out */
	board.regions[0].size = POOL_AT;
	assert_int_equal(amph_rproc_rpmsg(board.rproc, slots, &config), -ERANGE);
	board_close(&board);
}

static void vdev_that_is_no_rpmsg_is_placed_and_left_alone(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	table_begin(&board.table, 2);
	table_vdev(&board.table, 0, ANY, ANY)[1] = 3; /* a console */
	uint32_t *second = table_vdev(&board.table, 1, ANY, ANY);
	assert_int_equal(load(&board), 0);
	assert_ptr_equal(board.rproc->rpmsg, &board.rproc->table.vdevs[1]);
	assert_int_equal(board.rproc->table.vdevs[0].driver_features, 0);
	assert_int_equal(amph_rproc_stop(board.rproc, 0), 0);
	second[6] = 1u << 8; /* one ring only */
	second[5] = 20;
	assert_int_equal(load(&board), 0);
	assert_null(board.rproc->rpmsg);
	board_close(&board);
}

static void ring_of_an_impossible_size_is_refused(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	table_begin(&board.table, 1);
	uint32_t *vdev = table_vdev(&board.table, 0, ANY, ANY);
	vdev[8] = 1; /* used needs 4 */
	assert_refused(&board, -EINVAL, "a ring has an impossible size");
	vdev[8] = 65536;
	vdev[9] = 32768;
	assert_refused(&board, -ENOSPC, "the carve-out is full");
	board_close(&board);
}

static void image_loaded_elsewhere_gets_its_table_placed(void **state)
{
	struct board board;

	(void)state;
	board_open_with(&board, &elsewhere);
	usual_table(&board);
	board.config.class_bits = 0;
	assert_int_equal(amph_rproc_init(board.rproc, &board.config), 0);
	/* its addresses mean nothing here */
	image_build(&board.image, 64, 0x555500000000, board.table.words, board.table.size);
	IMAGE_SET(&board.image, Ehdr, 0, e_type, ET_DYN);
	assert_int_equal(load_image(&board), 0);
	assert_int_equal(board.fake.loads, 1);
	uint32_t at = (uint32_t)board.rproc->table.da;
	assert_in_range(at, DA + POOL_AT, DA + SIZE - 4096);
	assert_int_equal(word_at(&board, at), 1);
	assert_int_equal(word_at(&board, at + board.rproc->table.memories[0].where + 4),
			 board.rproc->table.memories[0].da);
	for (uint32_t i = 0; i < POOL_AT; i++)
		assert_int_equal(board.memory[i], 0xa5);
	assert_int_equal(amph_rproc_handle(board.rproc), -1);
	assert_int_equal(amph_rproc_start(board.rproc, 0), 0);
	assert_int_equal(amph_rproc_handle(board.rproc), -1); /* a back-end without one */
	assert_int_equal(amph_rproc_stop(board.rproc, 0), 0);
	board.fake.load_error = -EIO;
	assert_int_equal(load_image(&board), -EIO);
	assert_int_equal(board.rproc->state, AMPH_RPROC_OFF);
	assert_int_equal(board.pool.used, 0);
	board.rproc->config.carveout = NULL;
	table_begin(&board.table, 0);
	image_build(&board.image, 64, 0x555500000000, board.table.words, board.table.size);
	assert_int_equal(load_image(&board), -ENOSPC);
	board_close(&board);
}

static void wrong_configuration_is_refused(void **state)
{
	struct amph_rproc_ops broken;
	struct amph_rproc_config config;
	struct board board;

	(void)state;
	board_open(&board);
	for (int i = 0; i < 5; i++) {
		config = board.config;
		broken = here;
		config.ops = i < 4 ? &broken : NULL;
		if (i == 0)
			broken.start = NULL;
		else if (i == 1)
			broken.stop = NULL;
		else if (i == 2)
			broken.kick = NULL;
		else if (i == 3)
			broken.wait = NULL;
		assert_int_equal(amph_rproc_init(board.rproc, &config), -EINVAL);
	}
	config = board.config;
	config.region_count = 0;
	assert_int_equal(amph_rproc_init(board.rproc, &config), -EINVAL);
	config = board.config;
	config.regions = NULL;
	assert_int_equal(amph_rproc_init(board.rproc, &config), -EINVAL);
	config = board.config;
	config.carveout_pa += 64;
	assert_int_equal(amph_rproc_init(board.rproc, &config), -EINVAL);
	config.carveout_pa = UINT64_MAX & ~4095ull;
	assert_int_equal(amph_rproc_init(board.rproc, &config), -EINVAL);
	board.regions[1].size = 0;
	assert_int_equal(amph_rproc_init(board.rproc, &board.config), -EINVAL);
	board.regions[1].size = UINT64_MAX;
	assert_int_equal(amph_rproc_init(board.rproc, &board.config), -EINVAL);
	board.regions[1].pa = 0;
	board.regions[1].va = board.memory;
	assert_int_equal(amph_rproc_init(board.rproc, &board.config), -EINVAL);
	board.regions[1] = board.regions[0];
	board.windows[1] = board.windows[0];
	assert_int_equal(amph_rproc_init(board.rproc, &board.config), -EINVAL);
	assert_non_null(board.rproc->why.what);
	board.windows[1].pa = 0;
	board.windows[1].da = 0;
	board.config.buffer_size = 256;
	assert_int_equal(amph_rproc_init(board.rproc, &board.config), 0);
	assert_int_equal(board.rproc->config.buffer_size, 256);
	board_close(&board);
}

static void table_whose_bytes_are_not_those_of_its_address_is_refused(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	table_begin(&board.table, 0);
	/* short enough for the first segment: address and size fit, but other bytes are there */
	image_build(&board.image, 32, DA, board.table.words, board.table.size);
	IMAGE_SET(&board.image, Shdr, 1, sh_addr, DA);
	assert_int_equal(load_image(&board), -EINVAL);
	assert_string_equal(board.rproc->why.what, "the resource table is in no segment");
	board_close(&board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(load_writes_segments_and_nothing_else),
		cmocka_unit_test(resources_are_placed_zeroed_and_told),
		cmocka_unit_test(buffers_without_a_carveout_get_a_block),
		cmocka_unit_test(notify_ids_left_open_or_used_twice_are_given_out),
		cmocka_unit_test(segment_outside_the_memory_is_refused),
		cmocka_unit_test(image_of_another_processor_is_refused),
		cmocka_unit_test(image_with_nothing_to_run_is_refused),
		cmocka_unit_test(image_without_a_table_is_fine),
		cmocka_unit_test(table_that_is_not_where_it_says_is_refused),
		cmocka_unit_test(fixed_addresses_are_checked),
		cmocka_unit_test(fixed_trace_may_lie_in_the_image),
		cmocka_unit_test(fixed_rings_overlap_nothing),
		cmocka_unit_test(device_memory_must_be_in_the_map),
		cmocka_unit_test(carve_out_that_is_full_gives_everything_back),
		cmocka_unit_test(carveout_for_buffers_that_is_too_small_is_refused),
		cmocka_unit_test(carve_out_out_of_reach_is_refused),
		cmocka_unit_test(addresses_that_a_table_cannot_say_are_refused),
		cmocka_unit_test(first_of_two_rpmsg_devices_is_the_one),
		cmocka_unit_test(states_are_kept),
		cmocka_unit_test(image_that_another_has_loaded_is_adopted),
		cmocka_unit_test(memory_stays_taken_until_it_is_proved_off),
		cmocka_unit_test(hang_that_somebody_noticed_is_a_crash),
		cmocka_unit_test(trace_is_read_around_the_end_and_never_out_of_it),
		cmocka_unit_test(trace_comes_line_by_line),
		cmocka_unit_test(trace_line_that_is_too_long_comes_in_pieces),
		cmocka_unit_test(firmware_that_shows_no_sign_of_life_is_hung),
		cmocka_unit_test(signs_of_life_put_the_hang_off),
		cmocka_unit_test(firmware_is_never_hung_by_default),
		cmocka_unit_test(rpmsg_gets_what_the_table_says),
		cmocka_unit_test(vdev_that_is_no_rpmsg_is_placed_and_left_alone),
		cmocka_unit_test(ring_of_an_impossible_size_is_refused),
		cmocka_unit_test(image_loaded_elsewhere_gets_its_table_placed),
		cmocka_unit_test(wrong_configuration_is_refused),
		cmocka_unit_test(table_whose_bytes_are_not_those_of_its_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
