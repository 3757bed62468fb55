/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tap: a channel that counts what goes through another: how many bytes crossed by copy.
 */
#ifndef TOOLS_TAP_H
#define TOOLS_TAP_H

#include <stdint.h>

#include <amphora/channel.h>

struct tap {
	struct amph_channel channel;
	struct amph_channel *inner;
	uint64_t messages, bytes; /* of the share protocol, both directions */
	uint64_t other_bytes; /* anything else: contents that should not have been copied */
};

/* Stands before `inner` from now on: use tap->channel. */
void tap_init(struct tap *tap, struct amph_channel *inner);

#endif
