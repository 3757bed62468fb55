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
#include <amphora/version.h>

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

/*
 * A back-end: how one kind of coprocessor is switched on and off, and its doorbell. What it needs to
 * remember stands behind the struct amph_rproc, in a structure of its own that starts with one.
 */
struct amph_rproc_ops {
	/*
	 * NULL: the image's PT_LOADs are copied to the regions. Else this takes the image instead
	 * (copies it; the caller's memory is not kept), and no PT_LOAD is loaded: its resource table
	 * goes into a block of the carve-out, rproc->table.da. Returns 0 or -errno with rproc->why.
	 */
	int (*load)(struct amph_rproc *rproc, const void *image, uint64_t size);
	/*
	 * Powers on and lets it run from `entry` (da). Returns 0 or -errno with rproc->why and
	 * rproc->message; after an error the processor may still be on until stop has returned 0.
	 */
	int (*start)(struct amph_rproc *rproc, uint64_t entry, uint64_t deadline);
	/*
	 * Powers off. When it returns 0 the processor is proved off, and what load kept is given back.
	 * Kills if it must. Also called for one that was loaded and never started.
	 */
	int (*stop)(struct amph_rproc *rproc, uint64_t deadline);
	/* Rings its doorbell with a notify id. Never blocks; a ring may be dropped while one is pending. */
	void (*kick)(struct amph_rproc *rproc, uint32_t notify_id);
	/*
	 * Waits for its doorbell. Returns a bitmap of notify ids below 32 by *rung, or -ETIMEDOUT, or
	 * -EPIPE when the processor is gone (rproc->why and rproc->message: exit code, signal).
	 */
	int (*wait)(struct amph_rproc *rproc, uint64_t deadline, uint32_t *rung);
	/* What an OS can wait on for the doorbell or the end (Linux: an fd), -1 for none; may be NULL. */
	intptr_t (*handle)(struct amph_rproc *rproc);
};

#define AMPH_RPROC_LINE_MAX 160 /* bytes of a trace line that the hook gets, with its NUL */

struct amph_rproc_config {
	const char *name; /* lives as long as the remote processor */
	const struct amph_rproc_ops *ops;
	struct amph_map map; /* pa to the processor's da */
	const struct amph_io *regions; /* memory this side can write: va and pa of each */
	uint32_t region_count;
	/*
	 * Where everything without a da is placed, or NULL. No part of the image and nothing with a
	 * fixed da may lie in it. Load and stop use it: whoever shares it must not at the same time.
	 */
	struct amph_pool *carveout;
	uint64_t carveout_pa; /* of the pool's first byte */
	uint32_t features; /* virtio features this side offers */
	uint32_t buffer_size; /* bytes of an RPMsg buffer, one for each descriptor; 0: 512 */
	uint16_t machine; /* the image's machine must be this EM_*, 0: any */
	uint8_t class_bits; /* the image's class must be 32 or 64, 0: any */
	/*
	 * Where the firmware's trace goes, a line at a time: the application's log. NULL: nowhere, and
	 * amph_rproc_trace() reads it instead; not both. Called by amph_rproc_wait(), amph_rproc_stop()
	 * and amph_rproc_trace_lines(), and must call nothing of this header but amph_rproc_kick().
	 */
	void (*trace_line)(struct amph_rproc *rproc, const char *line);
	/*
	 * A firmware that shows no sign of life for so many milliseconds while it is waited for is
	 * hung. 0: it is never said to be, as not every firmware has something to say. Signs of life:
	 * its doorbell, new trace text that is read, and amph_rproc_alive().
	 */
	uint32_t hang_ms;
};

/*
 * Prepares a remote processor. state OFF. The config is copied; the arrays it points to stay.
 * Returns 0, -EINVAL and rproc->why, -EPROTO (built with other limits). See struct
 * amph_rproc for what the application may read.
 */
static inline int amph_rproc_init(struct amph_rproc *rproc, const struct amph_rproc_config *config);
int amph_rproc_init_checked(struct amph_rproc *rproc, const struct amph_rproc_config *config,
			    uint32_t abi, uint32_t structure_size);

