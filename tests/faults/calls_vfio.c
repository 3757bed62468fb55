/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every call of the VFIO target fails once, on a kernel that the test of that target plays.
 * Test code.
 */
#include "unit/vfio_fake.h"

#include <sys/eventfd.h>

#include <amphora/memfd.h>

#include "fault.h"

#define PAGE 4096u

static struct amph_memory memory;
static struct amph_provider memfd;
static struct amph_vfio_config config;
static struct amph_target_vfio vfio;
static struct amph_shm shm;
static struct amph_range ranges[3];
static struct amph_segment segments[1];
static struct amph_attachment attachment;
static struct amph_io io;
static int fds[2];

static void prepare(void)
{
	fake_init();
	/* as sysfs has it: the group says what it is */
	fake_link(FAKE_PCI "/iommu_group", "../../../../kernel/iommu_groups/7");
	fake_file("sys/kernel/iommu_groups/7/name", "smmu\n");
	config = (struct amph_vfio_config){.device = FAKE_DEVICE, .address_bits = 32};
}

static int open_device(void)
{
	return amph_vfio_open_below(&fake.roots, &vfio, "device", &config);
}

static int close_device(void)
{
	return amph_target_vfio_close(&vfio);
}

static void undo_open(void)
{
	FAULT_CHECK(!close_device());
	FAULT_CHECK(!fake.map_count);
	fake_free();
}

static void prepare_open(void)
{
	prepare();
	FAULT_CHECK(!open_device());
}

static void undo_close(void)
{
	FAULT_CHECK(!fake.map_count);
	fake_free();
}

static void prepare_buffer(void)
{
	const struct amph_shm_storage storage = {.ranges = ranges, .range_max = 3};

	prepare_open();
	FAULT_CHECK(!amph_memory_init(&memory));
	amph_provider_memfd_init(&memfd);
	FAULT_CHECK(!amph_memory_add_provider(&memory, &memfd));
	FAULT_CHECK(!amph_shm_open(&memory, &shm, &storage, "memfd:0", 4 * PAGE, 0));
}

static int attach(void)
{
	int error = amph_shm_attach(&shm, &vfio.target, AMPH_DEVICE_READS_WRITES,
				    AMPH_SYNC_MESSAGES, &attachment, segments, 1);

	if (error)
		FAULT_CHECK(!shm.attachments && !vfio.target.attachments && !fake.map_count);
	return error;
}

static void undo_attach(void)
{
	FAULT_CHECK(!amph_shm_detach(&attachment));
	/* what could not be unmapped goes with the container */
	FAULT_CHECK(!amph_shm_put(&shm));
	FAULT_CHECK(!close_device());
	fake_free();
}

static void prepare_attached(void)
{
	prepare_buffer();
	FAULT_CHECK(!attach());
}

static int reset(void)
{
	return amph_target_vfio_off(&vfio);
}

static void undo_reset(void)
{
	FAULT_CHECK(!amph_shm_put(&shm));
	FAULT_CHECK(!close_device());
	fake_free();
}

static int map_region(void)
{
	return amph_vfio_region_map(&vfio, VFIO_PCI_BAR0_REGION_INDEX, &io);
}

static void unmap_region(void)
{
	amph_vfio_region_unmap(&io);
	undo_open();
}

static int bus_master(void)
{
	return amph_vfio_bus_master(&vfio, true);
}

static void prepare_irq(void)
{
	prepare_open();
	for (uint32_t i = 0; i < 2; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
}

static int route_irq(void)
{
	return amph_vfio_irq(&vfio, VFIO_PCI_MSI_IRQ_INDEX, fds, 2);
}

static void undo_irq(void)
{
	FAULT_CHECK(fake.irq_count == 2);
	close(fds[0]);
	close(fds[1]);
	undo_open();
}

int main(int count, char **arguments)
{
	static const struct fault_scenario scenarios[] = {
		{"open a device", prepare, open_device, undo_open, &vfio.why},
		{"close a device", prepare_open, close_device, undo_close, NULL},
		{"attach to a device", prepare_buffer, attach, undo_attach, &shm.why},
		{"prove a device off", prepare_attached, reset, undo_reset, &vfio.why},
		{"map a region", prepare_open, map_region, unmap_region, &vfio.why},
		{"let a device be master", prepare_open, bus_master, undo_open, &vfio.why},
		{"route interrupts", prepare_irq, route_irq, undo_irq, &vfio.why},
	};

	return fault_run(count, arguments, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
