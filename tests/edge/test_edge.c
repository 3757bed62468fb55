/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The demo firmware as it really runs, in QEMU or as a process: jobs, their refusals, memory of its own,
 * memory it must not touch, and its ends. Test code, Linux only.
 * Arguments: riscv32 or process, and one or two images.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <amphora/pool.h>
#include <amphora/rproc_linux.h>
#include <amphora/session.h>
#include <amphora/time.h>

#include "../../firmware/common/table.h"
#include "../../firmware/edge/edge.h"

#define DRAM_PA	    0x40000000u
#define DRAM_SIZE   0x10000000u /* 256 MiB, as the firmware's board has it */
#define RISCV_DA    0x80000000u
#define PROCESS_DA  0x10000000u
#define IMAGES	    0x200000u /* two firmware images at the start */
#define CARVEOUT    0x400000u /* bytes, behind the images */
#define BUFFERS	    (IMAGES + CARVEOUT)
#define BUFFER_SIZE (DRAM_SIZE - BUFFERS - 0x400000u) /* QEMU's device tree is at the end */
#define SHARES	    8
#define PAGE	    4096u
#define PAGES	    160 /* of a scattered buffer */
#define MS(n)	    amph_deadline(n)

static bool is_process;
static struct image {
	uint8_t bytes[4 << 20];
	size_t size;
} images[2];

/* One coprocessor with a session. */
struct side {
	union {
		struct amph_rproc rproc;
		struct amph_rproc_qemu qemu;
		struct amph_rproc_process process;
	} u;
	struct amph_window window;
	struct amph_rpmsg rpmsg;
	struct amph_virtqueue_slot slots[2][TABLE_DESCRIPTORS];
	struct amph_channel_rpmsg channel;
	struct amph_rpmsg_endpoint control;
	struct edge_control answer;
	uint32_t answers;
	uint32_t share_service, control_service;
	struct amph_session session;
	struct amph_target_map target;
	struct amph_share shares[SHARES];
	struct amph_segment segments[SHARES * 4];
	struct amph_range ranges[SHARES * 4];
	uint64_t cookie; /* of the last range that came */
	uint32_t taken;
	struct amph_session_request request;
	char trace[65536];
	uint32_t trace_length;
};

static struct amph_dram dram;
static struct amph_pool carveout, pool;
static struct amph_pool_block carveout_blocks[64], pool_blocks[64];
static struct amph_provider_pool provider;
static struct amph_memory memory;
static struct side sides[2];

/* One picture's buffer. */
struct buffer {
	struct amph_shm shm;
	struct amph_range ranges[16];
	struct amph_segment segments[4];
	struct amph_attachment attachment;
	struct amph_segment device_segments[4];
	struct amph_share *share;
};

static void read_trace(struct side *side)
{
	uint32_t length = 0;

	do {
		uint32_t room = (uint32_t)sizeof(side->trace) - 1 - side->trace_length;

		amph_rproc_trace(&side->u.rproc, side->trace + side->trace_length, room, &length);
		side->trace_length += length;
	} while (length);
	side->trace[side->trace_length] = 0;
}

/* --- events --- */

static struct side *side_of(struct amph_session *session)
{
	return session->config.user;
}

static void taken(struct amph_session *session, struct amph_share *share, uint64_t offset,
		  uint64_t length, bool reading, uint64_t cookie)
{
	(void)share;
	(void)offset;
	(void)length;
	(void)reading;
	side_of(session)->cookie = cookie;
	side_of(session)->taken++;
}

static int requested(struct amph_session *session, const struct amph_session_request *request)
{
	side_of(session)->request = *request;
	return 0;
}

static const struct amph_session_events events = {.taken = taken, .requested = requested};

static void service(void *argument, const char *name, uint32_t address, bool created)
{
	struct side *side = (struct side *)((char *)argument - offsetof(struct side, u));

	if (created && !strcmp(name, AMPH_SESSION_SERVICE))
		side->share_service = address;
	if (created && !strcmp(name, EDGE_CONTROL_SERVICE))
		side->control_service = address;
}

static void answered(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
		     uint32_t source, void *argument)
{
	struct side *side = argument;

	(void)endpoint;
	(void)source;
	assert_int_equal(length, sizeof(side->answer));
	memcpy(&side->answer, data, sizeof(side->answer));
	side->answers++;
}

/* --- life --- */

static void boot(struct side *side, uint32_t index)
{
	struct amph_rproc *rproc = &side->u.rproc;
	struct amph_rproc_config config = {
		.name = "edge",
		.map = {&side->window, 1},
		.regions = &dram.io,
		.region_count = 1,
		.carveout = &carveout,
		.carveout_pa = DRAM_PA + IMAGES,
		.features = TABLE_FEATURES,
	};
	int error;

	memset(side, 0, sizeof(*side));
	side->window = (struct amph_window){DRAM_PA, RISCV_DA, DRAM_SIZE};
	if (is_process) {
		/* each its own view */
		const struct amph_rproc_process_config process = {dram.fd, DRAM_SIZE,
								  PROCESS_DA * (index + 1)};

		side->window.da = process.dram_da;
		assert_int_equal(amph_rproc_process_init(&side->u.process, &config, &process), 0);
	} else {
		const struct amph_rproc_qemu_config qemu = {.dram_fd = dram.fd,
							    .dram_size = DRAM_SIZE};

		assert_int_equal(amph_rproc_qemu_init(&side->u.qemu, &config, &qemu), 0);
	}
	error = amph_rproc_load(rproc, images[index].bytes, images[index].size);
	if (error)
		fail_msg("load: %d %s %llx %llx", error, rproc->why.what,
			 (unsigned long long)rproc->why.value,
			 (unsigned long long)rproc->why.limit);
	error = amph_rproc_start(rproc, MS(20000));
	if (error)
		fail_msg("start: %d %s", error, rproc->message);
}