/*
 * Loads an ELF image (in this side's private memory) for this processor: segments to the regions,
 * the resource table checked, resources placed, addresses filled in. State OFF to LOADED.
 * - A segment must lie in one window of the map and one region, outside the carve-out.
 * - A resource with a da of its own must lie so as well. Rings overlap nothing; a carveout may hold
 *   whole segments (the classic use) but no part of one; a trace buffer may lie in a segment.
 * - Rings, and whatever is placed, are zeroed; da, pa, features and notify ids are written back.
 * - Notify ids that the table leaves open or uses twice are given out, the lowest free one first.
 * - A vdev's message buffers lie in the carveout named vdev0buffer (vdev1buffer, ...), else in a
 *   block that the firmware is not told of.
 * Returns 0; -ENOEXEC (no ELF this library reads, or another machine's), -ERANGE (a segment or
 * resource outside the regions or beyond 32 bits), -ENOSPC (carve-out), -EINVAL or -ENOTSUP (table),
 * -EBUSY (state); rproc->why. A failed load leaves the state OFF and nothing taken: nothing half
 * loaded is ever started.
 */
int amph_rproc_load(struct amph_rproc *rproc, const void *image, uint64_t size);

/*
 * For an image that somebody else has put into memory (another operating system's loader) and that
 * starts at `entry` (da). State OFF to LOADED. What it has of resources is the other's business: here
 * it has no table, thus no RPMsg and no trace.
 * Returns 0; -EBUSY (state); -ERANGE (the entry lies outside the map or the regions); -ENOTSUP (this
 * back-end runs only what it has loaded itself); rproc->why.
 */
int amph_rproc_adopt(struct amph_rproc *rproc, uint64_t entry);

/*
 * LOADED to RUNNING. Returns 0; -EBUSY (state); -ETIMEDOUT or the back-end's error, and the state is
 * CRASHED: stop it, as it may be half on, and load again.
 */
int amph_rproc_start(struct amph_rproc *rproc, uint64_t deadline);

/*
 * Any state to OFF; the placed resources go back. Returns 0 when proved off, else the error, and
 * nothing is given back: memory that it may still reach stays taken.
 */
int amph_rproc_stop(struct amph_rproc *rproc, uint64_t deadline);

/* Stops, loads and starts, as one recovers from a crash. Errors of the three; one deadline. */
int amph_rproc_restart(struct amph_rproc *rproc, const void *image, uint64_t size,
		       uint64_t deadline);

/*
 * Says that it hangs: for who noticed (a heartbeat that stopped, a deadline missed). RUNNING to
 * CRASHED with that text in rproc->message; it is still on until it is stopped.
 * Returns 0, or -EBUSY in another state.
 */
int amph_rproc_hung(struct amph_rproc *rproc, const char *text);

/*
 * Says that it lives: for who noticed without its doorbell (messages that came while nobody waited).
 * Only hang_ms reads it.
 */
void amph_rproc_alive(struct amph_rproc *rproc);

/* Rings its doorbell; nothing happens unless it runs. Not while another thread starts or stops it. */
void amph_rproc_kick(struct amph_rproc *rproc, uint32_t notify_id);

/*
 * Waits for a doorbell; finds a crash; with config.hang_ms also a hang: "hung: no sign of life for
 * 2000 ms". A time longer than hang_ms in which nobody called this does not count as its silence.
 * Gives new trace lines to config.trace_line, whatever it returns.
 * Returns 0 and adds what was rung to rproc->rung; -ETIMEDOUT; -EPIPE (state CRASHED, rproc->why and
 * rproc->message say how it ended, or that it hangs); -ENOTCONN (not running).
 */
int amph_rproc_wait(struct amph_rproc *rproc, uint64_t deadline);

/* An fd that becomes readable with the doorbell or the end; -1 where there is none, or not running. */
intptr_t amph_rproc_handle(struct amph_rproc *rproc);

