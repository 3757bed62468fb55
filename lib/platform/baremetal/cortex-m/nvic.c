/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cortex-M: interrupt numbers are those of the NVIC.
 * Knows its enable registers and IPSR (Armv7-M Architecture Reference Manual, B3.4). A board puts
 * amph_machine_interrupt() into its vector table for every external interrupt.
 */
#include <amphora/machine.h>

#include "../port.h"

#define NVIC_ISER ((volatile uint32_t *)0xe000e100)
#define NVIC_ICER ((volatile uint32_t *)0xe000e180)

#define FIRST_EXTERNAL 16u

void amph_machine_interrupt(void)
{
	uint32_t exception;

	__asm__ volatile("mrs %0, ipsr" : "=r"(exception));
	if (!amph_port_irq_run((exception & 0x1ff) - FIRST_EXTERNAL))
		amph_port_irq_disable((exception & 0x1ff) - FIRST_EXTERNAL);
}

bool amph_port_irq_exists(uint32_t number)
{
	return number < amph_machine.irq_count;
}

void amph_port_irq_enable(uint32_t number)
{
	NVIC_ISER[number / 32] = 1u << number % 32;
}

/* Not taken any more once this returns. */
void amph_port_irq_disable(uint32_t number)
{
	NVIC_ICER[number / 32] = 1u << number % 32;
	__asm__ volatile("dsb\n\tisb" ::: "memory");
}
