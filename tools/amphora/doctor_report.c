/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor, report: findings and capabilities, as text for people or as JSON for programs.
 * The only file of the doctor that knows json-c. What comes from outside is cleaned here.
 */
#include "doctor.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <amphora/version.h>

#define NAME_WIDTH   24
#define STATUS_WIDTH 8
#define LIST_MAX     256 /* entries of one list of facts */

static const char *const status_names[] = {"ok", "note", "missing", "denied"};
static const char *const answer_names[] = {"no", "partly", "yes"};

/* What is printed in front, for a terminal: green, none, red, yellow; for answers: red, yellow, green */
static const char *const status_colours[] = {"\033[32m", "", "\033[31m", "\033[33m"};
static const char *const answer_colours[] = {"\033[31m", "\033[33m", "\033[32m"};
#define NO_COLOUR "\033[m"

struct doctor_finding *doctor_find(struct doctor *doctor, const char *topic, const char *name,
				   enum doctor_status status, const char *format, ...)
{
	struct doctor_report *report = &doctor->report;
	struct doctor_finding *finding = &report->nowhere;
	doctor_facts *facts = finding->facts; /* kept: who has it may still use it */
	va_list values;

	if (report->finding_count < DOCTOR_FINDINGS) {
		finding = &report->findings[report->finding_count++];
		facts = json_object_new_object();
	} else {
		report->lost++;
		if (!facts)
			facts = json_object_new_object();
	}
	*finding = (struct doctor_finding){.topic = topic, .status = status, .facts = facts};
	snprintf(finding->name, sizeof(finding->name), "%s", name);
	va_start(values, format);
	vsnprintf(finding->text, sizeof(finding->text), format, values);
	va_end(values);
	return finding;
}

struct doctor_capability *doctor_can(struct doctor *doctor, const char *id, const char *subject,
				     enum doctor_answer answer, const char *what)
{
	static struct doctor_capability nowhere;
	struct doctor_report *report = &doctor->report;
	struct doctor_capability *capability = &nowhere;

	if (report->capability_count < DOCTOR_CAPABILITIES)
		capability = &report->capabilities[report->capability_count++];
	*capability = (struct doctor_capability){.id = id, .answer = answer};
	snprintf(capability->subject, sizeof(capability->subject), "%s", subject);
	snprintf(capability->what, sizeof(capability->what), "%s", what);
	return capability;
}

void doctor_fact_text(doctor_facts *facts, const char *key, const char *value)
{
	char text[DOCTOR_TEXT];

	snprintf(text, sizeof(text), "%s", value);
	json_object_object_add(facts, key, json_object_new_string(doctor_clean(text)));
}

void doctor_fact_number(doctor_facts *facts, const char *key, uint64_t value)
{
	json_object_object_add(facts, key, json_object_new_uint64(value));
}

/* As text, as C writes it: JSON readers may lose bits of large numbers. */
void doctor_fact_address(doctor_facts *facts, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	doctor_fact_text(facts, key, text);
}

void doctor_fact_flag(doctor_facts *facts, const char *key, bool value)
{
	json_object_object_add(facts, key, json_object_new_boolean(value));
}

doctor_facts *doctor_fact_list(doctor_facts *facts, const char *key)
{
	json_object *list = json_object_object_get(facts, key);

	if (!list) {
		list = json_object_new_array();
		json_object_object_add(facts, key, list);
	}
	if (json_object_array_length(list) >= LIST_MAX)
		return json_object_array_get_idx(list, LIST_MAX - 1);
	json_object *item = json_object_new_object();
	json_object_array_add(list, item);
	return item;
}

static void print_tag(const char *text, const char *colour, bool colours)
{
	if (colours && *colour)
		printf("  %s%-*s" NO_COLOUR " ", colour, STATUS_WIDTH, text);
	else
		printf("  %-*s ", STATUS_WIDTH, text);
}

static const char *cleaned(char text[DOCTOR_TEXT], const char *from)
{
	snprintf(text, DOCTOR_TEXT, "%s", from);
	return doctor_clean(text);
}

