/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first program of the virtual SoC's Linux: loads the drivers, runs one program, and
 * tells the launcher how it ended, who then switches the power off. Runs inside Linux.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <amphora/order.h>
#include <vsoc_control.h>

#include "module.h"

#define COMMAND	      "/command" /* arguments, each with its NUL; the launcher puts it there */
#define COMMAND_MAX   65536
#define ARGUMENTS_MAX 1024
#define DRIVERS	      "/lib/modules/"
#define DEVICES	      "/sys/bus/pci/devices"
#define NOT_RUN	      127
#define POWER_OFF_S   5

static void complain(const char *what)
{
	fprintf(stderr, "vsoc: %s: %s\n", what, strerror(errno));
}

static void mount_all(void)
{
	static const char *const mounts[][2] = {{"devtmpfs", "/dev"},
						{"proc", "/proc"},
						{"sysfs", "/sys"},
						{"debugfs", "/sys/kernel/debug"},
						{"tmpfs", "/tmp"}};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++)
		if (mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL))
			complain(mounts[i][1]);
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

/* What a program writes goes out as it is: the other end has a terminal of its own. */
static void open_console(void)
{
	struct termios settings;
	int console = open("/dev/console", O_RDWR);

	if (console < 0)
		return;
	for (int fd = 0; fd < 3; fd++)
		dup2(console, fd);
	if (console > 2)
		close(console);
	if (tcgetattr(0, &settings))
		return;
	settings.c_oflag &= ~(tcflag_t)OPOST;
	settings.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(0, TCSANOW, &settings);
}

/* The coprocessor's, and then Amphora's where there is one. */
static void load_drivers(void)
{
	static const char *const drivers[] = {DRIVERS "vsoc_rproc.ko", DRIVERS "amphora.ko"};

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

/* Returns the wait status. Children of children that were left alone come here too. */
static int run(char **arguments)
{
	int child = fork();
	int status = NOT_RUN << 8;

	if (!child) {
		setsid();
		execvp(arguments[0], arguments);
		complain(arguments[0]);
		_exit(NOT_RUN);
	}
	if (child < 0) {
		complain("fork");
		return status;
	}
	for (;;) {
		int ended = wait(&status);

		if (ended == child)
			return status;
		if (ended < 0 && errno != EINTR) {
			complain("wait");
			return NOT_RUN << 8;
		}
	}
}

/* The names of busybox; a file that is there already stays. */
static void make_links(void)
{
	char *arguments[] = {"/bin/busybox", "--install", "-s", "/bin", NULL};

	if (run(arguments))
		fprintf(stderr, "vsoc: /bin/busybox can't be installed\n");
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

static void tell_launcher(int status)
{
	struct vsoc_control *control = map_bar(2);
	uint8_t *registers = map_bar(0);

	if (!control || !registers)
		return;
	/* release: what ended is over; pairs with the launcher's acquire */
	amph_store32_release(&control->exit, VSOC_EXIT_VALID | ((unsigned)status & 0xffff));
	amph_barrier_full(); /* memory before the device */
	*(volatile uint32_t *)(void *)(registers + VSOC_DOORBELL) = VSOC_PEER_LAUNCHER << 16 |
								    VSOC_VECTOR_POWER;
}

int main(void)
{
	static char *arguments[ARGUMENTS_MAX + 1];

	mount_all();
	open_console();
	bool share = mount_share();
	load_drivers();
	make_links();
	setenv("PATH", share ? "/bin:/usr/bin:/share" : "/bin:/usr/bin", 1);
	setenv("HOME", "/root", 1);
	if (chdir(share ? "/share" : "/root"))
		complain("chdir");
	int status = NOT_RUN << 8;
	if (read_command(arguments))
		status = run(arguments);
	sync();
	tcdrain(1); /* all of the output is out */
	tell_launcher(status);
	/* the launcher has switched off the power; or there is none */
	sleep(POWER_OFF_S);
	reboot(RB_POWER_OFF);
	complain("power off");
	return 1;
}
