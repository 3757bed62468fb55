/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor, device tree: properties, addresses, and the windows that a bus's dma-ranges makes.
 * As Linux reads it (drivers/of/address.c): the nearest dma-ranges that is not empty counts, and its
 * parent's side is translated further up.
 */
#include "doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BASE	    "sys/firmware/devicetree/base"
#define OTHER_BASE  "proc/device-tree"
#define RANGES_MAX  1024 /* bytes of a dma-ranges */
#define CELLS_MAX   3 /* of an address: PCI's */
#define DEPTH_MAX   24
#define VISITED_MAX 8192 /* nodes */

static const char *base(const struct doctor *doctor)
{
	return doctor_exists(doctor, BASE) ? BASE : OTHER_BASE;
}

ssize_t doctor_tree_read(const struct doctor *doctor, const char *node, const char *property,
			 void *bytes, size_t size)
{
	return doctor_read(doctor, bytes, size, "%s%s/%s", base(doctor), node, property);
}

bool doctor_tree_has(const struct doctor *doctor, const char *node, const char *property)
{
	return doctor_exists(doctor, "%s%s/%s", base(doctor), node, property);
}

uint64_t doctor_tree_number(const uint8_t *bytes, uint32_t cells)
{
	uint64_t value = 0;

	/* of three cells the first is flags: two are left */
	for (uint32_t i = 0; i < cells * 4; i++)
		value = value << 8 | bytes[i];
	return value;
}

bool doctor_tree_cell(const struct doctor *doctor, const char *node, const char *property,
		      uint32_t *value)
{
	uint8_t bytes[5];

	if (doctor_tree_read(doctor, node, property, bytes, sizeof(bytes)) != 4)
		return false;
	*value = (uint32_t)doctor_tree_number(bytes, 1);
	return true;
}

bool doctor_tree_text(const struct doctor *doctor, const char *node, const char *property,
		      char *text, size_t size)
{
	if (doctor_tree_read(doctor, node, property, text, size) <= 0)
		text[0] = 0;
	doctor_clean(text);
	return text[0] != 0;
}

bool doctor_tree_node(const struct doctor *doctor, const char *device, char node[DOCTOR_PATH])
{
	char link[DOCTOR_PATH];
	const char *found;

	if (!doctor_link(doctor, link, sizeof(link), "%s/of_node", device))
		return false;
	found = strstr(link, "devicetree/base/");
	if (!found || strstr(found, "/../"))
		return false;
	snprintf(node, DOCTOR_PATH, "%s", found + strlen("devicetree/base"));
	return true;
}

/* Cuts the last name off; the root is "". Returns false at the root. */
static bool to_parent(char *node)
{
	char *slash = strrchr(node, '/');

	if (!slash)
		return false;
	*slash = 0;
	return true;
}

/* As the node says, or one above it. */
uint32_t doctor_tree_cells(const struct doctor *doctor, const char *node, const char *property)
{
	char at[DOCTOR_PATH];
	uint32_t cells;

	snprintf(at, sizeof(at), "%s", node);
	do {
		if (doctor_tree_cell(doctor, at, property, &cells))
			return cells;
	} while (to_parent(at));
	return 1;
}

/* Reads a bus's dma-ranges. Returns how many, 0 if it has none or an empty one, -EINVAL. */
static int read_ranges(const struct doctor *doctor, const char *bus,
		       struct doctor_window windows[DOCTOR_WINDOWS])
{
	uint8_t bytes[RANGES_MAX];
	char parent[DOCTOR_PATH];
	ssize_t size = doctor_tree_read(doctor, bus, "dma-ranges", bytes, sizeof(bytes));
	int count = 0;

	if (size <= 0)
		return 0;
	snprintf(parent, sizeof(parent), "%s", bus);
	to_parent(parent);
	uint32_t child = doctor_tree_cells(doctor, bus, "#address-cells");
	uint32_t above = doctor_tree_cells(doctor, parent, "#address-cells");
	uint32_t length = doctor_tree_cells(doctor, bus, "#size-cells");
	if (!child || child > CELLS_MAX || !above || above > CELLS_MAX || !length || length > 2)
		return -EINVAL;
	size_t step = ((size_t)child + above + length) * 4;
	if ((size_t)size % step)
		return -EINVAL;
	for (size_t at = 0; at < (size_t)size && count < DOCTOR_WINDOWS; at += step) {
		struct doctor_window window = {
			.da = doctor_tree_number(bytes + at, child),
			.pa = doctor_tree_number(bytes + at + child * 4, above),
			.size = doctor_tree_number(bytes + at + (child + above) * 4, length)};

		if (!window.size || window.size - 1 > UINT64_MAX - window.pa ||
		    window.size - 1 > UINT64_MAX - window.da)
			return -EINVAL;
		windows[count++] = window;
	}
	return count;
}