static void connect(struct side *side)
{
	struct amph_virtqueue_slot *slots[2] = {side->slots[0], side->slots[1]};
	struct amph_rpmsg_config config = {0};
	uint64_t deadline = MS(20000);
	int error;

	assert_int_equal(amph_rproc_rpmsg(&side->u.rproc, slots, &config), 0);
	config.service = service;
	assert_int_equal(amph_rpmsg_init(&side->rpmsg, &config), 0);
	assert_int_equal(amph_rproc_rpmsg_ready(&side->u.rproc), 0);
	while (!side->share_service || !side->control_service) {
		error = amph_rpmsg_poll_wait(&side->rpmsg, deadline);
		read_trace(side);
		if (error < 0)
			fail_msg("no services: %d, trace: %s", error, side->trace);
	}
	assert_int_equal(amph_rpmsg_endpoint_create(&side->rpmsg, &side->control, "",
						    AMPH_RPMSG_ANY, side->control_service, answered,
						    side, false, MS(1000)),
			 0);
	assert_int_equal(amph_channel_rpmsg_init(&side->channel, &side->rpmsg, "", AMPH_RPMSG_ANY,
						 side->share_service, false, MS(1000)),
			 0);
}

static void greet(struct side *side, uint64_t nonce)
{
	const struct amph_map map = {&side->window, 1};
	struct amph_session_config config = {
		.role = AMPH_SESSION_MAIN,
		.channel = &side->channel.channel,
		.memory = &memory,
		.target = &side->target.target,
		.nonce = nonce,
		.shares = side->shares,
		.share_max = SHARES,
		.segments = side->segments,
		.segments_per_share = 4,
		.ranges = side->ranges,
		.ranges_per_share = 4,
		.events = &events,
		.heartbeat_ms = 250,
		.quota = 64 << 20,
		.user = side,
	};
	int error;

	assert_int_equal(amph_target_map_init(&side->target, "edge", &map, NULL), 0);
	side->target.target.address_bits = 32;
	assert_int_equal(amph_session_init(&side->session, &config), 0);
	error = amph_session_open(&side->session, MS(5000));
	read_trace(side);
	if (error)
		fail_msg("open: %d, trace: %s", error, side->trace);
}

static int set_up(void **state)
{
	static uint64_t nonce;

	(void)state;
	assert_int_equal(amph_dram_create(&dram, "edge-dram", DRAM_SIZE, DRAM_PA), 0);
	assert_int_equal(amph_pool_init(&carveout, CARVEOUT, 4096, carveout_blocks, 64), 0);
	assert_int_equal(amph_pool_init(&pool, BUFFER_SIZE, 4096, pool_blocks, 64), 0);
	assert_int_equal(amph_provider_pool_init(&provider, "dram", &pool,
						 (uint8_t *)dram.io.va + BUFFERS,
						 DRAM_PA + BUFFERS),
			 0);
	assert_int_equal(amph_memory_init(&memory), 0);
	assert_int_equal(amph_memory_add_provider(&memory, &provider.provider), 0);
	boot(&sides[0], 0);
	connect(&sides[0]);
	greet(&sides[0], 0x1234567890abcdef + nonce++);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2; i++)
		if (sides[i].u.rproc.config.name)
			assert_int_equal(amph_rproc_stop(&sides[i].u.rproc, MS(5000)), 0);
	assert_int_equal(carveout.used, 0);
	assert_int_equal(pool.used, 0);
	amph_dram_close(&dram);
	memset(sides, 0, sizeof(sides));
	return 0;
}

/* --- buffers --- */

static void open_buffer(struct buffer *buffer, uint64_t size)
{
	static uint32_t number;
	const struct amph_shm_storage storage = {buffer->ranges, 16, buffer->segments, 4};
	char name[32];

	memset(buffer, 0, sizeof(*buffer));
	snprintf(name, sizeof(name), "dram:picture%u", number++);
	assert_int_equal(amph_shm_open(&memory, &buffer->shm, &storage, name, size, 0), 0);
}

static void offer(struct buffer *buffer, struct side *side, uint32_t direction, uint32_t request)
{
	int error;

	assert_int_equal(amph_shm_attach(&buffer->shm, &side->target.target, direction,
					 AMPH_SYNC_MESSAGES, &buffer->attachment,
					 buffer->device_segments, 4),
			 0);
	assert_int_equal(amph_session_offer(&side->session, &buffer->attachment, request, MS(2000),
					    &buffer->share),
			 0);
	error = amph_session_wait_share(&side->session, buffer->share, AMPH_SHARE_ACCEPTED,
					MS(5000));
	read_trace(side);
	if (error)
		fail_msg("offer: %d, trace: %s", error, side->trace);
}

