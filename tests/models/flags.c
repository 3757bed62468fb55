/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: see flags.h.
 */
#include "flags.h"

#include <stdlib.h>
#include <string.h>

static int flag_count;
static char **flags;

void model_flags(int argc, char **argv)
{
	flag_count = argc - 1;
	flags = argv + 1;
}

int model_flag(const char *name, int otherwise)
{
	size_t length = strlen(name);

	for (int i = 0; i < flag_count; i++) {
		if (strncmp(flags[i], name, length) != 0)
			continue;
		if (flags[i][length] == '=')
			return atoi(flags[i] + length + 1);
		if (!flags[i][length])
			return 1;
	}
	return otherwise;
}
