/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log: the library says what happened through one hook; it formats and prints nothing.
 * Platform layer: the port keeps the hook, the one variable of the library that contexts share.
 */
#ifndef AMPHORA_LOG_H
#define AMPHORA_LOG_H

#include <stdint.h>

#include <amphora/config.h>

#ifdef __cplusplus
extern "C" {
#endif

enum amph_log_level { AMPH_LOG_ERROR, AMPH_LOG_WARNING, AMPH_LOG_INFO, AMPH_LOG_DEBUG };

/*
 * what: a text, which a hook that keeps it copies; value and limit: the two numbers it is about, or 0.
 */
typedef void (*amph_log_hook)(void *argument, enum amph_log_level level, const char *what,
			      uint64_t value, uint64_t limit);

/* Sets the hook, NULL for none (the default). At start, before other threads use the library. */
void amph_log_set(amph_log_hook hook, void *argument);

/* Calls the hook, if any. Any context the hook can bear. Says nothing where AMPH_REASONS is 0. */
#if AMPH_REASONS
void amph_log(enum amph_log_level level, const char *what, uint64_t value, uint64_t limit);
#else
static inline void amph_log(enum amph_log_level level, const char *what, uint64_t value,
			    uint64_t limit)
{
	(void)level;
	(void)what;
	(void)value;
	(void)limit;
}
#endif

#ifdef __cplusplus
}
#endif

#endif
