// SPDX-License-Identifier: GPL-2.0-only
/*
 * Remote processor driver: the coprocessor of the virtual SoC.
 *
 * The coprocessor is a device tree node on a bus of its own, so that its dma-ranges hold. Power and
 * doorbells are an ivshmem PCI function: who is behind it starts and stops the coprocessor. What the
 * two tell each other is in vsoc_control.h. Where the coprocessor is behind an IOMMU of its own, that
 * one's monitor starts before its firmware does.
 */
#include <linux/atomic.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/platform_device.h>
#include <linux/remoteproc.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "remoteproc_internal.h"
#include "vsoc_hwspinlock_kernel.h"
#include "vsoc_iommu_internal.h"
#include "vsoc_port.h"

#define POWER_TIMEOUT_MS 15000

struct vsoc_rproc {
	struct rproc *rproc;
	struct device *dev;
	struct vsoc_port port;
	struct vsoc_iommu *iommu; /* or NULL */
	wait_queue_head_t done; /* woken when the control page says that something is done */
	bool connected; /* the core takes it for running: its end is a crash */
	u32 reported; /* the boot whose crash was reported; by xchg() */
	spinlock_t kick_lock; /* of kicks */
	u32 kicks[VSOC_NOTIFY_IDS];
	struct rproc_subdev gate;
	bool gate_added; /* under rproc->lock */
	struct mutex gate_lock; /* of the rest; held while virtqueues are called */
	bool gate_open;
	u32 rings[VSOC_NOTIFY_IDS]; /* passed on */
	void __iomem *early_table; /* mapped from an attach to unprepare */
};

/*
 * Asks for power, and waits until it was carried out. The remoteproc core holds rproc->lock: there is
 * one request at a time. Returns 0 and the state, or -ETIMEDOUT.
 */
static int set_power(struct vsoc_rproc *vsoc, bool on, u32 *state)
{
	struct vsoc_control __iomem *control = vsoc->port.control;
	u32 request = ((readl(&control->request) & ~VSOC_REQUEST_ON) + 2) |
		      (on ? VSOC_REQUEST_ON : 0);

	writel(request, &control->request);
	vsoc_port_ring(&vsoc->port, VSOC_VECTOR_POWER);
	if (!wait_event_timeout(vsoc->done, readl(&control->done) == request,
				msecs_to_jiffies(POWER_TIMEOUT_MS))) {
		dev_err(vsoc->dev, "power %s: no answer\n", on ? "on" : "off");
		return -ETIMEDOUT;
	}
	*state = readl(&control->state);
	return 0;
}

/* Both of the same boot. */
static void read_state(struct vsoc_rproc *vsoc, u32 *boots, u32 *state)
{
	do {
		*boots = readl(&vsoc->port.control->boots);
		*state = readl(&vsoc->port.control->state);
	} while (*boots != readl(&vsoc->port.control->boots));
}

/*
 * What has ended, and what has touched what it may not, has crashed. Once for each boot; not while nobody
 * is connected: a recovery starts what was attached.
 */
static void report_crash(struct vsoc_rproc *vsoc)
{
	u32 boots, state;
	bool fault;

	read_state(vsoc, &boots, &state);
	fault = vsoc->iommu && vsoc_iommu_take_faults(vsoc->iommu);
	if (!READ_ONCE(vsoc->connected))
		return;
	if ((fault || state == VSOC_ENDED) && xchg(&vsoc->reported, boots) != boots)
		rproc_report_crash(vsoc->rproc, fault ? RPROC_MMUFAULT : RPROC_FATAL_ERROR);
}

/*
 * The rings' gate: rproc_vq_interrupt() takes no lock against the removal of the virtqueues, and the
 * coprocessor rings when it likes. As the last sub-device it is stopped before the others: rings end
 * before the virtio devices go.
 */
static int open_gate(struct rproc_subdev *gate)
{
	struct vsoc_rproc *vsoc = container_of(gate, struct vsoc_rproc, gate);

	mutex_lock(&vsoc->gate_lock);
	vsoc->gate_open = true;
	mutex_unlock(&vsoc->gate_lock);
	/* for what rang before; in its thread, as drivers that it probes may take rproc->lock */
	irq_wake_thread(pci_irq_vector(vsoc->port.pci, VSOC_VECTOR_RING), vsoc);
	return 0;
}

static void close_gate(struct rproc_subdev *gate, bool crashed)
{
	struct vsoc_rproc *vsoc = container_of(gate, struct vsoc_rproc, gate);

	mutex_lock(&vsoc->gate_lock);
	vsoc->gate_open = false;
	mutex_unlock(&vsoc->gate_lock);
}

