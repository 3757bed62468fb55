/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor, /dev/amphora: whether the module is there, fits, and what it says of each remote processor.
 * It is asked about one only if that is off, or if the user says so: to close /dev/remoteprocN stops a
 * running remote processor, if some program has asked for that once.
 */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/amphora.h>

#define TOPIC "module amphora"

/* TI's kernels only; from their headers' ABI: u32 fd, padding, u64 device address. */
struct ti_attach {
	int32_t fd;
	uint32_t padding;
	uint64_t da;
};
#define TI_ATTACH _IOWR(0xB7, 0, struct ti_attach)

static void tell_info(struct doctor *doctor, struct doctor_remote *remote,
		      const struct amphora_remote_info *info)
{
	bool coherent = info->flags & AMPHORA_REMOTE_COHERENT;
	struct doctor_finding *finding;

	remote->asked = true;
	remote->address_bits = info->address_bits;
	remote->iommu |= !!(info->flags & AMPHORA_REMOTE_IOMMU);
	finding = doctor_find(
		doctor, TOPIC, remote->id, DOCTOR_OK,
		"%u-bit device addresses, %s, limits %s, %u attachments, quarantine %llu "
		"of %llu KiB",
		info->address_bits, coherent ? "coherent" : "not coherent",
		info->flags & AMPHORA_REMOTE_IOMMU ? "enforced" : "agreed", info->attachments,
		(unsigned long long)info->quarantine_bytes >> 10,
		(unsigned long long)info->quarantine_max >> 10);
	if (!coherent)
		doctor_append(finding->text, DOCTOR_TEXT, ", granule %u bytes", info->cache_line);
	doctor_fact_text(finding->facts, "remote", remote->id);
	doctor_fact_number(finding->facts, "address_bits", info->address_bits);
	doctor_fact_flag(finding->facts, "coherent", coherent);
	doctor_fact_flag(finding->facts, "iommu", info->flags & AMPHORA_REMOTE_IOMMU);
	doctor_fact_number(finding->facts, "cache_line", info->cache_line);
	doctor_fact_number(finding->facts, "attachments", info->attachments);
	doctor_fact_number(finding->facts, "boots", info->boots);
	doctor_fact_number(finding->facts, "quarantine_bytes", info->quarantine_bytes);
	doctor_fact_number(finding->facts, "quarantine_max", info->quarantine_max);
}

/* With a descriptor that is none, the call says which it is: known (EBADF) or not. It does nothing. */
static bool has_ti_ioctl(int proof)
{
	struct ti_attach attach = {.fd = -1};

	return ioctl(proof, TI_ATTACH, &attach) < 0 && errno == EBADF;
}

static void ask(struct doctor *doctor, int module, struct doctor_remote *remote)
{
	struct amphora_remote_info info = {0};
	char path[DOCTOR_PATH];

	if (!remote->openable)
		return;
	if (strcmp(remote->state, "offline") != 0 && !doctor->ask) {
		if (module >= 0)
			doctor_find(
				doctor, TOPIC, remote->id, DOCTOR_NOTE,
				"not asked, because it is not off: --ask opens /dev/%s, and to close "
				"it may stop it, if a program has asked for that",
				remote->id);
		return;
	}
	snprintf(path, sizeof(path), "/dev/%s", remote->id);
	int proof = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (proof < 0)
		return;
	if (remote->ti)
		remote->ti = remote->ti_asked = has_ti_ioctl(proof);
	struct amphora_remote request = {.proof = proof};
	if (module >= 0 && !ioctl(module, AMPHORA_IOC_REMOTE, &request)) {
		if (!ioctl(request.fd, AMPHORA_IOC_REMOTE_INFO, &info))
			tell_info(doctor, remote, &info);
		close(request.fd);
	}
	close(proof);
}

static int open_module(struct doctor *doctor)
{
	struct doctor_finding *finding;
	struct amphora_version version = {0};
	int module = open(AMPHORA_DEVICE, O_RDWR | O_CLOEXEC);

	if (module < 0) {
		doctor_find(doctor, TOPIC, AMPHORA_DEVICE, DOCTOR_MISSING, "can't be opened: %s",
			    strerror(errno));
		return -1;
	}
	doctor->module_usable = !ioctl(module, AMPHORA_IOC_VERSION, &version) &&
				version.version == AMPHORA_ABI_VERSION;
	finding = doctor_find(doctor, TOPIC, AMPHORA_DEVICE,
			      doctor->module_usable ? DOCTOR_OK : DOCTOR_MISSING,
			      "interface version %u", version.version);
	doctor_fact_number(finding->facts, "version", version.version);
	if (doctor->module_usable)
		return module;
	doctor_append(finding->text, DOCTOR_TEXT, ", this program needs %u", AMPHORA_ABI_VERSION);
	snprintf(finding->remedy, DOCTOR_TEXT, "module and library of one release of Amphora");
	close(module);
	return -1;
}

static void say_how_to_load(struct doctor *doctor, struct doctor_finding *finding)
{
	if (doctor_option(doctor, "MODULES") == DOCTOR_OPTION_OFF)
		doctor_enable(doctor, "MODULES", NULL, finding->remedy);
	else if (doctor_option(doctor, "REMOTEPROC") == DOCTOR_OPTION_OFF)
		snprintf(finding->remedy, DOCTOR_TEXT,
			 "nothing here: it is for remote processors, which this kernel has not");
	else
		snprintf(finding->remedy, DOCTOR_TEXT,
			 "modprobe amphora; its sources are in kernel/, ready for DKMS");
}

void doctor_dev_amphora(struct doctor *doctor)
{
	char why[DOCTOR_TEXT], remedy[DOCTOR_TEXT];
	struct doctor_finding *finding;
	int module = -1;

	switch (doctor_may_open(doctor, "dev/amphora", "misc", why, remedy)) {
	case DOCTOR_ABSENT:
		finding = doctor_find(
			doctor, TOPIC, AMPHORA_DEVICE, DOCTOR_MISSING,
			"is not there: it gives buffers a remote processor's addresses");
		say_how_to_load(doctor, finding);
		break;
	case DOCTOR_REFUSED:
		doctor->module = true;
		finding = doctor_find(doctor, TOPIC, AMPHORA_DEVICE, DOCTOR_DENIED, "%s", why);
		snprintf(finding->remedy, DOCTOR_TEXT, "%s", remedy);
		break;
	default:
		doctor->module = true;
		doctor->module_usable =
			!doctor->live; /* of a captured tree nothing more is known */
		if (doctor->live)
			module = open_module(doctor);
		else
			doctor_find(doctor, TOPIC, AMPHORA_DEVICE, DOCTOR_OK, "is there");
	}
	for (uint32_t i = 0; i < doctor->remote_count && doctor->live; i++)
		ask(doctor, module, &doctor->remotes[i]);
	if (module >= 0)
		close(module);
}
