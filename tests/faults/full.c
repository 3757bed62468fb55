/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Full rings and full tables: each is met once, leaves everything as it was, and works once there is room.
 * Test code. Every place in the portable source that says that something is full must have been met: the
 * library is compiled with full_places.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "share/queue_pair.h"
#include "support/rpmsg_pair.h"

#include <amphora/irq.h>
#include <amphora/policy.h>
#include <amphora/policy_file.h>
#include <amphora/pool.h>
#include <amphora/ready.h>

/* Not of full_places.h: this file compares with the numbers as they are. */
struct full_place {
	const char *file;
	uint32_t line, met;
	const char *error;
} __attribute__((aligned(32)));

extern struct full_place __start_full_places[], __stop_full_places[];

static uint32_t full_met;

/* The call is refused, and the object is the same but for the reason of the refusal. */
#define WHEN_FULL(call, refusal, object)                                                     \
	do {                                                                                 \
		char before_[sizeof(object)];                                                \
		memcpy(before_, &(object), sizeof(object));                                  \
		(object).why.what = NULL;                                                    \
		assert_int_equal(call, refusal);                                             \
		assert_non_null((object).why.what);                                          \
		memcpy(before_ + __builtin_offsetof(__typeof__(object), why), &(object).why, \
		       sizeof((object).why));                                                \
		assert_memory_equal(before_, &(object), sizeof(object));                     \
		full_met++;                                                                  \
	} while (0)

#define WHEN_FULL_SILENT(call, refusal, object)                          \
	do {                                                             \
		char before_[sizeof(object)];                            \
		memcpy(before_, &(object), sizeof(object));              \
		assert_int_equal(call, refusal);                         \
		assert_memory_equal(before_, &(object), sizeof(object)); \
		full_met++;                                              \
	} while (0)

/* --- memory --- */

static struct side one; /* only its memory and target */
static struct buffer buffers[40];

static void begin(void)
{
	memset(&one, 0, sizeof(one));
	loopback_init(&one.end, &one.end);
	side_init(&one, AMPH_SESSION_MAIN, 1);
}

