/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: follows a run of session.pml with two real sessions (lib/share, lib/memory) over one channel.
 * The run comes on the standard input; the arguments are the model's flags. Ends with 0 and the line
 * `steps N` when the code did the same; with 1 when not, and a line that says where; with 2 when the run
 * makes no sense. A step is several lines, and is done when all that belongs to it has been read:
 *
 *     0 give 1                         what the side does
 *     1 refuses                        the application's choice in it
 *     1 counts, 1 opens                what it makes of the message
 *     0 sends WIRE_GIVE 1 2 1          a message: type, from, to, sequence,
 *     0 about 1 1 WIRE_OK WIRE_OK      and generation, range or flag, what it refuses and why
 *     = + :                            the state afterwards: see trace_all() in session.inc
 *
 * Where the model is simpler than the code:
 * - An epoch of the model is a nonce (NONCE). Generations wrap at 3. Sequence numbers wrap at 3
 *   with GAPS, and are all 1 without; 0 is none in both.
 * - A message that is about no share, or about a whole one, has no generation or range to compare. Why an
 *   offer is refused is not in the model.
 * - An importer that has released touches nothing, and keeps its window until the answer; a window of an
 *   earlier life of the home is not to this home's memory. So a window is compared where the model has one,
 *   and where the importer has no share.
 * - A home's generation stays behind in the model when its share is gone.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/session.h>

#include "replay_session.h"
#include "share/wire.h"

#define WORDS_MAX 8u
#define SENT_MAX  4u

struct name {
	const char *name;
	int value;
};

#define NAME(value)           \
	{                     \
#value, value \
	}

static const struct name states[] = {
	NAME(AMPH_SESSION_IDLE),    NAME(AMPH_SESSION_GREETING), NAME(AMPH_SESSION_OPEN),
	NAME(AMPH_SESSION_CLOSING), NAME(AMPH_SESSION_CLOSED),	 NAME(AMPH_SESSION_LOST),
	NAME(AMPH_SHARE_FREE),	    NAME(AMPH_SHARE_OFFERED),	 NAME(AMPH_SHARE_ACCEPTED),
	NAME(AMPH_SHARE_RELEASING), NAME(AMPH_SHARE_RELEASED),	 NAME(AMPH_SHARE_REFUSED),
	NAME(AMPH_TARGET_ALIVE),    NAME(AMPH_TARGET_LOST),	 NAME(AMPH_TARGET_OFF),
};
static const struct name types[] = {
	NAME(WIRE_OK),	    NAME(WIRE_HELLO),	  NAME(WIRE_WELCOME), NAME(WIRE_READY),
	NAME(WIRE_REJECT),  NAME(WIRE_OFFER),	  NAME(WIRE_ACCEPT),  NAME(WIRE_REFUSE),
	NAME(WIRE_GIVE),    NAME(WIRE_RETURN),	  NAME(WIRE_RELEASE), NAME(WIRE_RELEASED),
	NAME(WIRE_GOODBYE), NAME(WIRE_HEARTBEAT),
};
static const struct name reasons[] = {
	NAME(WIRE_OK),	     NAME(WIRE_STALE),	   NAME(WIRE_REPLAY), NAME(WIRE_NOT_FOUND),
	NAME(WIRE_STATE),    NAME(WIRE_NOT_OWNER), NAME(WIRE_BUSY),   NAME(WIRE_EXISTS),
	NAME(WIRE_NO_SPACE), NAME(WIRE_INVALID),
};
#define COUNT(names) (sizeof(names) / sizeof((names)[0]))

/* A line of the run, and the step that it belongs to. */
struct line {
	char text[160];
	char *words[WORDS_MAX];
	unsigned int count;
};

struct step {
	bool pending; /* it is still to be done */
	unsigned int line;
	unsigned int side;
	char text[160];
	char verb[16];
	int number;
	bool refuses, counts, opens;
	struct model_message sent[SENT_MAX];
	unsigned int begun, sends; /* of those: with a line `sends`, and complete */
};

static unsigned int line_number, steps;
static struct line line;
static struct step step;

void code_differs(const char *format, ...)
{
	va_list arguments;

	printf("line %u: step \"%s\": ", step.line, step.text);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	exit(1);
}

