/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU back-end: a coprocessor of another instruction set, its RAM a memfd of this process.
 * Remoteproc layer; Linux only; knows QEMU's command line and two commands of its control protocol.
 * A new QEMU for each power-on: a reset one could still run what it translated before.
 */
#include <amphora/rproc_linux.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <amphora/elf.h>
#include <amphora/time.h>

#include "remoteproc/backend/linux/child.h"

extern char **environ;

#define DEFAULT_PROGRAM "qemu-system-riscv32"

static struct amph_rproc_qemu *qemu_of(struct amph_rproc *rproc)
{
	return (struct amph_rproc_qemu *)rproc; /* its first member */
}

/* Finds a program as a shell does: with a slash it is a path, else it is looked for in PATH. */
static int find(const char *program, char *path, size_t size)
{
	const char *list = getenv("PATH");

	if (!program)
		program = DEFAULT_PROGRAM;
	if (strchr(program, '/')) {
		if ((size_t)snprintf(path, size, "%s", program) >= size || access(path, X_OK))
			return -ENOENT;
		return 0;
	}
	while (list && *list) {
		size_t length = strcspn(list, ":");
		int needed = snprintf(path, size, "%.*s/%s", (int)length, list, program);

		if (length && needed > 0 && (size_t)needed < size && !access(path, X_OK))
			return 0;
		list += length + (list[length] == ':');
	}
	return -ENOENT;
}

int amph_rproc_qemu_find(const char *program)
{
	char path[4096];

	return find(program, path, sizeof(path));
}

/* Reads QEMU's control socket up to and with a line that holds `word`. */
static int expect(int control, const char *word, uint64_t deadline)
{
	char text[1024];
	size_t used = 0;

	for (;;) {
		int error = amph_child_poll(control, deadline);

		if (error)
			return error;
		/* byte by byte to the end of a line: what follows belongs to the next answer */
		ssize_t count = recv(control, text + used, 1, MSG_DONTWAIT);
		if (count < 0 && errno == EAGAIN)
			continue;
		if (count <= 0)
			return amph_child_gone(count);
		if (text[used] != '\n') {
			if (used + 2 < sizeof(text))
				used++;
			continue;
		}
		text[used] = 0;
		used = 0;
		if (strstr(text, "\"error\""))
			return -EIO;
		if (strstr(text, word))
			return 0;
	}
}

static int command(int control, const char *text, uint64_t deadline)
{
	size_t length = strlen(text);

	if (send(control, text, length, MSG_NOSIGNAL) != (ssize_t)length)
		return -EPIPE;
	return expect(control, "\"return\"", deadline);
}

/* QEMU is there when it greets; the firmware runs after `cont`. */
static int let_run(int control, uint64_t deadline)
{
	int error = expect(control, "\"QMP\"", deadline);

	if (!error)
		error = command(control, "{\"execute\":\"qmp_capabilities\"}\n", deadline);
	if (!error)
		error = command(control, "{\"execute\":\"cont\"}\n", deadline);
	return error;
}

struct descriptors {
	int mailbox, control; /* ours */
	int inherit[3]; /* QEMU's: DRAM, mailbox, control */
};

static int open_all(struct amph_rproc_qemu *qemu, struct descriptors *fds)
{
	*fds = (struct descriptors){-1, -1, {-1, -1, -1}};
	fds->inherit[0] = amph_child_keep(qemu->qemu.dram_fd);
	if (fds->inherit[0] < 0)
		return fds->inherit[0];
	int error = amph_child_socket(&fds->mailbox, &fds->inherit[1]);
	if (!error)
		error = amph_child_socket(&fds->control, &fds->inherit[2]);
	return error;
}

