/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every call fails once where nothing but an ordinary kernel is needed: memfds, imports, sockets,
 * interrupts, events.
 * Test code.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <amphora/event.h>
#include <amphora/irq.h>
#include <amphora/lock.h>
#include <amphora/memfd.h>
#include <amphora/policy_file.h>
#include <amphora/queue.h>
#include <amphora/target.h>
#include <amphora/time.h>

#include "fault.h"

#define SIZE 8192u

static struct amph_memory memory;
static struct amph_provider memfd;
static struct amph_shm shm;
static struct amph_range ranges[4];
static struct amph_segment segments[2];
static const struct amph_shm_storage storage = {ranges, 4, segments, 1};
static struct amph_target target;
static struct amph_attachment attachment;
static struct amph_why why;
static int fd = -1, other = -1;
static void *va;

static void prepare_memory(void)
{
	memset(&shm, 0, sizeof(shm));
	why = (struct amph_why){0};
	FAULT_CHECK(!amph_memory_init(&memory));
	amph_provider_memfd_init(&memfd);
	FAULT_CHECK(!amph_memory_add_provider(&memory, &memfd));
}

static void put_shm(void)
{
	FAULT_CHECK(!amph_shm_put(&shm));
	FAULT_CHECK(!memory.buffers);
}

/* What is opened is there to its last byte; else this faults. */
static int touch(int error)
{
	if (!error)
		(void)((const volatile uint8_t *)shm.va)[SIZE - 1];
	return error;
}

static int open_memfd(void)
{
	return touch(amph_shm_open(&memory, &shm, &storage, "memfd:a", SIZE, 0));
}

static int open_memfd_read_only(void)
{
	return touch(amph_shm_open(&memory, &shm, &storage, "memfd:a", SIZE, AMPH_SHM_READ_ONLY));
}

static void prepare_fd(void)
{
	prepare_memory();
	fd = memfd_create("foreign", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	FAULT_CHECK(fd >= 0 && !ftruncate(fd, SIZE) && !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
}

static int import_fd(void)
{
	return amph_shm_open_fd(&memory, &shm, &storage, "import:a", fd, 0, SIZE, 0);
}

static void undo_import(void)
{
	put_shm();
	close(fd);
}

static int map_fd(void)
{
	why = (struct amph_why){0};
	return amph_memfd_map(fd, 0, SIZE, 1, &va, &why);
}

static void undo_map(void)
{
	FAULT_CHECK(!amph_memfd_unmap(va, SIZE));
	close(fd);
}

static void prepare_attach(void)
{
	prepare_memory();
	FAULT_CHECK(!open_memfd());
	amph_target_process_init(&target, "process");
}

static int attach(void)
{
	return amph_shm_attach(&shm, &target, AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES,
			       &attachment, &segments[1], 1);
}

static void undo_attach(void)
{
	FAULT_CHECK(!amph_shm_detach(&attachment));
	put_shm();
}

/* --- sockets --- */

static struct amph_channel_socket ends[2];
static uint32_t heard;

static void hear(void *argument, const void *message, uint32_t length, intptr_t handle)
{
	(void)argument;
	(void)message;
	heard += length;
	if (handle >= 0)
		close((int)handle);
}

static void prepare_pair(void)
{
	int fds[2];

	FAULT_CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds));
	fd = fds[0];
	other = fds[1];
}

static int init_channel(void)
{
	return amph_channel_socket_init(&ends[0], fd);
}

static void undo_channel(void)
{
	amph_channel_socket_close(&ends[0]);
	close(other);
}

static void prepare_channels(void)
{
	prepare_pair();
	heard = 0;
	for (uint32_t i = 0; i < 2; i++) {
		FAULT_CHECK(!amph_channel_socket_init(&ends[i], i ? other : fd));
		amph_channel_receive(&ends[i].channel, hear, NULL);
	}
}

static int send_handle(void)
{
	return amph_channel_send(&ends[0].channel, "hello", 5, ends[0].fd, amph_deadline(1000));
}

static void undo_channels(void)
{
	for (uint32_t i = 0; i < 2; i++)
		amph_channel_socket_close(&ends[i]);
}

static void undo_send(void)
{
	/* whole and once, whatever failed on the way */
	FAULT_CHECK(amph_channel_poll(&ends[1].channel, 0) == 1 && heard == 5);
	undo_channels();
}

static void prepare_poll(void)
{
	prepare_channels();
	FAULT_CHECK(!send_handle());
}

static int poll_channel(void)
{
	return amph_channel_poll(&ends[1].channel, amph_deadline(20));
}

static void undo_poll(void)
{
	FAULT_CHECK(heard == 5);
	undo_channels();
}

static int poll_nothing(void)
{
	int result = amph_channel_poll(&ends[1].channel, amph_deadline(2));

	return result == -ETIMEDOUT ? 0 : result;
}

/* A socket without room: who sends waits for it. */
static int send_to_full(void)
{
	int result = amph_channel_send(&ends[0].channel, "more", 4, -1, amph_deadline(2));

	return result == -ETIMEDOUT ? 0 : result;
}

static void prepare_full(void)
{
	prepare_channels();
	while (!amph_channel_send(&ends[0].channel, "fill", 4, -1, 0))
		;
}

/* --- interrupts, events, locks --- */

static void handle(void *argument)
{
	(void)argument;
	heard++;
}

