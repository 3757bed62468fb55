/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: the two real sides that do what a run of session.pml says, see replay_session.c. Memory,
 * targets and windows are loopback.h's; the channel is one of its own, that hands over one message when it is
 * told to, and outlives both sides. Time stands still but for a silence.
 */
#include <stdio.h>
#include <string.h>

#include "replay_session_wire.h"
#include "share/loopback.h"

#define LIVES_MAX    8u
#define WAITING_MAX  16u /* messages in a direction: more than any model has */
#define HEARTBEAT_MS 1000u
#define SILENCE	     ((uint64_t)HEARTBEAT_MS * 1000000u * AMPH_SESSION_HEARTBEATS) /* nanoseconds */

/* An end of the channel: what waits for it. */
struct end {
	struct amph_channel channel; /* first: the operations get it */
	struct end *other;
	struct wire_message waiting[WAITING_MAX];
	uint32_t count;
	bool may_take, closed;
	struct wire_message sent[WAITING_MAX]; /* by this end, in this step */
	uint32_t sent_count;
};

static struct end ends[SIDES];
static struct side lives[SIDES][LIVES_MAX];
static struct buffer buffers[LIVES_MAX];
static unsigned int life[SIDES], epochs[SIDES];
static unsigned int home, importer;
static uint64_t now = 1000000000u;
static bool counted, opened, refusing;

uint64_t amph_time_now(void)
{
	return now;
}

/* --- the channel --- */

static void put(struct end *end, const void *message, uint32_t length)
{
	if (end->count == WAITING_MAX)
		run_is_senseless("too many messages wait");
	memset(&end->waiting[end->count], 0, sizeof(end->waiting[0]));
	memcpy(&end->waiting[end->count++], message, length);
}

static struct wire_message pull(struct end *end)
{
	struct wire_message first = end->waiting[0];

	memmove(&end->waiting[0], &end->waiting[1], --end->count * sizeof(end->waiting[0]));
	return first;
}

static int end_send(struct amph_channel *channel, const void *message, uint32_t length,
		    intptr_t handle, uint64_t deadline)
{
	struct end *end = (struct end *)channel;

	(void)deadline;
	if (handle >= 0)
		return -ENOTSUP;
	if (end->closed)
		return -ENOTCONN;
	put(end->other, message, length);
	end->sent[end->sent_count++] = end->other->waiting[end->other->count - 1];
	return 0;
}

static int end_poll(struct amph_channel *channel, uint64_t deadline)
{
	struct end *end = (struct end *)channel;
	struct wire_message message;

	(void)deadline;
	if (!end->may_take)
		return -ETIMEDOUT;
	end->may_take = false;
	message = pull(end);
	channel->receiver(channel->argument, &message, message.header.length, -1);
	return 1;
}

static const struct amph_channel_ops end_ops = {end_send, end_poll};

/* --- sides --- */

static struct side *side_now(unsigned int side)
{
	return &lives[side][life[side]];
}

static struct amph_session *session_of(unsigned int side)
{
	return &side_now(side)->session;
}

static struct amph_share *share_of(unsigned int side)
{
	return &side_now(side)->shares[0];
}

static struct buffer *buffer_now(void)
{
	return &buffers[life[home]];
}

static void need_ok(int error, const char *call)
{
	if (error)
		code_differs("%s: model 0, code %s", call, strerror(-error));
}

/* The importer's cache: what makes it unable to take a range. */
static int invalidate(void *va, size_t length)
{
	(void)va;
	(void)length;
	return refusing ? -ENOSPC : 0;
}

/* A side as it is before its program has done anything: with memory of its own. */
static void born(unsigned int number)
{
	static const struct amph_cache_ops cache = {.invalidate = invalidate};
	struct side *side = side_now(number);
	char name[16];

	side_init(side, number ? AMPH_SESSION_PEER : AMPH_SESSION_MAIN, NONCE + 1);
	side->config.channel = &ends[number].channel;
	side->config.share_max = 1;
	side->config.heartbeat_ms = HEARTBEAT_MS;
	/* so that the importer's cache takes part */
	side->target.target.cache_line = LINE;
	side->target.target.coherent = false;
	if (number == importer) {
		side->config.cache_line = LINE;
		side->config.cache = &cache;
		return;
	}
	side->config.ranges = NULL; /* it takes no buffers */
	snprintf(name, sizeof(name), "arena:%x", life[number] * BUFFER_SIZE);
	need_ok(buffer_open(buffer_now(), side, name, BUFFER_SIZE, 0), "amph_shm_open()");
	need_ok(buffer_attach(buffer_now(), side, AMPH_DEVICE_READS_WRITES), "amph_shm_attach()");
}

