/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The port's cache maintenance as a target's hooks.
 * Memory layer; freestanding. Linked only where a target names it.
 */
#include <amphora/cache.h>
#include <amphora/target.h>

const struct amph_cache_ops amph_cache_port = {
	.clean = amph_cache_clean,
	.invalidate = amph_cache_invalidate,
	.flush = amph_cache_flush,
};
