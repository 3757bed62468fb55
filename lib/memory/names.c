/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names: which open buffer has a name, in a time that hardly grows with their number.
 * Memory layer; freestanding. Only open and find use it: an import's name is another side's word, and
 * must not pass for a provider's.
 *
 * A tree with four branches at each buffer, chosen by two bits of the name's hash after the other: all
 * buffers below one have the bits that led to it. So any leaf below may take the place of one that
 * goes. Buffers whose hashes are equal are found on the way of zeros behind the last bit.
 */
#include "memory/internal.h"

static uint32_t hash_of(const char *name)
{
	uint32_t hash = UINT32_C(2166136261);

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * UINT32_C(16777619);
	/* the upper bits are used first */
	return (hash ^ hash >> 15) * UINT32_C(2654435769);
}

static bool same_text(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

struct amph_shm **amph_name_find(struct amph_memory *memory, const char *name)
{
	struct amph_shm **link = &memory->names;

	for (uint32_t hash = hash_of(name); *link && !same_text((*link)->name, name); hash <<= 2)
		link = &(*link)->branches[hash >> 30];
	return link;
}

/* A buffer takes the place that `link` is. */
static void put_at(struct amph_shm **link, struct amph_shm *shm)
{
	*link = shm;
	if (shm)
		shm->name_link = link;
}

/* The link to a buffer below this one that has no branch, or to itself. */
static struct amph_shm **leaf_of(struct amph_shm *shm)
{
	struct amph_shm **leaf = shm->name_link;

	for (uint32_t i = 0; i < 4;) {
		if ((*leaf)->branches[i]) {
			leaf = &(*leaf)->branches[i];
			i = 0;
		} else {
			i++;
		}
	}
	return leaf;
}

static void forget(struct amph_shm *shm)
{
	struct amph_shm **leaf = leaf_of(shm), *heir = *leaf;

	*leaf = NULL;
	if (heir != shm) {
		for (uint32_t i = 0; i < 4; i++)
			put_at(&heir->branches[i], shm->branches[i]);
		put_at(shm->name_link, heir);
	}
	for (uint32_t i = 0; i < 4; i++)
		shm->branches[i] = NULL;
	shm->name_link = NULL;
}

void amph_name_add(struct amph_shm *shm)
{
	shm->memory->forget_name = forget;
	put_at(amph_name_find(shm->memory, shm->name), shm);
}

int amph_shm_find(struct amph_memory *memory, const char *name, struct amph_shm **shm)
{
	int error;

	*shm = NULL;
	if (amph_memory_forked(memory))
		return amph_memory_refuse_child(memory, &memory->why);
	if (name)
		*shm = *amph_name_find(memory, name);
	if (!*shm)
		return amph_refuse(&memory->why, -ENOENT, "no buffer of that name is open", 0, 0);
	error = amph_shm_get(*shm);
	if (error) {
		memory->why = (*shm)->why;
		*shm = NULL;
	}
	return error;
}
