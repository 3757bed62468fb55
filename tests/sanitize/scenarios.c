/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Programs with one bug each, or none: check.py runs them under a sanitizer, and compares what is
 * reported with the lines marked here.
 * usage: sanitize_scenarios NAME
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amphora/attachment.h>
#include <amphora/channel.h>
#include <amphora/memfd.h>
#include <amphora/pool.h>
#include <amphora/session.h>
#include <amphora/target.h>
#include <amphora/time.h>

#define SIZE 65536u
#define HALF (SIZE / 2)

static struct amph_memory memory;
static struct amph_target display, camera;
static struct amph_provider provider;
static struct amph_range ranges[16];
static struct amph_segment segments[4];
static struct amph_shm shm;
static struct amph_attachment attachment, second;
static volatile char *bytes;

static void must(int error)
{
	if (!error)
		return;
	fprintf(stderr, "%s (%s)\n", strerror(-error), shm.why.what ? shm.why.what : "?");
	exit(1);
}

static void start(uint32_t direction)
{
	const struct amph_shm_storage storage = {ranges, 8, NULL, 0};

	must(amph_memory_init(&memory));
	amph_provider_memfd_init(&provider);
	must(amph_memory_add_provider(&memory, &provider));
	amph_target_process_init(&display, "display");
	amph_target_process_init(&camera, "camera");
	must(amph_shm_open(&memory, &shm, &storage, "memfd:picture", SIZE, 0));
	bytes = shm.va;
	must(amph_shm_attach(&shm, &display, direction, AMPH_SYNC_MESSAGES, &attachment, segments,
			     1));
}

static void finish(void)
{
	must(amph_shm_detach(&attachment));
	must(amph_shm_put(&shm));
}

/* No functions: the place of a hand-off is where a scenario makes it. */
#define give(offset, length) amph_shm_sync_for_device(&attachment, offset, length, false)
#define take(offset, length) amph_shm_sync_for_cpu(&attachment, offset, length)

/* What the other side sees and changes. */
static char *its_mapping(void)
{
	void *va = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, (int)shm.handle, 0);

	if (va == MAP_FAILED)
		exit(1);
	return va;
}

/* --- ownership --- */

static void read_of_what_is_given(void)
{
	start(AMPH_DEVICE_READS_WRITES);
	bytes[SIZE - 1] = 1;
	must(give(0, SIZE)); /* [READ GIVE] */
	exit(bytes[SIZE - 1]); /* [READ TOUCH] */
}

static void write_of_what_is_shared(void)
{
	start(AMPH_DEVICE_READS);
	must(amph_shm_sync_for_device(&attachment, 0, SIZE, true)); /* [SHARED GIVE] */
	if (bytes[5])
		exit(1);
	bytes[5] = 1; /* [SHARED TOUCH] */
}

static void touch_of_the_half_that_is_given(void)
{
	start(AMPH_DEVICE_READS_WRITES);
	must(give(HALF, HALF)); /* [HALF GIVE] */
	bytes[HALF - 1] = 1;
	bytes[HALF] = 1; /* [HALF TOUCH] */
}

static void touch_through_the_c_library(void)
{
	start(AMPH_DEVICE_READS_WRITES);
	must(give(0, SIZE)); /* [MEMSET GIVE] */
	memset(shm.va, 1, SIZE); /* [MEMSET TOUCH] */
	exit(bytes[0]);
}

static void *touch(void *argument)
{
	(void)argument;
	bytes[0] = 1; /* [THREAD TOUCH] */
	return NULL;
}

static void touch_by_a_thread(void)
{
	pthread_t thread;

	start(AMPH_DEVICE_READS_WRITES);
	must(give(0, SIZE)); /* [THREAD GIVE] */
	if (!pthread_create(&thread, NULL, touch, NULL))
		pthread_join(thread, NULL);
}

static void touch_of_what_was_passed(void)
{
	start(AMPH_DEVICE_READS_WRITES);
	must(amph_shm_attach(&shm, &camera, AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES, &second,
			     &segments[1], 1));
	must(give(0, SIZE));
	must(amph_shm_pass(&attachment, &second, 0, SIZE)); /* [PASS GIVE] */
	bytes[0] = 1; /* [PASS TOUCH] */
}

static void touch_of_what_is_in_quarantine(void)
{
	start(AMPH_DEVICE_READS_WRITES);
	must(give(0, SIZE)); /* [LOST GIVE] */
	amph_target_lost(&display);
	bytes[0] = 1; /* [LOST TOUCH] */
}

static void touch_before_the_home_gives(void)
{
	const struct amph_shm_storage storage = {&ranges[8], 8, NULL, 0};
	struct amph_target home;
	struct amph_shm import;
	char *va;

	start(AMPH_DEVICE_READS_WRITES);
	va = its_mapping();
	amph_target_home_init(&home, "home");
	must(amph_shm_import(&memory, &import, &storage, "memfd:picture", SIZE, 0, va, 0, &home,
			     AMPH_DEVICE_READS_WRITES, &second));
	exit(((volatile char *)import.va)[3]); /* [IMPORT TOUCH] */
}

