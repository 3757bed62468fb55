/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VFIO target against a kernel of our own: what it opens, maps and unmaps, and what it says when
 * the kernel refuses. The real kernel's part is in tests/vsoc/test_vfio.py.
 * Test code.
 */
#include "vfio_fake.h"

#include <dirent.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <amphora/memfd.h>

#define PAGE	4096u
#define BUFFERS 24u

struct buffer {
	struct amph_shm shm;
	struct amph_range ranges[3];
	struct amph_segment segments[1];
	struct amph_attachment attachment;
	bool open;
};

static struct place {
	struct amph_memory memory;
	struct amph_provider memfd;
	struct amph_vfio_config config;
	struct amph_target_vfio vfio;
	struct buffer buffers[BUFFERS];
	int descriptors;
} place;

static int count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static int open_device(void)
{
	return amph_vfio_open_below(&fake.roots, &place.vfio, "device", &place.config);
}

static int begin(void **state)
{
	(void)state;
	memset(&place, 0, sizeof(place));
	fake_init();
	assert_int_equal(amph_memory_init(&place.memory), 0);
	amph_provider_memfd_init(&place.memfd);
	assert_int_equal(amph_memory_add_provider(&place.memory, &place.memfd), 0);
	place.config.device = FAKE_DEVICE;
	place.descriptors = count_descriptors();
	return 0;
}

/* Nothing stays open or mapped after any test. */
static int end(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < BUFFERS; i++)
		if (place.buffers[i].open)
			assert_int_equal(amph_shm_put(&place.buffers[i].shm), 0);
	assert_int_equal(fake.map_count, 0);
	assert_int_equal(count_descriptors(), place.descriptors);
	fake_free();
	return 0;
}

static void close_device(void)
{
	assert_int_equal(amph_target_vfio_close(&place.vfio), 0);
}

static struct buffer *open_buffer(uint32_t number, uint64_t size)
{
	struct buffer *buffer = &place.buffers[number];
	const struct amph_shm_storage storage = {.ranges = buffer->ranges, .range_max = 3};
	char name[16];

	snprintf(name, sizeof(name), "memfd:%u", number);
	assert_int_equal(amph_shm_open(&place.memory, &buffer->shm, &storage, name, size, 0), 0);
	buffer->open = true;
	return buffer;
}

static int attach(struct buffer *buffer, uint32_t direction)
{
	return amph_shm_attach(&buffer->shm, &place.vfio.target, direction, AMPH_SYNC_MESSAGES,
			       &buffer->attachment, buffer->segments, 1);
}

static int attach_at(struct buffer *buffer, uint64_t iova)
{
	return amph_vfio_attach_at(&buffer->shm, &place.vfio, AMPH_DEVICE_READS_WRITES,
				   AMPH_SYNC_MESSAGES, iova, &buffer->attachment, buffer->segments,
				   1);
}

static void detach(struct buffer *buffer)
{
	assert_int_equal(amph_shm_detach(&buffer->attachment), 0);
}

/* --- opening --- */

static void assert_open_refused(int error, const char *what, const char *detail)
{
	assert_int_equal(open_device(), error);
	assert_non_null(strstr(place.vfio.why.what, what));
	assert_string_equal(place.vfio.detail, detail);
	assert_int_equal(count_descriptors(), place.descriptors);
}

