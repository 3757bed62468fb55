/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Process back-end: a coprocessor's firmware compiled as a native program, where there is no QEMU.
 * Remoteproc layer; Linux only. The program maps the DRAM itself and pretends it is elsewhere.
 */
#include <amphora/rproc_linux.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <amphora/time.h>

#include "remoteproc/backend/linux/child.h"

extern char **environ;

#define VARIABLES_MAX 512

static struct amph_rproc_process *process_of(struct amph_rproc *rproc)
{
	return (struct amph_rproc_process *)rproc; /* its first member */
}

static int write_all(int fd, const uint8_t *bytes, uint64_t size)
{
	while (size) {
		ssize_t count = write(fd, bytes, size);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return count ? -errno : -EIO;
		bytes += count;
		size -= (uint64_t)count;
	}
	return 0;
}

/* Keeps the checked image: a file of that name could be another one by the time it is started. */
static int load(struct amph_rproc *rproc, const void *image, uint64_t size)
{
	struct amph_rproc_process *process = process_of(rproc);

	amph_child_close(&process->image);
	process->image = memfd_create("amphora-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error = process->image < 0 ? -errno : write_all(process->image, image, size);
	if (!error && fcntl(process->image, F_ADD_SEALS,
			    F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		error = -errno;
	if (!error)
		return 0;
	amph_child_close(&process->image);
	return amph_refuse(&rproc->why, error, "the program cannot be kept", size, 0);
}

/* This process's variables without those of an outer coprocessor, and the coprocessor's own. */
static int make_environment(char *own[5], char **all)
{
	uint32_t count = 0;

	for (char **variable = environ; variable && *variable; variable++) {
		if (!strncmp(*variable, "AMPHORA_DRAM_", 13) ||
		    !strncmp(*variable, "AMPHORA_MAILBOX_FD=", 19) ||
		    !strncmp(*variable, "AMPHORA_TABLE_DA=", 17))
			continue;
		if (count == VARIABLES_MAX)
			return -ENOSPC;
		all[count++] = *variable;
	}
	for (uint32_t i = 0; i < 5; i++)
		all[count++] = own[i];
	all[count] = NULL;
	return 0;
}

static int launch(struct amph_rproc_process *process, int dram, int theirs, int *mailbox,
		  uint64_t deadline)
{
	const struct amph_rproc_process_config *config = &process->process;
	char texts[5][64], path[64];
	char *own[5] = {texts[0], texts[1], texts[2], texts[3], texts[4]};
	char *all[VARIABLES_MAX + 6];
	char *arguments[2] = {(char *)(uintptr_t)process->rproc.config.name, NULL};

	if (!arguments[0])
		arguments[0] = path;
	snprintf(texts[0], sizeof(texts[0]), "AMPHORA_DRAM_FD=%d", dram);
	snprintf(texts[1], sizeof(texts[1]), "AMPHORA_DRAM_SIZE=%llu",
		 (unsigned long long)config->dram_size);
	snprintf(texts[2], sizeof(texts[2]), "AMPHORA_DRAM_DA=0x%llx",
		 (unsigned long long)config->dram_da);
	snprintf(texts[3], sizeof(texts[3]), "AMPHORA_MAILBOX_FD=%d", theirs);
	snprintf(texts[4], sizeof(texts[4]), "AMPHORA_TABLE_DA=0x%llx",
		 (unsigned long long)process->rproc.table.da);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", process->image);
	int error = make_environment(own, all);
	if (error)
		return amph_refuse(&process->rproc.why, error, "too many environment variables",
				   VARIABLES_MAX, VARIABLES_MAX);
	struct amph_child_plan plan = {
		.program = path,
		.arguments = arguments,
		.environment = all,
		.inherit = {dram, theirs},
		.inherit_count = 2,
		.deadline = deadline,
	};
	int ours = *mailbox;
	*mailbox = -1; /* the child's from now on */
	error = amph_child_start(&process->child, &plan, ours);
	if (error)
		return amph_refuse(&process->rproc.why, error, "the program could not be started",
				   0, 0);
	return 0;
}

static int start(struct amph_rproc *rproc, uint64_t entry, uint64_t deadline)
{
	struct amph_rproc_process *process = process_of(rproc);
	int ours = -1, theirs = -1;
	int dram = amph_child_keep(process->process.dram_fd);

	(void)entry; /* the program's own loader knows */
	if (dram < 0)
		return dram;
	int error = amph_child_socket(&ours, &theirs);
	if (!error)
		error = launch(process, dram, theirs, &ours, deadline);
	amph_child_close(&dram);
	amph_child_close(&theirs);
	amph_child_close(&ours);
	return error;
}

static int stop(struct amph_rproc *rproc, uint64_t deadline)
{
	struct amph_rproc_process *process = process_of(rproc);
	int error = amph_child_stop(&process->child, deadline);

	if (!error)
		amph_child_close(&process->image);
	return error;
}

static void kick(struct amph_rproc *rproc, uint32_t notify_id)
{
	amph_child_kick(&process_of(rproc)->child, notify_id);
}

static int wait(struct amph_rproc *rproc, uint64_t deadline, uint32_t *rung)
{
	struct amph_child *child = &process_of(rproc)->child;
	int error = amph_child_wait(child, deadline, rung);

	if (error != -EPIPE)
		return error;
	return amph_child_describe(child, rproc, amph_deadline(1000));
}

static intptr_t handle(struct amph_rproc *rproc)
{
	return process_of(rproc)->child.mailbox;
}

static const struct amph_rproc_ops process_ops = {
	.load = load,
	.start = start,
	.stop = stop,
	.kick = kick,
	.wait = wait,
	.handle = handle,
};

int amph_rproc_process_init_checked(struct amph_rproc_process *process,
				    const struct amph_rproc_config *config,
				    const struct amph_rproc_process_config *process_config,
				    uint32_t abi, uint32_t structure_size)
{
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*process));
	struct amph_rproc_config own;

	if (error)
		return error;
	own = *config;
	own.ops = &process_ops;
	*process = (struct amph_rproc_process){.process = *process_config, .image = -1};
	return amph_rproc_init(&process->rproc, &own);
}
