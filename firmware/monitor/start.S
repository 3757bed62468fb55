/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The monitor: from reset to monitor_start(), and from the guest into it and back.
 * All harts arrive at _start; hart 0 runs, the others sleep for ever in machine mode. mscratch holds
 * the guest's registers while the guest runs. The monitor itself never traps: if it does, it is a bug,
 * and ends the processor.
 */
	.section .text.start, "ax"
	.globl _start
_start:
	csrw	mie, zero
	csrci	mstatus, 8
	la	t0, panic
	csrw	mtvec, t0
	csrr	t0, mhartid
	bnez	t0, park
	la	sp, __stack_top
	la	t0, __bss_start
	la	t1, __bss_end
	bgeu	t0, t1, 2f
1:	sw	zero, 0(t0)
	addi	t0, t0, 4
	bltu	t0, t1, 1b
2:
	la	a0, guest
	call	monitor_start
	j	resume
park:
	wfi
	j	park

	.balign	4
trap:
	csrrw	sp, mscratch, sp
	.irp	n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	sw	x\n, 4 * \n(sp)
	.endr
	csrr	t0, mscratch
	sw	t0, 4 * 2(sp)
	mv	a0, sp
	la	sp, __stack_top
	la	t0, panic
	csrw	mtvec, t0
	call	monitor_trap

resume:
	la	t0, trap
	csrw	mtvec, t0
	la	sp, guest
	csrw	mscratch, sp
	.irp	n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	lw	x\n, 4 * \n(sp)
	.endr
	lw	sp, 4 * 2(sp)
	mret

	.balign	4
panic:
	la	sp, __stack_top
	li	a0, 71
	call	monitor_exit
