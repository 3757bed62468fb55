// SPDX-License-Identifier: BSD-3-Clause
//
// Test code: the weak memory behind order_hooks.h, by Relacy. Each declared word is a Relacy atomic and each
// guarded field a Relacy variable, made anew for each execution; order.h's acquires, releases and barriers
// are Relacy's fences. docs/memory-order.md says what that finds and what it cannot.
//
// The only C++ of the project, and the only file that knows Relacy.

#include <cstdio>
#include <cstring>

#include <relacy/relacy.hpp>
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free

#include "explorer.h"

struct weak_ordering weak_orderings[WEAK_ORDERINGS_MAX];
uint32_t weak_ordering_count;

namespace
{

constexpr size_t cells_max = 1024, buckets = 4096;

using word = rl::atomic<uint32_t>;
using field = rl::var<uint32_t>;

struct cell {
	uintptr_t address;
	const char *name;
	uint8_t size;
	bool guarded;
	bool late; // what is loaded from it is used later
	alignas(16) unsigned char storage[sizeof(word) > sizeof(field) ? sizeof(word)
								       : sizeof(field)];

	word &as_word()
	{
		return *reinterpret_cast<word *>(storage);
	}
	field &as_field()
	{
		return *reinterpret_cast<field *>(storage);
	}
};

cell cells[cells_max];
size_t cell_count;
uint16_t table[buckets]; // cells by their address: the cell's number + 1, or 0

weak_run current;
weak_result *outcome;
bool in_threads; // else in before() or after(): nobody else runs
const void *asleep[WEAK_THREADS_MAX]; // what each thread sleeps at, or NULL

struct bell {
	bool rung;
	alignas(16) unsigned char storage[sizeof(word)];

