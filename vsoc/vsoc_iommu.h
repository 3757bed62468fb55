/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * The IOMMU of the virtual SoC's coprocessor: what Linux's driver of it and the monitor, a program in
 * the coprocessor's machine mode, tell each other. The monitor stands for what is hardware elsewhere:
 * all other code of the coprocessor runs in user mode, under the Sv32 tables that Linux writes.
 *
 * Its memory is VSOC_IOMMU_SIZE bytes that both see, set aside in the device tree: the monitor, these
 * words, and the tables. No code of the coprocessor but the monitor reaches the first half, and none
 * writes to the tables. Addresses in it are the coprocessor's. Each word has one writer for life, and
 * is little-endian.
 */
#ifndef VSOC_IOMMU_H
#define VSOC_IOMMU_H

#define VSOC_IOMMU_DA	     0x9ea00000u /* where the coprocessor sees it: the monitor is linked there */
#define VSOC_IOMMU_WORDS     0x00010000u /* of the page of words; the monitor's memory is before it */
#define VSOC_IOMMU_TABLES    0x00100000u /* 256 tables of 4 KiB */
#define VSOC_IOMMU_SIZE	     0x00200000u
#define VSOC_IOMMU_NOTIFY_ID 31 /* of the doorbells both ways, for these words alone */

#ifdef __KERNEL__
#include <linux/types.h>
typedef __le32 vsoc_word;
#else
#include <stdint.h>
typedef uint32_t vsoc_word;
#endif

struct vsoc_iommu_words {
	/* written by Linux's driver */
	vsoc_word boot; /* counts power-ons; before each */
	vsoc_word entry; /* where the coprocessor's code starts; before each power-on */
	vsoc_word root; /* of the tables; before power-on, or before an invalidate */
	/*
	 * Counts what the coprocessor may not know from before any more: read after the tables and the
	 * root that it is about were written.
	 */
	vsoc_word invalidate;
	vsoc_word faults_taken; /* the newest fault that Linux has read */
	vsoc_word reserved_linux[27];

	/* written by the monitor */
	vsoc_word running; /* the boot it is of, from before the first use of a table on */
	vsoc_word invalidated; /* the newest invalidate that is carried out */
	/*
	 * Counts faults, after what is about the newest was written; while Linux has not taken one, the
	 * next are only counted: fault_number says which one the rest is about.
	 */
	vsoc_word faults;
	vsoc_word fault_number;
	vsoc_word fault_boot;
	vsoc_word fault_cause; /* enum vsoc_iommu_cause */
	vsoc_word fault_address; /* what was touched; of VSOC_IOMMU_ESCAPES, the instruction */
	vsoc_word fault_pc;
	vsoc_word reserved_monitor[24];
};

/* RISC-V's exceptions */
enum vsoc_iommu_cause {
	VSOC_IOMMU_ESCAPES = 2, /* an instruction that would change the tables in use */
	VSOC_IOMMU_FETCHES = 12,
	VSOC_IOMMU_READS = 13,
	VSOC_IOMMU_WRITES = 15,
};

/* Sv32's entries of tables (RISC-V Privileged 1.12, 4.3.1) */
#define VSOC_PTE_VALID	  0x01u
#define VSOC_PTE_READ	  0x02u
#define VSOC_PTE_WRITE	  0x04u
#define VSOC_PTE_EXECUTE  0x08u
#define VSOC_PTE_USER	  0x10u
#define VSOC_PTE_ACCESSED 0x40u
#define VSOC_PTE_DIRTY	  0x80u
#define VSOC_PTE_LEAF	  (VSOC_PTE_READ | VSOC_PTE_WRITE | VSOC_PTE_EXECUTE)

#endif
