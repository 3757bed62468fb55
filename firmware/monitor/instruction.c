/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Instructions of the guest that user mode does not have, and those that touch a device: decoded and
 * carried out. Knows RV32IC's encodings of loads, stores, CSR instructions, mret and wfi.
 */
#include <stddef.h>

#include "monitor.h"

#define OPCODE(i)   ((i)&0x7fu)
#define RD(i)	    ((i) >> 7 & 31u)
#define FUNCT3(i)   ((i) >> 12 & 7u)
#define RS1(i)	    ((i) >> 15 & 31u)
#define RS2(i)	    ((i) >> 20 & 31u)
#define OP_LOAD	    0x03u
#define OP_STORE    0x23u
#define OP_SYSTEM   0x73u
#define MRET	    0x30200073u
#define WFI	    0x10500073u
#define SFENCE_MASK 0xfe007fffu
#define SFENCE	    0x12000073u

/* CSRs by number */
#define CSR_MSTATUS   0x300u
#define CSR_MISA      0x301u
#define CSR_MIE	      0x304u
#define CSR_MTVEC     0x305u
#define CSR_MSCRATCH  0x340u
#define CSR_MEPC      0x341u
#define CSR_MCAUSE    0x342u
#define CSR_MTVAL     0x343u
#define CSR_MIP	      0x344u
#define CSR_PMPCFG0   0x3a0u
#define CSR_PMPADDR0  0x3b0u
#define CSR_MHARTID   0xf14u
#define MISA_RV32IMAC 0x40001105u

static uint32_t pmp_address, pmp_config; /* the guest's */

static bool fetch_half(uint32_t pc, uint32_t *half)
{
	uint32_t where;

	if ((pc & 1) || !table_find(pc, VSOC_PTE_EXECUTE, &where))
		return false;
	*half = *(const volatile uint16_t *)where;
	return true;
}

bool instruction_fetch(uint32_t pc, uint32_t *instruction)
{
	uint32_t low, high = 0;

	if (!fetch_half(pc, &low))
		return false;
	if ((low & 3) == 3 && !fetch_half(pc + 2, &high))
		return false;
	*instruction = high << 16 | low;
	return true;
}

static uint32_t length_of(uint32_t instruction)
{
	return (instruction & 3) == 3 ? 4 : 2;
}

/* --- CSRs --- */

static uint32_t *register_of(struct guest *g, uint32_t number)
{
	switch (number) {
	case CSR_MIE:
		return &g->mie;
	case CSR_MTVEC:
		return &g->mtvec;
	case CSR_MSCRATCH:
		return &g->mscratch;
	case CSR_MEPC:
		return &g->mepc;
	case CSR_MCAUSE:
		return &g->mcause;
	case CSR_MTVAL:
		return &g->mtval;
	case CSR_PMPADDR0:
		return &pmp_address;
	case CSR_PMPCFG0:
		return &pmp_config;
	default:
		return NULL;
	}
}

/* Returns false where the guest has no such register. */
static bool read_csr(struct guest *g, uint32_t number, uint32_t *value)
{
	const uint32_t *plain = register_of(g, number);

	if (plain)
		*value = *plain;
	else if (number == CSR_MSTATUS)
		*value = g->mstatus | 3u << 11;
	else if (number == CSR_MIP)
		*value = device_pending();
	else if (number == CSR_MISA)
		*value = MISA_RV32IMAC;
	else if (number == CSR_MHARTID)
		*value = 0;
	else
		return false;
	return true;
}

/* What the guest writes into the others has no effect. */
static void write_csr(struct guest *g, uint32_t number, uint32_t value)
{
	uint32_t *plain = register_of(g, number);

	if (plain)
		*plain = value;
	if (number == CSR_MSTATUS)
		g->mstatus = value & (MSTATUS_MIE | MSTATUS_MPIE);
	if (number == CSR_PMPADDR0 || number == CSR_PMPCFG0)
		table_protect(pmp_address, pmp_config);
}

