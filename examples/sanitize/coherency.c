/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Example with a bug: half of a picture is handed over, where all of it was written. On this machine the
 * other side sees all of it even so; where caches are not coherent it would not. A developer's
 * machine shows that with AMPHORA_SANITIZE=coherency. docs/sanitizers.md
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <amphora/attachment.h>
#include <amphora/memfd.h>
#include <amphora/shm.h>
#include <amphora/target.h>

#define SIZE 65536u

static int complain(const char *step, int error, const struct amph_why *why)
{
	fprintf(stderr, "%s: %s (%s)\n", step, strerror(-error), why->what ? why->what : "");
	return 1;
}

/* What the display does: it has the memory at an address of its own. */
static void show(const struct amph_shm *picture)
{
	const char *pixels =
		mmap(NULL, SIZE, PROT_READ, MAP_SHARED, (int)picture->handle, (off_t)0);
	unsigned int right = 0;

	for (unsigned int i = 0; pixels != MAP_FAILED && i < SIZE; i++)
		right += pixels[i] == 0x2a;
	printf("the display shows %u of %u pixels\n", right, SIZE);
}

static int send_picture(struct amph_shm *picture, struct amph_attachment *attachment)
{
	int error;

	memset(picture->va, 0x2a, SIZE);
	error = amph_shm_sync_for_device(attachment, 0, SIZE / 2, false); /* [BUG] */
	if (error)
		return complain("give", error, &picture->why);
	show(picture);
	error = amph_shm_sync_for_cpu(attachment, 0, SIZE / 2);
	if (!error)
		error = amph_shm_detach(attachment); /* [DETACH] */
	return error ? complain("take and detach", error, &picture->why) : 0;
}

int main(void)
{
	struct amph_range ranges[4];
	struct amph_segment segments[1];
	const struct amph_shm_storage storage = {ranges, 4, NULL, 0};
	struct amph_attachment attachment;
	struct amph_provider provider;
	struct amph_memory memory;
	struct amph_target display;
	struct amph_shm picture;
	int error = amph_memory_init(&memory);

	if (error)
		return 1;
	amph_provider_memfd_init(&provider);
	amph_target_process_init(&display, "display");
	error = amph_memory_add_provider(&memory, &provider);
	if (!error)
		error = amph_shm_open(&memory, &picture, &storage, "memfd:picture", SIZE, 0);
	if (error)
		return complain("open", error, &memory.why);
	/* it reads; and it never writes */
	error = amph_shm_attach(&picture, &display, AMPH_DEVICE_READS, /* [ATTACH] */
				AMPH_SYNC_MESSAGES, &attachment, segments, 1);
	if (error)
		return complain("attach", error, &picture.why);
	if (send_picture(&picture, &attachment))
		return 1;
	return amph_shm_put(&picture) ? 1 : 0;
}
