/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A naive model of ownership, an answer for each granule, and a processor whose cache is not
 * coherent: lines are filled and evicted whenever it likes. Every call of the library is compared
 * with the model, and every byte that anyone reads with the byte last written.
 * Test code, shared by test_ownership_model.c and the fuzzer. Wrong: calls model_wrong(), which ends.
 */
#ifndef OWNERSHIP_MODEL_H
#define OWNERSHIP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/target.h>

#include "memory/internal.h"

#define CELLS	    24u
#define LINE	    64u
#define TARGETS	    3u
#define BUFFER_SIZE (CELLS * LINE)

_Noreturn void model_wrong(const char *what, int line);
#define MODEL_CHECK(condition)                             \
	do {                                               \
		if (!(condition))                          \
			model_wrong(#condition, __LINE__); \
	} while (0)

/* Where the choices come from. Returns a number below limit. */
struct model_source {
	uint32_t (*draw)(struct model_source *source, uint32_t limit);
	const uint8_t *data;
	size_t size;
	uint64_t seed;
};

struct cell {
	uint32_t holders;
	bool reading, written;
};

struct model {
	struct model_source *source;
	struct amph_memory memory;
	struct amph_shm shm;
	struct amph_range *ranges;
	uint32_t range_max;
	struct amph_target targets[TARGETS]; /* 0: the home, when imported */
	struct amph_attachment attachments[TARGETS];
	struct amph_segment segments[TARGETS];
	bool attached[TARGETS];
	bool imported, incoherent;
	uint32_t unit; /* bytes of a cell */
	struct cell cells[CELLS];
	/* the system: memory, the CPU's cache, and what each byte should be */
	uint8_t *bytes; /* the address the library knows; never dereferenced */
	uint8_t dram[BUFFER_SIZE], latest[BUFFER_SIZE], line[BUFFER_SIZE];
	bool valid[CELLS], dirty[CELLS];
};

static struct model *model_now; /* for the cache hooks, which know only an address */

static inline uint32_t draw(struct model *m, uint32_t limit)
{
	return m->source->draw(m->source, limit);
}

/* --- the processor --- */

static inline void fill(struct model *m, uint32_t cell)
{
	if (m->valid[cell])
		return;
	memcpy(m->line + cell * LINE, m->dram + cell * LINE, LINE);
	m->valid[cell] = true;
	m->dirty[cell] = false;
}

static inline void write_back(struct model *m, uint32_t cell)
{
	if (m->valid[cell] && m->dirty[cell])
		memcpy(m->dram + cell * LINE, m->line + cell * LINE, LINE);
	m->dirty[cell] = false;
}

static inline int maintain(const void *va, size_t length, bool clean, bool invalidate)
{
	struct model *m = model_now;
	size_t offset = (size_t)((const uint8_t *)va - m->bytes);

	MODEL_CHECK(m->incoherent);
	MODEL_CHECK(offset % LINE == 0 && length % LINE == 0 && length);
	MODEL_CHECK(offset + length <= BUFFER_SIZE);
	for (size_t i = offset / LINE; i < (offset + length) / LINE; i++) {
		if (clean)
			write_back(m, (uint32_t)i);
		if (invalidate) {
			MODEL_CHECK(!m->dirty[i]); /* it would lose what the CPU wrote */
			m->valid[i] = false;
		}
	}
	return 0;
}

static int model_clean(const void *va, size_t length)
{
	return maintain(va, length, true, false);
}

static int model_invalidate(void *va, size_t length)
{
	return maintain(va, length, false, true);
}

static int model_flush(void *va, size_t length)
{
	return maintain(va, length, true, true);
}

static const struct amph_cache_ops model_cache = {
	.clean = model_clean, .invalidate = model_invalidate, .flush = model_flush};

/* --- targets --- */

static int model_attach(struct amph_target *target, struct amph_attachment *attachment)
{
	(void)target;
	attachment->segments[0] = (struct amph_segment){.length = attachment->shm->size};
	attachment->segment_count = 1;
	return 0;
}

static void model_detach(struct amph_target *target, struct amph_attachment *attachment)
{
	(void)target;
	(void)attachment;
}

static const struct amph_target_ops model_target_ops = {.attach = model_attach,
							.detach = model_detach};

static inline bool is_home(const struct model *m, uint32_t t)
{
	return m->imported && t == 0;
}

static inline bool target_may_write(const struct model *m, uint32_t t)
{
	return is_home(m, t) || m->attachments[t].direction & AMPH_DEVICE_WRITES;
}

static inline bool target_may_read(const struct model *m, uint32_t t)
{
	return is_home(m, t) || m->attachments[t].direction & AMPH_DEVICE_READS;
}

/* --- the model --- */

static inline uint32_t runs(const struct cell *cells)
{
	uint32_t count = 1;

	for (uint32_t i = 1; i < CELLS; i++)
		count += cells[i].holders != cells[i - 1].holders ||
			 cells[i].reading != cells[i - 1].reading ||
			 cells[i].written != cells[i - 1].written;
	return count;
}

static inline void compare(struct model *m)
{
	uint32_t range = 0;

	MODEL_CHECK(amph_shm_check(&m->shm) == 0);
	MODEL_CHECK(m->shm.range_count == runs(m->cells));
	for (uint32_t i = 0; i < CELLS; i++) {
		uint64_t offset = (uint64_t)i * m->unit;
		const struct amph_range *r = &m->shm.storage.ranges[range];

		if (offset >= r->offset + r->length)
			r = &m->shm.storage.ranges[++range];
		MODEL_CHECK(range < m->shm.range_count);
		MODEL_CHECK(r->holders == m->cells[i].holders &&
			    r->reading == m->cells[i].reading && r->written == m->cells[i].written);
	}
}

enum model_call { GIVE, SHARE, TAKE, TAKE_READING, PASS };

/* What one cell becomes. Returns whether it may. */
static inline bool step(const struct model *m, enum model_call call, uint32_t t, uint32_t u,
			struct cell *cell)
{
	uint32_t bit = m->attachments[t].bit, cpu = AMPH_HOLDER_CPU;

	switch (call) {
	case GIVE:
		if (cell->holders != cpu && !(is_home(m, t) && cell->holders == (cpu | bit)))
			return false;
		*cell = (struct cell){.holders = bit, .written = target_may_write(m, t)};
		return true;
	case SHARE:
		if (!(cell->holders & cpu) || cell->holders & bit)
			return false;
		*cell = (struct cell){.holders = cell->holders | bit, .reading = true};
		return true;
	case TAKE:
		if (!(cell->holders & bit) || (is_home(m, t) && cell->holders != bit))
			return false;
		cell->holders = (cell->holders & ~bit) | cpu;
		cell->reading = cell->holders != cpu;
		cell->written = false;
		return true;
	case TAKE_READING:
		if (cell->holders != bit)
			return false;
		*cell = (struct cell){.holders = bit | cpu, .reading = true};
		return true;
	case PASS:
		if (cell->holders != bit)
			return false;
		cell->holders = m->attachments[u].bit;
		cell->written = cell->written || target_may_write(m, u);
		return true;
	}
	return false;
}

static inline int expect(const struct model *m, enum model_call call, uint32_t t, uint32_t u,
			 uint64_t offset, uint64_t length, struct cell *after)
{
	memcpy(after, m->cells, sizeof(m->cells));
	if (!m->attached[t])
		return -ESTALE;
	if (!length || offset % m->unit || length % m->unit ||
	    offset + length > (uint64_t)CELLS * m->unit)
		return -EINVAL;
	if (call == SHARE && (is_home(m, t) || !target_may_read(m, t)))
		return -EINVAL;
	if (call == TAKE_READING && !is_home(m, t))
		return -EINVAL;
	if (call == PASS && (t == u || !m->attached[u]))
		return -EINVAL;
	for (uint64_t i = offset / m->unit; i < (offset + length) / m->unit; i++)
		if (!step(m, call, t, u, &after[i]))
			return -EACCES;
	return runs(after) > m->range_max ? -ENOSPC : 0;
}

static inline void hand_off(struct model *m)
{
	enum model_call call = (enum model_call)draw(m, 5);
	uint32_t t = draw(m, TARGETS), u = draw(m, TARGETS);
	uint64_t offset = (uint64_t)draw(m, CELLS) * m->unit;
	uint64_t length = (1 + (uint64_t)draw(m, CELLS / 2)) * m->unit;
	struct amph_attachment *a = &m->attachments[t], *b = &m->attachments[u];
	struct cell after[CELLS];
	int expected, error = 0, may = 0;

	if (draw(m, 32) == 0)
		length = draw(m, 2) ? 0 : length + 1;
	if (draw(m, 32) == 0)
		offset++;
	expected = expect(m, call, t, u, offset, length, after);
	switch (call) {
	case GIVE:
	case SHARE:
		may = amph_shm_may_give(a, offset, length, call == SHARE);
		compare(m);
		error = amph_shm_sync_for_device(a, offset, length, call == SHARE);
		break;
	case TAKE:
		may = amph_shm_may_take(a, offset, length);
		compare(m);
		error = amph_shm_sync_for_cpu(a, offset, length);
		break;
	case TAKE_READING:
		error = may = amph_shm_sync_for_cpu_reading(a, offset, length);
		break;
	case PASS:
		may = amph_shm_may_pass(a, b, offset, length);
		compare(m);
		error = amph_shm_pass(a, b, offset, length);
		break;
	}
	MODEL_CHECK(error == expected);
	MODEL_CHECK(may == expected);
	if (!error)
		memcpy(m->cells, after, sizeof(after));
}

/* Attaches, detaches, or turns a target off and on again. */
static inline void change_target(struct model *m)
{
	uint32_t t = draw(m, TARGETS);
	uint32_t direction = 1 + draw(m, 3);
	bool holds = false, off = draw(m, 4) == 0;

	if (is_home(m, t))
		return;
	if (!m->attached[t]) {
		int error = amph_shm_attach(&m->shm, &m->targets[t], direction, AMPH_SYNC_MESSAGES,
					    &m->attachments[t], &m->segments[t], 1);
		bool refused = m->shm.cpu_reads_only && direction & AMPH_DEVICE_WRITES;

		MODEL_CHECK(error == (refused ? -EROFS : 0));
		m->attached[t] = !refused;
		return;
	}
	for (uint32_t i = 0; i < CELLS; i++)
		holds = holds || m->cells[i].holders & m->attachments[t].bit;
	if (!off) {
		MODEL_CHECK(amph_shm_detach(&m->attachments[t]) == (holds ? -EBUSY : 0));
		m->attached[t] = holds;
		return;
	}
	for (uint32_t i = 0; i < CELLS; i++) {
		uint32_t bit = m->attachments[t].bit;

		if (!(m->cells[i].holders & bit))
			continue;
		m->cells[i].holders &= ~bit;
		if (!m->cells[i].holders)
			m->cells[i].holders = AMPH_HOLDER_CPU;
		m->cells[i].reading = m->cells[i].holders & (m->cells[i].holders - 1);
		m->cells[i].written = false;
	}
	if (draw(m, 2))
		amph_target_lost(&m->targets[t]);
	amph_target_off(&m->targets[t]);
	MODEL_CHECK(amph_target_up(&m->targets[t]) == 0);
	MODEL_CHECK(m->targets[t].quarantine_size == 0);
	MODEL_CHECK(m->memory.quarantine_size == 0);
	m->attached[t] = false;
}

/* Everybody who may reads and writes; the cache does what caches do. */
static inline void touch(struct model *m)
{
	uint32_t cell = draw(m, CELLS), byte = cell * LINE + draw(m, LINE), who = draw(m, 6);
	uint64_t offset = (uint64_t)cell * m->unit;
	const struct cell *c = &m->cells[cell];
	bool may_read = c->holders & AMPH_HOLDER_CPU;
	bool may_write = c->holders == AMPH_HOLDER_CPU && !m->shm.cpu_reads_only;

	MODEL_CHECK(amph_shm_check_access(&m->shm, offset, m->unit, false) ==
		    (may_read ? 0 : -EACCES));
	MODEL_CHECK(amph_shm_check_access(&m->shm, offset, m->unit, true) ==
		    (may_write ? 0 : -EACCES));
	if (!m->incoherent)
		return;
	if (who == 0 && may_read) {
		fill(m, cell);
		MODEL_CHECK(m->line[byte] == m->latest[byte]);
	} else if (who == 1 && may_write) {
		fill(m, cell);
		m->line[byte] = m->latest[byte] = (uint8_t)draw(m, 256);
		m->dirty[cell] = true;
	} else if (who == 2) {
		fill(m, cell); /* speculation */
	} else if (who == 3) {
		write_back(m, cell);
		m->valid[cell] = false;
	}
	for (uint32_t t = 0; who > 3 && t < TARGETS; t++) {
		if (!m->attached[t] || !(c->holders & m->attachments[t].bit))
			continue;
		if (target_may_read(m, t))
			MODEL_CHECK(m->dram[byte] == m->latest[byte]);
		if (target_may_write(m, t) && !c->reading)
			m->dram[byte] = m->latest[byte] = (uint8_t)draw(m, 256);
	}
}

static inline void model_open(struct model *m, struct model_source *source)
{
	struct amph_shm_storage storage;
	uint32_t direction;

	memset(m, 0, sizeof(*m));
	m->source = source;
	model_now = m;
	m->incoherent = draw(m, 2);
	m->imported = draw(m, 3) == 0;
	m->range_max = 1 + draw(m, CELLS);
	direction = 1 + draw(m, 3);
	m->unit = m->incoherent ? LINE : 1;
	/* exactly as many as lent, so that a sanitizer sees the first one too far */
	m->ranges = malloc(m->range_max * sizeof(*m->ranges));
	m->bytes = aligned_alloc(LINE, BUFFER_SIZE);
	MODEL_CHECK(m->ranges && m->bytes);
	storage = (struct amph_shm_storage){.ranges = m->ranges, .range_max = m->range_max};
	for (uint32_t t = 0; t < TARGETS; t++)
		m->targets[t] = (struct amph_target){.ops = &model_target_ops,
						     .cache = &model_cache,
						     .cache_line = 16,
						     .coherent = !m->incoherent};
	MODEL_CHECK(amph_memory_init(&m->memory) == 0);
	if (m->imported) {
		MODEL_CHECK(amph_shm_import(&m->memory, &m->shm, &storage, "a:b", CELLS * m->unit,
					    0, m->bytes, 0, &m->targets[0], direction,
					    &m->attachments[0]) == 0);
		m->attached[0] = true;
	} else {
		const char *name;

		MODEL_CHECK(amph_shm_prepare(&m->memory, &m->shm, &storage, "a:b", CELLS * m->unit,
					     0, &name) == 0);
		m->shm.memory = &m->memory;
		m->shm.va = m->bytes;
		amph_shm_publish(&m->shm, AMPH_HOLDER_CPU);
	}
	for (uint32_t i = 0; i < CELLS; i++)
		m->cells[i] = (struct cell){.holders = m->imported ? m->attachments[0].bit
								   : AMPH_HOLDER_CPU,
					    .written = m->imported};
	compare(m);
}

static inline void model_step(struct model *m)
{
	uint32_t what = draw(m, 32);

	if (what == 0)
		change_target(m);
	else if (what < 16)
		hand_off(m);
	else
		touch(m);
	compare(m);
}

static inline void model_close(struct model *m)
{
	for (uint32_t t = 0; t < TARGETS; t++)
		if (m->attached[t] && !is_home(m, t))
			amph_target_off(&m->targets[t]);
	MODEL_CHECK(amph_shm_put(&m->shm) == 0);
	MODEL_CHECK(m->memory.buffers == NULL);
	MODEL_CHECK(m->targets[0].attachments == NULL);
	free(m->ranges);
	free(m->bytes);
}

#endif