/*
 * Reads what the firmware's first trace buffer got since the last call: up to `size` bytes to text,
 * without closing NUL. Everything but printable ASCII, newline and tab arrives as '?', so that a
 * firmware cannot play with a terminal. *length (0: nothing new) is at most size, and at most the
 * trace buffer's length. Any state but OFF.
 * Returns 0, or -ENOENT (no trace buffer).
 *
 * The trace buffer is plain text, zeroed by the loader, and a ring: the firmware writes one byte
 * after the other, goes on at the start when it is full, and keeps a NUL behind the last byte
 * written: new text takes the place of that NUL last of all, with a release before it, when the text
 * behind it and the next NUL are there. The reader goes on until it finds a NUL. Who is overtaken
 * loses text, nothing else. Linux shows the same buffer in debugfs.
 */
int amph_rproc_trace(struct amph_rproc *rproc, char *text, uint32_t size, uint32_t *length);

/*
 * Gives what the trace got since the last call to config.trace_line: whole lines, without newline,
 * closed with NUL, cleaned as above. A line longer than AMPH_RPROC_LINE_MAX - 1 comes in pieces; the
 * beginning of one that is not finished is kept for the next call, and given by amph_rproc_stop() at
 * the latest. At most a trace buffer's length is read at a time. Any state but OFF. For who does not
 * call amph_rproc_wait().
 * Returns 0, or -ENOENT (no trace buffer, or no hook).
 */
int amph_rproc_trace_lines(struct amph_rproc *rproc);

/*
 * Fills an RPMsg configuration (main side: rings, buffers, features, kick, wait; argument is the
 * remote processor, see its `user`) for the first RPMsg vdev of the loaded table. The rest of
 * *config is 0. slots: storage for each of the two rings, rproc->rpmsg->vrings[i].count of them.
 * Descriptors will carry physical addresses, as Linux's do.
 * Returns 0; -ENOENT (no vdev); -ERANGE; -EINVAL. State LOADED or later, else -ENOTCONN.
 */
int amph_rproc_rpmsg(struct amph_rproc *rproc, struct amph_virtqueue_slot *const slots[2],
		     struct amph_rpmsg_config *config);

/*
 * Tells the firmware that the driver is ready (vdev status ACKNOWLEDGE, DRIVER, DRIVER_OK, written
 * after all that came before) and rings. After amph_rpmsg_init(), before or after the start.
 * Returns 0, -ENOENT (no vdev), -ENOTCONN (not loaded).
 */
int amph_rproc_rpmsg_ready(struct amph_rproc *rproc);

#define AMPH_RPROC_PLACED_MAX 16

/* The application reads what it likes and writes `user` and `rung`. */
struct amph_rproc {
	struct amph_rproc_config config;
	enum amph_rproc_state state;
	uint32_t boots; /* how often it was started */
	uint64_t entry; /* da */
	struct amph_resource_table table; /* checked, private, with the addresses as placed */
	struct amph_resource_vdev *rpmsg; /* the first RPMsg vdev of the table, or NULL */
	struct amph_io buffers; /* its message buffers */
	uint32_t rung; /* bitmap of notify ids below 32 that rang; the application clears it */
	struct amph_why why;
	char message[160]; /* how it ended, as text: "killed by signal 11 (Segmentation fault)" */
	void *user; /* the application's */

	void *table_bytes; /* the firmware's copy of its table */
	uint32_t trace_position;
	char line[AMPH_RPROC_LINE_MAX]; /* the beginning of one that is not finished */
	uint32_t line_length;
	uint64_t heard; /* the last sign of life */
	uint64_t looked; /* when somebody last waited */
	uint32_t placed[AMPH_RPROC_PLACED_MAX]; /* blocks of the carve-out */
	uint32_t placed_count;
};

static inline int amph_rproc_init(struct amph_rproc *rproc, const struct amph_rproc_config *config)
{
	return amph_rproc_init_checked(rproc, config, AMPH_ABI, (uint32_t)sizeof(*rproc));
}

#ifdef __cplusplus
}
#endif

#endif
