/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Machine: what the bare-metal ports must know of a board, and cannot find out.
 * Platform layer, bare metal only. A board defines the one constant `amph_machine`; its start-up
 * code calls the three entry points below.
 */
#ifndef AMPHORA_MACHINE_H
#define AMPHORA_MACHINE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Interrupts that can be connected at once; the port's table takes three words for each. */
#ifndef AMPH_IRQ_HANDLERS_MAX
#define AMPH_IRQ_HANDLERS_MAX 8
#endif

/* A member that a processor's port does not name is not read there and may be 0. */
struct amph_machine {
	uint32_t timer_hz; /* RISC-V: of mtime. Cortex-M: of SysTick on the processor's clock */
	uint32_t irq_count; /* numbers 0 to irq_count - 1 exist; RISC-V: 0 is none */
	/* RISC-V: registers of this hart's timer and of the interrupt controller, by address */
	uintptr_t mtime;
	uintptr_t mtimecmp;
	uintptr_t plic;
	uint32_t plic_context; /* this hart's machine mode */
	uint32_t cache_block; /* bytes that a cbo instruction works on; 0: no data cache */
};

extern const struct amph_machine amph_machine;

/*
 * Readies time and interrupts. The start-up calls it once, with interrupts masked, before any other
 * function of the library; interrupts are unmasked when it returns.
 */
void amph_machine_start(void);

/* The external interrupt (RISC-V), or any NVIC interrupt (Cortex-M): finds and runs the handler. */
void amph_machine_interrupt(void);

/* Cortex-M: the SysTick exception, which counts milliseconds. RISC-V: never called. */
void amph_machine_tick(void);

#ifdef __cplusplus
}
#endif

#endif