static void take_away(struct buffer *buffer, struct side *side)
{
	assert_int_equal(amph_session_release(&side->session, buffer->share, MS(2000)), 0);
	assert_int_equal(amph_session_wait_share(&side->session, buffer->share, AMPH_SHARE_RELEASED,
						 MS(5000)),
			 0);
	assert_int_equal(amph_shm_detach(&buffer->attachment), 0);
}

static void close_buffer(struct buffer *buffer)
{
	assert_int_equal(amph_shm_put(&buffer->shm), 0);
}

static void give(struct side *side, struct buffer *buffer, uint64_t offset, uint64_t length,
		 uint64_t cookie)
{
	int error = amph_session_give(&side->session, buffer->share, offset, length, false, cookie,
				      MS(2000));

	if (error)
		fail_msg("give: %d %s", error, buffer->shm.why.what);
}

/* Waits until all of it is the CPU's, and gives the status of the last return. */
static uint32_t wait_all(struct side *side, struct buffer *buffer)
{
	int error = amph_session_wait_range(&side->session, buffer->share, 0, buffer->shm.size,
					    true, MS(30000));

	read_trace(side);
	if (error)
		fail_msg("return: %d, trace: %s", error, side->trace);
	return (uint32_t)side->cookie;
}

static uint32_t job(struct side *side, struct buffer *buffer, uint32_t operation, uint32_t width,
		    uint32_t height)
{
	give(side, buffer, 0, buffer->shm.size, edge_cookie(operation, width, height));
	return wait_all(side, buffer);
}

static void draw(struct buffer *buffer, uint32_t width, uint32_t height, uint32_t seed)
{
	uint8_t *pixels = buffer->shm.va;

	for (uint64_t i = 0; i < (uint64_t)width * height; i++) {
		seed = seed * 1664525 + 1013904223;
		pixels[i] = (uint8_t)(seed >> 24);
	}
}

/* The formula again, the slow and plain way. */
static uint8_t edge_at(const uint8_t *p, uint32_t width, uint32_t height, uint32_t x, uint32_t y)
{
	static const int weights[3] = {1, 2, 1};
	int gx = 0, gy = 0;

	if (width < 3 || height < 3 || !x || !y || x == width - 1 || y == height - 1)
		return 0;
	for (int i = -1; i <= 1; i++) {
		const uint8_t *row = p + (uint64_t)(y + (uint32_t)i) * width + x;
		const uint8_t *column = p + (uint64_t)y * width + x + i;

		gx += weights[i + 1] * (row[1] - row[-1]);
		gy += weights[i + 1] * (column[width] - *(column - width));
	}
	gx = abs(gx) + abs(gy);
	return (uint8_t)(gx > 255 ? 255 : gx);
}

static void check_edges(const struct buffer *buffer, uint32_t width, uint32_t height, uint8_t flip)
{
	const uint8_t *in = buffer->shm.va;
	const uint8_t *out = in + edge_plane_offset(width, height);

	for (uint32_t y = 0; y < height; y++)
		for (uint32_t x = 0; x < width; x++)
			if (out[(uint64_t)y * width + x] !=
			    (edge_at(in, width, height, x, y) ^ flip))
				fail_msg("%ux%u: pixel %u,%u", width, height, x, y);
	/* nothing was written behind the planes */
	for (uint64_t i = (uint64_t)width * height; i < edge_plane_offset(width, height); i++)
		if (in[i] || out[i])
			fail_msg("%ux%u: written behind a plane, at %llu", width, height,
				 (unsigned long long)i);
}

static uint32_t control(struct side *side, uint32_t command, uint32_t width, uint32_t height,
			uint32_t argument)
{
	const struct edge_control message = {command, width, height, argument};
	uint64_t deadline = MS(10000);
	uint32_t before = side->answers;

	assert_int_equal(amph_rpmsg_send(&side->control, &message, sizeof(message), MS(1000)), 0);
	while (side->answers == before) {
		/* a session's poll returns for its own messages only */
		int result = amph_rpmsg_poll_wait(&side->rpmsg, MS(20));

		if (result >= 0 || result == -ETIMEDOUT)
			result = amph_session_poll(&side->session, 0);

		if (result < 0 && result != -ETIMEDOUT)
			return UINT32_MAX;
		if (side->request.size)
			return UINT32_MAX - 1;
		read_trace(side);
		if (amph_time_now() > deadline)
			fail_msg("no answer to %u, trace: %s", command, side->trace);
	}
	return side->answer.argument;
}

/* --- tests --- */

static void edges_are_right_at_every_odd_size(void **state)
{
	static const uint32_t sizes[][2] = {{1, 1},   {1, 40},	 {40, 1},  {2, 2},    {2, 3},
					    {3, 2},   {3, 3},	 {4, 3},   {5, 7},    {6, 4},
					    {7, 5},   {63, 65},	 {64, 64}, {65, 63},  {255, 3},
					    {3, 255}, {1021, 7}, {17, 81}, {640, 480}};
	struct side *side = &sides[0];

	(void)state;
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		uint32_t width = sizes[i][0], height = sizes[i][1];
		struct buffer buffer;

		open_buffer(&buffer, 2 * edge_plane_offset(width, height));
		draw(&buffer, width, height, i);
		offer(&buffer, side, AMPH_DEVICE_READS_WRITES, 0);
		assert_int_equal(job(side, &buffer, EDGE_DETECT, width, height), EDGE_OK);
		assert_int_equal(side->cookie >> 56, EDGE_DETECT);
		check_edges(&buffer, width, height, 0);
		take_away(&buffer, side);
		close_buffer(&buffer);
	}
}