static void an_open_device_is_in_a_container_with_an_iommu(void **state)
{
	(void)state;
	place.config.address_bits = 64;
	assert_int_equal(open_device(), 0);
	close_device();
	fake.iommu_set = fake.in_container = false;
	place.config.address_bits = 28;
	assert_int_equal(open_device(), 0);
	assert_true(fake.iommu_set);
	assert_true(place.vfio.pci);
	assert_true(place.vfio.target.coherent);
	assert_int_equal(place.vfio.target.address_bits, 28);
	assert_int_equal(fcntl(place.vfio.container, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(place.vfio.group, F_GETFD), FD_CLOEXEC);
	close_device();
}

static void what_sysfs_says_against_a_device_is_the_reason(void **state)
{
	(void)state;
	fake_driver("../../../../bus/pci/drivers/e1000e");
	assert_open_refused(-EBUSY, "another driver holds the device", FAKE_DEVICE ": e1000e");
	fake_driver(NULL);
	assert_open_refused(-ENODEV, "no driver is bound", FAKE_DEVICE);
	fake_link(FAKE_PCI "/iommu_group", NULL);
	assert_open_refused(-ENODEV, "no driver is bound", FAKE_DEVICE);
	fake_driver("../../../../bus/pci/drivers/e1000e");
	assert_open_refused(-ENODEV, "no IOMMU stands before the device", FAKE_DEVICE ": e1000e");
	fake_link("sys/class/iommu/smmu3.0", NULL);
	fake_driver(NULL);
	{
		char path[PATH_MAX];

		fake_path(path, sizeof(path), "sys/class/iommu/smmu3.0");
		assert_int_equal(rmdir(path), 0);
	}
	assert_open_refused(-ENODEV, "this machine has none", FAKE_DEVICE);
}

static void a_device_in_vfios_unsafe_mode_is_refused(void **state)
{
	(void)state;
	fake_link(FAKE_PCI "/iommu_group", NULL);
	fake_folder(FAKE_PCI "/iommu_group");
	/* a folder is no link: the group has to be named by one */
	assert_open_refused(-ENODEV, "no IOMMU stands before the device", FAKE_DEVICE ": vfio-pci");
	{
		char path[PATH_MAX];

		fake_path(path, sizeof(path), FAKE_PCI "/iommu_group");
		assert_int_equal(rmdir(path), 0);
	}
	fake_folder("sys/bus/pci/devices/groups/0");
	fake_file("sys/bus/pci/devices/groups/0/name", "vfio-noiommu\n");
	fake_link(FAKE_PCI "/iommu_group", "../groups/0");
	assert_open_refused(-ENODEV, "unsafe mode", FAKE_DEVICE ": vfio-pci");
}

static void a_name_that_is_no_device_is_refused(void **state)
{
	static const char *const names[] = {"", ".", "..", "a/b", "../0000:00:02.0"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		place.config.device = names[i];
		assert_open_refused(-EINVAL, "one word", "");
	}
	place.config.device = NULL;
	assert_open_refused(-EINVAL, "one word", "");
	place.config.device = "0000:00:03.0";
	assert_open_refused(-ENOENT, "no such device", "0000:00:03.0");
}

static void a_platform_device_is_found_too(void **state)
{
	struct amph_vfio_place found = {.pci = true};
	char detail[AMPH_VFIO_DETAIL_MAX];
	struct amph_why why = {0};

	(void)state;
	fake_folder("sys/bus/platform/devices/fff51000.ethernet");
	fake_link("sys/bus/platform/devices/fff51000.ethernet/driver",
		  "../../../bus/platform/drivers/vfio-platform");
	fake_link("sys/bus/platform/devices/fff51000.ethernet/iommu_group",
		  "../../../kernel/iommu_groups/12");
	assert_int_equal(amph_vfio_find(fake.sysfs, "fff51000.ethernet", &found, &why, detail), 0);
	assert_int_equal(found.group, 12);
	assert_false(found.pci);
}

static void a_platform_device_has_no_bus_mastering(void **state)
{
	(void)state;
	assert_int_equal(open_device(), 0);
	place.vfio.pci = false;
	assert_int_equal(amph_vfio_bus_master(&place.vfio, true), -ENOTSUP);
	assert_int_equal(amph_target_vfio_off(&place.vfio), 0);
	assert_int_equal(fake.resets, 1);
	close_device();
}

static void a_group_without_a_number_is_refused(void **state)
{
	static const char *const groups[] = {"7x", "-1", "2147483648", "x"};
	char link[32];

	(void)state;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		snprintf(link, sizeof(link), "../%s", groups[i]);
		fake_link(FAKE_PCI "/iommu_group", link);
		assert_open_refused(-ENODEV, "no number", FAKE_DEVICE ": vfio-pci");
	}
}

static void the_driver_that_keeps_a_group_is_named(void **state)
{
	(void)state;
	fake.viable = false;
	fake_folder("sys/kernel/iommu_groups/7/devices/0000:00:02.0");
	fake_folder("sys/kernel/iommu_groups/7/devices/0000:00:02.1");
	fake_folder("sys/kernel/iommu_groups/7/devices/0000:00:02.2");
	fake_link("sys/kernel/iommu_groups/7/devices/0000:00:02.0/driver", "drivers/vfio-pci");
	fake_link("sys/kernel/iommu_groups/7/devices/0000:00:02.1/driver", "drivers/snd_hda_intel");
	fake_link("sys/kernel/iommu_groups/7/devices/0000:00:02.2/driver", "drivers/pcieport");
	assert_open_refused(-EBUSY, "same IOMMU group", "0000:00:02.1: snd_hda_intel");
}