/* In start and attach: the core has added its sub-devices, and starts all of them next. */
static void connect(struct vsoc_rproc *vsoc)
{
	if (!vsoc->gate_added)
		rproc_add_subdev(vsoc->rproc, &vsoc->gate);
	vsoc->gate_added = true;
	WRITE_ONCE(vsoc->connected, true);
}

static void disconnect(struct vsoc_rproc *vsoc)
{
	WRITE_ONCE(vsoc->connected, false);
	if (vsoc->gate_added)
		rproc_remove_subdev(vsoc->rproc, &vsoc->gate);
	vsoc->gate_added = false;
}

static void vsoc_kick(struct rproc *rproc, int vqid)
{
	struct vsoc_rproc *vsoc = rproc->priv;
	unsigned long flags;

	if (vqid < 0 || vqid >= VSOC_NOTIFY_IDS || vqid == VSOC_IOMMU_NOTIFY_ID)
		return;
	spin_lock_irqsave(&vsoc->kick_lock, flags);
	writel(++vsoc->kicks[vqid], &vsoc->port.control->kicks[vqid]);
	spin_unlock_irqrestore(&vsoc->kick_lock, flags);
	vsoc_port_ring(&vsoc->port, VSOC_VECTOR_RING);
}

/* Returns 0 when it is proved off. */
static int power_off(struct vsoc_rproc *vsoc)
{
	u32 state;
	int ret = set_power(vsoc, false, &state);

	if (!ret && state != VSOC_OFF)
		ret = -EIO;
	if (ret)
		return ret;
	if (vsoc->iommu)
		vsoc_iommu_power_off(vsoc->iommu);
	vsoc_hwspinlock_reclaim();
	return 0;
}

static int vsoc_start(struct rproc *rproc)
{
	struct vsoc_rproc *vsoc = rproc->priv;
	u32 entry = lower_32_bits(rproc->bootaddr), state;
	int ret;

	if (upper_32_bits(rproc->bootaddr))
		return -EINVAL;
	/* after a start that failed and could not be undone: its monitor may be in use */
	if (vsoc->iommu && vsoc_iommu_is_on(vsoc->iommu)) {
		ret = power_off(vsoc);
		if (ret)
			return ret;
	}
	if (vsoc->iommu)
		entry = vsoc_iommu_power_on(vsoc->iommu, entry);
	writel(entry, &vsoc->port.control->boot_address);
	connect(vsoc);
	ret = set_power(vsoc, true, &state);
	/* one that has ended already was started: the interrupt reports the crash */
	if (!ret && state != VSOC_RUNNING && state != VSOC_ENDED)
		ret = -EIO;
	if (ret) {
		disconnect(vsoc);
		/* whatever is half on must not run on memory that is given back now */
		power_off(vsoc);
	}
	return ret;
}

static int vsoc_stop(struct rproc *rproc)
{
	struct vsoc_rproc *vsoc = rproc->priv;
	int ret = power_off(vsoc);

	if (!ret)
		disconnect(vsoc);
	return ret;
}

/* To one that was started before Linux, or left running by a detach. */
static int vsoc_attach(struct rproc *rproc)
{
	struct vsoc_rproc *vsoc = rproc->priv;

	/* for a recovery, which starts an image anew */
	rproc->bootaddr = readl(&vsoc->port.control->early_address);
	connect(vsoc);
	report_crash(vsoc); /* if it has ended while nobody was connected */
	return 0;
}

/* It runs on, and may write wherever it could. It is rung so that it finds its driver gone. */
static int vsoc_detach(struct rproc *rproc)
{
	struct vsoc_rproc *vsoc = rproc->priv;

	disconnect(vsoc);
	vsoc_kick(rproc, 0);
	return 0;
}

/* Of the image that was started before Linux: in its memory, where the core writes into it. */
static struct resource_table *vsoc_loaded_table(struct rproc *rproc, size_t *size)
{
	struct vsoc_rproc *vsoc = rproc->priv;
	u32 da = readl(&vsoc->port.control->early_table);
	u32 length = readl(&vsoc->port.control->early_table_size);

	if (length < sizeof(struct resource_table) || length > VSOC_EARLY_TABLE_MAX)
		return ERR_PTR(-EINVAL);
	vsoc->early_table = ioremap_wc(dma_to_phys(vsoc->dev, da), length);
	if (!vsoc->early_table)
		return ERR_PTR(-ENOMEM);
	*size = length;
	return (struct resource_table __force *)vsoc->early_table;
}

static int vsoc_unprepare(struct rproc *rproc)
{
	struct vsoc_rproc *vsoc = rproc->priv;

	if (vsoc->early_table)
		iounmap(vsoc->early_table);
	vsoc->early_table = NULL;
	return 0;
}

