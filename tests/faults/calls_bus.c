/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every call fails once of what works through sysfs and Linux's own drivers: the kernel's remoteproc, its
 * RPMsg bus and an endpoint of it, on a sysfs of the test's own.
 * Test code.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include <linux/amphora.h>
#include <linux/dma-buf.h>
#include <linux/remoteproc_cdev.h>
#include <linux/rpmsg.h>

#include "unit/memory_fixture.h"

#include <amphora/hwspinlock.h>
#include <amphora/remote.h>
#include <amphora/remote_ti.h>
#include <amphora/remoteproc.h>
#include <amphora/rpmsg_service.h>
#include <amphora/time.h>

#include "fault.h"
#include "remote/fake_sysfs.h"

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int of, unsigned long request, ...);
int __real_amph_sysfs_write(const char *path, const char *text);
int __wrap_amph_sysfs_write(const char *path, const char *value);

#define TI_ATTACH 0xc010b700u /* RPROC_IOC_DMA_BUF_ATTACH: u32 fd, u32 pad, u64 da */
#define CLASS	  "/sys/class/remoteproc/remoteproc1"
#define BUS	  "sys/devices/soc/remoteproc/remoteproc1/virtio1"

static struct amph_remoteproc remoteproc;
static struct amph_rpmsg_service service;
static struct amph_channel_rpmsg_device device;
static struct amph_why why;
static uint32_t number, count_of_them;
static char text[AMPH_REMOTEPROC_TEXT_MAX];
static int fd;

static void put_text(const char *path, const char *content)
{
	char here[PATH_MAX];
	FILE *file = fopen(tree_path(path, here), "we");

	FAULT_CHECK(file);
	fprintf(file, "%s\n", content);
	fclose(file);
}

/* The kernel does what was written. */
int __wrap_amph_sysfs_write(const char *path, const char *value)
{
	int error = __real_amph_sysfs_write(path, value);

	if (!error && strstr(path, "/state"))
		put_text(path, strcmp(value, "start") ? "offline" : "running");
	return error;
}

int __wrap_ioctl(int of, unsigned long request, ...)
{
	va_list values;
	void *argument;

	va_start(values, request);
	argument = va_arg(values, void *);
	va_end(values);
	switch (request) {
	case RPROC_GET_SHUTDOWN_ON_RELEASE:
		*(int32_t *)argument = 0;
		return 0;
	case AMPHORA_IOC_VERSION:
		*(struct amphora_version *)argument =
			(struct amphora_version){.version = AMPHORA_ABI_VERSION};
		return 0;
	case AMPHORA_IOC_REMOTE:
		((struct amphora_remote *)argument)->fd = fcntl(of, F_DUPFD_CLOEXEC, 0);
		return 0;
	case AMPHORA_IOC_REMOTE_INFO:
		*(struct amphora_remote_info *)argument = (struct amphora_remote_info){.boots = 3};
		return 0;
	case AMPHORA_IOC_LOCK_OPEN:
		((struct amphora_lock_open *)argument)->fd = fcntl(of, F_DUPFD_CLOEXEC, 0);
		return 0;
	case AMPHORA_IOC_LOCK_TAKE:
	case AMPHORA_IOC_LOCK_RELEASE:
		return 0;
	case TI_ATTACH:
		((uint64_t *)argument)[1] = 0xa0000000;
		return 0;
	case DMA_BUF_IOCTL_SYNC:
		return 0;
	case RPMSG_CREATE_EPT_IOCTL:
		/* the endpoint's device: its name tells whose it is */
		put_text("/sys/class/rpmsg/rpmsg7/name",
			 ((struct rpmsg_endpoint_info *)argument)->name);
		return 0;
	case RPMSG_DESTROY_EPT_IOCTL:
		put_text("/sys/class/rpmsg/rpmsg7/name", "");
		return 0;
	default:
		return __real_ioctl(of, request, argument);
	}
}

