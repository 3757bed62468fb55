/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The demo in parts: what is asked for, who works on the picture, and the job itself.
 * A machine is a coprocessor, the memory shared with it and a share session; the job knows nothing
 * else of it.
 */
#ifndef TOOLS_DEMO_H
#define TOOLS_DEMO_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/session.h>
#include <amphora/shm.h>
#include <amphora/target.h>

#include "report.h"
#include "soc.h"
#include "tap.h"

#define DEMO_STEP_MS	 10000 /* deadline of each step but the coprocessor's work */
#define DEMO_SEGMENTS	 512 /* of one buffer; what the demo firmware takes */
#define DEMO_RANGES	 16
#define DEMO_ERROR	 512
#define DEMO_FRAMES	 60
#define DEMO_FRAMES_MAX	 1000000
#define DEMO_CAMERA_SIDE 4096 /* pixels */

enum demo_place {
	DEMO_HERE, /* coprocessors made of processes or QEMU, on this machine */
	DEMO_REMOTEPROC, /* a coprocessor of this Linux */
	DEMO_VSOC /* the same, in the virtual SoC that is started for it */
};

struct demo_options {
	enum demo_place place;
	const char *input, *output, *after_give;
	const char *input_name, *output_name; /* as the report calls them */
	enum coprocessor_kind kind; /* DEMO_HERE */
	const char *chosen; /* why that kind */
	const char *remote; /* DEMO_REMOTEPROC: which; NULL: the only one */
	const char *heap; /* DEMO_REMOTEPROC: which dma-heap; NULL: a contiguous one */
	const char *device; /* camera; NULL: the first that fits */
	uint32_t frames, width, height; /* camera */
	bool queue; /* the picture goes by a queue, not by messages */
	bool camera, json, verbose, debug_kernel;
};

struct demo_machine;

/* Returns 0, or -errno and machine->error, but for what cannot fail. */
struct demo_machine_ops {
	/* Memory and its providers. On error nothing is open. */
	int (*open)(struct demo_machine *machine);
	/* Powers on. On error it is off. */
	int (*start)(struct demo_machine *machine, uint64_t deadline);
	/* Opens the share session: machine->session, ->target and ->tap from now on. */
	int (*share)(struct demo_machine *machine, const struct amph_session_events *events,
		     void *user, uint64_t deadline);
	/* Closes the session if it is open, powers off, and proves it. Also after a failed share. */
	int (*stop)(struct demo_machine *machine, uint64_t deadline);
	void (*close)(struct demo_machine *machine);
	/* Writes into machine->error what a call that failed with `error` means. */
	void (*explain)(struct demo_machine *machine, const char *doing, int error);
	/* Fills in who it is and where its memory is. */
	void (*describe)(const struct demo_machine *machine, struct report *report);
};

struct demo_machine {
	const struct demo_machine_ops *ops;
	const struct demo_options *options;
	const char *provider; /* of buffers: "dram", "heap", ... */
	struct amph_memory *memory;
	struct amph_session *session;
	struct amph_target *target;
	struct tap *tap;
	int handle; /* an fd that is readable when the session has input; -1: none */
	char error[DEMO_ERROR];
};

/* A coprocessor of options->kind. One of a kind: static. */
struct demo_machine *demo_machine_here(const struct demo_options *options);

/* A remote processor of this Linux. One of a kind: static. */
struct demo_machine *demo_machine_remoteproc(const struct demo_options *options);

/* Stops it. `status`, if not 0, and its message stay. */
int demo_stop(struct demo_machine *machine, int status);

/* The picture's way. Returns an exit code; says what went wrong, and reports. */
int demo_picture(struct demo_machine *machine);

/* Frames of a camera, one after the other. Returns as demo_picture(). */
int demo_camera(struct demo_machine *machine);

/* Where a camera's frame goes: output NAME.png, when "before": NAME-before.png. */
void demo_camera_file(const char *output, const char *when, char *path, size_t size);

/* The same command in the virtual SoC. Returns as demo_picture(). */
int demo_vsoc(const struct demo_options *options);

/* --- a buffer that is shared with the coprocessor; for both kinds of job --- */

struct demo_buffer {
	struct demo_machine *machine;
	struct amph_shm shm;
	struct amph_range ranges[DEMO_RANGES];
	struct amph_segment segments[DEMO_SEGMENTS], device_segments[DEMO_SEGMENTS];
	struct amph_attachment attachment;
	struct amph_share *share;
	bool open, attached;
};

/* Opens "provider:name". Returns 0, or -errno and machine->error. */
int demo_buffer_open(struct demo_buffer *buffer, struct demo_machine *machine, const char *name,
		     uint64_t size);

/* Attaches it to the coprocessor, offers it, and waits until it is accepted. */
int demo_buffer_share(struct demo_buffer *buffer, uint64_t deadline);

/* Releases it, waits for the acknowledgement, and detaches. */
int demo_buffer_release(struct demo_buffer *buffer, uint64_t deadline);

/*
 * Gives it back; a coprocessor that is off holds nothing of it, for one that runs on it is in
 * quarantine. `status`, if not 0, and its message stay. Does nothing for one that is not open.
 */
int demo_buffer_close(struct demo_buffer *buffer, int status);

/* --- with options->queue: how it is handed over; else these do nothing --- */

/* How the picture's buffer is attached. */
enum amph_sync_method demo_method(const struct demo_machine *machine);

/* In an open session: the queue's own buffer, and the queue in it. Returns 0, or -errno and machine->error. */
int demo_queue_open(struct demo_machine *machine, uint64_t deadline);

/* When the picture's buffer is released. */
int demo_queue_release(struct demo_machine *machine, uint64_t deadline);

/* As demo_buffer_close(). */
int demo_queue_close(int status);

/* Its addresses into a report. */
void demo_buffer_describe(const struct demo_buffer *buffer, struct report *report);

#endif
