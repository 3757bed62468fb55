/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory of a remote processor that needs no maintenance: the kernel's coherent memory, mapped.
 * Memory layer, Linux. For queues: by itself, or as buffers of a provider.
 */
#include <sys/mman.h>
#include <unistd.h>

#include <amphora/fork.h>
#include <amphora/policy.h>

#include "memory/target/linux/remote_internal.h"

static int check(struct amph_remote *remote, uint64_t size)
{
	if (remote->fork_generation != amph_fork_generation())
		return amph_refuse(&remote->why, -EPERM,
				   "the remote belongs to the process that forked this one",
				   remote->fork_generation, amph_fork_generation());
	if (remote->target.state != AMPH_TARGET_ALIVE || remote->fd < 0)
		return amph_refuse(&remote->why, -ENODEV, "the remote processor is not alive",
				   remote->target.state, AMPH_TARGET_ALIVE);
	if (!size || size > AMPHORA_COHERENT_MAX)
		return amph_refuse(&remote->why, -EINVAL,
				   "coherent memory of this size is not given", size,
				   AMPHORA_COHERENT_MAX);
	return 0;
}

/* What the kernel says of it; it is one stretch by its nature. */
static int look(struct amph_remote *remote, struct amph_remote_memory *memory)
{
	struct amphora_segment segment = {0};
	struct amphora_segments call = {.count = 1, .list = (uintptr_t)&segment};
	struct amphora_attachment_info info = {0};
	int error = amph_module_call(memory->fd, AMPHORA_IOC_INFO, &info);

	if (!error)
		error = amph_module_call(memory->fd, AMPHORA_IOC_SEGMENTS, &call);
	if (error)
		return amph_refuse(&remote->why, error, "the kernel does not say where it is",
				   (uint64_t)-error, 0);
	if (info.boots != remote->boots)
		return amph_refuse(&remote->why, -ENODEV,
				   "the remote processor has started anew: amph_remote_poll()",
				   info.boots, remote->boots);
	if (info.segments != 1 || segment.length < memory->size)
		return amph_refuse(&remote->why, -EFAULT, "the memory is not one stretch",
				   segment.length, memory->size);
	memory->da = segment.address;
	memory->boots = info.boots;
	return 0;
}

static int map(struct amph_remote *remote, struct amph_remote_memory *memory)
{
	size_t size = (size_t)memory->size;
	void *va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);

	if (va == MAP_FAILED)
		return amph_refuse(&remote->why, -errno, "the memory can't be mapped", size, 0);
	if (madvise(va, size, MADV_DONTFORK)) {
		int error = -errno;

		munmap(va, size);
		return amph_refuse(&remote->why, error, "the mapping can't be kept out of children",
				   size, 0);
	}
	memory->va = va;
	return 0;
}

int amph_remote_allocate(struct amph_remote *remote, uint64_t size,
			 struct amph_remote_memory *memory)
{
	struct amphora_coherent call = {.size = size, .fd = -1};
	int error = check(remote, size);

	*memory = (struct amph_remote_memory){.fd = -1};
	if (error)
		return error;
	error = amph_module_call(remote->fd, AMPHORA_IOC_COHERENT, &call);
	if (error)
		return amph_refuse(&remote->why, error == -ENOTCONN ? -ENODEV : error,
				   "the kernel gives no coherent memory", size, (uint64_t)-error);
	memory->fd = call.fd;
	memory->size = call.size;
	error = look(remote, memory);
	if (!error)
		error = map(remote, memory);
	if (error)
		amph_remote_free(memory); /* nobody was told of it */
	return error;
}

void amph_remote_free(struct amph_remote_memory *memory)
{
	/* -ESTALE: its life has ended, and it was given back then */
	if (memory->fd >= 0)
		amph_module_call(memory->fd, AMPHORA_IOC_RELEASE, NULL);
	amph_remote_leave(memory);
}

void amph_remote_leave(struct amph_remote_memory *memory)
{
	if (memory->va)
		munmap(memory->va, (size_t)memory->size);
	if (memory->fd >= 0)
		close(memory->fd);
	*memory = (struct amph_remote_memory){.fd = -1};
}

/* --- the provider --- */

/* in private_data */
#define FILE   0
#define MAPPED 1 /* bytes, whole pages */

static int provider_open(struct amph_provider *base, struct amph_shm *shm, const char *name)
{
	/* the provider is the first member */
	const struct amph_provider_remote *provider = (struct amph_provider_remote *)base;
	const struct amph_policy *policy = shm->memory->policy;
	struct amph_remote_memory memory;
	int error;

	(void)name;
	if (shm->flags & ~AMPH_SHM_NOT_CACHED)
		return amph_refuse(
			&shm->why, -ENOTSUP,
			"coherent memory is written by both sides, in pages of the usual size",
			shm->flags, AMPH_SHM_NOT_CACHED);
	/* the processor reaches it from then on, attached or not */
	if (policy) {
		error = policy->ops->request(shm->memory, &provider->remote->target, shm->name,
					     shm->size, AMPH_DEVICE_READS_WRITES);
		if (error)
			return amph_refuse_as(&shm->why, error, &shm->memory->why);
	}
	error = amph_remote_allocate(provider->remote, shm->size, &memory);
	if (error)
		return amph_refuse_as(&shm->why, error, &provider->remote->why);
	shm->va = memory.va;
	shm->flags |= AMPH_SHM_NOT_CACHED;
	shm->private_data[FILE] = (uintptr_t)memory.fd;
	shm->private_data[MAPPED] = (uintptr_t)memory.size;
	return 0;
}

static void provider_close(struct amph_provider *provider, struct amph_shm *shm)
{
	struct amph_remote_memory memory = {.va = shm->va,
					    .size = shm->private_data[MAPPED],
					    .fd = (int)shm->private_data[FILE]};

	(void)provider;
	amph_remote_free(&memory);
}

static const struct amph_provider_ops provider_ops = {.open = provider_open,
						      .close = provider_close};

int amph_remote_memory_of(const struct amph_remote *remote, const struct amph_shm *shm)
{
	const struct amph_provider *provider = shm->provider;

	if (!provider || provider->ops != &provider_ops ||
	    ((const struct amph_provider_remote *)provider)->remote != remote)
		return -1;
	return (int)shm->private_data[FILE];
}

int amph_provider_remote_init_checked(struct amph_provider_remote *provider, const char *name,
				      struct amph_remote *remote, uint32_t abi,
				      uint32_t structure_size)
{
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*provider));

	if (error)
		return error;
	if (!name || !*name || !remote)
		return -EINVAL;
	*provider = (struct amph_provider_remote){.provider = {.name = name, .ops = &provider_ops},
						  .remote = remote};
	return 0;
}