	word &as_word()
	{
		return *reinterpret_cast<word *>(storage);
	}
};

bell bells[WEAK_BELLS], pipes[WEAK_BELLS];

// A load that is not done yet, by each thread.
cell *late[WEAK_THREADS_MAX];
uint32_t late_value[WEAK_THREADS_MAX];
bool late_done[WEAK_THREADS_MAX];

void sleep(const void *at)
{
	rl::thread_info_base *self = rl::ctx().threadx_;
	rl::timestamp_t before = self->last_yield_;

	asleep[self->index_] = at;
	rl::ctx().park_current_thread(false, false, false, $);
	// Relacy would make the next loads younger than they need be
	self->last_yield_ = before;
}

void wake(const void *at)
{
	for (uint32_t thread = 0; thread < current.scenario->threads; thread++)
		if (asleep[thread] == at) {
			asleep[thread] = nullptr;
			rl::ctx().unpark_thread(static_cast<rl::thread_id_t>(thread), false, $);
		}
}

[[noreturn]] void fail(const char *what, const char *name)
{
	snprintf(outcome->what, sizeof(outcome->what), name ? "%s: %s" : "%s", what, name);
	rl::ctx().fail_test(outcome->what, rl::test_result_user_assert_failed, $);
	abort(); // fail_test() does not come back
}

size_t bucket_of(uintptr_t address)
{
	return (address * 0x9e3779b97f4a7c15u >> 40) % buckets;
}

cell *find(const void *at)
{
	const auto address = reinterpret_cast<uintptr_t>(at);

	for (size_t i = bucket_of(address); table[i]; i = (i + 1) % buckets)
		if (cells[table[i] - 1].address == address)
			return &cells[table[i] - 1];
	return nullptr;
}

// The cell that an access begins with; NULL: private memory, or nobody else runs yet.
cell *start(const void *at, const order_site *site)
{
	cell *first = find(at);

	if (!first && in_threads)
		fail("order.h touches what was not declared, in", site->function);
	return first;
}

uint32_t load(cell &from, rl::memory_order order = rl::mo_relaxed)
{
	if (!from.guarded)
		return from.as_word().load(order, $);
	snprintf(outcome->what, sizeof(outcome->what), "data race, read of %s", from.name);
	return from.as_field()($).load();
}

void store(cell &to, uint32_t value, rl::memory_order order = rl::mo_relaxed)
{
	if (!to.guarded) {
		to.as_word().store(value, order, $);
		return;
	}
	snprintf(outcome->what, sizeof(outcome->what), "data race, write of %s", to.name);
	to.as_field()($).store(value);
}

// Loads or stores all that an access covers: cells one after the other.
void load_all(void *to, const void *from, size_t length, rl::memory_order order,
	      const order_site *site)
{
	auto *bytes = static_cast<unsigned char *>(to);

	for (size_t done = 0; done < length;) {
		cell *one = find(static_cast<const unsigned char *>(from) + done);

		if (!one)
			fail("order.h reads beyond what was declared, in", site->function);
		uint32_t value = load(*one, order);
		size_t size = one->size < length - done ? one->size : length - done;
		if (size < one->size && !one->guarded)
			fail("a word is read in part", one->name);
		memcpy(bytes + done, &value, size);
		done += size;
	}
}

void store_all(void *to, const void *from, size_t length, rl::memory_order order,
	       const order_site *site)
{
	const auto *bytes = static_cast<const unsigned char *>(from);

	for (size_t done = 0; done < length;) {
		cell *one = find(static_cast<unsigned char *>(to) + done);

		if (!one)
			fail("order.h writes beyond what was declared, in", site->function);
		uint32_t value = 0;
		size_t size = one->size < length - done ? one->size : length - done;
		if (size < one->size) {
			if (!one->guarded)
				fail("a word is written in part", one->name);
			value = load(*one);
		}
		memcpy(&value, bytes + done, size);
		store(*one, value, order);
		done += size;
	}
}

const char *kind_of(const order_site *site)
{
	static const char *const names[] = {"load",	     "load acquire",	"store",
					    "store release", "barrier acquire", "barrier release",
					    "barrier full",  "copy from",	"copy to"};

	return names[site->kind];
}

bool is_ordering(const order_site *site)
{
	return site->kind == ORDER_LOAD_ACQUIRE || site->kind == ORDER_STORE_RELEASE ||
	       site->kind == ORDER_BARRIER_ACQUIRE || site->kind == ORDER_BARRIER_RELEASE ||
	       site->kind == ORDER_BARRIER_FULL;
}

// Whether the ordering is there; counts it.
enum weak_removal meet(order_site *site, const char *name)
{
	weak_ordering *ordering = reinterpret_cast<weak_ordering *>(site->mark);

