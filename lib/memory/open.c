/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening a buffer: from a provider, by name.
 * Memory layer; freestanding; knows the provider's table. The way of a buffer starts here.
 */
#include <amphora/provider.h>

#include "memory/internal.h"

/* Is `name` the part of "name:..." before the colon? */
static bool names(const char *full_name, const char *name)
{
	while (*name && *name == *full_name) {
		name++;
		full_name++;
	}
	return !*name && *full_name == ':';
}

static bool same_name(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

int amph_memory_add_provider(struct amph_memory *memory, struct amph_provider *provider)
{
	if (amph_memory_forked(memory))
		return amph_memory_refuse_child(memory, &memory->why);
	for (struct amph_provider *p = memory->providers; p; p = p->next)
		if (same_name(p->name, provider->name))
			return amph_refuse(&memory->why, -EEXIST,
					   "a provider of that name is known", 0, 0);
	provider->next = memory->providers;
	memory->providers = provider;
	return 0;
}

/* What the provider said of the memory, against the buffer and against what was asked for. */
static int check_memory(struct amph_shm *shm, uint32_t flags)
{
	if (shm->segment_count > shm->storage.segment_max ||
	    (shm->segment_count &&
	     amph_segments_check(shm->storage.segments, shm->segment_count, shm->size, &shm->why)))
		return amph_refuse(&shm->why, -EFAULT, "the provider's segments are not the buffer",
				   shm->segment_count, shm->storage.segment_max);
	if (shm->flags & AMPH_SHM_PROTECTED && shm->va)
		return amph_refuse(&shm->why, -EFAULT, "the provider's protected memory is mapped",
				   shm->flags, 0);
	if (flags & ~shm->flags & AMPH_SHM_PROTECTED)
		return amph_refuse(&shm->why, -ENOTSUP,
				   "the provider's memory is not protected: the CPU can map it",
				   flags, shm->flags);
	return 0;
}

int amph_shm_open(struct amph_memory *memory, struct amph_shm *shm,
		  const struct amph_shm_storage *storage, const char *name, uint64_t size,
		  uint32_t flags)
{
	struct amph_provider *provider = memory->providers;
	const char *own_name;
	int error = amph_shm_prepare(memory, shm, storage, name, size, flags, &own_name);

	if (!error && *amph_name_find(memory, name))
		error = amph_refuse(&shm->why, -EEXIST, "a buffer of that name is open", 0, 0);
	if (error)
		return amph_shm_fail(memory, shm, error);
	while (provider && !names(name, provider->name))
		provider = provider->next;
	if (!provider) {
		amph_refuse(&shm->why, -ENOENT, "no provider of that name is known", 0, 0);
		return amph_shm_fail(memory, shm, -ENOENT);
	}
	shm->memory = memory;
	shm->provider = provider;
	/* whether it is protected is the provider's to say */
	shm->flags &= ~AMPH_SHM_PROTECTED;
	error = provider->ops->open(provider, shm, own_name);
	if (error)
		return amph_shm_fail(memory, shm, error);
	error = check_memory(shm, flags);
	if (error) {
		provider->ops->close(provider, shm);
		return amph_shm_fail(memory, shm, error);
	}
	amph_shm_publish(shm, AMPH_HOLDER_CPU);
	amph_name_add(shm);
	return 0;
}