static void a_configuration_that_makes_no_sense_is_refused(void **state)
{
	(void)state;
	place.config.address_bits = 65;
	assert_open_refused(-EINVAL, "64 bits", "");
	place.config.address_bits = 0;
	place.config.alignment = 48;
	assert_open_refused(-EINVAL, "power of two", "");
	place.config.alignment = 0;
	place.config.iova_first = 2;
	place.config.iova_last = 1;
	assert_open_refused(-EINVAL, "end before they begin", "");
}

static void another_limit_is_found_before_anything_is_opened(void **state)
{
	(void)state;
	assert_int_equal(amph_target_vfio_open_checked(&place.vfio, "device", &place.config,
						       AMPH_ABI + 1, sizeof(place.vfio)),
			 -EPROTO);
	assert_int_equal(amph_target_vfio_open_checked(&place.vfio, "device", &place.config,
						       AMPH_ABI, sizeof(place.vfio) - 8),
			 -EPROTO);
}

static void missing_files_of_vfio_are_told_apart(void **state)
{
	(void)state;
	fake_link("dev/vfio/7", NULL);
	assert_open_refused(-ENOENT, "/dev/vfio/GROUP can't be opened", "");
	fake_link("dev/vfio/vfio", NULL);
	assert_open_refused(-ENOTSUP, "no VFIO containers", "");
}

static void an_open_that_fails_at_any_step_leaves_nothing_open(void **state)
{
	(void)state;
	fake.version = 1;
	assert_open_refused(-ENOTSUP, "no VFIO container", "");
	fake.version = VFIO_API_VERSION;
	fake.extension = 0;
	assert_open_refused(-ENOTSUP, "type1v2", "");
	fake.extension = 1;
	fake.set_container_error = ENODEV;
	assert_open_refused(-ENODEV, "put into a container", "");
	fake.set_container_error = 0;
	fake.set_iommu_error = EPERM;
	assert_open_refused(-EPERM, "isolate interrupts", "");
	fake.set_iommu_error = ENOMEM;
	assert_open_refused(-ENOMEM, "given an IOMMU", "");
	fake.set_iommu_error = 0;
	fake.device_error = EINVAL;
	assert_open_refused(-EINVAL, "can't be opened", "");
}

static void borrowed_descriptors_stay_open(void **state)
{
	struct amph_target_vfio first;

	(void)state;
	assert_int_equal(open_device(), 0);
	first = place.vfio;
	place.config.borrow = true;
	place.config.container = first.container;
	place.config.group = first.group;
	fake.set_iommu_error = EBUSY; /* as the kernel would say, if it were asked again */
	assert_int_equal(open_device(), 0);
	assert_int_equal(place.vfio.container, first.container);
	close_device();
	place.config.group = -1; /* opened here, into the same container */
	assert_int_equal(open_device(), 0);
	assert_int_not_equal(place.vfio.group, first.group);
	close_device();
	place.vfio = first;
	assert_true(fcntl(first.container, F_GETFD) >= 0);
	assert_true(fcntl(first.group, F_GETFD) >= 0);
	close_device();
}

static void a_borrowed_container_without_an_iommu_gets_one(void **state)
{
	int container = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	place.config.borrow = true;
	place.config.container = container;
	place.config.group = -1;
	assert_int_equal(open_device(), 0);
	assert_true(fake.iommu_set);
	close_device();
	close(container);
}

/* --- attaching --- */

