/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process back-end: this program is its own firmware. With a mailbox in its environment it is
 * the coprocessor, else the test. Test code, Linux only.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <amphora/rproc_linux.h>
#include <amphora/time.h>

#define DRAM_PA	  0x40000000u
#define DRAM_DA	  0x10000000u
#define DRAM_SIZE 0x200000u
#define POOL_SIZE 0x100000u

enum command {
	COMMAND_ECHO = 1, /* rings 2 */
	COMMAND_EXIT, /* with code 7 */
	COMMAND_SIGNAL, /* dies of SIGUSR1 */
	COMMAND_HANG, /* ignores what can be ignored */
	COMMAND_CLOSE, /* closes its mailbox and lives on */
	COMMAND_COMPLAIN, /* writes a lot to stderr, then ends with code 1 */
};

/* --- the coprocessor --- */

struct entry {
	uint32_t version, count, reserved[2], offset, type, da, length, zero;
	char name[32];
};

__attribute__((section(".resource_table"), used, aligned(8))) struct entry resource_table = {
	1, 1, {0, 0}, 20, AMPH_RESOURCE_TRACE, AMPH_RESOURCE_ANY, 64, 0, "trace"};

static uint64_t number(const char *name)
{
	const char *text = getenv(name);

	if (!text)
		_exit(90);
	return strtoull(text, NULL, 0);
}

static void ring(int mailbox, uint8_t byte)
{
	if (send(mailbox, &byte, 1, MSG_NOSIGNAL) != 1)
		_exit(91);
}

static void complain(void)
{
	char line[128];

	memset(line, 'x', sizeof(line));
	memcpy(line, "it \x1b[31mhurts\n", 14);
	for (int i = 0; i < 4096; i++)
		if (write(2, line, sizeof(line)) < 0)
			break; /* nobody reads: the text is lost, and this goes on */
	_exit(1);
}

static void obey(int mailbox, uint8_t command)
{
	if (command == COMMAND_ECHO)
		ring(mailbox, 2);
	else if (command == COMMAND_EXIT)
		_exit(7);
	else if (command == COMMAND_SIGNAL)
		kill(getpid(), SIGUSR1);
	else if (command == COMMAND_CLOSE)
		close(mailbox);
	else if (command == COMMAND_COMPLAIN)
		complain();
	if (command != COMMAND_HANG && command != COMMAND_CLOSE)
		return;
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_IGN);
	for (;;)
		pause();
}

static int coprocessor(void)
{
	int mailbox = (int)number("AMPHORA_MAILBOX_FD");
	uint64_t size = number("AMPHORA_DRAM_SIZE"), da = number("AMPHORA_DRAM_DA");
	uint64_t at = number("AMPHORA_TABLE_DA") - da;
	uint8_t *dram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			     (int)number("AMPHORA_DRAM_FD"), 0);
	uint8_t byte;

	if (dram == MAP_FAILED || at > size - sizeof(struct entry))
		return 92;
	struct entry *table = (struct entry *)(void *)(dram + at);
	if (table->version != 1 || table->da < da || table->da - da > size - 64)
		return 93;
	strcpy((char *)dram + (table->da - da), "up\n");
	ring(mailbox, 5);
	while (recv(mailbox, &byte, 1, 0) == 1)
		obey(mailbox, byte);
	return 0;
}

/* --- the test --- */

static uint8_t *image;
static size_t image_size;

struct board {
	struct amph_dram dram;
	struct amph_window window;
	struct amph_pool pool;
	struct amph_pool_block blocks[8];
	struct amph_rproc_config config;
	struct amph_rproc_process process;
	struct amph_rproc *rproc;
};

static void board_open(struct board *board)
{
	struct amph_rproc_process_config process = {.dram_size = DRAM_SIZE, .dram_da = DRAM_DA};

	assert_int_equal(amph_dram_create(&board->dram, "test-dram", DRAM_SIZE, DRAM_PA), 0);
	assert_int_equal(amph_pool_init(&board->pool, POOL_SIZE, 64, board->blocks, 8), 0);
	board->window = (struct amph_window){DRAM_PA, DRAM_DA, DRAM_SIZE};
	board->config = (struct amph_rproc_config){
		.name = "process",
		.map = {&board->window, 1},
		.regions = &board->dram.io,
		.region_count = 1,
		.carveout = &board->pool,
		.carveout_pa = DRAM_PA,
	};
	process.dram_fd = board->dram.fd;
	board->rproc = &board->process.rproc;
	assert_int_equal(amph_rproc_process_init(&board->process, &board->config, &process), 0);
}

