/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An application that nobody kills. Test code that runs inside the virtual SoC; see bystander.h.
 */
#include "bystander.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../probe/client.h"
#include "../probe/memory.h"
#include "death.h"

#define LIST	 14u /* those that die have lower ones */
#define SIZE	 (128u << 10)
#define SEGMENTS (SIZE / DEATH_PAGE)
#define ROUNDS	 2u
#define TRY_US	 500

struct state {
	struct probe probe;
	int attachment;
	uint8_t *view;
	uint32_t seed;
};

static int prepare(struct state *state)
{
	struct amphora_segment segments[SEGMENTS];
	struct amphora_segments list = {.list = (uintptr_t)segments};
	struct amphora_attachment_info info;
	struct probe_segment told[SEGMENTS];
	int device = death_open_device();
	int remote = device < 0 ? device : death_open_remote(device);
	int buffer = death_heap_alloc(DEATH_HEAP, SIZE);

	if (remote < 0 || buffer < 0)
		return death_fail("the bystander has no remote or no buffer");
	state->view = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, buffer, 0);
	state->attachment =
		death_attach(remote, buffer, AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES);
	if (state->view == MAP_FAILED || death_attachment_info(state->attachment, &info) ||
	    info.segments > SEGMENTS)
		return death_fail("the bystander has no attachment: %s", strerror(errno));
	list.count = info.segments;
	if (ioctl(state->attachment, AMPHORA_IOC_SEGMENTS, &list))
		return death_fail("segments: %s", strerror(errno));
	for (uint32_t i = 0; i < info.segments; i++)
		told[i] = (struct probe_segment){.address = segments[i].address,
						 .length = segments[i].length};
	if (probe_open(&state->probe))
		return -1;
	return probe_list(&state->probe, LIST, told, info.segments);
}

/* To the coprocessor, and from it. */
static int cross(struct state *state)
{
	state->seed++;
	memory_fill(state->view, SIZE, state->seed, 0);
	if (probe_work(&state->probe, PROBE_VERIFY, LIST, state->seed, 0, SIZE))
		return -1;
	state->seed++;
	if (probe_work(&state->probe, PROBE_FILL, LIST, state->seed, 0, SIZE))
		return -1;
	return memory_verify(state->view, SIZE, state->seed, 0);
}

/* No coprocessor any more: the attachment is refused, and nobody writes into the buffer. */
static int expect_end(const struct state *state, const struct bystander *bystander)
{
	uint64_t deadline = death_now() + DEATH_WAIT_MS;
	struct amphora_attachment_info info = {0};

	/* it is revoked when the end begins; until the power is off the coprocessor may write */
	while (!bystander->off || death_attachment_info(state->attachment, &info) ||
	       !(info.flags & AMPHORA_ATTACHMENT_REVOKED)) {
		if (death_now() > deadline)
			return death_fail("the bystander's attachment outlives the coprocessor");
		usleep(TRY_US);
	}
	if (death_release(state->attachment) != -ESTALE)
		return death_fail("the bystander's attachment is not refused");
	memory_fill(state->view, SIZE, 1, 0);
	usleep(TRY_US);
	return memory_verify(state->view, SIZE, 1, 0);
}

static int stand_by(struct bystander *bystander)
{
	struct state state = {.attachment = -1};

	if (prepare(&state))
		return -1;
	while (!cross(&state))
		bystander->rounds++;
	if (!bystander->over)
		return death_fail("the bystander is disturbed");
	if (expect_end(&state, bystander))
		return -1;
	bystander->told = true;
	return 0;
}

pid_t bystander_start(struct bystander *bystander)
{
	*bystander = (struct bystander){0};
	pid_t pid = fork();

	if (pid)
		return pid < 0 ? death_fail("fork: %s", strerror(errno)) : pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (stand_by(bystander))
		bystander->failed = true;
	_exit(0);
}

int bystander_goes_on(const struct bystander *bystander)
{
	uint64_t deadline = death_now() + DEATH_WAIT_MS;
	uint32_t before = bystander->rounds;

	while (bystander->rounds < before + ROUNDS) {
		if (bystander->failed)
			return death_fail("the bystander failed after %u rounds",
					  bystander->rounds);
		if (death_now() > deadline)
			return death_fail("the bystander stays at round %u", before);
		usleep(TRY_US);
	}
	return 0;
}

int bystander_was_told(const struct bystander *bystander, pid_t pid)
{
	uint64_t deadline = death_now() + DEATH_WAIT_MS;
	pid_t ended;

	while (!(ended = waitpid(pid, NULL, WNOHANG)) && death_now() < deadline)
		usleep(TRY_US);
	if (!ended) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return bystander->told ? 0 : death_fail("the bystander was not told of the end");
}