static void the_direction_becomes_the_maps_permissions(void **state)
{
	static const struct {
		uint32_t direction, flags;
	} cases[] = {
		{AMPH_DEVICE_READS, VFIO_DMA_MAP_FLAG_READ},
		{AMPH_DEVICE_WRITES, VFIO_DMA_MAP_FLAG_WRITE},
		{AMPH_DEVICE_READS_WRITES, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE},
	};
	struct buffer *buffer = open_buffer(0, 3 * PAGE);

	(void)state;
	assert_int_equal(open_device(), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(attach(buffer, cases[i].direction), 0);
		assert_true(buffer->attachment.enforced);
		assert_int_equal(buffer->attachment.granule, 1);
		assert_int_equal(buffer->attachment.segment_count, 1);
		assert_int_equal(fake.map_count, 1);
		assert_int_equal(fake.maps[0].flags, cases[i].flags);
		assert_int_equal(fake.maps[0].size, 3 * PAGE);
		assert_int_equal(fake.maps[0].iova, buffer->segments[0].address);
		detach(buffer);
		assert_int_equal(fake.map_count, 0);
	}
	close_device();
}

static void a_buffer_that_shares_a_page_is_refused(void **state)
{
	struct buffer *odd = open_buffer(0, PAGE + 1), *whole = open_buffer(1, PAGE);

	(void)state;
	assert_int_equal(open_device(), 0);
	assert_refused(attach(odd, AMPH_DEVICE_READS), -EINVAL, &odd->shm);
	assert_int_equal(odd->shm.why.limit, PAGE);
	whole->shm.va = (char *)whole->shm.va + 64;
	assert_refused(attach(whole, AMPH_DEVICE_READS), -EINVAL, &whole->shm);
	assert_non_null(strstr(whole->shm.why.what, "start on a page"));
	whole->shm.va = (char *)whole->shm.va - 64;
	fake.page_sizes = 0x10000; /* an IOMMU whose pages are larger than the CPU's */
	assert_refused(attach(whole, AMPH_DEVICE_READS), -EINVAL, &whole->shm);
	assert_int_equal(whole->shm.why.limit, 0x10000);
	assert_int_equal(fake.map_count, 0);
	close_device();
}

static void a_buffer_without_a_cached_mapping_is_refused(void **state)
{
	struct buffer *buffer = open_buffer(0, PAGE);
	void *va = buffer->shm.va;

	(void)state;
	assert_int_equal(open_device(), 0);
	buffer->shm.va = NULL;
	assert_refused(attach(buffer, AMPH_DEVICE_READS), -ENOTSUP, &buffer->shm);
	buffer->shm.va = va;
	buffer->shm.flags |= AMPH_SHM_NOT_CACHED;
	assert_refused(attach(buffer, AMPH_DEVICE_READS), -ENOTSUP, &buffer->shm);
	close_device();
}

static void attach_without_segment_storage_is_refused(void **state)
{
	struct buffer *buffer = open_buffer(0, PAGE);

	(void)state;
	assert_int_equal(open_device(), 0);
	assert_refused(amph_shm_attach(&buffer->shm, &place.vfio.target, AMPH_DEVICE_READS,
				       AMPH_SYNC_MESSAGES, &buffer->attachment, NULL, 0),
		       -ENOSPC, &buffer->shm);
	assert_int_equal(fake.map_count, 0);
	close_device();
}

static void a_given_address_is_used_or_refused(void **state)
{
	struct buffer *a = open_buffer(0, 2 * PAGE), *b = open_buffer(1, 2 * PAGE);

	(void)state;
	place.config.address_bits = 28;
	assert_int_equal(open_device(), 0);
	assert_int_equal(attach_at(a, 0x40000), 0);
	assert_int_equal(a->segments[0].address, 0x40000);
	assert_refused(attach_at(b, 0x41000), -EADDRINUSE, &b->shm);
	assert_refused(attach_at(b, 0x50800), -EINVAL, &b->shm);
	assert_refused(attach_at(b, 0x7fff000), -ERANGE, &b->shm); /* into the MSI window */
	assert_refused(attach_at(b, 0x8000000), -ERANGE, &b->shm);
	assert_refused(attach_at(b, 0x10000000), -ERANGE, &b->shm); /* 29 bits */
	assert_refused(attach_at(b, 0xffff000), -ERANGE, &b->shm); /* its last page is */
	assert_refused(attach_at(b, UINT64_MAX - PAGE + 1), -ERANGE, &b->shm);
	assert_int_equal(attach_at(b, 0xfffe000), 0);
	detach(b);
	assert_int_equal(attach_at(b, 0), 0); /* who asks for 0 gets it */
	detach(b);
	detach(a);
	/* what was asked for once is not asked for again */
	assert_int_equal(attach(a, AMPH_DEVICE_READS), 0);
	assert_int_equal(a->segments[0].address, PAGE);
	detach(a);
	close_device();
}

