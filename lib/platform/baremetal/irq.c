/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bare metal: the table of interrupt handlers, in RAM, for whatever controller the processor has.
 * Knows the controller by port.h. Written with interrupts masked, read by their entry.
 */
#include <stddef.h>

#include <amphora/error.h>
#include <amphora/irq.h>
#include <amphora/machine.h>

#include "port.h"

static struct irq {
	amph_irq_handler handler; /* NULL: a free slot */
	void *argument;
	uint32_t number;
} irqs[AMPH_IRQ_HANDLERS_MAX];

static struct irq *find(uint32_t number)
{
	for (uint32_t i = 0; i < AMPH_IRQ_HANDLERS_MAX; i++)
		if (irqs[i].handler && irqs[i].number == number)
			return &irqs[i];
	return NULL;
}

/* Interrupts are masked. */
static int connect(uint32_t number, amph_irq_handler handler, void *argument)
{
	if (find(number))
		return -EBUSY;
	for (uint32_t i = 0; i < AMPH_IRQ_HANDLERS_MAX; i++) {
		if (irqs[i].handler)
			continue;
		irqs[i] = (struct irq){handler, argument, number};
		amph_port_irq_enable(number);
		return 0;
	}
	return -ENOSPC;
}

int amph_irq_connect(uint32_t number, amph_irq_handler handler, void *argument)
{
	uint32_t saved;
	int result;

	if (!handler || !amph_port_irq_exists(number))
		return -EINVAL;
	saved = amph_port_mask();
	result = connect(number, handler, argument);
	amph_port_restore(saved);
	return result;
}

int amph_irq_disconnect(uint32_t number)
{
	uint32_t saved = amph_port_mask();
	struct irq *irq = find(number);

	if (irq) {
		amph_port_irq_disable(number);
		irq->handler = NULL;
	}
	amph_port_restore(saved);
	return irq ? 0 : -ENOENT;
}

int amph_irq_disable(uint32_t number)
{
	uint32_t saved = amph_port_mask();
	struct irq *irq = find(number);

	if (irq)
		amph_port_irq_disable(number);
	amph_port_restore(saved);
	return irq ? 0 : -ENOENT;
}

int amph_irq_enable(uint32_t number)
{
	uint32_t saved = amph_port_mask();
	struct irq *irq = find(number);

	if (irq)
		amph_port_irq_enable(number);
	amph_port_restore(saved);
	return irq ? 0 : -ENOENT;
}

int amph_irq_dispatch(uint64_t deadline)
{
	(void)deadline;
	return -ENOTSUP;
}

bool amph_port_irq_run(uint32_t number)
{
	const struct irq *irq = find(number);

	if (!irq)
		return false;
	irq->handler(irq->argument);
	return true;
}