/* --- a provider of scattered pages: the last one first, and a strange one between any two --- */

#define SCATTERED (DRAM_SIZE / 2)

static int open_scattered(struct amph_provider *scattered_provider, struct amph_shm *shm,
			  const char *name)
{
	uint32_t count = (uint32_t)((shm->size + PAGE - 1) / PAGE);
	uint8_t *va =
		mmap(NULL, (size_t)count * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)scattered_provider;
	(void)name;
	assert_ptr_not_equal(va, MAP_FAILED);
	assert_true(count <= shm->storage.segment_max);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = SCATTERED + 2 * (uint64_t)(count - 1 - i) * PAGE;
		uint64_t left = shm->size - (uint64_t)i * PAGE;

		assert_ptr_equal(mmap(va + (size_t)i * PAGE, PAGE, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_FIXED, dram.fd, (off_t)at),
				 va + (size_t)i * PAGE);
		shm->storage.segments[i] =
			(struct amph_segment){DRAM_PA + at, left < PAGE ? left : PAGE};
	}
	memset(va, 0, shm->size);
	shm->va = va;
	shm->handle = -1;
	shm->segment_count = count;
	return 0;
}

static void close_scattered(struct amph_provider *scattered_provider, struct amph_shm *shm)
{
	(void)scattered_provider;
	munmap(shm->va, (shm->size + PAGE - 1) / PAGE * PAGE);
}

static const struct amph_provider_ops scattered_ops = {open_scattered, close_scattered};

static void job_on_scattered_memory_touches_its_pages_and_no_other(void **state)
{
	static const uint32_t sizes[][2] = {{1, 1},    {3, 2000}, {64, 64},  {509, 97},
					    {4095, 9}, {4096, 9}, {4097, 9}, {8192, 7}};
	static struct amph_provider scattered = {.name = "scattered", .ops = &scattered_ops};
	static struct amph_segment segments[PAGES], device_segments[PAGES];
	struct side *side = &sides[0];
	uint8_t *strange = (uint8_t *)dram.io.va + SCATTERED + PAGE;

	(void)state;
	scattered.next = NULL;
	assert_int_equal(amph_memory_add_provider(&memory, &scattered), 0);
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		uint32_t width = sizes[i][0], height = sizes[i][1];
		struct buffer buffer = {0};
		const struct amph_shm_storage storage = {buffer.ranges, 16, segments, PAGES};

		assert_int_equal(amph_shm_open(&memory, &buffer.shm, &storage, "scattered:picture",
					       2 * edge_plane_offset(width, height), 0),
				 0);
		for (uint32_t page = 0; page < PAGES; page++)
			memset(strange + 2 * (size_t)page * PAGE, 0x5a, PAGE);
		draw(&buffer, width, height, i);
		assert_int_equal(amph_shm_attach(&buffer.shm, &side->target.target,
						 AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES,
						 &buffer.attachment, device_segments, PAGES),
				 0);
		assert_int_equal(buffer.attachment.segment_count, buffer.shm.segment_count);
		assert_int_equal(amph_session_offer(&side->session, &buffer.attachment, 0, MS(2000),
						    &buffer.share),
				 0);
		assert_int_equal(amph_session_wait_share(&side->session, buffer.share,
							 AMPH_SHARE_ACCEPTED, MS(5000)),
				 0);
		assert_int_equal(job(side, &buffer, EDGE_DETECT, width, height), EDGE_OK);
		check_edges(&buffer, width, height, 0);
		assert_int_equal(job(side, &buffer, EDGE_INVERT, width, height), EDGE_OK);
		check_edges(&buffer, width, height, 0xff);
		for (uint32_t page = 0; page < PAGES; page++)
			for (uint32_t byte = 0; byte < PAGE; byte++)
				assert_int_equal(strange[2 * (size_t)page * PAGE + byte], 0x5a);
		take_away(&buffer, side);
		close_buffer(&buffer);
	}
}

static void planes_may_be_given_one_by_one(void **state)
{
	struct side *side = &sides[0];
	uint64_t plane = edge_plane_offset(100, 90);
	struct buffer buffer;

	(void)state;
	open_buffer(&buffer, 2 * plane);
	draw(&buffer, 100, 90, 3);
	offer(&buffer, side, AMPH_DEVICE_READS_WRITES, 0);
	give(side, &buffer, 0, 4096, EDGE_HOLD);
	give(side, &buffer, 4096, plane - 4096, EDGE_HOLD);
	give(side, &buffer, plane, plane, edge_cookie(EDGE_DETECT, 100, 90));
	assert_int_equal(wait_all(side, &buffer), EDGE_OK);
	assert_int_equal(side->taken, 1); /* all of it in one return */
	check_edges(&buffer, 100, 90, 0);
	take_away(&buffer, side);
	close_buffer(&buffer);
}

