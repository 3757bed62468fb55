/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of whole systems share: a system with one or two coprocessors, a picture in a buffer,
 * and what a process holds (fds, children).
 */
#ifndef TESTS_SYSTEM_H
#define TESTS_SYSTEM_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amphora/soc.h>
#include <amphora/time.h>

#define SECONDS(n) amph_deadline((n)*1000u)

static enum coprocessor_kind kind; /* of the coprocessors, from the command line */

/* One buffer with a picture, offered to up to two coprocessors. */
struct job {
	struct amph_shm shm;
	struct amph_range ranges[16];
	struct amph_segment segments[1], device_segments[2][1];
	struct amph_attachment attachments[2];
	struct amph_share *shares[2];
	uint32_t width, height;
	uint64_t plane;
	uint64_t last_cookie;
	uint32_t taken;
};

static inline void must(struct soc *soc, int status, const char *what)
{
	if (status < 0)
		fail_msg("%s: %s (%s)", what, strerror(-status), soc ? soc->error : "");
}

static inline int count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/*
 * Whether this process has children once every coprocessor is stopped. What a coprocessor itself
 * started (a sanitizer its symbolizer) is adopted and may take a moment to end.
 */
static inline bool has_children(void)
{
	uint64_t deadline = SECONDS(5);
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
		if (!pid && amph_time_now() >= deadline)
			return true;
		if (!pid)
			usleep(1000);
	}
	return false;
}

static inline void job_open(struct job *job, struct soc *soc, const char *name, uint32_t width,
			    uint32_t height)
{
	struct amph_shm_storage storage = {job->ranges, 16, job->segments, 1};

	memset(job, 0, sizeof(*job));
	storage.ranges = job->ranges;
	storage.segments = job->segments;
	job->width = width;
	job->height = height;
	job->plane = edge_plane_offset(width, height);
	must(soc, amph_shm_open(&soc->memory, &job->shm, &storage, name, 2 * job->plane, 0),
	     "open");
	for (uint64_t i = 0; i < job->plane; i++)
		((uint8_t *)job->shm.va)[i] = (uint8_t)(i * 2654435761u >> 13);
}

static inline void job_offer(struct job *job, struct coprocessor *coprocessor, uint32_t index)
{
	struct soc *soc = coprocessor->soc;

	must(soc,
	     amph_shm_attach(&job->shm, &coprocessor->target.target, AMPH_DEVICE_READS_WRITES,
			     AMPH_SYNC_MESSAGES, &job->attachments[index],
			     job->device_segments[index], 1),
	     "attach");
	must(soc,
	     amph_session_offer(&coprocessor->session, &job->attachments[index], 0, SECONDS(5),
				&job->shares[index]),
	     "offer");
	must(soc,
	     amph_session_wait_share(&coprocessor->session, job->shares[index], AMPH_SHARE_ACCEPTED,
				     SECONDS(5)),
	     "accept");
}

/* Ends the sharing with one coprocessor, every range being back. */
static inline void job_release(struct job *job, struct coprocessor *coprocessor, uint32_t index)
{
	struct soc *soc = coprocessor->soc;
	struct amph_session *session = &coprocessor->session;

	must(soc, amph_session_release(session, job->shares[index], SECONDS(5)), "release");
	must(soc,
	     amph_session_wait_share(session, job->shares[index], AMPH_SHARE_RELEASED, SECONDS(5)),
	     "released");
	must(soc, amph_shm_detach(&job->attachments[index]), "detach");
}

/* What the edges must be at one pixel, by the definition. */
static inline uint8_t edge_at(const struct job *job, uint32_t x, uint32_t y)
{
	const uint8_t *in = job->shm.va;
	int p[3][3], gx, gy;

	if (!x || !y || x == job->width - 1 || y == job->height - 1)
		return 0;
	for (int j = 0; j < 3; j++)
		for (int i = 0; i < 3; i++)
			p[j]
			 [i] = in[(size_t)(y + (uint32_t)j - 1) * job->width + x + (uint32_t)i - 1];
	gx = p[0][2] + 2 * p[1][2] + p[2][2] - p[0][0] - 2 * p[1][0] - p[2][0];
	gy = p[2][0] + 2 * p[2][1] + p[2][2] - p[0][0] - 2 * p[0][1] - p[0][2];
	return (uint8_t)(abs(gx) + abs(gy) > 255 ? 255 : abs(gx) + abs(gy));
}

static inline void job_verify(const struct job *job, bool inverted)
{
	const uint8_t *out = (const uint8_t *)job->shm.va + job->plane;

	for (uint32_t y = 0; y < job->height; y++)
		for (uint32_t x = 0; x < job->width; x++) {
			uint8_t edge = edge_at(job, x, y);

			assert_int_equal(out[(size_t)y * job->width + x],
					 inverted ? 255 - edge : edge);
		}
}

#endif