static int map_region(struct rproc *rproc, struct rproc_mem_entry *mem)
{
	void __iomem *va = ioremap_wc(mem->dma, mem->len);

	if (!va)
		return -ENOMEM;
	mem->va = (void __force *)va;
	mem->is_iomem = true;
	return 0;
}

static int unmap_region(struct rproc *rproc, struct rproc_mem_entry *mem)
{
	iounmap((void __iomem __force *)mem->va);
	return 0;
}

/* mem->dma is the physical address: what the core takes it for where there is no IOMMU. */
static int add_region(struct vsoc_rproc *vsoc, int index)
{
	struct device_node *node = vsoc->dev->of_node, *region;
	struct rproc_mem_entry *mem;
	struct reserved_mem *memory;
	const char *name;
	bool mapped;
	u64 da;

	if (of_property_read_string_index(node, "memory-region-names", index, &name))
		return -EINVAL;
	region = of_parse_phandle(node, "memory-region", index);
	if (!region)
		return -EINVAL;
	memory = of_reserved_mem_lookup(region);
	of_node_put(region);
	if (!memory)
		return -EINVAL;
	da = phys_to_dma(vsoc->dev, memory->base);
	if (da + memory->size - 1 > U32_MAX)
		return -ERANGE;
	/* message buffers are mapped by the virtio device that they are declared to */
	mapped = !strstr(name, "buffer");
	mem = rproc_mem_entry_init(vsoc->dev, NULL, memory->base, memory->size, da,
				   mapped ? map_region : NULL, mapped ? unmap_region : NULL, "%s",
				   name);
	if (!mem)
		return -ENOMEM;
	rproc_add_carveout(vsoc->rproc, mem);
	return 0;
}

static int vsoc_prepare(struct rproc *rproc)
{
	struct vsoc_rproc *vsoc = rproc->priv;
	int count = of_count_phandle_with_args(vsoc->dev->of_node, "memory-region", NULL);
	int ret = count < 0 ? count : 0;

	for (int i = 0; i < count && !ret; i++)
		ret = add_region(vsoc, i);
	if (ret)
		dev_err(vsoc->dev, "the memory regions are unusable: %d\n", ret);
	return ret;
}

static const struct rproc_ops vsoc_ops = {
	.prepare = vsoc_prepare,
	.unprepare = vsoc_unprepare,
	.start = vsoc_start,
	.stop = vsoc_stop,
	.attach = vsoc_attach,
	.detach = vsoc_detach,
	.kick = vsoc_kick,
	.load = rproc_elf_load_segments,
	.parse_fw = rproc_elf_load_rsc_table,
	.get_loaded_rsc_table = vsoc_loaded_table,
	.find_loaded_rsc_table = rproc_elf_find_loaded_rsc_table,
	.sanity_check = rproc_elf_sanity_check,
	.get_boot_addr = rproc_elf_get_boot_addr,
};

/* In a thread: what the virtqueues call may sleep. */
static irqreturn_t take_rings(int irq, void *data)
{
	struct vsoc_rproc *vsoc = data;

	if (vsoc->iommu)
		report_crash(vsoc);
	mutex_lock(&vsoc->gate_lock);
	for (int id = 0; id < VSOC_NOTIFY_IDS && vsoc->gate_open; id++) {
		u32 rings = readl(&vsoc->port.control->rings[id]);

		if (rings == vsoc->rings[id])
			continue;
		vsoc->rings[id] = rings;
		rproc_vq_interrupt(vsoc->rproc, id);
	}
	mutex_unlock(&vsoc->gate_lock);
	return IRQ_HANDLED;
}

static irqreturn_t take_power(int irq, void *data)
{
	struct vsoc_rproc *vsoc = data;

	report_crash(vsoc);
	wake_up(&vsoc->done);
	return IRQ_HANDLED;
}

static int request_interrupts(struct vsoc_rproc *vsoc)
{
	struct pci_dev *pci = vsoc->port.pci;
	int ret = pci_alloc_irq_vectors(pci, VSOC_VECTORS, VSOC_VECTORS, PCI_IRQ_MSIX);

	if (ret < 0)
		return ret;
	ret = request_threaded_irq(pci_irq_vector(pci, VSOC_VECTOR_RING), NULL, take_rings,
				   IRQF_ONESHOT, "vsoc-ring", vsoc);
	if (ret)
		goto free_vectors;
	ret = request_threaded_irq(pci_irq_vector(pci, VSOC_VECTOR_POWER), NULL, take_power,
				   IRQF_ONESHOT, "vsoc-power", vsoc);
	if (ret)
		goto free_ring;
	return 0;

free_ring:
	free_irq(pci_irq_vector(pci, VSOC_VECTOR_RING), vsoc);
free_vectors:
	pci_free_irq_vectors(pci);
	return ret;
}

