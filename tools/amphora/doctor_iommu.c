/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor, IOMMUs and VFIO: whose limits hardware enforces, and which devices a program may drive.
 */
#include "doctor.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define TOPIC	      "IOMMU and VFIO"
#define GROUPS	      "sys/kernel/iommu_groups"
#define MEMLOCK_SMALL (64ull << 20) /* bytes: less stops a program at a few pictures */

static void look_at_iommus(struct doctor *doctor)
{
	struct doctor_finding *finding;
	struct doctor_names names;

	doctor_list(doctor, &names, "", "sys/class/iommu");
	for (uint32_t i = 0; i < names.count; i++) {
		finding = doctor_find(doctor, TOPIC, names.names[i], DOCTOR_OK, "an IOMMU");
		finding->detail = i >= 4;
		doctor_fact_text(finding->facts, "iommu", names.names[i]);
	}
	doctor->iommu_count = names.count;
	if (names.count)
		return;
	finding = doctor_find(
		doctor, TOPIC, "IOMMU", DOCTOR_MISSING,
		"none: what a device or a coprocessor may reach is agreed, not enforced");
	if (doctor_option(doctor, "IOMMU_SUPPORT") == DOCTOR_OPTION_OFF)
		doctor_enable(doctor, "IOMMU_SUPPORT", NULL, finding->remedy);
	else if (!strcmp(doctor->machine, "x86_64"))
		snprintf(
			finding->remedy, DOCTOR_TEXT,
			"if the machine has one: intel_iommu=on on the kernel's command line, or AMD-Vi "
			"in its firmware's settings");
	else
		snprintf(finding->remedy, DOCTOR_TEXT,
			 "if the machine has one: its driver (CONFIG_ARM_SMMU_V3, ARM_SMMU, "
			 "VIRTIO_IOMMU), and status = \"okay\" in the device tree");
}

/* Words of the kernel's command line that are about IOMMUs. */
static void look_at_command_line(struct doctor *doctor)
{
	static const char *const words[] = {"iommu=",	"iommu.", "intel_iommu=", "amd_iommu=",
					    "arm-smmu", "vfio",	  "virtio_iommu."};
	char line[sizeof(doctor->command_line)], found[DOCTOR_TEXT] = "", *save = NULL;
	struct doctor_finding *finding;

	snprintf(line, sizeof(line), "%s", doctor->command_line);
	for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save))
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (!strncmp(word, words[i], strlen(words[i])))
				doctor_append(found, sizeof(found), "%s%s", found[0] ? " " : "",
					      word);
	if (!found[0])
		return;
	finding = doctor_find(doctor, TOPIC, "command line", DOCTOR_NOTE, "%s", found);
	doctor_fact_text(finding->facts, "words", found);
}

static void look_at_group(struct doctor *doctor, const char *group)
{
	char type[DOCTOR_NAME], name[DOCTOR_NAME + 8], path[DOCTOR_PATH], why[DOCTOR_TEXT],
		remedy[DOCTOR_TEXT], devices[DOCTOR_TEXT] = "";
	struct doctor_finding *finding;
	struct doctor_names names;

	doctor_line(doctor, type, sizeof(type), GROUPS "/%s/type", group);
	doctor_list(doctor, &names, "", GROUPS "/%s/devices", group);
	for (uint32_t i = 0; i < names.count; i++)
		doctor_append(devices, sizeof(devices), "%s%s", i ? ", " : "", names.names[i]);
	snprintf(path, sizeof(path), "dev/vfio/%s", group);
	enum doctor_access access = doctor_may_open(doctor, path, "vfio", why, remedy);
	snprintf(name, sizeof(name), "group %s", group);
	finding = doctor_find(doctor, TOPIC, name,
			      access == DOCTOR_REFUSED ? DOCTOR_DENIED : DOCTOR_OK, "%s%s%s%s%s",
			      devices, type[0] ? ", " : "", type,
			      access != DOCTOR_ABSENT ? ", a VFIO driver has it" : "",
			      access == DOCTOR_REFUSED ? "; " : "");
	doctor_append(finding->text, DOCTOR_TEXT, "%s", why);
	finding->detail = access == DOCTOR_ABSENT;
	snprintf(finding->remedy, DOCTOR_TEXT, "%s", remedy);
	doctor_fact_text(finding->facts, "group", group);
	doctor_fact_text(finding->facts, "type", type);
	doctor_fact_text(finding->facts, "devices", devices);
	doctor_fact_flag(finding->facts, "vfio", access != DOCTOR_ABSENT);
	doctor_fact_flag(finding->facts, "usable", access == DOCTOR_GRANTED);
	doctor->vfio_count += access != DOCTOR_ABSENT;
	doctor->vfio_usable += access == DOCTOR_GRANTED;
}

