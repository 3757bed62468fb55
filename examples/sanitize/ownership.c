/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Example with a bug: a buffer is touched after it was given away. Nothing stops the CPU, so that the
 * program seems to work; AMPHORA_SANITIZE=ownership says which line it was. docs/sanitizers.md
 */
#include <stdio.h>
#include <string.h>

#include <amphora/attachment.h>
#include <amphora/memfd.h>
#include <amphora/shm.h>
#include <amphora/target.h>

static int complain(const char *step, int error, const struct amph_why *why)
{
	fprintf(stderr, "%s: %s (%s)\n", step, strerror(-error), why->what ? why->what : "");
	return 1;
}

static int send_picture(struct amph_shm *picture, struct amph_attachment *attachment)
{
	char *pixels = picture->va;
	int error;

	memset(pixels, 0x2a, picture->size);
	error = amph_shm_sync_for_device(attachment, 0, picture->size, false); /* [GIVE] */
	if (error)
		return complain("give", error, &picture->why);
	/* one more thought about the first line, too late: the other side reads it already */
	pixels[100] = 0; /* [BUG] */

	error = amph_shm_sync_for_cpu(attachment, 0, picture->size);
	if (error)
		return complain("take", error, &picture->why);
	return 0;
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
	if (error)
		return 1;
	error = amph_shm_open(&memory, &picture, &storage, "memfd:picture", 65536, 0); /* [OPEN] */
	if (error)
		return complain("open", error, &memory.why);
	error = amph_shm_attach(&picture, &display, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
				&attachment, segments, 1);
	if (error)
		return complain("attach", error, &picture.why);
	if (send_picture(&picture, &attachment))
		return 1;
	printf("the picture was sent\n");
	amph_shm_detach(&attachment);
	return amph_shm_put(&picture) ? 1 : 0;
}
