/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Caches: clean, invalidate, both, by virtual address range.
 * Platform layer: each port defines these functions. Called by a target's sync, never by an
 * application.
 */
#ifndef AMPHORA_CACHE_H
#define AMPHORA_CACHE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The largest cache line in bytes that this processor's data caches have, 1 where it has none.
 * Any context.
 */
uint32_t amph_cache_line(void);

/*
 * Clean: what the CPU wrote is in memory when it returns. Invalidate: the CPU's next read comes
 * from memory. Flush: both. Lines that the range only touches are maintained whole.
 * va: start, any alignment; length in bytes. Returns 0, or -ENOTSUP where the processor or the
 * privilege level has no such instruction: the memory must then be coherent or uncached. Any context.
 */
int amph_cache_clean(const void *va, size_t length);
int amph_cache_invalidate(void *va, size_t length);
int amph_cache_flush(void *va, size_t length);

#ifdef __cplusplus
}
#endif

#endif
