/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Semihosting: calls to whoever runs this processor, a debugger or an emulator. Knows RISC-V; where
 * nobody answers them they are a breakpoint exception.
 */
#ifndef FIRMWARE_SEMIHOSTING_H
#define FIRMWARE_SEMIHOSTING_H

#include <stdint.h>

#define SEMIHOSTING_TIME	     0x11u
#define SEMIHOSTING_EXIT	     0x18u
#define SEMIHOSTING_EXIT_EXTENDED    0x20u
#define SEMIHOSTING_APPLICATION_EXIT 0x20026u /* the reason, in good order */
#define SEMIHOSTING_FIRST	     0x01f01013u /* slli x0, x0, 0x1f, before the ebreak */

/* The three instructions, uncompressed and in one page, are the call. */
static inline void semihosting_call(uint32_t operation, const uint32_t *parameters)
{
	register uint32_t a0 __asm__("a0") = operation;
	register const uint32_t *a1 __asm__("a1") = parameters;

	/* aligned while there may be compressed instructions: the linker fills up with those */
	__asm__ volatile(".balign 16\n\t"
			 ".option push\n\t"
			 ".option norvc\n\t"
			 "slli x0, x0, 0x1f\n\t"
			 "ebreak\n\t"
			 "srai x0, x0, 7\n\t"
			 ".option pop"
			 : "+r"(a0)
			 : "r"(a1)
			 : "memory");
}

/* Ends the processor, if somebody listens. */
static inline void semihosting_exit(uint32_t code)
{
	const uint32_t block[2] = {SEMIHOSTING_APPLICATION_EXIT, code};

	semihosting_call(SEMIHOSTING_EXIT_EXTENDED, block);
}

#endif
