/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes loading: the first byte chooses the configuration, the rest is an image. Test code.
 * Memory is two small regions in exact-size heap blocks: a byte written outside is seen. Whatever
 * the image says, a failed load takes nothing, a good one places everything apart from each other,
 * and what comes after it (RPMsg, trace, stop) stays inside as well.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/elf.h>
#include <amphora/rproc.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DA	    0x80000000u
#define PA	    0x40000000u
#define IMAGE_SIZE  16384u
#define POOL_SIZE   49152u
#define BLOCKS	    18
#define SLOTS	    1024
#define ELSEWHERE   1 /* bits of the first byte */
#define NO_POOL	    2
#define ANY_IMAGE   4
#define WITHOUT_MAP 8

static void require(int condition)
{
	if (!condition)
		abort();
}

static int take_image(struct amph_rproc *rproc, const void *image, uint64_t size)
{
	(void)rproc;
	(void)image;
	(void)size;
	return 0;
}

static int start(struct amph_rproc *rproc, uint64_t entry, uint64_t deadline)
{
	(void)rproc;
	(void)entry;
	(void)deadline;
	return 0;
}

static int stop(struct amph_rproc *rproc, uint64_t deadline)
{
	(void)rproc;
	(void)deadline;
	return 0;
}

static void kick(struct amph_rproc *rproc, uint32_t notify_id)
{
	(void)rproc;
	require(notify_id < 32);
}

static int wait(struct amph_rproc *rproc, uint64_t deadline, uint32_t *rung)
{
	(void)rproc;
	(void)deadline;
	*rung = 0;
	return -ETIMEDOUT;
}

static const struct amph_rproc_ops here = {
	.start = start, .stop = stop, .kick = kick, .wait = wait};
static const struct amph_rproc_ops elsewhere = {
	.load = take_image, .start = start, .stop = stop, .kick = kick, .wait = wait};

struct board {
	struct amph_io regions[3];
	struct amph_window windows[2];
	struct amph_pool pool;
	struct amph_pool_block blocks[BLOCKS];
	struct amph_rproc rproc;
};

static void require_reachable(const struct board *board, uint64_t da, uint64_t length)
{
	uint64_t pa;

	require(length > 0);
	require(!amph_map_da_to_pa(&board->rproc.config.map, da, length, &pa));
	require((pa >= PA && pa - PA <= IMAGE_SIZE && length <= IMAGE_SIZE - (pa - PA)) ||
		(pa >= PA + IMAGE_SIZE && pa - PA - IMAGE_SIZE <= POOL_SIZE &&
		 length <= POOL_SIZE - (pa - PA - IMAGE_SIZE)));
}

/* Rings and carveouts: reachable, and none over another. */
static void check_placed(const struct board *board)
{
	const struct amph_resource_table *table = &board->rproc.table;
	struct {
		uint64_t da, length;
	} taken[8];
	uint32_t count = 0;

	for (uint32_t i = 0; i < table->memory_count; i++)
		if (table->memories[i].type == AMPH_RESOURCE_CARVEOUT) {
			taken[count].da = table->memories[i].da;
			taken[count++].length = table->memories[i].length;
		}
	for (uint32_t i = 0; i < table->vdev_count; i++)
		for (uint32_t j = 0; j < table->vdevs[i].vring_count; j++) {
			const struct amph_resource_vring *vring = &table->vdevs[i].vrings[j];

			taken[count].da = vring->da;
			taken[count++].length = amph_vring_size(vring->count, vring->align);
		}
	for (uint32_t i = 0; i < count; i++) {
		require_reachable(board, taken[i].da, taken[i].length);
		for (uint32_t j = 0; j < i; j++)
			require(taken[i].da > taken[j].da
					? taken[i].da - taken[j].da >= taken[j].length
					: taken[j].da - taken[i].da >= taken[i].length);
	}
	for (uint32_t i = 0; i < table->trace_count; i++)
		require_reachable(board, table->traces[i].da, table->traces[i].length);
}

/* The firmware writes what it likes to its trace buffer: the end of its image. */
static void write_trace(const struct board *board, const uint8_t *image, size_t size)
{
	const struct amph_resource_trace *trace = &board->rproc.table.traces[0];
	uint64_t length = trace->length < size ? trace->length : size, pa;
	void *va;

	if (!board->rproc.table.trace_count ||
	    amph_map_da_to_pa(&board->rproc.config.map, trace->da, length, &pa))
		return;
	for (int i = 0; i < 2; i++)
		if (!amph_io_pa_to_va(&board->regions[i], pa, length, &va))
			memcpy(va, image + size - length, length);
}

