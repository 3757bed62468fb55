/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Example: a buffer in shared memory changes hands, and both sides know its addresses.
 * Uses public headers only. No coprocessor is needed: where it would work, this program says so.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <amphora/attachment.h>
#include <amphora/pool.h>
#include <amphora/shm.h>
#include <amphora/target.h>

/* A board's carve-out would be mapped from the kernel; here it is an array of this program. */
static _Alignas(4096) uint8_t carveout[1 << 20];

static int complain(const char *step, int error, const struct amph_why *why)
{
	fprintf(stderr, "%s: %s (%s: %" PRIu64 ", limit %" PRIu64 ")\n", step, strerror(-error),
		why->what ? why->what : "no reason given", why->value, why->limit);
	return 1;
}

/* [README] */
static int give_and_take(struct amph_memory *memory, struct amph_target *coprocessor)
{
	struct amph_range ranges[4];
	struct amph_segment pages[4], device[4];
	const struct amph_shm_storage storage = {ranges, 4, pages, 4};
	struct amph_attachment attachment;
	struct amph_shm picture;
	uint64_t da;
	int error;

	/* open by name and size; fill it: the CPU owns it */
	error = amph_shm_open(memory, &picture, &storage, "dram:picture", 64 * 1024, 0);
	if (error)
		return complain("open", error, &picture.why);
	memset(picture.va, 0x2a, picture.size);

	/* attach: now it has addresses of the coprocessor's */
	error = amph_shm_attach(&picture, coprocessor, AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES,
				&attachment, device, 4);
	if (error)
		return complain("attach", error, &picture.why);
	error = amph_attachment_da(&attachment, 0, &da);
	if (error)
		return complain("device address", error, &picture.why);
	printf("the coprocessor sees the picture at %#" PRIx64 "\n", da);

	/* give: from here on the CPU must not touch it, and is told so */
	error = amph_shm_sync_for_device(&attachment, 0, picture.size, false);
	if (error)
		return complain("give", error, &picture.why);
	error = amph_shm_check_access(&picture, 0, 1, true);
	printf("the CPU writes meanwhile: %s\n", error ? picture.why.what : "allowed");

	/* ... the coprocessor works in place, and says when it is done ... */

	/* take it back, and clean up */
	error = amph_shm_sync_for_cpu(&attachment, 0, picture.size);
	if (error)
		return complain("take", error, &picture.why);
	error = amph_shm_detach(&attachment);
	if (error)
		return complain("detach", error, &picture.why);
	return amph_shm_put(&picture) ? 1 : 0;
}
/* [README] */

int main(void)
{
	/* the coprocessor's view: what is at 0x48000000 for the CPU is at 0x80000000 for it */
	static const struct amph_window windows[] = {{0x48000000, 0x80000000, sizeof(carveout)}};
	const struct amph_map map = {windows, 1};
	struct amph_target_map coprocessor;
	struct amph_pool_block blocks[16];
	struct amph_provider_pool dram;
	struct amph_memory memory;
	struct amph_why why = {0};
	struct amph_pool pool;
	int error;

	error = amph_memory_init(&memory);
	if (!error)
		error = amph_pool_init(&pool, sizeof(carveout), 64, blocks, 16);
	if (!error)
		error = amph_provider_pool_init(&dram, "dram", &pool, carveout, 0x48000000);
	if (!error)
		error = amph_memory_add_provider(&memory, &dram.provider);
	if (!error)
		error = amph_target_map_init(&coprocessor, "coprocessor", &map, &why);
	if (error)
		return complain("start", error, &why);
	coprocessor.target.address_bits = 32;
	return give_and_take(&memory, &coprocessor.target);
}
