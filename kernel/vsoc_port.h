/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual SoC's launcher as the drivers reach it: an ivshmem PCI function, with the control page
 * (vsoc_control.h) and a doorbell. The drivers' devices are nodes of the device tree: they borrow it.
 */
#ifndef VSOC_PORT_H
#define VSOC_PORT_H

#include <linux/pci.h>

#include "vsoc_control.h"

struct vsoc_port {
	struct pci_dev *pci;
	void __iomem *registers;
	struct vsoc_control __iomem *control;
};

/* For `dev`'s driver. -EPROBE_DEFER: not there yet. -ENODEV: of another version; a line says so. */
int vsoc_port_open(struct vsoc_port *port, struct device *dev);
void vsoc_port_close(struct vsoc_port *port);

/* Rings the launcher: a VSOC_VECTOR_. Any context. */
void vsoc_port_ring(const struct vsoc_port *port, u32 vector);

#endif
