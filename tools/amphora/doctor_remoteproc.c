/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor, remote processors: what the kernel has of them, at which addresses they see memory, and
 * coprocessors of the device tree that no driver has.
 */
#include "doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TOPIC	    "remote processors"
#define CLASS	    "sys/class/remoteproc"
#define REGIONS_MAX 16 /* of a memory-region list */

/* As Linux 6.12's drivers have them; who looks for a part of the string also finds later chips. */
static const struct {
	const char *begin, *contains;
	const char *what;
	const char *option, *module;
} known[] = {
	{"amphora,vsoc-", "coprocessor", "the virtual SoC's coprocessor", NULL, "vsoc_rproc"},
	{"st,stm32mp1", "-m4", "ST Cortex-M4", "STM32_RPROC", "stm32_rproc"},
	{"st,stm32mp2", "-m33", "ST Cortex-M33", "STM32_RPROC", "stm32_rproc"},
	{"xlnx,", "r5fss", "AMD Cortex-R5", "XLNX_R5_REMOTEPROC", "xlnx_r5_remoteproc"},
	{"xlnx,", "r52fss", "AMD Cortex-R52", "XLNX_R5_REMOTEPROC", "xlnx_r5_remoteproc"},
	{"xlnx,", "r5f", "AMD Cortex-R5", "XLNX_R5_REMOTEPROC", "xlnx_r5_remoteproc"},
	{"fsl,imx", "-hifi4", "NXP HiFi 4 DSP", "IMX_DSP_REMOTEPROC", "imx_dsp_rproc"},
	{"fsl,imx", "-cm", "NXP Cortex-M", "IMX_REMOTEPROC", "imx_rproc"},
	{"ti,", "-r5f", "TI Cortex-R5", "TI_K3_R5_REMOTEPROC", "ti_k3_r5_remoteproc"},
	{"ti,", "-m4fss", "TI Cortex-M4", "TI_K3_M4_REMOTEPROC", "ti_k3_m4_remoteproc"},
	{"ti,", "-c66-dsp", "TI C66 DSP", "TI_K3_DSP_REMOTEPROC", "ti_k3_dsp_remoteproc"},
	{"ti,", "-c71-dsp", "TI C71 DSP", "TI_K3_DSP_REMOTEPROC", "ti_k3_dsp_remoteproc"},
	{"ti,", "-c7xv-dsp", "TI C7x DSP", "TI_K3_DSP_REMOTEPROC", "ti_k3_dsp_remoteproc"},
	{"ti,omap", "-dsp", "TI DSP", "OMAP_REMOTEPROC", "omap_remoteproc"},
	{"ti,omap", "-ipu", "TI Cortex-M", "OMAP_REMOTEPROC", "omap_remoteproc"},
	{"ti,dra7", "-dsp", "TI DSP", "OMAP_REMOTEPROC", "omap_remoteproc"},
	{"ti,dra7", "-ipu", "TI Cortex-M", "OMAP_REMOTEPROC", "omap_remoteproc"},
	{"ti,", "-pru", "TI PRU", "PRU_REMOTEPROC", "pru_rproc"},
	{"ti,", "-rtu", "TI RTU", "PRU_REMOTEPROC", "pru_rproc"},
	{"mediatek,", "-scp", "MediaTek SCP", "MTK_SCP", "mtk_scp"},
	{"renesas,rcar-", "cr7", "Renesas Cortex-R7", "RCAR_REMOTEPROC", "rcar_rproc"},
	{"qcom,", "-pas", "Qualcomm DSP", "QCOM_Q6V5_PAS", "qcom_q6v5_pas"},
	{"qcom,", "-pil", "Qualcomm DSP", "QCOM_Q6V5_ADSP", "qcom_q6v5_adsp"},
	{"amlogic,meson8", "-ao-arc", "Amlogic ARC", "MESON_MX_AO_ARC_REMOTEPROC",
	 "meson_mx_ao_arc"},
	{"ingenic,", "-vpu-rproc", "Ingenic VPU", "INGENIC_VPU_RPROC", "ingenic_rproc"},
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

/* Returns its place in the table, or KNOWN. */
static size_t look_up(const char *compatible)
{
	size_t i = 0;

	while (i < KNOWN && (strncmp(compatible, known[i].begin, strlen(known[i].begin)) != 0 ||
			     !strstr(compatible + strlen(known[i].begin) - 1, known[i].contains)))
		i++;
	return i;
}

static bool running(const struct doctor_remote *remote)
{
	return !strcmp(remote->state, "running") || !strcmp(remote->state, "attached") ||
	       !strcmp(remote->state, "detached");
}

static void tell_windows(struct doctor *doctor, struct doctor_remote *remote, const char *node,
			 doctor_facts *facts)
{
	int count = doctor_tree_windows(doctor, node, remote->windows);
	struct doctor_finding *finding;

	if (count < 0) {
		finding = doctor_find(doctor, TOPIC, "  addresses", DOCTOR_MISSING,
				      "dma-ranges above %s makes no sense", node);
		snprintf(finding->remedy, DOCTOR_TEXT,
			 "device tree: (device address, parent address, size) in the cells that "
			 "#address-cells and #size-cells say");
		return;
	}
	remote->window_count = (uint32_t)count;
	if (!count)
		doctor_find(doctor, TOPIC, "  addresses", DOCTOR_NOTE,
			    "no dma-ranges: device addresses are physical addresses (as far as the "
			    "device tree says)");
	for (int i = 0; i < count; i++) {
		const struct doctor_window *window = &remote->windows[i];
		doctor_facts *item = doctor_fact_list(facts, "windows");

		doctor_find(doctor, TOPIC, "  addresses", DOCTOR_OK,
			    "pa 0x%08" PRIx64 " to 0x%08" PRIx64 " is da 0x%08" PRIx64
			    " to 0x%08" PRIx64 " (dma-ranges)",
			    window->pa, window->pa + (window->size - 1), window->da,
			    window->da + (window->size - 1));
		doctor_fact_address(item, "pa", window->pa);
		doctor_fact_address(item, "da", window->da);
		doctor_fact_address(item, "size", window->size);
	}
}

/* DRAM that it can't reach: a buffer there is refused. */
static void tell_reach(struct doctor *doctor, struct doctor_remote *remote, doctor_facts *facts)
{
	struct doctor_window banks[DOCTOR_BANKS];
	uint32_t count = doctor_tree_memory(doctor, banks);
	struct doctor_finding *finding;
	uint64_t total = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t rest = doctor_out_of_reach(remote, banks[i].pa, banks[i].size);

		remote->out_of_reach += rest < UINT64_MAX - remote->out_of_reach ? rest : 0;
		total += banks[i].size < UINT64_MAX - total ? banks[i].size : 0;
	}
	doctor_fact_number(facts, "out_of_reach", remote->out_of_reach);
	if (!remote->out_of_reach)
		return;
	finding = doctor_find(doctor, TOPIC, "  reach", DOCTOR_MISSING,
			      "%" PRIu64 " of %" PRIu64
			      " MiB of DRAM are in none of these windows: a "
			      "buffer that has a page there is refused",
			      remote->out_of_reach >> 20, total >> 20);
	snprintf(
		finding->remedy, DOCTOR_TEXT,
		"buffers from a CMA pool that lies in a window, or a wider dma-ranges if the hardware "
		"can");
}

