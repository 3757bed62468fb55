/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Self-check on the riscv32 `virt` machine: the UART sends to itself.
 */
#include "../../check/check.h"

#define UART_IRQ 10u

static volatile uint8_t *const uart = (volatile uint8_t *)0x10000000;

uint32_t check_interrupt(void)
{
	return UART_IRQ;
}

void check_raise(void)
{
	uart[4] = 0x10; /* modem control: loop back */
	uart[0] = 1;
}

void check_clear(void)
{
	(void)uart[2];
	while (uart[5] & 1)
		(void)uart[0];
}
