/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bare metal: nothing forks.
 */
#include <amphora/fork.h>

uint32_t amph_fork_generation(void)
{
	return 0;
}
