/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RISC-V, machine mode: from reset to firmware_main(), and every trap.
 * All harts arrive at _start; hart 0 runs, the others sleep for ever. The page under the stack
 * is locked away by the physical memory protection: an overflow is a store fault, with a cause, and
 * not a silently broken variable. A crash runs on a stack of its own.
 */
	.section .text.start, "ax"
	.globl _start
_start:
	csrw	mie, zero
	csrci	mstatus, 8
	la	t0, park
	csrw	mtvec, t0
	csrr	t0, mhartid
	bnez	t0, park
	.option push
	.option norelax
	la	gp, __global_pointer$
	.option pop
	la	sp, __stack_top

	la	t0, __bss_start
	la	t1, __bss_end
	bgeu	t0, t1, 2f
1:	sw	zero, 0(t0)
	addi	t0, t0, 4
	bltu	t0, t1, 1b
2:
	/* Entry 0: 4 KiB at __stack_guard, naturally aligned, no access, locked: binds this mode too. */
	la	t0, __stack_guard
	srli	t0, t0, 2
	ori	t0, t0, (4096 / 8) - 1
	csrw	pmpaddr0, t0
	li	t0, 0x98
	csrw	pmpcfg0, t0

	la	t0, trap
	csrw	mtvec, t0
	call	firmware_main
park:
	wfi
	j	park

	.balign	4
trap:
	csrw	mscratch, t0
	csrr	t0, mcause
	bgez	t0, exception
	csrr	t0, mscratch
	addi	sp, sp, -64
	sw	ra, 0(sp)
	sw	t0, 4(sp)
	sw	t1, 8(sp)
	sw	t2, 12(sp)
	sw	t3, 16(sp)
	sw	t4, 20(sp)
	sw	t5, 24(sp)
	sw	t6, 28(sp)
	sw	a0, 32(sp)
	sw	a1, 36(sp)
	sw	a2, 40(sp)
	sw	a3, 44(sp)
	sw	a4, 48(sp)
	sw	a5, 52(sp)
	sw	a6, 56(sp)
	sw	a7, 60(sp)
	csrr	a0, mcause
	call	trap_interrupt
	lw	ra, 0(sp)
	lw	t0, 4(sp)
	lw	t1, 8(sp)
	lw	t2, 12(sp)
	lw	t3, 16(sp)
	lw	t4, 20(sp)
	lw	t5, 24(sp)
	lw	t6, 28(sp)
	lw	a0, 32(sp)
	lw	a1, 36(sp)
	lw	a2, 40(sp)
	lw	a3, 44(sp)
	lw	a4, 48(sp)
	lw	a5, 52(sp)
	lw	a6, 56(sp)
	lw	a7, 60(sp)
	addi	sp, sp, 64
	mret

exception:
#ifdef FIRMWARE_CBO_TRAPS
	/* An illegal instruction (2) that is cbo.* (opcode 0x0f, funct3 2) is stepped over. t0 is free. */
	addi	t0, t0, -2
	bnez	t0, crash
	csrr	t0, mtval
	andi	t0, t0, 0x7f
	addi	t0, t0, -0x0f
	bnez	t0, crash
	csrr	t0, mtval
	srli	t0, t0, 12
	andi	t0, t0, 7
	addi	t0, t0, -2
	bnez	t0, crash
	csrr	t0, mepc
	addi	t0, t0, 4
	csrw	mepc, t0
	csrr	t0, mscratch
	mret
crash:
#endif
	/* Whatever goes wrong from here on ends in park. */
	la	t0, park
	csrw	mtvec, t0
	csrr	a0, mcause
	csrr	a1, mepc
	csrr	a2, mtval
	mv	a3, sp
	la	sp, __crash_stack_top
	j	trap_crash