	if (!is_ordering(site) || !in_threads)
		return WEAK_NOTHING;
	while (ordering && ordering->word != name && strcmp(ordering->word, name))
		ordering = ordering->next;
	if (!ordering) {
		if (weak_ordering_count == WEAK_ORDERINGS_MAX)
			fail("more orderings than there is room for", name);
		ordering = &weak_orderings[weak_ordering_count++];
		*ordering = {site, name, reinterpret_cast<weak_ordering *>(site->mark), 0};
		site->mark = reinterpret_cast<uintptr_t>(ordering);
	}
	ordering->met++;
	return ordering == current.removed ? current.removal : WEAK_NOTHING;
}

void print(const order_site *site, const char *name, uint64_t value)
{
	if (current.trace && in_threads)
		printf("%u: %s:%u %s: %s %s %llu\n", weak_self(), site->file, site->line,
		       site->function, kind_of(site), name ? name : "",
		       static_cast<unsigned long long>(value));
}

// Whatever it is that a barrier orders, loads before it are done.
void do_late_load()
{
	uint32_t self = weak_self();

	if (late[self] && !late_done[self]) {
		late_done[self] = true;
		late_value[self] = load(*late[self]);
	}
}

void fence(rl::memory_order order)
{
	do_late_load();
	rl::atomic_thread_fence(order, $);
}

void declare(const void *first, size_t count, size_t size, const char *name, bool guarded)
{
	const auto *bytes = static_cast<const unsigned char *>(first);

	for (size_t i = 0; i < count; i++, bytes += size) {
		uint32_t value = 0;

		if (cell_count == cells_max)
			fail("more words than there is room for", name);
		if (find(bytes))
			fail("declared twice", name);
		cell &one = cells[cell_count++];
		memcpy(&value, bytes, size);
		one.address = reinterpret_cast<uintptr_t>(bytes);
		one.name = name;
		one.size = static_cast<uint8_t>(size);
		one.guarded = guarded;
		one.late = false;
		if (guarded)
			::new (one.storage) field(value);
		else
			::new (one.storage) word(value);
		size_t at = bucket_of(one.address);
		while (table[at])
			at = (at + 1) % buckets;
		table[at] = static_cast<uint16_t>(cell_count);
	}
}

// Nothing is destroyed here: of an execution that failed nothing is left to the next.
void forget()
{
	memset(table, 0, sizeof(table));
	cell_count = 0;
}

template <int count> struct suite : rl::test_suite<suite<count>, count> {
	void before()
	{
		forget();
		for (uint32_t i = 0; i < WEAK_BELLS; i++) {
			bells[i].rung = false;
			::new (bells[i].storage) word(0);
			::new (pipes[i].storage) word(0);
		}
		for (uint32_t i = 0; i < WEAK_THREADS_MAX; i++) {
			asleep[i] = nullptr;
			late[i] = nullptr;
		}
		in_threads = false;
		outcome->executions++;
		current.scenario->before();
		in_threads = true;
	}

	void thread(unsigned self)
	{
		current.scenario->thread(self);
	}

	void after()
	{
		in_threads = false;
		if (current.scenario->after)
			current.scenario->after();
		for (uint32_t i = 0; i < WEAK_BELLS; i++) {
			bells[i].as_word().~word();
			pipes[i].as_word().~word();
		}
		for (size_t i = 0; i < cell_count; i++) {
			if (cells[i].guarded)
				cells[i].as_field().~field();
			else
				cells[i].as_word().~word();
		}
	}
};

template <int count> void run_threads(rl::test_params &params)
{
	rl::ostringstream state;
	rl::test_result_e code =
		rl::run_test<suite<count>, rl::random_scheduler<count>>(params, state, false);

	outcome->failed = code != rl::test_result_success;
	outcome->execution = params.stop_iteration;
	if (outcome->failed && code != rl::test_result_user_assert_failed &&
	    code != rl::test_result_data_race)
		snprintf(outcome->what, sizeof(outcome->what), "%s", rl::test_result_str(code));
}

} // namespace

void weak_explore(const struct weak_run *run, struct weak_result *result)
{
	static std::ostream nowhere(nullptr);
	rl::test_params params;

	current = *run;
	outcome = result;
	*result = {};
	params.iteration_count = run->first + run->executions - 1;
	params.output_stream = params.progress_stream = &nowhere;
	params.execution_depth_limit = 4000;
	params.initial_state = rl::string();
	if (run->first > 1) {
		rl::ostringstream first;

		first << run->first << " ";
		params.initial_state = first.str();
	}
	if (run->scenario->threads == 2)
		run_threads<2>(params);
	else
		run_threads<3>(params);
	forget();
	in_threads = false;
}

void weak_words(const void *first, size_t count, size_t size, const char *name)
{
	declare(first, count, size, name, false);
}

void weak_guarded(const void *first, size_t count, size_t size, const char *name)
{
	declare(first, count, size, name, true);
}

uint32_t weak_read(const uint32_t *at)
{
	cell *one = find(at);

	if (!one || !one->guarded)
		fail("a scenario reads what it did not declare", nullptr);
	return load(*one);
}

void weak_write(uint32_t *at, uint32_t value)
{
	cell *one = find(at);

	if (!one || !one->guarded)
		fail("a scenario writes what it did not declare", nullptr);
	store(*one, value);
}

void weak_check(bool holds, const char *what)
{
	if (!holds)
		fail(what, nullptr);
}

// Nobody else runs between a look and the sleep after it, nor in a wake.
void weak_ring(uint32_t number)
{
	bells[number].as_word().store(1, rl::mo_relaxed, $);
	bells[number].rung = true;
	wake(&bells[number]);
}

