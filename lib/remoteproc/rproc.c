/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Remote processor: the states of its life, its doorbell, and how it ended.
 * Remoteproc layer; freestanding; knows a back-end only as a table of functions.
 * Between the load of an image and the share session that its firmware serves.
 */
#include <amphora/rproc.h>

#include <stddef.h>

#include <amphora/time.h>

#include "remoteproc/place.h"

static int check_regions(struct amph_rproc *rproc)
{
	struct amph_why *why = &rproc->why;

	if (!rproc->config.regions || !rproc->config.region_count)
		return amph_refuse(why, -EINVAL, "a remote processor needs memory regions", 0, 1);
	for (uint32_t i = 0; i < rproc->config.region_count; i++) {
		const struct amph_io *region = &rproc->config.regions[i];

		if (!region->size || region->size - 1 > UINT64_MAX - region->pa ||
		    (region->va &&
		     region->size - 1 > (uint64_t)(UINTPTR_MAX - (uintptr_t)region->va)))
			return amph_refuse(why, -EINVAL, "a region is empty or wraps around", i,
					   region->size);
	}
	return 0;
}

int amph_rproc_init_checked(struct amph_rproc *rproc, const struct amph_rproc_config *config,
			    uint32_t abi, uint32_t structure_size)
{
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*rproc));
	const struct amph_rproc_ops *ops;
	struct amph_why *why = &rproc->why;

	/* before anything of the caller's structures is read or written */
	if (error)
		return error;
	ops = config->ops;
	*rproc = (struct amph_rproc){.config = *config};
	if (!ops || !ops->start || !ops->stop || !ops->kick || !ops->wait)
		return amph_refuse(why, -EINVAL, "a remote processor needs a back-end", 0, 1);
	error = check_regions(rproc);
	if (!error)
		error = amph_map_check(&config->map, why);
	if (error)
		return error;
	if (config->carveout) {
		if (config->carveout_pa % 4096)
			return amph_refuse(why, -EINVAL, "the carve-out is misaligned",
					   config->carveout_pa, 4096);
		if (config->carveout->size - 1 > UINT64_MAX - config->carveout_pa)
			return amph_refuse(why, -EINVAL, "the carve-out wraps around",
					   config->carveout_pa, config->carveout->size);
	}
	if (!config->buffer_size)
		rproc->config.buffer_size = 512;
	return 0;
}

int amph_rproc_adopt(struct amph_rproc *rproc, uint64_t entry)
{
	uint64_t pa;
	void *va;

	rproc->why = (struct amph_why){0};
	if (rproc->state != AMPH_RPROC_OFF)
		return amph_refuse(&rproc->why, -EBUSY, "the remote processor is not off",
				   rproc->state, AMPH_RPROC_OFF);
	if (rproc->config.ops->load)
		return amph_refuse(&rproc->why, -ENOTSUP,
				   "this back-end runs only what it has loaded itself", entry, 0);
	if (amph_rproc_reach(rproc, entry, 1, &va, &pa))
		return amph_refuse(&rproc->why, -ERANGE,
				   "the entry lies outside the map or the regions", entry, 0);
	rproc->rung = 0;
	rproc->message[0] = 0;
	rproc->entry = entry;
	rproc->state = AMPH_RPROC_LOADED;
	return 0;
}

int amph_rproc_start(struct amph_rproc *rproc, uint64_t deadline)
{
	if (rproc->state != AMPH_RPROC_LOADED)
		return amph_refuse(&rproc->why, -EBUSY, "the remote processor is not loaded",
				   rproc->state, AMPH_RPROC_LOADED);
	int error = rproc->config.ops->start(rproc, rproc->entry, deadline);
	/* half on at worst: only a stop proves it off */
	rproc->state = error ? AMPH_RPROC_CRASHED : AMPH_RPROC_RUNNING;
	if (!error)
		rproc->boots++;
	amph_rproc_alive(rproc);
	return error;
}

