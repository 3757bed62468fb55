/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The QEMU back-end with a real QEMU and a firmware of a few instructions.
 * Test code, Linux only; arguments: the firmware.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <amphora/rproc_linux.h>
#include <amphora/time.h>

#define DRAM_DA	  0x80000000u
#define DRAM_PA	  0x40000000u
#define DRAM_SIZE 0x1000000u
#define POOL_AT	  0x400000u
#define POOL_SIZE 0x400000u

static uint8_t firmware[65536];
static size_t firmware_size;

struct board {
	struct amph_dram dram;
	struct amph_window window;
	struct amph_pool pool;
	struct amph_pool_block blocks[32];
	struct amph_rproc_config config;
	struct amph_rproc_qemu qemu;
};

static void board_open(struct board *board)
{
	assert_int_equal(amph_dram_create(&board->dram, "test-dram", DRAM_SIZE, DRAM_PA), 0);
	assert_int_equal(amph_pool_init(&board->pool, POOL_SIZE, 4096, board->blocks, 32), 0);
	board->window = (struct amph_window){DRAM_PA, DRAM_DA, DRAM_SIZE};
	board->config = (struct amph_rproc_config){
		.name = "riscv32",
		.map = {&board->window, 1},
		.regions = &board->dram.io,
		.region_count = 1,
		.carveout = &board->pool,
		.carveout_pa = DRAM_PA + POOL_AT,
		.features = AMPH_VIRTIO_RPMSG_F_NS,
	};
	struct amph_rproc_qemu_config qemu = {.dram_fd = board->dram.fd, .dram_size = DRAM_SIZE};
	assert_int_equal(amph_rproc_qemu_init(&board->qemu, &board->config, &qemu), 0);
}

static void board_close(struct board *board)
{
	assert_int_equal(amph_rproc_stop(&board->qemu.rproc, amph_deadline(2000)), 0);
	assert_int_equal(board->pool.used, 0);
	amph_dram_close(&board->dram);
}