static void memory_of_an_import_that_has_ended(void)
{
	const struct amph_shm_storage storage = {&ranges[8], 8, NULL, 0};
	struct amph_target home;
	struct amph_shm import;
	volatile char *va;

	start(AMPH_DEVICE_READS_WRITES);
	va = its_mapping();
	amph_target_home_init(&home, "home");
	must(amph_shm_import(&memory, &import, &storage, "memfd:picture", SIZE, 0, (void *)va, 0,
			     &home, AMPH_DEVICE_READS_WRITES, &second));
	must(amph_shm_put(&import));
	va[0] = 1; /* the window's, which the application mapped, and may use for something else */
	finish();
}

static _Alignas(4096) char carveout[8 * SIZE];
static struct amph_pool_block blocks[16];
static struct amph_provider_pool dram;
static struct amph_pool pool;
static struct amph_target_map device;

static void start_pool(void)
{
	static const struct amph_window windows[] = {{0x40000000, 0x80000000, sizeof(carveout)}};
	static const struct amph_map map = {windows, 1};
	const struct amph_shm_storage storage = {ranges, 8, &segments[2], 1};

	must(amph_memory_init(&memory));
	must(amph_pool_init(&pool, sizeof(carveout), 64, blocks, 16));
	must(amph_provider_pool_init(&dram, "dram", &pool, carveout, 0x40000000));
	must(amph_memory_add_provider(&memory, &dram.provider));
	must(amph_target_map_init(&device, "device", &map, NULL));
	must(amph_shm_open(&memory, &shm, &storage, "dram:picture", SIZE, 0));
	bytes = shm.va;
	must(amph_shm_attach(&shm, &device.target, AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES,
			     &attachment, segments, 1));
}

static void touch_in_a_pool(void)
{
	start_pool();
	must(give(0, SIZE)); /* [POOL GIVE] */
	bytes[SIZE - 1] = 1; /* [POOL TOUCH] */
}

static void a_child_touches_its_copy_of_a_pool(void)
{
	int status = 0;
	pid_t child;

	start_pool();
	must(give(0, SIZE));
	child = fork();
	if (!child) {
		carveout[0] = 1;
		exit(0);
	}
	if (waitpid(child, &status, 0) != child || status)
		exit(1);
	must(take(0, SIZE));
	finish();
}

static sigjmp_buf back;

static void on_fault(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

static void another_fault_is_its_own_handlers(void)
{
	char *page;

	signal(SIGSEGV, on_fault);
	start(AMPH_DEVICE_READS_WRITES);
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!sigsetjmp(back, 1)) {
		*(volatile char *)page = 1;
		exit(1);
	}
	finish();
}

static void touches_of_what_is_owned(void)
{
	start(AMPH_DEVICE_READS_WRITES);
	for (uint32_t i = 0; i < 8; i++) {
		memset(shm.va, (int)i, SIZE);
		must(give(i * 4096, 4096 * (i + 1)));
		must(take(i * 4096, 4096 * (i + 1)));
	}
	must(give(0, HALF));
	amph_target_lost(&display);
	amph_target_off(&display);
	memset(shm.va, 1, SIZE);
	must(amph_shm_put(&shm));
}

/* --- coherency --- */

static void written_for_a_device_that_only_writes(void)
{
	start(AMPH_DEVICE_WRITES); /* and where it is attached is in there */
	memset(shm.va, 1, SIZE);
	must(amph_shm_sync_for_device(&attachment, 0, SIZE, false)); /* [ONLYWRITES GIVE] */
	must(amph_shm_sync_for_cpu(&attachment, 0, SIZE)); /* [ONLYWRITES HERE] */
	finish();
}

static void a_device_writes_what_it_may_read(void)
{
	char *its;

	start(AMPH_DEVICE_READS);
	its = its_mapping();
	must(amph_shm_sync_for_device(&attachment, 0, SIZE, false)); /* [ONLYREADS GIVE] */
	memset(its + 10, 1, 20);
	must(amph_shm_sync_for_cpu(&attachment, 0, SIZE)); /* [ONLYREADS HERE] */
	if (bytes[10])
		exit(1);
	finish();
}

static void a_device_writes_what_it_was_not_given(void)
{
	char *its;

	start(AMPH_DEVICE_READS_WRITES);
	its = its_mapping();
	must(amph_shm_sync_for_device(&attachment, 0, HALF, false)); /* [NOTGIVEN GIVE] */
	memset(its, 1, HALF + 100);
	must(amph_shm_sync_for_cpu(&attachment, 0, HALF));
	if (!bytes[HALF - 1] || bytes[HALF])
		exit(1);
	must(amph_shm_detach(&attachment)); /* [NOTGIVEN HERE] */
	must(amph_shm_put(&shm));
}

