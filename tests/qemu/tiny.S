/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The smallest riscv32 firmware that a test of the QEMU back-end needs: a resource table, a trace
 * buffer, a doorbell. Test code; knows QEMU's virt machine.
 * It rings 5 when it is there, answers each byte n with n + 1, and ends with code 3 on byte 30 by
 * the test device, with code 4 on byte 29 by semihosting, and stands still on byte 28. On byte 27 it
 * tries to make a file on the host and to run a command there, and rings what it got: 1 or more.
 */
	.section .text.start, "ax"
	.globl _start
_start:
	csrr	t0, mhartid
	bnez	t0, park
	li	s0, 0x10000000		/* 16550 */
	la	a0, greeting
	la	a1, trace
1:	lbu	t0, 0(a0)
	sb	zero, 1(a1)		/* the NUL first, then the byte before it */
	fence	w, w
	sb	t0, 0(a1)
	addi	a0, a0, 1
	addi	a1, a1, 1
	bnez	t0, 1b
	li	a0, 5
	call	ring
wait:
	lbu	t0, 5(s0)		/* line status: bit 0, data ready */
	andi	t0, t0, 1
	beqz	t0, wait
	lbu	a0, 0(s0)
	li	t0, 30
	beq	a0, t0, leave
	li	t0, 28
	beq	a0, t0, park
	li	t0, 29
	beq	a0, t0, semihosting_exit
	li	t0, 27
	beq	a0, t0, escape
	addi	a0, a0, 1
	call	ring
	j	wait
escape:
	li	a0, 0x01		/* SYS_OPEN */
	la	a1, open_arguments
	call	host
	mv	s1, a0
	li	a0, 0x12		/* SYS_SYSTEM */
	la	a1, system_arguments
	call	host
	li	a0, 1
	bltz	s1, 1f
	li	a0, 2
1:	call	ring
	j	wait
semihosting_exit:
	li	a0, 0x20		/* SYS_EXIT_EXTENDED */
	la	a1, exit_arguments
	call	host
	j	park
	.option push
	.option norvc
	.balign	16
host:					/* QEMU knows it by these three, on one page */
	slli	zero, zero, 0x1f
	ebreak
	srai	zero, zero, 7
	.option pop
	ret
leave:
	li	t1, 0x100000		/* test device: code 3 */
	li	t2, 0x33333
	sw	t2, 0(t1)
park:
	wfi
	j	park
ring:
	lbu	t0, 5(s0)		/* bit 5: room to send */
	andi	t0, t0, 0x20
	beqz	t0, ring
	sb	a0, 0(s0)
	ret

	.section .rodata
greeting:
	.asciz	"tiny is up\n"

path:
	.asciz	"amphora-escaped"
shell:
	.asciz	"touch amphora-escaped"
	.balign	4
exit_arguments:
	.word	0x20026, 4		/* an application's exit, its code */
open_arguments:
	.word	path, 4, 15		/* mode 4: "w" */
system_arguments:
	.word	shell, 21

	.section .data
	.balign 16
trace:
	.space	64

	.section .resource_table, "aw"
	.balign 16
table:
	.word	1, 3, 0, 0
	.word	trace_entry - table, buffer_entry - table, vdev_entry - table
trace_entry:
	.word	2, trace, 64, 0
	.ascii	"trace0"
	.space	26
buffer_entry:
	.word	0, -1, -1, 0x4000, 0, 0
	.ascii	"vdev0buffer"
	.space	21
vdev_entry:
	.word	3, 7, 0, 1, 0, 0, 0x200
	.word	-1, 4096, 16, 0, 0
	.word	-1, 4096, 16, 1, 0
