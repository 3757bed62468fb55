/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Policies in a file: what each line means, what is wrong with one that means nothing, and whose file it
 * may be.
 * Test code of the memory layer, on Linux.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <amphora/policy_file.h>

#define RULES_MAX 6

static struct amph_policy policy;
static struct amph_policy_rule rules[RULES_MAX];
static struct amph_policy_use uses[RULES_MAX];
static char text[4096];
static const struct amph_policy_storage storage = {rules, uses, RULES_MAX, text, sizeof(text)};
static struct amph_policy_error error;

static int parse_bytes(const char *bytes, size_t length)
{
	memset(&policy, 0, sizeof(policy));
	memset(rules, 0, sizeof(rules));
	memset(text, '#', sizeof(text));
	memcpy(text, bytes, length);
	return amph_policy_parse(&policy, &storage, (uint32_t)length, "it", &error);
}

static int parse(const char *bytes)
{
	return parse_bytes(bytes, strlen(bytes));
}

static void assert_rule(uint32_t i, const struct amph_policy_rule *expected)
{
	assert_string_equal(policy.rules[i].target, expected->target);
	assert_string_equal(policy.rules[i].provider, expected->provider);
	assert_int_equal(policy.rules[i].direction, expected->direction);
	assert_int_equal(policy.rules[i].flags, expected->flags);
	assert_true(policy.rules[i].size_max == expected->size_max);
	assert_int_equal(policy.rules[i].count_max, expected->count_max);
	assert_int_equal(policy.rules[i].line, expected->line);
}

static void lines_are_rules_in_their_order(void **state)
{
	static const struct amph_policy_rule expected[] = {
		{.target = "dsp", .provider = "heap", .direction = AMPH_DEVICE_READS, .line = 2},
		{.target = "dsp", .provider = "secure*", .line = 3},
		{.target = "cam*",
		 .provider = "protected",
		 .direction = AMPH_DEVICE_WRITES,
		 .flags = AMPH_POLICY_ENFORCED | AMPH_POLICY_NO_PASS,
		 .size_max = 64u << 20,
		 .count_max = 3,
		 .line = 5},
		{.target = "*",
		 .provider = "*",
		 .direction = AMPH_DEVICE_READS_WRITES,
		 .size_max = UINT64_C(2) << 30,
		 .line = 6},
	};
	(void)state;

	assert_int_equal(parse("# who may have what \xc3\xa9\n"
			       "allow dsp heap reads\n"
			       "  deny\tdsp  secure*   # the rest of it\n"
			       "\n"
			       "allow cam* protected writes no-pass size=64M enforced buffers=3 #\n"
			       "allow * * reads-writes size=2G"),
			 0);
	assert_string_equal(error.text, "");
	assert_int_equal(policy.rule_count, 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_rule(i, &expected[i]);
}

static void a_text_without_a_rule_allows_nothing(void **state)
{
	static const char *const texts[] = {"", "\n", "# nothing", "\n\n \t \n#", "#\n"};
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(parse(texts[i]), 0);
		assert_int_equal(policy.rule_count, 0);
	}
}

static void numbers_are_taken_up_to_the_largest(void **state)
{
	static const struct {
		const char *words;
		uint64_t size;
		uint32_t count;
	} cases[] = {
		{"size=1", 1, 0},
		{"size=18446744073709551615", UINT64_MAX, 0},
		{"size=18014398509481983K", UINT64_MAX - 1023, 0},
		{"size=17179869183G", UINT64_MAX - 0x3fffffff, 0},
		{"size=007", 7, 0},
		{"buffers=4294967295", 0, UINT32_MAX},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[128];

		snprintf(line, sizeof(line), "allow a b reads %s", cases[i].words);
		assert_int_equal(parse(line), 0);
		assert_true(rules[0].size_max == cases[i].size);
		assert_int_equal(rules[0].count_max, cases[i].count);
	}
}

