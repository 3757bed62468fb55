/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runner: all contenders in turns, round by round, each between two looks at its floor.
 * Bench. Interleaved, so that what the machine does meanwhile meets all of them alike.
 */
#include "runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pair.h"
#include "statistics.h"

#define SAMPLE_NS	5000.0 /* at least: a clock's 20 ns are nothing then */
#define FLOOR_SHARE	5 /* a floor gets a fifth of a turn's time */
#define LINE_SHARE	40
#define TRIES		4 /* of a turn whose floor jumps */
#define STEADY		0.15 /* how far apart the floor may be before and after */
#define STEADY_SLEEPING 0.3 /* the same where a scheduler is in between */

/* One contender that takes part. */
struct entry {
	struct pair pair;
	struct runner_variant *variants;
	double floor_trip[BENCH_FLOORS]; /* ns of a trip as last seen: how many fit in a turn */
	double *trips; /* the same of each variant */
};

static double median_of_turn(const struct pair *pair, const struct pair_command *command)
{
	static double values[PAIR_SAMPLES];

	for (uint32_t i = 0; i < command->samples; i++)
		values[i] = (double)pair->samples[i] / command->batch;
	return statistics_percentile(values, command->samples, 0.5);
}

static double least_of_turn(const struct pair *pair, const struct pair_command *command)
{
	double least = (double)pair->samples[0];

	for (uint32_t i = 1; i < command->samples; i++)
		if ((double)pair->samples[i] < least)
			least = (double)pair->samples[i];
	return least / command->batch + 0.1;
}

/* Trips in a sample and samples in a turn of `us` microseconds. */
static void plan(struct pair_command *command, double trip, uint32_t batch, uint32_t us)
{
	double samples;

	command->batch = batch;
	if (!batch) {
		command->batch = 1;
		while (command->batch * trip < SAMPLE_NS && command->batch < 4096)
			command->batch *= 2;
	}
	samples = us * 1000.0 / (command->batch * trip);
	command->samples = samples > PAIR_SAMPLES ? PAIR_SAMPLES
			   : samples < 3	  ? 3
						  : (uint32_t)samples;
	/* the other side has to wake up, and a first trip to fill the caches */
	command->warm = command->batch * (command->samples / 16 + 1);
}

/* How long a trip takes, roughly: more and more of them until it is long enough to tell. */
static int find_trip(struct pair *pair, struct pair_command *command, uint32_t batch, uint32_t us,
		     double *trip)
{
	int error;

	command->batch = batch ? batch : 1;
	command->samples = 3;
	command->warm = 0;
	for (;;) {
		error = pair_tell(pair, command);
		*trip = error ? 0 : least_of_turn(pair, command);
		if (error || *trip * command->batch > us * 50.0 || command->batch >= 1u << 20)
			break;
		command->batch *= 4;
	}
	return error;
}

/* One turn of a floor or a variant: the median of a trip. *trip: what it is thought to be. */
static int turn(struct pair *pair, struct pair_command *command, uint32_t batch, uint32_t us,
		double *trip, double *median)
{
	int error = 0;

	if (*trip <= 0)
		error = find_trip(pair, command, batch, us, trip);
	if (error)
		return error;
	plan(command, *trip, batch, us);
	error = pair_tell(pair, command);
	if (error)
		return error;
	*median = median_of_turn(pair, command);
	/* one turn that was disturbed must not make the next ones too short to mean anything */
	*trip = *median < *trip * 1.5 ? *median : *trip * 1.5;
	return 0;
}

static int floor_turn(struct entry *entry, enum bench_floor floor, uint32_t us, double *median)
{
	struct pair_command command = {.what = PAIR_FLOOR, .floor = floor};
	uint32_t batch = floor >= BENCH_FLOOR_STREAM_1 ? 1024 : 0;

	return turn(&entry->pair, &command, batch, us, &entry->floor_trip[floor], median);
}

