/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON: everything that was measured, each round of it, and on what machine.
 * Bench; after the runner. bench/report.py makes the plots and the document's tables of it.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "floor.h"
#include "report.h"

static void write_text(FILE *file, const char *name, const char *text)
{
	fprintf(file, "\"%s\": \"", name);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', file);
		if ((unsigned char)*text >= ' ')
			fputc(*text, file);
	}
	fputc('"', file);
}

/* JSON has no NAN. */
static void write_number(FILE *file, const char *name, double value)
{
	if (isnan(value))
		fprintf(file, "\"%s\": null", name);
	else
		fprintf(file, "\"%s\": %.6g", name, value);
}

static void processor(char *model, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(model, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		char *value = strchr(line, ':');

		if (!value || strncmp(line, "model name", 10) != 0)
			continue;
		value[strcspn(value, "\n")] = 0;
		snprintf(model, size, "%s", value + 2);
		break;
	}
	if (file)
		fclose(file);
}

static void write_machine(FILE *file)
{
	struct utsname name;
	char text[256];
	struct tm utc;
	time_t now = time(NULL);

	processor(text, sizeof(text));
	fprintf(file, "\"machine\": {");
	write_text(file, "processor", text);
	fprintf(file, ", \"processors\": %ld, ", sysconf(_SC_NPROCESSORS_ONLN));
	if (!uname(&name)) {
		snprintf(text, sizeof(text), "%.40s %.60s %.20s", name.sysname, name.release,
			 name.machine);
		write_text(file, "kernel", text);
		fprintf(file, ", ");
	}
	gmtime_r(&now, &utc);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &utc);
	write_text(file, "date", text);
	fprintf(file, "},\n");
}

static void write_turns(FILE *file, const struct runner_variant *variant)
{
	fprintf(file, "\"turns\": [");
	for (uint32_t i = 0; i < variant->turn_count; i++) {
		const struct runner_turn *turn = &variant->turns[i];

		fprintf(file, "%s{", i ? ", " : "");
		write_number(file, "ns", turn->ns);
		fprintf(file, ", ");
		write_number(file, "floor", turn->floor);
		fprintf(file, ", ");
		write_number(file, "line", turn->line);
		fprintf(file, ", \"far\": %s, \"steady\": %s, \"used\": %s}",
			turn->far ? "true" : "false", turn->steady ? "true" : "false",
			turn->used ? "true" : "false");
	}
	fprintf(file, "]");
}

static void write_figures(FILE *file, const struct report_row *row)
{
	const struct {
		const char *name;
		double value;
	} figures[] = {
		{"median", row->median},
		{"p10", row->p10},
		{"p90", row->p90},
		{"p99", row->p99},
		{"floor_ns", row->floor},
		{"ratio", row->ratio.median},
		{"ratio_low", row->ratio.low},
		{"ratio_high", row->ratio.high},
	};

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		write_number(file, figures[i].name, figures[i].value);
		fprintf(file, ", ");
	}
	fprintf(file, "\"rounds\": %u, ", row->rounds);
}

static void write_variant(FILE *file, const struct runner_variant *variant)
{
	struct report_row row = report_row(variant);

	fprintf(file, "{");
	write_text(file, "contender", variant->contender->name);
	fprintf(file, ", ");
	write_text(file, "variant", variant->variant->name);
	fprintf(file, ", ");
	write_text(file, "unit", variant->contender->unit);
	fprintf(file, ", \"size\": %llu, \"number\": %u, \"batch\": %u, ",
		(unsigned long long)variant->variant->size, variant->variant->number,
		variant->batch);
	write_text(file, "floor", floor_names[variant->variant->floor]);
	fprintf(file, ", ");
	if (variant->missing) {
		write_text(file, "missing", variant->missing);
		fprintf(file, ", ");
	} else {
		write_figures(file, &row);
	}
	write_turns(file, variant);
	fprintf(file, "}");
}

int report_json(const struct runner *runner, const char *path, const char *command)
{
	FILE *file = fopen(path, "we");
	int error;

	if (!file)
		return -errno;
	fprintf(file, "{\n");
	write_text(file, "command", command);
	fprintf(file, ",\n");
	write_machine(file);
	fprintf(file, "\"far\": %s, \"rounds\": %u, \"turn_us\": %u, \"repeated\": %u, ",
		runner->far ? "true" : "false", runner->rounds, runner->turn_us, runner->repeated);
	fprintf(file, "\"failed\": %u, ", runner->failed);
	write_number(file, "seconds", runner->seconds);
	fprintf(file, ",\n\"results\": [\n");
	for (size_t i = 0; i < runner->variant_count; i++) {
		write_variant(file, &runner->variants[i]);
		fprintf(file, "%s\n", i + 1 < runner->variant_count ? "," : "");
	}
	fprintf(file, "]}\n");
	error = ferror(file) ? -EIO : 0;
	return fclose(file) && !error ? -errno : error;
}
