/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The monitor: the coprocessor's IOMMU, in machine mode. The firmware, which was written for machine
 * mode as well, runs in user mode as its guest, unchanged: under the page tables that Linux writes
 * (vsoc_iommu.h), and with registers, interrupts and a UART that the monitor makes for it. What it
 * touches beside its tables is a fault that Linux is told of, and that the guest takes as a bus error.
 *
 * The guest is untrusted: whatever it does it runs in user mode, under those tables, and the monitor
 * answers Linux.
 */
#ifndef FIRMWARE_MONITOR_H
#define FIRMWARE_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include <vsoc_iommu.h>

/* The guest's state; start.S knows x. */
struct guest {
	uint32_t x[32];
	uint32_t pc;
	uint32_t mstatus; /* MIE and MPIE; it takes itself for machine mode */
	uint32_t mie, mtvec, mscratch, mepc, mcause, mtval;
};

#define MSTATUS_MIE  0x8u
#define MSTATUS_MPIE 0x80u
#define IRQ_TIMER    (1u << 7) /* in mie and mip */
#define IRQ_EXTERNAL (1u << 11)
#define CAUSE_IRQ    0x80000000u

enum cause {
	CAUSE_FETCH_BUS = 1,
	CAUSE_ILLEGAL = 2,
	CAUSE_BREAKPOINT = 3,
	CAUSE_LOAD_BUS = 5,
	CAUSE_STORE_BUS = 7,
	CAUSE_CALL_USER = 8,
	CAUSE_CALL_MACHINE = 11,
	CAUSE_FETCH_PAGE = 12,
	CAUSE_LOAD_PAGE = 13,
	CAUSE_STORE_PAGE = 15,
};

#define csr_read(name)                                                            \
	({                                                                        \
		uint32_t csr_value_;                                              \
		__asm__ volatile("csrr %0, " #name : "=r"(csr_value_)::"memory"); \
		csr_value_;                                                       \
	})
#define csr_write(name, value) __asm__ volatile("csrw " #name ", %0" : : "r"(value) : "memory")

/* --- monitor.c --- */

/* Both set everything up for the guest to run on. Called by start.S. */
void monitor_start(struct guest *guest);
void monitor_trap(struct guest *guest);

/* The guest takes an exception or an interrupt, as machine mode would. */
void monitor_reflect(struct guest *guest, uint32_t cause, uint32_t value);

/* Waits as the guest's wfi does. */
void monitor_sleep(struct guest *guest);

_Noreturn void monitor_exit(uint32_t code);

/* --- instruction.c: what the guest may do in machine mode only --- */

/* The instruction at `pc`, of 16 or 32 bits. Returns false where none may be fetched. */
bool instruction_fetch(uint32_t pc, uint32_t *instruction);

/* An illegal instruction. */
void instruction_emulate(struct guest *guest);

/* A load or store at a device's address, by the instruction at the guest's pc. */
void instruction_access(struct guest *guest, uint32_t address, bool store);

/* --- device.c: the interrupt controller, UART and timer; the real ones, and the guest's --- */

void device_start(void);

/* Takes what the real UART has received. */
void device_take(void);

/* Rings Linux. */
void device_ring(uint32_t notify_id);

/* Which of the guest's interrupts are pending: mip. */
uint32_t device_pending(void);

/* The real timer interrupts when the guest's does; what goes into the real mie. */
uint32_t device_arm(uint32_t guest_mie);

/* The guest's. */
bool device_has(uint32_t address);
uint32_t device_read(uint32_t address);
void device_write(uint32_t address, uint32_t value);

/* --- table.c: page tables, and the words that are shared with Linux --- */

/* Returns where the guest's code starts. From here on its tables are in use. */
uint32_t table_start(void);

/* Carries out what Linux has asked for. */
void table_serve(void);

/* Whether the tables, as they are now, allow an access (VSOC_PTE_*), and where it goes. */
bool table_find(uint32_t address, uint32_t access, uint32_t *where);

/* What the guest has from the tables is forgotten. */
void table_forget(void);

/* Linux is told of a fault. */
void table_report(uint32_t cause, uint32_t address, uint32_t pc);

/* The guest's one entry of the physical memory protection: it may take from it, not give. */
void table_protect(uint32_t address, uint32_t config);

#endif
