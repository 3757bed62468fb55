/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver in user space for QEMU's edu device; see edu.h, and docs/specs/edu.txt of QEMU.
 */
#include "edu.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/vfio.h>

#define DEVICES	  "/sys/bus/pci/devices"
#define VENDOR	  0x1234
#define DEVICE	  0x11e8
#define WAIT_MS	  60000 /* it takes 0.1 s, on a machine that has nothing else to do */
#define OWN_PLACE 0x40000 /* of its buffer, in its own addresses */

enum registers {
	ID = 0x00,
	IRQ_STATUS = 0x24,
	IRQ_CLEAR = 0x64,
	DMA_FROM = 0x80,
	DMA_TO = 0x88,
	DMA_LENGTH = 0x90,
	DMA_COMMAND = 0x98
};
#define ID_EDU	   0xedu
#define DMA_START  0x1u
#define DMA_STORES 0x2u
#define DMA_IRQ	   0x4u
#define IRQ_OF_DMA 0x100u

static unsigned read_number(const char *device, const char *attribute)
{
	char path[512], text[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", device, attribute);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = 0;
	fclose(file);
	return (unsigned)strtoul(text, NULL, 0);
}

int edu_find(char *name, int size)
{
	DIR *devices = opendir(DEVICES);
	struct dirent *device;
	bool found = false;

	while (devices && !found && (device = readdir(devices))) {
		found = read_number(device->d_name, "vendor") == VENDOR &&
			read_number(device->d_name, "device") == DEVICE;
		if (found && snprintf(name, (size_t)size, "%s", device->d_name) >= size)
			found = false;
	}
	if (devices)
		closedir(devices);
	return found ? 0 : -ENOENT;
}

static int write_text(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC), error = 0;

	if (file < 0)
		return -errno;
	if (write(file, text, strlen(text)) < 0)
		error = -errno;
	close(file);
	return error;
}

int edu_bind(const char *name)
{
	char path[128];
	int error;

	snprintf(path, sizeof(path), DEVICES "/%s/driver_override", name);
	error = write_text(path, "vfio-pci");
	snprintf(path, sizeof(path), DEVICES "/%s/driver/unbind", name);
	if (!error)
		error = write_text(path, name);
	if (error == -ENOENT) /* it has no driver */
		error = 0;
	return error ? error : write_text("/sys/bus/pci/drivers_probe", name);
}

static int wait_irq(struct edu *edu)
{
	struct pollfd ready = {.fd = edu->event, .events = POLLIN};
	eventfd_t count;

	if (poll(&ready, 1, WAIT_MS) != 1 || eventfd_read(edu->event, &count))
		return -ETIMEDOUT;
	return amph_io_write32(&edu->registers, IRQ_CLEAR, IRQ_OF_DMA);
}

static int start(struct edu *edu, const struct amph_vfio_config *config)
{
	uint32_t id = 0;
	int error = amph_vfio_region_map(&edu->target, VFIO_PCI_BAR0_REGION_INDEX, &edu->registers);

	if (error)
		return error;
	error = amph_io_read32(&edu->registers, ID, &id);
	if (!error && (id & 0xff) != ID_EDU)
		error = amph_refuse(&edu->target.why, -ENODEV, "the device is no edu", id, ID_EDU);
	edu->event = eventfd(0, EFD_CLOEXEC);
	if (!error && edu->event < 0)
		error = -errno;
	if (!error && !config->borrow)
		error = amph_vfio_irq(&edu->target, VFIO_PCI_MSI_IRQ_INDEX, &edu->event, 1);
	return error ? error : amph_vfio_bus_master(&edu->target, true);
}

int edu_open(struct edu *edu, const struct amph_vfio_config *config)
{
	int error;

	*edu = (struct edu){.event = -1};
	error = amph_target_vfio_open(&edu->target, "edu", config);
	if (error)
		return error;
	error = start(edu, config);
	if (error)
		edu_close(edu);
	return error;
}

int edu_close(struct edu *edu)
{
	int error = amph_target_vfio_close(&edu->target);

	if (error)
		return error;
	if (edu->registers.va)
		amph_vfio_region_unmap(&edu->registers);
	if (edu->event >= 0)
		close(edu->event);
	edu->event = -1;
	return 0;
}

int edu_transfer(struct edu *edu, enum edu_direction direction, uint64_t iova, uint32_t length)
{
	const struct amph_io *io = &edu->registers;
	bool stores = direction == EDU_STORES;
	int error = amph_io_write32(io, DMA_FROM, stores ? OWN_PLACE : (uint32_t)iova);

	if (!error)
		error = amph_io_write32(io, DMA_TO, stores ? (uint32_t)iova : OWN_PLACE);
	if (!error)
		error = amph_io_write32(io, DMA_LENGTH, length);
	if (!error)
		error = amph_io_write32(io, DMA_COMMAND,
					DMA_START | DMA_IRQ | (stores ? DMA_STORES : 0));
	return error ? error : wait_irq(edu);
}