void run_is_senseless(const char *why)
{
	printf("line %u: %s, in step \"%s\"\n", line_number, why, step.text);
	exit(2);
}

/* --- the words of a line --- */

static const char *word(unsigned int at)
{
	if (at >= line.count)
		run_is_senseless("a line is too short");
	return line.words[at];
}

static int number(unsigned int at)
{
	char *end;
	long value = strtol(word(at), &end, 10);

	if (*end || value < 0 || value > 255)
		run_is_senseless("a word should be a number");
	return (int)value;
}

static int value_of(const struct name *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i].name, name))
			return names[i].value;
	run_is_senseless("there is no such name");
}

static int type_at(unsigned int at)
{
	return value_of(types, COUNT(types), word(at));
}

static void compare_numbers(const char *what, int model, int code)
{
	if (model != code)
		code_differs("%s: model %d, code %d", what, model, code);
}

/* The same for what has names, of that kind. */
static void compare_names(const char *what, const struct name *names, size_t count,
			  const char *kind, int model, int code)
{
	const char *said[2] = {"something else", "something else"};

	if (model == code)
		return;
	for (size_t i = 0; i < count; i++) {
		if (strncmp(names[i].name, kind, strlen(kind)) != 0)
			continue;
		if (names[i].value == model)
			said[0] = names[i].name;
		if (names[i].value == code)
			said[1] = names[i].name;
	}
	code_differs("%s: model %s, code %s", what, said[0], said[1]);
}

/* --- a step --- */

/* What there is to compare in a message, or in the refusal of one. */
static bool has_generation(int type)
{
	return type >= WIRE_OFFER && type <= WIRE_RELEASED;
}

static bool has_range(int type)
{
	return has_generation(type) && type != WIRE_OFFER && type != WIRE_ACCEPT &&
	       type != WIRE_REFUSE;
}

static void compare_message(const struct model_message *model, const struct model_message *code)
{
	int type = code->type == WIRE_REJECT ? code->what : code->type;

	compare_names("sent", types, COUNT(types), "WIRE_", model->type, code->type);
	compare_numbers("its sender's epoch", model->from, code->from);
	compare_numbers("its receiver's epoch", model->to, code->to);
	compare_numbers("its sequence", model->sequence, code->sequence);
	compare_names("what it refuses", types, COUNT(types), "WIRE_", model->what, code->what);
	compare_names("why it refuses it", reasons, COUNT(reasons), "WIRE_", model->reason,
		      code->reason);
	if (has_generation(type))
		compare_numbers("its generation", model->about, code->about);
	if (has_range(type))
		compare_numbers("its range or flag", model->range, code->range);
}

/* Does the step in the code. complete: the model has got to its end. */
static void do_step(bool complete)
{
	if (!step.pending)
		return;
	if (!strcmp(step.verb, "lies")) {
		if (!step.sends && !complete)
			return;
		if (step.sends != 1)
			run_is_senseless("not one message");
		sides_lie(&step.sent[0]);
	} else {
		if (!sides_step(step.side, step.verb, step.number, step.refuses))
			run_is_senseless("there is no such step");
		if (complete || step.counts)
			compare_numbers("does the message count", step.counts, sides_counted());
		if (complete || step.opens)
			compare_numbers("does the session open", step.opens, sides_opened());
		if (complete || step.sends > sides_sent())
			compare_numbers("messages sent", (int)step.sends, (int)sides_sent());
		for (unsigned int i = 0; i < step.sends; i++) {
			struct model_message code = sides_sent_at(i);

			compare_message(&step.sent[i], &code);
		}
	}
	steps++;
	step.pending = false;
}

static void begin_step(unsigned int side)
{
	if (step.pending)
		run_is_senseless("the step before has no end");
	step = (struct step){.pending = true, .line = line_number, .side = side};
	snprintf(step.text, sizeof(step.text), "%s", line.text);
	snprintf(step.verb, sizeof(step.verb), "%s", word(1));
	if (line.count > 2)
		step.number = !strncmp(word(2), "WIRE_", 5) ? type_at(2) : number(2);
}

