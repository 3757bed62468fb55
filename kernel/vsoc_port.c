// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual SoC's launcher, as drivers reach it; see vsoc_port.h. Several may have it open at once.
 */
#include <linux/io.h>
#include <linux/module.h>

#include "vsoc_port.h"

#define IVSHMEM_VENDOR	  0x1af4
#define IVSHMEM_DEVICE	  0x1110
#define IVSHMEM_REGISTERS 0 /* BARs */
#define IVSHMEM_SHARED	  2

void vsoc_port_ring(const struct vsoc_port *port, u32 vector)
{
	writel(VSOC_PEER_LAUNCHER << 16 | vector, port->registers + VSOC_DOORBELL);
}
EXPORT_SYMBOL_GPL(vsoc_port_ring);

int vsoc_port_open(struct vsoc_port *port, struct device *dev)
{
	int ret;

	port->pci = pci_get_device(IVSHMEM_VENDOR, IVSHMEM_DEVICE, NULL);
	if (!port->pci)
		return -EPROBE_DEFER;
	ret = pci_enable_device_mem(port->pci);
	if (ret)
		goto put;
	ret = -ENODEV;
	port->registers = pci_iomap(port->pci, IVSHMEM_REGISTERS, 0);
	if (!port->registers)
		goto disable;
	if (pci_resource_len(port->pci, IVSHMEM_SHARED) < sizeof(*port->control))
		goto unmap_registers;
	port->control = pci_iomap(port->pci, IVSHMEM_SHARED, VSOC_CONTROL_SIZE);
	if (!port->control)
		goto unmap_registers;
	if (readl(&port->control->version) != VSOC_CONTROL_VERSION) {
		dev_err(dev, "no launcher of version %d\n", VSOC_CONTROL_VERSION);
		goto unmap_control;
	}
	return 0;

unmap_control:
	pci_iounmap(port->pci, port->control);
unmap_registers:
	pci_iounmap(port->pci, port->registers);
disable:
	pci_disable_device(port->pci);
put:
	pci_dev_put(port->pci);
	return ret;
}
EXPORT_SYMBOL_GPL(vsoc_port_open);

void vsoc_port_close(struct vsoc_port *port)
{
	pci_iounmap(port->pci, port->control);
	pci_iounmap(port->pci, port->registers);
	pci_disable_device(port->pci);
	pci_dev_put(port->pci);
}
EXPORT_SYMBOL_GPL(vsoc_port_close);
