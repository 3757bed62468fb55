/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Passing: bytes go from one target to another, and the CPU neither touches nor syncs them.
 * Memory layer; freestanding. Only a home passes; an importer does not link it.
 */
#include <amphora/policy.h>

#include "memory/range.h"
#include "memory/sanitize.h"

/* May it, and if so: what it does to the record. */
static int check_pass(const struct amph_attachment *from, const struct amph_attachment *to,
		      uint64_t offset, uint64_t length, struct amph_hand_off *hand_off)
{
	static const char not_owned[] = "the first target does not own the bytes from here on";
	struct amph_shm *shm = from->shm;
	int error = amph_hand_off_check(from, offset, length);

	if (!error && to->shm != shm)
		error = amph_refuse(&shm->why, -EINVAL, "the two attachments are of two buffers", 0,
				    0);
	if (!error && to == from)
		error = amph_refuse(&shm->why, -EINVAL, "the target has the bytes already", 0, 0);
	if (!error)
		error = amph_hand_off_check(to, offset, length);
	if (!error && to->rule)
		error = shm->memory->policy->ops->pass(to);
	if (error)
		return error;
	if (amph_attachment_has_cache(from) != amph_attachment_has_cache(to))
		return amph_refuse(&shm->why, -EINVAL,
				   "only one of the two is coherent, which needs the CPU's caches: "
				   "take the bytes back and give them",
				   from->target->coherent, to->target->coherent);
	*hand_off = (struct amph_hand_off){.with = from->bit,
					   .lacking = not_owned,
					   .without = ~from->bit,
					   .disturbed = not_owned,
					   .add = to->bit,
					   .remove = from->bit,
					   .written = amph_attachment_written(to),
					   .pass = true};
	return amph_hand_off_check_records(shm, offset, length, hand_off);
}

int amph_shm_may_pass(const struct amph_attachment *from, const struct amph_attachment *to,
		      uint64_t offset, uint64_t length)
{
	struct amph_hand_off hand_off;

	return check_pass(from, to, offset, length, &hand_off);
}

int amph_shm_pass(struct amph_attachment *from, struct amph_attachment *to, uint64_t offset,
		  uint64_t length)
{
	struct amph_hand_off hand_off;
	int error = check_pass(from, to, offset, length, &hand_off);

	if (error)
		return error;
	amph_sanitize(passing, from, to, offset, length);
	amph_range_hand_over(from->shm, offset, offset + length, &hand_off, true);
	return 0;
}
