/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers: the context that keeps them, names, references, the end of a buffer.
 * Memory layer; freestanding. How one comes to be is in open.c and import.c.
 */
#include <amphora/fork.h>
#include <amphora/provider.h>

#include "memory/internal.h"
#include "memory/sanitize.h"

int amph_memory_init_checked(struct amph_memory *memory, uint32_t abi, uint32_t size)
{
	int error = amph_abi_check(abi, size, (uint32_t)sizeof(*memory));

	if (!error)
		error = amph_sanitize_start();
	if (error)
		return error;
	*memory = (struct amph_memory){
		.generation = 1,
		.fork_generation = amph_fork_generation(),
		/* without it nothing goes by the quick ways: all that happens is told */
		.fork_word = amph_sanitizing() ? NULL : amph_fork_word(),
		.quarantine_max = AMPH_QUARANTINE_MEMORY,
	};
	return 0;
}

/* "provider:name", both parts there, visible ASCII only; the first colon parts them. */
static int check_name(const char *full_name, const char **name, struct amph_why *why)
{
	uint32_t length = 0;

	*name = NULL;
	if (!full_name)
		return amph_refuse(why, -EINVAL, "the buffer has no name", 0, 0);
	for (; full_name[length]; length++) {
		if (length + 1 >= AMPH_NAME_MAX)
			return amph_refuse(why, -ENAMETOOLONG, "the buffer's name is too long",
					   length + 1, AMPH_NAME_MAX - 1);
		if (full_name[length] <= ' ' || full_name[length] > '~')
			return amph_refuse(why, -EINVAL,
					   "the buffer's name has a character that is not visible "
					   "ASCII, at this place",
					   length, (uint8_t)full_name[length]);
		if (!*name && full_name[length] == ':')
			*name = &full_name[length + 1];
	}
	if (!*name || *name == full_name + 1 || !**name)
		return amph_refuse(why, -EINVAL, "the buffer's name is not \"provider:name\"",
				   length, AMPH_NAME_MAX - 1);
	return 0;
}

bool amph_memory_forked(const struct amph_memory *memory)
{
	return amph_fork_happened_since(memory->fork_word, memory->fork_generation);
}

int amph_memory_refuse_child(const struct amph_memory *memory, struct amph_why *why)
{
	return amph_refuse(why, -EPERM,
			   "the memory context belongs to the process that forked this one",
			   memory->fork_generation, amph_fork_generation());
}

int amph_shm_usable(struct amph_shm *shm)
{
	/* closed, abandoned, or never opened */
	if (!shm->references)
		return amph_refuse(&shm->why, -ESTALE, "the buffer is closed", shm->generation, 0);
	if (amph_memory_forked(shm->memory))
		return amph_memory_refuse_child(shm->memory, &shm->why);
	return 0;
}

int amph_shm_prepare(struct amph_memory *memory, struct amph_shm *shm,
		     const struct amph_shm_storage *storage, const char *full_name, uint64_t size,
		     uint32_t flags, const char **name)
{
	const uint32_t known = AMPH_SHM_READ_ONLY | AMPH_SHM_HUGE | AMPH_SHM_NOT_CACHED |
			       AMPH_SHM_PROTECTED;
	int error;

	*shm = (struct amph_shm){.handle = -1, .attachment_bits = AMPH_HOLDER_CPU};
	if (amph_memory_forked(memory))
		return amph_memory_refuse_child(memory, &shm->why);
	error = check_name(full_name, name, &shm->why);
	if (error)
		return error;
	if (!size)
		return amph_refuse(&shm->why, -EINVAL, "the buffer's size is 0", 0, 0);
	if (flags & ~known)
		return amph_refuse(&shm->why, -ENOTSUP, "an unknown flag", flags, known);
	if (!storage || !storage->ranges || !storage->range_max)
		return amph_refuse(&shm->why, -EINVAL, "no storage for even one range", 0, 1);
	if (!storage->segments != !storage->segment_max)
		return amph_refuse(&shm->why, -EINVAL, "segment storage without room or array",
				   storage->segment_max, 0);

	for (uint32_t i = 0; full_name[i]; i++)
		shm->name[i] = full_name[i];
	shm->size = size;
	shm->flags = flags;
	shm->storage = *storage;
	return 0;
}