static int keep_samples(struct runner_variant *variant, struct runner_turn *done,
			const struct pair *pair, const struct pair_command *command)
{
	size_t needed = variant->sample_count + command->samples;

	if (needed > variant->sample_max) {
		size_t max = needed * 2;
		float *samples = realloc(variant->samples, max * sizeof(*samples));

		if (!samples)
			return -ENOMEM;
		variant->samples = samples;
		variant->sample_max = max;
	}
	done->samples = variant->sample_count;
	done->sample_count = command->samples;
	for (uint32_t i = 0; i < command->samples; i++)
		variant->samples[variant->sample_count++] =
			(float)pair->samples[i] / (float)command->batch;
	variant->batch = command->batch;
	return 0;
}

static bool is_steady(double before, double after, enum bench_floor floor)
{
	double most = floor == BENCH_FLOOR_FUTEX ? STEADY_SLEEPING : STEADY;

	return after < before * (1 + most) && before < after * (1 + most);
}

/* One variant between two looks at its floor; *floor: the one before, and then the one after. */
static int variant_turn(struct runner *runner, struct entry *entry, uint32_t index, double *floor)
{
	struct runner_variant *variant = &entry->variants[index];
	struct runner_turn *done = &variant->turns[variant->turn_count];
	struct pair_command command = {.what = PAIR_TRIPS, .variant = index};
	enum bench_floor which = variant->variant->floor;
	/* one round alone is a look whether all goes well */
	uint32_t tries = runner->rounds > 1 ? TRIES : 1;
	double before, after;
	int error = 0;

	for (uint32_t try = 0; try < tries && !error && !done->steady; try++) {
		memset(done, 0, sizeof(*done));
		before = *floor;
		error = floor_turn(entry, BENCH_FLOOR_LINE, runner->turn_us / LINE_SHARE,
				   &done->line);
		if (!error)
			error = turn(&entry->pair, &command, variant->variant->batch,
				     runner->turn_us, &entry->trips[index], &done->ns);
		if (!error) /* before the floor overwrites the samples; a repeated turn's go again */
			error = keep_samples(variant, done, &entry->pair, &command);
		if (!error)
			error = floor_turn(entry, which, runner->turn_us / FLOOR_SHARE, &after);
		if (error)
			break;
		done->floor = (before + after) / 2;
		done->far = done->line > RUNNER_FAR;
		done->steady = is_steady(before, after, which);
		runner->repeated += !done->steady;
		*floor = after;
	}
	variant->turn_count += !error;
	return error;
}

static int contender_turn(struct runner *runner, struct entry *entry)
{
	enum bench_floor floor = BENCH_FLOORS;
	double median = 0;
	int error = 0;

	for (uint32_t i = 0; i < entry->pair.contender->variant_count && !error; i++) {
		if (entry->variants[i].missing)
			continue;
		if (entry->variants[i].variant->floor != floor) {
			floor = entry->variants[i].variant->floor;
			error = floor_turn(entry, floor, runner->turn_us / FLOOR_SHARE, &median);
		}
		if (!error)
			error = variant_turn(runner, entry, i, &median);
	}
	return error;
}

static bool is_named(const char *only, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = only; (at = strstr(at, name)); at += length)
		if ((at == only || at[-1] == ',') && (!at[length] || at[length] == ','))
			return true;
	return false;
}