/* Nothing of it is left but what it has sent, and its window, which nobody looks through. */
static void die(unsigned int number)
{
	if (++life[number] == LIVES_MAX)
		run_is_senseless("too many lives");
	born(number);
}

/* The main says hello in a step of its own. */
static void open_session(unsigned int number)
{
	struct side *side = side_now(number);

	side->config.nonce =
		NONCE + ++epochs[number] + number * (unsigned int)model_flag("LIVES", 1);
	need_ok(amph_session_init(&side->session, &side->config), "amph_session_init()");
	ends[number].closed = true;
	if (amph_session_open(&side->session, now) != -ETIMEDOUT)
		code_differs("amph_session_open() does not wait for the other side");
	ends[number].closed = false;
}

void sides_prepare(void)
{
	home = (unsigned int)model_flag("HOME", 0);
	importer = 1 - home;
	for (unsigned int i = 0; i < SIDES; i++) {
		ends[i].channel.ops = &end_ops;
		ends[i].channel.message_max = WIRE_MESSAGE_MAX;
		ends[i].other = &ends[1 - i];
		born(i);
	}
}

/* --- steps --- */

static void need_waiting(unsigned int side, int type)
{
	if (!ends[side].count)
		code_differs("no message waits");
	if (ends[side].waiting[0].header.type != type)
		code_differs("the message that waits: model type %d, code type %d", type,
			     ends[side].waiting[0].header.type);
}

/* Takes one message, or lets nothing come. */
static void poll(unsigned int side, bool take)
{
	struct wire_message *message = &ends[side].waiting[0];
	int error;

	/* a liar knows the next number, even if it was not its turn when it said that */
	if (take && model_flag("LIAR", 0) && message->header.sequence)
		message->header.sequence = session_of(side)->received + 1;
	ends[side].may_take = take;
	error = amph_session_poll(session_of(side), now);
	if (ends[side].may_take)
		code_differs("amph_session_poll() takes nothing: %s", strerror(-error));
}

static void stop_session(unsigned int side, const char *verb)
{
	if (!strcmp(verb, "lose")) {
		amph_session_lose(session_of(side), -EIO, "the application gives it up");
	} else if (!strcmp(verb, "stuck")) {
		/* the code has taken what it could not answer, the model leaves it */
		amph_session_lose(session_of(side), -EPIPE, "an answer could not be sent");
	} else if (!strcmp(verb, "silence")) {
		/* it passes for this side alone: the model has no heartbeats, which others would send */
		now += SILENCE;
		poll(side, false);
		now -= SILENCE;
	} else {
		int error = amph_session_close(session_of(side), now);

		if (error != -ETIMEDOUT)
			code_differs("amph_session_close() does not wait: %s", strerror(-error));
	}
}

static void share_step(unsigned int side, const char *verb, int range)
{
	uint64_t offset = (uint64_t)range * RANGE_SIZE;
	struct amph_session *session = session_of(side);
	struct amph_share *share = share_of(side);

	if (!strcmp(verb, "offer"))
		need_ok(amph_session_offer(session, &buffer_now()->attachment, 0, now, &share),
			"amph_session_offer()");
	else if (!strcmp(verb, "give"))
		need_ok(amph_session_give(session, share, offset, RANGE_SIZE, false, 0, now),
			"amph_session_give()");
	else if (!strcmp(verb, "return"))
		need_ok(amph_session_return(session, share, offset, RANGE_SIZE, 0, now),
			"amph_session_return()");
	else
		need_ok(amph_session_release(session, share, now), "amph_session_release()");
}

static void memory_step(const char *verb)
{
	struct side *side = side_now(home);

	if (!strcmp(verb, "off")) {
		if (!model_flag("BROKEN_OFF", 0))
			die(importer);
		amph_target_off(&side->target.target);
	} else if (!strcmp(verb, "up")) {
		need_ok(amph_target_up(&side->target.target), "amph_target_up()");
	} else if (!strcmp(verb, "detach")) {
		need_ok(amph_shm_detach(&buffer_now()->attachment), "amph_shm_detach()");
	} else {
		need_ok(buffer_attach(buffer_now(), side, AMPH_DEVICE_READS_WRITES),
			"amph_shm_attach()");
	}
}

