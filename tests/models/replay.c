/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: see replay.h. The run comes on the standard input; the arguments are the model's flags.
 * Ends with 0 and the line `steps N` when the code did the same; with 1 when not, and a line that says where;
 * with 2 when the run makes no sense.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "replay.h"
#include "support/order_plain.h"

#define OUTSIDE	  REPLAY_SIDES /* the thread that reads the run */
#define LATE_MAX  16u
#define WORDS_MAX 32
#define AGAIN_MAX 100000u /* reads of a word in a row: more is a loop without end */

enum doing { NOTHING, LOADS, STORES, BARRIER, SLEEPS };

static const char *const doings[] = {"has ended its call", "loads word", "stores to word",
				     "does a full barrier", "sleeps"};

struct store {
	int word;
	void *address;
	size_t size;
	uint64_t value;
};

struct side {
	pthread_t thread;
	sem_t go;
	void (*call)(unsigned int side);
	/* where it has stopped */
	enum doing doing;
	int word;
	const void *address;
	size_t size;
	uint64_t value; /* to store; or what was loaded */
	/* what it has loaded since it did anything else */
	struct {
		bool known;
		uint64_t value;
	} seen[WORDS_MAX];
	unsigned int again; /* loads in a row of such words */
	/* stores that nobody sees yet */
	struct store late[LATE_MAX];
	unsigned int late_count;
};

static struct side sides[REPLAY_SIDES];
static sem_t stopped; /* a side has */
static _Thread_local unsigned int self = OUTSIDE;
static unsigned int line_number;
static char text[256];
static bool stores_wait; /* in a store buffer */

/* The other threads wait for ever: no destructors. */
static _Noreturn void end(int status)
{
	fflush(stdout);
	_exit(status);
}

void replay_differs(const char *format, ...)
{
	va_list arguments;

	printf("line %u: \"%s\": ", line_number, text);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	end(1);
}

static _Noreturn void senseless(const char *why)
{
	printf("line %u: \"%s\": %s\n", line_number, text, why);
	end(2);
}

unsigned int replay_self(void)
{
	return self;
}

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore))
		;
}

/* In a side: stops here. */
static void stop(enum doing doing)
{
	sides[self].doing = doing;
	sem_post(&stopped);
	wait_for(&sides[self].go);
}

/* Lets a side go on to where it stops next. */
static void go(struct side *side)
{
	sem_post(&side->go);
	wait_for(&stopped);
}

static void *run(void *argument)
{
	struct side *side = argument;

	self = (unsigned int)(side - sides);
	wait_for(&side->go);
	for (;;) {
		side->call(self);
		stop(NOTHING);
	}
	return NULL;
}

/* --- the library's accesses, in a side --- */

/* What this side sees of a word that it writes, or that no model has. */
static uint64_t load_plainly(const void *address, size_t size)
{
	if (self != OUTSIDE)
		for (unsigned int i = sides[self].late_count; i-- > 0;)
			if (sides[self].late[i].address == address)
				return sides[self].late[i].value;
	return order_plain_load(address, size);
}

static bool stop_to_load(const void *address, size_t size, uint64_t *value)
{
	struct side *side = &sides[self % REPLAY_SIDES];
	int word = self == OUTSIDE ? -1 : replay_word(self, address, false);

	if (word < 0 || word >= WORDS_MAX)
		return false;
	side->word = word;
	side->address = address;
	side->size = size;
	stop(LOADS);
	*value = side->value;
	return true;
}

uint64_t order_load(const void *word, size_t size, struct order_site *site)
{
	uint64_t value;

	(void)site;
	return stop_to_load(word, size, &value) ? value : load_plainly(word, size);
}

void order_store(void *word, size_t size, uint64_t value, struct order_site *site)
{
	struct side *side = &sides[self % REPLAY_SIDES];
	int number = self == OUTSIDE ? -1 : replay_word(self, word, true);

	(void)site;
	if (number < 0) {
		order_plain_store(word, size, value);
		return;
	}
	side->word = number;
	side->address = word;
	side->size = size;
	side->value = value;
	stop(STORES);
}

void order_barrier(struct order_site *site)
{
	if (self != OUTSIDE && site->kind == ORDER_BARRIER_FULL)
		stop(BARRIER);
}

void order_copy(void *to, const void *from, size_t length, struct order_site *site)
{
	uint64_t value;

	if (site->kind == ORDER_COPY_FROM_SHARED && length == sizeof(value) &&
	    stop_to_load(from, length, &value))
		memcpy(to, &value, length);
	else
		order_plain_copy(to, from, length);
}

/* --- the run --- */

static void forget(struct side *side)
{
	memset(side->seen, 0, sizeof(side->seen));
	side->again = 0;
}

