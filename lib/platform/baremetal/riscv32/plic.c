/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RISC-V: interrupt numbers are sources of the platform-level interrupt controller.
 * Knows the PLIC's registers (RISC-V PLIC Specification 1.0.0) and mie.MEIE. The trap entry calls
 * amph_machine_interrupt().
 */
#include <amphora/machine.h>

#include "../port.h"

#define PLIC_ENABLE    0x2000u
#define PLIC_CONTEXT   0x200000u
#define PLIC_THRESHOLD 0u
#define PLIC_CLAIM     4u
#define MIE_MEIE       (1u << 11)
#define MSTATUS_MIE    8u

static volatile uint32_t *at(uint32_t offset)
{
	return (volatile uint32_t *)(amph_machine.plic + offset);
}

static volatile uint32_t *enable_word(uint32_t number)
{
	return at(PLIC_ENABLE + 0x80u * amph_machine.plic_context + number / 32 * 4);
}

static volatile uint32_t *context_word(uint32_t offset)
{
	return at(PLIC_CONTEXT + 0x1000u * amph_machine.plic_context + offset);
}

void amph_machine_start(void)
{
	for (uint32_t number = 0; number < amph_machine.irq_count; number += 32)
		*enable_word(number) = 0;
	*context_word(PLIC_THRESHOLD) = 0;
	__asm__ volatile("csrw mie, %0" : : "r"(MIE_MEIE) : "memory");
	__asm__ volatile("csrsi mstatus, %0" : : "i"(MSTATUS_MIE) : "memory");
}

/* The source stays claimed while its handler runs: it cannot interrupt itself. */
void amph_machine_interrupt(void)
{
	uint32_t number;

	while ((number = *context_word(PLIC_CLAIM)) != 0) {
		if (!amph_port_irq_run(number))
			amph_port_irq_disable(number);
		*context_word(PLIC_CLAIM) = number;
	}
}

void amph_machine_tick(void)
{
}

bool amph_port_irq_exists(uint32_t number)
{
	return number > 0 && number < amph_machine.irq_count;
}

void amph_port_irq_enable(uint32_t number)
{
	*at(number * 4) = 1; /* its priority: above the threshold */
	*enable_word(number) |= 1u << number % 32;
}

void amph_port_irq_disable(uint32_t number)
{
	*enable_word(number) &= ~(1u << number % 32);
}
