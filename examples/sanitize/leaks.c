/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Example with a bug: of two buffers that are opened and attached, one is never closed. Nothing tells,
 * until memory runs out; AMPHORA_SANITIZE=leaks says at the end which one. docs/sanitizers.md
 */
#include <stdio.h>
#include <string.h>

#include <amphora/attachment.h>
#include <amphora/memfd.h>
#include <amphora/shm.h>
#include <amphora/target.h>

struct picture {
	struct amph_shm shm;
	struct amph_range ranges[4];
	struct amph_segment segments[1];
	struct amph_attachment attachment;
};

static struct amph_memory memory;
static struct amph_target display;

static int complain(const char *step, int error, const struct amph_why *why)
{
	fprintf(stderr, "%s: %s (%s)\n", step, strerror(-error), why->what ? why->what : "");
	return 1;
}

static int open_picture(struct picture *picture, const char *name)
{
	const struct amph_shm_storage storage = {picture->ranges, 4, NULL, 0};
	int error;

	error = amph_shm_open(&memory, &picture->shm, &storage, name, 65536, 0); /* [OPEN] */
	if (error)
		return complain("open", error, &memory.why);
	error = amph_shm_attach(&picture->shm, &display, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
				&picture->attachment, picture->segments, 1);
	return error ? complain("attach", error, &picture->shm.why) : 0;
}

static int close_picture(struct picture *picture)
{
	int error = amph_shm_detach(&picture->attachment);

	if (!error)
		error = amph_shm_put(&picture->shm);
	return error ? complain("close", error, &picture->shm.why) : 0;
}

int main(void)
{
	static struct picture front, back;
	struct amph_provider provider;
	int error = amph_memory_init(&memory);

	if (error)
		return 1;
	amph_provider_memfd_init(&provider);
	amph_target_process_init(&display, "display");
	error = amph_memory_add_provider(&memory, &provider);
	if (error)
		return complain("provider", error, &memory.why);
	if (open_picture(&front, "memfd:front") || open_picture(&back, "memfd:back")) /* [BUG] */
		return 1;
	printf("two pictures are shown\n");
	return close_picture(&front); /* and the one at the back? */
}
