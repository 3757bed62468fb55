/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a dead side leaves behind with the survivor: its memory in quarantine, which is used for nothing
 * else until the proof, and given back then; descriptors and mappings.
 * Test code.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "case.h"
#include "side.h"

#define FILLS (POOL_SIZE / JAR_SIZE)

static struct jar fills[FILLS];
static uint32_t fill_count;

uint32_t lost_max(void)
{
	return stage->victim == VICTIM_IMPORTER ? 1 : 2;
}

uint32_t count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint32_t count = 0;

	CHECK(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

uint32_t count_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	char line[512];
	uint32_t count = 0;

	CHECK(file);
	while (fgets(line, sizeof(line), file))
		count += strstr(line, "s 0") != NULL;
	fclose(file);
	return count;
}

bool remains_is_lost(const struct end *end)
{
	return end->target && end->target->state != AMPH_TARGET_ALIVE;
}

static bool attached_to(const struct jar *jar, const struct end *end)
{
	for (uint32_t i = 0; i < 2; i++)
		if (jar->open && jar->attachments[i].shm &&
		    jar->attachments[i].target == end->target)
			return true;
	return false;
}

static bool is_lost_jar(const struct jar *jar)
{
	for (uint32_t i = 0; i < lost_max(); i++)
		if (side.ends[i].target && attached_to(jar, &side.ends[i]))
			return true;
	return false;
}

void remains_check(void)
{
	uint64_t all = 0, each[2] = {0};

	for (uint32_t i = 0; i < JARS; i++) {
		jar_check(&side.jars[i]);
		for (uint32_t j = 0; j < lost_max(); j++)
			if (side.ends[j].target && remains_is_lost(&side.ends[j]) &&
			    attached_to(&side.jars[i], &side.ends[j]))
				each[j] += side.jars[i].shm.size;
		if (is_lost_jar(&side.jars[i]))
			all += side.jars[i].shm.size;
	}
	CHECK_EQUAL(side.memory.quarantine_size, all);
	for (uint32_t j = 0; j < lost_max(); j++)
		if (side.ends[j].target)
			CHECK_EQUAL(side.ends[j].target->quarantine_size, each[j]);
}

/* The other session goes on, and gets back all that it has. */
/* --- what it could still reach is used for nothing else --- */

static void closed(struct amph_shm *shm)
{
	for (uint32_t i = 0; i < JARS; i++)
		side.jars[i].closed += shm == &side.jars[i].shm;
}

void remains_abandon(void)
{
	for (uint32_t i = 0; i < JARS; i++) {
		struct jar *jar = &side.jars[i];

		if (!jar->open || i == HEALTHY)
			continue;
		if (!is_lost_jar(jar)) {
			jar_close(jar);
			continue;
		}
		CHECK_EQUAL(amph_shm_put(&jar->shm), -EBUSY);
		CHECK_EQUAL(amph_shm_abandon(&jar->shm, closed), -EINPROGRESS);
		jar->abandoned = true;
	}
}

void remains_fill(void)
{
	uint32_t most = stage->lane == LANE_MEMFD ? 2 : FILLS;
	char name[16];

	for (fill_count = 0; fill_count < most; fill_count++) {
		struct jar *fill = &fills[fill_count];
		int error;

		snprintf(name, sizeof(name), "fill%u", fill_count);
		error = jar_open(fill, name, JAR_SIZE);
		if (error == -ENOMEM)
			break;
		CHECK_EQUAL(error, 0);
		for (uint32_t i = 0; i < JARS; i++) {
			const uint8_t *old = side.jars[i].shm.va, *new = fill->shm.va;

			CHECK(!side.jars[i].abandoned || new + JAR_SIZE <= old ||
			      old + side.jars[i].shm.size <= new);
		}
		pattern_write(fill->shm.va, 0, JAR_SIZE, cookie_of(0, fill_count));
	}
	CHECK(fill_count);
}

void remains_check_filled(void)
{
	for (uint32_t i = 0; i < fill_count; i++)
		pattern_check(fills[i].shm.va, 0, JAR_SIZE, cookie_of(0, i));
}

void remains_end(void)
{
	uint64_t filled = 0;

	for (uint32_t i = 0; i < lost_max(); i++)
		if (side.ends[i].target && remains_is_lost(&side.ends[i]))
			amph_target_off(side.ends[i].target);
	CHECK_EQUAL(side.memory.quarantine_size, 0);
	for (uint32_t i = 0; i < JARS; i++) {
		if (!side.jars[i].abandoned)
			continue;
		CHECK_EQUAL(side.jars[i].closed, 1);
		side.jars[i].open = side.jars[i].abandoned = false;
	}
	if (stage->lane != LANE_MEMFD)
		filled = (fill_count + 1) * JAR_SIZE;
	CHECK_EQUAL(side.pool.used, filled);
	CHECK_EQUAL(amph_pool_check(&side.pool, NULL), 0);
	remains_check_filled();
	for (uint32_t i = 0; i < fill_count; i++)
		jar_close(&fills[i]);
}