static void written_while_a_device_has_it(void)
{
	start(AMPH_DEVICE_READS_WRITES);
	must(amph_shm_sync_for_device(&attachment, 0, SIZE, false)); /* [AWAY GIVE] */
	bytes[7] = 1;
	must(amph_shm_sync_for_cpu(&attachment, 0, SIZE)); /* [AWAY HERE] */
	finish();
}

static void never_given_at_all(void)
{
	start(AMPH_DEVICE_READS);
	memset(shm.va, 1, SIZE);
	if (its_mapping()[0])
		exit(1);
	must(amph_shm_detach(&attachment)); /* [NEVER HERE] */
	must(amph_shm_put(&shm));
}

static void syncs_that_are_right(void)
{
	char *its;

	start(AMPH_DEVICE_WRITES);
	its = its_mapping();
	/* a device that only writes: what was there before is nobody's, and may be anything */
	for (uint32_t i = 0; i < 3; i++) {
		memset(shm.va, 3, SIZE);
		must(give(0, SIZE));
		memset(its, 4, SIZE);
		must(take(0, SIZE));
		if (bytes[i] != 4)
			exit(1);
	}
	/* one that only reads gets it in pieces, together with another, and what comes after is the CPU's */
	must(amph_shm_attach(&shm, &camera, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES, &second,
			     &segments[1], 1));
	memset(shm.va, 5, SIZE);
	for (uint32_t i = 0; i < SIZE; i += 8192)
		must(amph_shm_sync_for_device(&second, i, 8192, true));
	must(amph_shm_sync_for_cpu(&second, 0, SIZE));
	if (its[SIZE - 1] != 5)
		exit(1);
	memset(shm.va, 6, SIZE);
	must(amph_shm_detach(&second));
	finish();
}

/* --- leaks --- */

static struct amph_session session;

/* Nobody answers. */
static int open_session(void)
{
	static struct amph_channel_socket channel;
	static struct amph_share shares[1];
	struct amph_session_config config = {.role = AMPH_SESSION_MAIN,
					     .channel = &channel.channel,
					     .memory = &memory,
					     .target = &display,
					     .shares = shares,
					     .share_max = 1,
					     .nonce = 1};
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds))
		exit(1);
	must(amph_channel_socket_init(&channel, fds[0]));
	must(amph_session_init(&session, &config));
	return amph_session_open(&session, amph_deadline(1)); /* [SESSION OPEN] */
}

static void a_session_is_left_open(void)
{
	start(AMPH_DEVICE_READS);
	if (open_session() != -ETIMEDOUT)
		exit(1);
	finish();
}

static void nothing_is_left_open(void)
{
	start(AMPH_DEVICE_READS);
	finish();
}

static void a_child_has_nothing_of_its_own_open(void)
{
	int status = 0;
	pid_t child;

	start(AMPH_DEVICE_READS);
	if (open_session() != -ETIMEDOUT)
		exit(1);
	child = fork();
	if (!child)
		exit(0);
	if (waitpid(child, &status, 0) != child || status)
		exit(1);
	finish();
	_exit(0); /* the session is still open: the parent's own report is another scenario's */
}

#define SCENARIO(name)      \
	{                   \
#name, name \
	}
static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	SCENARIO(read_of_what_is_given),
	SCENARIO(write_of_what_is_shared),
	SCENARIO(touch_of_the_half_that_is_given),
	SCENARIO(touch_through_the_c_library),
	SCENARIO(touch_by_a_thread),
	SCENARIO(touch_of_what_was_passed),
	SCENARIO(touch_of_what_is_in_quarantine),
	SCENARIO(touch_before_the_home_gives),
	SCENARIO(memory_of_an_import_that_has_ended),
	SCENARIO(touch_in_a_pool),
	SCENARIO(a_child_touches_its_copy_of_a_pool),
	SCENARIO(another_fault_is_its_own_handlers),
	SCENARIO(touches_of_what_is_owned),
	SCENARIO(written_for_a_device_that_only_writes),
	SCENARIO(a_device_writes_what_it_may_read),
	SCENARIO(a_device_writes_what_it_was_not_given),
	SCENARIO(written_while_a_device_has_it),
	SCENARIO(never_given_at_all),
	SCENARIO(syncs_that_are_right),
	SCENARIO(a_session_is_left_open),
	SCENARIO(nothing_is_left_open),
	SCENARIO(a_child_has_nothing_of_its_own_open),
};

int main(int count, char **arguments)
{
	for (size_t i = 0; count > 1 && i < sizeof(scenarios) / sizeof(*scenarios); i++)
		if (!strcmp(scenarios[i].name, arguments[1])) {
			scenarios[i].run();
			return 0;
		}
	return 2;
}
