/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The page tables that Linux writes, and the words that it shares with the monitor (vsoc_iommu.h).
 * Knows Sv32 and the physical memory protection, which holds the guest off the monitor even where a
 * table should lead to it.
 */
#include "monitor.h"

#define SATP_SV32 0x80000000u
#define PAGE_BITS 12
#define MEGA_BITS 22

/* Entries of the physical memory protection: naturally aligned powers of two. The first match counts. */
#define NAPOT(base, size) ((base) >> 2 | ((size) / 8 - 1))
#define PMP_NONE	  0x18u
#define PMP_READ	  0x19u
#define PMP_ALL		  0x1fu
#define PMP_MODE	  0x18u /* how the address is meant: 0x10 four bytes, 0x18 NAPOT */
#define PMP_MEANT	  0x1fu /* without the lock, which would bind the monitor as well */
#define DRAM_BASE	  0x80000000u
#define DRAM_SIZE	  0x20000000u
#define HALF		  (VSOC_IOMMU_SIZE / 2)

static struct vsoc_iommu_words *const words =
	(struct vsoc_iommu_words *)(VSOC_IOMMU_DA + VSOC_IOMMU_WORDS);
static uint32_t faults;

/* Linux writes its words at any time. */
static uint32_t read_word(const uint32_t *word)
{
	return *(const volatile uint32_t *)word;
}

static void write_word(uint32_t *word, uint32_t value)
{
	*(volatile uint32_t *)word = value;
}

/* Both ways, also of this processor's looks at its tables. */
static void order(void)
{
	__asm__ volatile("fence rw, rw" ::: "memory");
}

void table_forget(void)
{
	__asm__ volatile("sfence.vma" ::: "memory");
}

void table_protect(uint32_t address, uint32_t config)
{
	config &= PMP_MEANT;
	if ((config & PMP_MODE) < 0x10)
		config = 0; /* a range from the entry before to this one: not offered */
	csr_write(pmpaddr2, address);
	csr_write(pmpcfg0, PMP_ALL << 24 | config << 16 | PMP_READ << 8 | PMP_NONE);
	table_forget();
}

/* Root and tables anew. */
static void use_tables(void)
{
	csr_write(satp, SATP_SV32 | read_word(&words->root) >> PAGE_BITS);
	table_forget();
}

void table_serve(void)
{
	uint32_t asked = read_word(&words->invalidate);

	if (asked == read_word(&words->invalidated))
		return;
	order(); /* pairs with the barrier between Linux's stores to the tables and to invalidate */
	use_tables();
	order(); /* all that the guest has touched by the old ones is done */
	write_word(&words->invalidated, asked);
}

uint32_t table_start(void)
{
	csr_write(pmpaddr0, NAPOT(VSOC_IOMMU_DA, HALF));
	csr_write(pmpaddr1,
		  NAPOT(VSOC_IOMMU_DA + HALF, HALF)); /* the walk reads as the guest would */
	csr_write(pmpaddr3, NAPOT(DRAM_BASE, DRAM_SIZE));
	table_protect(0, 0);
	csr_write(mcounteren, 7);
	faults = read_word(&words->faults);
	/*
	 * Linux invalidates only what runs: from here on it waits for answers, and what it has changed
	 * before is seen by the first look at the tables. Pairs with its barrier between a store to the
	 * tables and the load of this word.
	 */
	write_word(&words->running, read_word(&words->boot));
	order();
	use_tables();
	table_serve();
	return read_word(&words->entry);
}

/* The tables are Linux's, and may change at any moment: each entry is read once. */
bool table_find(uint32_t address, uint32_t access, uint32_t *where)
{
	uint32_t table = csr_read(satp) << PAGE_BITS, shift = MEGA_BITS, entry;

	access |= VSOC_PTE_VALID | VSOC_PTE_USER;
	entry = read_word((const uint32_t *)table + (address >> MEGA_BITS));
	if ((entry & VSOC_PTE_VALID) && !(entry & VSOC_PTE_LEAF)) {
		table = entry >> 10 << PAGE_BITS;
		shift = PAGE_BITS;
		entry = read_word((const uint32_t *)table + (address >> PAGE_BITS & 1023));
	}
	*where = entry >> 10 << PAGE_BITS | (address & ((1u << shift) - 1));
	return (entry & access) == access && (entry & VSOC_PTE_LEAF);
}

void table_report(uint32_t cause, uint32_t address, uint32_t pc)
{
	if (read_word(&words->faults_taken) == faults) {
		write_word(&words->fault_number, faults + 1);
		write_word(&words->fault_boot, read_word(&words->boot));
		write_word(&words->fault_cause, cause);
		write_word(&words->fault_address, address);
		write_word(&words->fault_pc, pc);
	}
	order(); /* pairs with Linux's, between its loads of faults and of the rest */
	write_word(&words->faults, ++faults);
	device_ring(VSOC_IOMMU_NOTIFY_ID);
}
