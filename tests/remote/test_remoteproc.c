/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's remoteproc on a sysfs that the test plays: found, started, stopped, followed; commands
 * that take long or stop nothing. Test code; tests/vsoc has the real one.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/amphora.h>
#include <linux/remoteproc_cdev.h>

#include <amphora/remoteproc.h>
#include <amphora/time.h>

#include "fake_sysfs.h"

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_amph_sysfs_write(const char *path, const char *text);

/* What the kernel does with a write to an attribute. */
static struct {
	int answer;
	const char *becomes; /* the state after "start" or "stop", NULL: as asked */
	atomic_bool hold; /* it takes long */
	atomic_uint commands;
	char path[PATH_MAX], value[128];
	int32_t stops_on_release;
	uint64_t boots; /* the module's */
	unsigned opened;
} kernel;

static void set_state(const char *state)
{
	tree_write("/sys/class/remoteproc/remoteproc1/state", state);
}

int __wrap_amph_sysfs_write(const char *path, const char *text)
{
	int answer;

	while (atomic_load(&kernel.hold))
		usleep(1000);
	answer = kernel.answer;
	snprintf(kernel.path, sizeof(kernel.path), "%s", path);
	snprintf(kernel.value, sizeof(kernel.value), "%s", text);
	if (!answer) {
		if (kernel.becomes)
			set_state(kernel.becomes);
		else if (strstr(path, "/state"))
			set_state(!strcmp(text, "start")  ? "running"
				  : !strcmp(text, "stop") ? "offline"
							  : "detached");
		else
			tree_write(path, text);
	}
	atomic_fetch_add(&kernel.commands, 1); /* nothing of the test's is touched any more */
	return answer;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list values;
	void *argument;

	va_start(values, request);
	argument = va_arg(values, void *);
	va_end(values);
	switch (request) {
	case RPROC_GET_SHUTDOWN_ON_RELEASE:
		*(int32_t *)argument = kernel.stops_on_release;
		return 0;
	case AMPHORA_IOC_VERSION:
		*(struct amphora_version *)argument =
			(struct amphora_version){.version = AMPHORA_ABI_VERSION};
		return 0;
	case AMPHORA_IOC_REMOTE:
		kernel.opened++;
		((struct amphora_remote *)argument)->fd = dup(fd);
		return 0;
	case AMPHORA_IOC_REMOTE_INFO:
		*(struct amphora_remote_info *)argument =
			(struct amphora_remote_info){.boots = kernel.boots};
		return 0;
	default:
		return __real_ioctl(fd, request, argument);
	}
}

static void make_remoteproc(const char *number, const char *name, const char *state)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/class/remoteproc/remoteproc%s/name", number);
	tree_write(path, name);
	snprintf(path, sizeof(path), "/sys/class/remoteproc/remoteproc%s/state", number);
	tree_write(path, state);
	snprintf(path, sizeof(path), "/sys/class/remoteproc/remoteproc%s/firmware", number);
	tree_write(path, "old.elf");
}

static int set_up(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	tree_make();
	make_remoteproc("1", "dsp", "offline");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tree_remove();
	return 0;
}

static void open_it(struct amph_remoteproc *remoteproc)
{
	struct amph_why why = {0};

	assert_int_equal(amph_remoteproc_open(remoteproc, 1, &why), 0);
}

static void all_are_listed_in_order(void **state)
{
	uint32_t indices[3] = {99, 99, 99}, count = 0;

	(void)state;
	make_remoteproc("12", "a", "running");
	make_remoteproc("3", "b", "running");
	make_remoteproc("0", "c", "running");
	tree_run("mkdir sys/class/remoteproc/other");
	assert_int_equal(amph_remoteproc_list(indices, 3, &count), 0);
	assert_int_equal(count, 4);
	assert_int_equal(indices[0], 0);
	assert_int_equal(indices[1], 1);
	assert_int_equal(indices[2], 3);
	assert_int_equal(amph_remoteproc_list(NULL, 0, &count), 0);
	assert_int_equal(count, 4);
	tree_run("rm -r sys");
	assert_int_equal(amph_remoteproc_list(indices, 3, &count), 0);
	assert_int_equal(count, 0);
}

