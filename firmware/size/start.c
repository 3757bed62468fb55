/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Start-up of the images that are only measured: the processor's own 16 vectors, and main().
 * Knows the processor, no board. Every image has the same, and the empty one has nothing else.
 */
#include <stdint.h>

#include <amphora/machine.h>

#include "size.h"

extern uint32_t __bss_start[], __bss_end[], __stack_top[];

const struct amph_machine amph_machine = {.timer_hz = 25000000};

static void reset(void)
{
	for (volatile uint32_t *word = __bss_start; word < __bss_end; word++)
		*word = 0;
	image_main();
	for (;;)
		;
}

__attribute__((section(".vectors"), used)) void (*const vectors[16])(void) = {
	(void (*)(void))__stack_top,
	reset,
};
