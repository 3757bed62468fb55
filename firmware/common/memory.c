/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The four functions that a freestanding compiler may call by itself. Bare metal only.
 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);

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

void *memmove(void *to, const void *from, size_t length)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if ((uintptr_t)d <= (uintptr_t)s) {
		while (length--)
			*d++ = *s++;
	} else {
		while (length--)
			d[length] = s[length];
	}
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

int memcmp(const void *a, const void *b, size_t length)
{
	const uint8_t *x = a, *y = b;

	for (; length; length--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