int amph_rproc_stop(struct amph_rproc *rproc, uint64_t deadline)
{
	if (rproc->state == AMPH_RPROC_OFF)
		return 0;
	int error = rproc->config.ops->stop(rproc, deadline);
	if (error) {
		/* it may still write: what it was given stays taken */
		rproc->state = AMPH_RPROC_CRASHED;
		return error;
	}
	if (!amph_rproc_trace_lines(rproc)) /* its last words */
		amph_rproc_trace_flush(rproc);
	rproc->state = AMPH_RPROC_OFF;
	amph_rproc_give_back(rproc);
	return 0;
}

int amph_rproc_restart(struct amph_rproc *rproc, const void *image, uint64_t size,
		       uint64_t deadline)
{
	int error = amph_rproc_stop(rproc, deadline);

	if (!error)
		error = amph_rproc_load(rproc, image, size);
	if (!error)
		error = amph_rproc_start(rproc, deadline);
	return error;
}

int amph_rproc_hung(struct amph_rproc *rproc, const char *text)
{
	size_t i;

	if (rproc->state != AMPH_RPROC_RUNNING)
		return -EBUSY;
	for (i = 0; i + 1 < sizeof(rproc->message) && text[i]; i++)
		rproc->message[i] = text[i];
	rproc->message[i] = 0;
	rproc->state = AMPH_RPROC_CRASHED;
	return amph_refuse(&rproc->why, 0, "the remote processor hangs", rproc->boots, 0);
}

void amph_rproc_kick(struct amph_rproc *rproc, uint32_t notify_id)
{
	rproc->config.ops->kick(rproc, notify_id);
}

void amph_rproc_alive(struct amph_rproc *rproc)
{
	rproc->heard = amph_time_now();
	rproc->looked = rproc->heard;
}

static uint64_t hang_time(const struct amph_rproc *rproc)
{
	return (uint64_t)rproc->config.hang_ms * 1000000u;
}

/* Nobody listened for so long: what it may have said is gone, and its silence begins now. */
static void begin_to_listen(struct amph_rproc *rproc)
{
	if (amph_time_now() - rproc->looked > hang_time(rproc))
		amph_rproc_alive(rproc);
}

static int say_hung(struct amph_rproc *rproc)
{
	char text[64] = "hung: no sign of life for ", digits[10];
	uint32_t length = 26, count = 0, rest = rproc->config.hang_ms;

	do
		digits[count++] = (char)('0' + rest % 10);
	while (rest /= 10);
	while (count)
		text[length++] = digits[--count];
	text[length++] = ' ';
	text[length++] = 'm';
	text[length] = 's';
	amph_rproc_hung(rproc, text);
	return -EPIPE;
}

/* Until the doorbell, the deadline, or the moment from which it would be hung. */
static int wait_once(struct amph_rproc *rproc, uint64_t deadline)
{
	uint32_t rung = 0;
	int error = rproc->config.ops->wait(rproc, deadline, &rung);

	rproc->rung |= rung;
	if (!error)
		amph_rproc_alive(rproc);
	else if (error == -EPIPE)
		rproc->state = AMPH_RPROC_CRASHED;
	amph_rproc_trace_lines(rproc); /* no trace, or nobody for it: fine */
	return error;
}

static int wait_watched(struct amph_rproc *rproc, uint64_t deadline)
{
	uint64_t silent, limit;
	int error;

	begin_to_listen(rproc);
	do {
		silent = rproc->heard + hang_time(rproc);
		limit = silent < deadline ? silent : deadline;
		error = wait_once(rproc, limit);
		rproc->looked = amph_time_now();
		if (error == -ETIMEDOUT && rproc->looked - rproc->heard >= hang_time(rproc))
			return say_hung(rproc);
	} while (error == -ETIMEDOUT && limit < deadline);
	return error;
}

int amph_rproc_wait(struct amph_rproc *rproc, uint64_t deadline)
{
	if (rproc->state == AMPH_RPROC_CRASHED)
		return -EPIPE;
	if (rproc->state != AMPH_RPROC_RUNNING)
		return -ENOTCONN;
	return rproc->config.hang_ms ? wait_watched(rproc, deadline) : wait_once(rproc, deadline);
}

intptr_t amph_rproc_handle(struct amph_rproc *rproc)
{
	if (rproc->state != AMPH_RPROC_RUNNING || !rproc->config.ops->handle)
		return -1;
	return rproc->config.ops->handle(rproc);
}