static void make_tree(void)
{
	tree_make();
	tree_write(CLASS "/name", "dsp");
	tree_write(CLASS "/state", "offline");
	tree_write(CLASS "/firmware", "old.elf");
	tree_write(CLASS "/recovery", "enabled");
	tree_write("/dev/remoteproc1", "");
	tree_write("/dev/amphora", "");
	tree_run("mkdir -p lib/firmware sys/class/rpmsg sys/bus/rpmsg/devices dev");
	tree_run("mkdir -p " BUS "/rpmsg_ctrl1 && ln -s ../../../" BUS "/rpmsg_ctrl1 "
		 "sys/class/rpmsg/rpmsg_ctrl1 && : >dev/rpmsg_ctrl1");
	tree_run("mkdir -p " BUS "/dev1 && echo amphora-share >" BUS "/dev1/name && "
		 "echo 0x400 >" BUS "/dev1/dst && ln -s ../../../../" BUS
		 "/dev1 sys/bus/rpmsg/devices/virtio1.amphora-share.-1.1024");
	tree_run("mkdir -p " BUS "/rpmsg7 && : >" BUS "/rpmsg7/name && ln -s ../../../" BUS
		 "/rpmsg7 sys/class/rpmsg/rpmsg7 && ln -s /dev/null dev/rpmsg7");
	/* the null device, which plays the endpoint, is one of the RPMsg class */
	tree_run("mkdir -p sys/dev/char/1:3 && ln -s ../../../class/rpmsg "
		 "sys/dev/char/1:3/subsystem && : >sys/dev/char/1:3/src");
}

/* --- remoteproc --- */

static void nothing(void)
{
}

static int list(void)
{
	return amph_remoteproc_list(&number, 1, &count_of_them);
}

static int find(void)
{
	why = (struct amph_why){0};
	return amph_remoteproc_find("dsp", &number, &why);
}

static int open_remoteproc(void)
{
	why = (struct amph_why){0};
	return amph_remoteproc_open(&remoteproc, 1, &why);
}

static void close_remoteproc(void)
{
	amph_remoteproc_close(&remoteproc);
	put_text(CLASS "/state", "offline");
	put_text(CLASS "/firmware", "old.elf");
}

static void prepare_remoteproc(void)
{
	put_text(CLASS "/state", "offline");
	FAULT_CHECK(!open_remoteproc());
}

static int get(void)
{
	return amph_remoteproc_get(&remoteproc, "recovery", text, sizeof(text));
}

/* A command whose end could not be waited for goes on: it is done before the same is asked again. */
static int let_end(int error)
{
	for (uint32_t i = 0; i < 1000 && remoteproc.command; i++) {
		usleep(1000);
		if (!amph_remoteproc_set(&remoteproc, "recovery", "enabled", amph_deadline(1000)))
			break;
	}
	put_text(CLASS "/state", "offline");
	amph_remoteproc_wait(&remoteproc, 0);
	return error;
}

static int set(void)
{
	int error = amph_remoteproc_set(&remoteproc, "recovery", "disabled", amph_deadline(1000));

	return error ? fault_off(let_end, error) : 0;
}

static int install(void)
{
	int error = amph_remoteproc_install(&remoteproc, "image", 5, amph_deadline(1000));

	return error ? fault_off(let_end, error) : 0;
}

static int start(void)
{
	int error = amph_remoteproc_start(&remoteproc, amph_deadline(1000));

	return error ? fault_off(let_end, error) : 0;
}

static void prepare_stop(void)
{
	prepare_remoteproc();
	FAULT_CHECK(!start());
}

static int begin_again(int error)
{
	let_end(error);
	FAULT_CHECK(!amph_remoteproc_start(&remoteproc, amph_deadline(1000)));
	return error;
}

static int stop(void)
{
	int error = amph_remoteproc_stop(&remoteproc, amph_deadline(1000));

	return error ? fault_off(begin_again, error) : 0;
}

/* Nothing changes. */
static int wait_remoteproc(void)
{
	int result = amph_remoteproc_wait(&remoteproc, amph_deadline(5));

	return result == -ETIMEDOUT ? 0 : result;
}

/* --- TI's way to attach a dma-buf --- */

static struct amph_remote_ti remote;
static struct fixture f;

static int init_ti(void)
{
	why = (struct amph_why){0};
	return amph_remote_ti_init(&remote, "r5f", 1, &why);
}

static void prepare_ti(void)
{
	FAULT_CHECK(!init_ti());
	fixture_init(&f, 4);
	fixture_open(&f, 0x10000, 0);
	f.shm.handle = 77;
}

static int attach_ti(void)
{
	return amph_shm_attach(&f.shm, &remote.target, AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES,
			       &f.to_a, f.segments_a, 4);
}

static void undo_ti(void)
{
	FAULT_CHECK(!amph_shm_detach(&f.to_a));
	FAULT_CHECK(!amph_shm_put(&f.shm));
	fixture_free(&f);
}

