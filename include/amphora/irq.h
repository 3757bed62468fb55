/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts: a number, a handler, on and off.
 * Platform layer. On bare metal a number is a line of the interrupt controller and the handler runs
 * in interrupt context. On Linux a number is a file descriptor that reads as eight bytes (eventfd)
 * or four (UIO), and the handler runs in whoever calls amph_irq_dispatch().
 */
#ifndef AMPHORA_IRQ_H
#define AMPHORA_IRQ_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*amph_irq_handler)(void *argument);

/*
 * Connects a handler and enables the interrupt.
 * Returns 0; -EINVAL for a number that is none; -EBUSY when it has a handler; -ENOSPC when the
 * port's table is full; -ENOTSUP where the port has no interrupts.
 */
int amph_irq_connect(uint32_t number, amph_irq_handler handler, void *argument);

/* Disables it and forgets the handler. Returns 0, or -ENOENT when there is none. */
int amph_irq_disconnect(uint32_t number);

/* Masks or unmasks one interrupt. Returns 0, or -ENOENT when it has no handler. */
int amph_irq_disable(uint32_t number);
int amph_irq_enable(uint32_t number);

/*
 * Waits until the deadline for any connected interrupt and runs the handlers.
 * Returns how many ran (at least 1), -ETIMEDOUT, or -ENOTSUP where the hardware calls the handlers.
 */
int amph_irq_dispatch(uint64_t deadline);

#ifdef __cplusplus
}
#endif

#endif
