/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Choosing I/O virtual addresses, against a model that tries every address of a small space.
 * Test code.
 */
#include "memory_fixture.h"

#include "memory/target/linux/iova.h"

#define PLACES 8u /* addresses of the small space */

/* A space whose every address is usable or not, taken or not, by the bits of two numbers. */
struct small {
	uint64_t base;
	struct amph_iova_range usable[PLACES];
	struct amph_segment segments[PLACES];
	struct amph_attachment taken[PLACES];
	struct amph_iova_space space;
};

/* Each run of bits becomes a usable range, the last one first: the order must not matter. */
static void make_usable(struct small *small, uint32_t bits)
{
	uint32_t count = 0;

	for (uint32_t i = PLACES; i-- > 0;) {
		if (!(bits >> i & 1))
			continue;
		if (count && small->usable[count - 1].first == small->base + i + 1)
			small->usable[count - 1].first--;
		else
			small->usable[count++] =
				(struct amph_iova_range){small->base + i, small->base + i};
	}
	small->space.usable = small->usable;
	small->space.count = count;
}

/* Runs of two are one attachment, others are of one address each. */
static void make_taken(struct small *small, uint32_t bits)
{
	uint32_t count = 0;

	small->space.taken = NULL;
	for (uint32_t i = 0; i < PLACES; i++) {
		uint64_t length = (bits >> i & 3) == 3 ? 2 : 1;

		if (!(bits >> i & 1))
			continue;
		small->segments[count] = (struct amph_segment){small->base + i, length};
		small->taken[count] = (struct amph_attachment){
			.segments = &small->segments[count],
			.segment_count = 1,
			.target_next = (struct amph_attachment *)(uintptr_t)small->space.taken};
		small->space.taken = &small->taken[count++];
		i += (uint32_t)length - 1;
	}
}

static bool fits(uint32_t free, uint32_t at, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		if (at + i >= PLACES || !(free >> (at + i) & 1))
			return false;
	return true;
}

/* Places first .. last may be used. Returns the place that must be found, or PLACES. */
static uint32_t model(const struct small *small, uint32_t free, uint32_t first, uint32_t last,
		      uint32_t length)
{
	for (uint32_t at = first; at + length - 1 <= last; at++)
		if (small->base + at && !((small->base + at) % small->space.alignment) &&
		    fits(free, at, length))
			return at;
	return PLACES;
}

static void compare(const struct small *small, uint32_t usable, uint32_t taken)
{
	for (uint32_t first = 0; first < PLACES; first += 3)
		for (uint32_t last = first; last < PLACES; last += 2)
			for (uint32_t length = 1; length <= PLACES; length++) {
				struct amph_iova_range within = {small->base + first,
								 small->base + last};
				uint32_t at = model(small, usable & ~taken, first, last, length);
				uint64_t iova = 0x5a5a;

				assert_int_equal(
					amph_iova_find(&small->space, within, length, &iova),
					at < PLACES);
				if (at < PLACES)
					assert_int_equal(iova, small->base + at);
			}
}

static void check_every_space(uint64_t base)
{
	static struct small small;

	small.base = base;
	for (uint32_t usable = 0; usable < 1u << PLACES; usable++)
		for (uint32_t taken = 0; taken < 1u << PLACES; taken += 1 + usable % 3)
			for (small.space.alignment = 1; small.space.alignment <= 4;
			     small.space.alignment *= 2) {
				make_usable(&small, usable);
				make_taken(&small, taken);
				compare(&small, usable, taken);
			}
}

static void the_lowest_free_address_is_found_in_every_small_space(void **state)
{
	(void)state;
	check_every_space(0x1000);
}

static void address_0_is_never_chosen(void **state)
{
	(void)state;
	check_every_space(0);
}

static void the_end_of_64_bits_is_no_edge_to_fall_over(void **state)
{
	(void)state;
	check_every_space(UINT64_MAX - (PLACES - 1));
}

static void an_address_that_is_asked_for_is_granted_where_the_model_says(void **state)
{
	static struct small small;
	uint64_t seed = 42;

	(void)state;
	for (uint32_t round = 0; round < 200000; round++) {
		uint32_t usable = next_random(&seed) & 0xff, taken = next_random(&seed) & 0xff;
		uint32_t at = next_random(&seed) % PLACES, length = 1 + next_random(&seed) % PLACES;
		uint32_t first = (uint32_t)(next_random(&seed) % 3),
			 last = (uint32_t)(next_random(&seed) % PLACES);
		struct amph_iova_range within;
		struct amph_why why = {0};
		bool granted;
		int error;

		small.base = round % 2 ? UINT64_MAX - (PLACES - 1) : 0x4000;
		small.space.alignment = UINT64_C(1) << next_random(&seed) % 3;
		make_usable(&small, usable);
		make_taken(&small, taken);
		within = (struct amph_iova_range){small.base + first, small.base + last};
		granted = !((small.base + at) % small.space.alignment) && at >= first &&
			  at + length - 1 <= last && fits(usable & ~taken, at, length);
		error = amph_iova_check(&small.space, within, small.base + at, length, &why);
		assert_int_equal(!error, granted);
		assert_int_equal(!why.what, granted);
	}
}

static void each_refusal_of_an_address_has_its_own_error(void **state)
{
	const struct amph_iova_range usable[] = {{0x1000, 0x7fff}, {0x10000, UINT64_MAX}};
	struct amph_segment segment = {.address = 0x3000, .length = 0x1000};
	struct amph_attachment taken = {.segments = &segment, .segment_count = 1};
	const struct amph_iova_space space = {
		.usable = usable, .count = 2, .alignment = 0x1000, .taken = &taken};
	const struct amph_iova_range within = {0x1000, 0xfffff};
	const struct {
		uint64_t iova, length;
		int error;
	} cases[] = {
		{0x1000, 0x2000, 0},	       {0x1800, 0x1000, -EINVAL},
		{0x2000, 0x2000, -EADDRINUSE}, {0x3000, 0x1000, -EADDRINUSE},
		{0x7000, 0x2000, -ERANGE},     {0x8000, 0x1000, -ERANGE},
		{0, 0x1000, -ERANGE},	       {0xff000, 0x1000, 0},
		{0xff000, 0x2000, -ERANGE},    {0x100000, 0x1000, -ERANGE},
		{0x4000, 0, -ERANGE},	       {0x4000, UINT64_MAX, -ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct amph_why why = {0};

		assert_int_equal(
			amph_iova_check(&space, within, cases[i].iova, cases[i].length, &why),
			cases[i].error);
		assert_int_equal(!why.what, !cases[i].error);
	}
}

static void no_bytes_find_no_address(void **state)
{
	const struct amph_iova_range usable = {0x1000, 0x7fff};
	const struct amph_iova_space space = {.usable = &usable, .count = 1, .alignment = 1};
	uint64_t iova;

	(void)state;
	assert_false(amph_iova_find(&space, usable, 0, &iova));
	assert_false(amph_iova_find(&space, usable, UINT64_MAX, &iova));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lowest_free_address_is_found_in_every_small_space),
		cmocka_unit_test(address_0_is_never_chosen),
		cmocka_unit_test(the_end_of_64_bits_is_no_edge_to_fall_over),
		cmocka_unit_test(an_address_that_is_asked_for_is_granted_where_the_model_says),
		cmocka_unit_test(each_refusal_of_an_address_has_its_own_error),
		cmocka_unit_test(no_bytes_find_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
