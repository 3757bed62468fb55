/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small program outside of the project, built against an installed Amphora.
 * Test code. With AMPH_NAME_MAX defined otherwise on the command line it must find out at once.
 */
#include <stdio.h>
#include <string.h>

#include <amphora/error.h>
#include <amphora/version.h>

int main(void)
{
	if (strcmp(amph_version(), AMPH_VERSION_STRING) != 0) {
		printf("headers are %s, the library is %s\n", AMPH_VERSION_STRING, amph_version());
		return 1;
	}
	if (amph_abi_check(AMPH_ABI, 1, 1) != 0) {
		printf("built with other limits than the library\n");
		return 2;
	}
	printf("amphora %s\n", amph_version());
	return 0;
}