static void look_at_groups(struct doctor *doctor)
{
	struct doctor_names names;
	uint32_t hidden = 0;

	doctor_list(doctor, &names, "", GROUPS);
	for (uint32_t i = 0; i < names.count; i++) {
		if (!isdigit((unsigned char)names.names[i][0]))
			continue;
		doctor->group_count++;
		if (doctor->group_count <= 64)
			look_at_group(doctor, names.names[i]);
		else
			hidden++;
	}
	if (doctor->group_count)
		doctor_find(doctor, TOPIC, "groups", DOCTOR_OK,
			    "%u groups of devices behind an IOMMU, %u with VFIO%s",
			    doctor->group_count, doctor->vfio_count,
			    hidden ? " among the first 64" : "");
	else if (doctor->iommu_count)
		doctor_find(doctor, TOPIC, "groups", DOCTOR_NOTE, "no device is behind an IOMMU");
}

static void look_at_vfio(struct doctor *doctor)
{
	char why[DOCTOR_TEXT], remedy[DOCTOR_TEXT], unsafe[DOCTOR_NAME];
	struct doctor_finding *finding;

	switch (doctor_may_open(doctor, "dev/vfio/vfio", "misc", why, remedy)) {
	case DOCTOR_ABSENT:
		finding = doctor_find(doctor, TOPIC, "VFIO", DOCTOR_MISSING,
				      "there is no /dev/vfio/vfio: no devices in user space");
		doctor_enable(doctor, "VFIO", "vfio", finding->remedy);
		doctor_append(finding->remedy, DOCTOR_TEXT, "; ");
		doctor_enable(doctor, "VFIO_PCI", "vfio_pci", finding->remedy);
		break;
	case DOCTOR_REFUSED:
		doctor->vfio = true;
		finding = doctor_find(doctor, TOPIC, "VFIO", DOCTOR_DENIED, "%s", why);
		snprintf(finding->remedy, DOCTOR_TEXT, "%s", remedy);
		break;
	default:
		doctor->vfio = doctor->vfio_container = true;
		finding = doctor_find(doctor, TOPIC, "VFIO", DOCTOR_OK, "/dev/vfio/vfio");
	}
	doctor_fact_flag(finding->facts, "usable", doctor->vfio_container);
	doctor_line(doctor, unsafe, sizeof(unsafe),
		    "sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
	if (unsafe[0] == 'Y' || unsafe[0] == '1')
		doctor_find(
			doctor, TOPIC, "no-IOMMU mode", DOCTOR_NOTE,
			"VFIO is allowed without an IOMMU: nothing is enforced then, and Amphora "
			"has no use for it");
	if (doctor->vfio && doctor->group_count && !doctor->vfio_count) {
		finding = doctor_find(doctor, TOPIC, "VFIO devices", DOCTOR_NOTE,
				      "no device has a VFIO driver");
		snprintf(finding->remedy, DOCTOR_TEXT,
			 "echo vfio-pci > /sys/bus/pci/devices/DEVICE/driver_override, then write "
			 "DEVICE to /sys/bus/pci/drivers_probe");
	}
}

static void look_at_limit(struct doctor *doctor)
{
	struct doctor_finding *finding;
	struct rlimit limit;

	if (!doctor->live || !doctor->vfio || getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	bool enough = limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= MEMLOCK_SMALL;
	finding = doctor_find(doctor, TOPIC, "locked memory", enough ? DOCTOR_OK : DOCTOR_NOTE,
			      "RLIMIT_MEMLOCK ");
	if (limit.rlim_cur == RLIM_INFINITY)
		doctor_append(finding->text, DOCTOR_TEXT, "is unlimited");
	else
		doctor_append(finding->text, DOCTOR_TEXT,
			      "lets this user map %" PRIu64 " KiB for VFIO devices",
			      (uint64_t)limit.rlim_cur >> 10);
	if (!enough)
		snprintf(finding->remedy, DOCTOR_TEXT,
			 "ulimit -l, or \"USER - memlock unlimited\" in /etc/security/limits.conf");
	finding->detail = enough;
	if (limit.rlim_cur != RLIM_INFINITY)
		doctor_fact_number(finding->facts, "memlock", limit.rlim_cur);
}

void doctor_iommu(struct doctor *doctor)
{
	look_at_iommus(doctor);
	look_at_command_line(doctor);
	look_at_groups(doctor);
	look_at_vfio(doctor);
	look_at_limit(doctor);
}
