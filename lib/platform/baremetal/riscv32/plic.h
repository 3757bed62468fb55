/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RISC-V: the registers that plic.c reads and writes, and nothing else. Private to the port.
 * Knows where the controller is. The host's test of plic.c puts its own controller in this place.
 */
#ifndef AMPHORA_PLATFORM_BAREMETAL_RISCV32_PLIC_H
#define AMPHORA_PLATFORM_BAREMETAL_RISCV32_PLIC_H

#include <amphora/machine.h>

#define MIE_MEIE    (1u << 11)
#define MSTATUS_MIE 8u

static inline uint32_t plic_read(uint32_t offset)
{
	return *(volatile uint32_t *)(amph_machine.plic + offset);
}

static inline void plic_write(uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(amph_machine.plic + offset) = value;
}

/* From here on this processor takes external interrupts. */
static inline void plic_open(void)
{
	__asm__ volatile("csrw mie, %0" : : "r"(MIE_MEIE) : "memory");
	__asm__ volatile("csrsi mstatus, %0" : : "i"(MSTATUS_MIE) : "memory");
}

#endif
