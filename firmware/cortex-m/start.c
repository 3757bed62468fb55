/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cortex-M: vector table, reset, faults, and the end through semihosting.
 * The image is loaded where it runs, data included, so that only .bss is left to clear.
 */
#include <stdint.h>

#include <amphora/machine.h>

#include "../common/board.h"
#include "../common/main.h"

#define CRASH_EXIT_CODE	  70
#define SYS_EXIT_EXTENDED 0x20u
#define APPLICATION_EXIT  0x20026u

extern uint32_t __bss_start[], __bss_end[], __stack_top[];

void board_exit(int code)
{
	const uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)code};
	register uint32_t operation __asm__("r0") = SYS_EXIT_EXTENDED;
	register const uint32_t *parameters __asm__("r1") = block;

	__asm__ volatile("bkpt 0xab" : "+r"(operation) : "r"(parameters) : "memory");
	for (;;)
		__asm__ volatile("cpsid i\n\twfi");
}

static void crash(void)
{
	board_exit(CRASH_EXIT_CODE);
}

static void reset(void)
{
	for (volatile uint32_t *word = __bss_start; word < __bss_end; word++)
		*word = 0;
	/* Until the library is ready: it unmasks. */
	__asm__ volatile("cpsid i" ::: "memory");
	firmware_main();
	board_exit(0);
}

/* After the stack: 15 exceptions of the processor, then the board's interrupts. */
__attribute__((section(".vectors"), used)) void (*const vectors[1 + 15 + 32])(void) = {
	(void (*)(void))__stack_top,
	reset, /* the two that the processor starts with */
	[2 ... 14] = crash,
	[15] = amph_machine_tick,
	[16 ... 47] = amph_machine_interrupt,
};
