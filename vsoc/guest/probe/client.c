/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The probe firmware's messages. Test code that runs inside the virtual SoC; see client.h.
 */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MS 300000 /* 128 MiB of work in an emulator on a loaded machine */
#define SEND_MS	  10000

int probe_open(struct probe *probe)
{
	*probe = (struct probe){0};
	return remote_open(&probe->endpoint, PROBE_SERVICE);
}

int probe_close(struct probe *probe)
{
	return remote_close(&probe->endpoint);
}

int probe_tell(struct probe *probe, struct probe_message *message)
{
	struct pollfd ready = {.fd = probe->endpoint.fd};
	int tries = SEND_MS;

	message->tag = ++probe->tag;
	/* this device never says that there is room again */
	while (write(probe->endpoint.fd, message, sizeof(*message)) != sizeof(*message)) {
		if (errno != EAGAIN || !tries--)
			return remote_fail("command %u was not sent: %s", message->command,
					   strerror(errno));
		poll(&ready, 1, 1);
	}
	return 0;
}

int probe_ask(struct probe *probe, struct probe_message *message, struct probe_answer *answer)
{
	struct pollfd ready = {.fd = probe->endpoint.fd, .events = POLLIN};

	if (probe_tell(probe, message))
		return -1;
	if (poll(&ready, 1, ANSWER_MS) != 1)
		return remote_fail("command %u is not answered", message->command);
	ssize_t length = read(probe->endpoint.fd, answer, sizeof(*answer));
	if (length < 0)
		return remote_fail("command %u: %s", message->command, strerror(errno));
	if (length != sizeof(*answer) || answer->tag != message->tag ||
	    answer->command != (message->command | PROBE_ANSWER))
		return remote_fail("command %u got another one's answer", message->command);
	return 0;
}

/* An answer that is not PROBE_OK is a failure. */
static int command(struct probe *probe, struct probe_message *message)
{
	struct probe_answer answer;

	if (probe_ask(probe, message, &answer))
		return -1;
	if (answer.status == PROBE_WRONG)
		return remote_fail("%llu words differ; at device address %#llx is %#x, not %#x",
				   (unsigned long long)answer.wrong,
				   (unsigned long long)answer.address, answer.found,
				   answer.expected);
	if (answer.status)
		return remote_fail("command %u is refused with %u", message->command,
				   answer.status);
	return 0;
}

int probe_list(struct probe *probe, uint32_t list, const struct probe_segment *segments,
	       uint32_t count)
{
	struct probe_message message = {.command = PROBE_LIST, .list = list};

	do {
		message.count = count - message.first;
		if (message.count > PROBE_SEGMENTS)
			message.count = PROBE_SEGMENTS;
		memcpy(message.segments, &segments[message.first],
		       message.count * sizeof(*segments));
		if (command(probe, &message))
			return -1;
		message.first += message.count;
	} while (message.first < count);
	return 0;
}

int probe_work(struct probe *probe, uint32_t what, uint32_t list, uint32_t seed, uint64_t offset,
	       uint64_t length)
{
	struct probe_message message = {
		.command = what, .list = list, .seed = seed, .offset = offset, .length = length};

	return command(probe, &message);
}

int probe_scribble(struct probe *probe, uint32_t list, uint32_t seed)
{
	struct probe_message message = {.command = PROBE_SCRIBBLE, .list = list, .seed = seed};

	return command(probe, &message);
}

int probe_stop_scribble(struct probe *probe, uint32_t list)
{
	struct probe_message message = {.command = PROBE_STOP_SCRIBBLE, .list = list};

	return command(probe, &message);
}

int probe_ring(struct probe *probe, uint32_t on)
{
	struct probe_message message = {.command = PROBE_RING, .argument = on};

	return command(probe, &message);
}

int probe_marks(struct probe *probe, uint64_t *marks)
{
	struct probe_message message = {.command = PROBE_STATUS};
	struct probe_answer answer;

	if (probe_ask(probe, &message, &answer))
		return -1;
	*marks = answer.marks;
	return 0;
}

int probe_end(struct probe *probe, uint32_t what, uint32_t argument)
{
	struct probe_message message = {.command = what, .argument = argument};

	return probe_tell(probe, &message);
}
