/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor, kernel configuration: read from where kernels leave it, compressed or not.
 * The only file of the doctor that knows zlib.
 */
#include "doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define CONFIG_MAX (2u << 20) /* bytes, uncompressed; Debian's has 0.3 MB */

struct doctor_config {
	size_t size;
	char text[]; /* begins with a newline, ends with one and a NUL */
};

/* gzread() also reads what is not compressed. */
static struct doctor_config *read_config(int fd)
{
	struct doctor_config *config = malloc(sizeof(*config) + CONFIG_MAX + 3);
	gzFile file = config ? gzdopen(fd, "rb") : NULL;

	if (!file) {
		close(fd);
		free(config);
		return NULL;
	}
	config->text[0] = '\n';
	int count = gzread(file, config->text + 1, CONFIG_MAX);
	gzclose_r(file);
	config->size = count < 0 ? 0 : (size_t)count;
	config->text[config->size + 1] = '\n';
	config->text[config->size + 2] = 0;
	/* a NUL in it would end it, and any text is no configuration */
	if (!strstr(config->text, "\nCONFIG_")) {
		free(config);
		return NULL;
	}
	return config;
}

struct doctor_config *doctor_config_read(const struct doctor *doctor, char where[DOCTOR_PATH])
{
	static const char *const places[] = {
		"proc/config.gz", "boot/config-%s", "lib/modules/%s/config",
		"lib/modules/%s/build/.config", "usr/lib/modules/%s/config"};
	struct doctor_config *config = NULL;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !config; i++) {
		const char *release = strstr(places[i], "%s");
		int length = release ? (int)(release - places[i]) : (int)strlen(places[i]);

		if (release && !doctor->release[0])
			continue;
		snprintf(where, DOCTOR_PATH, "%.*s%s%s", length, places[i],
			 release ? doctor->release : "", release ? release + 2 : "");
		int fd = doctor_open(doctor, "%s", where);
		if (fd >= 0)
			config = read_config(fd);
	}
	return config;
}

void doctor_config_free(struct doctor_config *config)
{
	free(config);
}

enum doctor_option doctor_option(const struct doctor *doctor, const char *name)
{
	char line[DOCTOR_NAME];

	if (!doctor->config)
		return DOCTOR_OPTION_UNKNOWN;
	int length = snprintf(line, sizeof(line), "\nCONFIG_%s=", name);
	const char *found = strstr(doctor->config->text, line);
	if (!found)
		return DOCTOR_OPTION_OFF;
	return found[length] == 'm' ? DOCTOR_OPTION_MODULE : DOCTOR_OPTION_ON;
}
