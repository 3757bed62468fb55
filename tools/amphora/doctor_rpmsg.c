/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor, RPMsg: the services that remote processors announce, and the devices to speak to them.
 */
#include "doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TOPIC "RPMsg"

/* The remote processor whose name is in a device's path. */
static struct doctor_remote *owner(struct doctor *doctor, const char *link)
{
	for (uint32_t i = 0; i < doctor->remote_count; i++) {
		const char *id = doctor->remotes[i].id;
		const char *found = strstr(link, id);
		size_t length = strlen(id);

		while (found && (found == link || found[-1] != '/' || found[length] != '/'))
			found = strstr(found + 1, id);
		if (found)
			return &doctor->remotes[i];
	}
	return NULL;
}

static void look_at_service(struct doctor *doctor, const char *device)
{
	char service[DOCTOR_NAME], link[DOCTOR_PATH], driver[DOCTOR_PATH];
	uint64_t source = 0, destination = 0;
	struct doctor_finding *finding;

	if (!doctor_line(doctor, service, sizeof(service), "sys/bus/rpmsg/devices/%s/name", device))
		return;
	doctor_link(doctor, link, sizeof(link), "sys/bus/rpmsg/devices/%s", device);
	bool bound = doctor_link(doctor, driver, sizeof(driver), "sys/bus/rpmsg/devices/%s/driver",
				 device);
	const struct doctor_remote *remote = owner(doctor, link);
	doctor_number(doctor, &source, "sys/bus/rpmsg/devices/%s/src", device);
	doctor_number(doctor, &destination, "sys/bus/rpmsg/devices/%s/dst", device);
	const char *slash = strrchr(driver, '/');
	finding = doctor_find(doctor, TOPIC, service, DOCTOR_OK,
			      "a service of %s at 0x%" PRIx64 "%s%s",
			      remote ? remote->id : "somebody", destination,
			      bound ? ", driver " : "", slash ? slash + 1 : "");
	/* what the kernel makes for itself is not announced by anybody */
	finding->detail = !strcmp(service, "rpmsg_ctrl") || !strcmp(service, "rpmsg_ns");
	doctor_fact_text(finding->facts, "service", service);
	doctor_fact_text(finding->facts, "device", device);
	doctor_fact_text(finding->facts, "remote", remote ? remote->id : "");
	doctor_fact_number(finding->facts, "source", source);
	doctor_fact_number(finding->facts, "destination", destination);
}

static void look_at_device(struct doctor *doctor, const char *name)
{
	char path[DOCTOR_PATH], why[DOCTOR_TEXT], remedy[DOCTOR_TEXT], link[DOCTOR_PATH];
	bool control = !strncmp(name, "rpmsg_ctrl", 10);
	struct doctor_finding *finding;
	char service[DOCTOR_NAME];

	doctor_link(doctor, link, sizeof(link), "sys/class/rpmsg/%s", name);
	struct doctor_remote *remote = owner(doctor, link);
	snprintf(path, sizeof(path), "dev/%s", name);
	enum doctor_access access = doctor_may_open(doctor, path, "rpmsg", why, remedy);
	finding = doctor_find(doctor, TOPIC, name,
			      access == DOCTOR_GRANTED	 ? DOCTOR_OK
			      : access == DOCTOR_REFUSED ? DOCTOR_DENIED
							 : DOCTOR_MISSING,
			      "%s of %s", control ? "makes endpoints" : "an endpoint",
			      remote ? remote->id : "somebody");
	if (doctor_line(doctor, service, sizeof(service), "sys/class/rpmsg/%s/name", name)) {
		doctor_append(finding->text, DOCTOR_TEXT, ", %s", service);
		doctor_fact_text(finding->facts, "service", service);
	}
	if (access == DOCTOR_ABSENT) {
		doctor_append(finding->text, DOCTOR_TEXT, ": there is no /%s", path);
		snprintf(finding->remedy, DOCTOR_TEXT,
			 "mount devtmpfs on /dev, or give the container the device");
	} else if (access == DOCTOR_REFUSED) {
		doctor_append(finding->text, DOCTOR_TEXT, ": %s", why);
		snprintf(finding->remedy, DOCTOR_TEXT, "%s", remedy);
	}
	doctor_fact_text(finding->facts, "device", name);
	doctor_fact_text(finding->facts, "remote", remote ? remote->id : "");
	doctor_fact_flag(finding->facts, "usable", access == DOCTOR_GRANTED);
	if (!remote)
		return;
	remote->channel = true;
	remote->endpoint |= access == DOCTOR_GRANTED;
}

void doctor_rpmsg(struct doctor *doctor)
{
	struct doctor_finding *finding;
	struct doctor_names names;

	doctor_list(doctor, &names, "", "sys/bus/rpmsg/devices");
	for (uint32_t i = 0; i < names.count; i++)
		look_at_service(doctor, names.names[i]);
	uint32_t services = names.count;
	doctor_list(doctor, &names, "rpmsg", "sys/class/rpmsg");
	for (uint32_t i = 0; i < names.count; i++)
		look_at_device(doctor, names.names[i]);
	if (names.count)
		return;
	if (!doctor_exists(doctor, "sys/bus/rpmsg")) {
		finding = doctor_find(doctor, TOPIC, "bus", DOCTOR_MISSING,
				      "the kernel has no RPMsg bus");
		doctor_enable(doctor, "RPMSG_VIRTIO", "virtio_rpmsg_bus", finding->remedy);
	} else if (services || !doctor_exists(doctor, "sys/class/rpmsg")) {
		finding = doctor_find(doctor, TOPIC, "rpmsg_ctrl", DOCTOR_MISSING,
				      "nothing makes /dev/rpmsgN for programs");
		doctor_enable(doctor, "RPMSG_CTRL", "rpmsg_ctrl", finding->remedy);
		doctor_append(finding->remedy, DOCTOR_TEXT, "; ");
		doctor_enable(doctor, "RPMSG_CHAR", "rpmsg_char", finding->remedy);
	} else {
		doctor_find(doctor, TOPIC, "endpoints", DOCTOR_NOTE,
			    "none: they come when a remote processor with an RPMsg vdev in "
			    "its resource table runs");
	}
}