static void what_is_wrong_is_told_by_line_and_word(void **state)
{
	static const struct {
		const char *text;
		const char *told;
	} cases[] = {
		{"permit a b reads", "it:1: \"permit\": no such rule; there are allow and deny"},
		{"\n\nAllow a b reads", "it:3: \"Allow\": no such rule; there are allow and deny"},
		{"allow", "it:1: \"allow\": words are missing: allow TARGET PROVIDER DIRECTION"},
		{"allow a b # reads",
		 "it:1: \"b\": words are missing: allow TARGET PROVIDER DIRECTION"},
		{"deny a", "it:1: \"a\": words are missing: deny TARGET PROVIDER"},
		{"deny a b reads", "it:1: \"reads\": one word too many: deny TARGET PROVIDER"},
		{"allow a b read", "it:1: \"read\": no such direction; there are reads, writes and "
				   "reads-writes"},
		{"allow a b reads bufers=2",
		 "it:1: \"bufers=2\": no such word; there are size=, buffers=, enforced and no-pass"},
		{"allow a b reads size=",
		 "it:1: \"size=\": not a number of bytes, 1 or more; K, M or "
		 "G may follow"},
		{"allow a b reads size=0",
		 "it:1: \"size=0\": not a number of bytes, 1 or more; K, M "
		 "or G may follow"},
		{"allow a b reads size=1k",
		 "it:1: \"size=1k\": not a number of bytes, 1 or more; K, "
		 "M or G may follow"},
		{"allow a b reads size=1MB",
		 "it:1: \"size=1MB\": not a number of bytes, 1 or more; "
		 "K, M or G may follow"},
		{"allow a b reads size=-1",
		 "it:1: \"size=-1\": not a number of bytes, 1 or more; K, "
		 "M or G may follow"},
		{"allow a b reads size=18446744073709551616",
		 "it:1: \"size=18446744073709551616\": the number is too large"},
		{"allow a b reads size=17179869184G",
		 "it:1: \"size=17179869184G\": the number is too large"},
		{"allow a b reads size=1 size=2", "it:1: \"size=2\": said twice"},
		{"allow a b reads buffers=2K", "it:1: \"buffers=2K\": not a number, 1 or more"},
		{"allow a b reads buffers=4294967296",
		 "it:1: \"buffers=4294967296\": the number is too large"},
		{"allow a b reads buffers=1 buffers=1", "it:1: \"buffers=1\": said twice"},
		{"allow a b reads enforced enforced", "it:1: \"enforced\": said twice"},
		{"allow a b reads no-pass no-pass", "it:1: \"no-pass\": said twice"},
		{"allow a b reads size=1 buffers=1 enforced no-pass more",
		 "it:1: \"no-pass\": more words follow than a rule has"},
		{"allow *a b reads",
		 "it:1: \"*a\": \"*\" stands for the rest of a name, at its end"},
		{"allow a b** reads",
		 "it:1: \"b**\": \"*\" stands for the rest of a name, at its end"},
		{"allow a 0123456789012345678901234567890123456789abcdefgh reads",
		 "it:1: \"0123456789012345678901234567890123456789abcdefgh\": the name is too long"},
		{"allow a \xc3\xa9 reads", "it:1: a word with a character that is not ASCII"},
		{"allow a b reads\r\n", "it:1: a control character that is no tab"},
		{"\n# \x1b[2J", "it:2: a control character that is no tab"},
		{"allow a b reads\nallow b b reads\n\nallow a b writes",
		 "it:4: the rule is never reached: one before it names as much"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text), -EINVAL);
		assert_string_equal(error.text, cases[i].told);
		assert_null(policy.ops); /* nothing of it counts */
	}
	assert_int_equal(parse_bytes("allow a\0b reads", 15), -EINVAL);
	assert_string_equal(error.text, "it:1: a control character that is no tab");
}

static void a_word_without_end_does_not_hide_what_is_wrong_with_it(void **state)
{
	char line[2000];
	(void)state;

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = 0;
	assert_int_equal(parse(line), -EINVAL);
	assert_non_null(strstr(error.text, "xxx...\": no such rule; there are allow and deny"));
	assert_true(strlen(error.text) < 128);
}

static void more_rules_than_there_is_room_for_are_refused(void **state)
{
	char line[512] = "";
	(void)state;

	for (int i = 0; i <= RULES_MAX; i++) {
		assert_int_equal(parse(line), 0);
		assert_int_equal(policy.rule_count, i);
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "deny %c *\n", 'a' + i);
	}
	assert_int_equal(parse(line), -ENOSPC);
	assert_string_equal(error.text, "it:7: more rules than the application has room for");
	/* the text itself, and a byte for its end */
	memset(text, '#', sizeof(text));
	assert_int_equal(amph_policy_parse(&policy, &storage, sizeof(text), "it", &error), -ENOSPC);
	assert_int_equal(amph_policy_parse(&policy, &storage, sizeof(text) - 1, "it", &error), 0);
	assert_int_equal(amph_policy_parse_checked(&policy, &storage, 0, "it", &error, AMPH_ABI,
						   sizeof(policy) + 1),
			 -EPROTO);
}

