/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O region: one stretch of memory or registers, under its virtual, physical and device address.
 * Platform layer: pure arithmetic, the same on every port; the map between physical and device
 * addresses is here too. Knows nothing of buffers.
 */
#ifndef AMPHORA_IO_H
#define AMPHORA_IO_H

#include <stdint.h>

#include <amphora/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All three addresses name the same first byte; size in bytes. va may be NULL: not mapped here. */
struct amph_io {
	void *va;
	uint64_t pa;
	uint64_t da;
	uint64_t size;
};

/* One straight piece of a processor's view: pa .. pa + length - 1 is da .. da + length - 1 there. */
struct amph_window {
	uint64_t pa;
	uint64_t da;
	uint64_t length;
};

/* A processor's whole view; the caller's array. Windows overlap in neither space. */
struct amph_map {
	const struct amph_window *windows;
	uint32_t count;
};

/*
 * Fills a region. Returns 0, or -EINVAL when size is 0 or any address would wrap around.
 */
int amph_io_init(struct amph_io *io, void *va, uint64_t pa, uint64_t da, uint64_t size);

/*
 * Virtual addresses from physical or device ones: address .. address + length - 1 must lie inside.
 * Returns 0 and *va, or -ERANGE. length may be 0.
 */
int amph_io_pa_to_va(const struct amph_io *io, uint64_t pa, uint64_t length, void **va);
int amph_io_da_to_va(const struct amph_io *io, uint64_t da, uint64_t length, void **va);

/* The physical or device address of a virtual one. Returns 0, or -ERANGE. */
int amph_io_va_to_pa(const struct amph_io *io, const void *va, uint64_t length, uint64_t *pa);
int amph_io_va_to_da(const struct amph_io *io, const void *va, uint64_t length, uint64_t *da);

/*
 * Registers: one access of exactly that width at `offset` bytes. Returns 0, -ERANGE outside the
 * region, -EINVAL when the offset is not a multiple of the width.
 */
int amph_io_read8(const struct amph_io *io, uint64_t offset, uint8_t *value);
int amph_io_read16(const struct amph_io *io, uint64_t offset, uint16_t *value);
int amph_io_read32(const struct amph_io *io, uint64_t offset, uint32_t *value);
int amph_io_write8(const struct amph_io *io, uint64_t offset, uint8_t value);
int amph_io_write16(const struct amph_io *io, uint64_t offset, uint16_t value);
int amph_io_write32(const struct amph_io *io, uint64_t offset, uint32_t value);

/*
 * Checks a map: no empty window, no wrap-around, no overlap. Returns 0, or -EINVAL and the reason.
 */
int amph_map_check(const struct amph_map *map, struct amph_why *why);

/*
 * Translates a range that must lie inside one window. A map without windows is the identity.
 * Returns 0, or -ERANGE. Any context.
 */
int amph_map_pa_to_da(const struct amph_map *map, uint64_t pa, uint64_t length, uint64_t *da);
int amph_map_da_to_pa(const struct amph_map *map, uint64_t da, uint64_t length, uint64_t *pa);

#ifdef __cplusplus
}
#endif

#endif
