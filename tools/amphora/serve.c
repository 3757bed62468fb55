/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * amphora serve: the peer of any program that speaks the share protocol on a Unix socket. Takes
 * buffers, finds edges in place, returns them; see docs/protocol.md, "The process channel".
 */
#include "soc.h"
#include "tool.h"

#include <argp.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <amphora/channel.h>
#include <amphora/time.h>
#include <edge/picture.h>

#define CLIENTS	     16
#define SHARES	     16
#define RANGES	     16
#define SEGMENTS     32
#define TICK_MS	     100
#define HEARTBEAT_MS 1000
#define RETURN_MS    2000
#define GREETING_MS  5000

struct options {
	const char *path;
	bool once, verbose;
};

/* One program that connected: nothing of it is shared with another. */
struct client {
	bool used;
	unsigned number;
	uint64_t greet_by; /* who connects and says nothing is not kept */
	struct amph_memory memory;
	struct amph_channel_socket channel;
	struct amph_target target; /* what we would offer to; we never do */
	struct amph_share shares[SHARES];
	struct amph_segment segments[SHARES * SEGMENTS];
	struct amph_range ranges[SHARES * RANGES];
	struct amph_session session;
};

static struct client clients[CLIENTS];
static unsigned accepted;
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

static const struct argp_option option_list[] = {
	{"once", '1', NULL, 0, "end when the first client has gone", 0},
	{"verbose", 'v', NULL, 0, "show the library's log", 0},
	{0}};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case '1':
		options->once = true;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->path)
			argp_error(state, "one socket at a time: '%s' is too many", argument);
		options->path = argument;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "on which socket?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Does the work that a cookie orders, in the buffer. Returns the status for the return's cookie. */
static uint32_t work(struct amph_share *share, uint64_t cookie)
{
	uint32_t operation = (uint32_t)(cookie >> 56);
	uint32_t width = (uint32_t)(cookie & 0xffff), height = (uint32_t)(cookie >> 16 & 0xffff);
	uint64_t plane = edge_plane_offset(width, height);
	uint64_t pixels = (uint64_t)width * height;
	uint8_t *bytes = share->shm->va;

	if (operation != EDGE_DETECT && operation != EDGE_INVERT)
		return EDGE_UNKNOWN;
	if (!pixels || width > EDGE_SIDE_MAX || height > EDGE_SIDE_MAX ||
	    share->shm->size < plane + pixels)
		return EDGE_BAD_SIZE;
	if (!bytes || !(share->direction & AMPH_DEVICE_WRITES))
		return EDGE_NOT_REACHABLE;
	if (amph_shm_check_access(share->shm, plane, pixels, true) ||
	    (operation == EDGE_DETECT && amph_shm_check_access(share->shm, 0, pixels, false)))
		return EDGE_NOT_OWNED;
	struct picture picture = {
		.input = bytes, .output = bytes + plane, .width = width, .height = height};
	if (operation == EDGE_DETECT)
		picture_edges(&picture, 0, height);
	else
		picture_invert(&picture, 0, height);
	return EDGE_OK;
}

/* The work is done at once; what it was ordered on goes back with its status. */
static void on_taken(struct amph_session *session, struct amph_share *share, uint64_t offset,
		     uint64_t length, bool reading, uint64_t cookie)
{
	const struct client *client = session->config.user;
	uint64_t deadline = amph_deadline(RETURN_MS);

	(void)reading;
	if (cookie >> 56 == EDGE_HOLD)
		return;
	uint32_t status = work(share, cookie);
	uint64_t answer = (cookie & 0xff00000000000000u) | status;
	/* all of it, when all of it is ours; else only what came with the order */
	int error = amph_session_return(session, share, 0, share->shm->size, answer, deadline);
	if (error == -EACCES)
		error = amph_session_return(session, share, offset, length, answer, deadline);
	printf("client %u: %s: work %u on %" PRIu64 " bytes: status %u%s\n", client->number,
	       share->shm->name, (unsigned)(cookie >> 56), share->shm->size, status,
	       error ? ", and it could not be returned" : "");
	fflush(stdout);
}

static const struct amph_session_events events = {.taken = on_taken};

