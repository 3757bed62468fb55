/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Report: what the demo did, as a table for people or as JSON for programs.
 * The only file that knows json-c.
 */
#include "report.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

#include <amphora/time.h>
#include <amphora/version.h>

void report_step(struct report *report, const char *name, uint64_t *since)
{
	uint64_t now = amph_time_now();

	if (report->step_count < REPORT_STEPS) {
		report->steps[report->step_count].name = name;
		report->steps[report->step_count++].ns = now - *since;
	}
	*since = now;
}

static void text_buffer(const struct report *report)
{
	printf("buffer       %s, %" PRIu64 " bytes, granule %u, limits %s\n", report->buffer_name,
	       report->buffer_size, report->granule, report->enforced ? "enforced" : "agreed");
	for (uint32_t i = 0; i < report->segment_count; i++) {
		const struct report_segment *segment = &report->segments[i];

		printf("  segment %-2u va 0x%012" PRIx64, i, segment->va);
		if (report->pa_known)
			printf("  pa 0x%08" PRIx64, segment->pa);
		printf("  da 0x%08" PRIx64 "  %" PRIu64 " bytes\n", segment->da, segment->length);
	}
	if (report->segments_all > report->segment_count)
		printf("  and %u more segments\n", report->segments_all - report->segment_count);
	printf("handed over  %s\n",
	       report->by_queue ? "by a queue in shared memory" : "by messages");
	printf("copied       %" PRIu64 " bytes of the picture; %" PRIu64 " messages, %" PRIu64
	       " bytes, about it\n",
	       report->picture_bytes, report->messages, report->message_bytes);
}

void report_text(const struct report *report)
{
	printf("picture      %s, %u x %u\n", report->input, report->width, report->height);
	printf("coprocessor  %s (%s), %s\n", report->coprocessor, report->chosen, report->firmware);
	text_buffer(report);
	printf("steps       ");
	for (uint32_t i = 0; i < report->step_count; i++)
		printf("%s %s %.1f ms", i ? "," : "", report->steps[i].name,
		       (double)report->steps[i].ns / 1e6);
	printf("\n");
	if (report->verified)
		printf("verified     all %" PRIu64 " pixels are what the CPU finds\n",
		       (uint64_t)report->width * report->height);
	else
		printf("NOT verified %" PRIu64 " pixels differ, the first at x %" PRIu64
		       ", y %" PRIu64 "\n",
		       report->different, report->first_different % report->width,
		       report->first_different / report->width);
	printf("output       %s\n", report->output);
}

static double rate(const struct report_camera *camera)
{
	return camera->ns ? camera->frames * 1e9 / (double)camera->ns : 0;
}

void report_camera_text(const struct report *report, const struct report_camera *camera)
{
	printf("camera       %s (%s), %u x %u\n", camera->device, camera->card, report->width,
	       report->height);
	printf("coprocessor  %s (%s), %s\n", report->coprocessor, report->chosen, report->firmware);
	text_buffer(report);
	printf("frames       %u in %.2f s: %.1f a second, in %u buffers; %u dropped by the camera\n",
	       camera->frames, (double)camera->ns / 1e9, rate(camera), camera->buffers,
	       camera->dropped);
	if (report->verified)
		printf("verified     every pixel of %u frames is what the CPU finds\n",
		       camera->verified);
	else
		printf("NOT verified %" PRIu64 " pixels differ in %u frames\n", camera->different,
		       camera->verified);
	printf("output       %s, %s\n", camera->before, camera->after);
}

static void add_text(json_object *to, const char *key, const char *value)
{
	json_object_object_add(to, key, value ? json_object_new_string(value) : NULL);
}

static void add_number(json_object *to, const char *key, uint64_t value)
{
	json_object_object_add(to, key, json_object_new_uint64(value));
}

/* Addresses are text, as C writes them: JSON readers may lose bits of large numbers. */
static void add_address(json_object *to, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	add_text(to, key, text);
}

