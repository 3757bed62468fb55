/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor, UIO: memory that is set aside and that a program may map.
 */
#include "doctor.h"

#include <inttypes.h>
#include <stdio.h>

#define TOPIC "UIO"

/* Registers are no memory. Where the device tree says nothing of DRAM, all that is mapped may be. */
static bool is_memory(const struct doctor *doctor, uint64_t address, uint64_t size)
{
	struct doctor_window banks[DOCTOR_BANKS];
	uint32_t count = doctor_tree_memory(doctor, banks);

	for (uint32_t i = 0; i < count; i++)
		if (address >= banks[i].pa && address - banks[i].pa < banks[i].size &&
		    size <= banks[i].size - (address - banks[i].pa))
			return true;
	for (uint32_t i = 0; i < doctor->reserved_count; i++) {
		const struct doctor_reserved *reserved = &doctor->reserved[i];

		if (address >= reserved->base && address - reserved->base < reserved->size)
			return true;
	}
	return !count && !doctor->reserved_count;
}

static void look_at_maps(struct doctor *doctor, const char *device, bool usable,
			 struct doctor_finding *finding)
{
	struct doctor_names names;
	uint64_t address, size;

	doctor_list(doctor, &names, "map", "sys/class/uio/%s/maps", device);
	for (uint32_t i = 0; i < names.count && i < 5; i++) { /* MAX_UIO_MAPS */
		const char *map = names.names[i];

		if (!doctor_number(doctor, &address, "sys/class/uio/%s/maps/%s/addr", device,
				   map) ||
		    !doctor_number(doctor, &size, "sys/class/uio/%s/maps/%s/size", device, map))
			continue;
		doctor_append(finding->text, DOCTOR_TEXT, "; %s: pa 0x%" PRIx64 ", %" PRIu64 " KiB",
			      map, address, size >> 10);
		doctor_facts *item = doctor_fact_list(finding->facts, "maps");
		doctor_fact_text(item, "map", map);
		doctor_fact_address(item, "pa", address);
		doctor_fact_number(item, "size", size);
		if (!usable || doctor->map_count == DOCTOR_MAPS || !size ||
		    size - 1 > UINT64_MAX - address || !is_memory(doctor, address, size))
			continue;
		struct doctor_map *kept = &doctor->maps[doctor->map_count++];
		*kept = (struct doctor_map){.pa = address, .size = size};
		snprintf(kept->device, sizeof(kept->device), "%s", device);
	}
}

static void look_at_device(struct doctor *doctor, const char *device)
{
	char path[DOCTOR_PATH], why[DOCTOR_TEXT], remedy[DOCTOR_TEXT], name[DOCTOR_NAME];
	struct doctor_finding *finding;

	doctor_line(doctor, name, sizeof(name), "sys/class/uio/%s/name", device);
	snprintf(path, sizeof(path), "dev/%s", device);
	enum doctor_access access = doctor_may_open(doctor, path, "uio", why, remedy);
	finding = doctor_find(doctor, TOPIC, device,
			      access == DOCTOR_GRANTED	 ? DOCTOR_OK
			      : access == DOCTOR_REFUSED ? DOCTOR_DENIED
							 : DOCTOR_MISSING,
			      "%s", name[0] ? name : "without a name");
	look_at_maps(doctor, device, access == DOCTOR_GRANTED, finding);
	if (access == DOCTOR_REFUSED) {
		doctor_append(finding->text, DOCTOR_TEXT, "; %s", why);
		snprintf(finding->remedy, DOCTOR_TEXT, "%s", remedy);
	} else if (access == DOCTOR_ABSENT) {
		doctor_append(finding->text, DOCTOR_TEXT, "; there is no /%s", path);
		snprintf(finding->remedy, DOCTOR_TEXT,
			 "mount devtmpfs on /dev, or give the container the device");
	}
	doctor_fact_text(finding->facts, "device", device);
	doctor_fact_text(finding->facts, "name", name);
	doctor_fact_flag(finding->facts, "usable", access == DOCTOR_GRANTED);
}

void doctor_uio(struct doctor *doctor)
{
	struct doctor_finding *finding;
	struct doctor_names names;

	doctor_list(doctor, &names, "uio", "sys/class/uio");
	for (uint32_t i = 0; i < names.count && i < 32; i++)
		look_at_device(doctor, names.names[i]);
	if (names.count)
		return;
	finding = doctor_find(doctor, TOPIC, "UIO", DOCTOR_NOTE,
			      "no device: no set-aside memory for programs");
	finding->detail = !doctor->remote_count;
	if (doctor_option(doctor, "UIO_PDRV_GENIRQ") == DOCTOR_OPTION_OFF)
		doctor_enable(doctor, "UIO_PDRV_GENIRQ", "uio_pdrv_genirq", finding->remedy);
	else
		snprintf(
			finding->remedy, DOCTOR_TEXT,
			"a device tree node with the memory in reg and compatible \"generic-uio\", and "
			"uio_pdrv_genirq.of_id=generic-uio on the command line");
}