static void tell_regions(struct doctor *doctor, const char *node, doctor_facts *facts)
{
	uint8_t bytes[REGIONS_MAX * 4 + 1];
	ssize_t size = doctor_tree_read(doctor, node, "memory-region", bytes, sizeof(bytes));
	char list[DOCTOR_TEXT] = "";

	for (ssize_t at = 0; at + 4 <= size; at += 4) {
		uint32_t phandle = (uint32_t)doctor_tree_number(bytes + at, 1);

		for (uint32_t i = 0; i < doctor->reserved_count; i++) {
			const struct doctor_reserved *reserved = &doctor->reserved[i];

			if (!phandle || reserved->phandle != phandle)
				continue;
			doctor_facts *item = doctor_fact_list(facts, "regions");
			doctor_fact_text(item, "node", reserved->name);
			doctor_fact_address(item, "base", reserved->base);
			doctor_fact_number(item, "size", reserved->size);
			doctor_append(list, sizeof(list), "%s%s", list[0] ? ", " : "",
				      reserved->name);
		}
	}
	if (list[0])
		doctor_find(doctor, TOPIC, "  memory-region", DOCTOR_OK, "%s", list);
}

/* Hardware spinlocks that both can take. */
static void look_at_locks(struct doctor *doctor, const char *node, doctor_facts *facts)
{
	bool there = doctor_tree_has(doctor, node, "hwlocks");
	bool driven = doctor_option(doctor, "HWSPINLOCK") != DOCTOR_OPTION_OFF;

	doctor_fact_flag(facts, "hwlocks", there);
	if (there)
		doctor_find(
			doctor, TOPIC, "  hwlocks", driven ? DOCTOR_OK : DOCTOR_NOTE,
			driven ? "locks in hardware that it shares with Linux: through /dev/amphora"
			       : "locks in hardware, for which this kernel has no hwspinlock");
}

/* What the device tree says of it. */
static void look_at_node(struct doctor *doctor, struct doctor_remote *remote, const char *device,
			 struct doctor_finding *finding)
{
	doctor_facts *facts = finding->facts;
	char node[DOCTOR_PATH];

