/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A coprocessor that ends at a moment drawn by lot, life after life, in QEMU or as a process: killed or
 * stopped, at a message of the session counted from its start and some microseconds later, or so many
 * microseconds after its start. A second coprocessor lives through all of it.
 * Test code. Usage: sampled riscv32|process [LIVES [SEED]]. A case is drawn from its own seed, which is
 * printed when it fails: `sampled KIND 1 SEED` repeats it.
 */
#include "system/system.h"

#include <sys/mman.h>
#include <time.h>

#define MESSAGES 11u /* of a life, in both directions: hardly more are ever met */
#define DELAY_US 300u
#define START_US \
	6000u /* until a process has begun to live and further; a QEMU takes ten times as long */
#define GIVE_UP 100u /* ms without an answer, after which a stopped coprocessor is given up */

enum death { DEATH_KILL, DEATH_STOP, DEATHS };

static struct soc soc;
static struct coprocessor victim, healthy;
static struct job job, other;
static const struct amph_session_events events;
static struct {
	uint64_t seed;
	enum death death;
	uint32_t message; /* at which message; 0: at a time */
	uint32_t delay_us;
	uint32_t met;
	bool dead;
} lot;
static const struct amph_channel_ops *channel_ops;
static uint32_t dead_lives, whole_lives;

static uint64_t next_random(uint64_t *state)
{
	/* splitmix64: neighbouring seeds draw different lots */
	uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);

	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

static void draw(uint64_t seed)
{
	uint64_t state = seed;
	bool by_message = next_random(&state) % 4;

	memset(&lot, 0, sizeof(lot));
	lot.seed = seed;
	lot.death = (enum death)(next_random(&state) % DEATHS);
	lot.message = by_message ? 1 + (uint32_t)(next_random(&state) % MESSAGES) : 0;
	lot.delay_us =
		(uint32_t)(next_random(&state) % (by_message			? DELAY_US
						  : kind == COPROCESSOR_PROCESS ? START_US
										: 10 * START_US));
}

