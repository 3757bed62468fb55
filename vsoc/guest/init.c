/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first program of the virtual SoC's Linux: loads the drivers, runs one program or
 * a shell, ends what that has left behind, and tells the launcher how it ended, who then switches the
 * power off. Runs inside Linux.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <amphora/order.h>
#include <vsoc_control.h>

#include "kernel_report.h"
#include "module.h"

#define COMMAND		"/command" /* arguments, each with its NUL; the launcher puts it there */
#define COMMAND_MAX	65536
#define ARGUMENTS_MAX	1024
#define DRIVERS		"/lib/modules/"
#define DEVICES		"/sys/bus/pci/devices"
#define CONSOLE		"/dev/ttyAMA0"
#define HOSTNAME	"vsoc"
#define NOT_RUN		127
#define POWER_OFF_S	5
#define WINDOW_EVERY_MS 300
#define END_TRIES	40
#define END_EVERY_MS	25

static void complain(const char *what)
{
	fprintf(stderr, "vsoc: %s: %s\n", what, strerror(errno));
}

static void mount_all(void)
{
	static const char *const mounts[][2] = {
		{"devtmpfs", "/dev"},	{"proc", "/proc"},
		{"sysfs", "/sys"},	{"debugfs", "/sys/kernel/debug"},
		{"devpts", "/dev/pts"}, {"tmpfs", "/dev/shm"},
		{"tmpfs", "/tmp"}};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i][1], 0755); /* those in a file system that is mounted before */
		if (mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL))
			complain(mounts[i][1]);
	}
	/* names that programs expect */
	(void)!symlink("/proc/self/fd", "/dev/fd");
	(void)!symlink("fd/0", "/dev/stdin");
	(void)!symlink("fd/1", "/dev/stdout");
	(void)!symlink("fd/2", "/dev/stderr");
}

/* The host's folder, where the launcher was given one. */
static bool mount_share(void)
{
	glob_t found;

	if (glob("/sys/bus/virtio/drivers/9pnet_virtio/virtio*", 0, NULL, &found))
		return false;
	globfree(&found);
	if (!mount("share", "/share", "9p", 0, "trans=virtio,version=9p2000.L,msize=262144"))
		return true;
	complain("/share");
	return false;
}

/*
 * This process has the terminal, and never ends: a program in the foreground can come and go, and what
 * it wrote last is not thrown away with it.
 */
static void open_console(void)
{
	int console = open(CONSOLE, O_RDWR | O_NOCTTY);

	if (console < 0)
		console = open("/dev/console", O_RDWR | O_NOCTTY);
	if (console < 0)
		return;
	for (int fd = 0; fd < 3; fd++)
		dup2(console, fd);
	if (console > 2)
		close(console);
	if (setsid() < 0 || ioctl(0, TIOCSCTTY, 0))
		complain(CONSOLE);
}

/* Without a terminal at the other end, everything goes through as it is; but Ctrl-D ends input. */
static void set_console(bool terminal)
{
	struct termios settings;

	if (tcgetattr(0, &settings))
		return;
	if (terminal) {
		settings.c_iflag |= IUTF8;
	} else {
		settings.c_iflag = 0;
		settings.c_oflag &= ~(tcflag_t)OPOST;
		settings.c_lflag = ICANON;
		for (int i = 0; i < NCCS; i++)
			if (i != VEOF && i != VMIN && i != VTIME)
				settings.c_cc[i] = _POSIX_VDISABLE;
	}
	tcsetattr(0, TCSANOW, &settings);
}

/* The launcher's terminal may change at any time; programs get SIGWINCH. */
static void set_window(const struct vsoc_control *control)
{
	static uint32_t before;
	/* acquire: as any word of the launcher's */
	uint32_t window = control ? amph_load32_acquire(&control->window) : 0;
	struct winsize size = {.ws_row = (uint16_t)(window >> 16), .ws_col = (uint16_t)window};

	if (window != before)
		ioctl(0, TIOCSWINSZ, &size);
	before = window;
}