static void prepare_give(void)
{
	prepare_ti();
	FAULT_CHECK(!attach_ti());
}

static int give(void)
{
	int error = amph_shm_sync_for_device(&f.to_a, 0, 0x10000, false);

	FAULT_CHECK(amph_shm_check_access(&f.shm, 0, 0x10000, true) == (error ? 0 : -EACCES));
	return error;
}

static void undo_give(void)
{
	FAULT_CHECK(!amph_shm_sync_for_cpu(&f.to_a, 0, 0x10000));
	undo_ti();
}

/* --- a board's lock --- */

static struct amph_hwspinlock hardware;
static struct amph_remote locked;

static void prepare_lock(void)
{
	locked.fd = __wrap_open("/dev/amphora", O_RDWR | O_CLOEXEC);
	FAULT_CHECK(locked.fd >= 0);
}

static int open_lock(void)
{
	why = (struct amph_why){0};
	return amph_hwspinlock_open(&hardware, &locked, 0, &why);
}

static void close_lock(void)
{
	FAULT_CHECK(!amph_hwspinlock_close(&hardware));
	close(locked.fd);
}

static void prepare_take(void)
{
	prepare_lock();
	FAULT_CHECK(!open_lock());
}

static int take_lock(void)
{
	return amph_shared_lock_acquire(&hardware.lock, amph_deadline(100));
}

static void let_lock(void)
{
	FAULT_CHECK(!amph_shared_lock_release(&hardware.lock));
	close_lock();
}

/* --- the RPMsg bus --- */

static int open_service(void)
{
	why = (struct amph_why){0};
	return amph_rpmsg_service_open(&service, 1, "amphora-share", amph_deadline(200), &why);
}

static void close_service(void)
{
	amph_rpmsg_service_close(&service);
}

static void prepare_device(void)
{
	fd = __real_open("/dev/null", O_RDWR | O_CLOEXEC);
	FAULT_CHECK(fd >= 0);
}

static int init_device(void)
{
	return amph_channel_rpmsg_device_init(&device, fd);
}

static void close_device(void)
{
	amph_channel_rpmsg_device_close(&device);
}

static void prepare_channel(void)
{
	prepare_device();
	FAULT_CHECK(!init_device());
}

static int send(void)
{
	return amph_channel_send(&device.channel, "hello", 5, -1, amph_deadline(50));
}

/* What the null device reads as is no message: at worst it has ended. */
static int receive(void)
{
	int result = amph_channel_poll(&device.channel, amph_deadline(5));

	return result == -EPIPE || result == -ETIMEDOUT ? 0 : result;
}

int main(int count, char **arguments)
{
	static const struct fault_scenario scenarios[] = {
		{"list remoteprocs", nothing, list, nothing, NULL},
		{"find a remoteproc", nothing, find, nothing, &why},
		{"open a remoteproc", nothing, open_remoteproc, close_remoteproc, &why},
		{"get an attribute", prepare_remoteproc, get, close_remoteproc, &remoteproc.why},
		{"set an attribute", prepare_remoteproc, set, close_remoteproc, &remoteproc.why},
		{"install an image", prepare_remoteproc, install, close_remoteproc,
		 &remoteproc.why},
		{"start a remoteproc", prepare_remoteproc, start, close_remoteproc,
		 &remoteproc.why},
		{"stop a remoteproc", prepare_stop, stop, close_remoteproc, &remoteproc.why},
		{"wait for a remoteproc", prepare_remoteproc, wait_remoteproc, close_remoteproc,
		 NULL},
		{"open TI's remote", nothing, init_ti, nothing, &why},
		{"attach to TI's remote", prepare_ti, attach_ti, undo_ti, &f.shm.why},
		{"give to TI's remote", prepare_give, give, undo_give, &f.shm.why},
		{"open a board's lock", prepare_lock, open_lock, close_lock, &why},
		{"take a board's lock", prepare_take, take_lock, let_lock, NULL},
		{"open a service", nothing, open_service, close_service, &why},
		{"open an RPMsg device", prepare_device, init_device, close_device, NULL},
		{"send by an RPMsg device", prepare_channel, send, close_device, NULL},
		{"receive from an RPMsg device", prepare_channel, receive, close_device, NULL},
	};
	int status;

	make_tree();
	status = fault_run(count, arguments, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
	tree_remove();
	return status;
}
