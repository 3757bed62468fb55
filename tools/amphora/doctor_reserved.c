/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor, reserved memory: what the device tree sets aside, and for whom it can be.
 */
#include "doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TOPIC "reserved memory"
#define NODE  "/reserved-memory"

static void read_place(const struct doctor *doctor, const char *node,
		       struct doctor_reserved *reserved)
{
	uint32_t address = doctor_tree_cells(doctor, NODE, "#address-cells");
	uint32_t length = doctor_tree_cells(doctor, NODE, "#size-cells");
	uint8_t bytes[64];
	ssize_t size = doctor_tree_read(doctor, node, "reg", bytes, sizeof(bytes));

	if (!address || address > 2 || !length || length > 2)
		return;
	if (size >= (ssize_t)(address + length) * 4) {
		reserved->base = doctor_tree_number(bytes, address);
		reserved->size = doctor_tree_number(bytes + address * 4, length);
		return;
	}
	size = doctor_tree_read(doctor, node, "size", bytes, sizeof(bytes));
	if (size >= (ssize_t)length * 4)
		reserved->size = doctor_tree_number(bytes, length);
}

static void report(struct doctor *doctor, const struct doctor_reserved *reserved,
		   const char *compatible)
{
	char place[64] = "placed at boot";
	struct doctor_finding *finding;

	if (reserved->base)
		snprintf(place, sizeof(place), "pa 0x%08" PRIx64, reserved->base);
	finding = doctor_find(doctor, TOPIC, reserved->name, DOCTOR_NOTE,
			      "%s, %" PRIu64 " KiB%s%s%s%s", place, reserved->size >> 10,
			      reserved->no_map ? ", no-map" : "",
			      reserved->reusable ? ", reusable (CMA)" : "",
			      compatible[0] ? ", " : "", compatible);
	doctor_fact_text(finding->facts, "node", reserved->name);
	doctor_fact_address(finding->facts, "base", reserved->base);
	doctor_fact_number(finding->facts, "size", reserved->size);
	doctor_fact_flag(finding->facts, "no_map", reserved->no_map);
	doctor_fact_flag(finding->facts, "reusable", reserved->reusable);
	if (compatible[0])
		doctor_fact_text(finding->facts, "compatible", compatible);
}

void doctor_reserved_memory(struct doctor *doctor)
{
	char node[DOCTOR_PATH], compatible[DOCTOR_NAME];
	const char *base = "sys/firmware/devicetree/base" NODE;
	struct doctor_names names;

	if (!doctor_exists(doctor, "%s", base))
		base = "proc/device-tree" NODE;
	doctor_list(doctor, &names, "", "%s", base);
	for (uint32_t i = 0; i < names.count && doctor->reserved_count < DOCTOR_RESERVED; i++) {
		struct doctor_reserved *reserved = &doctor->reserved[doctor->reserved_count];

		snprintf(node, sizeof(node), NODE "/%s", names.names[i]);
		if (!doctor_tree_has(doctor, node, "reg") && !doctor_tree_has(doctor, node, "size"))
			continue;
		*reserved = (struct doctor_reserved){0};
		snprintf(reserved->name, sizeof(reserved->name), "%s", names.names[i]);
		doctor_clean(reserved->name);
		doctor_tree_text(doctor, node, "compatible", compatible, sizeof(compatible));
		reserved->no_map = doctor_tree_has(doctor, node, "no-map");
		reserved->reusable = doctor_tree_has(doctor, node, "reusable");
		reserved->pool = !strcmp(compatible, "shared-dma-pool");
		if (!doctor_tree_cell(doctor, node, "phandle", &reserved->phandle))
			doctor_tree_cell(doctor, node, "linux,phandle", &reserved->phandle);
		read_place(doctor, node, reserved);
		doctor->reserved_count++;
		report(doctor, reserved, compatible);
	}
}
