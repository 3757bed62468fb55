/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RISC-V traps, as start.S calls them.
 */
#ifndef FIRMWARE_RISCV32_TRAP_H
#define FIRMWARE_RISCV32_TRAP_H

#include <stdint.h>

#define TRAP_EXIT_CODE 70 /* the processor's exit code after a crash */

/* On the stack of what was interrupted. */
void trap_interrupt(uint32_t cause);

/* On a stack of its own: mcause, mepc, mtval, and the stack pointer it found. */
_Noreturn void trap_crash(uint32_t cause, uint32_t address, uint32_t value, uint32_t stack);

#endif
