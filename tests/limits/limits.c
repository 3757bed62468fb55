/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that may have been built with other limits than the library.
 * Test code; CMakeLists.txt builds it once with the library's limits and once with each of them
 * changed. Prints what the first initialisation says: "ours" or "refused".
 */
#include <stdio.h>
#include <string.h>

#include <amphora/error.h>
#include <amphora/shm.h>

int main(void)
{
	static struct amph_memory memory;
	static const struct amph_memory untouched;
	int error = amph_memory_init(&memory);

	if (error == 0) {
		puts("ours");
		return 0;
	}
	if (error != -EPROTO) {
		printf("another error: %d\n", error);
		return 1;
	}
	/* the structures may differ in size: not a byte may have been written */
	if (memcmp(&memory, &untouched, sizeof(memory)) != 0) {
		puts("refused, but written to");
		return 1;
	}
	puts("refused");
	return 0;
}
