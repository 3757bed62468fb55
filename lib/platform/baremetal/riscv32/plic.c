/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RISC-V: interrupt numbers are sources of the platform-level interrupt controller.
 * Knows the PLIC's registers (RISC-V PLIC Specification 1.0.0) and mie.MEIE. The trap entry calls
 * amph_machine_interrupt().
 */
#include <amphora/machine.h>

#include "../port.h"
#include "plic.h"

#define PLIC_ENABLE    0x2000u
#define PLIC_CONTEXT   0x200000u
#define PLIC_THRESHOLD 0u
#define PLIC_CLAIM     4u

static uint32_t enable_word(uint32_t number)
{
	return PLIC_ENABLE + 0x80u * amph_machine.plic_context + number / 32 * 4;
}

static uint32_t context_word(uint32_t offset)
{
	return PLIC_CONTEXT + 0x1000u * amph_machine.plic_context + offset;
}

void amph_machine_start(void)
{
	for (uint32_t number = 0; number < amph_machine.irq_count; number += 32)
		plic_write(enable_word(number), 0);
	plic_write(context_word(PLIC_THRESHOLD), 0);
	plic_open();
}

/*
 * The controller ignores the completion of a source that is not enabled, and would never bring it
 * again: one that its handler has disabled is enabled for the completion. Nothing is taken meanwhile;
 * what comes in between stays pending.
 */
static void complete(uint32_t number)
{
	uint32_t word = enable_word(number), enabled = plic_read(word);

	plic_write(word, enabled | 1u << number % 32);
	plic_write(context_word(PLIC_CLAIM), number);
	plic_write(word, enabled);
}

/* The source stays claimed while its handler runs: it cannot interrupt itself. */
void amph_machine_interrupt(void)
{
	uint32_t number;

	while ((number = plic_read(context_word(PLIC_CLAIM))) != 0) {
		if (!amph_port_irq_run(number))
			amph_port_irq_disable(number);
		complete(number);
	}
}

void amph_machine_tick(void)
{
}

bool amph_port_irq_exists(uint32_t number)
{
	return number > 0 && number < amph_machine.irq_count;
}

/*
 * The priority, above the threshold, comes last: QEMU's controller looks again at what is pending
 * when that is written, and not when a source is enabled.
 */
void amph_port_irq_enable(uint32_t number)
{
	plic_write(enable_word(number), plic_read(enable_word(number)) | 1u << number % 32);
	plic_write(number * 4, 1);
}

void amph_port_irq_disable(uint32_t number)
{
	plic_write(enable_word(number), plic_read(enable_word(number)) & ~(1u << number % 32));
}
