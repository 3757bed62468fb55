/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The survivor: what it must find after the other side's end, whenever that came.
 * Test code.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "case.h"
#include "side.h"

static const struct cast *cast;
static bool victim_died; /* known when it was to be proved */
static struct end *healthy;

static bool has_died(void)
{
	return __atomic_load_n(&stage->died, __ATOMIC_ACQUIRE) && stage->death != DEATH_PAUSE;
}

/* --- the program --- */

/* The victim's rings are there, or it will never make any. */
static bool rings_come(void)
{
	uint64_t deadline = soon();

	while (!__atomic_load_n(&stage->rings, __ATOMIC_ACQUIRE)) {
		if (amph_time_now() > deadline)
			return false;
		if (has_died())
			return false;
		usleep(200);
	}
	return true;
}

static void share_with_healthy(int fd)
{
	struct jar *jar = &side.jars[HEALTHY];

	side.wait_ms = LIMIT_MS;
	end_init(healthy, fd, false, true);
	CHECK_EQUAL(end_open(healthy), 0);
	CHECK_EQUAL(jar_open(jar, "healthy", JAR_SIZE), 0);
	CHECK_EQUAL(jar_share(jar, 0, healthy, AMPH_SYNC_MESSAGES, 0), 0);
	CHECK_EQUAL(jar_round(jar, 0, COMMAND_RETURN), 0);
	case_manners();
}

static int run_importer(bool rpmsg)
{
	struct end *ends[2] = {&side.ends[1], &side.ends[0]};
	uint32_t count = 1;

	end_init(ends[0], plugs[PLUG_SECOND].fds[0], false, false);
	amph_session_open(&ends[0]->session, 0);
	if (!rpmsg || rings_come()) {
		count = 2;
		end_init(ends[1], plugs[PLUG_LANE].fds[0], rpmsg, false);
		amph_session_open(&ends[1]->session, 0);
	}
	importer_program(ends, count);
	side.wait_ms = LIMIT_MS;
	return ends[1]->session.error;
}

static int run_home(bool rpmsg)
{
	int error;

	end_init(&side.ends[0], plugs[PLUG_LANE].fds[0], rpmsg, true);
	stage_set(&stage->rings, 1);
	error = home_program(&side.ends[0], healthy);
	side.wait_ms = LIMIT_MS;
	/* the other one took part in it, and has nothing to do with the end */
	CHECK_EQUAL(healthy->session.state, AMPH_SESSION_OPEN);
	return error;
}

/* --- the end of a session --- */

static void check_end(struct end *end)
{
	struct amph_session *session = &end->session;

	if (!end->target)
		return; /* never begun: the other side did not set up the virtqueues */
	/* no answer in time: the application gives it up */
	if (!end_is_over(end))
		amph_session_lose(session, -ETIMEDOUT, "no answer in time");
	if (session->state == AMPH_SESSION_LOST && session->error != -EPIPE &&
	    session->error != -ECONNRESET)
		stage_fail(__FILE__, __LINE__, "the session is lost for %d: %s", session->error,
			   session->why.what);
	CHECK_EQUAL(end->ends, 1);
	CHECK(end->session.path == NULL);
	for (uint32_t i = 0; i < SHARES; i++) {
		CHECK_EQUAL(end->shares[i].state, AMPH_SHARE_FREE);
		CHECK(!end->shares[i].import_shm.memory);
	}
	/* it says so, and does nothing any more */
	CHECK_EQUAL(IN_TIME(amph_session_poll(session, soon())),
		    session->state == AMPH_SESSION_LOST ? session->error : -ENOTCONN);
	CHECK_EQUAL(end->ends, 1);
}

static void check_healthy(void)
{
	struct jar *jar = &side.jars[0];

	CHECK_EQUAL(jar_round(&side.jars[HEALTHY], 0, COMMAND_RETURN_ALL), 0);
	if (stage->victim == VICTIM_HOME || !jar->open)
		return;
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t deadline = amph_deadline(LIMIT_MS);

		while (jar->holders[i] == HOLDER_ENDS + 1) {
			int result = amph_session_poll(&healthy->session, deadline);

			CHECK(result > 0);
		}
	}
	jar_check(jar);
	if (jar->attachments[1].shm)
		CHECK_EQUAL(jar_release(jar, 1), 0);
}