static void board_run(struct board *board)
{
	assert_int_equal(amph_rproc_load(board->rproc, image, image_size), 0);
	assert_int_equal(amph_rproc_start(board->rproc, amph_deadline(10000)), 0);
	assert_int_equal(amph_rproc_wait(board->rproc, amph_deadline(20000)), 0);
	assert_int_equal(board->rproc->rung, 1u << 5);
	board->rproc->rung = 0;
}

static void board_close(struct board *board)
{
	assert_int_equal(amph_rproc_stop(board->rproc, amph_deadline(2000)), 0);
	assert_int_equal(board->rproc->state, AMPH_RPROC_OFF);
	assert_int_equal(board->pool.used, 0);
	amph_dram_close(&board->dram);
}

static uint32_t open_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint32_t count = 0;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/* Whether a process runs: a zombie does not. */
static bool alive(int pid)
{
	char path[64], text[256] = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t length = read(fd, text, sizeof(text) - 1);
	close(fd);
	char *end = length > 0 ? strrchr(text, ')') : NULL;
	return end && end[2] != 'Z' && end[2] != 'X';
}

static void runs_leave_nothing_behind(void **state)
{
	uint32_t files = open_files();
	struct board board;

	(void)state;
	board_open(&board);
	for (uint32_t i = 0; i < 10; i++) {
		char text[16];
		uint32_t length;

		board_run(&board);
		amph_rproc_kick(board.rproc, COMMAND_ECHO);
		assert_int_equal(amph_rproc_wait(board.rproc, amph_deadline(5000)), 0);
		assert_int_equal(board.rproc->rung, 1u << 2);
		assert_int_equal(amph_rproc_wait(board.rproc, amph_deadline(10)), -ETIMEDOUT);
		assert_int_equal(amph_rproc_trace(board.rproc, text, sizeof(text), &length), 0);
		assert_int_equal(length, 3);
		assert_memory_equal(text, "up\n", 3);
		int pid = board.process.child.pid;
		assert_true(alive(pid));
		assert_int_equal(amph_rproc_stop(board.rproc, amph_deadline(2000)), 0);
		assert_int_equal(kill(pid, 0), -1); /* reaped */
		amph_rproc_kick(board.rproc, COMMAND_ECHO); /* nobody, no harm */
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	board_close(&board);
	assert_int_equal(open_files(), files);
}

static void assert_end(uint8_t command, const char *message)
{
	struct board board;

	board_open(&board);
	board_run(&board);
	amph_rproc_kick(board.rproc, command);
	uint64_t before = amph_time_now();
	assert_int_equal(amph_rproc_wait(board.rproc, amph_deadline(10000)), -EPIPE);
	assert_true(amph_time_now() - before < 5000000000u);
	assert_int_equal(board.rproc->state, AMPH_RPROC_CRASHED);
	assert_string_equal(board.rproc->message, message);
	board_close(&board);
}

static void end_is_told_by_code_signal_and_text(void **state)
{
	(void)state;
	assert_end(COMMAND_EXIT, "exited with code 7");
	assert_end(COMMAND_SIGNAL, "killed by signal 10 (User defined signal 1)");
	assert_end(COMMAND_CLOSE, "closed its doorbell");
	assert_end(COMMAND_COMPLAIN, "exited with code 1: it ?[31mhurts");
}

static void program_that_hangs_is_killed(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	board_run(&board);
	amph_rproc_kick(board.rproc, COMMAND_HANG);
	for (uint32_t i = 0; i < 100000; i++) /* the socket is full long before */
		amph_rproc_kick(board.rproc, COMMAND_ECHO);
	assert_int_equal(amph_rproc_wait(board.rproc, amph_deadline(20)), -ETIMEDOUT);
	int pid = board.process.child.pid;
	/* a deadline in the past kills as well, but cannot prove it; the next call does */
	int error = amph_rproc_stop(board.rproc, 0);
	assert_true(!error || error == -ETIMEDOUT);
	if (error)
		assert_int_equal(board.rproc->state, AMPH_RPROC_CRASHED);
	board_close(&board);
	assert_false(alive(pid));
}

static void image_that_does_not_run_is_told_at_start(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	uint8_t *broken = malloc(image_size);
	memcpy(broken, image, image_size);
	broken[18] = 0xf3; /* of another machine: the system cannot run it */
	broken[19] = 0;
	uint32_t files = open_files();
	assert_int_equal(amph_rproc_load(board.rproc, broken, image_size), 0);
	assert_int_equal(amph_rproc_start(board.rproc, amph_deadline(1000)), -ENOEXEC);
	assert_string_equal(board.rproc->why.what, "the program could not be started");
	assert_int_equal(board.rproc->state, AMPH_RPROC_CRASHED);
	assert_int_equal(amph_rproc_stop(board.rproc, amph_deadline(1000)), 0);
	assert_int_equal(open_files(), files);
	/* loaded and never started: the kept image goes as well */
	assert_int_equal(amph_rproc_load(board.rproc, image, image_size), 0);
	assert_int_equal(amph_rproc_stop(board.rproc, amph_deadline(1000)), 0);
	assert_int_equal(open_files(), files);
	free(broken);
	board_close(&board);
}

static void start_past_its_deadline_leaves_no_program(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	assert_int_equal(amph_rproc_load(board.rproc, image, image_size), 0);
	assert_int_equal(amph_rproc_start(board.rproc, 0), -ETIMEDOUT);
	assert_int_equal(board.rproc->state, AMPH_RPROC_CRASHED);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	board_close(&board);
}

static void wrong_dram_is_told_at_start(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	board.process.process.dram_fd = -1;
	assert_int_equal(amph_rproc_load(board.rproc, image, image_size), 0);
	assert_int_equal(amph_rproc_start(board.rproc, amph_deadline(1000)), -EBADF);
	board_close(&board);
}

static void death_of_the_owner_takes_the_child_along(void **state)
{
	int pair[2], child = 0;

	(void)state;
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	pid_t owner = fork();
	if (!owner) {
		struct board board;

		board_open(&board);
		board_run(&board);
		(void)!write(pair[1], &board.process.child.pid, sizeof(int));
		pause();
		_exit(0);
	}
	close(pair[1]);
	assert_int_equal(read(pair[0], &child, sizeof(child)), sizeof(child));
	assert_true(alive(child));
	assert_int_equal(kill(owner, SIGKILL), 0);
	assert_int_equal(waitpid(owner, NULL, 0), owner);
	for (uint32_t i = 0; i < 500 && alive(child); i++)
		usleep(10000);
	assert_false(alive(child));
	close(pair[0]);
}

static void *start_in_a_thread(void *argument)
{
	board_run(argument);
	return NULL;
}

static void end_of_the_thread_that_started_it_is_not_its_end(void **state)
{
	struct board board;
	pthread_t thread;

	(void)state;
	board_open(&board);
	assert_int_equal(pthread_create(&thread, NULL, start_in_a_thread, &board), 0);
	pthread_join(thread, NULL);
	usleep(20000);
	amph_rproc_kick(board.rproc, COMMAND_ECHO);
	assert_int_equal(amph_rproc_wait(board.rproc, amph_deadline(5000)), 0);
	assert_int_equal(board.rproc->rung, 1u << 2);
	board_close(&board);
}

static void forked_copy_cannot_use_or_stop_it(void **state)
{
	struct board board;
	int status = -1;

	(void)state;
	board_open(&board);
	board_run(&board);
	pid_t copy = fork();
	if (!copy) {
		int wait = amph_rproc_wait(board.rproc, amph_deadline(10));
		int stop = amph_rproc_stop(board.rproc, amph_deadline(10));

		_exit(wait == -ESTALE && stop == -ESTALE ? 0 : 1);
	}
	assert_int_equal(waitpid(copy, &status, 0), copy);
	assert_int_equal(status, 0);
	amph_rproc_kick(board.rproc, COMMAND_ECHO);
	assert_int_equal(amph_rproc_wait(board.rproc, amph_deadline(5000)), 0);
	board_close(&board);
}

/* An application that wants to know nothing of its children is no reason to wait for ever. */
static void ignored_child_signals_lose_the_status_only(void **state)
{
	(void)state;
	signal(SIGCHLD, SIG_IGN);
	assert_end(COMMAND_EXIT, "ended, and its status was lost");
	signal(SIGCHLD, SIG_DFL);
}

static void standard_descriptors_that_are_closed_do_no_harm(void **state)
{
	int saved = fcntl(0, F_DUPFD_CLOEXEC, 10);
	struct board board;

	(void)state;
	close(0);
	board_open(&board);
	assert_int_equal(board.dram.fd, 0);
	board_run(&board);
	board_close(&board);
	if (saved >= 0) {
		dup2(saved, 0);
		close(saved);
	}
}

/* Every system call that makes a descriptor fails once: an error, and nothing left open. */
static void out_of_descriptors_is_an_error_and_nothing_leaks(void **state)
{
	uint32_t files = open_files();

	(void)state;
	for (rlim_t spare = 0; spare < 16; spare++) {
		struct rlimit before, few;
		struct board board;

		board_open(&board);
		assert_int_equal(amph_rproc_load(board.rproc, image, image_size), 0);
		assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
		few = before;
		few.rlim_cur = files - 2 + spare; /* the listing counted itself, . and .. */
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		int error = amph_rproc_start(board.rproc, amph_deadline(5000));
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_true(!error || error == -EMFILE || error == -EINVAL);
		assert_true(error || spare > 6);
		assert_true(!error || spare < 14);
		board_close(&board);
	}
	assert_int_equal(open_files(), files);
}

static void dram_is_sealed_and_sized(void **state)
{
	struct amph_dram dram;
	struct stat status;

	(void)state;
	assert_int_equal(amph_dram_create(&dram, "d", 0, 0), -EINVAL);
	assert_int_equal(amph_dram_create(&dram, "d", 4095, 0), -EINVAL);
	assert_int_equal(amph_dram_create(&dram, "d", 8192, UINT64_MAX - 4095), -EINVAL);
	assert_int_equal(amph_dram_create(&dram, "d", UINT64_MAX & ~4095ull, 0), -EINVAL);
	assert_int_equal(amph_dram_create(&dram, "d", 1ull << 62, 0), -ENOMEM);
	amph_dram_close(&dram);
	assert_int_equal(amph_dram_create(&dram, "d", 8192, DRAM_PA), 0);
	assert_int_equal(dram.io.size, 8192);
	assert_int_equal(dram.io.pa, DRAM_PA);
	assert_int_equal(fstat(dram.fd, &status), 0);
	assert_int_equal(status.st_size, 8192);
	assert_int_equal(status.st_blocks, 0);
	assert_int_equal(ftruncate(dram.fd, 4096), -1);
	assert_int_equal(ftruncate(dram.fd, 16384), -1);
	assert_int_equal(fcntl(dram.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	amph_dram_close(&dram);
	amph_dram_close(&dram);
	struct amph_dram none = {0};
	amph_dram_close(&none);
	assert_int_not_equal(fcntl(1, F_GETFD), -1);
}

static int read_self(void)
{
	FILE *file = fopen("/proc/self/exe", "rbe");

	if (!file)
		return -1;
	if (fseek(file, 0, SEEK_END) == 0) {
		image_size = (size_t)ftell(file);
		rewind(file);
		image = malloc(image_size);
	}
	if (image && fread(image, 1, image_size, file) != image_size) {
		free(image);
		image = NULL;
	}
	fclose(file);
	return image ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_leave_nothing_behind),
		cmocka_unit_test(end_is_told_by_code_signal_and_text),
		cmocka_unit_test(program_that_hangs_is_killed),
		cmocka_unit_test(image_that_does_not_run_is_told_at_start),
		cmocka_unit_test(start_past_its_deadline_leaves_no_program),
		cmocka_unit_test(wrong_dram_is_told_at_start),
		cmocka_unit_test(death_of_the_owner_takes_the_child_along),
		cmocka_unit_test(end_of_the_thread_that_started_it_is_not_its_end),
		cmocka_unit_test(forked_copy_cannot_use_or_stop_it),
		cmocka_unit_test(ignored_child_signals_lose_the_status_only),
		cmocka_unit_test(standard_descriptors_that_are_closed_do_no_harm),
		cmocka_unit_test(out_of_descriptors_is_an_error_and_nothing_leaks),
		cmocka_unit_test(dram_is_sealed_and_sized),
	};

	if (getenv("AMPHORA_MAILBOX_FD"))
		return coprocessor();
	if (read_self())
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(image);
	return failed;
}