static void print_finding(const struct doctor_finding *finding, bool colours)
{
	char name[DOCTOR_TEXT], text[DOCTOR_TEXT];

	print_tag(status_names[finding->status], status_colours[finding->status], colours);
	printf("%-*s %s\n", NAME_WIDTH, cleaned(name, finding->name), cleaned(text, finding->text));
	if (finding->remedy[0])
		printf("  %*s -> %s\n", STATUS_WIDTH, "", cleaned(text, finding->remedy));
}

static void print_capabilities(const struct doctor_report *report, bool colours)
{
	char subject[DOCTOR_TEXT], text[DOCTOR_TEXT];

	printf("\nwhat Amphora can do here\n");
	for (size_t i = 0; i < report->capability_count; i++) {
		const struct doctor_capability *capability = &report->capabilities[i];

		print_tag(answer_names[capability->answer], answer_colours[capability->answer],
			  colours);
		printf("%s", capability->what);
		if (capability->subject[0])
			printf(" (%s)", cleaned(subject, capability->subject));
		printf("\n  %*s %s\n", STATUS_WIDTH, "", cleaned(text, capability->how));
	}
}

void doctor_report_text(const struct doctor *doctor, bool colour)
{
	const struct doctor_report *report = &doctor->report;
	const char *topic = "";
	size_t hidden = 0;

	printf("amphora doctor %s: Linux %s %s%s\n", AMPH_VERSION_STRING,
	       doctor->release[0] ? doctor->release : "of unknown release", doctor->machine,
	       doctor->live ? "" : " (a captured tree)");
	for (size_t i = 0; i < report->finding_count; i++) {
		const struct doctor_finding *finding = &report->findings[i];

		if (finding->detail && !doctor->verbose) {
			hidden++;
			continue;
		}
		if (strcmp(topic, finding->topic) != 0)
			printf("\n%s\n", finding->topic);
		topic = finding->topic;
		print_finding(finding, colour);
	}
	print_capabilities(report, colour);
	if (hidden)
		printf("\n%zu more findings with --verbose\n", hidden);
	if (report->lost)
		printf("\n%zu findings left out: more than %d\n", report->lost, DOCTOR_FINDINGS);
}

static void add_text(json_object *to, const char *key, const char *value)
{
	if (*value)
		doctor_fact_text(to, key, value);
	else
		json_object_object_add(to, key, NULL);
}

static json_object *finding_json(const struct doctor_finding *finding)
{
	json_object *item = json_object_new_object();

	add_text(item, "topic", finding->topic);
	/* what belongs to the finding above it is indented */
	add_text(item, "name", finding->name + strspn(finding->name, " "));
	add_text(item, "status", status_names[finding->status]);
	add_text(item, "text", finding->text);
	add_text(item, "remedy", finding->remedy);
	json_object_object_add(item, "facts", json_object_get(finding->facts));
	return item;
}

static json_object *capability_json(const struct doctor_capability *capability)
{
	json_object *item = json_object_new_object();

	add_text(item, "id", capability->id);
	add_text(item, "subject", capability->subject);
	add_text(item, "what", capability->what);
	add_text(item, "answer", answer_names[capability->answer]);
	add_text(item, "how", capability->how);
	return item;
}

void doctor_report_json(const struct doctor *doctor, bool usable)
{
	const struct doctor_report *report = &doctor->report;
	json_object *top = json_object_new_object();
	json_object *capabilities = json_object_new_array(), *findings = json_object_new_array();

	add_text(top, "version", AMPH_VERSION_STRING);
	add_text(top, "release", doctor->release);
	add_text(top, "machine", doctor->machine);
	doctor_fact_flag(top, "live", doctor->live);
	doctor_fact_flag(top, "usable", usable);
	for (size_t i = 0; i < report->capability_count; i++)
		json_object_array_add(capabilities, capability_json(&report->capabilities[i]));
	json_object_object_add(top, "capabilities", capabilities);
	for (size_t i = 0; i < report->finding_count; i++)
		json_object_array_add(findings, finding_json(&report->findings[i]));
	json_object_object_add(top, "findings", findings);
	doctor_fact_number(top, "left_out", report->lost);
	puts(json_object_to_json_string_ext(top, JSON_C_TO_STRING_PRETTY |
							 JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(top);
}

void doctor_report_free(struct doctor_report *report)
{
	for (size_t i = 0; i < report->finding_count; i++)
		json_object_put(report->findings[i].facts);
	json_object_put(report->nowhere.facts);
}