static void add_buffer(json_object *top, const struct report *report)
{
	json_object *buffer = json_object_new_object();
	json_object *segments = json_object_new_array();

	add_text(buffer, "name", report->buffer_name);
	add_number(buffer, "size", report->buffer_size);
	add_number(buffer, "granule", report->granule);
	json_object_object_add(buffer, "enforced", json_object_new_boolean(report->enforced));
	add_text(buffer, "handed_over", report->by_queue ? "queue" : "messages");
	for (uint32_t i = 0; i < report->segment_count; i++) {
		json_object *segment = json_object_new_object();

		add_address(segment, "va", report->segments[i].va);
		if (report->pa_known)
			add_address(segment, "pa", report->segments[i].pa);
		add_address(segment, "da", report->segments[i].da);
		add_number(segment, "length", report->segments[i].length);
		json_object_array_add(segments, segment);
	}
	add_number(buffer, "segment_count", report->segments_all);
	json_object_object_add(buffer, "segments", segments);
	json_object_object_add(top, "buffer", buffer);
}

static void add_coprocessor(json_object *top, const struct report *report)
{
	json_object *coprocessor = json_object_new_object();

	add_text(coprocessor, "kind", report->coprocessor);
	add_text(coprocessor, "chosen", report->chosen);
	add_text(coprocessor, "firmware", report->firmware);
	json_object_object_add(top, "coprocessor", coprocessor);
}

static void add_copied(json_object *top, const struct report *report)
{
	json_object *copied = json_object_new_object();

	add_number(copied, "picture_bytes", report->picture_bytes);
	add_number(copied, "messages", report->messages);
	add_number(copied, "message_bytes", report->message_bytes);
	json_object_object_add(top, "copied", copied);
}

static void print_and_free(json_object *top)
{
	puts(json_object_to_json_string_ext(top, JSON_C_TO_STRING_PRETTY |
							 JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(top);
}

void report_json(const struct report *report)
{
	json_object *top = json_object_new_object();
	json_object *picture = json_object_new_object(), *dram = json_object_new_object();
	json_object *steps = json_object_new_object();

	add_text(top, "version", AMPH_VERSION_STRING);
	add_text(picture, "input", report->input);
	add_text(picture, "output", report->output);
	add_number(picture, "width", report->width);
	add_number(picture, "height", report->height);
	json_object_object_add(top, "picture", picture);
	add_coprocessor(top, report);
	add_text(dram, "path", report->dram_path);
	add_number(dram, "size", report->dram_size);
	add_address(dram, "pa", report->dram_pa);
	add_address(dram, "da", report->dram_da);
	json_object_object_add(top, "dram", report->dram_size ? dram : NULL);
	if (!report->dram_size)
		json_object_put(dram);
	add_buffer(top, report);
	add_copied(top, report);
	for (uint32_t i = 0; i < report->step_count; i++)
		json_object_object_add(steps, report->steps[i].name,
				       json_object_new_double((double)report->steps[i].ns / 1e6));
	json_object_object_add(top, "steps_ms", steps);
	json_object_object_add(top, "verified", json_object_new_boolean(report->verified));
	add_number(top, "different_pixels", report->different);
	add_text(top, "error", report->error[0] ? report->error : NULL);
	print_and_free(top);
}

void report_failure_json(const char *error)
{
	json_object *top = json_object_new_object();

	add_text(top, "version", AMPH_VERSION_STRING);
	json_object_object_add(top, "verified", json_object_new_boolean(false));
	add_text(top, "error", error);
	print_and_free(top);
}

void report_camera_json(const struct report *report, const struct report_camera *camera)
{
	json_object *top = json_object_new_object(), *part = json_object_new_object();

	add_text(top, "version", AMPH_VERSION_STRING);
	add_text(part, "device", camera->device);
	add_text(part, "card", camera->card);
	add_number(part, "width", report->width);
	add_number(part, "height", report->height);
	add_number(part, "frames", camera->frames);
	add_number(part, "dropped", camera->dropped);
	add_number(part, "buffers", camera->buffers);
	json_object_object_add(part, "frames_per_second", json_object_new_double(rate(camera)));
	add_number(part, "verified_frames", camera->verified);
	add_text(part, "before", camera->before);
	add_text(part, "after", camera->after);
	json_object_object_add(top, "camera", part);
	add_coprocessor(top, report);
	add_buffer(top, report);
	add_copied(top, report);
	json_object_object_add(top, "verified", json_object_new_boolean(report->verified));
	add_number(top, "different_pixels", camera->different);
	add_text(top, "error", report->error[0] ? report->error : NULL);
	print_and_free(top);
}
