/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Version, and the stamp by which a library and a program built with other limits find out.
 */
#ifndef AMPHORA_VERSION_H
#define AMPHORA_VERSION_H

#include <stdint.h>

#include <amphora/config.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AMPH_VERSION_MAJOR  0
#define AMPH_VERSION_MINOR  1
#define AMPH_VERSION_PATCH  0
#define AMPH_VERSION_STRING "0.1.0"

/* Everything that shapes the public structures, folded into one number. */
#define AMPH_ABI                                                                   \
	((uint32_t)(AMPH_VERSION_MAJOR << 28 | AMPH_VERSION_MINOR << 20) ^         \
	 ((uint32_t)AMPH_NAME_MAX << 10) ^ ((uint32_t)AMPH_ATTACHMENTS_MAX << 4) ^ \
	 (uint32_t)AMPH_MESSAGE_MAX ^ (uint32_t)(sizeof(void *) << 19))

/* "major.minor.patch" of the library that is linked. */
const char *amph_version(void);

/*
 * Compares the caller's AMPH_ABI and a context's size with the library's.
 * Returns 0, or -EPROTO on any difference. Initialisation functions call it.
 */
int amph_abi_check(uint32_t abi, uint32_t size, uint32_t expected_size);

#ifdef __cplusplus
}
#endif

#endif