/* Reads words once more, as they were. */
static void read_again(struct side *side, int but)
{
	while (side->doing == LOADS && side->word != but && side->seen[side->word].known) {
		if (side->again++ == AGAIN_MAX)
			replay_differs("the code reads word %d for ever", side->word);
		side->value = side->seen[side->word].value;
		go(side);
	}
}

static void need(struct side *side, enum doing doing, int word)
{
	bool about = doing == LOADS || doing == STORES;

	/* the model does something else next */
	read_again(side, doing == LOADS ? word : -1);
	if (side->doing == doing && (!about || side->word == word))
		return;
	if (side->doing == LOADS || side->doing == STORES)
		replay_differs("the code %s %d", doings[side->doing], side->word);
	replay_differs("the code %s", doings[side->doing]);
}

void replay_need_end(unsigned int side)
{
	need(&sides[side], NOTHING, -1);
}

void replay_call(unsigned int side, void (*call)(unsigned int side))
{
	replay_need_end(side);
	forget(&sides[side]);
	sides[side].call = call;
	go(&sides[side]);
}

void replay_sleep(void)
{
	stop(SLEEPS);
}

void replay_need_sleep(unsigned int side)
{
	need(&sides[side], SLEEPS, -1);
}

void replay_wake(unsigned int side)
{
	replay_need_sleep(side);
	forget(&sides[side]);
	go(&sides[side]);
}

static void load(struct side *side, const struct replay_line *line)
{
	int word = line->numbers[0];

	if (word < 0 || word >= WORDS_MAX) {
		senseless("no such word");
		return; /* for cppcheck, which takes no heed of _Noreturn here */
	}
	need(side, LOADS, word);
	side->value = order_plain_load(side->address, side->size);
	side->seen[word].known = true;
	side->seen[word].value = side->value;
	/* a word whose value makes no difference to the model has none there */
	if (line->count > 1)
		replay_compare("value", line->numbers[1], replay_value(word, side->value));
	go(side);
}

static void store(struct side *side, const struct replay_line *line)
{
	struct store *late = &side->late[side->late_count];

	need(side, STORES, line->numbers[0]);
	forget(side);
	if (line->count > 1)
		replay_compare("value", line->numbers[1], replay_value(side->word, side->value));
	if (!stores_wait) {
		order_plain_store((void *)(uintptr_t)side->address, side->size, side->value);
	} else {
		if (side->late_count++ == LATE_MAX)
			senseless("too many stores that nobody sees yet");
		*late = (struct store){side->word, (void *)(uintptr_t)side->address, side->size,
				       side->value};
	}
	go(side);
}

static void flush(struct side *side, const struct replay_line *line)
{
	struct store *first = &side->late[0];

	if (!side->late_count || first->word != line->numbers[0])
		senseless("this store is not the first that nobody sees yet");
	order_plain_store(first->address, first->size, first->value);
	memmove(first, first + 1, --side->late_count * sizeof(*first));
}

static void barrier(struct side *side)
{
	need(side, BARRIER, -1);
	forget(side);
	if (side->late_count)
		senseless("stores that nobody sees yet");
	go(side);
}

static void stuck(struct side *side)
{
	read_again(side, -1);
	if (side->doing != SLEEPS)
		need(side, NOTHING, -1);
}

static void follow(const struct replay_line *line)
{
	struct side *side = &sides[line->side];

	if (!strcmp(line->verb, "load") && line->count)
		load(side, line);
	else if (!strcmp(line->verb, "store") && line->count)
		store(side, line);
	else if (!strcmp(line->verb, "flush") && line->count)
		flush(side, line);
	else if (!strcmp(line->verb, "barrier"))
		barrier(side);
	else if (!strcmp(line->verb, "stuck"))
		stuck(side);
	else if (!replay_step(line))
		senseless("no such line");
}

static struct replay_line parse(void)
{
	struct replay_line line = {.count = 0};
	int *n = line.numbers;
	int found;

	text[strcspn(text, "\n")] = 0;
	found = sscanf(text, "%u %15s %d %d %d %d %d", &line.side, line.verb, &n[0], &n[1], &n[2],
		       &n[3], &n[4]);
	if (found < 2 || line.side >= REPLAY_SIDES)
		senseless("not a line of a run");
	line.count = (unsigned int)found - 2;
	return line;
}

int main(int argc, char **argv)
{
	model_flags(argc, argv);
	stores_wait = model_flag("STORES", 0);
	sem_init(&stopped, 0, 0);
	replay_prepare();
	for (unsigned int i = 0; i < REPLAY_SIDES; i++) {
		sem_init(&sides[i].go, 0, 0);
		if (pthread_create(&sides[i].thread, NULL, run, &sides[i]))
			senseless("no thread");
	}
	while (fgets(text, sizeof(text), stdin)) {
		struct replay_line line;

		line_number++;
		line = parse();
		follow(&line);
	}
	if (!line_number)
		senseless("an empty run");
	printf("steps %u\n", line_number);
	end(0);
}