#define HOLDS(condition)                                                                    \
	do {                                                                                \
		if (!(condition))                                                           \
			fail_msg("seed %llu (%s at message %u, %u us): %s",                 \
				 (unsigned long long)lot.seed, lot.death ? "stop" : "kill", \
				 lot.message, lot.delay_us, #condition);                    \
	} while (0)

static pid_t child_of(const struct coprocessor *of)
{
	return of->kind == COPROCESSOR_RISCV32 ? of->qemu.child.pid : of->process.child.pid;
}

static void die(void)
{
	pid_t child = child_of(&victim);

	lot.dead = true;
	if (child > 0)
		kill(child, lot.death == DEATH_KILL ? SIGKILL : SIGSTOP);
}

static void nap(uint32_t microseconds)
{
	const struct timespec time = {.tv_nsec = (long)microseconds * 1000};

	nanosleep(&time, NULL);
}

/* A message goes, or some came: is it the one? */
static void count_message(void)
{
	if (lot.message && ++lot.met == lot.message) {
		nap(lot.delay_us);
		die();
	}
}

static int lot_send(struct amph_channel *channel, const void *message, uint32_t length,
		    intptr_t handle, uint64_t deadline)
{
	int error = channel_ops->send(channel, message, length, handle, deadline);

	count_message();
	return error;
}

/* The other one wants to hear that this side lives, whatever the victim does. */
static void keep_company(void)
{
	int result = amph_session_poll(&healthy.session, 0);

	if (result < 0 && result != -ETIMEDOUT)
		fail_msg("seed %llu: the other session is lost: %s", (unsigned long long)lot.seed,
			 healthy.session.why.what);
}

static int lot_poll(struct amph_channel *channel, uint64_t deadline)
{
	int result;

	keep_company();
	result = channel_ops->poll(channel, deadline);

	if (result > 0)
		count_message();
	return result;
}

static const struct amph_channel_ops lot_ops = {.send = lot_send, .poll = lot_poll};

/* For a death at a time: a child of its own kills. */
static pid_t start_killer(void)
{
	pid_t target = child_of(&victim), killer;

	if (lot.message)
		return 0;
	killer = fork();
	if (!killer) {
		nap(lot.delay_us);
		kill(target, lot.death == DEATH_KILL ? SIGKILL : SIGSTOP);
		_exit(0);
	}
	lot.dead = true;
	return killer;
}

/* One exchange; the first error ends it. *given: the buffer is the coprocessor's. */
static int live(bool *given, bool *attached)
{
	struct amph_session *session = &victim.session;
	int error = coprocessor_share(&victim, &events, 0, NULL, amph_deadline(1000));

	keep_company();
	if (error)
		return error;
	channel_ops = victim.channel.channel.ops;
	victim.channel.channel.ops = &lot_ops;
	error = amph_shm_attach(&job.shm, &victim.target.target, AMPH_DEVICE_READS_WRITES,
				AMPH_SYNC_MESSAGES, &job.attachments[0], job.device_segments[0], 1);
	*attached = !error;
	if (!error)
		error = amph_session_offer(session, &job.attachments[0], 0, amph_deadline(GIVE_UP),
					   &job.shares[0]);
	if (!error)
		error = amph_session_wait_share(session, job.shares[0], AMPH_SHARE_ACCEPTED,
						amph_deadline(GIVE_UP));
	for (int round = 0; round < 2 && !error; round++) {
		error = amph_session_give(session, job.shares[0], 0, job.shm.size, false,
					  edge_cookie(EDGE_DETECT, 64, 64), amph_deadline(GIVE_UP));
		*given = !error;
		if (!error)
			error = amph_session_wait_range(session, job.shares[0], 0, job.shm.size,
							true, amph_deadline(GIVE_UP));
		if (!error) {
			*given = false;
			job_verify(&job, false);
		}
	}
	if (!error)
		error = amph_session_release(session, job.shares[0], amph_deadline(GIVE_UP));
	if (!error)
		error = amph_session_wait_share(session, job.shares[0], AMPH_SHARE_RELEASED,
						amph_deadline(GIVE_UP));
	if (!error && session->state == AMPH_SESSION_LOST)
		error = session->error;
	return error;
}

static void healthy_works(void)
{
	HOLDS(!amph_session_give(&healthy.session, other.shares[0], 0, other.shm.size, false,
				 edge_cookie(EDGE_DETECT, 64, 64), SECONDS(10)));
	HOLDS(!amph_session_wait_range(&healthy.session, other.shares[0], 0, other.shm.size, true,
				       SECONDS(20)));
	job_verify(&other, false);
}

/* What must be so however it ended. */
static void look(bool given, bool attached)
{
	const uint64_t used = soc.pool.used;

	HOLDS(!amph_shm_check(&job.shm));
	HOLDS(!amph_pool_check(&soc.pool, NULL));
	if (attached && victim.session.state != AMPH_SESSION_LOST)
		amph_session_lose(&victim.session, -ETIMEDOUT, "no answer in time");
	HOLDS(amph_shm_check_access(&job.shm, 0, job.shm.size, true) == (given ? -EACCES : 0));
	healthy_works();
	if (attached) {
		HOLDS(amph_shm_put(&job.shm) == -EBUSY);
		HOLDS(amph_shm_abandon(&job.shm, NULL) == -EINPROGRESS);
		HOLDS(soc.memory.quarantine_size == job.shm.size);
		HOLDS(soc.pool.used == used);
	} else {
		HOLDS(!amph_shm_put(&job.shm));
	}
	HOLDS(!coprocessor_stop(&victim, SECONDS(10)));
	HOLDS(!soc.memory.quarantine_size);
}

static void one_life(uint64_t seed)
{
	const uint64_t used = soc.pool.used;
	bool given = false, attached = false;
	uint64_t start = amph_time_now();
	pid_t killer;
	int error;

	draw(seed);
	/* each life is greeted anew: that the last one ended changes nothing */
	must(&soc, coprocessor_start(&victim, &soc, kind, 0, NULL, SECONDS(20)), "start");
	keep_company();
	killer = start_killer();
	job_open(&job, &soc, "dram:picture", 64, 64);
	error = live(&given, &attached);
	if (killer)
		waitpid(killer, NULL, 0);
	HOLDS(!error || error == -EPIPE || error == -ECONNRESET || error == -ETIMEDOUT ||
	      error == -ENOTCONN);
	HOLDS(!error || lot.dead || error == -ETIMEDOUT);
	/* every wait had a deadline: their sum, and a slow machine */
	HOLDS(amph_time_now() - start < UINT64_C(30000000000));
	if (error) {
		look(given, attached);
		dead_lives++;
	} else {
		HOLDS(!amph_shm_detach(&job.attachments[0]));
		HOLDS(!amph_shm_put(&job.shm));
		/* it may end now, and then there is no orderly end of the session */
		error = coprocessor_stop(&victim, amph_deadline(lot.dead ? GIVE_UP : 10000));
		HOLDS(!error || lot.dead);
		HOLDS(!coprocessor_stop(&victim, SECONDS(10)));
		HOLDS(victim.rproc.state == AMPH_RPROC_OFF);
		whole_lives++;
	}
	keep_company();
	HOLDS(soc.pool.used == used);
}

static uint64_t first_seed;
static uint32_t lives;

static void whenever_it_ends_nothing_is_lost(void **state)
{
	int fds = 0;

	(void)state;
	must(&soc, soc_open(&soc), "DRAM");
	must(&soc, coprocessor_start(&healthy, &soc, COPROCESSOR_PROCESS, 1, NULL, SECONDS(20)),
	     "start of the other");
	must(&soc, coprocessor_share(&healthy, &events, 0, NULL, SECONDS(20)), "its session");
	job_open(&other, &soc, "dram:other", 64, 64);
	job_offer(&other, &healthy, 0);
	for (uint32_t life = 0; life < lives; life++) {
		one_life(first_seed + life);
		if (!life)
			fds = count_fds();
		HOLDS(count_fds() == fds);
	}
	job_release(&other, &healthy, 0);
	must(&soc, amph_shm_put(&other.shm), "close");
	must(&soc, coprocessor_stop(&healthy, SECONDS(10)), "stop of the other");
	soc_close(&soc);
	assert_false(has_children());
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whenever_it_ends_nothing_is_lost)};
	int failed;

	if (count < 2 || coprocessor_kind_parse(arguments[1], &kind)) {
		fprintf(stderr, "usage: %s riscv32|process [LIVES [SEED]]\n", arguments[0]);
		return 2;
	}
	lives = count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 0) : 100;
	first_seed = count > 3 ? strtoull(arguments[3], NULL, 0) : amph_time_now();
	printf("seed %llu\n", (unsigned long long)first_seed);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	printf("figure: lives ended by lot %u\nfigure: lives that came to their own end %u\n",
	       dead_lives, whole_lives);
	return failed;
}