void weak_sleep(uint32_t number)
{
	if (!bells[number].rung)
		sleep(&bells[number]);
	bells[number].rung = false;
	// the newest value, which who rang has stored: an interrupt is taken after it came
	bells[number].as_word().fetch_add(0, rl::mo_acquire, $);
}

void weak_futex_wait(const uint32_t *at, uint32_t value)
{
	cell *one = find(at);

	if (!one || one->guarded)
		fail("a futex is no declared word", nullptr);
	if (one->as_word().fetch_add(0, rl::mo_relaxed, $) == value)
		sleep(one);
}

void weak_futex_wake(const uint32_t *at)
{
	const cell *one = find(at);

	if (!one)
		fail("a futex is no declared word", nullptr);
	rl::ctx().sched();
	wake(one);
}

void weak_used_later(const uint32_t *at)
{
	cell *one = find(at);

	if (!one || one->guarded)
		fail("no declared word is used later", nullptr);
	one->late = true;
}

uint32_t weak_used(const uint32_t *at, uint32_t value)
{
	uint32_t self = weak_self();

	if (!late[self] || late[self] != find(at))
		return value;
	do_late_load();
	late[self] = nullptr;
	return late_value[self];
}

// The two are in order by themselves, and order nothing that is stored afterwards.
void weak_post(uint32_t number, uint32_t bell)
{
	pipes[number].as_word().fetch_add(1, rl::mo_release, $);
	bells[bell].as_word().store(1, rl::mo_release, $);
	bells[bell].rung = true;
	wake(&bells[bell]);
}

uint32_t weak_posted(uint32_t number)
{
	return pipes[number].as_word().load(rl::mo_acquire, $);
}

void weak_yield(void)
{
	rl::ctx().yield(1, $);
}

uint32_t weak_random(uint32_t limit)
{
	return rl::rand(limit);
}

uint32_t weak_self(void)
{
	return rl::thread_index();
}

uint64_t order_load(const void *at, size_t size, struct order_site *site)
{
	cell *one = start(at, site);
	uint64_t value = 0;

	if (!one) {
		memcpy(&value, at, size);
		return value;
	}
	bool ordered = site->kind == ORDER_LOAD_ACQUIRE && meet(site, one->name) == WEAK_NOTHING;
	load_all(&value, at, size, ordered && current.operations ? rl::mo_acquire : rl::mo_relaxed,
		 site);
	if (one->late && !ordered) {
		late[weak_self()] = one;
		late_done[weak_self()] = false;
	}
	if (ordered && !current.operations)
		fence(rl::mo_acquire);
	print(site, one->name, value);
	return value;
}

void order_store(void *at, size_t size, uint64_t value, struct order_site *site)
{
	cell *one = start(at, site);

	if (!one) {
		memcpy(at, &value, size);
		return;
	}
	bool ordered = site->kind == ORDER_STORE_RELEASE && meet(site, one->name) == WEAK_NOTHING;
	if (ordered && !current.operations)
		fence(rl::mo_release);
	store_all(at, &value, size, ordered && current.operations ? rl::mo_release : rl::mo_relaxed,
		  site);
	print(site, one->name, value);
}

void order_barrier(struct order_site *site)
{
	if (!in_threads)
		return;
	weak_removal removal = meet(site, nullptr);
	print(site, nullptr, 0);
	if (removal == WEAK_ORDERING)
		return;
	if (site->kind == ORDER_BARRIER_ACQUIRE)
		fence(rl::mo_acquire);
	else if (site->kind == ORDER_BARRIER_RELEASE)
		fence(rl::mo_release);
	else
		fence(removal == WEAK_STORE_LOAD ? rl::mo_acq_rel : rl::mo_seq_cst);
}

// One of the two is shared, or nobody else runs yet.
void order_copy(void *to, const void *from, size_t length, struct order_site *site)
{
	cell *source = find(from), *destination = find(to);

	if (source)
		load_all(to, from, length, rl::mo_relaxed, site);
	else if (destination)
		store_all(to, from, length, rl::mo_relaxed, site);
	else
		memcpy(to, from, length);
	print(site, source ? source->name : destination ? destination->name : NULL, length);
}
