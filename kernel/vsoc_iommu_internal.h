/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual SoC's IOMMU: what its files share (vsoc_iommu.h is what its monitor shares with it), and
 * at the end what the driver of the coprocessor calls.
 */
#ifndef VSOC_IOMMU_INTERNAL_H
#define VSOC_IOMMU_INTERNAL_H

#include <linux/firmware.h>
#include <linux/iommu.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "vsoc_iommu.h"
#include "vsoc_port.h"

#define VSOC_TABLE_COUNT ((VSOC_IOMMU_SIZE - VSOC_IOMMU_TABLES) / SZ_4K)

struct vsoc_iommu {
	struct iommu_device iommu;
	struct device *dev;
	struct vsoc_port port;
	const struct firmware *monitor;
	u8 *memory; /* VSOC_IOMMU_SIZE bytes, which the coprocessor sees at VSOC_IOMMU_DA */
	struct vsoc_iommu_words *words; /* in it */
	struct device *master; /* the coprocessor, once it is known */

	spinlock_t lock; /* of what follows, of all tables, and of Linux's words */
	DECLARE_BITMAP(used, VSOC_TABLE_COUNT); /* tables; the first one is empty for ever */
	struct iommu_domain *attached; /* NULL: what is blocked */
	u32 invalidate, kicks, cut, boot; /* as in the words and the control page */
	bool on; /* from before a power-on until it is proved off */

	struct mutex fault_lock; /* of what follows */
	u32 faults_taken;
	u32 lines, lines_boot; /* of the log; about the faults of one boot */
};

struct vsoc_domain {
	struct iommu_domain domain;
	struct vsoc_iommu *iommu;
	__le32 *root;
};

static inline struct vsoc_domain *to_vsoc_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct vsoc_domain, domain);
}

/* --- vsoc_iommu_table.c: Sv32's tables. All but the first two are called under iommu->lock. --- */

/* -ENOMEM: there are as many as there can be. */
int vsoc_table_open(struct vsoc_domain *domain);
void vsoc_table_close(struct vsoc_domain *domain);

/* One page of SZ_4K or SZ_4M. flags: VSOC_PTE_. -EEXIST, -ENOMEM; -ERANGE: the coprocessor can't see it. */
int vsoc_table_map(struct vsoc_domain *domain, unsigned long iova, phys_addr_t pa, size_t size,
		   u32 flags);

/* One such page, or the whole tables under it. Returns `size`, or 0 where nothing is. */
size_t vsoc_table_unmap(struct vsoc_domain *domain, unsigned long iova, size_t size);

/* The entry that an address leads to, 0 where nothing is; and *pa. */
u32 vsoc_table_find(struct vsoc_domain *domain, unsigned long iova, phys_addr_t *pa);

/* As the coprocessor's root has it. */
u32 vsoc_table_address(const struct vsoc_iommu *iommu, const __le32 *table);

/* --- vsoc_iommu_link.c: the words that are shared with the monitor --- */

/*
 * The coprocessor forgets what it has from the tables and the root; returns when it has, or is proved
 * off. Never sleeps, and ends: what does not answer is switched off.
 */
void vsoc_iommu_invalidate(struct vsoc_iommu *iommu);

/* --- for the driver of the coprocessor --- */

/* The IOMMU that a device is behind, or NULL. */
struct vsoc_iommu *vsoc_iommu_of(struct device *dev);

/* Before a power-on: loads the monitor, which is to start in place of `entry`. Returns where it starts. */
u32 vsoc_iommu_power_on(struct vsoc_iommu *iommu, u32 entry);

/* After it is proved off. */
void vsoc_iommu_power_off(struct vsoc_iommu *iommu);

/* Whether what runs, if anything does, runs under the monitor. */
bool vsoc_iommu_is_on(struct vsoc_iommu *iommu);

/* Says what faults there were since the last call. Returns whether the running boot had one. May sleep. */
bool vsoc_iommu_take_faults(struct vsoc_iommu *iommu);

#endif
