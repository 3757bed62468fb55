/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O regions and address maps: checked arithmetic between virtual, physical and device addresses.
 * Knows nothing of an OS. Every address that a peer names goes through here before it is a pointer.
 */
#include <stdbool.h>
#include <stddef.h>

#include <amphora/io.h>

/* Whether start .. start + length - 1 are all numbers up to `max`. */
static bool fits(uint64_t start, uint64_t length, uint64_t max)
{
	return start <= max && (!length || length - 1 <= max - start);
}

/* Where start .. start + length - 1 begins inside base .. base + size - 1. */
static int offset_in(uint64_t base, uint64_t size, uint64_t start, uint64_t length,
		     uint64_t *offset)
{
	if (start < base || start - base > size || length > size - (start - base))
		return -ERANGE;
	*offset = start - base;
	return 0;
}

int amph_io_init(struct amph_io *io, void *va, uint64_t pa, uint64_t da, uint64_t size)
{
	if (!size || !fits(pa, size, UINT64_MAX) || !fits(da, size, UINT64_MAX) ||
	    (va && !fits((uintptr_t)va, size, UINTPTR_MAX)))
		return -EINVAL;
	*io = (struct amph_io){.va = va, .pa = pa, .da = da, .size = size};
	return 0;
}

static int to_va(const struct amph_io *io, uint64_t base, uint64_t start, uint64_t length,
		 void **va)
{
	uint64_t offset;

	if (!io->va || offset_in(base, io->size, start, length, &offset))
		return -ERANGE;
	*va = (uint8_t *)io->va + offset;
	return 0;
}

int amph_io_pa_to_va(const struct amph_io *io, uint64_t pa, uint64_t length, void **va)
{
	return to_va(io, io->pa, pa, length, va);
}

int amph_io_da_to_va(const struct amph_io *io, uint64_t da, uint64_t length, void **va)
{
	return to_va(io, io->da, da, length, va);
}

static int from_va(const struct amph_io *io, uint64_t base, const void *va, uint64_t length,
		   uint64_t *address)
{
	uint64_t offset;

	if (!io->va || offset_in((uintptr_t)io->va, io->size, (uintptr_t)va, length, &offset))
		return -ERANGE;
	*address = base + offset;
	return 0;
}

int amph_io_va_to_pa(const struct amph_io *io, const void *va, uint64_t length, uint64_t *pa)
{
	return from_va(io, io->pa, va, length, pa);
}

int amph_io_va_to_da(const struct amph_io *io, const void *va, uint64_t length, uint64_t *da)
{
	return from_va(io, io->da, va, length, da);
}

/* A register's address, checked for an access of `width` bytes. */
static int register_at(const struct amph_io *io, uint64_t offset, uint32_t width, void **va)
{
	if (to_va(io, 0, offset, width, va))
		return -ERANGE;
	return offset % width || (uintptr_t)*va % width ? -EINVAL : 0;
}

int amph_io_read8(const struct amph_io *io, uint64_t offset, uint8_t *value)
{
	void *va;
	int error = register_at(io, offset, sizeof(*value), &va);

	if (!error)
		*value = *(const volatile uint8_t *)va;
	return error;
}

int amph_io_read16(const struct amph_io *io, uint64_t offset, uint16_t *value)
{
	void *va;
	int error = register_at(io, offset, sizeof(*value), &va);

	if (!error)
		*value = *(const volatile uint16_t *)va;
	return error;
}

int amph_io_read32(const struct amph_io *io, uint64_t offset, uint32_t *value)
{
	void *va;
	int error = register_at(io, offset, sizeof(*value), &va);

	if (!error)
		*value = *(const volatile uint32_t *)va;
	return error;
}

int amph_io_write8(const struct amph_io *io, uint64_t offset, uint8_t value)
{
	void *va;
	int error = register_at(io, offset, sizeof(value), &va);

	if (!error)
		*(volatile uint8_t *)va = value;
	return error;
}

int amph_io_write16(const struct amph_io *io, uint64_t offset, uint16_t value)
{
	void *va;
	int error = register_at(io, offset, sizeof(value), &va);

	if (!error)
		*(volatile uint16_t *)va = value;
	return error;
}

int amph_io_write32(const struct amph_io *io, uint64_t offset, uint32_t value)
{
	void *va;
	int error = register_at(io, offset, sizeof(value), &va);

	if (!error)
		*(volatile uint32_t *)va = value;
	return error;
}

/* Both ranges are known not to wrap around and not to be empty. */
static bool overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
	return a <= b ? b - a < a_length : a - b < b_length;
}

int amph_map_check(const struct amph_map *map, struct amph_why *why)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct amph_window *window = &map->windows[i];

		if (!window->length)
			return amph_refuse(why, -EINVAL, "a window is empty", i, map->count);
		if (!fits(window->pa, window->length, UINT64_MAX))
			return amph_refuse(why, -EINVAL,
					   "a window's physical addresses wrap around", window->pa,
					   window->length);
		if (!fits(window->da, window->length, UINT64_MAX))
			return amph_refuse(why, -EINVAL, "a window's device addresses wrap around",
					   window->da, window->length);
		for (uint32_t j = 0; j < i; j++) {
			const struct amph_window *other = &map->windows[j];

			if (overlap(window->pa, window->length, other->pa, other->length))
				return amph_refuse(why, -EINVAL,
						   "two windows overlap in physical addresses",
						   window->pa, other->pa);
			if (overlap(window->da, window->length, other->da, other->length))
				return amph_refuse(why, -EINVAL,
						   "two windows overlap in device addresses",
						   window->da, other->da);
		}
	}
	return 0;
}

int amph_map_pa_to_da(const struct amph_map *map, uint64_t pa, uint64_t length, uint64_t *da)
{
	uint64_t offset;

	if (!map->count) {
		*da = pa;
		return fits(pa, length, UINT64_MAX) ? 0 : -ERANGE;
	}
	for (uint32_t i = 0; i < map->count; i++) {
		const struct amph_window *window = &map->windows[i];

		if (!offset_in(window->pa, window->length, pa, length, &offset)) {
			*da = window->da + offset;
			return 0;
		}
	}
	return -ERANGE;
}

int amph_map_da_to_pa(const struct amph_map *map, uint64_t da, uint64_t length, uint64_t *pa)
{
	uint64_t offset;

	if (!map->count) {
		*pa = da;
		return fits(da, length, UINT64_MAX) ? 0 : -ERANGE;
	}
	for (uint32_t i = 0; i < map->count; i++) {
		const struct amph_window *window = &map->windows[i];

		if (!offset_in(window->da, window->length, da, length, &offset)) {
			*pa = window->pa + offset;
			return 0;
		}
	}
	return -ERANGE;
}