static void job_that_does_not_fit_comes_back_with_the_reason(void **state)
{
	struct side *side = &sides[0];
	uint64_t plane = edge_plane_offset(64, 64);
	struct buffer buffer, reading, wide;

	(void)state;
	open_buffer(&wide, 2 * edge_plane_offset(8193, 1));
	offer(&wide, side, AMPH_DEVICE_READS_WRITES, 0);
	assert_int_equal(job(side, &wide, EDGE_DETECT, 8193, 1), EDGE_BAD_SIZE);
	assert_int_equal(job(side, &wide, EDGE_DETECT, 1, 8193), EDGE_BAD_SIZE);
	assert_int_equal(job(side, &wide, EDGE_DETECT, 8192, 1), EDGE_OK);
	take_away(&wide, side);
	close_buffer(&wide);
	open_buffer(&buffer, 2 * plane);
	offer(&buffer, side, AMPH_DEVICE_READS_WRITES, 0);
	assert_int_equal(job(side, &buffer, EDGE_DETECT, 0, 64), EDGE_BAD_SIZE);
	assert_int_equal(job(side, &buffer, EDGE_DETECT, 64, 0), EDGE_BAD_SIZE);
	assert_int_equal(job(side, &buffer, EDGE_DETECT, 8193, 1), EDGE_BAD_SIZE);
	assert_int_equal(job(side, &buffer, EDGE_DETECT, 65535, 65535), EDGE_BAD_SIZE);
	assert_int_equal(job(side, &buffer, EDGE_DETECT, 65, 64), EDGE_BAD_SIZE);
	assert_int_equal(job(side, &buffer, 200, 64, 64), EDGE_UNKNOWN);
	assert_int_equal(job(side, &buffer, EDGE_DRAWN, 64, 64), EDGE_UNKNOWN);
	/* only one plane given */
	give(side, &buffer, 0, plane, edge_cookie(EDGE_DETECT, 64, 64));
	assert_int_equal(wait_all(side, &buffer), EDGE_NOT_OWNED);
	give(side, &buffer, plane, plane, edge_cookie(EDGE_DETECT, 64, 64));
	assert_int_equal(wait_all(side, &buffer), EDGE_NOT_OWNED);
	/* the output for reading only */
	assert_int_equal(amph_session_give(&side->session, buffer.share, 0, 2 * plane, true,
					   edge_cookie(EDGE_DETECT, 64, 64), MS(1000)),
			 0);
	assert_int_equal(wait_all(side, &buffer), EDGE_NOT_OWNED);

	open_buffer(&reading, 2 * plane);
	offer(&reading, side, AMPH_DEVICE_READS, 0);
	assert_int_equal(amph_session_give(&side->session, reading.share, 0, 2 * plane, true,
					   edge_cookie(EDGE_DETECT, 64, 64), MS(1000)),
			 0);
	assert_int_equal(wait_all(side, &reading), EDGE_NOT_REACHABLE);
	take_away(&reading, side);
	close_buffer(&reading);

	assert_int_equal(job(side, &buffer, EDGE_DETECT, 64, 64), EDGE_OK);
	take_away(&buffer, side);
	close_buffer(&buffer);
}

/* The buffer's four pieces as the firmware has them, in the order of the buffer's bytes. */
static const uint32_t piece_of[4] = {2, 0, 3, 1};
static const uint32_t piece_size[4] = {5003, 4097, 9000, 0}; /* in memory; the last is the rest */

static uint64_t piece_start(const struct buffer *buffer, uint32_t piece, uint64_t *length)
{
	uint64_t start = 0;

	for (uint32_t i = 0; i < piece; i++)
		start += piece_size[i];
	*length = piece < 3 ? piece_size[piece] : buffer->shm.size - start;
	return start;
}

static void offer_in_pieces(struct buffer *buffer, struct side *side)
{
	struct amph_attachment *attachment = &buffer->attachment;
	uint64_t da, length;
	int error;

	assert_int_equal(amph_shm_attach(&buffer->shm, &side->target.target,
					 AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES, attachment,
					 buffer->device_segments, 4),
			 0);
	da = attachment->segments[0].address;
	for (uint32_t i = 0; i < 4; i++) {
		uint64_t start = piece_start(buffer, piece_of[i], &length);

		attachment->segments[i] = (struct amph_segment){da + start, length};
	}
	attachment->segment_count = 4;
	assert_int_equal(
		amph_session_offer(&side->session, attachment, 0, MS(2000), &buffer->share), 0);
	error = amph_session_wait_share(&side->session, buffer->share, AMPH_SHARE_ACCEPTED,
					MS(5000));
	if (error)
		fail_msg("offer: %d", error);
}

/* From the buffer's memory to its bytes as the firmware counts them, or back. */
static void reorder(struct buffer *buffer, uint8_t *bytes, bool to_memory)
{
	uint64_t at = 0, length;

	for (uint32_t i = 0; i < 4; i++, at += length) {
		uint8_t *piece =
			(uint8_t *)buffer->shm.va + piece_start(buffer, piece_of[i], &length);

		if (to_memory)
			memcpy(piece, bytes + at, length);
		else
			memcpy(bytes + at, piece, length);
	}
}