	if (!doctor_tree_node(doctor, device, node)) {
		doctor_find(doctor, TOPIC, "  device tree", DOCTOR_NOTE,
			    "no node: its driver knows at which addresses it sees memory");
		return;
	}
	doctor_tree_text(doctor, node, "compatible", remote->compatible,
			 sizeof(remote->compatible));
	doctor_fact_text(facts, "node", node);
	doctor_fact_text(facts, "compatible", remote->compatible);
	size_t which = look_up(remote->compatible);
	if (which < KNOWN)
		doctor_append(finding->text, DOCTOR_TEXT, ", %s", known[which].what);
	remote->ti = !strncmp(remote->compatible, "ti,", 3);
	int coherent = doctor_tree_coherent(doctor, node);
	doctor_append(finding->text, DOCTOR_TEXT, ", %s",
		      coherent > 0    ? "coherent"
		      : coherent == 0 ? "not coherent"
				      : "not said to be coherent");
	if (coherent >= 0)
		doctor_fact_flag(facts, "coherent", coherent > 0);
	remote->iommu = doctor_tree_has(doctor, node, "iommus");
	look_at_locks(doctor, node, facts);
	tell_regions(doctor, node, facts);
	tell_windows(doctor, remote, node, facts);
	tell_reach(doctor, remote, facts);
}

/* Firmware that does not lie where the kernel looks for it. */
static void look_at_firmware(struct doctor *doctor, const struct doctor_remote *remote,
			     doctor_facts *facts)
{
	static const char *const ends[] = {"", ".zst", ".xz"};
	char firmware[DOCTOR_PATH], extra[DOCTOR_PATH];
	struct doctor_finding *finding;
	bool there = false;

	if (!doctor_line(doctor, firmware, sizeof(firmware), CLASS "/%s/firmware", remote->id))
		return;
	doctor_fact_text(facts, "firmware", firmware);
	doctor_line(doctor, extra, sizeof(extra), "sys/module/firmware_class/parameters/path");
	if (strstr(firmware, "..") || strstr(extra, ".."))
		return;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]) && !there; i++)
		there = doctor_exists(doctor, "lib/firmware/%s%s", firmware, ends[i]) ||
			(extra[0] == '/' &&
			 doctor_exists(doctor, "%s/%s%s", extra + 1, firmware, ends[i]));
	doctor_fact_flag(facts, "firmware_there", there);
	if (there) {
		doctor_find(doctor, TOPIC, "  firmware", DOCTOR_OK, "%s", firmware);
		return;
	}
	if (running(remote))
		return; /* it has been loaded, or runs from elsewhere */
	finding = doctor_find(doctor, TOPIC, "  firmware", DOCTOR_MISSING,
			      "%s is not in /lib/firmware", firmware);
	snprintf(finding->remedy, DOCTOR_TEXT,
		 "put it there, or write the name of another to /sys/class/remoteproc/%s/firmware",
		 remote->id);
}

static void look_at_control(struct doctor *doctor, struct doctor_remote *remote,
			    doctor_facts *facts)
{
	char path[DOCTOR_PATH], why[DOCTOR_TEXT], remedy[DOCTOR_TEXT];
	struct doctor_finding *finding;

	remote->controllable = doctor_may_write(doctor, CLASS "/%s/state", remote->id);
	doctor_fact_flag(facts, "controllable", remote->controllable);
	if (!remote->controllable) {
		finding = doctor_find(doctor, TOPIC, "  control", DOCTOR_DENIED,
				      "this user may not write /sys/class/remoteproc/%s/state: no "
				      "start, no stop",
				      remote->id);
		snprintf(
			finding->remedy, DOCTOR_TEXT,
			"as root, or chgrp GROUP and chmod g+w on its state and firmware at each boot");
	}
	snprintf(path, sizeof(path), "dev/%s", remote->id);
	enum doctor_access access = doctor_may_open(doctor, path, "remoteproc", why, remedy);
	remote->character_device = access != DOCTOR_ABSENT;
	remote->openable = access == DOCTOR_GRANTED;
	doctor_fact_flag(facts, "character_device", remote->character_device);
	doctor_fact_flag(facts, "openable", remote->openable);
	if (access == DOCTOR_ABSENT) {
		finding = doctor_find(
			doctor, TOPIC, "  character device", DOCTOR_MISSING,
			"there is no /dev/%s: /dev/amphora asks for it (or for an RPMsg "
			"endpoint)",
			remote->id);
		doctor_enable(doctor, "REMOTEPROC_CDEV", NULL, finding->remedy);
	} else {
		finding = doctor_find(doctor, TOPIC, "  character device",
				      remote->openable ? DOCTOR_OK : DOCTOR_DENIED, "/%s%s%s", path,
				      why[0] ? ": " : "", why);
		snprintf(finding->remedy, DOCTOR_TEXT, "%s", remedy);
	}
}

