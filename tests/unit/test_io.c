/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O regions and address maps: translation, register access, and every refusal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <amphora/io.h>

static _Alignas(8) uint8_t memory[64];

static struct amph_io region(void)
{
	struct amph_io io;

	assert_int_equal(amph_io_init(&io, memory, 0x40000000, 0x80000000, sizeof(memory)), 0);
	return io;
}

static void region_translates_between_its_three_addresses(void **state)
{
	struct amph_io io = region();
	uint64_t address;
	void *va;

	(void)state;
	assert_int_equal(amph_io_pa_to_va(&io, 0x40000010, 8, &va), 0);
	assert_ptr_equal(va, memory + 16);
	assert_int_equal(amph_io_da_to_va(&io, 0x80000020, 32, &va), 0);
	assert_ptr_equal(va, memory + 32);
	assert_int_equal(amph_io_va_to_pa(&io, memory + 1, 63, &address), 0);
	assert_int_equal(address, 0x40000001);
	assert_int_equal(amph_io_va_to_da(&io, memory, 64, &address), 0);
	assert_int_equal(address, 0x80000000);
}

static void region_refuses_what_is_not_all_inside(void **state)
{
	struct amph_io io = region();
	uint64_t address;
	void *va;

	(void)state;
	assert_int_equal(amph_io_pa_to_va(&io, 0x3fffffff, 1, &va), -ERANGE);
	assert_int_equal(amph_io_pa_to_va(&io, 0x40000000, 65, &va), -ERANGE);
	assert_int_equal(amph_io_pa_to_va(&io, 0x4000003f, 2, &va), -ERANGE);
	assert_int_equal(amph_io_pa_to_va(&io, 0x40000041, 0, &va), -ERANGE);
	assert_int_equal(amph_io_pa_to_va(&io, 0x40000001, UINT64_MAX, &va), -ERANGE);
	assert_int_equal(amph_io_da_to_va(&io, UINT64_MAX, 1, &va), -ERANGE);
	assert_int_equal(amph_io_va_to_pa(&io, memory + 63, 2, &address), -ERANGE);
	assert_int_equal(amph_io_va_to_da(&io, (void *)((uintptr_t)memory - 1), 1, &address),
			 -ERANGE);
}

static void empty_range_at_the_end_is_inside(void **state)
{
	struct amph_io io = region();
	void *va;

	(void)state;
	assert_int_equal(amph_io_pa_to_va(&io, 0x40000040, 0, &va), 0);
	assert_ptr_equal(va, memory + 64);
}

static void region_that_is_not_mapped_has_no_virtual_addresses(void **state)
{
	struct amph_io io;
	uint64_t address;
	uint8_t value;
	void *va;

	(void)state;
	assert_int_equal(amph_io_init(&io, NULL, 0, 0, 4096), 0);
	assert_int_equal(amph_io_pa_to_va(&io, 0, 1, &va), -ERANGE);
	assert_int_equal(amph_io_va_to_pa(&io, NULL, 1, &address), -ERANGE);
	assert_int_equal(amph_io_read8(&io, 0, &value), -ERANGE);
}

static void region_that_wraps_around_or_is_empty_is_refused(void **state)
{
	struct amph_io io;
	void *high = (void *)(UINTPTR_MAX - 7);

	(void)state;
	assert_int_equal(amph_io_init(&io, memory, 0, 0, 0), -EINVAL);
	assert_int_equal(amph_io_init(&io, NULL, UINT64_MAX - 6, 0, 8), -EINVAL);
	assert_int_equal(amph_io_init(&io, NULL, 0, UINT64_MAX - 6, 8), -EINVAL);
	assert_int_equal(amph_io_init(&io, high, 0, 0, 9), -EINVAL);
	assert_int_equal(amph_io_init(&io, high, UINT64_MAX - 7, UINT64_MAX - 7, 8), 0);
}

static void registers_are_read_and_written_at_their_width(void **state)
{
	struct amph_io io = region();
	uint8_t byte;
	uint16_t half;
	uint32_t word;

	(void)state;
	assert_int_equal(amph_io_write32(&io, 60, 0x44332211), 0);
	assert_int_equal(amph_io_read8(&io, 60, &byte), 0);
	assert_int_equal(byte, 0x11);
	assert_int_equal(amph_io_read16(&io, 62, &half), 0);
	assert_int_equal(half, 0x4433);
	assert_int_equal(amph_io_write16(&io, 60, 0xaaaa), 0);
	assert_int_equal(amph_io_write8(&io, 63, 0x55), 0);
	assert_int_equal(amph_io_read32(&io, 60, &word), 0);
	assert_int_equal(word, 0x5533aaaa);
}

