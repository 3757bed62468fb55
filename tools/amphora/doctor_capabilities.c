/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor, verdicts: what Amphora can do here for this user, from what was found. Nothing is looked at.
 */
#include "doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SHORT_BUFFER "only memory that is set aside"

/* The providers that a device can reach, as a list. Returns whether there is any. */
static bool list_providers(const struct doctor *doctor, bool contiguous_only,
			   char list[DOCTOR_TEXT])
{
	list[0] = 0;
	for (uint32_t i = 0; i < doctor->heap_count; i++) {
		const struct doctor_heap *heap = &doctor->heaps[i];

		if (!heap->usable || heap->protected_memory ||
		    (contiguous_only && !heap->contiguous))
			continue;
		doctor_append(list, DOCTOR_TEXT, "%sheap %s (%s)", list[0] ? ", " : "", heap->name,
			      heap->contiguous		      ? "contiguous"
			      : !strcmp(heap->name, "system") ? "scattered"
							      : "of unknown kind");
	}
	if (doctor->udmabuf && doctor->memfd && !contiguous_only)
		doctor_append(list, DOCTOR_TEXT, "%sudmabuf (pages)", list[0] ? ", " : "");
	return list[0];
}

static void judge_allocation(struct doctor *doctor)
{
	char list[DOCTOR_TEXT];
	bool any = list_providers(doctor, false, list);
	struct doctor_capability *can = doctor_can(doctor, "allocate", "",
						   any ? DOCTOR_YES : DOCTOR_NO,
						   "allocate buffers that devices reach");

	doctor_append(can->how, DOCTOR_TEXT, "%s",
		      any ? list : "no dma-heap and no udmabuf is usable by this user");
	any = list_providers(doctor, true, list);
	can = doctor_can(doctor, "allocate-contiguous", "",
			 any		     ? DOCTOR_YES
			 : doctor->map_count ? DOCTOR_PARTLY
					     : DOCTOR_NO,
			 "allocate contiguous buffers");
	doctor_append(can->how, DOCTOR_TEXT, "%s",
		      any		  ? list
		      : doctor->map_count ? SHORT_BUFFER ", through UIO"
					  : "no usable heap is contiguous");
	if (any && doctor->cma_total)
		doctor_append(can->how, DOCTOR_TEXT,
			      "; %" PRIu64 " of %" PRIu64 " MiB of CMA are free",
			      doctor->cma_free >> 20, doctor->cma_total >> 20);
	can = doctor_can(doctor, "processes", "", doctor->memfd ? DOCTOR_YES : DOCTOR_NO,
			 "share buffers between processes");
	doctor_append(can->how, DOCTOR_TEXT, "%s",
		      doctor->memfd ? "memfd" : "the kernel has no memfd, or it can't be told");
}

/* What stands in the way of the module's way, as a list. */
static void list_obstacles(const struct doctor *doctor, const struct doctor_remote *remote,
			   bool providers, char list[DOCTOR_TEXT])
{
	list[0] = 0;
	if (!doctor->module)
		doctor_append(list, DOCTOR_TEXT, "there is no /dev/amphora");
	else if (!doctor->module_usable)
		doctor_append(list, DOCTOR_TEXT, "/dev/amphora is not usable");
	if (!remote->openable && !remote->endpoint)
		doctor_append(list, DOCTOR_TEXT, "%snot one device file of it can be opened",
			      list[0] ? ", " : "");
	if (!providers)
		doctor_append(list, DOCTOR_TEXT, "%sno dma-heap or udmabuf is usable",
			      list[0] ? ", " : "");
	if (doctor->bounce_forced)
		doctor_append(list, DOCTOR_TEXT, "%sswiotlb=force makes every mapping a copy",
			      list[0] ? ", " : "");
}

/* Set-aside memory that it reaches, with its device addresses. Returns whether there is any. */
static bool list_maps(const struct doctor *doctor, const struct doctor_remote *remote,
		      char list[DOCTOR_TEXT])
{
	list[0] = 0;
	for (uint32_t i = 0; i < doctor->map_count; i++) {
		const struct doctor_map *map = &doctor->maps[i];
		uint64_t da = map->pa;

		if (doctor_out_of_reach(remote, map->pa, map->size))
			continue;
		for (uint32_t j = 0; j < remote->window_count; j++) {
			const struct doctor_window *window = &remote->windows[j];

			if (map->pa >= window->pa && map->pa - window->pa < window->size)
				da = map->pa - window->pa + window->da;
		}
		doctor_append(list, DOCTOR_TEXT,
			      "%s%s, %" PRIu64 " KiB, pa 0x%" PRIx64 ", da 0x%" PRIx64,
			      list[0] ? "; " : "", map->device, map->size >> 10, map->pa, da);
	}
	return list[0];
}

