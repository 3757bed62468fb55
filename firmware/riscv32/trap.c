/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RISC-V: what traps do, and the end of the firmware. Called by start.S.
 * A crash says where it was in the trace and ends through semihosting, so that whoever runs the
 * processor sees an exit code; where there is no semihosting, it stands still.
 */
#include <stdint.h>

#include <amphora/machine.h>

#include "../common/board.h"
#include "../common/trace.h"
#include "semihosting.h"
#include "trap.h"

#define CAUSE_EXTERNAL_INTERRUPT 0x8000000bu

void trap_interrupt(uint32_t cause)
{
	if (cause != CAUSE_EXTERNAL_INTERRUPT)
		trap_crash(cause, 0, 0, 0);
	amph_machine_interrupt();
}

void trap_crash(uint32_t cause, uint32_t address, uint32_t value, uint32_t stack)
{
	trace("crash: mcause, mepc", cause, address);
	trace("crash: mtval, sp", value, stack);
	board_exit(TRAP_EXIT_CODE);
}

void board_exit(int code)
{
	semihosting_exit((uint32_t)code);
	for (;;)
		__asm__ volatile("csrci mstatus, 8\n\twfi");
}