static int client_open(struct client *client, int fd)
{
	memset(client, 0, sizeof(*client));
	client->number = ++accepted;
	amph_target_process_init(&client->target, "client");
	int status = amph_memory_init(&client->memory);
	if (!status)
		status = amph_channel_socket_init(&client->channel, fd);
	if (status) {
		close(fd);
		return status;
	}
	struct amph_session_config config = {
		.role = AMPH_SESSION_PEER,
		.channel = &client->channel.channel,
		.memory = &client->memory,
		.target = &client->target,
		.nonce = tool_nonce(),
		.shares = client->shares,
		.share_max = SHARES,
		.segments = client->segments,
		.segments_per_share = SEGMENTS,
		.ranges = client->ranges,
		.ranges_per_share = RANGES,
		.events = &events,
		.heartbeat_ms = HEARTBEAT_MS,
		.handles = true,
		.user = client,
	};
	amph_windows_process_init(&config.windows);
	status = amph_session_init(&client->session, &config);
	if (!status)
		status = amph_session_open(&client->session, amph_time_now());
	if (status && status != -ETIMEDOUT) { /* its greeting is still to come */
		amph_channel_socket_close(&client->channel);
		return status;
	}
	client->greet_by = amph_deadline(GREETING_MS);
	client->used = true;
	printf("client %u: connected\n", client->number);
	fflush(stdout);
	return 0;
}

static void client_close(struct client *client)
{
	char why[256];

	if (client->session.state == AMPH_SESSION_CLOSED)
		printf("client %u: closed in order\n", client->number);
	else
		printf("client %u: lost: %s\n", client->number,
		       tool_why(&client->session.why, -EPIPE, why, sizeof(why)));
	fflush(stdout);
	if (client->session.state != AMPH_SESSION_CLOSED &&
	    client->session.state != AMPH_SESSION_LOST)
		amph_session_lose(&client->session, -ECONNRESET, "serving ends");
	amph_channel_socket_close(&client->channel);
	client->used = false;
}

static int listen_on(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat status;

	if (strlen(path) >= sizeof(address.sun_path)) {
		tool_error("the socket's path has %zu bytes, the limit is %zu", strlen(path),
			   sizeof(address.sun_path) - 1);
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && !stat(path, &status) && S_ISSOCK(status.st_mode) &&
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) && errno == ECONNREFUSED)
		unlink(path); /* of a server that is gone */
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 4))) {
		tool_error("%s: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

static void accept_client(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (clients[i].used)
			continue;
		if (client_open(&clients[i], fd))
			tool_error("a client can't be served");
		return;
	}
	tool_error("%d clients already: one more is refused", CLIENTS);
	close(fd);
}

/* One turn: whoever has something to say is heard, and heartbeats go out. */
static void turn(int listener)
{
	struct pollfd fds[CLIENTS + 1] = {{.fd = listener, .events = POLLIN}};
	const struct timespec tick = {.tv_nsec = TICK_MS * 1000000};

	for (unsigned i = 0; i < CLIENTS; i++)
		fds[i + 1] = (struct pollfd){.fd = clients[i].used ? clients[i].channel.fd : -1,
					     .events = POLLIN};
	if (ppoll(fds, CLIENTS + 1, &tick, NULL) < 0)
		return;
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (!clients[i].used)
			continue;
		int status = amph_session_poll(&clients[i].session, amph_time_now());
		if (clients[i].session.state == AMPH_SESSION_GREETING &&
		    amph_time_now() > clients[i].greet_by)
			amph_session_lose(&clients[i].session, -ETIMEDOUT, "it never greeted");
		if ((status < 0 && status != -ETIMEDOUT) ||
		    clients[i].session.state == AMPH_SESSION_LOST ||
		    clients[i].session.state == AMPH_SESSION_CLOSED)
			client_close(&clients[i]);
	}
	if (fds[0].revents)
		accept_client(listener);
}

static bool any_client(void)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		if (clients[i].used)
			return true;
	return false;
}

int command_serve(int count, char **arguments)
{
	static const struct argp argp = {
		.options = option_list,
		.parser = parse,
		.args_doc = "SOCKET",
		.doc = "Listens on a Unix socket and finds edges in the buffers of every program that "
		       "connects and speaks the share protocol, until Ctrl-C.\v"
		       "Exit status: 0 after Ctrl-C or --once, 1 when serving failed, 2 bad usage."};
	struct options options = {0};
	struct sigaction action = {.sa_handler = on_signal};

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, count, arguments, 0, NULL, &options);
	tool_log(options.verbose);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	int listener = listen_on(options.path);
	if (listener < 0)
		return EXIT_FAILED;
	printf("serving on %s\n", options.path);
	fflush(stdout);
	while (!interrupted && !(options.once && accepted && !any_client()))
		turn(listener);
	for (unsigned i = 0; i < CLIENTS; i++)
		if (clients[i].used)
			client_close(&clients[i]);
	close(listener);
	unlink(options.path);
	return EXIT_FINE;
}