static void one_is_found_by_what_a_user_calls_it(void **state)
{
	static const struct {
		const char *name;
		uint32_t index;
	} cases[] = {{"dsp", 1}, {"remoteproc1", 1}, {"1", 1}, {"m7", 2}, {"remoteproc12", 12}};
	struct amph_why why = {0};
	uint32_t index = 99;

	(void)state;
	make_remoteproc("12", "m7", "running");
	make_remoteproc("2", "m7", "running");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(amph_remoteproc_find(cases[i].name, &index, &why), 0);
		assert_int_equal(index, cases[i].index);
	}
	/* a name goes before a number */
	make_remoteproc("5", "2", "running");
	assert_int_equal(amph_remoteproc_find("2", &index, &why), 0);
	assert_int_equal(index, 5);
	assert_int_equal(amph_remoteproc_find("m4", &index, &why), -ENOENT);
	assert_int_equal(amph_remoteproc_find("7", &index, &why), -ENOENT);
	assert_int_equal(amph_remoteproc_find("1x", &index, &why), -ENOENT);
	assert_int_equal(amph_remoteproc_find("4294967297", &index, NULL), -ENOENT);
	tree_run("rm -r sys");
	assert_int_equal(amph_remoteproc_find("dsp", &index, &why), -ENOENT);
	assert_non_null(strstr(why.what, "/sys/class/remoteproc"));
}

static void lives_are_counted_by_what_is_looked_at(void **state)
{
	struct amph_remoteproc r;

	(void)state;
	open_it(&r);
	assert_false(r.exact);
	assert_string_equal(r.name, "dsp");
	assert_int_equal(r.state, AMPH_REMOTEPROC_OFFLINE);
	assert_int_equal(amph_remoteproc_start(&r, amph_deadline(10000)), 0);
	assert_string_equal(kernel.value, "start");
	assert_int_equal(r.state, AMPH_REMOTEPROC_RUNNING);
	assert_int_equal(r.boots, 1);
	/* not once more: the kernel would count, and a stop stop nothing */
	assert_int_equal(amph_remoteproc_start(&r, amph_deadline(10000)), -EBUSY);
	assert_int_equal(atomic_load(&kernel.commands), 1);
	assert_int_equal(amph_remoteproc_wait(&r, amph_deadline(20)), -ETIMEDOUT);
	set_state("crashed");
	assert_int_equal(amph_remoteproc_wait(&r, amph_deadline(10000)), 0);
	assert_int_equal(r.state, AMPH_REMOTEPROC_CRASHED);
	assert_int_equal(amph_remoteproc_start(&r, amph_deadline(10000)), -EBUSY);
	set_state("running");
	assert_int_equal(amph_remoteproc_wait(&r, 0), 0);
	assert_int_equal(r.boots, 2);
	assert_int_equal(amph_remoteproc_stop(&r, amph_deadline(10000)), 0);
	assert_int_equal(r.state, AMPH_REMOTEPROC_OFFLINE);
	set_state("attached");
	assert_int_equal(amph_remoteproc_wait(&r, 0), 0);
	assert_int_equal(r.boots, 3);
	assert_int_equal(amph_remoteproc_detach(&r, amph_deadline(10000)), 0);
	assert_int_equal(r.state, AMPH_REMOTEPROC_DETACHED);
	set_state("something new");
	assert_int_equal(amph_remoteproc_wait(&r, 0), 0);
	assert_int_equal(r.state, AMPH_REMOTEPROC_UNKNOWN);
	tree_run("rm -r sys");
	assert_int_equal(amph_remoteproc_wait(&r, amph_deadline(1000)), -ENOENT);
	assert_int_equal(amph_remoteproc_start(&r, amph_deadline(1000)), -ENOENT);
	amph_remoteproc_close(&r);
	assert_int_equal(amph_remoteproc_open(&r, 1, NULL), -ENOENT);
	assert_int_equal(amph_remoteproc_open_checked(&r, 1, NULL, AMPH_ABI, 1), -EPROTO);
}

