/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reserved memory through UIO: the node uio-memory of vsoc.dtsi.
 * Test code, inside the virtual SoC.
 */
#include <string.h>

#include <amphora/target.h>
#include <amphora/uio.h>

#include "check.h"

#define PA   UINT64_C(0x5ec00000)
#define SIZE UINT64_C(0x400000)

/* A carve-out of the whole memory. */
struct carveout {
	struct amph_uio uio;
	struct amph_pool pool;
	struct amph_pool_block blocks[9];
	struct amph_provider_pool provider;
	struct place place;
};

static void carveout_open(struct carveout *c)
{
	struct amph_why why;

	EXPECT_EQUAL(amph_uio_open(&c->uio, "uio-memory", NULL, &why), 0);
	EXPECT_EQUAL(amph_pool_init(&c->pool, c->uio.size, 4096, c->blocks, 9), 0);
	EXPECT_EQUAL(amph_provider_uio_init(&c->provider, "carveout", &c->pool, &c->uio), 0);
	place_init(&c->place, &c->provider.provider);
}

static void memory_is_found_by_name_and_by_number(void)
{
	static const char *const maps[] = {NULL, "map0"};
	struct amph_uio uio;
	struct amph_why why;

	for (int i = 0; i < 2; i++) {
		EXPECT_EQUAL(amph_uio_open(&uio, i ? "uio0" : "uio-memory", maps[i], &why), 0);
		EXPECT_EQUAL(uio.pa, PA);
		EXPECT_EQUAL(uio.size, SIZE);
		check_fill(uio.va, uio.size, 5);
		check_filled(uio.va, uio.size, 5);
		amph_uio_close(&uio);
	}
}

static void buffers_are_zeroed_uncached_and_have_addresses(void)
{
	struct amph_window window = {.pa = PA, .da = 0x9ec00000, .length = SIZE};
	struct amph_map map = {.windows = &window, .count = 1};
	struct amph_attachment attachment;
	struct amph_segment segments[1];
	struct amph_target_map target;
	struct carveout c;

	carveout_open(&c);
	check_fill(c.uio.va, c.uio.size, 9); /* what somebody left behind */
	EXPECT_EQUAL(place_open(&c.place, "carveout:first", 300000, 0), 0);
	EXPECT_EQUAL(c.place.shm.flags, AMPH_SHM_NOT_CACHED);
	EXPECT_EQUAL(c.place.shm.handle, -1);
	EXPECT_EQUAL(c.place.shm.segment_count, 1);
	EXPECT_EQUAL(c.place.segments[0].length, 300000);
	EXPECT_EQUAL(c.place.segments[0].address - PA,
		     (uintptr_t)c.place.shm.va - (uintptr_t)c.uio.va);
	check_zero_write_read(&c.place.shm);
	check_not_in_child(&c.place.shm);

	EXPECT_EQUAL(amph_target_map_init(&target, "map", &map, NULL), 0);
	target.target.coherent = false; /* and without caches to maintain */
	target.target.cache = &amph_cache_port;
	EXPECT_EQUAL(amph_shm_put(&c.place.shm), 0);
	EXPECT_EQUAL(place_open(&c.place, "carveout:second", SIZE, AMPH_SHM_NOT_CACHED), 0);
	check_zero_write_read(&c.place.shm);
	EXPECT_EQUAL(amph_shm_attach(&c.place.shm, &target.target, AMPH_DEVICE_READS_WRITES,
				     AMPH_SYNC_MESSAGES, &attachment, segments, 1),
		     0);
	EXPECT_EQUAL(segments[0].address, 0x9ec00000);
	EXPECT_EQUAL(amph_shm_sync_for_device(&attachment, 0, SIZE, false), 0);
	EXPECT_EQUAL(amph_shm_sync_for_cpu(&attachment, 0, SIZE), 0);
	EXPECT_EQUAL(amph_shm_detach(&attachment), 0);
	EXPECT_EQUAL(amph_shm_put(&c.place.shm), 0);
	amph_uio_close(&c.uio);
}

static void memory_in_use_is_refused_a_second_time(void)
{
	struct amph_uio first, second;
	struct amph_why why;

	EXPECT_EQUAL(amph_uio_open(&first, "uio-memory", NULL, &why), 0);
	EXPECT_REFUSED(amph_uio_open(&second, "uio0", NULL, &why), -EBUSY, &why, "in use");
	EXPECT_EQUAL(second.fd, -1);
	amph_uio_close(&second); /* does nothing */
	amph_uio_close(&first);
	EXPECT_EQUAL(amph_uio_open(&second, "uio0", NULL, &why), 0);
	amph_uio_close(&second);
}

static void names_that_are_not_there_are_refused(void)
{
	struct amph_uio uio;
	struct amph_why why;

	EXPECT_REFUSED(amph_uio_open(&uio, "no-such-memory", NULL, &why), -ENOENT, &why,
		       "/sys/class/uio");
	EXPECT_REFUSED(amph_uio_open(&uio, "uio7", NULL, &why), -ENOENT, &why, "/sys/class/uio");
	EXPECT_REFUSED(amph_uio_open(&uio, "uio0", "map4", &why), -ENOENT, &why, "map");
	EXPECT_REFUSED(amph_uio_open(&uio, NULL, NULL, &why), -EINVAL, &why, "name");
	EXPECT_EQUAL(amph_uio_open(&uio, "", NULL, NULL), -EINVAL);
}

static void pool_larger_than_the_memory_is_refused(void)
{
	struct amph_provider_pool provider;
	struct carveout c;

	carveout_open(&c);
	EXPECT_EQUAL(amph_pool_init(&c.pool, SIZE + 4096, 4096, c.blocks, 9), 0);
	EXPECT_EQUAL(amph_provider_uio_init(&provider, "carveout", &c.pool, &c.uio), -EINVAL);
	amph_uio_close(&c.uio);
	EXPECT_EQUAL(amph_pool_init(&c.pool, SIZE, 4096, c.blocks, 9), 0);
	EXPECT_EQUAL(amph_provider_uio_init(&provider, "carveout", &c.pool, &c.uio), -EINVAL);
}

static void what_the_pool_has_not_is_refused(void)
{
	struct carveout c;

	carveout_open(&c);
	EXPECT_REFUSED(place_open(&c.place, "carveout:large", SIZE + 1, 0), -ENOMEM,
		       &c.place.shm.why, "pool");
	EXPECT_REFUSED(place_open(&c.place, "carveout:huge", 4096, AMPH_SHM_HUGE), -ENOTSUP,
		       &c.place.shm.why, "mapped");
	amph_uio_close(&c.uio);
}

static const struct check checks[] = {
	CHECK(memory_is_found_by_name_and_by_number),
	CHECK(buffers_are_zeroed_uncached_and_have_addresses),
	CHECK(memory_in_use_is_refused_a_second_time),
	CHECK(names_that_are_not_there_are_refused),
	CHECK(pool_larger_than_the_memory_is_refused),
	CHECK(what_the_pool_has_not_is_refused),
};

int main(int argc, char **argv)
{
	return check_main(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
