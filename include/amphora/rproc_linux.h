/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Remote processors on Linux where there is no board: a firmware in QEMU, or as a process, on shared
 * DRAM that is a memfd of this process. Remoteproc layer; Linux only; back-ends behind rproc.h.
 *
 * Nothing has a name in a file system: doorbells are socket pairs, the DRAM is an inherited fd, all
 * close-on-exec here. When this process dies in whatever way, the coprocessors die with it.
 */
#ifndef AMPHORA_RPROC_LINUX_H
#define AMPHORA_RPROC_LINUX_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/lock.h>
#include <amphora/rproc.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- DRAM that this process and its coprocessors share --- */

struct amph_dram {
	int fd; /* memfd, owned; sealed: it can neither shrink nor grow */
	struct amph_io io; /* the mapping: va, pa, size; da equals pa */
};

/*
 * Makes `size` bytes (a multiple of the page size) of sparse, zeroed memory and maps it, kept out of
 * forked children. name: for /proc; pa: the physical address its first byte shall have.
 * Returns 0, -EINVAL, or the system's error. Any thread.
 */
int amph_dram_create(struct amph_dram *dram, const char *name, uint64_t size, uint64_t pa);

/* Unmaps and closes; nothing is left once the coprocessors are off. Does nothing to a zeroed struct. */
void amph_dram_close(struct amph_dram *dram);

/* --- one child process: what the two back-ends have in common; its fields are theirs --- */

struct amph_child {
	int owner; /* the process that started it: use after fork is refused; 0: none was started */
	uintptr_t keeper; /* the thread that forked it and waits for its end */
	int pid; /* from a start to a stop; 0: none */
	struct amph_lock lock; /* of the next three, until a wait has said -EPIPE */
	bool reaped; /* its pid is nobody's, or somebody else's */
	int status_code, status_value; /* si_code and si_status of its end, 0 before */
	int mailbox; /* doorbell socket: a byte is a notify id */
	int error_text; /* what it writes to stderr: a pipe that never blocks it */
	int ended; /* eventfd, readable once it is gone and reaped */
};

/* --- QEMU: a firmware for another instruction set --- */

struct amph_rproc_qemu_config {
	const char *program; /* path, NULL: qemu-system-riscv32 in PATH */
	const char *machine; /* NULL: virt */
	int dram_fd; /* borrowed */
	uint64_t dram_size;
	uint64_t private_size; /* of RAM of its own, below the DRAM: 0 for none */
};

struct amph_rproc_qemu {
	struct amph_rproc rproc; /* first: what the amph_rproc_* functions take */
	struct amph_rproc_qemu_config qemu;
	struct amph_child child;
};

/*
 * A coprocessor in a QEMU of its own for each power-on: QEMU's RAM, at the machine's RAM address, is
 * the DRAM, after private_size bytes that nobody else sees; two harts start at the image's entry (QEMU
 * drops fences on one). The doorbell is the machine's first UART, both ways: one byte, the notify id.
 * A firmware ends itself by semihosting
 * (SYS_EXIT or SYS_EXIT_EXTENDED; it gets no other service: no files and no commands of the host),
 * or by virt's test device at 0x100000: 0x5555 for success, else 0x3333 | code << 16.
 * config: ops is ignored; machine and class default to 32-bit RISC-V where they are 0 and the
 * program is the default. QEMU itself writes its device tree 2 MiB below the end of DRAM: keep out.
 * Returns 0; -ENOENT (no QEMU); -EINVAL; rproc.why; -EPROTO (built with other limits).
 */
int amph_rproc_qemu_init_checked(struct amph_rproc_qemu *qemu,
				 const struct amph_rproc_config *config,
				 const struct amph_rproc_qemu_config *qemu_config, uint32_t abi,
				 uint32_t structure_size);
static inline int amph_rproc_qemu_init(struct amph_rproc_qemu *qemu,
				       const struct amph_rproc_config *config,
				       const struct amph_rproc_qemu_config *qemu_config)
{
	return amph_rproc_qemu_init_checked(qemu, config, qemu_config, AMPH_ABI,
					    (uint32_t)sizeof(*qemu));
}

/* Whether that program is there: 0, or -ENOENT. program: as above. */
int amph_rproc_qemu_find(const char *program);

/* --- process: the same firmware's sources as a native program, in an address map of its own --- */

struct amph_rproc_process_config {
	int dram_fd; /* borrowed */
	uint64_t dram_size;
	uint64_t dram_da; /* where the program shall pretend that the DRAM starts */
};

struct amph_rproc_process {
	struct amph_rproc rproc; /* first */
	struct amph_rproc_process_config process;
	struct amph_child child;
	int image; /* memfd with the loaded program: what was checked is what runs */
};

/*
 * The image that amph_rproc_load() takes is a Linux program of this machine. It runs with
 * AMPHORA_DRAM_FD, AMPHORA_DRAM_SIZE, AMPHORA_DRAM_DA, AMPHORA_TABLE_DA (numbers in decimal or 0x...,
 * as strtoull() takes them with base 0) and AMPHORA_MAILBOX_FD (a stream socket; one byte is a
 * notify id) in its environment, beside this process's own variables.
 * Its resource table comes from section .resource_table; it finds it at AMPHORA_TABLE_DA.
 * Returns 0; -EINVAL; rproc.why; -EPROTO (built with other limits).
 */
int amph_rproc_process_init_checked(struct amph_rproc_process *process,
				    const struct amph_rproc_config *config,
				    const struct amph_rproc_process_config *process_config,
				    uint32_t abi, uint32_t structure_size);
static inline int amph_rproc_process_init(struct amph_rproc_process *process,
					  const struct amph_rproc_config *config,
					  const struct amph_rproc_process_config *process_config)
{
	return amph_rproc_process_init_checked(process, config, process_config, AMPH_ABI,
					       (uint32_t)sizeof(*process));
}

#ifdef __cplusplus
}
#endif

#endif
