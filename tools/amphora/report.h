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
	const char *coprocessor; /* "riscv32" or "process" */
	const char *chosen; /* why that one */
	const char *firmware;
	/* the shared memory, for whoever wants to look from outside */
	char dram_path[64];
	uint64_t dram_size, dram_pa, dram_da;
	const char *buffer_name;
	uint64_t buffer_size; /* bytes */
	struct report_segment segments[REPORT_SEGMENTS];
	uint32_t segment_count;
	uint32_t granule;
	bool enforced;
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

/* Adds a step that began at *since, a time of amph_time_now(), and sets *since to now. */
void report_step(struct report *report, const char *name, uint64_t *since);

/* To standard output. */
void report_text(const struct report *report);
void report_json(const struct report *report);

/* Where nothing was begun: only the error. */
void report_failure_json(const char *error);

#endif