static void picture_in_pieces_is_worked_on_across_their_ends(void **state)
{
	struct side *side = &sides[0];
	uint64_t plane = edge_plane_offset(151, 113);
	uint8_t *bytes = malloc(2 * plane);
	struct buffer buffer, whole;

	(void)state;
	assert_non_null(bytes);
	open_buffer(&whole, 2 * plane);
	draw(&whole, 151, 113, 3);
	open_buffer(&buffer, 2 * plane);
	memcpy(bytes, whole.shm.va, 2 * plane);
	reorder(&buffer, bytes, true);
	offer(&whole, side, AMPH_DEVICE_READS_WRITES, 0);
	offer_in_pieces(&buffer, side);
	for (uint32_t operation = EDGE_DETECT; operation <= EDGE_INVERT; operation++) {
		assert_int_equal(job(side, &whole, operation, 151, 113), EDGE_OK);
		assert_int_equal(job(side, &buffer, operation, 151, 113), EDGE_OK);
		reorder(&buffer, bytes, false);
		assert_memory_equal(bytes, whole.shm.va, 2 * plane);
	}
	take_away(&buffer, side);
	take_away(&whole, side);
	close_buffer(&buffer);
	close_buffer(&whole);
	free(bytes);
}

static void input_may_be_shared_for_reading(void **state)
{
	struct side *side = &sides[0];
	uint64_t plane = edge_plane_offset(33, 31);
	struct buffer buffer;

	(void)state;
	open_buffer(&buffer, 2 * plane);
	draw(&buffer, 33, 31, 9);
	offer(&buffer, side, AMPH_DEVICE_READS_WRITES, 0);
	assert_int_equal(amph_session_give(&side->session, buffer.share, 0, plane, true, EDGE_HOLD,
					   MS(1000)),
			 0);
	give(side, &buffer, plane, plane, edge_cookie(EDGE_DETECT, 33, 31));
	assert_int_equal(wait_all(side, &buffer), EDGE_OK);
	assert_int_equal(side->taken, 2);
	check_edges(&buffer, 33, 31, 0);
	take_away(&buffer, side);
	close_buffer(&buffer);
}

/* The home's segments are forged, as a hostile main processor could: the firmware's own memory. */
static void memory_the_firmware_lives_on_is_refused(void **state)
{
	struct side *side = &sides[0];
	const struct amph_resource_table *table = &side->u.rproc.table;
	uint64_t own[] = {
		side->window.da - 4096, /* before the DRAM */
		side->window.da + DRAM_SIZE - 4096, /* and across its end */
		UINT64_MAX - 4096,
		table->vdevs[0].vrings[0].da & ~4095u,
		table->vdevs[0].vrings[1].da & ~4095u,
		table->memories[0].da,
		table->memories[0].da + table->memories[0].length - 4096,
		table->traces[0].da & ~4095u,
		table->da & ~4095u,
		is_process ? table->da & ~4095u : RISCV_DA, /* its code */
		is_process ? table->da & ~4095u : RISCV_DA + 0xff000,
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		struct buffer buffer;

		open_buffer(&buffer, 8192);
		assert_int_equal(amph_shm_attach(&buffer.shm, &side->target.target,
						 AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES,
						 &buffer.attachment, buffer.device_segments, 4),
				 0);
		buffer.device_segments[0].address = own[i];
		assert_int_equal(amph_session_offer(&side->session, &buffer.attachment, 0, MS(2000),
						    &buffer.share),
				 0);
		if (!amph_session_wait_share(&side->session, buffer.share, AMPH_SHARE_ACCEPTED,
					     MS(5000)))
			fail_msg("%u: %llx was accepted", i, (unsigned long long)own[i]);
		buffer.device_segments[0].address = 0;
		assert_int_equal(amph_shm_detach(&buffer.attachment), 0);
		close_buffer(&buffer);
	}
	assert_int_equal(control(side, EDGE_PING, 1, 2, 3), 3);
}

static void firmware_asks_for_memory_and_draws_in_it(void **state)
{
	struct side *side = &sides[0];
	struct buffer buffer;
	uint64_t deadline;
	uint32_t before;

	(void)state;
	assert_int_equal(control(side, EDGE_GENERATE, 0, 1, 0), EDGE_BAD_SIZE);
	assert_int_equal(control(side, EDGE_GENERATE, 300, 200, 0), UINT32_MAX - 1);
	assert_int_equal(side->request.size, 300 * 200);
	assert_int_equal(side->request.direction, AMPH_DEVICE_READS_WRITES);
	side->request.size = 0;
	assert_int_equal(control(side, EDGE_GENERATE, 300, 200, 0), EDGE_BUSY);

	before = side->answers;
	open_buffer(&buffer, 300 * 200);
	offer(&buffer, side, AMPH_DEVICE_READS_WRITES, 1);
	give(side, &buffer, 0, buffer.shm.size, EDGE_HOLD);
	assert_int_equal(wait_all(side, &buffer), EDGE_OK);
	assert_int_equal(side->cookie >> 56, EDGE_DRAWN);
	for (uint32_t y = 0; y < 200; y++)
		for (uint32_t x = 0; x < 300; x++)
			if (((uint8_t *)buffer.shm.va)[y * 300 + x] != edge_test_pixel(x, y))
				fail_msg("pixel %u,%u", x, y);
	for (deadline = MS(5000); side->answers == before && amph_time_now() < deadline;)
		amph_session_poll(&side->session, MS(50));
	assert_int_equal(side->answer.command, EDGE_GENERATE | EDGE_ANSWER);
	assert_int_equal(side->answer.argument, EDGE_OK);
	take_away(&buffer, side);
	close_buffer(&buffer);

	/* and refused, politely */
	assert_int_equal(control(side, EDGE_GENERATE, 10, 10, 0), UINT32_MAX - 1);
	before = side->answers;
	assert_int_equal(amph_session_deny(&side->session, side->request.id, -EDQUOT, MS(1000)), 0);
	side->request.size = 0;
	for (deadline = MS(5000); side->answers == before && amph_time_now() < deadline;)
		amph_session_poll(&side->session, MS(50));
	assert_int_equal(side->answer.argument, EDGE_REFUSED);
}

