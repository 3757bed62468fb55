/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A system on chip made of processes: one shared DRAM, a pool of buffers in it, and coprocessors.
 * Tool code; joins every layer of the library: remoteproc, RPMsg, memory and a share session for each
 * coprocessor.
 */
#ifndef TOOLS_SOC_H
#define TOOLS_SOC_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/memfd.h>
#include <amphora/pool.h>
#include <amphora/rpmsg.h>
#include <amphora/rproc.h>
#include <amphora/rproc_linux.h>
#include <amphora/session.h>
#include <amphora/shm.h>
#include <amphora/target.h>
#include <edge/edge.h>

#include "tap.h"

#define SOC_MIB		    0x100000ull
#define SOC_DRAM_SIZE	    (256 * SOC_MIB)
#define SOC_DRAM_PA	    0x40000000ull
#define SOC_DRAM_DA_RISCV32 0x80000000ull /* QEMU's virt machine */
#define SOC_DRAM_DA_PROCESS 0x10000000ull
#define SOC_FIRMWARE_SIZE   SOC_MIB /* for each coprocessor, from the start of DRAM */
#define SOC_CARVEOUT	    0x200000ull /* offset: rings and message buffers */
#define SOC_CARVEOUT_SIZE   (2 * SOC_MIB)
#define SOC_POOL	    0x400000ull /* offset: buffers */
#define SOC_POOL_SIZE \
	(SOC_DRAM_SIZE - SOC_POOL - 4 * SOC_MIB) /* QEMU's device tree is at the end */
#define SOC_COPROCESSORS 2
#define SOC_ALONE	 SOC_COPROCESSORS /* an index: all of the firmwares' memory is for one */
#define SOC_SHARES	 8
#define SOC_RANGES	 16
#define SOC_SLOTS	 256
#define SOC_ERROR	 512

enum coprocessor_kind { COPROCESSOR_RISCV32, COPROCESSOR_PROCESS };

struct soc {
	struct amph_dram dram;
	struct amph_pool carveout, pool;
	struct amph_pool_block carveout_blocks[64], pool_blocks[64];
	struct amph_provider_pool provider; /* "dram:" */
	struct amph_memory memory;
	char error[SOC_ERROR]; /* of the last call that failed */
};

struct coprocessor {
	struct soc *soc;
	enum coprocessor_kind kind;
	char name[24];
	char firmware[4096]; /* path */
	struct amph_window window;
	struct amph_io regions[2]; /* what loading may write: its MiB for firmware, the carve-out */
	union {
		struct amph_rproc rproc;
		struct amph_rproc_qemu qemu;
		struct amph_rproc_process process;
	};
	struct amph_virtqueue_slot slots[2][SOC_SLOTS];
	struct amph_rpmsg rpmsg;
	uint32_t share_address,
		control_address; /* the firmware's, AMPH_RPMSG_ANY until announced */
	struct amph_rpmsg_endpoint control;
	struct amph_channel_rpmsg channel;
	struct tap tap;
	struct amph_target_map target;
	struct amph_share shares[SOC_SHARES];
	struct amph_segment segments[SOC_SHARES];
	struct amph_range ranges[SOC_SHARES * SOC_RANGES];
	struct amph_session session;
	bool vdev, shared; /* how far it has come up */
	struct edge_control answer; /* the last one to a control command */
	uint32_t answers;
	/* a service was announced or withdrawn; may be NULL */
	void (*on_service)(struct coprocessor *coprocessor, const char *name, uint32_t address,
			   bool created);
	/* a line of the firmware's trace; may be NULL; set it before the start */
	void (*on_trace)(struct coprocessor *coprocessor, const char *line);
	void *user;
};

const char *coprocessor_kind_name(enum coprocessor_kind kind);

/* "riscv32" or "process". Returns 0, or -EINVAL. */
int coprocessor_kind_parse(const char *name, enum coprocessor_kind *kind);

/* The kind that this machine can run best, and why, as a static text. */
enum coprocessor_kind coprocessor_kind_default(const char **why);

/* The kind that an image is for, by its ELF header. Returns 0, or -errno and soc->error. */
int coprocessor_kind_of(struct soc *soc, const char *path, enum coprocessor_kind *kind);

/* Makes DRAM and its pools. Returns 0, or -errno and soc->error. */
int soc_open(struct soc *soc);

/* After every coprocessor is stopped. Leaves nothing behind. */
void soc_close(struct soc *soc);

/*
 * Loads `firmware`, powers on, and brings RPMsg up. index: 0 or 1, or SOC_ALONE. firmware: NULL for
 * the demo's own for that kind and index. Returns 0, or -errno and soc->error; on error it is off.
 */
int coprocessor_start(struct coprocessor *coprocessor, struct soc *soc, enum coprocessor_kind kind,
		      uint32_t index, const char *firmware, uint64_t deadline);

/*
 * Waits for the firmware's share service and opens a session. events and user: the application's.
 * Returns 0, or -errno and soc->error.
 */
int coprocessor_share(struct coprocessor *coprocessor, const struct amph_session_events *events,
		      uint64_t quota, void *user, uint64_t deadline);

/*
 * Sends a command to the demo firmware's control service; the answer comes with later messages, into
 * coprocessor->answer. Returns 0, or -errno and soc->error.
 */
int coprocessor_command(struct coprocessor *coprocessor, uint32_t command, uint32_t width,
			uint32_t height, uint32_t argument, uint64_t deadline);

/*
 * Closes the session if it is open, powers off, and proves it: memory in quarantine is free again.
 * Returns 0, or -errno and soc->error.
 */
int coprocessor_stop(struct coprocessor *coprocessor, uint64_t deadline);

/* After a coprocessor's end: it ended by itself, with exit code 0. Before it is stopped. */
bool coprocessor_ended_well(const struct coprocessor *coprocessor);

/* Writes into soc->error what a call that failed with `error` means, the coprocessor's end included. */
void coprocessor_explain(struct coprocessor *coprocessor, const char *doing, int error);

#endif
