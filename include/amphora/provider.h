/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Provider: the plug-in table for where a buffer's memory comes from.
 * Memory layer. A provider is one small file that embeds struct amph_provider first in its own struct.
 */
#ifndef AMPHORA_PROVIDER_H
#define AMPHORA_PROVIDER_H

#include <stdint.h>

#include <amphora/shm.h>

#ifdef __cplusplus
extern "C" {
#endif

struct amph_provider_ops {
	/*
	 * Gets shm->size bytes of zeroed memory for shm->name (the part after the colon is `name`),
	 * honouring shm->flags. Fills va, handle, handle_offset, storage.segments, segment_count and
	 * private_data; sets AMPH_SHM_PROTECTED in flags where the CPU can't map it, and then no va.
	 * Returns 0 or -errno with shm->why set; on error nothing is held.
	 */
	int (*open)(struct amph_provider *provider, struct amph_shm *shm, const char *name);
	/* Takes the memory back: no target reaches it any more. Cannot fail. */
	void (*close)(struct amph_provider *provider, struct amph_shm *shm);
};

struct amph_provider {
	const char *name; /* before the colon; lives as long as the provider */
	const struct amph_provider_ops *ops;
	struct amph_provider *next;
};

#ifdef __cplusplus
}
#endif

#endif
