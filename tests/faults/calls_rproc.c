/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every call fails once in the life of a coprocessor that is a process, or a QEMU: DRAM, load, start, wait,
 * stop. This program is its own coprocessor, and its own QEMU, which only waits for the end.
 * Test code.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <amphora/rproc_linux.h>
#include <amphora/time.h>

#include "fault.h"

#define DRAM_PA	  0x40000000u
#define DRAM_DA	  0x10000000u
#define DRAM_SIZE 0x200000u
#define POOL_SIZE 0x100000u

/* --- the coprocessor --- */

struct entry {
	uint32_t version, count, reserved[2], offset, type, da, length, zero;
	char name[32];
};

__attribute__((section(".resource_table"), used, aligned(8))) struct entry resource_table = {
	1, 1, {0, 0}, 20, AMPH_RESOURCE_TRACE, AMPH_RESOURCE_ANY, 64, 0, "trace"};

/* Rings once, and for each byte. */
static int coprocessor(int mailbox)
{
	uint8_t byte = 5;

	while (send(mailbox, &byte, 1, MSG_NOSIGNAL) == 1 && recv(mailbox, &byte, 1, 0) == 1)
		;
	return 0;
}

/* --- a QEMU --- */

/* The number behind that word in the command line, or -1. */
static int fd_of(int count, char **arguments, const char *word)
{
	for (int i = 1; i < count; i++)
		if (!strncmp(arguments[i], word, strlen(word)))
			return atoi(arguments[i] + strlen(word));
	return -1;
}

