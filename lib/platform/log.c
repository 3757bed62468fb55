/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log hook, the same on every port.
 * Knows nothing else. Every layer may call it; the application decides where it goes.
 */
#include <stddef.h>

#include <amphora/log.h>

#if AMPH_REASONS

static amph_log_hook log_hook;
static void *log_argument;

void amph_log_set(amph_log_hook hook, void *argument)
{
	log_argument = argument;
	log_hook = hook;
}

void amph_log(enum amph_log_level level, const char *what, uint64_t value, uint64_t limit)
{
	if (log_hook)
		log_hook(log_argument, level, what, value, limit);
}

#else

void amph_log_set(amph_log_hook hook, void *argument)
{
	(void)hook;
	(void)argument;
}

#endif