static void module_counts_lives_that_nobody_saw(void **state)
{
	struct amph_remoteproc r;

	(void)state;
	tree_run("mkdir -p dev && : >dev/amphora && : >dev/remoteproc1");
	kernel.boots = 40;
	open_it(&r);
	assert_true(r.exact);
	assert_true(r.fd >= 0);
	assert_int_equal(r.boots, 40);
	kernel.boots = 42;
	assert_int_equal(amph_remoteproc_wait(&r, 0), 0);
	assert_int_equal(r.boots, 42);
	assert_int_equal(amph_remoteproc_wait(&r, 0), -ETIMEDOUT);
	amph_remoteproc_close(&r);
	assert_int_equal(r.fd, -1);
	/* closing the device would stop the processor: it is not opened for us */
	kernel.stops_on_release = 1;
	open_it(&r);
	assert_false(r.exact);
	assert_int_equal(kernel.opened, 1);
	amph_remoteproc_close(&r);
}

static void stop_that_stops_nothing_is_told_and_a_start_is_one(void **state)
{
	struct amph_remoteproc r;

	(void)state;
	set_state("running");
	open_it(&r);
	kernel.becomes = "running";
	assert_int_equal(amph_remoteproc_stop(&r, amph_deadline(10000)), -EBUSY);
	assert_non_null(strstr(r.why.what, "another user"));
	assert_int_equal(amph_remoteproc_detach(&r, amph_deadline(10000)), -EBUSY);
	set_state("offline");
	kernel.becomes = "offline";
	/* it was started, and is off again */
	assert_int_equal(amph_remoteproc_start(&r, amph_deadline(10000)), 0);
	assert_int_equal(r.state, AMPH_REMOTEPROC_OFFLINE);
	kernel.answer = -EINVAL;
	assert_int_equal(amph_remoteproc_stop(&r, amph_deadline(10000)), -EINVAL);
	kernel.answer = -ENOENT;
	assert_int_equal(amph_remoteproc_start(&r, amph_deadline(10000)), -ENOENT);
	assert_non_null(strstr(r.why.what, "firmware"));
	amph_remoteproc_close(&r);
}

static void kernel_that_takes_long_holds_nobody(void **state)
{
	struct amph_remoteproc r;

	(void)state;
	open_it(&r);
	atomic_store(&kernel.hold, true);
	assert_int_equal(amph_remoteproc_start(&r, amph_deadline(20)), -ETIMEDOUT);
	assert_int_equal(amph_remoteproc_stop(&r, amph_deadline(20)), -EBUSY);
	assert_non_null(strstr(r.why.what, "former command"));
	atomic_store(&kernel.hold, false);
	/* it went on, and what it did is seen */
	assert_int_equal(amph_remoteproc_wait(&r, amph_deadline(10000)), 0);
	assert_int_equal(r.state, AMPH_REMOTEPROC_RUNNING);
	while (atomic_load(&kernel.commands) < 1)
		usleep(1000);
	while (amph_remoteproc_stop(&r, amph_deadline(10000)) == -EBUSY)
		usleep(1000);
	assert_int_equal(r.state, AMPH_REMOTEPROC_OFFLINE);
	/* one that is left alone ends by itself */
	atomic_store(&kernel.hold, true);
	assert_int_equal(amph_remoteproc_start(&r, amph_deadline(20)), -ETIMEDOUT);
	amph_remoteproc_close(&r);
	atomic_store(&kernel.hold, false);
	while (atomic_load(&kernel.commands) < 3)
		usleep(1000);
	/* what is late from the start is not begun */
	open_it(&r);
	assert_int_equal(amph_remoteproc_stop(&r, 0), -ETIMEDOUT);
	assert_int_equal(atomic_load(&kernel.commands), 3);
	amph_remoteproc_close(&r);
}