/* Those of what the coprocessor shares with Linux, its own, and then Amphora's where there are any. */
static void load_drivers(void)
{
	static const char *const drivers[] = {DRIVERS "vsoc_hwspinlock.ko", DRIVERS "vsoc_iommu.ko",
					      DRIVERS "vsoc_rproc.ko", DRIVERS "amphora.ko",
					      DRIVERS "amphora_protected.ko"};

	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		int error = access(drivers[i], F_OK) ? 0 : module_load(drivers[i], "");

		errno = -error;
		if (error)
			complain(drivers[i]);
	}
}

/* Returns how many arguments it has, 0 with a complaint. */
static size_t read_command(char **arguments)
{
	static char text[COMMAND_MAX + 1];
	int file = open(COMMAND, O_RDONLY | O_CLOEXEC);
	ssize_t size = file < 0 ? -1 : read(file, text, COMMAND_MAX);
	size_t count = 0;

	if (size <= 0)
		complain(COMMAND);
	if (file >= 0)
		close(file);
	for (char *at = text; size > 0 && at < text + size && count < ARGUMENTS_MAX;
	     at += strlen(at) + 1)
		arguments[count++] = at;
	arguments[count] = NULL;
	return count;
}

static unsigned read_number(const char *device, const char *attribute)
{
	char path[512], text[32] = "";

	snprintf(path, sizeof(path), DEVICES "/%s/%s", device, attribute);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = 0;
	fclose(file);
	return (unsigned)strtoul(text, NULL, 0);
}

