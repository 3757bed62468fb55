/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * death-lives: the coprocessor crashes or hangs while it owns buffers and writes to them, life after
 * life; remoteproc recovers it. The application is told, its attachments are refused from then on, its
 * buffers come back when the power was off, and the next life gets them again. Runs inside the virtual
 * SoC with the probe firmware.
 * usage: death-lives [--outside] [LIVES]
 * --outside: who started it ends the coprocessor, each time it says so.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../probe/client.h"
#include "../probe/memory.h"
#include "death.h"

#define BUFFERS	     3 /* the last is coherent memory, of one life only */
#define COHERENT     2
#define LIST	     1u
#define SEGMENTS     1024u
#define HEARTBEAT_MS 300 /* no answer so long is a hang */
#define TRY_US	     1000

static const size_t sizes[BUFFERS] = {1u << 20, 256u << 10, 64u << 10};

struct lives {
	struct probe probe;
	int device, remote;
	uint64_t boots;
	int dmabufs[BUFFERS]; /* the first two live on */
	uint8_t *views[BUFFERS];
	int attachments[BUFFERS]; /* of this life */
	int former; /* an attachment of the life before */
	int old_endpoint; /* of the life before */
	struct probe_segment segments[SEGMENTS];
	uint32_t count;
};

static struct lives lives;

