/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cortex-M: time from SysTick, masking, and sleep.
 * Knows SysTick and PRIMASK (Armv7-M Architecture Reference Manual, B3.3). SysTick interrupts every
 * millisecond and its counter gives the rest; so waits end up to a millisecond after their deadline,
 * and interrupts must not stay masked for longer than that.
 */
#include <amphora/machine.h>
#include <amphora/time.h>

#include "../port.h"

#define SYST_CSR ((volatile uint32_t *)0xe000e010)
#define SYST_RVR ((volatile uint32_t *)0xe000e014)
#define SYST_CVR ((volatile uint32_t *)0xe000e018)
#define ICSR	 ((volatile uint32_t *)0xe000ed04)

#define SYST_CSR_ON    7u /* processor clock, interrupt, enabled */
#define ICSR_PENDSTSET (1u << 26)
#define MILLISECOND    1000000u

static uint64_t milliseconds; /* written by the SysTick exception, read with it masked */

static uint32_t period(void)
{
	return amph_machine.timer_hz / 1000;
}

void amph_machine_start(void)
{
	*SYST_RVR = period() - 1;
	*SYST_CVR = 0;
	*SYST_CSR = SYST_CSR_ON;
	amph_port_restore(0);
}

void amph_machine_tick(void)
{
	milliseconds++;
}

uint64_t amph_time_now(void)
{
	uint32_t saved = amph_port_mask();
	uint32_t left = *SYST_CVR;
	uint64_t passed = milliseconds;

	if (*ICSR & ICSR_PENDSTSET) {
		/* It reached 0 before or just after the read above, and the exception waits. */
		left = *SYST_CVR;
		passed++;
	}
	amph_port_restore(saved);
	/* The exception comes with 0, the start of a period; then it counts down from period - 1. */
	return passed * MILLISECOND +
	       (left ? (uint64_t)(period() - left) * MILLISECOND / period() : 0);
}

void amph_port_idle(uint64_t deadline)
{
	(void)deadline; /* the next tick is at most a millisecond away */
	__asm__ volatile("dsb\n\twfi" ::: "memory");
}

uint32_t amph_port_mask(void)
{
	uint32_t saved;

	__asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(saved) : : "memory");
	return saved;
}

void amph_port_restore(uint32_t saved)
{
	__asm__ volatile("msr primask, %0\n\tisb" : : "r"(saved) : "memory");
}