static void look_at_remote(struct doctor *doctor, const char *id)
{
	struct doctor_remote *remote = &doctor->remotes[doctor->remote_count++];
	char device[DOCTOR_PATH], recovery[DOCTOR_NAME];
	struct doctor_finding *finding;

	snprintf(remote->id, sizeof(remote->id), "%s", id);
	doctor_line(doctor, remote->name, sizeof(remote->name), CLASS "/%s/name", id);
	doctor_line(doctor, remote->state, sizeof(remote->state), CLASS "/%s/state", id);
	doctor_line(doctor, recovery, sizeof(recovery), CLASS "/%s/recovery", id);
	finding = doctor_find(doctor, TOPIC, id, DOCTOR_OK, "%s, %s%s%s",
			      remote->name[0] ? remote->name : "without a name",
			      remote->state[0] ? remote->state : "of unknown state",
			      recovery[0] ? ", recovery " : "", recovery);
	doctor_fact_text(finding->facts, "remote", id);
	doctor_fact_text(finding->facts, "name", remote->name);
	doctor_fact_text(finding->facts, "state", remote->state);
	doctor_fact_text(finding->facts, "recovery", recovery);
	snprintf(device, sizeof(device), CLASS "/%s/device", id);
	look_at_node(doctor, remote, device, finding);
	if (doctor_exists(doctor, "%s/iommu_group", device))
		remote->iommu = true;
	doctor_fact_flag(finding->facts, "iommu", remote->iommu);
	if (remote->iommu)
		doctor_find(doctor, TOPIC, "  IOMMU", DOCTOR_OK,
			    "behind one: what it reaches can be enforced");
	look_at_firmware(doctor, remote, finding->facts);
	look_at_control(doctor, remote, finding->facts);
}

/* A coprocessor that the device tree has and the kernel has not. */
static void look_for_unbound(struct doctor *doctor, const char *node)
{
	char compatible[DOCTOR_NAME], status[DOCTOR_NAME], device[DOCTOR_PATH], other[DOCTOR_PATH];
	struct doctor_finding *finding;

	if (!doctor_tree_text(doctor, node, "compatible", compatible, sizeof(compatible)))
		return;
	size_t which = look_up(compatible);
	if (which == KNOWN)
		return;
	for (uint32_t i = 0; i < doctor->remote_count; i++) {
		snprintf(device, sizeof(device), CLASS "/%s/device", doctor->remotes[i].id);
		/* its node, or that of the cluster it is in, or a core of it */
		if (doctor_tree_node(doctor, device, other) &&
		    (!strncmp(node, other, strlen(node)) || !strncmp(node, other, strlen(other))))
			return;
	}
	bool disabled = doctor_tree_text(doctor, node, "status", status, sizeof(status)) &&
			strcmp(status, "okay") != 0 && strcmp(status, "ok") != 0;
	doctor->unbound_count += !disabled;
	finding = doctor_find(doctor, TOPIC, known[which].what,
			      disabled ? DOCTOR_NOTE : DOCTOR_MISSING,
			      "the device tree has %s (%s), %s", node, compatible,
			      disabled ? "which is disabled" : "which no driver has");
	doctor_fact_text(finding->facts, "node", node);
	doctor_fact_text(finding->facts, "compatible", compatible);
	doctor_fact_flag(finding->facts, "disabled", disabled);
	if (disabled)
		snprintf(finding->remedy, DOCTOR_TEXT, "status = \"okay\" in the device tree");
	else if (known[which].option)
		doctor_enable(doctor, known[which].option, known[which].module, finding->remedy);
	else
		snprintf(finding->remedy, DOCTOR_TEXT, "modprobe %s", known[which].module);
}

void doctor_remoteproc(struct doctor *doctor)
{
	struct doctor_names names;
	struct doctor_finding *finding;

	doctor_list(doctor, &names, "remoteproc", CLASS);
	for (uint32_t i = 0; i < names.count && i < DOCTOR_REMOTES; i++)
		look_at_remote(doctor, names.names[i]);
	doctor_tree_walk(doctor, look_for_unbound);
	if (doctor->remote_count)
		return;
	finding = doctor_find(doctor, TOPIC, "remoteproc", DOCTOR_MISSING,
			      doctor_exists(doctor, CLASS)
				      ? "the kernel has no remote processor"
				      : "the kernel knows no remote processors");
	if (doctor_option(doctor, "REMOTEPROC") == DOCTOR_OPTION_ON)
		snprintf(finding->remedy, DOCTOR_TEXT, "%s",
			 doctor->unbound_count
				 ? "the driver of the coprocessor above"
				 : "a node for the coprocessor in the device tree, and its driver; "
				   "without a board: make vsoc");
	else
		doctor_enable(doctor, "REMOTEPROC", "remoteproc", finding->remedy);
}