static void ranges(void **state)
{
	struct buffer *b = &buffers[0];
	struct amph_range three[3], before[3];
	const struct amph_shm_storage storage = {three, 3, b->segments, 1};
	(void)state;

	begin();
	assert_int_equal(amph_shm_open(&one.memory, &b->shm, &storage, "arena:0", 64, 0), 0);
	assert_int_equal(buffer_attach(b, &one, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_shm_sync_for_device(&b->attachment, 0, 16, false), 0);
	memcpy(before, three, sizeof(before));
	WHEN_FULL(amph_shm_sync_for_device(&b->attachment, 32, 16, false), -ENOSPC, b->shm);
	assert_memory_equal(before, three, 2 * sizeof(before[0]));
	assert_int_equal(amph_shm_sync_for_cpu(&b->attachment, 0, 16), 0);
	assert_int_equal(amph_shm_sync_for_device(&b->attachment, 32, 16, false), 0);
}

static void attachments(void **state)
{
	static struct amph_target_map targets[40];
	static struct amph_attachment attached[40];
	static struct amph_segment segments[40];
	struct buffer *b = &buffers[0];
	struct amph_map map;
	uint32_t count = 0;
	int error = 0;
	(void)state;

	begin();
	map = (struct amph_map){&one.window, 1};
	assert_int_equal(buffer_open(b, &one, "arena:0", 4096, 0), 0);
	for (; count < 40; count++) {
		assert_int_equal(amph_target_map_init(&targets[count], "t", &map, NULL), 0);
		error = amph_shm_attach(&b->shm, &targets[count].target, AMPH_DEVICE_READS,
					AMPH_SYNC_MESSAGES, &attached[count], &segments[count], 1);
		if (error)
			break;
	}
	assert_int_equal(error, -ENOSPC);
	WHEN_FULL(amph_shm_attach(&b->shm, &targets[count].target, AMPH_DEVICE_READS,
				  AMPH_SYNC_MESSAGES, &attached[count], &segments[count], 1),
		  -ENOSPC, b->shm);
	assert_int_equal(amph_shm_detach(&attached[3]), 0);
	assert_int_equal(amph_shm_attach(&b->shm, &targets[count].target, AMPH_DEVICE_READS,
					 AMPH_SYNC_MESSAGES, &attached[count], &segments[count], 1),
			 0);
}

static int lie_about_segments(struct amph_target *target, struct amph_attachment *attachment)
{
	(void)target;
	attachment->segment_count = attachment->segment_max + 1;
	return 0;
}

static void no_detach(struct amph_target *target, struct amph_attachment *attachment)
{
	(void)target;
	(void)attachment;
}

static void segments_of_a_target(void **state)
{
	static const struct amph_target_ops ops = {.attach = lie_about_segments,
						   .detach = no_detach};
	struct amph_target many = {.name = "many", .ops = &ops, .coherent = true}, process;
	struct buffer *b = &buffers[0];
	(void)state;

	begin();
	assert_int_equal(buffer_open(b, &one, "arena:0", 4096, 0), 0);
	WHEN_FULL(amph_shm_attach(&b->shm, &one.target.target, AMPH_DEVICE_READS,
				  AMPH_SYNC_MESSAGES, &b->attachment, b->device_segments, 0),
		  -ENOSPC, b->shm);
	WHEN_FULL(amph_shm_attach(&b->shm, &many, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
				  &b->attachment, b->device_segments, 1),
		  -ENOSPC, b->shm);
	amph_target_process_init(&process, "process");
	(void)amph_shm_attach(&b->shm, &process, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
			      &b->attachment, b->device_segments, 0);
	assert_int_equal(buffer_attach(b, &one, AMPH_DEVICE_READS), 0);
}

static void quarantine_of_a_target_and_of_a_context(void **state)
{
	struct buffer *b = buffers;
	(void)state;

	for (int whole = 0; whole < 2; whole++) {
		begin();
		for (uint32_t i = 0; i < 2; i++) {
			const char *names[] = {"arena:0", "arena:2000"};

			memset(&b[i], 0, sizeof(b[i]));
			assert_int_equal(buffer_open(&b[i], &one, names[i], 4096, 0), 0);
		}
		assert_int_equal(buffer_attach(&b[0], &one, AMPH_DEVICE_READS), 0);
		assert_int_equal(amph_shm_abandon(&b[0].shm, NULL), -EINPROGRESS);
		if (whole)
			one.memory.quarantine_max = 4096;
		else
			one.target.target.quarantine_max = 4096;
		WHEN_FULL(buffer_attach(&b[1], &one, AMPH_DEVICE_READS), -EDQUOT, b[1].shm);
		amph_target_off(&one.target.target);
		assert_int_equal(amph_target_up(&one.target.target), 0);
		assert_int_equal(buffer_attach(&b[1], &one, AMPH_DEVICE_READS), 0);
	}
}

static void pool(void **state)
{
	static uint8_t memory[4096] __attribute__((aligned(64)));
	struct amph_pool_block blocks[3];
	struct amph_provider_pool provider;
	struct amph_pool p;
	struct buffer *b = buffers;
	const struct amph_shm_storage none = {b[2].ranges, 16, NULL, 0};
	(void)state;

	begin();
	assert_int_equal(amph_pool_init(&p, sizeof(memory), 64, blocks, 3), 0);
	assert_int_equal(amph_provider_pool_init(&provider, "pool", &p, memory, 0), 0);
	assert_int_equal(amph_memory_add_provider(&one.memory, &provider.provider), 0);
	assert_int_equal(buffer_open(&b[0], &one, "pool:0", 64, 0), 0);
	assert_int_equal(buffer_open(&b[1], &one, "pool:1", 64, 0), 0);
	/* no descriptor is left for a third and what remains */
	WHEN_FULL_SILENT(buffer_open(&b[2], &one, "pool:2", 64, 0), -ENOSPC, p);
	WHEN_FULL_SILENT(buffer_open(&b[2], &one, "pool:2", 8192, 0), -ENOMEM, p);
	WHEN_FULL_SILENT(buffer_open(&b[2], &one, "pool:2", sizeof(memory), 0), -ENOMEM, p);
	assert_int_equal(amph_pool_check(&p, NULL), 0);
	assert_int_equal(amph_shm_put(&b[1].shm), 0);
	WHEN_FULL_SILENT(amph_shm_open(&one.memory, &b[2].shm, &none, "pool:2", 64, 0), -ENOSPC, p);
	assert_int_equal(buffer_open(&b[2], &one, "pool:2", 64, 0), 0);
}

static void policy(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{"other", "arena", AMPH_DEVICE_READS_WRITES, 0, 4096, 0, 0}};
	struct amph_policy_use uses[1];
	struct amph_policy p;
	struct buffer *b = buffers;
	(void)state;

	begin();
	assert_int_equal(amph_policy_init(&p, rules, uses, 1, NULL), 0);
	assert_int_equal(amph_memory_set_policy(&one.memory, &p), 0);
	assert_int_equal(buffer_open(&b[0], &one, "arena:0", 4096, 0), 0);
	assert_int_equal(buffer_open(&b[1], &one, "arena:2000", 4096, 0), 0);
	assert_int_equal(buffer_attach(&b[0], &one, AMPH_DEVICE_READS), 0);
	WHEN_FULL(buffer_attach(&b[1], &one, AMPH_DEVICE_READS), -EDQUOT, b[1].shm);
	assert_int_equal(amph_shm_detach(&b[0].attachment), 0);
	assert_int_equal(buffer_attach(&b[1], &one, AMPH_DEVICE_READS), 0);
}