static bool emulate_csr(struct guest *g, uint32_t instruction)
{
	uint32_t number = instruction >> 20, funct = FUNCT3(instruction), source = RS1(instruction);
	uint32_t operand = funct & 4 ? source : g->x[source];
	uint32_t old;

	if (!read_csr(g, number, &old))
		return false;
	if ((funct & 3) == 1)
		write_csr(g, number, operand);
	else if (source)
		write_csr(g, number, (funct & 3) == 2 ? old | operand : old & ~operand);
	if (RD(instruction))
		g->x[RD(instruction)] = old;
	return true;
}

static void emulate_mret(struct guest *g)
{
	g->pc = g->mepc;
	g->mstatus = MSTATUS_MPIE | (g->mstatus & MSTATUS_MPIE ? MSTATUS_MIE : 0);
}

/* satp, sfence.vma, and all other registers of the modes above user mode */
static bool is_escape(uint32_t instruction)
{
	return (instruction & SFENCE_MASK) == SFENCE ||
	       (OPCODE(instruction) == OP_SYSTEM && (FUNCT3(instruction) & 3));
}

void instruction_emulate(struct guest *g)
{
	uint32_t instruction;

	if (!instruction_fetch(g->pc, &instruction)) {
		monitor_reflect(g, CAUSE_FETCH_BUS, g->pc);
		return;
	}
	if (instruction == MRET) {
		emulate_mret(g);
	} else if (instruction == WFI) {
		g->pc += 4;
		monitor_sleep(g);
	} else if (OPCODE(instruction) == OP_SYSTEM && (FUNCT3(instruction) & 3) &&
		   emulate_csr(g, instruction)) {
		g->pc += 4;
	} else {
		if (is_escape(instruction))
			table_report(VSOC_IOMMU_ESCAPES, instruction, g->pc);
		monitor_reflect(g, CAUSE_ILLEGAL, instruction);
	}
}

/* --- loads and stores at devices --- */

struct access {
	bool store;
	uint32_t number; /* of the register */
	uint32_t bits;
	bool is_signed;
};

static bool decode(uint32_t instruction, struct access *access)
{
	uint32_t funct = FUNCT3(instruction);

	if (OPCODE(instruction) == OP_LOAD && (funct & 3) != 3 && funct != 6) {
		*access = (struct access){.number = RD(instruction),
					  .bits = 8u << (funct & 3),
					  .is_signed = !(funct & 4)};
		return true;
	}
	if (OPCODE(instruction) == OP_STORE && funct < 3) {
		*access = (struct access){
			.store = true, .number = RS2(instruction), .bits = 8u << funct};
		return true;
	}
	/* c.lw and c.sw, of registers 8 to 15 */
	if ((instruction & 3) == 0 && (instruction >> 13 & 3) == 2) {
		*access = (struct access){.store = (instruction & 0x8000) != 0,
					  .number = 8 + (instruction >> 2 & 7),
					  .bits = 32};
		return true;
	}
	return false;
}

static uint32_t extend(uint32_t value, const struct access *access)
{
	uint32_t unused = 32 - access->bits;

	value <<= unused;
	return access->is_signed ? (uint32_t)((int32_t)value >> unused) : value >> unused;
}

void instruction_access(struct guest *g, uint32_t address, bool store)
{
	struct access access;
	uint32_t instruction;

	if (!instruction_fetch(g->pc, &instruction) || !decode(instruction, &access) ||
	    access.store != store) {
		monitor_reflect(g, store ? CAUSE_STORE_BUS : CAUSE_LOAD_BUS, address);
		return;
	}
	if (store)
		device_write(address, access.number ? g->x[access.number] : 0);
	else if (access.number)
		g->x[access.number] = extend(device_read(address), &access);
	else
		(void)device_read(address);
	g->pc += length_of(instruction);
}
