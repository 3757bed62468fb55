/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One case: the processes that take part, their sockets, and what each of them does.
 * Test code. All are forked before any of them uses the library.
 */
#include "case.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "side.h"

struct plug plugs[PLUGS];

static void close_but(int first, int second)
{
	for (uint32_t i = 0; i < PLUGS; i++) {
		for (uint32_t j = 0; j < 2; j++) {
			int fd = plugs[i].fds[j];

			if (fd != first && fd != second)
				close(fd);
		}
	}
}

void case_manners(void)
{
	static const struct {
		uint32_t wait_ms, heartbeat_ms;
	} manners[DEATHS] = {
		[DEATH_NONE] = {3000, 0},    [DEATH_KILL] = {3000, 0}, [DEATH_HANG] = {40, 0},
		[DEATH_SILENT] = {300, 10},  [DEATH_STOP] = {300, 10}, [DEATH_PAUSE] = {3000, 0},
		[DEATH_RESTART] = {500, 10},
	};

	side.wait_ms = manners[stage->death].wait_ms * (stage->patience + 1);
	side.heartbeat_ms = manners[stage->death].heartbeat_ms * (stage->patience + 1);
}

/* --- the victim --- */

static void scribble(void)
{
	for (uint32_t i = 0; i < 2; i++) {
		for (uint32_t j = 0; j < SHARES; j++) {
			struct amph_share *share = &side.ends[i].shares[j];

			if (!share->home && share->state == AMPH_SHARE_ACCEPTED && share->va)
				memset(share->va, 0xee, share->size);
		}
	}
}

/* Nothing was to be lost: then nothing is. */
static void finish(int error)
{
	if (stage->death == DEATH_NONE || stage->death == DEATH_PAUSE)
		CHECK_EQUAL(error, 0);
	_exit(0);
}

static void import_from(int fd, bool rpmsg)
{
	struct end *end = &side.ends[0];

	end_init(end, fd, rpmsg, false);
	amph_session_open(&end->session, 0);
	importer_program(&end, 1);
	finish(end->session.error);
}

static void be_victim(int lane_fd, int second_fd)
{
	static sigjmp_buf life;
	bool rpmsg = stage->lane == LANE_RPMSG;
	bool again = sigsetjmp(life, 0);

	side_init("victim", 1, again ? VICTIM_NONCE + 1 : VICTIM_NONCE);
	case_manners();
	if (!again)
		stage_victim(scribble, &life);
	if (again)
		close(second_fd);
	if (stage->victim == VICTIM_IMPORTER) {
		if (rpmsg)
			CHECK(stage_wait(&stage->rings, 1));
		import_from(lane_fd, rpmsg);
	}
	end_init(&side.ends[0], lane_fd, rpmsg, true);
	stage_set(&stage->rings, 1);
	if (again) {
		case_live_on(&side.ends[0]);
		finish(0);
	}
	end_init(&side.ends[1], second_fd, false, true);
	finish(home_program(&side.ends[0], &side.ends[1]));
}

void case_live_on(struct end *end)
{
	CHECK_EQUAL(end_open(end), 0);
	if (end->leftover)
		end_say_stale(end);
	CHECK_EQUAL(home_short(end, &side.jars[SHORT]), 0);
	CHECK_EQUAL(IN_TIME(amph_session_close(&end->session, soon())), 0);
}

/* --- the others --- */

/* The victim's second life, where a restart is not its death: another process. */
static void be_second_life(int fd)
{
	bool rpmsg = stage->lane == LANE_RPMSG;
	struct end *end = &side.ends[0];

	CHECK(stage_wait(&stage->again, 1));
	side_init("second life", 1, VICTIM_NONCE + 1);
	if (rpmsg && stage->victim == VICTIM_IMPORTER)
		CHECK(stage_wait(&stage->rings, 2));
	end_init(end, fd, rpmsg, stage->victim == VICTIM_HOME);
	stage_set(&stage->rings, 2);
	/* a message that its first life left behind */
	if (!rpmsg)
		end_say_stale(end);
	end->leftover = true;
	if (stage->victim == VICTIM_IMPORTER) {
		amph_session_open(&end->session, 0);
		importer_program(&end, 1);
	} else {
		case_live_on(end);
	}
	_exit(0);
}

static void be_healthy(int fd)
{
	struct end *end = &side.ends[0];

	side_init("healthy", 2, 33);
	side.wait_ms = 20000;
	end_init(end, fd, false, false);
	amph_session_open(&end->session, 0);
	importer_program(&end, 1);
	CHECK_EQUAL(end->session.error, 0);
	_exit(0);
}

/* Wakes a stopped victim after a while. */
static void be_nurse(void)
{
	char name[64], text[256], *state;
	FILE *file;

	CHECK(stage_wait(&stage->pid, 1));
	while (!stage_wait(&stage->died, 1))
		;
	snprintf(name, sizeof(name), "/proc/%d/stat", (int)stage->pid);
	do {
		usleep(1000);
		file = fopen(name, "r");
		if (!file)
			_exit(0);
		state = fgets(text, sizeof(text), file);
		fclose(file);
		state = state ? strrchr(state, ')') : NULL;
	} while (state && state[2] != 'T');
	usleep(2000);
	kill((pid_t)stage->pid, SIGCONT);
	_exit(0);
}

/* A child that does not outlive this process. */
static pid_t fork_child(void)
{
	pid_t child = fork();

	CHECK(child >= 0);
	if (!child)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return child;
}

static void plug_in(void)
{
	for (uint32_t i = 0; i < PLUGS; i++)
		CHECK_EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, plugs[i].fds), 0);
}

void case_run(void)
{
	bool importer = stage->victim == VICTIM_IMPORTER;
	/* its second life, if it has one, is in the same process */
	bool in_place = stage->death == DEATH_NONE || stage->death == DEATH_PAUSE ||
			stage->death == DEATH_RESTART;
	struct cast cast = {0};
	uint32_t fds = count_fds();

	arena = mmap(NULL, STAGE_ARENA, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(arena != MAP_FAILED);
	plug_in();
	cast.victim = fork_child();
	if (!cast.victim) {
		int second = importer ? -1 : plugs[PLUG_SECOND].fds[1];

		close_but(plugs[PLUG_LANE].fds[1], second);
		be_victim(plugs[PLUG_LANE].fds[1], second);
	}
	if (!in_place)
		cast.second_life = fork_child();
	if (!in_place && !cast.second_life) {
		close_but(plugs[PLUG_SECOND_LIFE].fds[1], -1);
		be_second_life(plugs[PLUG_SECOND_LIFE].fds[1]);
	}
	cast.healthy = fork_child();
	if (!cast.healthy) {
		int fd = plugs[importer ? PLUG_SECOND : PLUG_HEALTHY].fds[1];

		close_but(fd, -1);
		be_healthy(fd);
	}
	if (stage->death == DEATH_PAUSE && !fork_child()) {
		close_but(-1, -1);
		be_nurse();
	}
	stage_set(&stage->pid, (uint32_t)cast.victim);
	for (uint32_t i = 0; i < PLUGS; i++)
		close(plugs[i].fds[1]);
	survive(&cast);
	CHECK_EQUAL(count_fds(), fds);
	_exit(0);
}
