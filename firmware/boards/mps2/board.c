/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Board: Arm's MPS2 with a Cortex-M4 or Cortex-M7 (QEMU's mps2-an386 and mps2-an500), as far as the
 * self-check needs one: time, interrupts, and the end.
 */
#include <amphora/machine.h>

#include "../../check/check.h"
#include "../../common/board.h"

#define SOFTWARE_IRQ 31u
#define NVIC_STIR    ((volatile uint32_t *)0xe000ef00)

const struct amph_machine amph_machine = {
	.timer_hz = 25000000,
	.irq_count = 32,
};

void board_start(void)
{
	amph_machine_start();
}

uint32_t check_interrupt(void)
{
	return SOFTWARE_IRQ;
}

/* By the software trigger, which stays pending until it is taken. */
void check_raise(void)
{
	*NVIC_STIR = SOFTWARE_IRQ;
	__asm__ volatile("dsb\n\tisb" ::: "memory");
}

void check_clear(void)
{
}
