/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A memory context with a provider and targets that do as the test says.
 * Test code of the memory layer.
 */
#ifndef MEMORY_FIXTURE_H
#define MEMORY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <amphora/provider.h>
#include <amphora/target.h>

/* A provider that gives the memory and the segments that the test put into it. */
struct fake_provider {
	struct amph_provider provider;
	void *va;
	struct amph_segment segments[8];
	uint32_t segment_count; /* may be more than the storage holds: a provider that lies */
	int error;
	int opened, closed;
	char name[AMPH_NAME_MAX];
};

static inline int fake_open(struct amph_provider *base, struct amph_shm *shm, const char *name)
{
	struct fake_provider *fake = (struct fake_provider *)base;

	if (fake->error)
		return amph_refuse(&shm->why, fake->error, "the test says no", 1, 2);
	strcpy(fake->name, name);
	shm->va = fake->va;
	for (uint32_t i = 0; i < fake->segment_count && i < shm->storage.segment_max; i++)
		shm->storage.segments[i] = fake->segments[i];
	shm->segment_count = fake->segment_count;
	fake->opened++;
	return 0;
}

static inline void fake_close(struct amph_provider *base, struct amph_shm *shm)
{
	(void)shm;
	((struct fake_provider *)base)->closed++;
}

static const struct amph_provider_ops fake_provider_ops = {.open = fake_open, .close = fake_close};

/* A target whose attach answers with the segments that the test put into it. */
struct fake_target {
	struct amph_target target;
	struct amph_segment segments[8];
	uint32_t segment_count; /* 0: one segment of the whole buffer at 0x10000000 */
	bool nowhere; /* answers with no segment at all */
	bool enforced; /* says that hardware holds it to them */
	int error;
	int attached, detached;
};

static inline int fake_attach(struct amph_target *base, struct amph_attachment *attachment)
{
	struct fake_target *fake = (struct fake_target *)base;

	if (fake->error)
		return amph_refuse(&attachment->shm->why, fake->error, "the test says no", 3, 4);
	fake->attached++;
	attachment->enforced = fake->enforced;
	if (fake->nowhere)
		return 0;
	if (!fake->segment_count) {
		if (attachment->segment_max)
			attachment->segments[0] = (struct amph_segment){
				.address = 0x10000000, .length = attachment->shm->size};
		attachment->segment_count = 1;
		return 0;
	}
	for (uint32_t i = 0; i < fake->segment_count && i < attachment->segment_max; i++)
		attachment->segments[i] = fake->segments[i];
	attachment->segment_count = fake->segment_count;
	return 0;
}

static inline void fake_detach(struct amph_target *base, struct amph_attachment *attachment)
{
	(void)attachment;
	((struct fake_target *)base)->detached++;
}

static const struct amph_target_ops fake_target_ops = {.attach = fake_attach,
						       .detach = fake_detach};

static inline void fake_target_init(struct fake_target *fake, const char *name)
{
	*fake = (struct fake_target){
		.target = {.name = name, .ops = &fake_target_ops, .coherent = true}};
}

/* One buffer "test:buffer" and three targets A, B, C. */
struct fixture {
	struct amph_memory memory;
	struct fake_provider provider;
	struct fake_target a, b, c;
	struct amph_shm shm;
	struct amph_range *ranges;
	struct amph_attachment to_a, to_b, to_c;
	struct amph_segment segments_a[4], segments_b[4], segments_c[4];
	struct amph_segment physical[4];
	struct amph_shm_storage storage;
};

static inline void fixture_init(struct fixture *f, uint32_t range_max)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(amph_memory_init(&f->memory), 0);
	f->provider.provider = (struct amph_provider){.name = "test", .ops = &fake_provider_ops};
	assert_int_equal(amph_memory_add_provider(&f->memory, &f->provider.provider), 0);
	fake_target_init(&f->a, "A");
	fake_target_init(&f->b, "B");
	fake_target_init(&f->c, "C");
	f->ranges = malloc(range_max * sizeof(*f->ranges));
	assert_non_null(f->ranges);
	f->storage = (struct amph_shm_storage){.ranges = f->ranges,
					       .range_max = range_max,
					       .segments = f->physical,
					       .segment_max = 4};
}

static inline void fixture_open(struct fixture *f, uint64_t size, uint32_t flags)
{
	assert_int_equal(
		amph_shm_open(&f->memory, &f->shm, &f->storage, "test:buffer", size, flags), 0);
	assert_int_equal(amph_shm_check(&f->shm), 0);
}

static inline int fixture_attach(struct fixture *f, struct fake_target *target, uint32_t direction)
{
	struct amph_attachment *attachment = target == &f->a   ? &f->to_a
					     : target == &f->b ? &f->to_b
							       : &f->to_c;
	struct amph_segment *segments = target == &f->a	  ? f->segments_a
					: target == &f->b ? f->segments_b
							  : f->segments_c;

	return amph_shm_attach(&f->shm, &target->target, direction, AMPH_SYNC_MESSAGES, attachment,
			       segments, 4);
}

static inline void fixture_free(struct fixture *f)
{
	free(f->ranges);
}

/* A refusal must say what was refused, and about which numbers. */
#define assert_refused(call, error, shm)              \
	do {                                          \
		(shm)->why = (struct amph_why){0};    \
		assert_int_equal(call, error);        \
		assert_non_null((shm)->why.what);     \
		assert_true((shm)->why.what[0] != 0); \
	} while (0)

static inline uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

#endif