void amph_shm_publish(struct amph_shm *shm, uint32_t holder)
{
	struct amph_memory *memory = shm->memory;

	shm->storage.ranges[0] = (struct amph_range){
		.length = shm->size, .holders = holder, .written = holder != AMPH_HOLDER_CPU};
	shm->range_count = 1;
	shm->references = 1;
	shm->generation = memory->generation;
	if (!++memory->generation)
		memory->generation = 1;
	shm->next = memory->buffers;
	shm->link = &memory->buffers;
	if (shm->next)
		shm->next->link = &shm->next;
	memory->buffers = shm;
	shm->why = (struct amph_why){0};
	amph_sanitize(opened, shm);
}

int amph_shm_fail(struct amph_memory *memory, struct amph_shm *shm, int error)
{
	struct amph_why why = shm->why;

	*shm = (struct amph_shm){.handle = -1, .why = why};
	memory->why = why;
	return error;
}

int amph_shm_get(struct amph_shm *shm)
{
	int error = amph_shm_usable(shm);

	if (error)
		return error;
	if (shm->references == UINT32_MAX)
		return amph_refuse(&shm->why, -EOVERFLOW, "too many references", shm->references,
				   UINT32_MAX);
	shm->references++;
	return 0;
}

/* Once is enough: an abandoned buffer has left before it is closed. */
static void leave_list(struct amph_shm *shm)
{
	if (!shm->link)
		return;
	*shm->link = shm->next;
	if (shm->next)
		shm->next->link = shm->link;
	shm->next = NULL;
	shm->link = NULL;
	if (shm->name_link)
		shm->memory->forget_name(shm);
}

void amph_shm_close(struct amph_shm *shm)
{
	amph_sanitize(closing, shm);
	leave_list(shm);
	if (shm->home) {
		amph_attachment_unlink(shm->home);
		shm->home = NULL;
	}
	if (shm->provider)
		shm->provider->ops->close(shm->provider, shm);
	/* generation and name stay for whoever asks what this was; memory is NULL: closed */
	shm->memory = NULL;
	shm->references = 0;
	shm->va = NULL;
	shm->handle = -1;
	shm->range_count = 0;
	shm->segment_count = 0;
}

/* The home's own attachment ends with the buffer: its memory is not this side's to quarantine. */
static bool attached(const struct amph_shm *shm)
{
	const struct amph_attachment *attachment = shm->attachments;

	while (attachment && attachment == shm->home)
		attachment = attachment->next;
	return attachment;
}

int amph_shm_put(struct amph_shm *shm)
{
	int error = amph_shm_usable(shm);

	if (error)
		return error;
	if (shm->references > 1) {
		shm->references--;
		return 0;
	}
	if (attached(shm))
		return amph_refuse(&shm->why, -EBUSY, "the buffer is still attached",
				   shm->attachment_bits, AMPH_HOLDER_CPU);
	amph_shm_close(shm);
	return 0;
}

int amph_shm_abandon(struct amph_shm *shm, void (*closed)(struct amph_shm *shm))
{
	int error = amph_shm_usable(shm);

	if (error)
		return error;
	if (shm->references > 1)
		return amph_refuse(&shm->why, -EBUSY, "others still use the buffer",
				   shm->references, 1);
	shm->closed = closed;
	shm->abandoned = true;
	shm->references = 0;
	leave_list(shm);
	if (attached(shm)) {
		for (struct amph_attachment *a = shm->attachments; a; a = a->next)
			amph_attachment_quarantine(a);
		return -EINPROGRESS;
	}
	amph_shm_finish(shm);
	return 0;
}

void amph_shm_finish(struct amph_shm *shm)
{
	if (!shm->abandoned || attached(shm))
		return;
	shm->abandoned = false;
	amph_shm_close(shm);
	if (shm->closed)
		shm->closed(shm);
}
