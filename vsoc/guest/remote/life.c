/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lives of the coprocessor, and a share session in each; see life.h. Test code that runs inside the
 * virtual SoC.
 */
#include "life.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <amphora/time.h>

#define ATTACHMENTS  "/sys/kernel/debug/amphora/attachments"
#define HEARTBEAT_MS 5000 /* the host may be busy, and a picture is compared without a poll */

static void taken(struct amph_session *session, struct amph_share *share, uint64_t offset,
		  uint64_t length, bool reading, uint64_t cookie)
{
	struct life *life = session->config.user;

	(void)share;
	(void)offset;
	(void)length;
	(void)reading;
	life->cookie = cookie;
}

static const struct amph_session_events events = {.taken = taken};

static int greet(struct life *life)
{
	struct amph_session_config config = {
		.role = AMPH_SESSION_MAIN,
		.channel = &life->share.channel.channel,
		.memory = &life->memory,
		.target = &life->remote.target,
		.shares = life->shares,
		.share_max = LIFE_SHARES,
		.segments = life->segments,
		.segments_per_share = 1,
		.ranges = life->ranges,
		.ranges_per_share = 1,
		.events = &events,
		.heartbeat_ms = HEARTBEAT_MS,
		.user = life,
	};
	int error;

	if (getrandom(&config.nonce, sizeof(config.nonce), 0) != sizeof(config.nonce))
		return remote_fail("no random number");
	config.nonce |= 1;
	error = amph_session_init(&life->session, &config);
	if (!error)
		error = amph_session_open(&life->session, amph_deadline(LIFE_WAIT_MS));
	return error ? remote_fail("no session: %s", strerror(-error)) : 0;
}

static int open_service(struct life *life)
{
	struct amph_why why = {0};

	return amph_rpmsg_service_open(&life->share, REMOTE_INDEX, AMPH_SESSION_SERVICE,
				       amph_deadline(LIFE_WAIT_MS), &why)
		       ? remote_fail("no share service: %s", why.what)
		       : 0;
}

int life_begin(struct life *life)
{
	struct amph_remoteproc *remoteproc = &life->remoteproc;
	struct amph_why why = {0};

	if (amph_memory_init(&life->memory))
		return remote_fail("no memory context");
	if (amph_remoteproc_open(remoteproc, REMOTE_INDEX, &why))
		return remote_fail("%s", why.what);
	if (!remoteproc->exact)
		return remote_fail("the kernel module does not count its lives");
	if (amph_remoteproc_start(remoteproc, amph_deadline(LIFE_WAIT_MS)))
		return remote_fail("start: %s", remoteproc->why.what);
	if (open_service(life))
		return -1;
	/* the endpoint proves whose it is */
	if (amph_remote_open(&life->remote, life->share.channel.fd, &why))
		return remote_fail("the remote: %s", why.what);
	return greet(life);
}

static int expect_step(struct life *life, enum amph_target_state state)
{
	int error = amph_remote_poll(&life->remote, amph_deadline(LIFE_WAIT_MS));

	if (error)
		return remote_fail("the remote does not get on from %d: %s",
				   life->remote.target.state, strerror(-error));
	return life->remote.target.state == state
		       ? 0
		       : remote_fail("the target is %d, not %d", life->remote.target.state, state);
}

int life_renew(struct life *life, int (*off)(void))
{
	uint64_t boots = life->remote.boots;
	int error;

	do
		error = amph_session_poll(&life->session, amph_deadline(LIFE_WAIT_MS));
	while (error > 0);
	if (error != -EPIPE || life->session.state != AMPH_SESSION_LOST)
		return remote_fail("the session with the dead: %s", strerror(-error));
	if (life->remote.target.state != AMPH_TARGET_LOST)
		return remote_fail("the target of a lost session is %d", life->remote.target.state);
	amph_rpmsg_service_close(&life->share);
	if (expect_step(life, AMPH_TARGET_OFF) || off() || expect_step(life, AMPH_TARGET_ALIVE))
		return -1;
	if (life->remote.boots != boots + 1)
		return remote_fail("life %llu follows %llu", (unsigned long long)life->remote.boots,
				   (unsigned long long)boots);
	while (life->remoteproc.boots != life->remote.boots)
		if (amph_remoteproc_wait(&life->remoteproc, amph_deadline(LIFE_WAIT_MS)))
			return remote_fail("the new life is not told");
	return open_service(life) || greet(life) ? -1 : 0;
}

int life_end(struct life *life)
{
	int error = amph_session_close(&life->session, amph_deadline(LIFE_WAIT_MS));

	if (error)
		return remote_fail("close: %s", strerror(-error));
	amph_rpmsg_service_close(&life->share);
	if (amph_remoteproc_stop(&life->remoteproc, amph_deadline(LIFE_WAIT_MS)))
		return remote_fail("stop: %s", life->remoteproc.why.what);
	if (expect_step(life, AMPH_TARGET_LOST) || expect_step(life, AMPH_TARGET_OFF))
		return -1;
	if (amph_remote_close(&life->remote))
		return remote_fail("the remote: %s", life->remote.why.what);
	amph_remoteproc_close(&life->remoteproc);
	return 0;
}

int life_expect_nothing_attached(void)
{
	FILE *file = fopen(ATTACHMENTS, "re");
	char line[256] = "";
	int lines = 0;

	if (!file)
		return remote_fail("no " ATTACHMENTS);
	while (fgets(line, sizeof(line), file))
		lines++;
	fclose(file);
	if (lines != 1 || !strstr(line, " attachments 0 bytes 0 quarantine 0"))
		return remote_fail("attachments are left: %s", line);
	return 0;
}

int life_count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}