static void board_run(struct board *board)
{
	struct amph_rproc *rproc = &board->qemu.rproc;
	int error = amph_rproc_load(rproc, firmware, firmware_size);
	if (error)
		print_error("%s %llx\n", rproc->why.what, (unsigned long long)rproc->why.value);
	assert_int_equal(error, 0);
	error = amph_rproc_start(rproc, amph_deadline(10000));
	if (error)
		print_error("%s: %s\n", rproc->why.what, rproc->message);
	assert_int_equal(error, 0);
	assert_int_equal(rproc->state, AMPH_RPROC_RUNNING);
	assert_int_equal(amph_rproc_wait(rproc, amph_deadline(10000)), 0);
	assert_int_equal(rproc->rung, 1u << 5);
	rproc->rung = 0;
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

static uint32_t children(void)
{
	char path[64];
	uint32_t count = 0;
	int pid;

	DIR *folder = opendir("/proc/self/task");
	for (struct dirent *task; (task = readdir(folder));) {
		snprintf(path, sizeof(path), "/proc/self/task/%.20s/children", task->d_name);
		FILE *file = fopen(path, "r");
		while (file && fscanf(file, "%d", &pid) == 1)
			count++;
		if (file)
			fclose(file);
	}
	closedir(folder);
	return count;
}

static void twenty_starts_and_stops_leave_nothing_behind(void **state)
{
	uint32_t files = open_files();
	struct board board;

	(void)state;
	board_open(&board);
	uint64_t before = amph_time_now();
	for (uint32_t i = 0; i < 20; i++) {
		struct amph_rproc *rproc = &board.qemu.rproc;
		char text[64];
		uint32_t length;

		board_run(&board);
		assert_int_equal(children(), 1);
		amph_rproc_kick(rproc, 8);
		assert_int_equal(amph_rproc_wait(rproc, amph_deadline(5000)), 0);
		assert_int_equal(rproc->rung, 1u << 9);
		assert_int_equal(amph_rproc_trace(rproc, text, sizeof(text), &length), 0);
		assert_int_equal(length, 11);
		assert_memory_equal(text, "tiny is up\n", 11);
		assert_int_equal(amph_rproc_stop(rproc, amph_deadline(2000)), 0);
		assert_int_equal(rproc->boots, i + 1);
		assert_int_equal(children(), 0);
	}
	print_message("a run takes %llu us\n",
		      (unsigned long long)(amph_time_now() - before) / 20000);
	board_close(&board);
	assert_int_equal(open_files(), files);
}

static void exit_of_the_firmware_is_told_with_its_code(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	board_run(&board);
	amph_rproc_kick(&board.qemu.rproc, 30);
	assert_int_equal(amph_rproc_wait(&board.qemu.rproc, amph_deadline(5000)), -EPIPE);
	assert_string_equal(board.qemu.rproc.message, "exited with code 3");
	assert_int_equal(board.qemu.rproc.why.value, 3);
	assert_int_equal(board.qemu.rproc.state, AMPH_RPROC_CRASHED);
	board_close(&board);
}

static void exit_by_semihosting_is_told_too(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	board_run(&board);
	amph_rproc_kick(&board.qemu.rproc, 29);
	assert_int_equal(amph_rproc_wait(&board.qemu.rproc, amph_deadline(5000)), -EPIPE);
	assert_string_equal(board.qemu.rproc.message, "exited with code 4");
	board_close(&board);
}

static void firmware_reaches_no_file_of_the_host(void **state)
{
	struct board board;

	(void)state;
	unlink("amphora-escaped");
	board_open(&board);
	board_run(&board);
	amph_rproc_kick(&board.qemu.rproc, 27);
	/* QEMU may leave the call without an answer: then the firmware stands still */
	int error = amph_rproc_wait(&board.qemu.rproc, amph_deadline(500));
	assert_true(!error || error == -ETIMEDOUT);
	board_close(&board);
	assert_int_equal(access("amphora-escaped", F_OK), -1);
}

static void kill_of_qemu_is_told_in_time_with_the_signal(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	board_run(&board);
	assert_int_equal(kill(board.qemu.child.pid, SIGKILL), 0);
	uint64_t before = amph_time_now();
	assert_int_equal(amph_rproc_wait(&board.qemu.rproc, amph_deadline(5000)), -EPIPE);
	assert_true(amph_time_now() - before < 500000000u);
	assert_string_equal(board.qemu.rproc.message, "killed by signal 9 (Killed)");
	assert_int_equal(
		amph_rproc_restart(&board.qemu.rproc, firmware, firmware_size, amph_deadline(5000)),
		0);
	assert_int_equal(board.qemu.rproc.boots, 2);
	board_close(&board);
}

static void doorbells_to_a_firmware_that_hangs_are_dropped(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	board_run(&board);
	amph_rproc_kick(&board.qemu.rproc, 28);
	uint64_t before = amph_time_now();
	for (uint32_t i = 0; i < 400000; i++)
		amph_rproc_kick(&board.qemu.rproc, 1);
	assert_true(amph_time_now() - before < 5000000000u);
	assert_int_equal(amph_rproc_wait(&board.qemu.rproc, amph_deadline(50)), -ETIMEDOUT);
	assert_int_equal(amph_rproc_hung(&board.qemu.rproc, "no heartbeat for 50 ms"), 0);
	assert_int_equal(amph_rproc_wait(&board.qemu.rproc, amph_deadline(50)), -EPIPE);
	assert_string_equal(board.qemu.rproc.message, "no heartbeat for 50 ms");
	board_close(&board);
}

static void qemu_that_refuses_its_options_says_why(void **state)
{
	struct board board;

	(void)state;
	board_open(&board);
	board.qemu.qemu.machine = "no-such-machine";
	assert_int_equal(amph_rproc_load(&board.qemu.rproc, firmware, firmware_size), 0);
	assert_int_equal(amph_rproc_start(&board.qemu.rproc, amph_deadline(5000)), -EPIPE);
	assert_int_equal(board.qemu.rproc.state, AMPH_RPROC_CRASHED);
	assert_non_null(strstr(board.qemu.rproc.message, "exited with code 1: "));
	assert_non_null(strstr(board.qemu.rproc.message, "unsupported machine"));
	board_close(&board);
}

static void two_coprocessors_and_a_socket_are_watched_by_one_poll(void **state)
{
	struct board boards[2];
	int pair[2];

	(void)state;
	assert_int_equal(pipe(pair), 0);
	for (uint32_t i = 0; i < 2; i++) {
		board_open(&boards[i]);
		board_run(&boards[i]);
	}
	struct pollfd fds[3] = {
		{.fd = (int)amph_rproc_handle(&boards[0].qemu.rproc), .events = POLLIN},
		{.fd = (int)amph_rproc_handle(&boards[1].qemu.rproc), .events = POLLIN},
		{.fd = pair[0], .events = POLLIN},
	};
	assert_int_equal(poll(fds, 3, 0), 0);
	amph_rproc_kick(&boards[1].qemu.rproc, 3);
	assert_int_equal(poll(fds, 3, 5000), 1);
	assert_int_equal(fds[1].revents, POLLIN);
	assert_int_equal(amph_rproc_wait(&boards[1].qemu.rproc, 0), 0);
	assert_int_equal(boards[1].qemu.rproc.rung, 1u << 4);
	assert_int_equal(kill(boards[0].qemu.child.pid, SIGKILL), 0);
	assert_int_equal(poll(fds, 3, 5000), 1);
	assert_true(fds[0].revents & (POLLIN | POLLHUP));
	assert_int_equal(amph_rproc_wait(&boards[0].qemu.rproc, 0), -EPIPE);
	for (uint32_t i = 0; i < 2; i++)
		board_close(&boards[i]);
	close(pair[0]);
	close(pair[1]);
}

static bool alive(int pid)
{
	char path[64], text[256] = "", *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t length = read(fd, text, sizeof(text) - 1);
	close(fd);
	end = length > 0 ? strrchr(text, ')') : NULL;
	return end && end[2] != 'Z' && end[2] != 'X';
}

static void death_of_the_owner_takes_qemu_along(void **state)
{
	int pair[2], qemu = 0;

	(void)state;
	assert_int_equal(pipe(pair), 0);
	pid_t owner = fork();
	if (!owner) {
		struct board board;

		board_open(&board);
		board_run(&board);
		(void)!write(pair[1], &board.qemu.child.pid, sizeof(int));
		pause();
		_exit(0);
	}
	close(pair[1]);
	assert_int_equal(read(pair[0], &qemu, sizeof(qemu)), sizeof(qemu));
	assert_true(alive(qemu));
	assert_int_equal(kill(owner, SIGKILL), 0);
	assert_int_equal(waitpid(owner, NULL, 0), owner);
	for (uint32_t i = 0; i < 200 && alive(qemu); i++)
		usleep(10000);
	assert_false(alive(qemu));
	close(pair[0]);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(twenty_starts_and_stops_leave_nothing_behind),
		cmocka_unit_test(exit_of_the_firmware_is_told_with_its_code),
		cmocka_unit_test(exit_by_semihosting_is_told_too),
		cmocka_unit_test(firmware_reaches_no_file_of_the_host),
		cmocka_unit_test(kill_of_qemu_is_told_in_time_with_the_signal),
		cmocka_unit_test(doorbells_to_a_firmware_that_hangs_are_dropped),
		cmocka_unit_test(qemu_that_refuses_its_options_says_why),
		cmocka_unit_test(two_coprocessors_and_a_socket_are_watched_by_one_poll),
		cmocka_unit_test(death_of_the_owner_takes_qemu_along),
	};

	if (amph_rproc_qemu_find(NULL)) {
		printf("skipped: there is no qemu-system-riscv32 in PATH "
		       "(Debian: qemu-system-misc)\n");
		return 77;
	}
	FILE *file = count > 1 ? fopen(arguments[1], "rb") : NULL;
	if (!file) {
		printf("skipped: no firmware was built: there is no riscv64-unknown-elf-gcc "
		       "(Debian: gcc-riscv64-unknown-elf)\n");
		return 77;
	}
	firmware_size = fread(firmware, 1, sizeof(firmware), file);
	fclose(file);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