/* More about the step that has begun. Returns false if it is none of these lines. */
static bool go_on(void)
{
	const char *verb = word(1);
	struct model_message *message = &step.sent[step.begun];

	if (!strcmp(verb, "refuses")) {
		step.refuses = true;
	} else if (!strcmp(verb, "counts")) {
		step.counts = true;
	} else if (!strcmp(verb, "opens")) {
		step.opens = true;
	} else if (!strcmp(verb, "sends")) {
		if (step.begun != step.sends || step.begun == SENT_MAX)
			run_is_senseless("a message too many");
		message->type = type_at(2);
		message->from = number(3);
		message->to = number(4);
		message->sequence = number(5);
		step.begun++;
	} else if (!strcmp(verb, "about")) {
		if (step.begun != step.sends + 1)
			run_is_senseless("about no message");
		message = &step.sent[step.sends++];
		message->about = number(2);
		message->range = number(3);
		message->what = type_at(4);
		message->reason = value_of(reasons, COUNT(reasons), word(5));
	} else {
		return false;
	}
	return true;
}

static int state_at(unsigned int at)
{
	return value_of(states, COUNT(states), word(at));
}

static void compare_states(const struct model_state *code)
{
	static const char *const sessions[] = {"session[0]", "session[1]"};
	static const char *const shares[] = {"share[0]", "share[1]"};

	for (unsigned int i = 0; i < SIDES; i++)
		compare_names(sessions[i], states, COUNT(states), "AMPH_SESSION_", state_at(1 + i),
			      code->session[i]);
	for (unsigned int i = 0; i < SIDES; i++)
		compare_names(shares[i], states, COUNT(states), "AMPH_SHARE_", state_at(3 + i),
			      code->share[i]);
	compare_names("target", states, COUNT(states), "AMPH_TARGET_", state_at(5), code->target);
	compare_numbers("quarantined", number(6), code->quarantined);
}

static void compare_counts(const struct model_state *code)
{
	unsigned int importer = model_flag("HOME", 0) ? 0 : 1;

	compare_numbers("attached", number(1), code->attached);
	if (number(2) || code->share[importer] == AMPH_SHARE_FREE)
		compare_numbers("mapped", number(2), code->mapped);
	compare_numbers("messages for 0", number(3), code->waiting[0]);
	compare_numbers("messages for 1", number(4), code->waiting[1]);
	for (unsigned int i = 0; i < SIDES; i++)
		if (code->share[i] != AMPH_SHARE_FREE)
			compare_numbers("generation", number(5 + i), code->generation[i]);
}

static void compare_owners(const struct model_state *code)
{
	static const char *const device[] = {"device[0]", "device[1]"};
	static const char *const cpu[] = {"cpu[0]", "cpu[1]"};

	for (unsigned int i = 0; i < RANGES_MAX; i++) {
		compare_numbers(device[i], number(1 + i), code->device[i]);
		compare_numbers(cpu[i], number(3 + i), code->cpu[i]);
	}
}

/* Cuts the line into words. */
static void cut(char *copy, size_t size)
{
	line.text[strcspn(line.text, "\n")] = 0;
	snprintf(copy, size, "%s", line.text);
	line.count = 0;
	for (char *at = strtok(copy, " \t"); at; at = strtok(NULL, " \t")) {
		if (line.count == WORDS_MAX)
			run_is_senseless("a line is too long");
		line.words[line.count++] = at;
	}
}

static void follow(void)
{
	struct model_state state;
	const char *first = word(0);

	if (!strcmp(first, "0") || !strcmp(first, "1")) {
		if (!go_on())
			begin_step((unsigned int)number(0));
		return;
	}
	if (!strcmp(first, "="))
		do_step(true);
	if (step.pending)
		run_is_senseless("the state in the middle of a step");
	state = sides_state();
	if (!strcmp(first, "="))
		compare_states(&state);
	else if (!strcmp(first, "+"))
		compare_counts(&state);
	else if (!strcmp(first, ":"))
		compare_owners(&state);
	else
		run_is_senseless("there is no such line");
}

int main(int argc, char **argv)
{
	char copy[sizeof(line.text)];
	bool last;

	model_flags(argc, argv);
	sides_prepare();
	while (fgets(line.text, sizeof(line.text), stdin)) {
		line_number++;
		cut(copy, sizeof(copy));
		follow();
	}
	last = step.pending;
	/* the model stopped in it: by a failed assertion, or the end of the run */
	do_step(false);
	if (!steps && !last)
		run_is_senseless("an empty run");
	printf("steps %u\n", steps);
	return 0;
}
