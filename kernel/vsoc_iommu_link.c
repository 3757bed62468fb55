// SPDX-License-Identifier: GPL-2.0-only
/*
 * The monitor of the virtual SoC's coprocessor: that it forgets translations, what it says of faults,
 * and when it is there at all. Its words can't be written by the rest of the coprocessor's code.
 */
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/module.h>

#include "vsoc_iommu_internal.h"

#define ANSWER_TIMEOUT_MS 3000 /* one that runs answers at once, but QEMU may be slow */
#define CUT_TIMEOUT_MS	  15000 /* the launcher takes up to 5 s */
#define POLL_US		  5
#define LINES_MAX	  8 /* about the faults of one boot: the first was its crash */

static u32 read_word(const vsoc_word *word)
{
	return le32_to_cpu(READ_ONCE(*word));
}

static void write_word(vsoc_word *word, u32 value)
{
	WRITE_ONCE(*word, cpu_to_le32(value));
}

/* --- invalidates --- */

/* By itself, or cut off; said after it is gone, and until it is started anew. */
static bool has_ended(const struct vsoc_iommu *iommu)
{
	return readl(&iommu->port.control->state) == VSOC_ENDED;
}

/* Whether it may know a translation. One that starts after this looks at the tables as they are now. */
static bool may_know(struct vsoc_iommu *iommu)
{
	return iommu->on && !has_ended(iommu) && read_word(&iommu->words->running) == iommu->boot;
}

static bool is_answered(const struct vsoc_iommu *iommu, u32 asked)
{
	return (s32)(read_word(&iommu->words->invalidated) - asked) >= 0 || has_ended(iommu);
}

/*
 * Its power is the proof. An unmap can't fail, and what it returned would be reused: where nobody says
 * that the coprocessor is off, this machine goes no further.
 */
static void cut_off(struct vsoc_iommu *iommu)
{
	struct vsoc_control __iomem *control = iommu->port.control;
	ktime_t end = ktime_add_ms(ktime_get(), CUT_TIMEOUT_MS);
	unsigned long flags;
	u32 cut;

	dev_err(iommu->dev, "no answer to an invalidate: the coprocessor is switched off\n");
	spin_lock_irqsave(&iommu->lock, flags);
	cut = ++iommu->cut;
	writel(cut, &control->cut);
	spin_unlock_irqrestore(&iommu->lock, flags);
	vsoc_port_ring(&iommu->port, VSOC_VECTOR_POWER);
	while ((s32)(readl(&control->cut_done) - cut) < 0) {
		if (ktime_after(ktime_get(), end))
			panic("%s: nobody switches off what reaches memory that is unmapped\n",
			      dev_name(iommu->dev));
		udelay(POLL_US);
	}
}

void vsoc_iommu_invalidate(struct vsoc_iommu *iommu)
{
	ktime_t end = ktime_add_ms(ktime_get(), ANSWER_TIMEOUT_MS);
	unsigned long flags;
	bool known;
	u32 asked;

	dma_mb(); /* the tables first. Pairs with the monitor's, between running and its first look */
	spin_lock_irqsave(&iommu->lock, flags);
	known = may_know(iommu);
	asked = ++iommu->invalidate;
	write_word(&iommu->words->invalidate, asked);
	if (known)
		writel(++iommu->kicks, &iommu->port.control->kicks[VSOC_IOMMU_NOTIFY_ID]);
	spin_unlock_irqrestore(&iommu->lock, flags);
	if (!known)
		return;
	vsoc_port_ring(&iommu->port, VSOC_VECTOR_RING);
	while (!is_answered(iommu, asked)) {
		if (ktime_after(ktime_get(), end)) {
			cut_off(iommu);
			break;
		}
		udelay(POLL_US);
	}
	dma_mb(); /* what it has written by them is there. Pairs with the monitor's before its answer */
}

/* --- power --- */

u32 vsoc_iommu_power_on(struct vsoc_iommu *iommu, u32 entry)
{
	unsigned long flags;

	/* nothing runs that could see it: a former one may have been hurt by a bug */
	memcpy(iommu->memory, iommu->monitor->data, iommu->monitor->size);
	spin_lock_irqsave(&iommu->lock, flags);
	iommu->on = true;
	write_word(&iommu->words->boot, ++iommu->boot);
	write_word(&iommu->words->entry, entry);
	spin_unlock_irqrestore(&iommu->lock, flags);
	dma_wmb(); /* before it is asked for power */
	return VSOC_IOMMU_DA;
}
EXPORT_SYMBOL_GPL(vsoc_iommu_power_on);

