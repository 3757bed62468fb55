/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Long random runs of hand-offs, compared with a naive model and an incoherent cache.
 * Test code; the model is in ownership_model.h. The seed of a failure is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "ownership_model.h"

static uint64_t seed_now;

void model_wrong(const char *what, int line)
{
	fprintf(stderr, "seed 0x%llx: line %d: %s\n", (unsigned long long)seed_now, line, what);
	abort();
}

static uint32_t draw_random(struct model_source *source, uint32_t limit)
{
	source->seed ^= source->seed << 13;
	source->seed ^= source->seed >> 7;
	source->seed ^= source->seed << 17;
	return (uint32_t)((source->seed >> 16) % limit);
}

static void random_hand_offs_agree_with_the_model(void **state)
{
	(void)state;
	for (uint64_t run = 1; run <= 2000; run++) {
		struct model_source source = {.draw = draw_random,
					      .seed = run * UINT64_C(0x9e3779b97f4a7c15)};
		struct model m;

		seed_now = source.seed;
		model_open(&m, &source);
		for (int i = 0; i < 600; i++)
			model_step(&m);
		model_close(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_hand_offs_agree_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
