/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux's side of the virtual SoC. Tool code; see vsoc_linux.h.
 */
#include "vsoc_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM	      "qemu-system-aarch64"
#define QUIT_DEADLINE 3000 /* ms */
#define EXEC_FAILED   127

/* In the forked child: only calls that are safe there; never returns. */
static void become(char *const *arguments, const int *inherit, uint32_t count, int parent)
{
	sigset_t none;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(EXEC_FAILED);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	for (uint32_t i = 0; i < count; i++)
		fcntl(inherit[i], F_SETFD, 0);
	execvp(PROGRAM, arguments);
	static const char message[] = "amphora: " PROGRAM " can't be run; make vsoc installs it\n";
	(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
	_exit(EXEC_FAILED);
}

static int launch(struct vsoc_linux *machine, char *const *arguments, const int *inherit,
		  uint32_t count)
{
	int parent = getpid();
	int pid = fork();

	if (!pid)
		become(arguments, inherit, count, parent);
	if (pid < 0)
		return -errno;
	machine->pid = pid;
	machine->handle = pidfd_open(pid, 0);
	if (machine->handle < 0) {
		int error = -errno;

		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return error;
	}
	return 0;
}

/* The share's options of QEMU, in which a comma that is meant is written twice. */
static int describe_share(const char *folder, char *text, size_t size)
{
	static const char head[] = "local,id=share,security_model=none,multidevs=remap,path=";
	size_t used = sizeof(head) - 1;

	if (size < sizeof(head))
		return -ENAMETOOLONG;
	memcpy(text, head, used);
	for (; *folder; folder++) {
		if (size - used < 3)
			return -ENAMETOOLONG;
		text[used++] = *folder;
		if (*folder == ',')
			text[used++] = ',';
	}
	text[used] = 0;
	return 0;
}

int vsoc_linux_start(struct vsoc_linux *machine, const struct vsoc_linux_config *config)
{
	char size[32], memory[128], initrd[48], control[48], monitor[48], ivshmem[96], share[8192];
	int pair[2];
	const char *append = config->verbose ? "console=ttyAMA0 panic=-1"
					     : "console=ttyAMA0 panic=-1 quiet";

	*machine = (struct vsoc_linux){.handle = -1, .monitor = -1};
	if (config->share && describe_share(config->share, share, sizeof(share)))
		return -ENAMETOOLONG;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	snprintf(size, sizeof(size), "%lluk", (unsigned long long)config->dram_size / 1024);
	snprintf(memory, sizeof(memory),
		 "memory-backend-file,id=dram,share=on,size=%llu,mem-path=/proc/self/fd/%d",
		 (unsigned long long)config->dram_size, config->dram);
	snprintf(initrd, sizeof(initrd), "/proc/self/fd/%d", config->initrd);
	snprintf(control, sizeof(control), "socket,id=control,fd=%d", config->control);
	snprintf(monitor, sizeof(monitor), "socket,id=monitor,fd=%d", pair[1]);
	snprintf(ivshmem, sizeof(ivshmem), "ivshmem-doorbell,chardev=control,vectors=%u,addr=2",
		 config->vectors);
	const char *const arguments[] = {
		PROGRAM,
		"-M",
		"virt,gic-version=3,memory-backend=dram",
		"-cpu",
		"cortex-a53",
		"-smp",
		"2",
		"-m",
		size,
		"-object",
		memory,
		"-kernel",
		config->kernel,
		"-dtb",
		config->device_tree,
		"-initrd",
		initrd,
		"-append",
		append,
		"-nodefaults",
		"-no-user-config",
		"-no-reboot",
		"-display",
		"none",
		"-chardev",
		"stdio,id=console,signal=on",
		"-serial",
		"chardev:console",
		"-chardev",
		control,
		"-device",
		ivshmem,
		"-chardev",
		monitor,
		"-mon",
		"chardev=monitor,mode=control",
		config->share ? "-fsdev" : NULL, /* the end, where there is none */
		share,
		"-device",
		"virtio-9p-pci,fsdev=share,mount_tag=share",
		NULL,
	};
	const int inherit[] = {config->initrd, config->dram, config->control, pair[1]};
	int error = launch(machine, (char *const *)(uintptr_t)arguments, inherit,
			   sizeof(inherit) / sizeof(inherit[0]));
	close(pair[1]);
	if (error)
		close(pair[0]);
	else
		machine->monitor = pair[0];
	return error;
}

static bool has_ended(const struct vsoc_linux *machine, int milliseconds)
{
	struct pollfd entry = {.fd = machine->handle, .events = POLLIN};
	int ready;

	do
		ready = poll(&entry, 1, milliseconds);
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* Not killed at once: QEMU gives the terminal back as it was. */
void vsoc_linux_stop(struct vsoc_linux *machine)
{
	static const char quit[] = "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"quit\"}\n";

	if (!has_ended(machine, 0)) {
		(void)!send(machine->monitor, quit, sizeof(quit) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (!has_ended(machine, QUIT_DEADLINE))
			kill(machine->pid, SIGKILL);
	}
	while (waitpid(machine->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(machine->handle);
	close(machine->monitor);
	*machine = (struct vsoc_linux){.handle = -1, .monitor = -1};
}