void vsoc_iommu_power_off(struct vsoc_iommu *iommu)
{
	unsigned long flags;

	spin_lock_irqsave(&iommu->lock, flags);
	iommu->on = false;
	spin_unlock_irqrestore(&iommu->lock, flags);
}
EXPORT_SYMBOL_GPL(vsoc_iommu_power_off);

bool vsoc_iommu_is_on(struct vsoc_iommu *iommu)
{
	return READ_ONCE(iommu->on);
}
EXPORT_SYMBOL_GPL(vsoc_iommu_is_on);

/* --- faults --- */

struct fault {
	u32 count, number, boot, cause, address, pc;
};

static struct fault read_fault(const struct vsoc_iommu_words *words)
{
	struct fault fault = {.count = read_word(&words->faults)};

	dma_rmb(); /* pairs with the monitor's before it counts */
	fault.number = read_word(&words->fault_number);
	fault.boot = read_word(&words->fault_boot);
	fault.cause = read_word(&words->fault_cause);
	fault.address = read_word(&words->fault_address);
	fault.pc = read_word(&words->fault_pc);
	return fault;
}

/* What the tables say of an address now. */
static const char *describe(struct vsoc_iommu *iommu, u32 address)
{
	unsigned long flags;
	phys_addr_t pa;
	u32 entry = 0;

	spin_lock_irqsave(&iommu->lock, flags);
	if (iommu->attached)
		entry = vsoc_table_find(to_vsoc_domain(iommu->attached), address, &pa);
	spin_unlock_irqrestore(&iommu->lock, flags);
	if (!entry)
		return "is not mapped";
	switch (entry & VSOC_PTE_LEAF) {
	case VSOC_PTE_READ:
		return "is mapped to be read";
	case VSOC_PTE_WRITE | VSOC_PTE_READ:
		return "is mapped to be read and written";
	default:
		return "is mapped";
	}
}

static void say(struct vsoc_iommu *iommu, const struct fault *fault)
{
	const char *verb = fault->cause == VSOC_IOMMU_WRITES	? "writes to"
			   : fault->cause == VSOC_IOMMU_FETCHES ? "fetches from"
								: "reads from";

	if (fault->cause == VSOC_IOMMU_ESCAPES)
		dev_err(iommu->dev,
			"fault: the coprocessor tries to change its translation: instruction %#x at pc %#x\n",
			fault->address, fault->pc);
	else
		dev_err(iommu->dev, "fault: the coprocessor %s %#x, which %s, at pc %#x\n", verb,
			fault->address, describe(iommu, fault->address), fault->pc);
}

/* To whom the domain is, if it has asked. */
static void tell_user(struct vsoc_iommu *iommu, const struct fault *fault)
{
	struct iommu_domain *domain = iommu->attached;

	if (domain && fault->cause != VSOC_IOMMU_ESCAPES)
		report_iommu_fault(domain, iommu->master, fault->address,
				   fault->cause == VSOC_IOMMU_WRITES ? IOMMU_FAULT_WRITE
								     : IOMMU_FAULT_READ);
}

/* Whether there may be a line about it: firmware that faults over and over must not fill the log. */
static bool may_say(struct vsoc_iommu *iommu, const struct fault *fault)
{
	if (fault->boot != iommu->lines_boot)
		iommu->lines = 0;
	iommu->lines_boot = fault->boot;
	if (iommu->lines >= LINES_MAX)
		return false;
	if (++iommu->lines < LINES_MAX)
		return true;
	dev_err(iommu->dev, "no more is said of the faults of this boot\n");
	return false;
}

bool vsoc_iommu_take_faults(struct vsoc_iommu *iommu)
{
	struct fault fault;
	u32 before, more;
	bool current_boot = false;

	mutex_lock(&iommu->fault_lock);
	before = iommu->faults_taken;
	fault = read_fault(iommu->words);
	more = fault.count - before;
	if (more && (s32)(fault.number - before) > 0) {
		more--;
		if (may_say(iommu, &fault))
			say(iommu, &fault);
		tell_user(iommu, &fault);
	}
	if (more && may_say(iommu, &fault))
		dev_err(iommu->dev, "%u more faults\n", more);
	current_boot = fault.count != before && fault.boot == READ_ONCE(iommu->boot);
	iommu->faults_taken = fault.count;
	dma_mb(); /* it is read: the next one may be written. Pairs with the monitor's look */
	write_word(&iommu->words->faults_taken, fault.count);
	mutex_unlock(&iommu->fault_lock);
	return current_boot;
}
EXPORT_SYMBOL_GPL(vsoc_iommu_take_faults);