/* Maps a BAR of the launcher's ivshmem function: 0 the doorbells, 2 the control page. */
static void *map_bar(int number)
{
	DIR *devices = opendir(DEVICES);
	struct dirent *device;
	void *page = MAP_FAILED;
	char path[512];

	errno = ENODEV;
	while (devices && page == MAP_FAILED && (device = readdir(devices))) {
		if (read_number(device->d_name, "vendor") != 0x1af4 ||
		    read_number(device->d_name, "device") != 0x1110)
			continue;
		snprintf(path, sizeof(path), DEVICES "/%s/resource%d", device->d_name, number);
		int memory = open(path, O_RDWR | O_CLOEXEC);
		if (memory < 0)
			continue;
		page = mmap(NULL, VSOC_CONTROL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
		close(memory);
	}
	if (page == MAP_FAILED)
		complain("the launcher's doorbells and control page");
	if (devices)
		closedir(devices);
	return page == MAP_FAILED ? NULL : page;
}

/* In the forked child: the foreground of the terminal, in a process group of its own. */
static void become(char **arguments)
{
	sigset_t none;

	setpgid(0, 0);
	signal(SIGTTOU, SIG_IGN);
	tcsetpgrp(0, getpid());
	signal(SIGTTOU, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(arguments[0], arguments);
	complain(arguments[0]);
	_exit(NOT_RUN);
}

/*
 * Reaps what has ended, children of children that were left alone too. Returns true with the wait
 * status of `child` when that was among them, and for child 0 when nobody is left. Nobody is there to
 * resume who stops the child.
 */
static bool reap(pid_t child, int *status)
{
	bool found = false;
	pid_t ended;
	int how;

	while ((ended = waitpid(-1, &how, WNOHANG | WUNTRACED)) > 0) {
		if (WIFSTOPPED(how) && ended == child)
			kill(-child, SIGCONT);
		if (WIFSTOPPED(how) || ended != child)
			continue;
		*status = how;
		found = true;
	}
	return found || (!child && ended < 0 && errno == ECHILD);
}

/* SIGCHLD is blocked, and waited for here. */
static void wait_for_child(int milliseconds)
{
	struct timespec until = {.tv_sec = milliseconds / 1000,
				 .tv_nsec = milliseconds % 1000 * 1000000L};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigtimedwait(&set, NULL, &until);
}

/* Returns the wait status. */
static int run(char **arguments, const struct vsoc_control *control)
{
	int status = NOT_RUN << 8;
	pid_t child = fork();

	if (!child)
		become(arguments);
	if (child < 0) {
		complain("fork");
		return status;
	}
	while (!reap(child, &status)) {
		set_window(control);
		wait_for_child(WINDOW_EVERY_MS);
	}
	tcsetpgrp(0, getpgrp());
	return status;
}

/* The names of busybox; a file that is there already stays. */
static void make_links(void)
{
	char *arguments[] = {"/bin/busybox", "--install", "-s", "/bin", NULL};

	if (run(arguments, NULL))
		fprintf(stderr, "vsoc: /bin/busybox can't be installed\n");
}

/* All processes but this one: asked, then made to. */
static void end_programs(void)
{
	kill(-1, SIGTERM);
	kill(-1, SIGCONT);
	for (int i = 0; !reap(0, NULL); i++) {
		if (i == END_TRIES)
			kill(-1, SIGKILL);
		if (i > 2 * END_TRIES) {
			fprintf(stderr, "vsoc: a program does not end\n");
			return;
		}
		wait_for_child(END_EVERY_MS);
	}
}

/* A coprocessor that still runs is stopped by Linux, not by a power cut. */
static void stop_coprocessors(void)
{
	glob_t found;

	if (glob("/sys/class/remoteproc/remoteproc*/state", 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char state[16] = "";
		int file = open(found.gl_pathv[i], O_RDWR | O_CLOEXEC);

		if (file >= 0 && read(file, state, sizeof(state) - 1) > 0 &&
		    (!strcmp(state, "running\n") || !strcmp(state, "attached\n")) &&
		    write(file, "stop", 4) < 0)
			complain(found.gl_pathv[i]);
		if (file >= 0)
			close(file);
	}
	globfree(&found);
}

static void shut_down(bool share)
{
	end_programs();
	stop_coprocessors();
	if (chdir("/") || (share && umount("/share")))
		complain("/share");
	sync();
}

static void ring_launcher(uint8_t *registers)
{
	amph_barrier_full(); /* memory before the device */
	*(volatile uint32_t *)(void *)(registers + VSOC_DOORBELL) = VSOC_PEER_LAUNCHER << 16 |
								    VSOC_VECTOR_POWER;
}

/* The program that was asked for, or a shell. Returns its wait status. */
static int run_command(struct vsoc_control *control, bool terminal)
{
	static char *command[ARGUMENTS_MAX + 1];
	/* without a terminal it is no dialogue, though its input is a tty */
	char *shell[] = {"/bin/sh", "-l", NULL};
	char *script[] = {"/bin/sh", "-c", ". /dev/stdin", NULL};

	if (access(COMMAND, F_OK))
		return run(terminal ? shell : script, control);
	return read_command(command) ? run(command, control) : NOT_RUN << 8;
}

int main(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTTOU);
	sigprocmask(SIG_BLOCK, &set, NULL);
	mount_all();
	open_console();
	struct vsoc_control *control = map_bar(2);
	uint8_t *registers = map_bar(0);
	/* acquire: pairs with the launcher's release */
	bool terminal = control && amph_load32_acquire(&control->window);

	set_console(terminal);
	set_window(control);
	bool share = mount_share();
	load_drivers();
	sethostname(HOSTNAME, sizeof(HOSTNAME) - 1);
	setenv("PATH", share ? "/bin:/usr/bin:/share" : "/bin:/usr/bin", 1);
	setenv("HOME", "/root", 1);
	make_links();
	if (chdir(share ? "/share" : "/root"))
		complain("chdir");
	if (control && registers) {
		amph_store32_release(&control->listens, 1); /* pairs with the launcher's acquire */
		ring_launcher(registers);
	}
	int status = run_command(control, terminal);
	shut_down(share);
	kernel_report();
	tcdrain(1); /* all of the output is out */
	if (control && registers) {
		/* release: what ended is over; pairs with the launcher's acquire */
		amph_store32_release(&control->exit, VSOC_EXIT_VALID | ((unsigned)status & 0xffff));
		ring_launcher(registers);
	}
	/* the launcher has switched off the power; or there is none */
	sleep(POWER_OFF_S);
	reboot(RB_POWER_OFF);
	complain("power off");
	return 1;
}
