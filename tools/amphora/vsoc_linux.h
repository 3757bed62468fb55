/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux's side of the virtual SoC: an arm64 QEMU on the shared DRAM. Tool code; knows QEMU's command
 * line, nothing of the coprocessor.
 */
#ifndef TOOLS_VSOC_LINUX_H
#define TOOLS_VSOC_LINUX_H

#include <stdbool.h>
#include <stdint.h>

struct vsoc_linux_config {
	const char *kernel, *device_tree; /* paths */
	int initrd, dram; /* fds, borrowed, and so are these: */
	int control, console; /* vsoc_bridge.theirs, vsoc_terminal.theirs */
	uint64_t dram_size; /* of which */
	uint64_t shared_offset, shared_size; /* that part is the fd `dram`, the rest Linux's own */
	uint32_t vectors; /* of the ivshmem function behind `control` */
	const char *share; /* a folder that Linux gets by the 9p tag "share", or NULL */
	const char *append; /* to the kernel's command line, or NULL */
	const char *
		iommu; /* of PCI devices: "none", "smmuv3", "virtio"; the device tree is made for it */
	bool edu; /* with the PCI device of that name */
	bool verbose; /* the kernel's messages on the console */
};

struct vsoc_linux {
	int pid; /* 0: none */
	int handle; /* readable once it has ended */
};

/*
 * Starts it. It dies with the calling thread.
 * Returns 0, or -errno. A QEMU that can't be run says so itself, and has ended at once.
 */
int vsoc_linux_start(struct vsoc_linux *linux_machine, const struct vsoc_linux_config *config);

/* Switches it off, if it is not off yet, and reaps it. */
void vsoc_linux_stop(struct vsoc_linux *linux_machine);

#endif
