/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channels to services of Linux's RPMsg bus, on a sysfs that the test plays: the right processor's
 * service and control device, what comes late, and what never comes. Test code; tests/vsoc has the
 * real bus.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include <cmocka.h>

#include <linux/rpmsg.h>

#include <amphora/rpmsg_service.h>
#include <amphora/time.h>

#include "fake_sysfs.h"

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

static struct {
	unsigned created, destroyed;
	int fail_error; /* errno of the next creations */
	unsigned fail_times;
	struct rpmsg_endpoint_info info;
	bool no_device; /* what is created is gone at once */
} bus;

/* Where the devices of remoteprocN are. */
static void bus_path(uint32_t remoteproc, char *path)
{
	snprintf(path, PATH_MAX, "sys/devices/soc/remoteproc/remoteproc%u/virtio%u", remoteproc,
		 remoteproc);
}

static void make_control(uint32_t remoteproc, uint32_t number)
{
	char path[PATH_MAX];

	bus_path(remoteproc, path);
	tree_run("mkdir -p %s/rpmsg_ctrl%u sys/class/rpmsg dev && "
		 "ln -s ../../../%s/rpmsg_ctrl%u sys/class/rpmsg/rpmsg_ctrl%u && "
		 ": >dev/rpmsg_ctrl%u",
		 path, number, path, number, number, number);
}

static void announce(uint32_t remoteproc, const char *service, const char *address)
{
	char path[PATH_MAX], device[128];

	bus_path(remoteproc, path);
	snprintf(device, sizeof(device), "virtio%u.%s.-1.%s", remoteproc, service, address);
	tree_run("mkdir -p %s/%s sys/bus/rpmsg/devices && echo %s >%s/%s/name && "
		 "echo %s >%s/%s/dst && ln -s ../../../../%s/%s sys/bus/rpmsg/devices/%s",
		 path, device, service, path, device, address, path, device, path, device, device);
}

/* The kernel's part: the endpoint's device, which here is the null device. */
static void make_device(uint32_t remoteproc, const char *name)
{
	char path[PATH_MAX];

	bus_path(remoteproc, path);
	tree_run("mkdir -p %s/rpmsg7 && echo %s >%s/rpmsg7/name && rm -f sys/class/rpmsg/rpmsg7 && "
		 "ln -s ../../../%s/rpmsg7 sys/class/rpmsg/rpmsg7 && ln -sf /dev/null dev/rpmsg7",
		 path, name, path, path);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct rpmsg_endpoint_info *info;
	va_list values;

	va_start(values, request);
	info = va_arg(values, void *);
	va_end(values);
	if (request == RPMSG_DESTROY_EPT_IOCTL) {
		bus.destroyed++;
		return 0;
	}
	if (request != RPMSG_CREATE_EPT_IOCTL)
		return __real_ioctl(fd, request, info);
	if (bus.fail_times) {
		bus.fail_times--;
		errno = bus.fail_error;
		return -1;
	}
	bus.created++;
	bus.info = *info;
	if (!bus.no_device)
		make_device(1, info->name);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	memset(&bus, 0, sizeof(bus));
	tree_make();
	/* the null device, which plays the endpoint, is one of the RPMsg class */
	tree_run(
		"mkdir -p sys/dev/char/1:3 && ln -s ../../../class/rpmsg sys/dev/char/1:3/subsystem "
		"&& : >sys/dev/char/1:3/src");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tree_remove();
	return 0;
}

static int open_service(struct amph_rpmsg_service *service, struct amph_why *why)
{
	*why = (struct amph_why){0};
	return amph_rpmsg_service_open(service, 1, "amphora-share", amph_deadline(50), why);
}

static void service_of_the_right_processor_is_opened(void **state)
{
	struct amph_rpmsg_service service;
	struct amph_why why;

	(void)state;
	make_control(0, 0);
	announce(0, "amphora-share", "0x400");
	make_control(11, 2); /* its number begins with the one that is looked for */
	announce(11, "amphora-share", "0x401");
	assert_int_equal(open_service(&service, &why), -ETIMEDOUT);
	assert_non_null(strstr(why.what, "announces no such service"));
	make_control(1, 1);
	announce(1, "amphora-control", "0x402");
	assert_int_equal(open_service(&service, &why), -ETIMEDOUT);
	announce(1, "amphora-share", "0x403");
	assert_int_equal(open_service(&service, &why), 0);
	assert_int_equal(service.destination, 0x403);
	assert_int_equal(bus.info.dst, 0x403);
	assert_int_equal(bus.info.src, 0xffffffff);
	assert_int_equal(service.device, 7);
	assert_int_equal(service.remoteproc, 1);
	assert_int_equal(service.channel.channel.message_max, 496);
	amph_rpmsg_service_close(&service);
	assert_int_equal(bus.destroyed, 1);
	amph_rpmsg_service_close(&service);
	assert_int_equal(bus.destroyed, 1);
}

