/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Version and ABI stamp of the library as it was built.
 */
#include <amphora/error.h>
#include <amphora/version.h>

const char *amph_version(void)
{
	return AMPH_VERSION_STRING;
}

int amph_abi_check(uint32_t abi, uint32_t size, uint32_t expected_size)
{
	return abi == AMPH_ABI && size == expected_size ? 0 : -EPROTO;
}