/* What reaches an application's log is printable, whatever the firmware wrote. */
static void check_line(struct amph_rproc *rproc, const char *line)
{
	size_t length = strlen(line);

	(void)rproc;
	require(length < AMPH_RPROC_LINE_MAX);
	for (size_t i = 0; i < length; i++)
		require(line[i] == '\t' || (line[i] >= ' ' && line[i] <= '~'));
}

static void use(struct board *board, const uint8_t *image, size_t size)
{
	static struct amph_virtqueue_slot storage[2][SLOTS];
	struct amph_virtqueue_slot *slots[2] = {storage[0], storage[1]};
	struct amph_rproc *rproc = &board->rproc;
	struct amph_rpmsg_config config;
	struct amph_rpmsg rpmsg;
	uint32_t length;
	char text[128];

	require(!amph_rproc_start(rproc, 0));
	if (rproc->rpmsg && rproc->rpmsg->vrings[0].count <= SLOTS &&
	    rproc->rpmsg->vrings[1].count <= SLOTS) {
		require_reachable(board, rproc->buffers.da, rproc->buffers.size);
		if (!amph_rproc_rpmsg(rproc, slots, &config) && !amph_rpmsg_init(&rpmsg, &config)) {
			require(!amph_rproc_rpmsg_ready(rproc));
			amph_rpmsg_close(&rpmsg);
		}
	}
	write_trace(board, image, size);
	for (int i = 0; i < 3; i++)
		if (!amph_rproc_trace(rproc, text, sizeof(text), &length))
			require(length <= sizeof(text));
	/* from here on by lines: by hand, while waiting, and the last words in the stop */
	require(amph_rproc_trace_lines(rproc) == -ENOENT);
	rproc->config.trace_line = check_line;
	write_trace(board, image, size);
	require((amph_rproc_trace_lines(rproc) == 0) == (rproc->table.trace_count != 0));
	require(amph_rproc_wait(rproc, 0) == -ETIMEDOUT);
}

static void load(struct board *board, const uint8_t *image, size_t size)
{
	struct amph_rproc *rproc = &board->rproc;
	int error = amph_rproc_load(rproc, image, size);

	if (error) {
		require(rproc->why.what != NULL);
		require(rproc->state == AMPH_RPROC_OFF);
		require(amph_rproc_start(rproc, 0) == -EBUSY);
	} else {
		check_placed(board);
		use(board, image, size);
		require(!amph_rproc_stop(rproc, 0));
	}
	require(rproc->placed_count == 0);
	require(board->pool.used == 0);
	require(!amph_pool_check(&board->pool, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct board board = {.windows = {{PA, DA, 2 * (IMAGE_SIZE + POOL_SIZE)},
					  {0x10000000, 0x10000000, 4096}}};
	uint8_t options = size ? data[0] : 0;
	size_t image_size = size ? size - 1 : 0;
	struct amph_rproc_config config = {
		.name = "fuzz",
		.ops = options & ELSEWHERE ? &elsewhere : &here,
		.map = {board.windows, options & WITHOUT_MAP ? 0 : 2},
		.regions = board.regions,
		.region_count = 3,
		.carveout = options & NO_POOL ? NULL : &board.pool,
		.carveout_pa = PA + IMAGE_SIZE,
		.features = AMPH_VIRTIO_RPMSG_F_NS | AMPH_VIRTIO_RING_F_EVENT_IDX,
		.machine = options & ANY_IMAGE ? 0 : AMPH_ELF_RISCV,
		.class_bits = options & ANY_IMAGE ? 0 : 32,
	};
	/* page-aligned up to the end: what is behind it is the sanitizer's */
	uint8_t *low = aligned_alloc(4096, IMAGE_SIZE), *high = aligned_alloc(4096, POOL_SIZE);
	uint8_t *image = malloc(image_size ? image_size : 1);

	require(low && high && image);
	memset(low, 0xa5, IMAGE_SIZE);
	memset(high, 0xa5, POOL_SIZE);
	if (image_size)
		memcpy(image, data + 1, image_size);
	board.regions[0] = (struct amph_io){.va = low, .pa = PA, .size = IMAGE_SIZE};
	board.regions[1] = (struct amph_io){.va = high, .pa = PA + IMAGE_SIZE, .size = POOL_SIZE};
	board.regions[2] = (struct amph_io){.pa = PA + IMAGE_SIZE + POOL_SIZE, .size = 65536};
	require(!amph_pool_init(&board.pool, POOL_SIZE, 64, board.blocks, BLOCKS));
	require(!amph_rproc_init(&board.rproc, &config));
	load(&board, image, image_size);
	free(image);
	free(high);
	free(low);
	return 0;
}