/* --- the file --- */

static char folder[64], path[128];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/amphora-policy-XXXXXX");
	if (!mkdtemp(folder) || chmod(folder, 0755))
		return -1;
	snprintf(path, sizeof(path), "%s/policy", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void make_file(const char *content, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int read_file(void)
{
	return amph_policy_read(&policy, &storage, path, &error);
}

static void assert_told(const char *words)
{
	assert_int_equal(strncmp(error.text, path, strlen(path)), 0);
	assert_non_null(strstr(error.text, words));
}

static void a_file_is_a_policy(void **state)
{
	(void)state;
	make_file("# a\nallow a b reads\n", 0644);
	assert_int_equal(read_file(), 0);
	assert_int_equal(policy.rule_count, 1);
	assert_int_equal(rules[0].line, 2);
	make_file("allow a\n", 0600);
	assert_int_equal(read_file(), -EINVAL);
	assert_told("policy:1: \"a\": words are missing");
	assert_int_equal(error.line, 1);
}

static void a_file_that_others_can_write_is_refused(void **state)
{
	static const mode_t modes[] = {0666, 0664, 0646, 0602, 0620};
	(void)state;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		make_file("allow a b reads\n", modes[i]);
		memset(&policy, 0, sizeof(policy));
		assert_int_equal(read_file(), -EACCES);
		assert_told("chmod go-w");
		assert_null(policy.ops);
	}
}

static void a_file_of_another_user_is_refused(void **state)
{
	(void)state;
	make_file("allow a b reads\n", 0644);
	if (chown(path, 12345, (gid_t)-1)) {
		skip();
		return;
	}
	assert_int_equal(read_file(), -EACCES);
	assert_told("neither root's nor this user's");
	/* one that runs as that user may have policies of its own, or root's */
	assert_int_equal(seteuid(12345), 0);
	assert_int_equal(read_file(), 0);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown(path, 0, (gid_t)-1), 0);
	assert_int_equal(seteuid(12345), 0);
	assert_int_equal(read_file(), 0);
	assert_int_equal(seteuid(0), 0);
}

static void what_is_no_file_is_refused_at_once(void **state)
{
	(void)state;
	assert_int_equal(read_file(), -ENOENT);
	assert_told("No such file");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(read_file(), -EINVAL);
	assert_told("no regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(read_file(), -EINVAL);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/dev/zero", path), 0);
	assert_int_equal(read_file(), -EINVAL);
}

static void a_file_that_is_too_large_is_refused(void **state)
{
	char content[sizeof(text) + 1];
	(void)state;

	memset(content, '#', sizeof(content));
	content[sizeof(text) - 1] = 0;
	make_file(content, 0600);
	assert_int_equal(read_file(), 0);
	content[sizeof(text) - 1] = '#';
	content[sizeof(text)] = 0;
	make_file(content, 0600);
	assert_int_equal(read_file(), -EFBIG);
	assert_told("larger");
}

static void without_a_path_it_is_the_systems(void **state)
{
	int result = amph_policy_read(&policy, &storage, NULL, &error);
	(void)state;

	if (access(AMPH_POLICY_PATH, F_OK))
		assert_int_equal(result, -ENOENT);
	if (result)
		assert_int_equal(strncmp(error.text, AMPH_POLICY_PATH, strlen(AMPH_POLICY_PATH)),
				 0);
}

static void nothing_stays_open(void **state)
{
	int before = dup(0), after;
	(void)state;

	close(before);
	a_file_that_others_can_write_is_refused(NULL);
	a_file_is_a_policy(NULL);
	a_file_that_is_too_large_is_refused(NULL);
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_rules_in_their_order),
		cmocka_unit_test(a_text_without_a_rule_allows_nothing),
		cmocka_unit_test(numbers_are_taken_up_to_the_largest),
		cmocka_unit_test(what_is_wrong_is_told_by_line_and_word),
		cmocka_unit_test(a_word_without_end_does_not_hide_what_is_wrong_with_it),
		cmocka_unit_test(more_rules_than_there_is_room_for_are_refused),
		FILE_TEST(a_file_is_a_policy),
		FILE_TEST(a_file_that_others_can_write_is_refused),
		FILE_TEST(a_file_of_another_user_is_refused),
		FILE_TEST(what_is_no_file_is_refused_at_once),
		FILE_TEST(a_file_that_is_too_large_is_refused),
		FILE_TEST(without_a_path_it_is_the_systems),
		FILE_TEST(nothing_stays_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
