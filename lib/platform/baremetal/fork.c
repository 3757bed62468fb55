/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bare metal: nothing forks.
 */
#include <amphora/fork.h>

const uint32_t *amph_fork_word(void)
{
	static const uint32_t never;

	return &never;
}
