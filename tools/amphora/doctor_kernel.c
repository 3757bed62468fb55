/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor, kernel: its release, its command line, the options that Amphora can use, and its modules.
 */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define TOPIC	    "kernel"
#define MODULES_MAX 131072 /* bytes of a list of modules */

static const struct {
	const char *name;
	const char *module; /* NULL: never one */
	const char *gives;
	bool optional; /* without it something is less comfortable; nothing is lost */
} options[] = {
	{"MODULES", NULL, "modules: /dev/amphora is one", false},
	{"DMA_SHARED_BUFFER", NULL, "dma-buf: memory as a file descriptor", false},
	{"DMABUF_HEAPS", NULL, "/dev/dma_heap: buffers that devices reach", false},
	{"DMABUF_HEAPS_SYSTEM", NULL, "the heap system: scattered pages", false},
	{"DMABUF_HEAPS_CMA", NULL, "a heap of contiguous memory", false},
	{"CMA", NULL, "contiguous memory set aside, and lent until it is needed", false},
	{"DMA_CMA", NULL, "CMA for devices: cma= on the command line, or a device tree pool",
	 false},
	{"UDMABUF", "udmabuf", "/dev/udmabuf: memory of the program as a dma-buf", false},
	{"MEMFD_CREATE", NULL, "memfd: buffers between processes, and udmabuf's memory", false},
	{"HUGETLBFS", NULL, "huge pages: udmabuf buffers of few segments", true},
	{"REMOTEPROC", "remoteproc", "remote processors: load, start, stop, recover", false},
	{"REMOTEPROC_CDEV", NULL, "/dev/remoteprocN: the proof that /dev/amphora asks for", false},
	{"RPMSG_CHAR", "rpmsg_char", "/dev/rpmsgN: messages from programs", false},
	{"RPMSG_CTRL", "rpmsg_ctrl", "/dev/rpmsg_ctrlN: makes /dev/rpmsgN", false},
	{"RPMSG_VIRTIO", "virtio_rpmsg_bus", "RPMsg over virtio rings", false},
	{"RPMSG_NS", "rpmsg_ns", "RPMsg services announce their names", false},
	{"IOMMU_SUPPORT", NULL, "IOMMUs: limits that hardware enforces", false},
	{"VFIO", "vfio", "devices in user space, behind an IOMMU", false},
	{"VFIO_IOMMU_TYPE1", "vfio_iommu_type1", "maps buffers for a VFIO device", false},
	{"VFIO_PCI", "vfio_pci", "VFIO for PCI functions", false},
	{"VFIO_PLATFORM", "vfio_platform", "VFIO for devices on a platform bus", true},
	{"UIO", "uio", "/dev/uioN: memory and registers that are set aside, in user space", true},
	{"UIO_PDRV_GENIRQ", "uio_pdrv_genirq", "UIO by a device tree node", true},
	{"HWSPINLOCK", NULL, "locks in hardware, shared with a coprocessor", true},
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

/* Modules are named with _ where their files may have a -. */
static bool same_name(const char *file, size_t length, const char *module)
{
	if (strlen(module) != length)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((file[i] == '-' ? '_' : file[i]) != module[i])
			return false;
	return true;
}

/* Whether a list has a line with this module; in modules.builtin it is the file's name, behind a path. */
static bool listed(const struct doctor *doctor, const char *path, const char *module)
{
	char *text = malloc(MODULES_MAX), *save = NULL;
	bool found = false;

	if (text && doctor_read(doctor, text, MODULES_MAX, "%s", path) > 0) {
		for (char *line = strtok_r(text, "\n", &save); line && !found;
		     line = strtok_r(NULL, "\n", &save)) {
			line[strcspn(line, " ")] = 0;
			char *slash = strrchr(line, '/');
			char *file = slash ? slash + 1 : line;
			found = same_name(file, strcspn(file, "."), module);
		}
	}
	free(text);
	return found;
}

bool doctor_module_there(const struct doctor *doctor, const char *name)
{
	char path[DOCTOR_PATH];

	if (doctor_exists(doctor, "sys/module/%s", name) || listed(doctor, "proc/modules", name))
		return true;
	snprintf(path, sizeof(path), "lib/modules/%s/modules.builtin", doctor->release);
	return doctor->release[0] && listed(doctor, path, name);
}

void doctor_enable(const struct doctor *doctor, const char *option, const char *module,
		   char remedy[DOCTOR_TEXT])
{
	if (module && doctor_option(doctor, option) == DOCTOR_OPTION_MODULE)
		doctor_append(remedy, DOCTOR_TEXT, "modprobe %s", module);
	else
		doctor_append(remedy, DOCTOR_TEXT, "build the kernel with CONFIG_%s=y", option);
}

/* Returns whether its code is there. Not shown one by one: the list of what is missing is shorter. */
static bool look_at_option(struct doctor *doctor, size_t number)
{
	const char *name = options[number].name, *module = options[number].module;
	enum doctor_option option = doctor_option(doctor, name);
	bool there = option == DOCTOR_OPTION_ON || (module && option == DOCTOR_OPTION_MODULE &&
						    doctor_module_there(doctor, module));
	enum doctor_status status = there		       ? DOCTOR_OK
				    : options[number].optional ? DOCTOR_NOTE
							       : DOCTOR_MISSING;
	static const char *const how[] = {"unknown", "off", "a module", "built in"};
	struct doctor_finding *finding;

	finding = doctor_find(doctor, TOPIC, name, status, "%s%s: %s", how[option],
			      option != DOCTOR_OPTION_MODULE ? ""
			      : there			     ? ", loaded"
							     : ", not loaded",
			      options[number].gives);
	finding->detail = true;
	if (!there)
		doctor_enable(doctor, name, module, finding->remedy);
	doctor_fact_text(finding->facts, "option", name);
	doctor_fact_text(finding->facts, "value",
			 option == DOCTOR_OPTION_MODULE ? "m"
			 : option == DOCTOR_OPTION_ON	? "y"
							: "n");
	if (module)
		doctor_fact_flag(finding->facts, "loaded", there);
	return there;
}

static void look_at_options(struct doctor *doctor)
{
	char where[DOCTOR_PATH], load[DOCTOR_TEXT] = "", build[DOCTOR_TEXT] = "";
	uint32_t fine = 0;

	doctor->config = doctor_config_read(doctor, where);
	if (!doctor->config) {
		struct doctor_finding *finding = doctor_find(
			doctor, TOPIC, "configuration", DOCTOR_NOTE,
			"not found: what the kernel can't do can't be told from what it "
			"has not been asked for");
		snprintf(finding->remedy, DOCTOR_TEXT,
			 "CONFIG_IKCONFIG_PROC=y (or modprobe configs) gives /proc/config.gz; or "
			 "keep /boot/config-RELEASE");
		return;
	}
	struct doctor_finding *summary =
		doctor_find(doctor, TOPIC, "configuration", DOCTOR_OK, "/%s: ", where);
	for (size_t i = 0; i < OPTIONS; i++) {
		if (look_at_option(doctor, i)) {
			fine++;
			continue;
		}
		if (options[i].optional)
			continue;
		summary->status = DOCTOR_MISSING;
		if (doctor_option(doctor, options[i].name) == DOCTOR_OPTION_MODULE)
			doctor_append(load, sizeof(load), " %s", options[i].module);
		else
			doctor_append(build, sizeof(build), " %s=y", options[i].name);
	}
	doctor_append(summary->text, DOCTOR_TEXT,
		      "%u of %zu options that Amphora can use are there", fine, OPTIONS);
	if (load[0])
		doctor_append(summary->remedy, DOCTOR_TEXT, "modprobe -a%s%s", load,
			      build[0] ? "; " : "");
	if (build[0])
		doctor_append(summary->remedy, DOCTOR_TEXT, "build the kernel with%s", build);
	doctor_fact_text(summary->facts, "path", where);
}

static void name_kernel(struct doctor *doctor)
{
	struct utsname names;

	doctor_line(doctor, doctor->release, sizeof(doctor->release), "proc/sys/kernel/osrelease");
	if (doctor->live && !uname(&names)) {
		snprintf(doctor->release, sizeof(doctor->release), "%.*s", DOCTOR_NAME - 1,
			 names.release);
		snprintf(doctor->machine, sizeof(doctor->machine), "%.*s", DOCTOR_NAME - 1,
			 names.machine);
	}
	if (strchr(doctor->release, '/') || doctor->release[0] == '.')
		doctor->release[0] = 0; /* it becomes a part of paths */
}

void doctor_kernel(struct doctor *doctor)
{
	name_kernel(doctor);
	doctor_line(doctor, doctor->command_line, sizeof(doctor->command_line), "proc/cmdline");
	if (doctor->command_line[0])
		doctor_find(doctor, TOPIC, "command line", DOCTOR_NOTE, "%s", doctor->command_line)
			->detail = true;
	look_at_options(doctor);
}