static void two_endpoints_never_have_one_name(void **state)
{
	struct amph_rpmsg_service service;
	struct amph_why why;
	char name[32];

	(void)state;
	make_control(1, 1);
	announce(1, "amphora-share", "0x400");
	assert_int_equal(open_service(&service, &why), 0);
	strcpy(name, bus.info.name);
	amph_rpmsg_service_close(&service);
	assert_int_equal(open_service(&service, &why), 0);
	assert_string_not_equal(name, bus.info.name);
	amph_rpmsg_service_close(&service);
}

static void what_is_missing_is_said_at_the_deadline(void **state)
{
	struct amph_rpmsg_service service;
	struct amph_why why;

	(void)state;
	assert_int_equal(open_service(&service, &why), -ETIMEDOUT);
	announce(1, "amphora-share", "0x400");
	assert_int_equal(open_service(&service, &why), -ETIMEDOUT);
	assert_non_null(strstr(why.what, "rpmsg_ctrl"));
	make_control(1, 1);
	bus.no_device = true;
	assert_int_equal(open_service(&service, &why), -ETIMEDOUT);
	assert_non_null(strstr(why.what, "gone again"));
	bus.no_device = false;
	bus.fail_error = EPIPE;
	bus.fail_times = UINT32_MAX;
	assert_int_equal(open_service(&service, &why), -ETIMEDOUT);
	assert_non_null(strstr(why.what, "makes no endpoint"));
	assert_int_equal(why.value, 0x400);
	assert_int_equal(service.channel.fd, -1);
	amph_rpmsg_service_close(&service);
	/* a bus that is going away: the next attempt finds the new one */
	bus.fail_times = 2;
	assert_int_equal(open_service(&service, &why), 0);
	amph_rpmsg_service_close(&service);
	tree_run("rm dev/rpmsg_ctrl1");
	assert_int_equal(open_service(&service, &why), -ETIMEDOUT);
	assert_non_null(strstr(why.what, "no node in /dev"));
}

static void endpoint_that_is_no_rpmsg_device_is_destroyed(void **state)
{
	struct amph_rpmsg_service service;
	struct amph_why why;

	(void)state;
	make_control(1, 1);
	announce(1, "amphora-share", "0x400");
	tree_run("rm sys/dev/char/1:3/src");
	assert_int_equal(open_service(&service, &why), -ETIMEDOUT);
	assert_true(bus.created > 0);
	assert_int_equal(bus.created, bus.destroyed);
}

static void *announce_later(void *argument)
{
	(void)argument;
	usleep(100000);
	make_control(1, 1);
	announce(1, "amphora-share", "0x400");
	return NULL;
}

static void service_that_comes_late_is_waited_for(void **state)
{
	struct amph_rpmsg_service service;
	struct amph_why why;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, announce_later, NULL), 0);
	assert_int_equal(
		amph_rpmsg_service_open(&service, 1, "amphora-share", amph_deadline(60000), &why),
		0);
	pthread_join(thread, NULL);
	amph_rpmsg_service_close(&service);
}

static void names_that_no_service_has_are_refused(void **state)
{
	struct amph_rpmsg_service service;
	struct amph_why why = {0};

	(void)state;
	assert_int_equal(amph_rpmsg_service_open(&service, 1, "", 0, &why), -EINVAL);
	assert_int_equal(
		amph_rpmsg_service_open(&service, 1, "0123456789abcdef0123456789abcdef", 0, &why),
		-EINVAL);
	assert_int_equal(why.value, 32);
	assert_int_equal(
		amph_rpmsg_service_open(&service, 1, "0123456789abcdef0123456789abcde", 0, NULL),
		-ETIMEDOUT);
	assert_int_equal(amph_rpmsg_service_open_checked(&service, 1, "a", 0, NULL, AMPH_ABI, 1),
			 -EPROTO);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(service_of_the_right_processor_is_opened),
		TEST(two_endpoints_never_have_one_name),
		TEST(what_is_missing_is_said_at_the_deadline),
		TEST(endpoint_that_is_no_rpmsg_device_is_destroyed),
		TEST(service_that_comes_late_is_waited_for),
		TEST(names_that_no_service_has_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