static void session_closes_in_order_and_opens_again(void **state)
{
	struct side *side = &sides[0];

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		struct buffer buffer;

		open_buffer(&buffer, 8192);
		draw(&buffer, 50, 50, 1);
		offer(&buffer, side, AMPH_DEVICE_READS_WRITES, 0);
		assert_int_equal(job(side, &buffer, EDGE_DETECT, 50, 50), EDGE_OK);
		take_away(&buffer, side);
		close_buffer(&buffer);
		assert_int_equal(amph_session_close(&side->session, MS(5000)), 0);
		greet(side, 77 + i);
	}
}

static void heartbeats_go_on_during_a_large_job(void **state)
{
	const uint64_t size = edge_plane_offset(8192, 8192);
	struct side *side = &sides[0];
	struct buffer buffer;
	uint64_t start;

	(void)state;
	open_buffer(&buffer, 2 * size + 4096);
	offer(&buffer, side, AMPH_DEVICE_READS_WRITES, 0);
	start = amph_time_now();
	give(side, &buffer, 0, 2 * size, edge_cookie(EDGE_DETECT, 8192, 8192));
	/* what comes on top of a running job goes back by itself */
	give(side, &buffer, 2 * size, 4096, edge_cookie(EDGE_INVERT, 8, 8));
	assert_int_equal(amph_session_wait_range(&side->session, buffer.share, 2 * size, 4096, true,
						 MS(10000)),
			 0);
	assert_int_equal((uint32_t)side->cookie, EDGE_BUSY);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, size, true), -EACCES);
	assert_int_equal(wait_all(side, &buffer), EDGE_OK);
	print_message("8192x8192 in %llu ms\n",
		      (unsigned long long)(amph_time_now() - start) / 1000000);
	take_away(&buffer, side);
	close_buffer(&buffer);
	open_buffer(&buffer, 2 * edge_plane_offset(1920, 1080));
	draw(&buffer, 1920, 1080, 4);
	offer(&buffer, side, AMPH_DEVICE_READS_WRITES, 0);
	for (uint32_t i = 0; i < 3; i++) {
		start = amph_time_now();
		assert_int_equal(job(side, &buffer, EDGE_DETECT, 1920, 1080), EDGE_OK);
		print_message("1920x1080 in %llu us\n",
			      (unsigned long long)(amph_time_now() - start) / 1000);
	}
	check_edges(&buffer, 1920, 1080, 0);
	take_away(&buffer, side);
	close_buffer(&buffer);
}

static void buffer_passes_through_two_coprocessors(void **state)
{
	struct side *first = &sides[0], *second = &sides[1];
	struct amph_attachment attachment;
	struct amph_segment segments[4];
	struct amph_share *share;
	struct buffer buffer;

	(void)state;
	boot(second, 1);
	connect(second);
	greet(second, 99);
	open_buffer(&buffer, 2 * edge_plane_offset(200, 100));
	draw(&buffer, 200, 100, 7);
	offer(&buffer, first, AMPH_DEVICE_READS_WRITES, 0);
	assert_int_equal(amph_shm_attach(&buffer.shm, &second->target.target,
					 AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES, &attachment,
					 segments, 4),
			 0);
	assert_int_equal(amph_session_offer(&second->session, &attachment, 0, MS(2000), &share), 0);
	assert_int_equal(
		amph_session_wait_share(&second->session, share, AMPH_SHARE_ACCEPTED, MS(5000)), 0);
	give(first, &buffer, 0, buffer.shm.size, edge_cookie(EDGE_DETECT, 200, 100));
	assert_int_equal(amph_session_pass(&first->session, buffer.share, &second->session, share,
					   0, buffer.shm.size, edge_cookie(EDGE_INVERT, 200, 100),
					   MS(2000)),
			 0);
	for (uint64_t deadline = MS(20000); !second->taken && amph_time_now() < deadline;) {
		amph_session_poll(&first->session, MS(5));
		amph_session_poll(&second->session, MS(5));
	}
	assert_int_equal((uint32_t)second->cookie, EDGE_OK);
	assert_int_equal(second->cookie >> 56, EDGE_INVERT);
	assert_int_equal(first->taken, 0);
	check_edges(&buffer, 200, 100, 0xff);
	take_away(&buffer, first);
	assert_int_equal(amph_session_release(&second->session, share, MS(2000)), 0);
	assert_int_equal(
		amph_session_wait_share(&second->session, share, AMPH_SHARE_RELEASED, MS(5000)), 0);
	assert_int_equal(amph_shm_detach(&attachment), 0);
	close_buffer(&buffer);
}

static void expect_end(struct side *side, const char *text)
{
	uint64_t deadline = MS(10000);

	while (side->u.rproc.state == AMPH_RPROC_RUNNING && amph_time_now() < deadline)
		amph_rproc_wait(&side->u.rproc, MS(100));
	assert_int_equal(side->u.rproc.state, AMPH_RPROC_CRASHED);
	read_trace(side);
	if (!strstr(side->trace, text))
		fail_msg("'%s' is not in the trace: %s", text, side->trace);
	amph_session_lose(&side->session, -EPIPE, "crashed");
}

