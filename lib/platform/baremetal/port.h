/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bare metal: what each processor's folder defines for the files that all processors share.
 * Private to the port.
 */
#ifndef AMPHORA_PLATFORM_BAREMETAL_PORT_H
#define AMPHORA_PLATFORM_BAREMETAL_PORT_H

#include <stdbool.h>
#include <stdint.h>

/* Masks all interrupts; returns what restore needs to put the former state back. Nests. */
uint32_t amph_port_mask(void);
void amph_port_restore(uint32_t saved);

/*
 * Sleeps until an interrupt is pending, or about until the deadline, or for no reason. Interrupts
 * are masked: a pending one ends the sleep all the same, but is taken only once they are restored,
 * so that nothing is lost between the caller's look at its condition and the sleep.
 */
void amph_port_idle(uint64_t deadline);

/* One line of the interrupt controller. Interrupts are masked. */
bool amph_port_irq_exists(uint32_t number);
void amph_port_irq_enable(uint32_t number);
void amph_port_irq_disable(uint32_t number);

/* For the processor's entry: runs the handler of `number`. Returns false when it has none. */
bool amph_port_irq_run(uint32_t number);

#endif
