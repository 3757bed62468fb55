/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux: interrupts as file descriptors, eventfd or UIO, in one small table of the port.
 * Knows poll and read. Handlers run in whoever calls amph_irq_dispatch(), outside the lock, so they
 * may connect and disconnect. A descriptor stays its owner's: disconnect it before closing it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include <amphora/error.h>
#include <amphora/irq.h>
#include <amphora/lock.h>
#include <amphora/log.h>
#include <amphora/time.h>

#define IRQ_MAX 32

struct irq {
	amph_irq_handler handler; /* NULL: a free slot */
	void *argument;
	int fd;
	bool enabled;
	bool uio; /* reads as four bytes, and a written word masks (0) or unmasks (1) */
};

static struct amph_lock lock; /* static storage is a free lock */
static struct irq irqs[IRQ_MAX];

/* The lock is held. */
static struct irq *find(uint32_t number)
{
	for (uint32_t i = 0; i < IRQ_MAX; i++)
		if (irqs[i].handler && (uint32_t)irqs[i].fd == number)
			return &irqs[i];
	return NULL;
}

/* A UIO driver without a mask of its own refuses the write: then there is nothing to mask. */
static void control_uio(int fd, uint32_t on)
{
	ssize_t written = write(fd, &on, sizeof(on));

	(void)written;
}

int amph_irq_connect(uint32_t number, amph_irq_handler handler, void *argument)
{
	struct irq *slot = NULL;
	struct stat status;
	int result = 0;

	if (!handler || number > INT_MAX || fstat((int)number, &status))
		return -EINVAL;
	amph_lock_acquire(&lock);
	for (uint32_t i = 0; i < IRQ_MAX && !slot; i++)
		if (!irqs[i].handler)
			slot = &irqs[i];
	if (find(number))
		result = -EBUSY;
	else if (!slot)
		result = -ENOSPC;
	else
		*slot = (struct irq){.handler = handler,
				     .argument = argument,
				     .fd = (int)number,
				     .enabled = true,
				     .uio = S_ISCHR(status.st_mode)};
	if (!result && slot->uio)
		control_uio(slot->fd, 1);
	amph_lock_release(&lock);
	return result;
}

int amph_irq_disconnect(uint32_t number)
{
	struct irq *irq;

	amph_lock_acquire(&lock);
	irq = find(number);
	if (irq) {
		if (irq->uio)
			control_uio(irq->fd, 0);
		irq->handler = NULL;
	}
	amph_lock_release(&lock);
	return irq ? 0 : -ENOENT;
}

static int enable(uint32_t number, bool on)
{
	struct irq *irq;

	amph_lock_acquire(&lock);
	irq = find(number);
	if (irq) {
		irq->enabled = on;
		if (irq->uio)
			control_uio(irq->fd, on);
	}
	amph_lock_release(&lock);
	return irq ? 0 : -ENOENT;
}

int amph_irq_disable(uint32_t number)
{
	return enable(number, false);
}

int amph_irq_enable(uint32_t number)
{
	return enable(number, true);
}

/* What is enabled now, for poll(). Returns how many. */
static nfds_t list_enabled(struct pollfd *polled)
{
	nfds_t count = 0;

	amph_lock_acquire(&lock);
	for (uint32_t i = 0; i < IRQ_MAX; i++)
		if (irqs[i].handler && irqs[i].enabled)
			polled[count++] = (struct pollfd){.fd = irqs[i].fd, .events = POLLIN};
	amph_lock_release(&lock);
	return count;
}

/*
 * Takes one pending interrupt from its descriptor. The lock is held: of two dispatchers that saw
 * it pending, the second finds it gone and must not block in read(), so it looks again.
 */
static bool take(struct irq *irq)
{
	struct pollfd polled = {.fd = irq->fd, .events = POLLIN};
	uint64_t count;
	ssize_t length;

	if (poll(&polled, 1, 0) != 1)
		return false;
	length = polled.revents & POLLIN ? read(irq->fd, &count, irq->uio ? 4 : 8) : 0;
	if (length > 0)
		return true;
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* A closed or broken descriptor is ready for ever: nobody shall spin on it. */
	amph_log(AMPH_LOG_ERROR, "an interrupt's descriptor is broken and now disabled",
		 (uint64_t)irq->fd, 0);
	irq->enabled = false;
	return false;
}

/* Runs the handler of a descriptor that poll() reported. Returns whether one ran. */
static bool run(int fd)
{
	struct irq *irq, now = {0};

	amph_lock_acquire(&lock);
	irq = find((uint32_t)fd);
	if (irq && irq->enabled && take(irq))
		now = *irq;
	amph_lock_release(&lock);
	if (!now.handler)
		return false;
	now.handler(now.argument);
	/* A UIO driver masks its line when it fires; the handler has served the device now. */
	if (now.uio) {
		amph_lock_acquire(&lock);
		irq = find((uint32_t)fd);
		if (irq && irq->enabled)
			control_uio(fd, 1);
		amph_lock_release(&lock);
	}
	return true;
}

int amph_irq_dispatch(uint64_t deadline)
{
	struct pollfd polled[IRQ_MAX];
	int handled = 0;

	for (;;) {
		uint64_t now = amph_time_now();
		uint64_t left = deadline > now ? deadline - now : 0;
		const struct timespec wait = {.tv_sec = (time_t)(left / 1000000000u),
					      .tv_nsec = (long)(left % 1000000000u)};
		nfds_t count = list_enabled(polled);

		if (ppoll(polled, count, &wait, NULL) > 0)
			for (nfds_t i = 0; i < count; i++)
				if (polled[i].revents)
					handled += run(polled[i].fd);
		if (handled)
			return handled;
		if (!left)
			return -ETIMEDOUT;
	}
}
