/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Job: one computation on one buffer, a band of rows at a time, so that messages and heartbeats
 * go on meanwhile. All checks are made once, when a job starts; nothing outside of what was checked
 * is touched.
 */
#ifndef FIRMWARE_JOB_H
#define FIRMWARE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/session.h>

#define JOB_MAX 16u /* buffers at once; a share's user pointer is its job */

struct job {
	struct amph_session *session; /* NULL: nothing to do */
	struct amph_share *share;
	uint32_t operation; /* EDGE_* */
	uint32_t width, height, row;
};

/*
 * Starts what a hand-off asked for, or returns the range(s) with the reason why not. With
 * EDGE_DRAWN, the input plane is drawn over, and nothing is returned unless it could start.
 * Returns an EDGE_* status.
 */
uint32_t job_start(struct job *job, struct amph_session *session, struct amph_share *share,
		   uint32_t operation, uint32_t width, uint32_t height);

/* EDGE_FLIP on a range that this side was given. Returns an EDGE_* status. */
uint32_t job_flip(const struct amph_share *share, uint64_t offset, uint64_t length);

/* Returns all that this side holds of the buffer. */
void job_return(struct amph_session *session, struct amph_share *share, uint32_t operation,
		uint32_t status);

/* Computes the next band. Returns true when that was the last one: all is returned. */
bool job_run(struct job *job);

#endif
