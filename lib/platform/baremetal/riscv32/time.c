/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RISC-V: time from the machine timer, masking, and sleep with a deadline.
 * Knows mtime and mtimecmp (RISC-V Privileged 1.12, 3.2.1) and three CSRs. The timer interrupt is
 * enabled only while interrupts are masked: it ends a wfi and is never taken.
 */
#include <amphora/machine.h>
#include <amphora/time.h>

#include "../port.h"

#define MSTATUS_MIE 8u
#define MIE_MTIE    (1u << 7)
#define SECOND	    1000000000u

static volatile uint32_t *word(uintptr_t address)
{
	return (volatile uint32_t *)address;
}

static uint64_t ticks_now(void)
{
	volatile uint32_t *mtime = word(amph_machine.mtime);
	uint32_t high, low;

	do {
		high = mtime[1];
		low = mtime[0];
	} while (mtime[1] != high);
	return (uint64_t)high << 32 | low;
}

uint64_t amph_time_now(void)
{
	uint64_t ticks = ticks_now();
	uint32_t hz = amph_machine.timer_hz;

	return ticks / hz * SECOND + ticks % hz * SECOND / hz;
}

/* The first tick at which amph_time_now() has reached the deadline. */
static uint64_t ticks_of(uint64_t deadline)
{
	uint32_t hz = amph_machine.timer_hz;

	return deadline / SECOND * hz + (deadline % SECOND * hz + SECOND - 1) / SECOND;
}

static void set_alarm(uint64_t ticks)
{
	volatile uint32_t *mtimecmp = word(amph_machine.mtimecmp);

	mtimecmp[1] = UINT32_MAX; /* no alarm from a half-written pair */
	mtimecmp[0] = (uint32_t)ticks;
	mtimecmp[1] = (uint32_t)(ticks >> 32);
}

void amph_port_idle(uint64_t deadline)
{
	set_alarm(ticks_of(deadline));
	__asm__ volatile("csrs mie, %0\n\twfi\n\tcsrc mie, %0" : : "r"(MIE_MTIE) : "memory");
}

uint32_t amph_port_mask(void)
{
	uint32_t saved;

	__asm__ volatile("csrrci %0, mstatus, %1" : "=r"(saved) : "i"(MSTATUS_MIE) : "memory");
	return saved & MSTATUS_MIE;
}

void amph_port_restore(uint32_t saved)
{
	__asm__ volatile("csrs mstatus, %0" : : "r"(saved & MSTATUS_MIE) : "memory");
}
