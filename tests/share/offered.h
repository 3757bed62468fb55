/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A buffer of one side that the other, of the same process, has accepted.
 * Test code.
 */
#ifndef TESTS_SHARE_OFFERED_H
#define TESTS_SHARE_OFFERED_H

#include "share/loopback.h"

static inline void buffer_offer(struct buffer *buffer, struct side *home, struct side *importer,
				const char *name, uint64_t size, enum amph_sync_method method,
				struct amph_share **share)
{
	memset(buffer, 0, sizeof(*buffer));
	assert_int_equal(buffer_open(buffer, home, name, size, 0), 0);
	assert_int_equal(amph_shm_attach(&buffer->shm, &home->target.target,
					 AMPH_DEVICE_READS_WRITES, method, &buffer->attachment,
					 buffer->device_segments, 1),
			 0);
	assert_int_equal(amph_session_offer(&home->session, &buffer->attachment, 0, 0, share), 0);
	/* unless the other side runs in a thread of its own */
	if (home->config.channel == &home->end.channel)
		settle(home, importer);
	assert_int_equal(amph_session_wait_share(&home->session, *share, AMPH_SHARE_ACCEPTED,
						 amph_deadline(5000)),
			 0);
}

#endif
