/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Escapes of the probe firmware; see escape.h. Knows RISC-V: where the virtual SoC has an IOMMU, the
 * firmware runs in user mode, and each of these must trap.
 */
#include "escape.h"
#include "probe.h"

#define SYS_TIME 0x11u /* semihosting: what the host's clock says */

void escape_mask_interrupts(void)
{
	__asm__ volatile("csrci mstatus, 8" ::: "memory");
}

static void ask_the_host(void)
{
	register uint32_t operation __asm__("a0") = SYS_TIME;
	register uint32_t parameters __asm__("a1") = 0;

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

void escape_try(uint32_t kind)
{
	switch (kind) {
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
		ask_the_host();
		break;
	case PROBE_ESCAPE_FAULTS:
		fault_for_ever();
	default:
		break;
	}
}