static void rules_of_a_policy(void **state)
{
	static const char text[] = "allow a b reads\nallow c d reads\n";
	struct amph_policy_rule rules[2];
	struct amph_policy_use uses[2];
	struct amph_policy_error error;
	char lent[sizeof(text)];
	struct amph_policy_storage storage = {rules, uses, 1, lent, sizeof(lent)};
	struct amph_policy p = {0};
	(void)state;

	memcpy(lent, text, sizeof(text));
	WHEN_FULL_SILENT(amph_policy_parse(&p, &storage, sizeof(text) - 1, "text", &error), -ENOSPC,
			 p);
	storage.rule_max = 2;
	storage.text_size = sizeof(text) - 1;
	WHEN_FULL_SILENT(amph_policy_parse(&p, &storage, sizeof(text) - 1, "text", &error), -ENOSPC,
			 p);
	storage.text_size++;
	memcpy(lent, text, sizeof(text));
	assert_int_equal(amph_policy_parse(&p, &storage, sizeof(text) - 1, "text", &error), 0);
}

/* --- sessions --- */

static void offer(uint32_t i, uint32_t request, struct amph_share **share)
{
	static const char *const names[] = {"arena:0",	  "arena:1000", "arena:2000", "arena:3000",
					    "arena:4000", "arena:5000", "arena:6000"};

	memset(&buffers[i], 0, sizeof(buffers[i]));
	assert_int_equal(buffer_open(&buffers[i], &mains, names[i], 4096, 0), 0);
	assert_int_equal(buffer_attach(&buffers[i], &mains, AMPH_DEVICE_READS_WRITES), 0);
	if (share)
		assert_int_equal(amph_session_offer(&mains.session, &buffers[i].attachment, request,
						    0, share),
				 0);
	settle(&mains, &peers);
}

static void slots_of_the_home(void **state)
{
	struct amph_share *shares[SIDE_SHARES], *last;
	(void)state;

	assert_int_equal(sides_open(&mains, &peers), 0);
	for (uint32_t i = 0; i < SIDE_SHARES; i++)
		offer(i, 0, &shares[i]);
	offer(SIDE_SHARES, 0, NULL);
	WHEN_FULL(amph_session_offer(&mains.session, &buffers[SIDE_SHARES].attachment, 0, 0, &last),
		  -ENOSPC, mains.session);
	assert_int_equal(amph_session_release(&mains.session, shares[1], 0), 0);
	settle(&mains, &peers);
	assert_int_equal(
		amph_session_offer(&mains.session, &buffers[SIDE_SHARES].attachment, 0, 0, &last),
		0);
}

