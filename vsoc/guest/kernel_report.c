/* SPDX-License-Identifier: BSD-3-Clause */
/* What Linux complains of itself; see kernel_report.h. */
#include "kernel_report.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>

#define READ_ALL    3 /* of syslog(2) */
#define LOG_SIZE    0x40000
#define WARNING	    4 /* the mildest level that matters */
#define LINES_SHOWN 100

/* Every debugging option of vsoc/kernel-debug.config begins its reports with one of these. */
static bool begins_report(const char *line)
{
	static const char *const marks[] = {"BUG: ",
					    "WARNING: ",
					    "INFO: ",
					    "DMA-API: ",
					    "Oops",
					    "ODEBUG: ",
					    "Unable to handle kernel",
					    "kmemleak: Found"};

	/* "<facility << 3 | level>text" */
	if (line[0] != '<' || (strtoul(line + 1, NULL, 10) & 7) > WARNING)
		return false;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strstr(line, marks[i]))
			return true;
	return false;
}

void kernel_report(void)
{
	static char log[LOG_SIZE + 1];
	int size = klogctl(READ_ALL, log, LOG_SIZE);
	int lines = 0;
	char *rest = log;

	if (size <= 0)
		return;
	log[size] = 0;
	for (char *line; (line = strsep(&rest, "\n")) && lines < LINES_SHOWN;) {
		if (!lines && !begins_report(line))
			continue;
		if (!lines)
			fprintf(stderr, "vsoc: the kernel reports:\n");
		fprintf(stderr, "%s\n", line);
		lines++;
	}
}
