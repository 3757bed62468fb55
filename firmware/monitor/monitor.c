/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The monitor's middle: from each trap of the guest to who knows about it, and back into the guest.
 * The monitor runs with interrupts masked; the guest can't mask those that are the monitor's.
 */
#include "monitor.h"
#include "../riscv32/semihosting.h"

#define MSTATUS_MPP (3u << 11)
#define MSTATUS_TW  (1u << 21) /* the guest's wfi traps */

struct guest guest;

void monitor_reflect(struct guest *g, uint32_t cause, uint32_t value)
{
	uint32_t base = g->mtvec & ~3u;

	g->mepc = g->pc;
	g->mcause = cause;
	g->mtval = value;
	g->mstatus = g->mstatus & MSTATUS_MIE ? MSTATUS_MPIE : 0;
	g->pc = base + ((g->mtvec & 1) && (cause & CAUSE_IRQ) ? 4 * (cause & 0x7fffffffu) : 0);
}

/* What Linux and the guest wait for is looked at each time before the guest runs. */
static void leave(struct guest *g)
{
	uint32_t ready;

	table_serve();
	ready = device_pending() & g->mie;
	if (ready && (g->mstatus & MSTATUS_MIE))
		monitor_reflect(g, CAUSE_IRQ | (ready & IRQ_EXTERNAL ? 11 : 7), 0);
	csr_write(mie, device_arm(g->mie));
	csr_write(mepc, g->pc);
	csr_write(mstatus, (csr_read(mstatus) & ~MSTATUS_MPP) | MSTATUS_MPIE | MSTATUS_TW);
}

void monitor_start(struct guest *g)
{
	device_start();
	g->pc = table_start();
	leave(g);
}

/* wfi ends with what is pending, masked or not. */
void monitor_sleep(struct guest *g)
{
	for (;;) {
		device_take();
		table_serve();
		if (device_pending() & g->mie)
			return;
		csr_write(mie, device_arm(g->mie));
		__asm__ volatile("wfi");
	}
}

/* Other calls than the exit would reach the files of whoever runs this processor. */
static void take_breakpoint(struct guest *g)
{
	uint32_t before, word, code = 0;

	if (!instruction_fetch(g->pc - 4, &before) || before != SEMIHOSTING_FIRST ||
	    (g->x[10] != SEMIHOSTING_EXIT_EXTENDED && g->x[10] != SEMIHOSTING_EXIT)) {
		monitor_reflect(g, CAUSE_BREAKPOINT, g->pc);
		return;
	}
	if (g->x[10] == SEMIHOSTING_EXIT_EXTENDED && table_find(g->x[11] + 4, VSOC_PTE_READ, &word))
		code = *(const volatile uint32_t *)(word & ~3u);
	monitor_exit(code);
}

static void take_page_fault(struct guest *g, uint32_t cause, uint32_t address)
{
	uint32_t access = cause == CAUSE_STORE_PAGE  ? VSOC_PTE_WRITE
			  : cause == CAUSE_LOAD_PAGE ? VSOC_PTE_READ
						     : VSOC_PTE_EXECUTE;
	uint32_t where;

	if (cause != CAUSE_FETCH_PAGE && device_has(address)) {
		instruction_access(g, address, cause == CAUSE_STORE_PAGE);
		return;
	}
	table_forget();
	/* mapped since the processor looked: nobody tells it of that */
	if (table_find(address, access, &where))
		return;
	table_report(cause, address, g->pc);
	monitor_reflect(g,
			cause == CAUSE_STORE_PAGE  ? CAUSE_STORE_BUS
			: cause == CAUSE_LOAD_PAGE ? CAUSE_LOAD_BUS
						   : CAUSE_FETCH_BUS,
			address);
}

void monitor_trap(struct guest *g)
{
	uint32_t cause = csr_read(mcause), value = csr_read(mtval);

	g->pc = csr_read(mepc);
	if (cause & CAUSE_IRQ)
		device_take();
	else if (cause == CAUSE_ILLEGAL)
		instruction_emulate(g);
	else if (cause == CAUSE_BREAKPOINT)
		take_breakpoint(g);
	else if (cause == CAUSE_CALL_USER)
		monitor_reflect(g, CAUSE_CALL_MACHINE, 0);
	else if (cause == CAUSE_FETCH_PAGE || cause == CAUSE_LOAD_PAGE || cause == CAUSE_STORE_PAGE)
		take_page_fault(g, cause, value);
	else
		monitor_reflect(g, cause, value);
	leave(g);
}

void monitor_exit(uint32_t code)
{
	semihosting_exit(code);
	for (;;)
		__asm__ volatile("wfi");
}
