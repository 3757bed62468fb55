/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code, included before everything else: every place in the source that says that something is full
 * leaves a mark when it does. A comparison with such an error is a place, too.
 */
#ifndef TESTS_FAULTS_FULL_PLACES_H
#define TESTS_FAULTS_FULL_PLACES_H

#include <errno.h>
#include <stdint.h>

struct full_place {
	const char *file;
	uint32_t line, met;
	const char *error;
} __attribute__((aligned(32)));

#define FULL_PLACE(number, name)                                                      \
	__extension__({                                                               \
		static struct full_place full_place_                                  \
			__attribute__((section("full_places"), used)) = {             \
				.file = __FILE__, .line = __LINE__, .error = (name)}; \
		full_place_.met = 1;                                                  \
		(number);                                                             \
	})

#undef ENOSPC
#undef EDQUOT
#undef EAGAIN
#undef ENOMEM
#define ENOSPC FULL_PLACE(28, "ENOSPC")
#define EDQUOT FULL_PLACE(122, "EDQUOT")
#define EAGAIN FULL_PLACE(11, "EAGAIN")
#define ENOMEM FULL_PLACE(12, "ENOMEM")

#endif