static int get_buffer(int number, const char *heap)
{
	int fd = death_heap_alloc(heap, sizes[number]);

	lives.dmabufs[number] = fd;
	lives.views[number] =
		fd < 0 ? MAP_FAILED
		       : mmap(NULL, sizes[number], PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return lives.views[number] == MAP_FAILED ? death_fail("no buffer of %s", heap) : 0;
}

/* --- a life begins --- */

static int add_segments(int attachment)
{
	struct amphora_segment segments[SEGMENTS];
	struct amphora_attachment_info info;

	if (death_attachment_info(attachment, &info) || info.segments > SEGMENTS - lives.count)
		return death_fail("too many segments");
	struct amphora_segments list = {.count = info.segments, .list = (uintptr_t)segments};
	if (ioctl(attachment, AMPHORA_IOC_SEGMENTS, &list))
		return death_fail("segments: %s", strerror(errno));
	for (uint32_t i = 0; i < info.segments; i++)
		lives.segments[lives.count++] = (struct probe_segment){
			.address = segments[i].address, .length = segments[i].length};
	return 0;
}

/* The buffers' contents cross to this life of the coprocessor; then it owns them and writes. */
static int give_all(uint32_t seed)
{
	uint64_t offset = 0;

	lives.count = 0;
	for (int i = 0; i < BUFFERS; i++) {
		int fd = i == COHERENT ? death_coherent(lives.remote, sizes[i])
				       : death_attach(lives.remote, lives.dmabufs[i],
						      AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES);

		if (fd < 0)
			return death_fail("buffer %d is not attached: %s", i, strerror(-fd));
		lives.attachments[i] = fd;
		if (i == COHERENT)
			lives.views[i] =
				mmap(NULL, sizes[i], PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (lives.views[i] == MAP_FAILED || add_segments(fd))
			return death_fail("buffer %d can't be used", i);
		memory_fill(lives.views[i], sizes[i], seed, offset);
		offset += sizes[i];
	}
	return probe_list(&lives.probe, LIST, lives.segments, lives.count) ||
			       probe_work(&lives.probe, PROBE_VERIFY, LIST, seed, 0, offset) ||
			       probe_scribble(&lives.probe, LIST, seed)
		       ? -1
		       : 0;
}

static struct probe_mark read_mark(int buffer)
{
	struct probe_mark mark;

	/* the coprocessor may be writing it: a copy may be half of two, which changes nothing here */
	memcpy(&mark, lives.views[buffer], sizeof(mark));
	return mark;
}

static int wait_for_marks(uint32_t seed)
{
	uint64_t deadline = death_now() + DEATH_WAIT_MS;

	for (int i = 0; i < BUFFERS; i++) {
		for (;;) {
			struct probe_mark mark = read_mark(i);

			if (mark.magic == PROBE_MARK && mark.seed == seed)
				break;
			if (death_now() > deadline)
				return death_fail("nothing is written to buffer %d", i);
			usleep(TRY_US);
		}
	}
	return 0;
}

/* --- a life ends --- */

/* What the application of a coprocessor that hangs does: no answer in time, so it is reported. */
static int find_hang(void)
{
	struct probe_message message = {.command = PROBE_STATUS};
	struct pollfd answer = {.fd = lives.probe.endpoint.fd, .events = POLLIN};

	if (write(answer.fd, &message, sizeof(message)) != sizeof(message))
		return death_fail("the heartbeat: %s", strerror(errno));
	if (poll(&answer, 1, HEARTBEAT_MS))
		return death_fail("it hangs, and answers");
	int error = death_write(DEATH_CRASH, "1");
	return error ? death_fail(DEATH_CRASH ": %s", strerror(-error)) : 0;
}

enum end {
	END_CRASH,
	END_HANG,
	END_OUTSIDE, /* somebody else ends it, who reads this line */
};

static int end_life(enum end end)
{
	if (end == END_OUTSIDE) {
		puts("kill it");
		fflush(stdout);
		return 0;
	}
	if (end == END_HANG)
		return probe_end(&lives.probe, PROBE_HANG, 1) || find_hang() ? -1 : 0;
	return probe_end(&lives.probe, PROBE_CRASH, 0);
}

/* The application is told by everything that it has. */
static int expect_events(void)
{
	struct pollfd events[BUFFERS + 1] = {{.fd = lives.remote, .events = POLLPRI}};

	for (int i = 0; i < BUFFERS; i++)
		events[1 + i].fd = lives.attachments[i];
	for (int i = 0; i <= BUFFERS; i++) {
		short wanted = i ? POLLHUP | POLLERR : POLLPRI;

		if (poll(&events[i], 1, DEATH_WAIT_MS) != 1 ||
		    (events[i].revents & wanted) != wanted)
			return death_fail("descriptor %d does not tell: %#x", i, events[i].revents);
	}
	return 0;
}

static int expect_stale(int attachment)
{
	struct amphora_segment segment;
	struct amphora_segments list = {.count = 1, .list = (uintptr_t)&segment};
	struct amphora_sync sync = {.length = DEATH_PAGE, .flags = AMPHORA_SYNC_FOR_CPU};
	struct amphora_attachment_info info;

	if (!ioctl(attachment, AMPHORA_IOC_SEGMENTS, &list) || errno != ESTALE ||
	    !ioctl(attachment, AMPHORA_IOC_SYNC, &sync) || errno != ESTALE ||
	    death_release(attachment) != -ESTALE)
		return death_fail("an attachment of a former life is used: %s", strerror(errno));
	if (mmap(NULL, DEATH_PAGE, PROT_READ, MAP_SHARED, attachment, 0) != MAP_FAILED)
		return death_fail("an attachment of a former life is mapped");
	if (death_attachment_info(attachment, &info) || !(info.flags & AMPHORA_ATTACHMENT_REVOKED))
		return death_fail("an attachment of a former life is not revoked");
	return 0;
}

/* Messages of the life that was: nobody takes them. */
static int expect_old_channel_to_be_refused(void)
{
	struct probe_message message = {.command = PROBE_STATUS};

	if (write(lives.old_endpoint, &message, sizeof(message)) >= 0 || errno != EPIPE)
		return death_fail("an endpoint of a former life takes messages");
	return 0;
}

/* It is off, or new and told of nothing: not a byte changes any more. */
static int expect_silence(uint32_t seed)
{
	struct probe_mark before[BUFFERS];

	for (int i = 0; i < BUFFERS; i++) {
		before[i] = read_mark(i);
		if (before[i].magic != PROBE_MARK || before[i].seed != seed)
			return death_fail("buffer %d has lost what was in it", i);
	}
	usleep(10 * TRY_US);
	for (int i = 0; i < BUFFERS; i++) {
		struct probe_mark now = read_mark(i);

		if (memcmp(&before[i], &now, sizeof(now)) != 0)
			return death_fail("buffer %d is written to after the end", i);
	}
	return 0;
}

/* Waits for the next life; of the last one only what is in a program's view is left. */
static int expect_next_life(void)
{
	struct amphora_remote_info info;
	uint64_t deadline = death_now() + DEATH_WAIT_MS;

	do {
		if (death_remote_info(lives.remote, &info))
			return death_fail("no information");
		if (death_now() > deadline)
			return death_fail("it does not recover: state %u, boots %llu, %u attached",
					  info.state, (unsigned long long)info.boots,
					  info.attachments);
		usleep(TRY_US);
	} while (info.state != AMPHORA_RUNNING || info.boots == lives.boots);
	if (info.boots != lives.boots + 1 || info.attachments > 1)
		return death_fail("boots %llu after %llu, %u attachments",
				  (unsigned long long)info.boots, (unsigned long long)lives.boots,
				  info.attachments);
	lives.boots = info.boots;
	return 0;
}

static int drop_life(void)
{
	struct amphora_remote_info info;

	if (lives.former >= 0)
		close(lives.former);
	lives.former = lives.attachments[0];
	munmap(lives.views[COHERENT], sizes[COHERENT]);
	close(lives.attachments[1]);
	close(lives.attachments[COHERENT]);
	if (death_remote_info(lives.remote, &info) || info.attachments || info.quarantine_bytes)
		return death_fail("%u attachments are left", info.attachments);
	return 0;
}

static int live(uint32_t number, bool outside)
{
	enum end end = number % 2 ? END_HANG : END_CRASH;
	uint32_t seed = number + 1;

	if (probe_open(&lives.probe) || give_all(seed) || wait_for_marks(seed))
		return -1;
	if (lives.former >= 0 && expect_stale(lives.former))
		return -1;
	if (lives.old_endpoint >= 0) {
		if (expect_old_channel_to_be_refused())
			return -1;
		close(lives.old_endpoint);
	}
	if (end_life(outside ? END_OUTSIDE : end) || expect_events())
		return -1;
	for (int i = 0; i < BUFFERS; i++)
		if (expect_stale(lives.attachments[i]))
			return -1;
	lives.old_endpoint = lives.probe.endpoint.fd;
	return expect_next_life() || expect_silence(seed) || drop_life() ? -1 : 0;
}

static int prepare(void)
{
	struct amphora_remote_info info;

	if (death_switch("start") || death_wait_state("running"))
		return -1;
	lives.device = death_open_device();
	lives.remote = lives.device < 0 ? lives.device : death_open_remote(lives.device);
	if (lives.remote < 0 || death_remote_info(lives.remote, &info))
		return death_fail("no remote");
	lives.boots = info.boots;
	lives.former = -1;
	lives.old_endpoint = -1;
	return get_buffer(0, DEATH_HEAP) || get_buffer(1, DEATH_CMA) ? -1 : 0;
}

int main(int count, char **arguments)
{
	bool outside = count > 1 && !strcmp(arguments[1], "--outside");
	uint64_t before = 0;
	int fds = 0;

	count -= outside;
	arguments += outside;
	unsigned long times = count > 1 ? strtoul(arguments[1], NULL, 10) : 100;
	if (count > 2 || !times || times > 100000) {
		fputs("usage: death-lives [--outside] [LIVES]\n", stderr);
		return 2;
	}
	if (prepare())
		return 1;
	for (uint32_t i = 0; i < times; i++) {
		if (live(i, outside)) {
			death_fail("in life %u", i);
			return 1;
		}
		if (i == 3) { /* what is allocated once is there */
			before = death_free_memory();
			fds = death_count_fds();
		}
	}
	if (times > 4 && death_wait_memory(before))
		return 1;
	if (times > 4 && death_count_fds() != fds)
		return death_fail("%d descriptors, and %d after", fds, death_count_fds());
	close(lives.remote);
	if (death_switch_off() || death_wait_nothing_left())
		return 1;
	printf("%lu lives ended, each with an event; nothing is left of them\n", times);
	return 0;
}