/* Moves the windows' parent side up through the buses above. */
static int translate(const struct doctor *doctor, char *bus, struct doctor_window *windows,
		     int count)
{
	struct doctor_window above[DOCTOR_WINDOWS];

	while (to_parent(bus)) {
		int outer = read_ranges(doctor, bus, above);

		if (outer < 0)
			return outer;
		for (int i = 0; i < count && outer; i++) {
			int j = 0;

			while (j < outer && (windows[i].pa < above[j].da ||
					     windows[i].pa - above[j].da >= above[j].size))
				j++;
			if (j == outer)
				return -EINVAL;
			windows[i].pa = windows[i].pa - above[j].da + above[j].pa;
		}
	}
	return count;
}

int doctor_tree_windows(const struct doctor *doctor, const char *node,
			struct doctor_window windows[DOCTOR_WINDOWS])
{
	char bus[DOCTOR_PATH];

	snprintf(bus, sizeof(bus), "%s", node);
	while (to_parent(bus)) {
		int count = read_ranges(doctor, bus, windows);

		if (count < 0)
			return count;
		if (count)
			return translate(doctor, bus, windows, count);
	}
	return 0;
}

uint32_t doctor_tree_memory(const struct doctor *doctor, struct doctor_window banks[DOCTOR_BANKS])
{
	uint32_t address = doctor_tree_cells(doctor, "", "#address-cells");
	uint32_t length = doctor_tree_cells(doctor, "", "#size-cells");
	size_t step = ((size_t)address + length) * 4;
	char node[DOCTOR_PATH], type[DOCTOR_NAME];
	uint8_t bytes[RANGES_MAX];
	struct doctor_names names;
	uint32_t count = 0;

	if (!address || address > 2 || !length || length > 2)
		return 0;
	doctor_list(doctor, &names, "memory", "%s", base(doctor));
	for (uint32_t i = 0; i < names.count; i++) {
		snprintf(node, sizeof(node), "/%s", names.names[i]);
		if (!doctor_tree_text(doctor, node, "device_type", type, sizeof(type)) ||
		    strcmp(type, "memory") != 0)
			continue;
		ssize_t size = doctor_tree_read(doctor, node, "reg", bytes, sizeof(bytes));
		for (size_t at = 0; size > 0 && at + step <= (size_t)size; at += step) {
			struct doctor_window bank = {
				.pa = doctor_tree_number(bytes + at, address),
				.size = doctor_tree_number(bytes + at + address * 4, length)};

			if (bank.size && bank.size - 1 <= UINT64_MAX - bank.pa &&
			    count < DOCTOR_BANKS)
				banks[count++] = bank;
		}
	}
	return count;
}

/* Windows that overlap are counted twice: then the rest may be reported too small, never too large. */
uint64_t doctor_out_of_reach(const struct doctor_remote *remote, uint64_t pa, uint64_t size)
{
	uint64_t rest = size;

	if (!size || !remote->window_count)
		return 0;
	for (uint32_t i = 0; i < remote->window_count; i++) {
		const struct doctor_window *window = &remote->windows[i];
		uint64_t first = window->pa > pa ? window->pa : pa;
		uint64_t last = window->pa + (window->size - 1);

		if (last > pa + (size - 1))
			last = pa + (size - 1);
		if (first > last)
			continue;
		/* the whole of a 64-bit space has more bytes than fit */
		uint64_t covered = last - first + 1 ? last - first + 1 : UINT64_MAX;
		rest -= covered < rest ? covered : rest;
	}
	return rest;
}

int doctor_tree_coherent(const struct doctor *doctor, const char *node)
{
	char at[DOCTOR_PATH];

	snprintf(at, sizeof(at), "%s", node);
	do {
		if (doctor_tree_has(doctor, at, "dma-coherent"))
			return 1;
		if (doctor_tree_has(doctor, at, "dma-noncoherent"))
			return 0;
	} while (to_parent(at));
	return -1;
}

struct walk {
	void (*visit)(struct doctor *, const char *);
	uint32_t visited;
};

static void walk(struct doctor *doctor, struct walk *state, const char *node, uint32_t depth)
{
	struct doctor_names names;
	char child[DOCTOR_PATH];

	if (state->visited >= VISITED_MAX || depth > DEPTH_MAX)
		return;
	state->visited++;
	state->visit(doctor, node);
	doctor_list(doctor, &names, "", "%s%s", base(doctor), node);
	for (uint32_t i = 0; i < names.count; i++) {
		int length = snprintf(child, sizeof(child), "%s/%s", node, names.names[i]);

		/* every node has this property, and only nodes can have one */
		if (length < (int)sizeof(child) && doctor_tree_has(doctor, child, "name"))
			walk(doctor, state, child, depth + 1);
	}
}

void doctor_tree_walk(struct doctor *doctor, void (*visit)(struct doctor *, const char *node))
{
	struct walk state = {.visit = visit};

	walk(doctor, &state, "", 0);
}
