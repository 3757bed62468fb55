/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accesses and barriers of order.h, each alone: check.py reads what a compiler makes of them.
 * Test code; freestanding, never run.
 */
#include <amphora/order.h>

void barrier_acquire(void);
void barrier_release(void);
void barrier_full(void);
uint16_t load16(const uint16_t *word);
void store16(uint16_t *word, uint16_t value);
uint32_t load32(const uint32_t *word);
void store32(uint32_t *word, uint32_t value);
uint16_t load16_acquire(const uint16_t *word);
uint32_t load32_acquire(const uint32_t *word);
void store16_release(uint16_t *word, uint16_t value);
void store32_release(uint32_t *word, uint32_t value);

void barrier_acquire(void)
{
	amph_barrier_acquire();
}

void barrier_release(void)
{
	amph_barrier_release();
}

void barrier_full(void)
{
	amph_barrier_full();
}

uint16_t load16(const uint16_t *word)
{
	return amph_load16(word);
}

void store16(uint16_t *word, uint16_t value)
{
	amph_store16(word, value);
}

uint32_t load32(const uint32_t *word)
{
	return amph_load32(word);
}

void store32(uint32_t *word, uint32_t value)
{
	amph_store32(word, value);
}

uint16_t load16_acquire(const uint16_t *word)
{
	return amph_load16_acquire(word);
}

uint32_t load32_acquire(const uint32_t *word)
{
	return amph_load32_acquire(word);
}

void store16_release(uint16_t *word, uint16_t value)
{
	amph_store16_release(word, value);
}

void store32_release(uint32_t *word, uint32_t value)
{
	amph_store32_release(word, value);
}
