/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * insmod: loads a kernel module. Runs inside the virtual SoC.
 * usage: insmod MODULE|FILE [PARAMETER=VALUE...]     a MODULE is a file of /lib/modules
 */
#include <stdio.h>
#include <string.h>

#include "module.h"

#define MODULES "/lib/modules/"

int main(int count, char **arguments)
{
	char path[4096], parameters[1024] = "";
	size_t used = 0;

	if (count < 2) {
		fputs("usage: insmod MODULE|FILE [PARAMETER=VALUE...]\n", stderr);
		return 2;
	}
	if (strchr(arguments[1], '/'))
		snprintf(path, sizeof(path), "%s", arguments[1]);
	else
		snprintf(path, sizeof(path), MODULES "%s.ko", arguments[1]);
	for (int i = 2; i < count; i++) {
		size_t left = sizeof(parameters) - used;
		int length = snprintf(parameters + used, left, "%s ", arguments[i]);

		if (length < 0 || (size_t)length >= left) {
			fputs("insmod: too many parameters\n", stderr);
			return 2;
		}
		used += (size_t)length;
	}
	int error = module_load(path, parameters);
	if (error)
		fprintf(stderr, "insmod: %s: %s\n", path, strerror(-error));
	return error ? 1 : 0;
}