/* The results of every contender that was asked for, still empty. */
static int prepare(struct runner *runner, struct entry *entries, size_t *entry_count)
{
	size_t named = 0, count = 0;

	for (size_t i = 0; bench_contenders[i]; i++)
		count += bench_contenders[i]->variant_count;
	runner->variants = calloc(count + 1, sizeof(*runner->variants));
	if (!runner->variants)
		return -ENOMEM;
	for (size_t i = 0; bench_contenders[i]; i++) {
		const struct bench_contender *contender = bench_contenders[i];
		struct entry *entry = &entries[named];

		if (runner->only && !is_named(runner->only, contender->name))
			continue;
		named++;
		entry->pair.contender = contender;
		entry->variants = &runner->variants[runner->variant_count];
		entry->trips = calloc(contender->variant_count, sizeof(*entry->trips));
		if (!entry->trips)
			return -ENOMEM;
		for (uint32_t j = 0; j < contender->variant_count; j++) {
			struct runner_variant *variant = &runner->variants[runner->variant_count++];

			variant->contender = contender;
			variant->variant = &contender->variants[j];
			variant->missing = contender->missing ? contender->missing() : NULL;
			if (!variant->missing && runner->quick && variant->variant->slow)
				variant->missing = "left out of a quick run";
			variant->turns = calloc(runner->rounds, sizeof(*variant->turns));
			if (!variant->turns)
				return -ENOMEM;
		}
	}
	*entry_count = named;
	return named ? 0 : -ENOENT;
}

/* What failed is said once, and takes no part any more. */
static void give_up(struct runner *runner, struct entry *entry)
{
	static const char *const failed = "it failed";

	fprintf(stderr, "%s: %s\n", entry->variants->contender->name, entry->pair.run.why);
	runner->failed++;
	for (uint32_t i = 0; i < entry->variants->contender->variant_count; i++)
		entry->variants[i].missing = failed;
	pair_close(&entry->pair);
}

static void say(const struct runner *runner, const char *what, const char *name, uint32_t round)
{
	if (runner->quiet)
		return;
	fprintf(stderr, "\r\033[K%s %s", what, name);
	if (round)
		fprintf(stderr, ", round %u of %u", round, runner->rounds);
	fflush(stderr);
}

static void each_entry(struct runner *runner, struct entry *entries, size_t count, uint32_t round)
{
	for (size_t i = 0; i < count && !bench_interrupted; i++) {
		struct entry *entry = &entries[i];
		const struct bench_contender *contender = entry->variants->contender;
		int error;

		if (entry->variants->missing) /* a slow variant is never the first */
			continue;
		say(runner, round ? "measuring" : "starting", contender->name, round);
		error = round ? contender_turn(runner, entry)
			      : pair_open(&entry->pair, contender, runner->cpus, runner->quick);
		if (error && !bench_interrupted) {
			say(runner, "", "", 0);
			give_up(runner, entry);
		}
	}
}

/* Near or far: what most turns were. Only those are compared. */
static void choose(struct runner *runner)
{
	size_t turns = 0, far = 0;

	for (size_t i = 0; i < runner->variant_count; i++)
		for (uint32_t j = 0; j < runner->variants[i].turn_count; j++) {
			turns++;
			far += runner->variants[i].turns[j].far;
		}
	runner->far = far * 2 > turns;
	for (size_t i = 0; i < runner->variant_count; i++)
		for (uint32_t j = 0; j < runner->variants[i].turn_count; j++) {
			struct runner_turn *turn = &runner->variants[i].turns[j];

			turn->used = turn->steady && turn->far == runner->far;
		}
}

int runner_run(struct runner *runner)
{
	uint64_t start = bench_now();
	struct entry *entries;
	size_t count = 0;
	int error;

	while (bench_contenders[count])
		count++;
	entries = calloc(count + 1, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	error = prepare(runner, entries, &count);
	for (uint32_t round = 0; round <= runner->rounds && !error; round++)
		each_entry(runner, entries, count, round);
	say(runner, "", "", 0);
	for (size_t i = 0; i < count; i++) {
		if (entries[i].pair.floor)
			pair_close(&entries[i].pair);
		free(entries[i].trips);
	}
	free(entries);
	choose(runner);
	runner->seconds = (double)(bench_now() - start) / 1e9;
	return bench_interrupted ? -EINTR : error;
}

void runner_free(struct runner *runner)
{
	for (size_t i = 0; i < runner->variant_count; i++) {
		free(runner->variants[i].turns);
		free(runner->variants[i].samples);
	}
	free(runner->variants);
}