static void judge_sharing(struct doctor *doctor, const struct doctor_remote *remote)
{
	char providers[DOCTOR_TEXT], contiguous[DOCTOR_TEXT], obstacles[DOCTOR_TEXT],
		maps[DOCTOR_TEXT];
	bool any = list_providers(doctor, false, providers);
	bool one = list_providers(doctor, true, contiguous);
	struct doctor_capability *can = doctor_can(doctor, "share", remote->id, DOCTOR_NO,
						   "share buffers with a remote processor");

	list_obstacles(doctor, remote, any, obstacles);
	if (!obstacles[0]) {
		can->answer = DOCTOR_YES;
		doctor_append(can->how, DOCTOR_TEXT, "through /dev/amphora: %s%s", providers,
			      remote->iommu ? "; its IOMMU enforces the limits" : "");
		if (remote->out_of_reach) {
			can->answer = DOCTOR_PARTLY;
			doctor_append(can->how, DOCTOR_TEXT,
				      "; but %" PRIu64 " MiB of DRAM are out of its reach",
				      remote->out_of_reach >> 20);
		}
		if (strcmp(remote->state, "running") != 0 && strcmp(remote->state, "attached") != 0)
			doctor_append(can->how, DOCTOR_TEXT, "; once it runs: it is %s",
				      remote->state[0] ? remote->state : "in an unknown state");
	} else if (remote->ti && remote->openable && one && !doctor->bounce_forced) {
		can->answer = DOCTOR_PARTLY;
		doctor_append(
			can->how, DOCTOR_TEXT,
			"contiguous ones, through TI's remoteproc ioctl%s: %s; the rest not: %s",
			remote->ti_asked ? "" : " (if this kernel is TI's)", contiguous, obstacles);
	} else if (list_maps(doctor, remote, maps)) {
		can->answer = DOCTOR_PARTLY;
		doctor_append(can->how, DOCTOR_TEXT,
			      SHORT_BUFFER ", through UIO: %s; the rest not: %s", maps, obstacles);
	} else {
		doctor_append(can->how, DOCTOR_TEXT, "%s", obstacles);
	}
}

static void judge_remote(struct doctor *doctor, const struct doctor_remote *remote)
{
	struct doctor_capability *can;

	judge_sharing(doctor, remote);
	can = doctor_can(doctor, "control", remote->id,
			 remote->controllable ? DOCTOR_YES : DOCTOR_NO,
			 "start and stop a remote processor");
	doctor_append(can->how, DOCTOR_TEXT, "%s",
		      remote->controllable ? "through sysfs" : "this user may not write its state");
	can = doctor_can(doctor, "message", remote->id,
			 remote->endpoint  ? DOCTOR_YES
			 : remote->channel ? DOCTOR_NO
					   : DOCTOR_PARTLY,
			 "send messages to a remote processor");
	if (!remote->channel && (doctor_option(doctor, "RPMSG_CHAR") == DOCTOR_OPTION_OFF ||
				 doctor_option(doctor, "RPMSG_CTRL") == DOCTOR_OPTION_OFF))
		can->answer = DOCTOR_NO;
	doctor_append(can->how, DOCTOR_TEXT, "%s",
		      remote->endpoint		 ? "through RPMsg endpoints"
		      : remote->channel		 ? "this user may open none of its RPMsg devices"
		      : can->answer == DOCTOR_NO ? "the kernel has not RPMSG_CHAR and RPMSG_CTRL"
		      : !strcmp(remote->state, "running")
			      ? "it runs, and has no RPMsg endpoint: its firmware decides"
			      : "once it runs, if its firmware has an RPMsg vdev");
}

static void judge_devices(struct doctor *doctor)
{
	bool now = doctor->vfio_container && doctor->vfio_usable && doctor->group_count;
	bool later = doctor->vfio && doctor->group_count;
	struct doctor_capability *can =
		doctor_can(doctor, "device", "",
			   now	   ? DOCTOR_YES
			   : later ? DOCTOR_PARTLY
				   : DOCTOR_NO,
			   "share buffers with a device behind an IOMMU, limits enforced");

	if (now)
		doctor_append(can->how, DOCTOR_TEXT, "through VFIO: %u groups are this user's",
			      doctor->vfio_usable);
	else if (later)
		doctor_append(can->how, DOCTOR_TEXT, "%s",
			      doctor->vfio_count || !doctor->vfio_container
				      ? "the devices are there, and not this user's"
				      : "once a device has a VFIO driver");
	else
		doctor_append(can->how, DOCTOR_TEXT, "%s",
			      !doctor->iommu_count ? "there is no IOMMU"
			      : !doctor->group_count
				      ? "no device is behind an IOMMU"
				      : "the kernel has no VFIO, or it is not loaded");
}

void doctor_capabilities(struct doctor *doctor)
{
	struct doctor_capability *can;

	for (uint32_t i = 0; i < doctor->remote_count; i++)
		judge_remote(doctor, &doctor->remotes[i]);
	if (!doctor->remote_count) {
		can = doctor_can(doctor, "share", "", DOCTOR_NO,
				 "share buffers with a remote processor");
		doctor_append(can->how, DOCTOR_TEXT, "%s",
			      doctor->unbound_count
				      ? "the device tree has one, and no driver has it"
				      : "there is none");
	}
	judge_devices(doctor);
	judge_allocation(doctor);
}
