/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tests/python/peer.py talks to: serves one session on a socket, as main or as peer.
 * Test code, built on the public headers alone. Inverts what it is given and returns it; grants
 * requests from a memfd, gives the memory, and looks at what comes back (1 added to every byte).
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <amphora/channel.h>
#include <amphora/memfd.h>
#include <amphora/session.h>
#include <amphora/time.h>

static struct amph_memory memory;
static struct amph_provider provider;
static struct amph_target target;
static struct amph_session session;
static struct amph_share shares[4];
static struct amph_segment segments[4 * 4];
static struct amph_range ranges[4 * 8];
static struct amph_channel_socket channel;

static struct amph_shm shm;
static struct amph_attachment attachment;
static struct amph_segment shm_segments[4], device_segments[4];
static struct amph_range shm_ranges[8];
static int inverted, granted, verified;
static uint64_t returned;

static void fail(const char *what)
{
	printf("counterpart: %s (%s)\n", what, session.why.what ? session.why.what : "");
	_exit(1);
}

static void answered(struct amph_session *s, struct amph_share *share)
{
	uint8_t *bytes = shm.va;

	if (share->state != AMPH_SHARE_ACCEPTED)
		fail("the offer was refused");
	for (uint32_t i = 0; i < shm.size; i++)
		bytes[i] = (uint8_t)(i * 3);
	if (amph_session_give(s, share, 0, shm.size, false, 5, amph_deadline(1000)))
		fail("give");
}

static void taken(struct amph_session *s, struct amph_share *share, uint64_t offset,
		  uint64_t length, bool reading, uint64_t cookie)
{
	uint8_t *bytes = (uint8_t *)share->va + offset;

	(void)reading;
	if (!share->home) {
		for (uint64_t i = 0; i < length; i++)
			bytes[i] = (uint8_t)~bytes[i];
		inverted++;
		/* in two pieces */
		if (amph_session_return(s, share, offset, length / 2, cookie,
					amph_deadline(1000)) ||
		    amph_session_return(s, share, offset + length / 2, length - length / 2, cookie,
					amph_deadline(1000)))
			fail("return");
		return;
	}
	for (uint64_t i = 0; i < length; i++) {
		if (bytes[i] != (uint8_t)((offset + i) * 3 + 1))
			fail("not the bytes expected");
	}
	returned += length;
	if (returned == shm.size) {
		verified++;
		if (amph_session_release(s, share, amph_deadline(1000)))
			fail("release");
	}
}

static void released(struct amph_session *s, struct amph_share *share)
{
	(void)s;
	if (share->home && (amph_shm_detach(&attachment) || amph_shm_put(&shm)))
		fail("detach");
}

static int requested(struct amph_session *s, const struct amph_session_request *request)
{
	const struct amph_shm_storage storage = {shm_ranges, 8, shm_segments, 4};
	struct amph_share *share;
	int error = amph_shm_open(&memory, &shm, &storage, request->name, request->size, 0);

	if (!error)
		error = amph_shm_attach(&shm, &target, request->direction, AMPH_SYNC_MESSAGES,
					&attachment, device_segments, 4);
	if (!error)
		error = amph_session_offer(s, &attachment, request->id, amph_deadline(1000),
					   &share);
	granted += !error;
	return error;
}

static const struct amph_session_events events = {
	.answered = answered,
	.taken = taken,
	.released = released,
	.requested = requested,
};

static int serve(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int fd;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 1))
		return -1;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	return fd;
}

int main(int count, char **arguments)
{
	struct amph_session_config config = {
		.role = count == 3 && !strcmp(arguments[2], "main") ? AMPH_SESSION_MAIN
								    : AMPH_SESSION_PEER,
		.channel = &channel.channel,
		.memory = &memory,
		.target = &target,
		.shares = shares,
		.share_max = 4,
		.segments = segments,
		.segments_per_share = 4,
		.ranges = ranges,
		.ranges_per_share = 8,
		.events = &events,
		.heartbeat_ms = 50,
		.quota = 1 << 20,
		.handles = true,
	};
	int fd, error;

	if (count != 3)
		fail("usage: counterpart SOCKET main|peer");
	fd = serve(arguments[1]);
	if (fd < 0 || getrandom(&config.nonce, sizeof(config.nonce), 0) != sizeof(config.nonce))
		fail("the socket can't be served");
	config.nonce |= 1;
	amph_provider_memfd_init(&provider);
	amph_target_process_init(&target, "python");
	amph_windows_process_init(&config.windows);
	if (amph_memory_init(&memory) || amph_memory_add_provider(&memory, &provider) ||
	    amph_channel_socket_init(&channel, fd) || amph_session_init(&session, &config))
		fail("init");
	error = amph_session_open(&session, amph_deadline(10000));
	if (error)
		fail("open");
	while (session.state == AMPH_SESSION_OPEN && (error >= 0 || error == -ETIMEDOUT))
		error = amph_session_poll(&session, amph_deadline(1000));
	if (session.state != AMPH_SESSION_CLOSED)
		fail("the session was lost");
	amph_channel_socket_close(&channel);
	if (inverted != 2 || granted != 1 || verified != 1 || memory.buffers)
		fail("something is missing");
	return 0;
}
