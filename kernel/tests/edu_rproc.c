// SPDX-License-Identifier: GPL-2.0-only
/*
 * A remote processor behind an IOMMU, for tests in the virtual SoC: QEMU's edu device, which does
 * DMA of up to 2 KiB at the address that it is told, as a remoteproc with a domain of its own. It
 * runs no code. Its attribute `dma` takes "read ADDRESS" and "write ADDRESS": a device address, in
 * hex.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/remoteproc.h>

#define EDU_VENDOR    0x1234
#define EDU_DEVICE    0x11e8
#define EDU_SOURCE    0x80 /* registers */
#define EDU_TARGET    0x88
#define EDU_COUNT     0x90
#define EDU_COMMAND   0x98
#define EDU_START     1
#define EDU_TO_MEMORY 2
#define EDU_BUFFER    0x40000 /* its own memory, as its DMA sees it */
#define EDU_BYTES     2048
#define EDU_WAIT_MS   5000
#define EDU_LIMIT     0x10000000u /* its DMA has 28 bits of address */

struct edu {
	struct rproc *rproc;
	void __iomem *registers;
};

static void set_register(struct edu *edu, u32 offset, u32 value)
{
	writel(value, edu->registers + offset);
	writel(0, edu->registers + offset + 4);
}

static ssize_t dma_store(struct device *dev, struct device_attribute *attribute, const char *text,
			 size_t size)
{
	struct edu *edu = dev_get_drvdata(dev);
	char command[8];
	bool write;
	u32 address;

	if (sscanf(text, "%7s %x", command, &address) != 2)
		return -EINVAL;
	write = !strcmp(command, "write");
	set_register(edu, EDU_SOURCE, write ? EDU_BUFFER : address);
	set_register(edu, EDU_TARGET, write ? address : EDU_BUFFER);
	set_register(edu, EDU_COUNT, EDU_BYTES);
	set_register(edu, EDU_COMMAND, EDU_START | (write ? EDU_TO_MEMORY : 0));
	for (int waited = 0; waited < EDU_WAIT_MS; waited += 10) {
		if (!(readl(edu->registers + EDU_COMMAND) & EDU_START))
			return size;
		msleep(10);
	}
	return -ETIMEDOUT;
}
static DEVICE_ATTR_WO(dma);

static struct attribute *edu_attrs[] = {&dev_attr_dma.attr, NULL};
ATTRIBUTE_GROUPS(edu);

/* As a firmware that has everything from EDU_LIMIT on: nobody else is given an address there. */
static int edu_prepare(struct rproc *rproc)
{
	struct rproc_mem_entry *memory = rproc_mem_entry_init(
		rproc->dev.parent, NULL, 0, SZ_4G - EDU_LIMIT, EDU_LIMIT, NULL, NULL, "above");

	if (!memory)
		return -ENOMEM;
	rproc_add_carveout(rproc, memory);
	return 0;
}

static int edu_load(struct rproc *rproc, const struct firmware *firmware)
{
	return 0;
}

static int edu_nothing(struct rproc *rproc)
{
	return 0;
}

static const struct rproc_ops edu_ops = {
	.prepare = edu_prepare,
	.load = edu_load,
	.start = edu_nothing,
	.stop = edu_nothing,
};

static int edu_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct device *dev = &pci->dev;
	struct rproc *rproc;
	struct edu *edu;
	int ret = pcim_enable_device(pci);

	if (!ret)
		ret = pcim_iomap_regions(pci, 1, "edu");
	if (!ret)
		ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32));
	if (ret)
		return ret;
	dma_set_max_seg_size(dev, UINT_MAX); /* the IOMMU makes one of all */
	pci_set_master(pci);
	rproc = devm_rproc_alloc(dev, "edu", &edu_ops, "vsoc.elf", sizeof(*edu));
	if (!rproc)
		return -ENOMEM;
	rproc->auto_boot = false;
	rproc->has_iommu = true;
	edu = rproc->priv;
	edu->rproc = rproc;
	edu->registers = pcim_iomap_table(pci)[0];
	dev_set_drvdata(dev, edu);
	return devm_rproc_add(dev, rproc);
}

static const struct pci_device_id edu_ids[] = {{PCI_DEVICE(EDU_VENDOR, EDU_DEVICE)}, {}};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = "edu_rproc",
	.id_table = edu_ids,
	.probe = edu_probe,
	.dev_groups = edu_groups,
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("QEMU's edu device as a remote processor behind an IOMMU, for tests");
MODULE_LICENSE("GPL");
