/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Version, and the stamp by which a library and a program built with other limits find out.
 * Knows the limits of config.h. The initialisation of every context checks it: memory, session, RPMsg,
 * remote processors, pools, memory maps, channels. What can't say no or is only a part of one of them
 * does not (a process target, the memfd provider, io, vrings, virtqueues).
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

/* One step of a hash: for one earlier part, every value gives another result. */
#define AMPH_ABI_FOLD(hash, value) (((uint32_t)(hash) ^ (uint32_t)(value)) * UINT32_C(16777619))

/*
 * Grows with a change that no structure's size shows: another member of a plug-in table, or one that
 * took the place of padding.
 */
#define AMPH_ABI_REVISION 3

/* Everything that shapes the public structures, folded into one number. */
#define AMPH_ABI                                                                                   \
	AMPH_ABI_FOLD(AMPH_ABI_FOLD(AMPH_ABI_FOLD(AMPH_ABI_FOLD(AMPH_VERSION_MAJOR << 24 |         \
									AMPH_VERSION_MINOR << 16 | \
									AMPH_ABI_REVISION,         \
								AMPH_NAME_MAX),                    \
						  AMPH_ATTACHMENTS_MAX),                           \
				    AMPH_MESSAGE_MAX),                                             \
		      sizeof(void *))

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
