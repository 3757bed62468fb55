// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sv32's page tables (RISC-V Privileged 1.12, 4.3), as the coprocessor walks them: two levels of 1024
 * entries, pages of 4 KiB and 4 MiB. They lie in memory of their own, which the coprocessor can't write.
 * A table of the second level stays with its domain until that goes: to find it never leads anywhere
 * else. "Accessed" and "dirty" are set from the beginning: nobody writes entries but this file.
 */
#include <linux/bitmap.h>
#include <linux/dma-direct.h>
#include <linux/sizes.h>

#include "vsoc_iommu_internal.h"

#define ENTRIES	   1024
#define ROOT_SHIFT 22
#define PAGE_FLAGS (VSOC_PTE_VALID | VSOC_PTE_USER | VSOC_PTE_ACCESSED | VSOC_PTE_DIRTY)

static __le32 *table_of(const struct vsoc_iommu *iommu, unsigned int index)
{
	return (__le32 *)(iommu->memory + VSOC_IOMMU_TABLES + (size_t)index * SZ_4K);
}

u32 vsoc_table_address(const struct vsoc_iommu *iommu, const __le32 *table)
{
	return VSOC_IOMMU_DA + ((const u8 *)table - iommu->memory);
}

/* A number of a page as an entry has it. */
static u32 to_entry(u32 da, u32 flags)
{
	return (da >> PAGE_SHIFT) << 10 | flags;
}

static u32 to_da(u32 entry)
{
	return (entry >> 10) << PAGE_SHIFT;
}

static u32 read_entry(const __le32 *entry)
{
	return le32_to_cpu(READ_ONCE(*entry));
}

static void write_entry(__le32 *entry, u32 value)
{
	WRITE_ONCE(*entry, cpu_to_le32(value));
}

static bool is_leaf(u32 entry)
{
	return entry & VSOC_PTE_LEAF;
}

/* An empty one, or NULL. */
static __le32 *take_table(struct vsoc_iommu *iommu)
{
	unsigned int index = find_next_zero_bit(iommu->used, VSOC_TABLE_COUNT, 1);
	__le32 *table;

	if (index >= VSOC_TABLE_COUNT)
		return NULL;
	__set_bit(index, iommu->used);
	table = table_of(iommu, index);
	memset(table, 0, SZ_4K);
	return table;
}

static void drop_table(struct vsoc_iommu *iommu, const __le32 *table)
{
	__clear_bit((table - table_of(iommu, 0)) / ENTRIES, iommu->used);
}

static __le32 *below(const struct vsoc_iommu *iommu, u32 entry)
{
	return (__le32 *)(iommu->memory + (to_da(entry) - VSOC_IOMMU_DA));
}

int vsoc_table_open(struct vsoc_domain *domain)
{
	unsigned long flags;

	spin_lock_irqsave(&domain->iommu->lock, flags);
	domain->root = take_table(domain->iommu);
	spin_unlock_irqrestore(&domain->iommu->lock, flags);
	return domain->root ? 0 : -ENOMEM;
}

/* No processor uses them any more. */
void vsoc_table_close(struct vsoc_domain *domain)
{
	unsigned long flags;

	spin_lock_irqsave(&domain->iommu->lock, flags);
	for (int i = 0; i < ENTRIES; i++) {
		u32 entry = read_entry(&domain->root[i]);

		if (entry && !is_leaf(entry))
			drop_table(domain->iommu, below(domain->iommu, entry));
	}
	drop_table(domain->iommu, domain->root);
	spin_unlock_irqrestore(&domain->iommu->lock, flags);
}

/* The table of the second level that an address goes by, made if need be. */
static int get_table(struct vsoc_domain *domain, __le32 *entry, __le32 **table)
{
	u32 value = read_entry(entry);

	if (is_leaf(value))
		return -EEXIST;
	if (value) {
		*table = below(domain->iommu, value);
		return 0;
	}
	*table = take_table(domain->iommu);
	if (!*table)
		return -ENOMEM;
	dma_wmb(); /* empty before it is found */
	write_entry(entry, to_entry(vsoc_table_address(domain->iommu, *table), VSOC_PTE_VALID));
	return 0;
}

static int map_small(struct vsoc_domain *domain, unsigned long iova, u32 da, u32 flags)
{
	__le32 *table;
	int ret = get_table(domain, &domain->root[iova >> ROOT_SHIFT], &table);

	if (ret)
		return ret;
	table += (iova >> PAGE_SHIFT) % ENTRIES;
	if (read_entry(table))
		return -EEXIST;
	write_entry(table, to_entry(da, flags));
	return 0;
}

/* Where there is a table already, page by page. */
static int map_large(struct vsoc_domain *domain, unsigned long iova, u32 da, u32 flags)
{
	__le32 *entry = &domain->root[iova >> ROOT_SHIFT], *table;
	u32 value = read_entry(entry);

	if (!value) {
		write_entry(entry, to_entry(da, flags));
		return 0;
	}
	if (is_leaf(value))
		return -EEXIST;
	table = below(domain->iommu, value);
	/* all or nothing: who has seen an entry would have to be told that it is gone */
	for (int i = 0; i < ENTRIES; i++)
		if (read_entry(table + i))
			return -EEXIST;
	for (u32 i = 0; i < ENTRIES; i++)
		write_entry(table + i, to_entry(da + i * SZ_4K, flags));
	return 0;
}

int vsoc_table_map(struct vsoc_domain *domain, unsigned long iova, phys_addr_t pa, size_t size,
		   u32 flags)
{
	dma_addr_t da = phys_to_dma(domain->iommu->dev, pa);

	if (da > U32_MAX || phys_to_dma(domain->iommu->dev, pa + size - 1) != da + size - 1 ||
	    iova > U32_MAX)
		return -ERANGE;
	flags |= PAGE_FLAGS;
	return size == SZ_4M ? map_large(domain, iova, da, flags)
			     : map_small(domain, iova, da, flags);
}

size_t vsoc_table_unmap(struct vsoc_domain *domain, unsigned long iova, size_t size)
{
	__le32 *entry, *table;
	u32 value;

	if (iova > U32_MAX)
		return 0;
	entry = &domain->root[iova >> ROOT_SHIFT];
	value = read_entry(entry);
	if (!value)
		return 0;
	if (is_leaf(value)) {
		if (WARN_ON_ONCE(size != SZ_4M)) /* a part of what was mapped as one */
			return 0;
		write_entry(entry, 0);
		return size;
	}
	table = below(domain->iommu, value) + (iova >> PAGE_SHIFT) % ENTRIES;
	if (!read_entry(table))
		return 0;
	for (size_t i = 0; i < size / SZ_4K; i++)
		write_entry(table + i, 0);
	return size;
}

u32 vsoc_table_find(struct vsoc_domain *domain, unsigned long iova, phys_addr_t *pa)
{
	u32 value = read_entry(&domain->root[iova >> ROOT_SHIFT]);
	unsigned long offset = iova & (SZ_4M - 1);

	if (value && !is_leaf(value)) {
		value = read_entry(below(domain->iommu, value) + (iova >> PAGE_SHIFT) % ENTRIES);
		offset = iova & (SZ_4K - 1);
	}
	*pa = value ? dma_to_phys(domain->iommu->dev, to_da(value)) + offset : 0;
	return value;
}