static void registers_outside_or_misaligned_are_refused(void **state)
{
	struct amph_io io = region();
	uint8_t byte;
	uint16_t half;
	uint32_t word;

	(void)state;
	assert_int_equal(amph_io_read8(&io, 64, &byte), -ERANGE);
	assert_int_equal(amph_io_read16(&io, 63, &half), -ERANGE);
	assert_int_equal(amph_io_read32(&io, 61, &word), -ERANGE);
	assert_int_equal(amph_io_write8(&io, UINT64_MAX, 0), -ERANGE);
	assert_int_equal(amph_io_write16(&io, 64, 0), -ERANGE);
	assert_int_equal(amph_io_write32(&io, 64, 0), -ERANGE);
	assert_int_equal(amph_io_read16(&io, 1, &half), -EINVAL);
	assert_int_equal(amph_io_read32(&io, 2, &word), -EINVAL);
	assert_int_equal(amph_io_write16(&io, 3, 0), -EINVAL);
	assert_int_equal(amph_io_write32(&io, 5, 0), -EINVAL);
	io.va = memory + 1;
	assert_int_equal(amph_io_read32(&io, 0, &word), -EINVAL);
}

static const struct amph_window two_windows[] = {
	{.pa = 0x40000000, .da = 0x80000000, .length = 0x1000},
	{.pa = 0x50000000, .da = 0x10000000, .length = 0x2000},
};
static const struct amph_map two = {.windows = two_windows, .count = 2};

static void map_translates_inside_one_window(void **state)
{
	uint64_t address;

	(void)state;
	assert_int_equal(amph_map_check(&two, NULL), 0);
	assert_int_equal(amph_map_pa_to_da(&two, 0x50000ff0, 0x1010, &address), 0);
	assert_int_equal(address, 0x10000ff0);
	assert_int_equal(amph_map_da_to_pa(&two, 0x80000fff, 1, &address), 0);
	assert_int_equal(address, 0x40000fff);
	assert_int_equal(amph_map_pa_to_da(&two, 0x50000ff0, 0x1011, &address), -ERANGE);
	assert_int_equal(amph_map_pa_to_da(&two, 0x3fffffff, 2, &address), -ERANGE);
	assert_int_equal(amph_map_da_to_pa(&two, 0x80000fff, 2, &address), -ERANGE);
	assert_int_equal(amph_map_da_to_pa(&two, 0, 1, &address), -ERANGE);
}

static void map_without_windows_is_the_identity(void **state)
{
	const struct amph_map none = {0};
	uint64_t address;

	(void)state;
	assert_int_equal(amph_map_check(&none, NULL), 0);
	assert_int_equal(amph_map_pa_to_da(&none, UINT64_MAX, 1, &address), 0);
	assert_true(address == UINT64_MAX);
	assert_int_equal(amph_map_da_to_pa(&none, 5, 10, &address), 0);
	assert_int_equal(address, 5);
	assert_int_equal(amph_map_pa_to_da(&none, UINT64_MAX, 2, &address), -ERANGE);
	assert_int_equal(amph_map_da_to_pa(&none, UINT64_MAX, 2, &address), -ERANGE);
}

static void refused(uint64_t pa, uint64_t da, uint64_t length, const char *what)
{
	const struct amph_window windows[] = {
		{.pa = 0x1000, .da = 0x9000, .length = 0x1000},
		{.pa = pa, .da = da, .length = length},
	};
	const struct amph_map map = {.windows = windows, .count = 2};
	struct amph_why why = {0};

	assert_int_equal(amph_map_check(&map, &why), -EINVAL);
	assert_string_equal(why.what, what);
}

static void map_with_an_empty_wrapping_or_overlapping_window_is_refused(void **state)
{
	(void)state;
	refused(0, 0, 0, "a window is empty");
	refused(UINT64_MAX, 0, 2, "a window's physical addresses wrap around");
	refused(0, UINT64_MAX, 2, "a window's device addresses wrap around");
	refused(0x1fff, 0, 1, "two windows overlap in physical addresses");
	refused(0, 0xf000, 0x1001, "two windows overlap in physical addresses");
	refused(0x2000, 0x9fff, 1, "two windows overlap in device addresses");
	refused(0x2000, 0x8fff, 2, "two windows overlap in device addresses");
}

static void windows_may_touch(void **state)
{
	const struct amph_window windows[] = {
		{.pa = 0x1000, .da = 0x9000, .length = 0x1000},
		{.pa = 0x2000, .da = 0x8000, .length = 0x1000},
	};
	const struct amph_map map = {.windows = windows, .count = 2};

	(void)state;
	assert_int_equal(amph_map_check(&map, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(region_translates_between_its_three_addresses),
		cmocka_unit_test(region_refuses_what_is_not_all_inside),
		cmocka_unit_test(empty_range_at_the_end_is_inside),
		cmocka_unit_test(region_that_is_not_mapped_has_no_virtual_addresses),
		cmocka_unit_test(region_that_wraps_around_or_is_empty_is_refused),
		cmocka_unit_test(registers_are_read_and_written_at_their_width),
		cmocka_unit_test(registers_outside_or_misaligned_are_refused),
		cmocka_unit_test(map_translates_inside_one_window),
		cmocka_unit_test(map_without_windows_is_the_identity),
		cmocka_unit_test(map_with_an_empty_wrapping_or_overlapping_window_is_refused),
		cmocka_unit_test(windows_may_touch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
