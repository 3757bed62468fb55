/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel says; see kernel_log.h.
 */
#include "kernel_log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 10000

int kernel_log_open(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (log < 0)
		return -errno;
	lseek(log, 0, SEEK_END);
	return log;
}

/* arm-smmu-v3's event for a translation (0x10) or permission (0x13) fault; virtio-iommu's fault */
static bool is_fault(const char *text)
{
	return strstr(text, "event 0x10 received") || strstr(text, "event 0x13 received") ||
	       strstr(text, "page fault from EP");
}

/* Reads all that is there. Returns 0 when a fault was among it, printed if `print`. */
static int read_all(int log, bool print)
{
	char record[2048];
	int result = -EAGAIN;

	for (;;) {
		ssize_t length = read(log, record, sizeof(record) - 1);
		char *text;

		if (length < 0 && errno == EPIPE) /* records were overwritten: go on */
			continue;
		if (length <= 0)
			return result;
		record[length] = 0;
		text = strchr(record, ';');
		if (!text || !is_fault(text))
			continue;
		text[strcspn(text, "\n")] = 0;
		if (print && result)
			printf("the kernel says: %s\n", text + 1);
		result = 0;
	}
}

int kernel_log_wait_fault(int log)
{
	struct pollfd ready = {.fd = log, .events = POLLIN};

	for (int waited = 0; waited < WAIT_MS; waited += 100) {
		if (!read_all(log, true))
			return 0;
		poll(&ready, 1, 100);
	}
	return -ETIMEDOUT;
}

int kernel_log_has_fault(int log)
{
	return !read_all(log, false);
}