static void an_address_comes_back_as_late_as_can_be(void **state)
{
	struct buffer *buffer = open_buffer(0, PAGE);

	(void)state;
	place.config.iova_first = 0x10000;
	place.config.iova_last = 0x17fff;
	assert_int_equal(open_device(), 0);
	for (uint64_t i = 0; i < 20; i++) {
		assert_int_equal(attach(buffer, AMPH_DEVICE_READS), 0);
		assert_int_equal(buffer->segments[0].address, 0x10000 + i % 8 * PAGE);
		detach(buffer);
	}
	close_device();
}

static void chosen_addresses_honour_alignment_windows_and_reserved_ranges(void **state)
{
	struct buffer *a = open_buffer(0, 3 * PAGE), *b = open_buffer(1, PAGE);

	(void)state;
	place.config.alignment = 0x10000;
	place.config.address_bits = 28;
	place.config.iova_first = 0x7ff0000;
	assert_int_equal(open_device(), -EINVAL); /* the end is meant, too */
	place.config.iova_last = UINT64_MAX;
	assert_int_equal(open_device(), 0);
	assert_int_equal(attach(a, AMPH_DEVICE_READS), 0);
	assert_int_equal(a->segments[0].address, 0x7ff0000);
	assert_int_equal(attach(b, AMPH_DEVICE_READS), 0);
	assert_int_equal(b->segments[0].address, 0x8100000); /* behind the MSI window */
	detach(a);
	detach(b);
	close_device();
}

static void a_full_space_is_out_of_range(void **state)
{
	struct buffer *a = open_buffer(0, 2 * PAGE), *b = open_buffer(1, PAGE);

	(void)state;
	place.config.iova_first = PAGE;
	place.config.iova_last = 3 * PAGE - 1;
	assert_int_equal(open_device(), 0);
	assert_int_equal(attach(a, AMPH_DEVICE_READS), 0);
	assert_refused(attach(b, AMPH_DEVICE_READS), -ERANGE, &b->shm);
	detach(a);
	assert_int_equal(attach(b, AMPH_DEVICE_READS), 0);
	detach(b);
	close_device();
}

