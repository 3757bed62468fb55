/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The functions of a C library that the firmware needs, and a freestanding compiler may call by
 * itself. Bare metal only.
 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memset(void *to, int value, size_t length);

/* Words that may alias anything, so that the compiler knows what the loops below do. */
typedef uint32_t __attribute__((may_alias)) word;

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if (!(((uintptr_t)d | (uintptr_t)s) % sizeof(word)))
		for (; length >= sizeof(word); length -= sizeof(word)) {
			*(word *)(void *)d = *(const word *)(const void *)s;
			d += sizeof(word);
			s += sizeof(word);
		}
	while (length--)
		*d++ = *s++;
	return to;
}

void *memset(void *to, int value, size_t length)
{
	uint8_t *d = to;
	uint32_t filled = (uint8_t)value * 0x01010101u;

	if (!((uintptr_t)d % sizeof(word)))
		for (; length >= sizeof(word); length -= sizeof(word)) {
			*(word *)(void *)d = filled;
			d += sizeof(word);
		}
	while (length--)
		*d++ = (uint8_t)value;
	return to;
}
