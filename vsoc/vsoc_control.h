/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * The control page of the virtual SoC: what Linux's driver of the coprocessor and the launcher tell
 * each other. It is the shared memory (BAR 2) of an ivshmem-doorbell PCI function.
 *
 * Each word has one writer for life, and nobody needs a read-modify-write that the other sees. Words
 * are little-endian. Who has written rings one of the other's doorbells afterwards.
 */
#ifndef VSOC_CONTROL_H
#define VSOC_CONTROL_H

#include <linux/types.h>

#define VSOC_CONTROL_SIZE    4096
#define VSOC_CONTROL_VERSION 4

/* ivshmem: peer ids, the doorbells (vectors) of each peer, and where a peer is rung */
#define VSOC_PEER_LINUX	   0
#define VSOC_PEER_LAUNCHER 1
#define VSOC_VECTOR_RING   0 /* a count in kicks or rings has changed */
#define VSOC_VECTOR_POWER  1 /* a request, an end or an answer has changed, as below */
#define VSOC_VECTORS	   2
#define VSOC_DOORBELL	   0x0c /* in BAR 0: peer << 16 | vector */

#define VSOC_NOTIFY_IDS	     32
#define VSOC_EARLY_TABLE_MAX 4096 /* bytes of a resource table */

/* The lowest bit of a request: what is asked for. The others differ from the request before. */
#define VSOC_REQUEST_ON 1

/* exit: the program that Linux was started for has ended, with this wait status. */
#define VSOC_EXIT_VALID 0x10000

enum vsoc_state {
	VSOC_OFF, /* proved: it reaches no memory */
	VSOC_RUNNING,
	VSOC_ENDED, /* by itself: a crash, or an exit of the firmware */
	VSOC_FAILED, /* it could not be started */
};

struct vsoc_control {
	/* written by Linux */
	__le32 request; /* power: the launcher carries out the newest */
	__le32 boot_address; /* where the coprocessor starts (da), before a request to be on */
	__le32 exit;
	__le32 listens; /* not 0 once the console is set up, and input can be sent */
	/*
	 * The coprocessor's IOMMU gets no answer from it: each change asks that it is off, however it was
	 * started. By the driver of the IOMMU, while that of the coprocessor may ask for power.
	 */
	__le32 cut;
	__le32 reserved_linux[27];
	__le32 kicks[VSOC_NOTIFY_IDS]; /* how often each notify id was kicked, free-running */

	/* written by the launcher */
	__le32 version; /* 0 where there is no launcher */
	__le32 done; /* the newest request that was carried out; after state */
	__le32 state; /* enum vsoc_state */
	__le32 boots; /* how often the coprocessor was powered on */
	/*
	 * Set before Linux starts where the coprocessor was started before it, as by a boot loader:
	 * where its resource table is (da), how long, and where it started; else 0.
	 */
	__le32 early_table;
	__le32 early_table_size;
	__le32 early_address;
	__le32 window; /* the terminal's size: rows << 16 | columns; 0 where there is none */
	__le32 cut_done; /* the newest cut that was carried out: it has reached no memory since; after state */
	__le32 reserved_launcher[23];
	__le32 rings[VSOC_NOTIFY_IDS]; /* how often the coprocessor rang each, free-running */
};

#endif