/* Builds QEMU's command line and starts it, its processors halted. */
static int launch(struct amph_rproc_qemu *qemu, uint64_t entry, struct descriptors *fds,
		  uint64_t deadline)
{
	const struct amph_rproc_qemu_config *config = &qemu->qemu;
	char path[4096], text[7][112];
	const char *arguments[48];
	uint32_t count = 0;

	if (find(config->program, path, sizeof(path)))
		return amph_refuse(&qemu->rproc.why, -ENOENT, "there is no such QEMU", 0, 0);
	snprintf(text[0], sizeof(text[0]), "%lluk",
		 (unsigned long long)((config->private_size + config->dram_size) / 1024));
	snprintf(text[1], sizeof(text[1]),
		 "memory-backend-file,id=dram,share=on,size=%llu,mem-path=/proc/self/fd/%d",
		 (unsigned long long)config->dram_size, fds->inherit[0]);
	snprintf(text[2], sizeof(text[2]), "loader,addr=0x%llx,cpu-num=0",
		 (unsigned long long)entry);
	snprintf(text[3], sizeof(text[3]), "loader,addr=0x%llx,cpu-num=1",
		 (unsigned long long)entry);
	snprintf(text[4], sizeof(text[4]), "socket,id=mailbox,fd=%d", fds->inherit[1]);
	snprintf(text[5], sizeof(text[5]), "socket,id=control,fd=%d", fds->inherit[2]);
	snprintf(text[6], sizeof(text[6]), "memory-backend-ram,id=private,size=%llu",
		 (unsigned long long)config->private_size);
	const char *const fixed[] = {
		path,
		"-M",
		config->machine ? config->machine : "virt",
		"-smp",
		"2",
		"-m",
		text[0],
		"-object",
		text[1],
		"-bios",
		"none",
		"-device",
		text[2],
		"-device",
		text[3],
		"-nodefaults",
		"-no-user-config",
		"-no-reboot",
		"-display",
		"none",
		"-chardev",
		text[4],
		"-serial",
		"chardev:mailbox",
		"-chardev",
		text[5],
		"-mon",
		"chardev=control,mode=control",
		/* to a debugger that is not there: exit works, the host's files are out of reach */
		"-semihosting-config",
		"enable=on,target=gdb",
		"-S",
	};
	for (; count < sizeof(fixed) / sizeof(fixed[0]); count++)
		arguments[count] = fixed[count];
	/* one memory is the machine's, two are those of nodes, in their order */
	if (config->private_size) {
		arguments[count++] = "-object";
		arguments[count++] = text[6];
		arguments[count++] = "-numa";
		arguments[count++] = "node,memdev=private";
		arguments[count++] = "-numa";
		arguments[count++] = "node,memdev=dram";
	} else {
		arguments[count++] = "-M";
		arguments[count++] = "memory-backend=dram";
	}
	arguments[count] = NULL;
	struct amph_child_plan plan = {
		.program = path,
		.arguments = (char *const *)(uintptr_t)arguments,
		.environment = environ,
		.inherit = {fds->inherit[0], fds->inherit[1], fds->inherit[2]},
		.inherit_count = 3,
		.deadline = deadline,
	};
	int mailbox = fds->mailbox;
	fds->mailbox = -1; /* the child's from now on */
	int error = amph_child_start(&qemu->child, &plan, mailbox);
	if (error)
		return amph_refuse(&qemu->rproc.why, error, "QEMU could not be started", 0, 0);
	return 0;
}

static int start(struct amph_rproc *rproc, uint64_t entry, uint64_t deadline)
{
	struct amph_rproc_qemu *qemu = qemu_of(rproc);
	struct descriptors fds;
	int error = open_all(qemu, &fds);

	if (!error)
		error = launch(qemu, entry, &fds, deadline);
	for (uint32_t i = 0; i < 3; i++)
		amph_child_close(&fds.inherit[i]);
	if (!error) {
		error = let_run(fds.control, deadline);
		if (error == -EPIPE || error == -ECONNRESET)
			error = amph_child_describe(&qemu->child, rproc, amph_deadline(1000));
		else if (error)
			amph_refuse(&rproc->why, error, "QEMU does not answer", 0, 0);
	}
	amph_child_close(&fds.control);
	amph_child_close(&fds.mailbox);
	return error;
}

static int stop(struct amph_rproc *rproc, uint64_t deadline)
{
	return amph_child_stop(&qemu_of(rproc)->child, deadline);
}

static void kick(struct amph_rproc *rproc, uint32_t notify_id)
{
	amph_child_kick(&qemu_of(rproc)->child, notify_id);
}

static int wait(struct amph_rproc *rproc, uint64_t deadline, uint32_t *rung)
{
	struct amph_child *child = &qemu_of(rproc)->child;
	int error = amph_child_wait(child, deadline, rung);

	if (error != -EPIPE)
		return error;
	return amph_child_describe(child, rproc, amph_deadline(1000));
}

static intptr_t handle(struct amph_rproc *rproc)
{
	return qemu_of(rproc)->child.mailbox;
}

static const struct amph_rproc_ops qemu_ops = {
	.start = start,
	.stop = stop,
	.kick = kick,
	.wait = wait,
	.handle = handle,
};

int amph_rproc_qemu_init_checked(struct amph_rproc_qemu *qemu,
				 const struct amph_rproc_config *config,
				 const struct amph_rproc_qemu_config *qemu_config, uint32_t abi,
				 uint32_t structure_size)
{
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*qemu));
	struct amph_rproc_config own;

	if (error)
		return error;
	own = *config;
	own.ops = &qemu_ops;
	if (!qemu_config->program) {
		if (!own.machine)
			own.machine = AMPH_ELF_RISCV;
		if (!own.class_bits)
			own.class_bits = 32;
	}
	*qemu = (struct amph_rproc_qemu){.qemu = *qemu_config};
	error = amph_rproc_init(&qemu->rproc, &own);
	if (error)
		return error;
	if (!qemu_config->dram_size || qemu_config->dram_size % 4096)
		return amph_refuse(&qemu->rproc.why, -EINVAL, "the DRAM is no number of pages",
				   qemu_config->dram_size, 4096);
	if (qemu_config->private_size % 4096)
		return amph_refuse(&qemu->rproc.why, -EINVAL,
				   "the private RAM is no number of pages",
				   qemu_config->private_size, 4096);
	if (amph_rproc_qemu_find(qemu_config->program))
		return amph_refuse(&qemu->rproc.why, -ENOENT, "there is no such QEMU in PATH", 0,
				   0);
	return 0;
}