/* Greets, agrees to everything, and then its firmware runs. */
static int pretend_qemu(int control, int mailbox)
{
	static const char greeting[] = "{\"QMP\": {}}\n", answer[] = "{\"return\": {}}\n";
	char text[256];

	if (send(control, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL) < 0)
		return 1;
	for (int i = 0; i < 2; i++)
		if (recv(control, text, sizeof(text), 0) <= 0 ||
		    send(control, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0)
			return 1;
	return coprocessor(mailbox);
}

/* --- the scenarios --- */

static struct amph_dram dram;
static struct amph_window window;
static struct amph_pool pool;
static struct amph_pool_block blocks[8];
static struct amph_rproc_process process;
static struct amph_rproc_qemu qemu;
static struct amph_rproc *rproc;
static uint8_t *image;
static size_t image_size;
static struct amph_why none;

static void nothing(void)
{
}

static int create_dram(void)
{
	return amph_dram_create(&dram, "faults", DRAM_SIZE, DRAM_PA);
}

static void close_dram(void)
{
	amph_dram_close(&dram);
}

static struct amph_rproc_config config_of(const char *name)
{
	FAULT_CHECK(!create_dram());
	FAULT_CHECK(!amph_pool_init(&pool, POOL_SIZE, 64, blocks, 8));
	window = (struct amph_window){DRAM_PA, DRAM_DA, DRAM_SIZE};
	return (struct amph_rproc_config){
		.name = name,
		.map = {&window, 1},
		.regions = &dram.io,
		.region_count = 1,
		.carveout = &pool,
		.carveout_pa = DRAM_PA,
	};
}

static void prepare_process(void)
{
	const struct amph_rproc_config config = config_of("process");
	const struct amph_rproc_process_config own = {
		.dram_fd = dram.fd, .dram_size = DRAM_SIZE, .dram_da = DRAM_DA};

	rproc = &process.rproc;
	FAULT_CHECK(!amph_rproc_process_init(&process, &config, &own));
}

static void prepare_qemu(void)
{
	const struct amph_rproc_config config = config_of("qemu");
	const struct amph_rproc_qemu_config own = {
		.program = "/proc/self/exe", .dram_fd = dram.fd, .dram_size = DRAM_SIZE};

	rproc = &qemu.rproc;
	FAULT_CHECK(!amph_rproc_qemu_init(&qemu, &config, &own));
}

static int load(void)
{
	rproc->why = none;
	if (rproc == &qemu.rproc)
		return amph_rproc_adopt(rproc, DRAM_DA);
	return amph_rproc_load(rproc, image, image_size);
}

static void prepare_qemu_start(void)
{
	prepare_qemu();
	FAULT_CHECK(!load());
}

static void prepare_start(void)
{
	prepare_process();
	FAULT_CHECK(!load());
}

/* Half on at worst: it is stopped and loaded again, and then the same call succeeds. */
static int load_again(int error)
{
	/* a wait that could not wait says nothing of the other side */
	FAULT_CHECK(rproc->state == AMPH_RPROC_CRASHED || error != -EPIPE);
	if (error == -EPIPE)
		FAULT_CHECK(rproc->message[0]);
	FAULT_CHECK(!amph_rproc_stop(rproc, amph_deadline(5000)));
	FAULT_CHECK(!pool.used);
	FAULT_CHECK(!load());
	return error;
}

/* Starts, and hears of it: a program that did not come as far is said to have ended. */
static int start(void)
{
	int error = amph_rproc_start(rproc, amph_deadline(5000));

	if (!error)
		error = amph_rproc_wait(rproc, amph_deadline(5000));
	return error ? fault_off(load_again, error) : 0;
}

static void prepare_wait(void)
{
	prepare_start();
	FAULT_CHECK(!amph_rproc_start(rproc, amph_deadline(5000)));
}

/* A reset says that it has ended: then it is stopped, and begins anew. */
static int begin_anew(int error)
{
	FAULT_CHECK(rproc->state == AMPH_RPROC_CRASHED && rproc->message[0]);
	FAULT_CHECK(!amph_rproc_stop(rproc, amph_deadline(5000)) && !load());
	FAULT_CHECK(!amph_rproc_start(rproc, amph_deadline(5000)));
	return error;
}

static int wait_once(void)
{
	int result = amph_rproc_wait(rproc, amph_deadline(5000));

	return result == -EPIPE ? fault_off(begin_anew, result) : result;
}

static int stop(void)
{
	return amph_rproc_stop(rproc, amph_deadline(5000));
}

static void undo(void)
{
	FAULT_CHECK(!stop());
	FAULT_CHECK(rproc->state == AMPH_RPROC_OFF);
	FAULT_CHECK(!pool.used);
	close_dram();
}

/* It is gone, by itself: who waits is told why. */
static void prepare_end(void)
{
	prepare_wait();
	FAULT_CHECK(!wait_once());
	kill(process.child.pid, SIGKILL);
}

static int wait_for_end(void)
{
	int result = amph_rproc_wait(rproc, amph_deadline(5000));

	if (result != -EPIPE)
		return result;
	FAULT_CHECK(rproc->state == AMPH_RPROC_CRASHED && rproc->message[0]);
	return 0;
}

static int kick(void)
{
	amph_rproc_kick(rproc, 5);
	return 0;
}

int main(int count, char **arguments)
{
	static const struct fault_scenario scenarios[] = {
		{"create a DRAM", nothing, create_dram, close_dram, NULL},
		{"load a process", prepare_process, load, undo, NULL},
		{"start a process", prepare_start, start, undo, NULL},
		{"wait for a process", prepare_wait, wait_once, undo, NULL},
		{"wait for the end", prepare_end, wait_for_end, undo, NULL},
		{"kick a process", prepare_wait, kick, undo, NULL},
		{"stop a process", prepare_wait, stop, undo, NULL},
		{"start a QEMU", prepare_qemu_start, start, undo, NULL},
	};
	const char *mailbox = getenv("AMPHORA_MAILBOX_FD");
	FILE *file;

	if (mailbox)
		return coprocessor(atoi(mailbox));
	if (fd_of(count, arguments, "socket,id=control,fd=") >= 0)
		return pretend_qemu(fd_of(count, arguments, "socket,id=control,fd="),
				    fd_of(count, arguments, "socket,id=mailbox,fd="));
	file = fopen("/proc/self/exe", "rb");
	image = malloc(1u << 24);
	if (!file || !image)
		return 2;
	image_size = fread(image, 1, 1u << 24, file);
	fclose(file);
	return fault_run(count, arguments, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