/* Lets whoever is not quite dead do its worst, and then ends it for good. */
static void prove_off(void)
{
	int status = 0;

	victim_died = has_died();
	if (victim_died && (stage->death == DEATH_HANG || stage->death == DEATH_SILENT)) {
		stage_set(&stage->scribble, 1);
		CHECK(stage_wait(&stage->scribble, 2));
	}
	if (victim_died && stage->death == DEATH_STOP) {
		kill(cast->victim, SIGCONT);
		/* it finds out by itself, in its own time */
		CHECK_EQUAL(waitpid(cast->victim, &status, 0), cast->victim);
		CHECK(WIFEXITED(status));
	}
	remains_check_filled();
	for (uint32_t i = 0; i < lost_max(); i++)
		if (side.ends[i].target && side.ends[i].session.state == AMPH_SESSION_LOST)
			CHECK_EQUAL(amph_session_poll(&side.ends[i].session, 0),
				    side.ends[i].session.error);
	if (victim_died && stage->death == DEATH_RESTART)
		return; /* its first life is over, and the second is the same process */
	if (victim_died && stage->death == DEATH_STOP)
		return;
	while (!waitpid(cast->victim, &status, WNOHANG)) {
		/* it may get there only after this side gave it up */
		if (has_died()) {
			kill(cast->victim, SIGKILL);
			CHECK_EQUAL(waitpid(cast->victim, &status, 0), cast->victim);
			break;
		}
		usleep(200);
	}
}

/* --- the second life --- */

static void begin_again(void)
{
	struct end *end = &side.ends[0];
	bool restarted = stage->death == DEATH_RESTART;
	bool home = stage->victim == VICTIM_IMPORTER;
	bool rpmsg = stage->lane == LANE_RPMSG;

	if (!end->target)
		return;
	if (remains_is_lost(end))
		CHECK_EQUAL(amph_target_up(end->target), 0);
	side.nonce++;
	/* died before it was greeted, and was greeted in its second life: all is done already */
	if (!victim_died || (restarted && end->session.state == AMPH_SESSION_CLOSED &&
			     end->session.peer_epoch == VICTIM_NONCE + 1))
		return;
	side.wait_ms = LIMIT_MS;
	side.heartbeat_ms = 0;
	if (!restarted) {
		if (!rpmsg)
			amph_channel_socket_close(&end->socket);
		stage_set(&stage->again, 1);
		if (rpmsg && !home)
			CHECK(stage_wait(&stage->rings, 2));
	}
	end_init(end, restarted ? plugs[PLUG_LANE].fds[0] : plugs[PLUG_SECOND_LIFE].fds[0], rpmsg,
		 home);
	if (rpmsg && home)
		stage_set(&stage->rings, 2);
	if (home) {
		case_live_on(end);
	} else {
		amph_session_open(&end->session, 0);
		importer_program(&end, 1);
		CHECK_EQUAL(end->session.error, 0);
	}
	CHECK_EQUAL(end->session.state, AMPH_SESSION_CLOSED);
	/* what its first life left behind, before the greeting and after it */
	if (!restarted)
		CHECK_EQUAL(end->session.count.stale, rpmsg ? 1 : 2);
}

/* --- all of it --- */

static void wait_for(pid_t child)
{
	int status = 0;

	CHECK_EQUAL(waitpid(child, &status, 0), child);
	CHECK_EQUAL(status, 0);
}

static void close_all(void)
{
	CHECK_EQUAL(jar_release(&side.jars[HEALTHY], 0), 0);
	jar_close(&side.jars[HEALTHY]);
	CHECK_EQUAL(amph_session_close(&healthy->session, soon()), 0);
	wait_for(cast->healthy);
	if (victim_died && stage->death == DEATH_RESTART)
		wait_for(cast->victim);
	if (__atomic_load_n(&stage->again, __ATOMIC_ACQUIRE)) {
		wait_for(cast->second_life);
	} else if (cast->second_life) {
		kill(cast->second_life, SIGKILL);
		waitpid(cast->second_life, NULL, 0);
	}
	for (uint32_t i = 0; i < PLUGS; i++)
		close(plugs[i].fds[0]); /* one may be closed already */
	CHECK(!side.memory.buffers);
	CHECK_EQUAL(side.pool.used, 0);
}

void survive(const struct cast *all)
{
	bool importer = stage->victim == VICTIM_IMPORTER;
	bool rpmsg = stage->lane == LANE_RPMSG;
	uint32_t maps = count_maps();
	int error = 0;

	cast = all;
	side_init("survivor", 0, SURVIVOR_NONCE);
	healthy = &side.ends[importer ? 1 : 2];
	share_with_healthy(plugs[importer ? PLUG_SECOND : PLUG_HEALTHY].fds[0]);
	error = importer ? run_home(rpmsg) : run_importer(rpmsg);
	if (error && (stage->death == DEATH_NONE || stage->death == DEATH_PAUSE))
		stage_fail(__FILE__, __LINE__, "the program ended at home.c:%d with %d", side.line,
			   error);
	for (uint32_t i = 0; i < lost_max(); i++)
		check_end(&side.ends[i]);
	remains_check();
	check_healthy();
	remains_abandon();
	remains_fill();
	prove_off();
	remains_end();
	begin_again();
	close_all();
	CHECK_EQUAL(count_maps(), maps);
}
