/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Report: what the demo did, as a table for people or as JSON for programs.
 */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#define REPORT_SEGMENTS 8
#define REPORT_STEPS	16

struct report_segment {
	uint64_t va, pa, da, length;
};

struct report {
	const char *input, *output;
	uint32_t width, height; /* pixels */
	const char *coprocessor; /* "riscv32", "process", or a remote processor's name */
	const char *chosen; /* why that one */
	const char *firmware;
	/* the shared memory, for whoever wants to look from outside */
	char dram_path[64];
	uint64_t dram_size, dram_pa, dram_da; /* size 0: unknown */
	const char *buffer_name;
	uint64_t buffer_size; /* bytes */
	struct report_segment segments[REPORT_SEGMENTS];
	uint32_t segment_count; /* of those shown here */
	uint32_t segments_all;
	bool pa_known; /* physical addresses of the segments */
	uint32_t granule;
	bool enforced;
	bool by_queue; /* how it was handed over: by a queue, else by messages */
	/* what crossed by copy, counted where messages are sent and received */
	uint64_t messages, message_bytes, picture_bytes;
	struct {
		const char *name;
		uint64_t ns;
	} steps[REPORT_STEPS];
	uint32_t step_count;
	bool verified;
	uint64_t different, first_different; /* pixels */
	char error[512]; /* empty when all went well */
};

/* What came of a camera's frames, beside the report. */
struct report_camera {
	const char *device, *card;
	uint32_t frames, dropped, buffers;
	uint64_t ns; /* from the first frame's give to the last one's return */
	uint32_t verified; /* frames that the CPU has looked at */
	uint64_t different; /* pixels, in all of them */
	char before[512], after[512]; /* the files of the last frame */
};

/* Adds a step that began at *since, a time of amph_time_now(), and sets *since to now. */
void report_step(struct report *report, const char *name, uint64_t *since);

/* To standard output. */
void report_text(const struct report *report);
void report_json(const struct report *report);
void report_camera_text(const struct report *report, const struct report_camera *camera);
void report_camera_json(const struct report *report, const struct report_camera *camera);

/* Where nothing was begun: only the error. */
void report_failure_json(const char *error);

#endif
