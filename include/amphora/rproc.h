/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Remote processor: a coprocessor's life. Load, start, watch, stop, recover.
 * Remoteproc layer; knows the platform and the transport; the back-end is a plug-in table.
 *
 * One thread at a time for one remote processor, but for amph_rproc_kick().
 */
#ifndef AMPHORA_RPROC_H
#define AMPHORA_RPROC_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/error.h>
#include <amphora/io.h>
#include <amphora/pool.h>
#include <amphora/resource_table.h>
#include <amphora/rpmsg.h>

#ifdef __cplusplus
extern "C" {
#endif

enum amph_rproc_state {
	AMPH_RPROC_OFF, /* powered off: proved, reaches nothing */
	AMPH_RPROC_LOADED, /* image and resource table are in memory */
	AMPH_RPROC_RUNNING,
	AMPH_RPROC_CRASHED /* not off yet: stop it first */
};

struct amph_rproc;

struct amph_rproc_ops {
	/* Powers on and lets it run from `entry` (da). Returns 0 or -errno with rproc->why. */
	int (*start)(struct amph_rproc *rproc, uint64_t entry, uint64_t deadline);
	/* Powers off. When it returns 0 the processor is proved off. Kills if it must. */
	int (*stop)(struct amph_rproc *rproc, uint64_t deadline);
	/* Rings its doorbell with a notify id. Never blocks; a ring may be dropped while one is pending. */
	void (*kick)(struct amph_rproc *rproc, uint32_t notify_id);
	/*
	 * Waits for its doorbell. Returns a bitmap of notify ids below 32 by *rung, or -ETIMEDOUT, or
	 * -EPIPE when the processor is gone (rproc->why: exit code, signal).
	 */
	int (*wait)(struct amph_rproc *rproc, uint64_t deadline, uint32_t *rung);
};

struct amph_rproc_config {
	const char *name;
	const struct amph_rproc_ops *ops;
	struct amph_map map; /* pa to the processor's da */
	const struct amph_io *regions; /* memory this side can write: va and pa of each */
	uint32_t region_count;
	struct amph_pool
		*carveout; /* where vrings, buffers and carveouts without a da are placed */
	uint64_t carveout_pa; /* of the pool's first byte */
	uint32_t features; /* virtio features this side offers */
	uint32_t buffer_count; /* RPMsg buffers per direction; 0: as many as descriptors */
	uint32_t buffer_size; /* 512 */
};

/*
 * Prepares a remote processor. state OFF. Returns 0, -EINVAL and rproc->why.
 * See rproc.h's struct for what may be read by the application.
 */
int amph_rproc_init(struct amph_rproc *rproc, const struct amph_rproc_config *config);

/*
 * Loads an ELF image (in this side's private memory) for this processor: segments to the regions,
 * the resource table checked, resources placed, addresses filled in. State OFF to LOADED.
 * Returns 0; -ENOEXEC (no ELF this library reads), -ERANGE (a segment or resource outside the
 * regions), -ENOSPC (carve-out), -EINVAL (table), -EBUSY (state); rproc->why. Nothing half loaded
 * is ever started.
 */
int amph_rproc_load(struct amph_rproc *rproc, const void *image, uint64_t size);

/* LOADED to RUNNING. Returns 0, -EBUSY (state), -ETIMEDOUT, or the back-end's error. */
int amph_rproc_start(struct amph_rproc *rproc, uint64_t deadline);

/* Any state to OFF; the placed resources go back. Returns 0 when proved off, else the error. */
int amph_rproc_stop(struct amph_rproc *rproc, uint64_t deadline);

void amph_rproc_kick(struct amph_rproc *rproc, uint32_t notify_id);

/* Waits for a doorbell; finds a crash. 0, -ETIMEDOUT, -EPIPE (state CRASHED, rproc->why). */
int amph_rproc_wait(struct amph_rproc *rproc, uint64_t deadline);

/*
 * Reads what the firmware's trace buffer got since the last call: up to `size` bytes to text, without
 * closing NUL. Returns 0 and *length (0: nothing new). *length is at most size.
 */
int amph_rproc_trace(struct amph_rproc *rproc, char *text, uint32_t size, uint32_t *length);

/*
 * Fills an RPMsg configuration (main side: rings, buffers, features, kick, wait) for the first RPMsg
 * vdev of the loaded table. slots: storage, table's descriptors each. Returns 0, -ENOENT (no vdev).
 */
int amph_rproc_rpmsg(struct amph_rproc *rproc, struct amph_virtqueue_slot *slots[2],
		     struct amph_rpmsg_config *config);

/* Tells the firmware that the driver is ready (vdev status DRIVER_OK) and rings. */
int amph_rproc_rpmsg_ready(struct amph_rproc *rproc);

struct amph_rproc {
	struct amph_rproc_config config;
	enum amph_rproc_state state;
	uint32_t boots; /* how often it was started */
	uint64_t entry; /* da */
	struct amph_resource_table table; /* checked, private copy of the addresses in it */
	struct amph_why why;
	char message[96]; /* how it ended, as text: "killed by signal 11" */
	uint64_t trace_seen;
	uint32_t placed[8]; /* blocks of the carve-out */
	uint32_t placed_count;
};

#ifdef __cplusplus
}
#endif

#endif