static void slots_of_the_importer(void **state)
{
	struct amph_share *shares[3];
	(void)state;

	assert_int_equal(sides_open(&mains, &peers), 0);
	peers.session.config.share_max = 2;
	for (uint32_t i = 0; i < 3; i++)
		offer(i, 0, &shares[i]);
	/* refused politely: the slot here is free again, and what was there goes on */
	assert_int_equal(shares[0]->state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(shares[2]->state, AMPH_SHARE_FREE);
	assert_int_equal(shares[2]->error, -ENOSPC);
	full_met++;
	assert_int_equal(amph_session_release(&mains.session, shares[0], 0), 0);
	settle(&mains, &peers);
	assert_int_equal(
		amph_session_offer(&mains.session, &buffers[2].attachment, 0, 0, &shares[2]), 0);
	settle(&mains, &peers);
	assert_int_equal(shares[2]->state, AMPH_SHARE_ACCEPTED);
}

static const struct amph_session_request wanted = {.size = 4096,
						   .direction = AMPH_DEVICE_READS_WRITES};

static void requests(void **state)
{
	uint32_t request, first = 0;
	(void)state;

	assert_int_equal(sides_open(&mains, &peers), 0);
	for (uint32_t i = 0; i < AMPH_SESSION_REQUESTS; i++) {
		assert_int_equal(amph_session_request(&peers.session, &wanted, 0, &request), 0);
		first = first ? first : request;
	}
	WHEN_FULL(amph_session_request(&peers.session, &wanted, 0, &request), -ENOSPC,
		  peers.session);
	settle(&mains, &peers);
	/* the home's own table: one more than it takes */
	peers.session.asked[0].id = 0;
	peers.logged = 0;
	assert_int_equal(amph_session_request(&peers.session, &wanted, 0, &request), 0);
	settle(&mains, &peers);
	assert_int_equal(peers.log[peers.logged - 1].error, -ENOSPC);
	full_met++;
	assert_int_equal(amph_session_deny(&mains.session, first, -EPERM, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_request(&peers.session, &wanted, 0, &request), 0);
	settle(&mains, &peers);
	assert_int_equal(mains.request.id, request);
}

static void quota(void **state)
{
	struct amph_session_request large = wanted;
	struct amph_share *share;
	uint32_t request;
	(void)state;

	assert_int_equal(sides_open(&mains, &peers), 0);
	large.size = mains.session.config.quota + 1;
	assert_int_equal(amph_session_request(&peers.session, &large, 0, &request), 0);
	settle(&mains, &peers);
	assert_int_equal(peers.log[peers.logged - 1].error, -EDQUOT);
	assert_int_equal(mains.session.granted_size, 0);
	full_met++;
	/* what is granted is larger than what was asked for, and too large */
	mains.session.config.quota = 4095;
	large.size = 64;
	assert_int_equal(amph_session_request(&peers.session, &large, 0, &request), 0);
	settle(&mains, &peers);
	offer(0, 0, NULL);
	WHEN_FULL(amph_session_offer(&mains.session, &buffers[0].attachment, request, 0, &share),
		  -EDQUOT, mains.session);
	mains.session.config.quota = 4096;
	assert_int_equal(
		amph_session_offer(&mains.session, &buffers[0].attachment, request, 0, &share), 0);
}

static void return_that_the_home_can_not_write_down(void **state)
{
	struct amph_share *share;
	(void)state;

	assert_int_equal(sides_open(&mains, &peers), 0);
	offer(0, 0, &share);
	buffers[0].shm.storage.range_max = 2;
	assert_int_equal(amph_session_give(&mains.session, share, 0, 4096, false, 0, 0), 0);
	settle(&mains, &peers);
	/* a piece out of the middle needs three ranges: it stays the importer's, to be returned otherwise */
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[0], 1024, 1024, 0, 0),
			 0);
	settle(&mains, &peers);
	assert_int_equal(amph_shm_check_access(peers.shares[0].shm, 0, 4096, true), 0);
	full_met++;
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[0], 0, 4096, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_shm_check_access(&buffers[0].shm, 0, 4096, true), 0);
}

