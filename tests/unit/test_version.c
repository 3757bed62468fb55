/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Version and ABI stamp: any difference between library and program is found.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <amphora/error.h>
#include <amphora/version.h>

static void version_text_and_numbers_agree(void **state)
{
	char text[32];

	(void)state;
	snprintf(text, sizeof(text), "%d.%d.%d", AMPH_VERSION_MAJOR, AMPH_VERSION_MINOR,
		 AMPH_VERSION_PATCH);
	assert_string_equal(text, AMPH_VERSION_STRING);
	assert_string_equal(amph_version(), AMPH_VERSION_STRING);
}

static void same_stamp_and_size_pass(void **state)
{
	(void)state;
	assert_int_equal(amph_abi_check(AMPH_ABI, 120, 120), 0);
}

static void every_bit_of_another_stamp_is_refused(void **state)
{
	(void)state;
	for (unsigned int bit = 0; bit < 32; bit++)
		assert_int_equal(amph_abi_check(AMPH_ABI ^ UINT32_C(1) << bit, 120, 120), -EPROTO);
}

static void another_structure_size_is_refused(void **state)
{
	(void)state;
	assert_int_equal(amph_abi_check(AMPH_ABI, 119, 120), -EPROTO);
	assert_int_equal(amph_abi_check(AMPH_ABI, 121, 120), -EPROTO);
}

static uint32_t stamp(uint32_t name_max, uint32_t attachments_max, uint32_t message_max)
{
	uint32_t hash = AMPH_ABI_FOLD(AMPH_VERSION_MINOR << 16 | AMPH_ABI_REVISION, name_max);

	hash = AMPH_ABI_FOLD(hash, attachments_max);
	return AMPH_ABI_FOLD(AMPH_ABI_FOLD(hash, message_max), sizeof(void *));
}

/* 31 attachments and 496 bytes, or 15 and 240: what an exclusive or alone would mistake. */
static void limits_that_differ_together_give_another_stamp(void **state)
{
	const uint32_t names[] = {16, 32, 48, 64, 128, 256};
	const uint32_t messages[] = {112, 240, 248, 480, 496, 1008, 2032, 4080};
	uint32_t seen[6 * 31 * 8];
	uint32_t count = 0;

	(void)state;
	for (uint32_t n = 0; n < 6; n++)
		for (uint32_t a = 1; a <= 31; a++)
			for (uint32_t m = 0; m < 8; m++)
				seen[count++] = stamp(names[n], a, messages[m]);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = i + 1; j < count; j++)
			assert_int_not_equal(seen[i], seen[j]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_text_and_numbers_agree),
		cmocka_unit_test(same_stamp_and_size_pass),
		cmocka_unit_test(every_bit_of_another_stamp_is_refused),
		cmocka_unit_test(another_structure_size_is_refused),
		cmocka_unit_test(limits_that_differ_together_give_another_stamp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
