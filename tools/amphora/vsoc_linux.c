/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux's side of the virtual SoC. Tool code; see vsoc_linux.h.
 */
#include "vsoc_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM	      "qemu-system-aarch64"
#define EXEC_FAILED   127
#define ARGUMENTS_MAX 48 /* of QEMU; more than make_line() and add_devices() add */
#define APPEND_SIZE   2048 /* what arm64 Linux takes */
/* cma: the heap of contiguous memory; of_id: which nodes are memory for programs */
#define APPEND "console=ttyAMA0 panic=-1 cma=192M uio_pdrv_genirq.of_id=generic-uio"

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

/* QEMU's command line while it is put together: the texts that are made stay in it. */
struct line {
	char size[32], memory[128], low[64], high[64], initrd[48], control[48], console[48];
	char ivshmem[96], share[8192];
	char append[APPEND_SIZE];
	const char *arguments[ARGUMENTS_MAX + 1];
	uint32_t count;
};

static void add(struct line *line, const char *option, const char *value)
{
	line->arguments[line->count++] = option;
	if (value)
		line->arguments[line->count++] = value;
}

static void add_own(struct line *line, char *text, size_t size, const char *name, uint64_t bytes)
{
	if (!bytes)
		return;
	snprintf(text, size, "memory-backend-ram,id=%s,size=%llu", name, (unsigned long long)bytes);
	add(line, "-object", text);
}

/* One memory is the machine's; more are those of nodes, one after the other. */
static void add_memory(struct line *line, const struct vsoc_linux_config *config)
{
	uint64_t below = config->shared_offset;
	uint64_t above = config->dram_size - below - config->shared_size;

	snprintf(line->memory, sizeof(line->memory),
		 "memory-backend-file,id=dram,share=on,size=%llu,mem-path=/proc/self/fd/%d",
		 (unsigned long long)config->shared_size, config->dram);
	add(line, "-object", line->memory);
	add_own(line, line->low, sizeof(line->low), "low", below);
	add_own(line, line->high, sizeof(line->high), "high", above);
	if (!below && !above) {
		add(line, "-M", "memory-backend=dram");
		return;
	}
	if (below)
		add(line, "-numa", "node,memdev=low");
	add(line, "-numa", "node,memdev=dram");
	if (above)
		add(line, "-numa", "node,memdev=high");
}

/* What may differ from one machine to the next. */
static void add_devices(struct line *line, const struct vsoc_linux_config *config)
{
	if (!strcmp(config->iommu, "smmuv3"))
		add(line, "-M", "iommu=smmuv3");
	if (!strcmp(config->iommu, "virtio"))
		add(line, "-device", "virtio-iommu-pci,addr=1"); /* as vsoc/build does */
	add(line, "-device", line->ivshmem);
	if (config->edu)
		add(line, "-device", "edu");
	if (config->share) {
		add(line, "-fsdev", line->share);
		add(line, "-device", "virtio-9p-pci,fsdev=share,mount_tag=share");
	}
}

static int make_line(struct line *line, const struct vsoc_linux_config *config)
{
	*line = (struct line){0};
	if (config->share && describe_share(config->share, line->share, sizeof(line->share)))
		return -ENAMETOOLONG;
	if (snprintf(line->append, sizeof(line->append), "%s%s %s", APPEND,
		     config->verbose ? "" : " quiet",
		     config->append ? config->append : "") >= (int)sizeof(line->append))
		return -E2BIG;
	snprintf(line->size, sizeof(line->size), "%lluk",
		 (unsigned long long)config->dram_size / 1024);
	snprintf(line->initrd, sizeof(line->initrd), "/proc/self/fd/%d", config->initrd);
	snprintf(line->control, sizeof(line->control), "socket,id=control,fd=%d", config->control);
	snprintf(line->console, sizeof(line->console), "socket,id=console,fd=%d", config->console);
	snprintf(line->ivshmem, sizeof(line->ivshmem),
		 "ivshmem-doorbell,chardev=control,vectors=%u,addr=2", config->vectors);
	add(line, PROGRAM, NULL);
	add(line, "-M", "virt,gic-version=3");
	add(line, "-cpu", "cortex-a53");
	add(line, "-smp", "2");
	add(line, "-m", line->size);
	add_memory(line, config);
	add(line, "-kernel", config->kernel);
	add(line, "-dtb", config->device_tree);
	add(line, "-initrd", line->initrd);
	add(line, "-append", line->append);
	add(line, "-nodefaults", "-no-user-config");
	add(line, "-no-reboot", NULL);
	add(line, "-display", "none");
	add(line, "-chardev", line->console);
	add(line, "-serial", "chardev:console");
	add(line, "-chardev", line->control);
	add_devices(line, config);
	return 0;
}

int vsoc_linux_start(struct vsoc_linux *machine, const struct vsoc_linux_config *config)
{
	const int inherit[] = {config->initrd, config->dram, config->control, config->console};
	struct line line;

	*machine = (struct vsoc_linux){.handle = -1};
	int error = make_line(&line, config);
	if (!error)
		error = launch(machine, (char *const *)(uintptr_t)line.arguments, inherit,
			       sizeof(inherit) / sizeof(inherit[0]));
	return error;
}

void vsoc_linux_stop(struct vsoc_linux *machine)
{
	kill(machine->pid, SIGKILL);
	while (waitpid(machine->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(machine->handle);
	*machine = (struct vsoc_linux){.handle = -1};
}