static void queue_and_its_sleep(void **state)
{
	struct amph_queue_entry entry = {0};
	uint32_t sent;
	(void)state;

	open_queues(2);
	/* both slots are taken: three pieces of the data */
	entry = (struct amph_queue_entry){.share = data_share, .length = 64};
	for (uint32_t i = 0; i < 2; i++, entry.offset += 64)
		assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &sent), 0);
	assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &sent), -ETIMEDOUT);
	assert_int_equal(sent, 0);
	assert_int_equal(amph_shm_check_access(data_share->shm, 128, 64, true), 0);
	full_met++;
	peer_queue.config.spins = 0;
	assert_int_equal(amph_queue_arm(&peer_queue), -EAGAIN);
	full_met++;
	settle(&mains, &peers);
	amph_session_poll(&peers.session, 0);
	assert_int_equal(amph_queue_receive(&peer_queue, &entry, 1, 0, &sent),
			 peer_queue.config.by_receive ? 0 : -ETIMEDOUT);
	if (peer_queue.config.by_receive)
		assert_int_equal(amph_queue_receive(&peer_queue, &entry, 1, 0, &sent), 0);
	assert_int_equal(amph_queue_arm(&peer_queue), 0);
	amph_queue_disarm(&peer_queue);
	entry = (struct amph_queue_entry){.share = data_share, .offset = 128, .length = 64};
	assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &sent), 0);
}

static void ready_pool(void **state)
{
	static struct amph_ready_buffer ready_buffers[1];
	static struct amph_range ready_ranges[4];
	static struct amph_segment ready_segments[2];
	const struct amph_ready_config config = {
		.session = &mains.session,
		.name = "arena:",
		.size = 64,
		.direction = AMPH_DEVICE_READS_WRITES,
		.buffers = ready_buffers,
		.count = 1,
		.ranges = ready_ranges,
		.ranges_per_buffer = 4,
		.segments = ready_segments,
		.segments_per_buffer = 1,
	};
	struct amph_share *share, *second;
	struct amph_ready ready;
	(void)state;

	assert_int_equal(sides_open(&mains, &peers), 0);
	/* the other side runs in this thread: what it was offered is answered first */
	assert_int_equal(amph_ready_open(&ready, &config, 0), -ETIMEDOUT);
	memset(&ready, 0, sizeof(ready));
	ready.config = config;
	ready.free = 1;
	WHEN_FULL_SILENT(amph_ready_take(&ready, &share), -ENOMEM, ready);
	(void)second;
}

/* --- RPMsg --- */

static void nobody(struct amph_rpmsg_endpoint *endpoint, const void *message, uint32_t length,
		   uint32_t source, void *argument)
{
	(void)endpoint;
	(void)message;
	(void)length;
	(void)source;
	(void)argument;
}

static void ring_of_messages(void **state)
{
	static struct pair pair;
	struct amph_rpmsg_endpoint here, there, third;
	struct amph_rpmsg_loan loan;
	uint16_t produced;
	(void)state;

	pair_open(&pair, 4, 512);
	assert_int_equal(pair_start(&pair), 0);
	assert_int_equal(amph_rpmsg_endpoint_create(&pair.main.rpmsg, &here, NULL, 100, 200, nobody,
						    NULL, false, 0),
			 0);
	assert_int_equal(amph_rpmsg_endpoint_create(&pair.peer.rpmsg, &there, NULL, 200, 100,
						    nobody, NULL, false, 0),
			 0);
	while (!amph_rpmsg_try_send_to(&there, AMPH_RPMSG_ANY, "x", 1))
		;
	produced = pair.peer.rpmsg.transmit->produced;
	assert_int_equal(amph_rpmsg_try_send_to(&there, AMPH_RPMSG_ANY, "x", 1), -EAGAIN);
	assert_int_equal(amph_rpmsg_send(&there, "x", 1, 0), -ETIMEDOUT);
	assert_int_equal(amph_rpmsg_loan(&pair.peer.rpmsg, &loan, 0), -ETIMEDOUT);
	assert_int_equal(amph_rpmsg_endpoint_create(&pair.peer.rpmsg, &third, "third", 300, 100,
						    nobody, NULL, true, 0),
			 -ETIMEDOUT);
	assert_int_equal(produced, pair.peer.rpmsg.transmit->produced);
	full_met += 4;
	assert_true(amph_rpmsg_poll(&pair.main.rpmsg) > 0);
	assert_int_equal(amph_rpmsg_send(&there, "x", 1, 0), 0);
	assert_int_equal(amph_rpmsg_loan(&pair.peer.rpmsg, &loan, 0), 0);
	assert_int_equal(amph_rpmsg_give_back(&pair.peer.rpmsg, &loan), 0);
	assert_int_equal(amph_rpmsg_endpoint_create(&pair.peer.rpmsg, &third, "third", 300, 100,
						    nobody, NULL, true, 0),
			 0);
	pair_close(&pair);
}

