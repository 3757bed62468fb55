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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
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
#define IDLE_MS	     60000
#define END_MS	     2000

struct options {
	const char *path;
	bool once, verbose;
};

/*
 * One program that connected, in a process of its own: whatever it does costs nobody else, and its
 * end takes everything of it along.
 */
static struct client {
	unsigned number;
	struct amph_memory memory;
	struct amph_channel_socket channel;
	struct amph_target target; /* what we would offer to; we never do */
	struct amph_share shares[SHARES];
	struct amph_segment segments[SHARES * SEGMENTS];
	struct amph_range ranges[SHARES * RANGES];
	struct amph_session session;
} client;

static pid_t clients[CLIENTS]; /* 0: free */
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
	if (!bytes || !(share->direction & AMPH_DEVICE_WRITES) ||
	    (operation == EDGE_DETECT && !(share->direction & AMPH_DEVICE_READS)))
		return EDGE_NOT_REACHABLE;
	if (amph_shm_check_access(share->shm, plane, pixels, true) ||
	    (operation == EDGE_DETECT && amph_shm_check_access(share->shm, 0, pixels, false)))
		return EDGE_NOT_OWNED;
	struct picture picture = {
		.input = bytes, .output = bytes + plane, .width = width, .height = height};
	if (operation == EDGE_DETECT)
		picture_edges(&picture, 0, height);
	else
		for (uint32_t y = 0; y < height; y++)
			picture_invert_row(picture.output + (uint64_t)y * width, width);
	return EDGE_OK;
}

/* The first range from `offset` on that this side holds. NULL: none. */
static const struct amph_range *held_from(const struct amph_shm *shm, uint64_t offset)
{
	for (uint32_t i = 0; i < shm->range_count; i++) {
		const struct amph_range *range = &shm->storage.ranges[i];

		if (range->offset >= offset && (range->holders & AMPH_HOLDER_CPU))
			return range;
	}
	return NULL;
}

/* Everything held of the buffer goes back; the last return says the status, those before EDGE_MORE. */
static int return_all(struct amph_session *session, struct amph_share *share, uint64_t operation,
		      uint32_t status)
{
	const struct amph_range *held = held_from(share->shm, 0);

	while (held) {
		const struct amph_range range = *held; /* the record changes with the return */
		bool more = held_from(share->shm, range.offset + range.length);
		int error = amph_session_return(session, share, range.offset, range.length,
						operation << 56 | (more ? EDGE_MORE : status),
						amph_deadline(RETURN_MS));

		if (error)
			return error;
		held = held_from(share->shm, range.offset + range.length);
	}
	return 0;
}

/* The work is done at once; all that is held of the buffer goes back with its status. */
static void on_taken(struct amph_session *session, struct amph_share *share, uint64_t offset,
		     uint64_t length, bool reading, uint64_t cookie)
{
	uint64_t operation = cookie >> 56;

	(void)offset;
	(void)length;
	(void)reading;
	if (operation == EDGE_HOLD)
		return;
	uint32_t status = work(share, cookie);
	int error = return_all(session, share, operation, status);
	printf("client %u: %s: work %u on %" PRIu64 " bytes: status %u%s\n", client.number,
	       share->shm ? share->shm->name : "a lost buffer", (unsigned)operation,
	       share->shm ? share->shm->size : 0, status,
	       error ? ", and it could not be returned" : "");
	fflush(stdout);
}

static const struct amph_session_events events = {.taken = on_taken};

static int client_open(int fd)
{
	amph_target_process_init(&client.target, "client");
	int status = amph_memory_init(&client.memory);
	if (!status)
		status = amph_channel_socket_init(&client.channel, fd);
	if (status)
		return status;
	struct amph_session_config config = {
		.role = AMPH_SESSION_PEER,
		.channel = &client.channel.channel,
		.memory = &client.memory,
		.target = &client.target,
		.nonce = tool_nonce(),
		.shares = client.shares,
		.share_max = SHARES,
		.segments = client.segments,
		.segments_per_share = SEGMENTS,
		.ranges = client.ranges,
		.ranges_per_share = RANGES,
		.events = &events,
		.heartbeat_ms = HEARTBEAT_MS,
		.handles = true,
	};
	amph_windows_process_init(&config.windows);
	status = amph_session_init(&client.session, &config);
	return status ? status : amph_session_open(&client.session, amph_deadline(GREETING_MS));
}

/* Until the session ends, or the client has said nothing for a long time, or serving ends. */
static void client_serve(void)
{
	struct amph_session *session = &client.session;

	while (session->state == AMPH_SESSION_OPEN || session->state == AMPH_SESSION_CLOSING) {
		amph_session_poll(session, amph_deadline(TICK_MS));
		if (interrupted)
			amph_session_lose(session, -ECONNRESET, "serving ends");
		else if (amph_time_now() > session->heard + IDLE_MS * 1000000ull)
			amph_session_lose(session, -EPIPE, "it said nothing for a minute");
	}
}

/* The whole life of one client's process. */
static void be_client(int fd, unsigned number, pid_t server)
{
	char why[256];

	if (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != server)
		_exit(EXIT_FAILED);
	client.number = number;
	printf("client %u: connected\n", number);
	fflush(stdout);
	int status = client_open(fd);
	if (!status)
		client_serve();
	if (client.session.state == AMPH_SESSION_CLOSED)
		printf("client %u: closed in order\n", number);
	else if (status == -ETIMEDOUT)
		printf("client %u: lost: it never greeted\n", number);
	else
		printf("client %u: lost: %s\n", number,
		       tool_why(&client.session.why, status ? status : -EPIPE, why, sizeof(why)));
	fflush(stdout);
	_exit(client.session.state == AMPH_SESSION_CLOSED ? EXIT_FINE : EXIT_FAILED);
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
	pid_t *slot = NULL;
	pid_t server = getpid();

	if (fd < 0)
		return;
	for (unsigned i = 0; i < CLIENTS && !slot; i++)
		if (!clients[i])
			slot = &clients[i];
	if (!slot) {
		tool_error("%d clients already: one more is refused", CLIENTS);
		close(fd);
		return;
	}
	fflush(NULL);
	*slot = fork();
	if (!*slot) {
		close(listener);
		be_client(fd, accepted + 1, server);
	}
	if (*slot < 0) {
		tool_error("a client can't be served: %s", strerror(errno));
		*slot = 0;
	} else {
		accepted++;
	}
	close(fd);
}

/* Takes leave of clients that have ended. Returns how many are left. */
static unsigned reap_clients(void)
{
	unsigned left = 0;

	for (unsigned i = 0; i < CLIENTS; i++) {
		if (clients[i] && waitpid(clients[i], NULL, WNOHANG) != 0)
			clients[i] = 0;
		left += clients[i] != 0;
	}
	return left;
}

/* Tells all to end, and kills those that don't. */
static void end_clients(void)
{
	uint64_t deadline = amph_deadline(END_MS);
	int number = SIGTERM;

	while (reap_clients()) {
		for (unsigned i = 0; i < CLIENTS; i++)
			if (clients[i])
				kill(clients[i], number);
		if (amph_time_now() > deadline)
			number = SIGKILL;
		usleep(10000);
	}
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
	while (!interrupted && !(reap_clients() == 0 && options.once && accepted)) {
		struct pollfd entry = {.fd = listener, .events = POLLIN};
		const struct timespec tick = {.tv_nsec = TICK_MS * 1000000};

		if (ppoll(&entry, 1, &tick, NULL) > 0)
			accept_client(listener);
	}
	end_clients();
	close(listener);
	unlink(options.path);
	return EXIT_FINE;
}
