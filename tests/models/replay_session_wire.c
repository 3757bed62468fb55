/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: messages of session.pml as messages of the share protocol, and back; see replay_session.c.
 */
#include "replay_session_wire.h"

#define WRAP 3 /* of the model's generations, and of its sequence numbers with GAPS */

int model_generation(uint32_t generation)
{
	return generation ? (int)((generation - 1) % WRAP) + 1 : 0;
}

static int model_sequence(uint32_t sequence)
{
	if (!sequence)
		return 0;
	return model_flag("GAPS", 0) ? (int)((sequence - 1) % WRAP) + 1 : 1;
}

static int model_epoch(uint64_t nonce)
{
	return nonce ? (int)(nonce - NONCE) : 0;
}

struct model_message model_message(const struct wire_message *message)
{
	struct model_message model = {
		.type = message->header.type,
		.from = model_epoch(message->header.from),
		.to = model_epoch(message->header.to),
		.sequence = model_sequence(message->header.sequence),
		.about = model_generation(message->body.answer.generation),
	};

	if (model.type == WIRE_REJECT) {
		const struct wire_reject *reject = &message->body.reject;
		bool flagged = reject->type == WIRE_RELEASE || reject->type == WIRE_RELEASED;

		model.what = reject->type;
		model.reason = reject->reason;
		model.about = model_generation(reject->generation);
		model.range = (int)(flagged ? reject->flags : reject->offset / RANGE_SIZE);
	} else if (model.type == WIRE_GIVE || model.type == WIRE_RETURN) {
		model.range = (int)(message->body.handoff.offset / RANGE_SIZE);
	} else {
		model.range = (int)message->body.answer.flags;
	}
	return model;
}

static void fill_body(struct wire_message *message, const struct model_message *model,
		      uint32_t generation)
{
	uint32_t flags = model->range ? WIRE_SHARE_HOME : 0;
	uint64_t offset = (uint64_t)model->range * RANGE_SIZE;

	switch (model->type) {
	case WIRE_WELCOME:
		message->body.hello = (struct wire_hello){.version_min = WIRE_VERSION_MAX,
							  .version_max = WIRE_VERSION_MAX,
							  .cache_line = LINE,
							  .message_max = WIRE_MESSAGE_MAX};
		break;
	case WIRE_OFFER:
		message->body.offer = (struct wire_offer){
			.handle = 1,
			.generation = generation,
			.size = BUFFER_SIZE,
			.direction = AMPH_DEVICE_READS_WRITES,
			.granule = LINE,
			.segment_count = 1,
			.count = 1,
			.segments[0] = {BUFFER_SIZE, BUFFER_SIZE},
		};
		break;
	case WIRE_RETURN:
		message->body.handoff = (struct wire_handoff){
			.handle = 1,
			.generation = generation,
			.offset = offset,
			.length = RANGE_SIZE,
			.direction = AMPH_DEVICE_READS_WRITES,
		};
		break;
	case WIRE_REJECT:
		message->body.reject = (struct wire_reject){
			.type = (uint16_t)model->what,
			.reason = (uint16_t)model->reason,
			.handle = 1,
			.generation = generation,
		};
		if (model->what == WIRE_RELEASE)
			message->body.reject.flags = flags;
		if (model->what != WIRE_GIVE)
			break;
		message->body.reject.offset = offset;
		message->body.reject.length = RANGE_SIZE;
		break;
	case WIRE_GOODBYE:
		break;
	default:
		message->body.answer = (struct wire_answer){.handle = 1, .generation = generation};
		if (model->type == WIRE_REFUSE)
			message->body.answer.reason = WIRE_NO_MEMORY;
		if (model->type == WIRE_RELEASE || model->type == WIRE_RELEASED)
			message->body.answer.flags = flags;
	}
}

struct wire_message wire_message(const struct model_message *model, uint32_t last)
{
	struct wire_message message = {.header = {.type = (uint16_t)model->type}};

	message.header.length =
		(uint16_t)amph_wire_length(message.header.type, model->type == WIRE_OFFER);
	message.header.sequence = (uint32_t)model->sequence;
	message.header.from = NONCE + (uint64_t)model->from;
	message.header.to = model->to ? NONCE + (uint64_t)model->to : 0;
	/* its own last one, or the next */
	fill_body(&message, model, model->about == model_generation(last) ? last : last + 1);
	return message;
}