static void send_control(struct side *side, uint32_t command, uint32_t argument)
{
	const struct edge_control message = {command, 0, 0, argument};

	assert_int_equal(amph_rpmsg_send(&side->control, &message, sizeof(message), MS(1000)), 0);
}

static void crash_says_where_it_was(void **state)
{
	struct side *side = &sides[0];

	(void)state;
	send_control(side, EDGE_CRASH_NOW, 0);
	expect_end(side, is_process ? "crash: signal, address: 0x4" : "crash: mcause, mepc: 0x3");
	assert_string_equal(side->u.rproc.message,
			    is_process ? "killed by signal 4 (Illegal instruction)"
				       : "exited with code 70");
}

static void crash_holding_a_buffer_leaves_it_to_quarantine_until_off(void **state)
{
	struct side *side = &sides[0];
	struct buffer buffer;

	(void)state;
	open_buffer(&buffer, 8192);
	offer(&buffer, side, AMPH_DEVICE_READS_WRITES, 0);
	give(side, &buffer, 0, 8192, edge_cookie(EDGE_CRASH, 1, 1));
	expect_end(side, "told to crash");
	assert_int_equal(amph_shm_abandon(&buffer.shm, NULL), -EINPROGRESS);
	assert_int_equal(amph_rproc_stop(&side->u.rproc, MS(5000)), 0);
	amph_target_off(&side->target.target);
}

static void exit_is_orderly_and_brings_its_code(void **state)
{
	struct side *side = &sides[0];

	(void)state;
	send_control(side, EDGE_EXIT, 5);
	expect_end(side, "told to exit: 0x5");
	assert_string_equal(side->u.rproc.message, "exited with code 5");
}

static void hang_is_found_by_the_missing_heartbeat(void **state)
{
	struct side *side = &sides[0];
	int error;

	(void)state;
	send_control(side, EDGE_HANG, 0);
	do {
		error = amph_session_poll(&side->session, MS(10000));
	} while (error > 0);
	assert_int_equal(side->session.state, AMPH_SESSION_LOST);
	assert_string_equal(side->session.why.what, "the other side was silent for too long");
	assert_int_equal(side->u.rproc.state, AMPH_RPROC_RUNNING);
}

static void control_survives_nonsense(void **state)
{
	struct side *side = &sides[0];
	uint8_t bytes[496] = {0xff};

	(void)state;
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(amph_rpmsg_send(&side->control, bytes, i * 12, MS(1000)), 0);
	assert_int_equal(control(side, 99, 1, 2, 3), EDGE_UNKNOWN);
	for (uint32_t i = 0; i < 2000; i++)
		assert_int_equal(control(side, EDGE_PING, 1, 2, i), i);
}

/* More lines than the trace buffer holds; each arrives once and whole. */
static void trace_goes_around_its_buffer_without_losing_a_line(void **state)
{
	static const char line[] = "control: a message of another length: 0x";
	struct side *side = &sides[0];
	uint32_t lines = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(amph_rpmsg_send(&side->control, "nonsense", 1 + i % 8, MS(1000)),
				 0);
		if (i % 50 == 0)
			assert_int_equal(control(side, EDGE_PING, 0, 0, i), i);
		read_trace(side);
	}
	assert_int_equal(control(side, EDGE_PING, 0, 0, 3), 3);
	read_trace(side);
	for (char *at = side->trace; (at = strstr(at, line)) != NULL; lines++) {
		at += sizeof(line) - 1;
		assert_int_equal(at[0] - '0', 1 + lines % 8);
		assert_memory_equal(at + 1, " 0x10\n", 6);
	}
	assert_int_equal(lines, 1000);
}

static void load_image(struct image *image, const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file) {
		fprintf(stderr, "%s is not there\n", path);
		exit(77);
	}
	image->size = fread(image->bytes, 1, sizeof(image->bytes), file);
	fclose(file);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(edges_are_right_at_every_odd_size, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			job_on_scattered_memory_touches_its_pages_and_no_other, set_up, tear_down),
		cmocka_unit_test_setup_teardown(planes_may_be_given_one_by_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(job_that_does_not_fit_comes_back_with_the_reason,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(picture_in_pieces_is_worked_on_across_their_ends,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(input_may_be_shared_for_reading, set_up, tear_down),
		cmocka_unit_test_setup_teardown(memory_the_firmware_lives_on_is_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(firmware_asks_for_memory_and_draws_in_it, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(session_closes_in_order_and_opens_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(heartbeats_go_on_during_a_large_job, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(buffer_passes_through_two_coprocessors, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(crash_says_where_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			crash_holding_a_buffer_leaves_it_to_quarantine_until_off, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(exit_is_orderly_and_brings_its_code, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(hang_is_found_by_the_missing_heartbeat, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(control_survives_nonsense, set_up, tear_down),
		cmocka_unit_test_setup_teardown(trace_goes_around_its_buffer_without_losing_a_line,
						set_up, tear_down),
	};

	if (count != 4)
		return 2;
	is_process = !strcmp(arguments[1], "process");
	if (!is_process && amph_rproc_qemu_find(NULL))
		return 77;
	load_image(&images[0], arguments[2]);
	load_image(&images[1], arguments[3]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