static void attributes_are_read_and_set(void **state)
{
	char text[AMPH_REMOTEPROC_TEXT_MAX], longest[AMPH_REMOTEPROC_TEXT_MAX + 1];
	struct amph_remoteproc r;

	(void)state;
	open_it(&r);
	assert_int_equal(amph_remoteproc_get(&r, "firmware", text, sizeof(text)), 0);
	assert_string_equal(text, "old.elf");
	assert_int_equal(amph_remoteproc_set(&r, "firmware", "new.elf", amph_deadline(10000)), 0);
	assert_int_equal(amph_remoteproc_get(&r, "firmware", text, sizeof(text)), 0);
	assert_string_equal(text, "new.elf");
	assert_int_equal(amph_remoteproc_set(&r, "recovery", "disabled", amph_deadline(10000)), 0);
	assert_int_equal(amph_remoteproc_set(&r, "coredump", "enabled", amph_deadline(10000)), 0);
	assert_non_null(strstr(kernel.path, "/sys/class/remoteproc/remoteproc1/coredump"));
	assert_int_equal(amph_remoteproc_set(&r, "state", "start", 0), -EINVAL);
	assert_int_equal(amph_remoteproc_set(&r, "../x", "1", 0), -EINVAL);
	assert_int_equal(amph_remoteproc_get(&r, "../x", text, sizeof(text)), -EINVAL);
	assert_int_equal(amph_remoteproc_get(&r, "name", text, 0), -EINVAL);
	tree_run("rm sys/class/remoteproc/remoteproc1/recovery");
	assert_int_equal(amph_remoteproc_get(&r, "recovery", text, sizeof(text)), -ENOENT);
	memset(longest, 'x', sizeof(longest));
	longest[AMPH_REMOTEPROC_TEXT_MAX] = 0;
	assert_int_equal(amph_remoteproc_set(&r, "firmware", longest, amph_deadline(10000)),
			 -EINVAL);
	kernel.answer = -EBUSY;
	assert_int_equal(amph_remoteproc_set(&r, "firmware", "x", amph_deadline(10000)), -EBUSY);
	assert_non_null(strstr(r.why.what, "not off"));
	amph_remoteproc_close(&r);
}

static void image_given_as_bytes_is_put_where_the_kernel_looks(void **state)
{
	struct amph_remoteproc r;

	(void)state;
	open_it(&r);
	assert_int_equal(amph_remoteproc_install(&r, "image", 5, amph_deadline(10000)), -ENOENT);
	tree_run("mkdir -p lib/firmware custom");
	assert_int_equal(amph_remoteproc_install(&r, "image", 5, amph_deadline(10000)), 0);
	tree_run("[ $(cat lib/firmware/amphora-remoteproc1.elf) = image ]");
	tree_run("[ $(cat sys/class/remoteproc/remoteproc1/firmware) = amphora-remoteproc1.elf ]");
	assert_int_equal(amph_remoteproc_install(&r, "newer", 5, amph_deadline(10000)), 0);
	tree_run("[ $(cat lib/firmware/*) = newer ]"); /* one file */
	tree_run("mkdir -p sys/module/firmware_class/parameters && "
		 "echo %s/custom >sys/module/firmware_class/parameters/path",
		 tree);
	assert_int_equal(amph_remoteproc_install(&r, "mine", 4, amph_deadline(10000)), 0);
	tree_run("[ $(cat custom/amphora-remoteproc1.elf) = mine ]");
	tree_run("echo >sys/module/firmware_class/parameters/path");
	assert_int_equal(amph_remoteproc_install(&r, "image", 5, amph_deadline(10000)), 0);
	tree_run("[ $(cat lib/firmware/amphora-remoteproc1.elf) = image ]");
	assert_int_equal(amph_remoteproc_install(&r, "image", 0, amph_deadline(10000)), -EINVAL);
	amph_remoteproc_close(&r);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(all_are_listed_in_order),
		TEST(one_is_found_by_what_a_user_calls_it),
		TEST(lives_are_counted_by_what_is_looked_at),
		TEST(module_counts_lives_that_nobody_saw),
		TEST(stop_that_stops_nothing_is_told_and_a_start_is_one),
		TEST(kernel_that_takes_long_holds_nobody),
		TEST(attributes_are_read_and_set),
		TEST(image_given_as_bytes_is_put_where_the_kernel_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
