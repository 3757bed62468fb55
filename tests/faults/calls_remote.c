/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every call of the target "remote" and of its memory fails once, on the module that its test plays.
 * Test code.
 */
#include "unit/memory_fixture.h"

#include <amphora/remote.h>
#include <amphora/time.h>

#include "remote/fake_kernel.h"

#include "fault.h"

#define SIZE 0x10000u

static struct amph_memory memory;
static struct amph_provider provider;
static struct amph_remote remote;
static struct amph_remote_memory coherent;
static struct amph_shm shm;
static struct amph_range ranges[4];
static struct amph_segment segments[8];
static struct amph_attachment attachment;
static struct amph_why why;

static int dmabuf_open(struct amph_provider *base, struct amph_shm *opened, const char *name)
{
	(void)base;
	(void)name;
	opened->handle = fake.dmabuf;
	return 0;
}

static void dmabuf_close(struct amph_provider *base, struct amph_shm *opened)
{
	(void)base;
	(void)opened;
}

static const struct amph_provider_ops dmabuf_ops = {.open = dmabuf_open, .close = dmabuf_close};

static void prepare(void)
{
	fake_start();
	fake_fail(0, 0, 0);
	fake_revoke(false);
	memset(&remote, 0, sizeof(remote));
}

static int open_remote(void)
{
	why = (struct amph_why){0};
	return amph_remote_open(&remote, FAKE_PROOF, &why);
}

static void close_remote(void)
{
	FAULT_CHECK(!amph_remote_close(&remote));
	close(fake.dmabuf);
	FAULT_CHECK(!fake.tampered && !fake_open_fds());
}

static void prepare_attach(void)
{
	const struct amph_shm_storage storage = {.ranges = ranges, .range_max = 4};

	prepare();
	FAULT_CHECK(!open_remote());
	FAULT_CHECK(!amph_memory_init(&memory));
	provider = (struct amph_provider){.name = "test", .ops = &dmabuf_ops};
	FAULT_CHECK(!amph_memory_add_provider(&memory, &provider));
	FAULT_CHECK(!amph_shm_open(&memory, &shm, &storage, "test:buffer", SIZE, 0));
}

static int attach(void)
{
	int error = amph_shm_attach(&shm, &remote.target, AMPH_DEVICE_READS_WRITES,
				    AMPH_SYNC_MESSAGES, &attachment, segments, 8);

	if (error)
		FAULT_CHECK(!shm.attachments && !remote.target.attachments);
	return error;
}

static void undo_attach(void)
{
	FAULT_CHECK(!amph_shm_detach(&attachment));
	FAULT_CHECK(!amph_shm_put(&shm));
	close_remote();
}

static void prepare_incoherent(void)
{
	prepare_attach();
	fake.attachment_flags = 0;
	FAULT_CHECK(!attach());
}

/* Whose it is when the driver could not sync it: as before. */
static int give(void)
{
	int error = amph_shm_sync_for_device(&attachment, 0, SIZE, false);

	FAULT_CHECK(amph_shm_check_access(&shm, 0, SIZE, true) == (error ? 0 : -EACCES));
	return error;
}

static void undo_give(void)
{
	FAULT_CHECK(!amph_shm_sync_for_cpu(&attachment, 0, SIZE));
	undo_attach();
}

static void prepare_take(void)
{
	prepare_incoherent();
	FAULT_CHECK(!give());
}

static int take(void)
{
	int error = amph_shm_sync_for_cpu(&attachment, 0, SIZE);

	FAULT_CHECK(amph_shm_check_access(&shm, 0, SIZE, true) == (error ? -EACCES : 0));
	return error;
}

static int allocate(void)
{
	return amph_remote_allocate(&remote, SIZE, &coherent);
}

static void free_memory(void)
{
	amph_remote_free(&coherent);
	close_remote();
}

static void prepare_open(void)
{
	prepare();
	FAULT_CHECK(!open_remote());
}

/* Nothing has happened: it says so, at the deadline. */
static int poll_remote(void)
{
	int result = amph_remote_poll(&remote, amph_deadline(5));

	return result == -ETIMEDOUT ? 0 : result;
}

int main(int count, char **arguments)
{
	static const struct fault_scenario scenarios[] = {
		{"open a remote", prepare, open_remote, close_remote, &why},
		{"attach to a remote", prepare_attach, attach, undo_attach, &shm.why},
		{"give to a remote", prepare_incoherent, give, undo_give, &shm.why},
		{"take from a remote", prepare_take, take, undo_attach, &shm.why},
		{"allocate of a remote", prepare_open, allocate, free_memory, &remote.why},
		{"poll a remote", prepare_open, poll_remote, close_remote, NULL},
	};

	return fault_run(count, arguments, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