static bool is_one_of(const char *verb, const char *const *verbs)
{
	for (; *verbs; verbs++)
		if (!strcmp(verb, *verbs))
			return true;
	return false;
}

static bool do_step(unsigned int side, const char *verb, int number)
{
	static const char *const of_sessions[] = {"lose", "stuck", "silence", "close", NULL};
	static const char *const of_shares[] = {"offer", "give", "return", "release", NULL};
	static const char *const of_memory[] = {"off", "up", "detach", "attach", NULL};

	if (!strcmp(verb, "open")) {
		open_session(side);
	} else if (!strcmp(verb, "restart")) {
		die(side);
		open_session(side);
	} else if (!strcmp(verb, "dies")) {
		die(side);
	} else if (!strcmp(verb, "hello")) {
		if (amph_session_open(session_of(side), now) != -ETIMEDOUT)
			code_differs("amph_session_open() does not wait for the other side");
	} else if (!strcmp(verb, "poll")) {
		need_waiting(side, number);
		poll(side, true);
	} else if (!strcmp(verb, "lost")) {
		need_waiting(side, number);
		pull(&ends[side]);
	} else if (!strcmp(verb, "hears") && ends[side].count) {
		pull(&ends[side]);
	} else if (is_one_of(verb, of_sessions)) {
		stop_session(side, verb);
	} else if (is_one_of(verb, of_shares)) {
		share_step(side, verb, number);
	} else if (is_one_of(verb, of_memory)) {
		memory_step(verb);
	} else {
		return false;
	}
	return true;
}

bool sides_step(unsigned int side, const char *verb, int number, bool refuses)
{
	uint32_t received = session_of(side)->received;
	bool greets = session_of(side)->state == AMPH_SESSION_GREETING;

	ends[0].sent_count = ends[1].sent_count = 0;
	refusing = refuses;
	side_now(side)->offered_error = refuses ? -ENOMEM : 0;
	if (!do_step(side, verb, number))
		return false;
	opened = greets && session_of(side)->state == AMPH_SESSION_OPEN;
	counted = !strcmp(verb, "poll") && session_of(side)->received != received;
	return true;
}

bool sides_counted(void)
{
	return counted;
}

bool sides_opened(void)
{
	return opened;
}

/* --- messages --- */

uint32_t sides_sent(void)
{
	return ends[0].sent_count + ends[1].sent_count;
}

struct model_message sides_sent_at(uint32_t index)
{
	return model_message(&ends[ends[0].sent_count ? 0 : 1].sent[index]);
}

void sides_lie(const struct model_message *message)
{
	struct wire_message lie = wire_message(message, session_of(home)->next_generation);

	put(&ends[home], &lie, lie.header.length);
}

/* --- the state --- */

static bool holds(const struct amph_shm *shm, uint32_t bit, unsigned int range)
{
	uint64_t offset = range * RANGE_SIZE;

	for (uint32_t i = 0; i < shm->range_count; i++) {
		const struct amph_range *record = &shm->storage.ranges[i];

		if (offset >= record->offset && offset < record->offset + record->length)
			return record->holders & bit;
	}
	return false;
}

struct model_state sides_state(void)
{
	const struct side *at_home = side_now(home), *at_importer = side_now(importer);
	const struct amph_attachment *attachment = &buffer_now()->attachment;
	struct model_state state = {
		.target = (int)at_home->target.target.state,
		.quarantined = attachment->quarantined,
		.attached = attachment->shm != NULL,
		.mapped = at_importer->maps != at_importer->unmaps,
	};

	for (unsigned int i = 0; i < SIDES; i++) {
		state.session[i] = (int)session_of(i)->state;
		state.share[i] = (int)share_of(i)->state;
		state.generation[i] = model_generation(share_of(i)->generation);
		state.waiting[i] = (int)ends[i].count;
	}
	for (unsigned int i = 0; i < (unsigned int)model_flag("RANGES", 1); i++) {
		const struct amph_share *import = &at_importer->shares[0];

		state.device[i] = holds(&buffer_now()->shm, attachment->bit, i);
		state.cpu[i] = import->shm && holds(import->shm, AMPH_HOLDER_CPU, i);
	}
	return state;
}
