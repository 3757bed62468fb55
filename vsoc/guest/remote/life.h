/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lives of the coprocessor with the demo firmware, and a share session in each: the library's plug-ins
 * for Linux joined as an application joins them. Test code that runs inside the virtual SoC.
 */
#ifndef VSOC_GUEST_LIFE_H
#define VSOC_GUEST_LIFE_H

#include <amphora/remote.h>
#include <amphora/remoteproc.h>
#include <amphora/session.h>

#include "../remote.h"

#define LIFE_WAIT_MS 60000 /* the host may be busy */
#define LIFE_SHARES  2

struct life {
	struct amph_remoteproc remoteproc;
	struct amph_rpmsg_service share;
	struct amph_remote remote; /* opened once, for all lives */
	struct amph_memory memory; /* the caller adds providers */
	struct amph_session session;
	struct amph_share shares[LIFE_SHARES];
	struct amph_segment segments[LIFE_SHARES];
	struct amph_range ranges[LIFE_SHARES];
	uint64_t cookie; /* of the last range that was returned */
};

/* All functions return 0, or -1 after a line on standard error. */

/* Starts the processor, makes it a target, opens the first session. */
int life_begin(struct life *life);

/*
 * After the firmware was told to die: the session's loss, the target's, the proof that it is off, its new
 * life, and a session in that. off: called once it is proved off.
 */
int life_renew(struct life *life, int (*off)(void));

/* Closes the session and stops the processor; nothing is attached any more. */
int life_end(struct life *life);

/* Does the kernel's list of attachments show none? */
int life_expect_nothing_attached(void);

/* This process's open descriptors. */
int life_count_descriptors(void);

#endif