static void prepare_irq(void)
{
	heard = 0;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	FAULT_CHECK(fd >= 0);
}

static int connect_irq(void)
{
	return amph_irq_connect((uint32_t)fd, handle, NULL);
}

static void undo_irq(void)
{
	FAULT_CHECK(!amph_irq_disconnect((uint32_t)fd));
	close(fd);
}

/* A UIO device, as far as it can be told: it is masked and unmasked by words. */
static void prepare_uio(void)
{
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	FAULT_CHECK(fd >= 0);
}

static int mask_uio(void)
{
	int error = connect_irq();

	FAULT_CHECK(error || (!amph_irq_disable((uint32_t)fd) && !amph_irq_enable((uint32_t)fd)));
	return error;
}

static void prepare_dispatch(void)
{
	prepare_irq();
	FAULT_CHECK(!connect_irq());
	FAULT_CHECK(!eventfd_write(fd, 1));
}

/* What rang is handled, if not by this call then by the next one, and once it is enabled again. */
static int dispatch(void)
{
	int result = amph_irq_dispatch(amph_deadline(20));

	if (result == -ETIMEDOUT)
		FAULT_CHECK(!amph_irq_enable((uint32_t)fd));
	return result;
}

static void undo_dispatch(void)
{
	FAULT_CHECK(heard == 1);
	undo_irq();
}

static struct amph_event event;

static void prepare_event(void)
{
	amph_event_init(&event);
}

static int wait_event(void)
{
	uint32_t seen = amph_event_count(&event);

	FAULT_CHECK(amph_event_wait(&event, seen, amph_deadline(3)) == -ETIMEDOUT);
	amph_event_signal(&event);
	return amph_event_wait(&event, seen, amph_deadline(3));
}

static int ring_doorbell(void)
{
	struct amph_queue_doorbell doorbell;

	amph_queue_doorbell_futex(&doorbell);
	doorbell.ring(doorbell.argument, &event.count);
	doorbell.wait(doorbell.argument, &event.count, event.count, amph_deadline(2));
	return 0;
}

static void nothing(void)
{
}

/* A lock that another thread holds for a moment. */
static struct amph_lock lock;
static uint32_t taken;

static void *hold(void *argument)
{
	(void)argument;
	amph_lock_acquire(&lock);
	__atomic_store_n(&taken, 1, __ATOMIC_RELEASE);
	usleep(2000);
	amph_lock_release(&lock);
	return NULL;
}

static int contend(void)
{
	pthread_t holder;

	amph_lock_init(&lock);
	taken = 0;
	FAULT_CHECK(!pthread_create(&holder, NULL, hold, NULL));
	while (!__atomic_load_n(&taken, __ATOMIC_ACQUIRE))
		;
	amph_lock_acquire(&lock);
	amph_lock_release(&lock);
	FAULT_CHECK(!pthread_join(holder, NULL));
	return 0;
}

/* A file with a policy, in memory. */
static struct amph_policy policy;
static struct amph_policy_error policy_error;

static void prepare_policy(void)
{
	static const char text[] = "allow dsp memfd reads\n";

	fd = memfd_create("policy", MFD_CLOEXEC);
	FAULT_CHECK(fd >= 0 && !fchmod(fd, 0600));
	FAULT_CHECK(write(fd, text, sizeof(text) - 1) == sizeof(text) - 1);
}

static int read_policy(void)
{
	static struct amph_policy_rule rules[2];
	static struct amph_policy_use uses[2];
	static char text[128];
	const struct amph_policy_storage lent = {rules, uses, 2, text, sizeof(text)};
	char path[32];
	int error;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	error = amph_policy_read(&policy, &lent, path, &policy_error);
	FAULT_CHECK(!error || policy_error.text[0]);
	return error;
}

static void close_policy(void)
{
	FAULT_CHECK(policy.rule_count == 1);
	close(fd);
}

int main(int count, char **arguments)
{
	static const struct fault_scenario scenarios[] = {
		{"open a memfd", prepare_memory, open_memfd, put_shm, &shm.why},
		{"open a sealed memfd", prepare_memory, open_memfd_read_only, put_shm, &shm.why},
		{"import an fd", prepare_fd, import_fd, undo_import, &shm.why},
		{"map an fd", prepare_fd, map_fd, undo_map, &why},
		{"attach to a process", prepare_attach, attach, undo_attach, &shm.why},
		{"open a channel", prepare_pair, init_channel, undo_channel, NULL},
		{"send", prepare_channels, send_handle, undo_send, NULL},
		{"receive", prepare_poll, poll_channel, undo_poll, NULL},
		{"receive nothing", prepare_channels, poll_nothing, undo_channels, NULL},
		{"send without room", prepare_full, send_to_full, undo_channels, NULL},
		{"connect an interrupt", prepare_irq, connect_irq, undo_irq, NULL},
		{"mask a UIO interrupt", prepare_uio, mask_uio, undo_irq, NULL},
		{"dispatch an interrupt", prepare_dispatch, dispatch, undo_dispatch, NULL},
		{"wait for an event", prepare_event, wait_event, nothing, NULL},
		{"wait for a lock", nothing, contend, nothing, NULL},
		{"read a policy", prepare_policy, read_policy, close_policy, NULL},
		{"ring a futex", prepare_event, ring_doorbell, nothing, NULL},
	};

	return fault_run(count, arguments, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
