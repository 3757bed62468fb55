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
#include "trap.h"

#define CAUSE_EXTERNAL_INTERRUPT 0x8000000bu

/* Semihosting: SYS_EXIT_EXTENDED with the reason "application exit". */
#define SYS_EXIT_EXTENDED 0x20u
#define APPLICATION_EXIT  0x20026u

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
	const uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)code};
	register uint32_t operation __asm__("a0") = SYS_EXIT_EXTENDED;
	register const uint32_t *parameters __asm__("a1") = block;

	/* These three instructions, uncompressed and in one page, are the call. */
	__asm__ volatile(".option push\n\t"
			 ".option norvc\n\t"
			 ".balign 16\n\t"
			 "slli x0, x0, 0x1f\n\t"
			 "ebreak\n\t"
			 "srai x0, x0, 7\n\t"
			 ".option pop"
			 : "+r"(operation)
			 : "r"(parameters)
			 : "memory");
	for (;;)
		__asm__ volatile("csrci mstatus, 8\n\twfi");
}