static void memory_for_a_ring(void **state)
{
	static uint8_t memory[4096] __attribute__((aligned(16)));
	struct amph_vring vring = {0};
	uint32_t size = amph_vring_size(16, 64);
	(void)state;

	WHEN_FULL_SILENT(amph_vring_init(&vring, memory, size - 1, 16, 64), -ENOSPC, vring);
	assert_int_equal(amph_vring_init(&vring, memory, size, 16, 64), 0);
}

static void on_irq(void *argument)
{
	(void)argument;
}

static void interrupts(void **state)
{
	int fds[64], count = 0, error = 0;
	(void)state;

	for (; count < 64 && !error; count++) {
		fds[count] = eventfd(0, EFD_CLOEXEC);
		error = amph_irq_connect((uint32_t)fds[count], on_irq, NULL);
	}
	assert_int_equal(error, -ENOSPC);
	full_met++;
	assert_int_equal(amph_irq_disconnect((uint32_t)fds[0]), 0);
	assert_int_equal(amph_irq_connect((uint32_t)fds[count - 1], on_irq, NULL), 0);
	for (int i = 0; i < count; i++) {
		assert_int_equal(amph_irq_disconnect((uint32_t)fds[i]), i ? 0 : -ENOENT);
		close(fds[i]);
	}
}

/* Loading is one call that leaves nothing when it fails: its own tests meet these. */
static const char *const elsewhere[] = {"remoteproc/resource_table.c", "remoteproc/place.c",
					"share/locks"};

static void every_place_was_met(void **state)
{
	uint32_t unmet = 0;
	(void)state;

	for (struct full_place *p = __start_full_places;
	     (uintptr_t)p < (uintptr_t)__stop_full_places; p++) {
		bool known = p->met;

		for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
			known = known || strstr(p->file, elsewhere[i]);
		/* what read() says, not what the library says */
		known = known || (strstr(p->file, "irq.c") && !strcmp(p->error, "EAGAIN"));
		/* a copy of an inline function elsewhere is the same place */
		for (struct full_place *q = __start_full_places;
		     (uintptr_t)q < (uintptr_t)__stop_full_places; q++)
			known = known ||
				(q->met && q->line == p->line && !strcmp(q->file, p->file));
		if (!known) {
			printf("not met: %s:%u (%s)\n", p->file, p->line, p->error);
			unmet++;
		}
	}
	assert_int_equal(unmet, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),
		cmocka_unit_test(attachments),
		cmocka_unit_test(segments_of_a_target),
		cmocka_unit_test(quarantine_of_a_target_and_of_a_context),
		cmocka_unit_test(pool),
		cmocka_unit_test(policy),
		cmocka_unit_test(rules_of_a_policy),
		cmocka_unit_test(slots_of_the_home),
		cmocka_unit_test(slots_of_the_importer),
		cmocka_unit_test(requests),
		cmocka_unit_test(quota),
		cmocka_unit_test(return_that_the_home_can_not_write_down),
		cmocka_unit_test(queue_and_its_sleep),
		cmocka_unit_test(ready_pool),
		cmocka_unit_test(ring_of_messages),
		cmocka_unit_test(memory_for_a_ring),
		cmocka_unit_test(interrupts),
		cmocka_unit_test(every_place_was_met),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	printf("figure: full rings and tables met %u\n", full_met);
	return failed;
}
