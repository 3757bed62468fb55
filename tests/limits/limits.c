/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that may have been built with other limits than the library.
 * Test code; CMakeLists.txt builds it once with the library's limits and once with each of them
 * changed. Prints what initialisation says: "ours" or "refused".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <amphora/error.h>
#include <amphora/session.h>
#include <amphora/shm.h>

/* The structures may differ in size: where the program is refused, not a byte may be written. */
static bool untouched(const void *structure, size_t size)
{
	const unsigned char *bytes = structure;

	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

int main(void)
{
	static struct amph_memory memory;
	static struct amph_session session;
	static const struct amph_session_config config; /* nothing in it: refused after the stamp */
	int memory_error = amph_memory_init(&memory);
	int session_error = amph_session_init(&session, &config);

	if (memory_error == 0 && session_error == -EINVAL) {
		puts("ours");
	} else if (memory_error == -EPROTO && session_error == -EPROTO &&
		   untouched(&memory, sizeof(memory)) && untouched(&session, sizeof(session))) {
		puts("refused");
	} else {
		printf("memory: %d, session: %d, or a refused one was written to\n", memory_error,
		       session_error);
		return 1;
	}
	return 0;
}
