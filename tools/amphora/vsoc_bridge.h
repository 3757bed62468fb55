/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The coprocessor's side of the virtual SoC: its power, and the doorbells between it and Linux's
 * driver, which is a guest's. Tool code; knows ivshmem's protocol and the control page, and runs the
 * coprocessor by the library's QEMU back-end.
 */
#ifndef TOOLS_VSOC_BRIDGE_H
#define TOOLS_VSOC_BRIDGE_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include <amphora/rproc_linux.h>
#include <vsoc_control.h>

#define VSOC_BRIDGE_POLLS (VSOC_VECTORS + 1)
#define VSOC_BRIDGE_RAM	  0x80000000ull /* where QEMU's riscv32 `virt` has its RAM (da) */

struct vsoc_bridge {
	struct amph_dram *dram;
	struct amph_window window;
	struct amph_rproc_qemu coprocessor;
	int memory; /* memfd of the control page */
	struct vsoc_control *control;
	int doorbells[2][VSOC_VECTORS]; /* eventfds of each peer: who is rung reads them */
	int ours, theirs; /* the socket on which Linux's QEMU is told all that */
	uint32_t kicks[VSOC_NOTIFY_IDS]; /* passed on so far */
	char error[256];
};

/*
 * Makes the control page and the doorbells. bridge->theirs is for the ivshmem-doorbell device of
 * Linux's QEMU, all it wants to know is in it already. dram: what of it the
 * coprocessor sees, at `da`; below that, from VSOC_BRIDGE_RAM on, it has RAM of its own.
 * Returns 0, or -errno and bridge->error, with nothing left open.
 */
int vsoc_bridge_open(struct vsoc_bridge *bridge, struct amph_dram *dram, uint64_t da);

/*
 * Starts the coprocessor at `entry` before Linux is there, from an image that is in the DRAM, with a
 * resource table of which nothing is filled in. All are device addresses. Returns 0 or -errno.
 */
int vsoc_bridge_start_early(struct vsoc_bridge *bridge, uint64_t entry, uint64_t table,
			    uint64_t table_size);

/* Powers the coprocessor off, and closes everything. Returns 0, or -errno when it is not proved off. */
int vsoc_bridge_close(struct vsoc_bridge *bridge);

/* Closes this process's copy of bridge->theirs, once QEMU has its own. */
void vsoc_bridge_handed_over(struct vsoc_bridge *bridge);

/* What to wait for: VSOC_BRIDGE_POLLS entries (some with fd -1). */
void vsoc_bridge_polls(struct vsoc_bridge *bridge, struct pollfd *polls);

/* Does all that is to be done. Never blocks for longer than a power-on or -off takes. */
void vsoc_bridge_serve(struct vsoc_bridge *bridge);

/* Tells Linux the size of its terminal, as in vsoc_control.h. */
void vsoc_bridge_set_window(struct vsoc_bridge *bridge, uint32_t window);

/* Whether Linux reads its console. */
bool vsoc_bridge_listens(const struct vsoc_bridge *bridge);

/* Whether Linux's program has ended, and its wait status. */
bool vsoc_bridge_exit(const struct vsoc_bridge *bridge, int *wait_status);

#endif