static void free_interrupts(struct vsoc_rproc *vsoc)
{
	free_irq(pci_irq_vector(vsoc->port.pci, VSOC_VECTOR_POWER), vsoc);
	free_irq(pci_irq_vector(vsoc->port.pci, VSOC_VECTOR_RING), vsoc);
	pci_free_irq_vectors(vsoc->port.pci);
}

static int open_port(struct vsoc_rproc *vsoc)
{
	int ret = vsoc_port_open(&vsoc->port, vsoc->dev);

	if (ret)
		return ret;
	ret = pci_request_regions(vsoc->port.pci, "vsoc");
	if (ret) {
		vsoc_port_close(&vsoc->port);
		return ret;
	}
	pci_set_master(vsoc->port.pci); /* message-signalled interrupts are writes */
	return 0;
}

static void close_port(struct vsoc_rproc *vsoc)
{
	pci_clear_master(vsoc->port.pci);
	pci_release_regions(vsoc->port.pci);
	vsoc_port_close(&vsoc->port);
}

/*
 * A former life of this driver may have counted and reported already, and left it running. What was
 * started without the monitor reaches everything: it is none that the IOMMU is before.
 */
static int take_over(struct vsoc_rproc *vsoc)
{
	u32 boots, state;

	for (int id = 0; id < VSOC_NOTIFY_IDS; id++) {
		vsoc->kicks[id] = readl(&vsoc->port.control->kicks[id]);
		vsoc->rings[id] = readl(&vsoc->port.control->rings[id]);
	}
	read_state(vsoc, &boots, &state);
	if (state == VSOC_RUNNING && vsoc->iommu && !vsoc_iommu_is_on(vsoc->iommu)) {
		dev_err(vsoc->dev, "it was started without its IOMMU\n");
		return -EPERM;
	}
	if (state == VSOC_RUNNING)
		vsoc->rproc->state = RPROC_DETACHED;
	else
		vsoc->reported = boots;
	return 0;
}

static int vsoc_probe(struct platform_device *device)
{
	struct device *dev = &device->dev;
	struct vsoc_rproc *vsoc;
	struct rproc *rproc;
	const char *firmware;
	int ret = rproc_of_parse_firmware(dev, 0, &firmware);

	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32));
	if (ret)
		return ret;
	dma_set_max_seg_size(dev, UINT_MAX); /* it takes any segment; unsaid it would be 64 KiB */
	if (of_property_present(dev->of_node, "iommus") && !vsoc_iommu_of(dev)) {
		dev_err(dev, "its IOMMU is not there\n");
		return -ENODEV;
	}
	rproc = devm_rproc_alloc(dev, "coprocessor", &vsoc_ops, firmware, sizeof(*vsoc));
	if (!rproc)
		return -ENOMEM;
	rproc->auto_boot = false;
	vsoc = rproc->priv;
	vsoc->rproc = rproc;
	vsoc->dev = dev;
	vsoc->iommu = vsoc_iommu_of(dev);
	spin_lock_init(&vsoc->kick_lock);
	mutex_init(&vsoc->gate_lock);
	vsoc->gate.start = open_gate;
	vsoc->gate.stop = close_gate;
	init_waitqueue_head(&vsoc->done);
	platform_set_drvdata(device, vsoc);
	ret = open_port(vsoc);
	if (ret)
		return ret;
	ret = take_over(vsoc);
	if (!ret)
		ret = request_interrupts(vsoc);
	if (ret)
		goto close;
	ret = rproc_add(rproc);
	if (ret)
		goto interrupts;
	return 0;

interrupts:
	free_interrupts(vsoc);
close:
	close_port(vsoc);
	return ret;
}

static void vsoc_remove(struct platform_device *device)
{
	struct vsoc_rproc *vsoc = platform_get_drvdata(device);

	rproc_del(vsoc->rproc); /* stops it */
	free_interrupts(vsoc);
	close_port(vsoc);
}

static const struct of_device_id vsoc_match[] = {
	{.compatible = "amphora,vsoc-coprocessor"},
	{},
};
MODULE_DEVICE_TABLE(of, vsoc_match);

static struct platform_driver vsoc_driver = {
	.probe = vsoc_probe,
	.remove = vsoc_remove,
	.driver =
		{
			.name = "vsoc_rproc",
			.of_match_table = vsoc_match,
		},
};
module_platform_driver(vsoc_driver);

MODULE_DESCRIPTION("Remote processor driver for the coprocessor of Amphora's virtual SoC");
MODULE_LICENSE("GPL");
