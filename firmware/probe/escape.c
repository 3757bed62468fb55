/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Escapes of the probe firmware; see escape.h. Knows RISC-V: where the virtual SoC has an IOMMU, the
 * firmware runs in user mode, and each of these must trap.
 */
#include "escape.h"

#include <stddef.h>

#include "../common/trace.h"
#include "../riscv32/semihosting.h"

#define RETURN 0x00008067u /* jalr zero, 0(ra) */

void escape_mask_interrupts(void)
{
	__asm__ volatile("csrci mstatus, 8" ::: "memory");
}

/* Its traps do nothing but go back to what has trapped. */
static _Noreturn void fault_for_ever(void)
{
	/* the trap vector is a multiple of 4 */
	__asm__ volatile(".balign 4\n\t"
			 ".option push\n\t"
			 ".option norvc\n\t"
			 "la t0, 1f\n\t"
			 "csrw mtvec, t0\n\t"
			 "csrw mie, zero\n\t"
			 "sw zero, 0(zero)\n"
			 "1:\n\t"
			 "mret\n\t"
			 ".option pop"
			 :
			 :
			 : "t0", "memory");
	__builtin_unreachable();
}

static void run_at(uint32_t address)
{
	*(volatile uint32_t *)address = RETURN;
	__asm__ volatile("fence.i" ::: "memory");
	((void (*)(void))address)();
}

/* Whether a word can be read. A trap returns behind the load; no interrupt may come in between. */
static uint32_t can_read(uint32_t address)
{
	uint32_t can;

	__asm__ volatile(".balign 4\n\t"
			 ".option push\n\t"
			 ".option norvc\n\t"
			 "la t0, 1f\n\t"
			 "csrrw t0, mtvec, t0\n\t"
			 "li t1, 1\n\t"
			 "lw t2, 0(%1)\n\t"
			 "j 2f\n"
			 "1:\n\t"
			 "li t1, 0\n\t"
			 "csrr t2, mepc\n\t"
			 "addi t2, t2, 4\n\t"
			 "csrw mepc, t2\n\t"
			 "mret\n"
			 "2:\n\t"
			 "csrw mtvec, t0\n\t"
			 "mv %0, t1\n\t"
			 ".option pop"
			 : "=r"(can)
			 : "r"(address)
			 : "t0", "t1", "t2", "memory");
	return can;
}

static void sweep(uint32_t address, uint32_t length)
{
	uint32_t count = length / PROBE_SWEEP_STEP, reached = 0;

	escape_mask_interrupts();
	for (uint32_t i = 0; i < count; i++)
		reached += can_read(address + i * PROBE_SWEEP_STEP);
	__asm__ volatile("csrsi mstatus, 8" ::: "memory");
	trace("probe: swept", reached, count);
}

void escape_try(const struct probe_message *message)
{
	switch (message->argument) {
	case PROBE_ESCAPE_SATP:
		__asm__ volatile("csrw satp, zero" ::: "memory");
		break;
	case PROBE_ESCAPE_SFENCE:
		__asm__ volatile("sfence.vma" ::: "memory");
		break;
	case PROBE_ESCAPE_DELEGATE:
		__asm__ volatile("csrw medeleg, %0" : : "r"(~0u) : "memory");
		break;
	case PROBE_ESCAPE_HOST:
		semihosting_call(SEMIHOSTING_TIME, NULL);
		break;
	case PROBE_ESCAPE_FAULTS:
		fault_for_ever();
	case PROBE_ESCAPE_RUN:
		run_at((uint32_t)message->offset);
		break;
	case PROBE_ESCAPE_SWEEP:
		sweep((uint32_t)message->offset, (uint32_t)message->length);
		break;
	default:
		break;
	}
}