static void what_the_kernel_refuses_to_map_has_a_reason(void **state)
{
	static const struct {
		int kernel, ours;
		const char *what;
	} cases[] = {
		{ENOMEM, -ENOMEM, "RLIMIT_MEMLOCK"},
		{ENOSPC, -ENOSPC, "dma_entry_limit"},
		{EFAULT, -ENOTSUP, "can't pin"},
		{EEXIST, -EADDRINUSE, "shares the container"},
		{EINVAL, -EINVAL, "IOMMU does not map"},
	};
	struct buffer *buffer = open_buffer(0, PAGE);
	struct rlimit before, limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	limit = (struct rlimit){.rlim_cur = 65536, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	assert_int_equal(open_device(), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake.map_error = cases[i].kernel;
		assert_refused(attach(buffer, AMPH_DEVICE_READS), cases[i].ours, &buffer->shm);
		assert_non_null(strstr(buffer->shm.why.what, cases[i].what));
		if (cases[i].kernel == ENOMEM)
			assert_int_equal(buffer->shm.why.limit, 65536);
	}
	setrlimit(RLIMIT_MEMLOCK, &before);
	close_device();
}

static void what_the_kernel_tells_of_its_iommu_is_checked(void **state)
{
	struct buffer *buffer = open_buffer(0, PAGE);

	(void)state;
	assert_int_equal(open_device(), 0);
	fake.info_error = EIO;
	assert_refused(attach(buffer, AMPH_DEVICE_READS), -EIO, &buffer->shm);
	fake.info_error = 0;
	fake.long_caps = true;
	assert_refused(attach(buffer, AMPH_DEVICE_READS), -EFBIG, &buffer->shm);
	fake.long_caps = false;
	fake.endless_caps = true;
	assert_refused(attach(buffer, AMPH_DEVICE_READS), -EPROTO, &buffer->shm);
	fake.endless_caps = false;
	fake.claimed_ranges = 129; /* they would be in the answer, but not in what is kept */
	assert_refused(attach(buffer, AMPH_DEVICE_READS), -EFBIG, &buffer->shm);
	fake.claimed_ranges = UINT32_MAX;
	assert_refused(attach(buffer, AMPH_DEVICE_READS), -EFBIG, &buffer->shm);
	fake.claimed_ranges = 0;
	fake.cap_offset = 4096 - 8; /* its head fits, its list does not */
	assert_refused(attach(buffer, AMPH_DEVICE_READS), -EPROTO, &buffer->shm);
	fake.cap_offset = 4096 - 4;
	assert_refused(attach(buffer, AMPH_DEVICE_READS), -EPROTO, &buffer->shm);
	fake.cap_offset = UINT32_MAX;
	assert_refused(attach(buffer, AMPH_DEVICE_READS), -EPROTO, &buffer->shm);
	fake.cap_offset = 0;
	fake.no_caps = true; /* an old kernel: it refuses what can't be, at the mapping */
	assert_int_equal(attach(buffer, AMPH_DEVICE_READS), 0);
	detach(buffer);
	assert_refused(attach_at(buffer, 0x8000000), -EINVAL, &buffer->shm);
	close_device();
}

static void after_a_failed_unmap_nothing_is_attached(void **state)
{
	struct buffer *buffer = open_buffer(0, PAGE);

	(void)state;
	assert_int_equal(open_device(), 0);
	assert_int_equal(attach(buffer, AMPH_DEVICE_READS), 0);
	fake.unmap_short = true;
	detach(buffer);
	fake.unmap_short = false;
	assert_refused(attach(buffer, AMPH_DEVICE_READS), -EIO, &buffer->shm);
	close_device();
}

/* Random attaches and detaches: the kernel never meets an overlap, and a refusal is a full space. */
static void random_attachments_never_overlap(void **state)
{
	static const uint64_t first = 0x7ff0000,
			      last = 0x810ffff; /* 32 pages, and the MSI window */
	bool attached[BUFFERS] = {false};
	uint64_t seed = 7;
	uint32_t refused = 0;

	(void)state;
	place.config.iova_first = first;
	place.config.iova_last = last;
	assert_int_equal(open_device(), 0);
	for (uint32_t i = 0; i < BUFFERS; i++)
		open_buffer(i, (1 + i % 4) * PAGE);
	for (uint32_t round = 0; round < 20000; round++) {
		uint32_t i = (uint32_t)(next_random(&seed) % BUFFERS);
		struct buffer *buffer = &place.buffers[i];
		uint64_t at = first + next_random(&seed) % 288 * PAGE;
		bool given = next_random(&seed) % 2;
		int error;

		if (attached[i]) {
			detach(buffer);
			attached[i] = false;
			continue;
		}
		error = given ? attach_at(buffer, at) : attach(buffer, AMPH_DEVICE_READS);
		attached[i] = !error;
		refused += error != 0;
		assert_true(!error || error == -ERANGE || (given && error == -EADDRINUSE));
		/* the smallest is refused only where not one page is free */
		if (error && !given && buffer->shm.size == PAGE) {
			uint64_t pages = 0;

			for (uint32_t k = 0; k < fake.map_count; k++)
				pages += fake.maps[k].size / PAGE;
			assert_int_equal(pages, 32);
		}
		if (!error)
			assert_int_equal(fake.maps[fake.map_count - 1].iova,
					 buffer->segments[0].address);
	}
	assert_true(refused > 100);
	for (uint32_t i = 0; i < BUFFERS; i++)
		if (attached[i])
			detach(&place.buffers[i]);
	close_device();
}

/* --- the device --- */

static uint16_t command_register(void)
{
	uint16_t command = 0;

	assert_int_equal(pread(fake.device, &command, 2, FAKE_CONFIG + PCI_COMMAND), 2);
	return command;
}

static void a_device_that_is_off_is_cut_off_and_comes_back(void **state)
{
	struct buffer *a = open_buffer(0, PAGE), *b = open_buffer(1, PAGE);
	const uint16_t memory = PCI_COMMAND_MEMORY;

	(void)state;
	assert_int_equal(open_device(), 0);
	assert_int_equal(pwrite(fake.device, &memory, 2, FAKE_CONFIG + PCI_COMMAND), 2);
	assert_int_equal(amph_vfio_bus_master(&place.vfio, true), 0);
	assert_int_equal(command_register(), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(attach(a, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(attach(b, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_sync_for_device(&a->attachment, 0, PAGE, false), 0);
	amph_target_lost(&place.vfio.target);
	assert_int_equal(amph_shm_detach(&a->attachment), -EBUSY);
	assert_int_equal(amph_target_vfio_close(&place.vfio), -EBUSY);
	assert_int_equal(amph_target_vfio_off(&place.vfio), 0);
	assert_int_equal(fake.map_count, 0);
	assert_int_equal(fake.resets, 1);
	assert_int_equal(command_register(), PCI_COMMAND_MEMORY);
	assert_int_equal(amph_shm_check_access(&a->shm, 0, PAGE, true), 0);
	assert_refused(attach(a, AMPH_DEVICE_READS), -ENODEV, &a->shm);
	assert_int_equal(amph_target_up(&place.vfio.target), 0);
	assert_int_equal(attach(a, AMPH_DEVICE_READS), 0);
	detach(a);
	close_device();
}

static void a_reset_that_fails_is_told_and_the_device_is_off(void **state)
{
	struct buffer *buffer = open_buffer(0, PAGE);

	(void)state;
	fake.reset_error = ETIMEDOUT;
	assert_int_equal(open_device(), 0);
	assert_int_equal(attach(buffer, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_target_vfio_off(&place.vfio), -ETIMEDOUT);
	assert_int_equal(fake.map_count, 0);
	assert_int_equal(place.vfio.target.state, AMPH_TARGET_OFF);
	close_device();
}

static void a_device_that_cant_be_reset_is_off_without(void **state)
{
	(void)state;
	fake.no_reset = true;
	assert_int_equal(open_device(), 0);
	assert_int_equal(amph_target_vfio_off(&place.vfio), 0);
	assert_int_equal(fake.resets, 0);
	close_device();
}

static void regions_are_mapped_as_the_device_has_them(void **state)
{
	struct amph_io io = {0};
	uint32_t value = 0;

	(void)state;
	assert_int_equal(open_device(), 0);
	assert_int_equal(amph_vfio_region_map(&place.vfio, VFIO_PCI_BAR0_REGION_INDEX, &io), 0);
	assert_int_equal(io.size, FAKE_BAR);
	assert_int_equal(amph_io_write32(&io, 8, 0x12345678), 0);
	assert_int_equal(pread(fake.device, &value, 4, FAKE_BAR_AT + 8), 4);
	assert_int_equal(value, 0x12345678);
	amph_vfio_region_unmap(&io);
	assert_null(io.va);
	assert_int_equal(amph_vfio_region_map(&place.vfio, 1, &io), -ENOENT);
	assert_int_equal(amph_vfio_region_map(&place.vfio, 99, &io), -ENOENT);
	assert_int_equal(amph_vfio_region_map(&place.vfio, VFIO_PCI_CONFIG_REGION_INDEX, &io),
			 -ENOTSUP);
	close_device();
}

static void interrupts_arrive_at_the_eventfds_given(void **state)
{
	const int fds[FAKE_VECTORS] = {5, 6, 7, 8, 9};

	(void)state;
	assert_int_equal(open_device(), 0);
	assert_int_equal(amph_vfio_irq(&place.vfio, VFIO_PCI_MSI_IRQ_INDEX, fds, 3), 0);
	assert_int_equal(fake.irq_count, 3);
	assert_int_equal(fake.irq_flags, VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD);
	assert_memory_equal(fake.irq_fds, fds, 3 * sizeof(int));
	assert_int_equal(amph_vfio_irq(&place.vfio, VFIO_PCI_MSI_IRQ_INDEX, NULL, 0), 0);
	assert_int_equal(fake.irq_flags, VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE);
	assert_int_equal(amph_vfio_irq(&place.vfio, VFIO_PCI_MSI_IRQ_INDEX, fds, 4), 0);
	assert_int_equal(amph_vfio_irq(&place.vfio, VFIO_PCI_MSI_IRQ_INDEX, fds, 5), -EINVAL);
	fake.vectors = FAKE_VECTORS;
	assert_int_equal(
		amph_vfio_irq(&place.vfio, VFIO_PCI_MSI_IRQ_INDEX, fds, AMPH_VFIO_VECTORS_MAX), 0);
	assert_int_equal(
		amph_vfio_irq(&place.vfio, VFIO_PCI_MSI_IRQ_INDEX, fds, AMPH_VFIO_VECTORS_MAX + 1),
		-EINVAL);
	fake.no_eventfd = true;
	assert_int_equal(amph_vfio_irq(&place.vfio, VFIO_PCI_MSI_IRQ_INDEX, fds, 1), -ENOTSUP);
	fake.no_eventfd = false;
	assert_int_equal(amph_vfio_irq(&place.vfio, VFIO_PCI_INTX_IRQ_INDEX, fds, 1), -ENOTSUP);
	assert_int_equal(amph_vfio_irq(&place.vfio, VFIO_PCI_MSIX_IRQ_INDEX, fds, 1), -ENOENT);
	close_device();
}

/* --- children --- */

/* Runs in a child; returns how many of its expectations failed. */
static int try_everything(struct buffer *buffer)
{
	struct amph_io io;
	struct amph_memory own;
	int wrong = 0, fd = 0;

	wrong += amph_target_vfio_close(&place.vfio) != -EPERM;
	wrong += amph_target_vfio_off(&place.vfio) != -EPERM;
	wrong += amph_vfio_region_map(&place.vfio, 0, &io) != -EPERM;
	wrong += amph_vfio_bus_master(&place.vfio, true) != -EPERM;
	wrong += amph_vfio_irq(&place.vfio, 1, &fd, 1) != -EPERM;
	wrong += amph_shm_detach(&buffer->attachment) != -EPERM;
	amph_target_off(&place.vfio.target);
	wrong += fake.map_count != 1 || fake.resets;
	/* a buffer of the child's own, and a target that nobody has attached to yet */
	wrong += amph_memory_init(&own) || amph_memory_add_provider(&own, &place.memfd);
	place.memory = own;
	place.vfio.target.owner = 0;
	wrong += attach(open_buffer(1, PAGE), AMPH_DEVICE_READS) != -EPERM;
	wrong += fake.map_count != 1;
	return wrong;
}

static void a_child_reaches_nothing_of_its_parents_device(void **state)
{
	struct buffer *buffer = open_buffer(0, PAGE);
	int status = -1, child;

	(void)state;
	assert_int_equal(open_device(), 0);
	assert_int_equal(attach(buffer, AMPH_DEVICE_READS), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(try_everything(buffer));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	detach(buffer);
	close_device();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_open_device_is_in_a_container_with_an_iommu),
		TEST(what_sysfs_says_against_a_device_is_the_reason),
		TEST(a_device_in_vfios_unsafe_mode_is_refused),
		TEST(a_name_that_is_no_device_is_refused),
		TEST(a_platform_device_is_found_too),
		TEST(a_platform_device_has_no_bus_mastering),
		TEST(a_group_without_a_number_is_refused),
		TEST(the_driver_that_keeps_a_group_is_named),
		TEST(a_configuration_that_makes_no_sense_is_refused),
		TEST(another_limit_is_found_before_anything_is_opened),
		TEST(missing_files_of_vfio_are_told_apart),
		TEST(an_open_that_fails_at_any_step_leaves_nothing_open),
		TEST(borrowed_descriptors_stay_open),
		TEST(a_borrowed_container_without_an_iommu_gets_one),
		TEST(the_direction_becomes_the_maps_permissions),
		TEST(a_buffer_that_shares_a_page_is_refused),
		TEST(a_buffer_without_a_cached_mapping_is_refused),
		TEST(attach_without_segment_storage_is_refused),
		TEST(a_given_address_is_used_or_refused),
		TEST(an_address_comes_back_as_late_as_can_be),
		TEST(chosen_addresses_honour_alignment_windows_and_reserved_ranges),
		TEST(a_full_space_is_out_of_range),
		TEST(what_the_kernel_refuses_to_map_has_a_reason),
		TEST(what_the_kernel_tells_of_its_iommu_is_checked),
		TEST(after_a_failed_unmap_nothing_is_attached),
		TEST(random_attachments_never_overlap),
		TEST(a_device_that_is_off_is_cut_off_and_comes_back),
		TEST(a_reset_that_fails_is_told_and_the_device_is_off),
		TEST(a_device_that_cant_be_reset_is_off_without),
		TEST(regions_are_mapped_as_the_device_has_them),
		TEST(interrupts_arrive_at_the_eventfds_given),
		TEST(a_child_reaches_nothing_of_its_parents_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
