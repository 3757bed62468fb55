/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: messages of session.pml as messages of the share protocol, and back; see replay_session.c.
 */
#ifndef TESTS_MODELS_REPLAY_SESSION_WIRE_H
#define TESTS_MODELS_REPLAY_SESSION_WIRE_H

#include "replay_session.h"
#include "share/wire.h"

#define NONCE	    0x5a5a000000000000u /* the epoch 0 of the model, as a nonce */
#define RANGE_SIZE  256u /* bytes */
#define BUFFER_SIZE 4096u
#define LINE	    64u /* of the importer's cache, bytes */

/* The model's number of a generation. */
int model_generation(uint32_t generation);

struct model_message model_message(const struct wire_message *message);

/* What a liar says to a home whose last generation that is. */
struct wire_message wire_message(const struct model_message *model, uint32_t last);

#endif
