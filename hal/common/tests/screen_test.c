// SPDX-License-Identifier: MIT
/*
 * A framebuffer as a loader tells of it: what can be one is read right, everything else is no
 * screen, and whatever is told, nothing that is accepted can be written outside its own memory.
 */
#include "hx_test.h"

#include <hx/hal/parse.h>

#define RAM_END		0x10000000ull
#define FB		0xfd000000ull

static struct hx_boot_info info;

static void begin(uint8_t bpp)
{
	memset(&info, 0, sizeof(info));
	assert_int_equal(hx_memmap_add(&info, 0, RAM_END, HX_MEM_USABLE), 0);
	assert_int_equal(hx_memmap_add(&info, 0xf0000000, 0xf0100000, HX_MEM_RESERVED), 0);
	info.fb = (struct hx_framebuffer){
		.addr = FB, .width = 800, .height = 600, .pitch_bytes = 800u * ((bpp + 7u) / 8),
		.bpp = bpp, .type = 1,
		.red_shift = 16, .red_bits = 8, .green_shift = 8, .green_bits = 8,
		.blue_shift = 0, .blue_bits = 8,
	};
}

static void set_fields(unsigned red, unsigned red_bits, unsigned green, unsigned green_bits,
		       unsigned blue, unsigned blue_bits)
{
	info.fb.red_shift = (uint8_t)red;
	info.fb.red_bits = (uint8_t)red_bits;
	info.fb.green_shift = (uint8_t)green;
	info.fb.green_bits = (uint8_t)green_bits;
	info.fb.blue_shift = (uint8_t)blue;
	info.fb.blue_bits = (uint8_t)blue_bits;
}

static void assert_read(uint32_t ink, uint32_t paper, unsigned cell_bytes)
{
	struct hx_screen s;

	memset(&s, 0x5a, sizeof(s));
	assert_int_equal(hx_screen_read(&info, &s), 0);
	assert_null(s.bytes);
	assert_int_equal(s.width, info.fb.width);
	assert_int_equal(s.height, info.fb.height);
	assert_int_equal(s.pitch_bytes, info.fb.pitch_bytes);
	assert_int_equal(s.ink, ink);
	assert_int_equal(s.paper, paper);
	assert_int_equal(s.cell_bytes, cell_bytes);
}

static void assert_none(int why)
{
	struct hx_screen s, before;

	memset(&s, 0x5a, sizeof(s));
	before = s;
	assert_int_equal(hx_screen_read(&info, &s), why);
	assert_memory_equal(&s, &before, sizeof(s));
}

static void each_depth_is_read(void **state)
{
	begin(32);
	assert_read(0xffffff, 0x60, 4);
	set_fields(0, 8, 8, 8, 16, 8);
	assert_read(0xffffff, 0x600000, 4);
	set_fields(20, 10, 10, 10, 0, 10);
	assert_read(0x3fffffff, 0x60 << 2 | 0x60 >> 6, 4);
	begin(24);
	assert_read(0xffffff, 0x60, 3);
	begin(16);
	set_fields(11, 5, 5, 6, 0, 5);
	assert_read(0xffff, 0x60 >> 3, 2);
	begin(15);
	set_fields(10, 5, 5, 5, 0, 5);
	assert_read(0x7fff, 0x60 >> 3, 2);
	begin(8);
	info.fb.type = 0;
	info.fb.ink = 15;
	assert_read(15, 0, 1);
	begin(16);
	info.fb = (struct hx_framebuffer){ .addr = 0xb8000, .width = 80, .height = 25,
					   .pitch_bytes = 160, .bpp = 16, .type = 2 };
	info.n_mem = 0;
	assert_read(0x1f, 0, 2);
}

static void no_framebuffer_is_none(void **state)
{
	begin(32);
	info.fb.addr = 0;
	assert_none(-HX_ENODEV);
}

static void sides_are_bounded(void **state)
{
	begin(32);
	info.fb.width = 0;
	assert_none(-HX_EINVAL);
	begin(32);
	info.fb.height = 0;
	assert_none(-HX_EINVAL);
	begin(32);
	info.fb.height = 16385;
	assert_none(-HX_EINVAL);
	begin(32);
	info.fb.width = 16385;
	info.fb.pitch_bytes = 16385 * 4;
	assert_none(-HX_EINVAL);
	begin(32);
	info.fb.pitch_bytes = 800 * 4 - 1;
	assert_none(-HX_EINVAL);
	begin(32);
	info.fb.pitch_bytes = UINT32_MAX;
	assert_none(-HX_EINVAL);
	begin(32);
	info.fb.addr = UINT64_MAX - 800 * 600 * 4 + 1;
	assert_none(-HX_EINVAL);
}

static void depths_and_fields_must_fit(void **state)
{
	static const uint8_t depths[] = { 0, 1, 4, 8, 12, 17, 30, 33, 48, 64, 255 };

	for (unsigned i = 0; i < HX_ARRAY_LEN(depths); i++) {
		begin(32);
		info.fb.bpp = depths[i];
		info.fb.pitch_bytes = 800 * 8;
		assert_none(-HX_EINVAL);
	}
	begin(32);
	set_fields(16, 8, 8, 8, 0, 0);		/* no blue */
	assert_none(-HX_EINVAL);
	set_fields(16, 8, 8, 8, 1, 8);		/* blue in green's bits */
	assert_none(-HX_EINVAL);
	set_fields(25, 8, 8, 8, 0, 8);		/* red beyond the pixel */
	assert_none(-HX_EINVAL);
	set_fields(255, 255, 8, 8, 0, 8);
	assert_none(-HX_EINVAL);
	set_fields(15, 17, 8, 7, 0, 8);		/* wider than a colour is */
	assert_none(-HX_EINVAL);
	begin(8);
	info.fb.type = 0;			/* no palette told: nothing could be told apart */
	assert_none(-HX_EINVAL);
	begin(32);
	info.fb.type = 2;
	assert_none(-HX_EINVAL);
	begin(32);
	info.fb.type = 3;
	assert_none(-HX_EINVAL);
}

static void ram_is_never_a_screen(void **state)
{
	static const uint32_t types[] = {
		HX_MEM_USABLE, HX_MEM_ACPI, HX_MEM_NVS, HX_MEM_BAD, HX_MEM_KERNEL, HX_MEM_MODULE,
		HX_MEM_BOOT,
	};

	for (unsigned i = 0; i < HX_ARRAY_LEN(types); i++) {
		begin(32);	/* its last byte is the first of that range, then the other end */
		assert_int_equal(hx_memmap_add(&info, FB + 0x1d5000, FB + 0x1d6000, types[i]), 0);
		info.fb.addr = FB + 0x1d5000 - 800 * 600 * 4 + 1;
		assert_none(-HX_EINVAL);
		info.fb.addr--;
		assert_read(0xffffff, 0x60, 4);
		info.fb.addr = FB + 0x1d5fff;
		assert_none(-HX_EINVAL);
		info.fb.addr++;
		assert_read(0xffffff, 0x60, 4);
	}
	begin(32);
	info.fb.addr = 0xf0000000;
	assert_read(0xffffff, 0x60, 4);
	info.fb.addr = 0x100000;
	assert_none(-HX_EINVAL);
}

/* One field after the other is noise, and all at once. */
static void whatever_is_accepted_can_be_written(void **state)
{
	uint64_t seed = hx_test_seed();
	unsigned n_read = 0;

	for (unsigned round = 0; round < 400000; round++) {
		static const uint8_t depths[] = { 8, 15, 16, 24, 32 };
		uint8_t *bytes = (uint8_t *)&info.fb;
		struct hx_screen s;
		uint64_t pixels;

		begin(depths[hx_test_random_below(&seed, HX_ARRAY_LEN(depths))]);
		info.fb.type = (uint8_t)hx_test_random_below(&seed, 3);
		info.fb.ink = (uint8_t)hx_test_random(&seed);
		for (unsigned n = round % 8; n > 0; n--)
			bytes[hx_test_random_below(&seed, sizeof(info.fb))] =
				(uint8_t)hx_test_random(&seed);
		if (hx_screen_read(&info, &s) != 0)
			continue;
		n_read++;
		assert_in_range(s.cell_bytes, 1, 4);
		assert_in_range(s.kind, HX_SCREEN_PIXELS, HX_SCREEN_CHARACTERS);
		assert_true(s.width > 0 && s.height > 0 && s.height <= 16384);
		assert_true((uint64_t)s.width * s.cell_bytes <= s.pitch_bytes);
		assert_true(s.pitch_bytes <= 131072);
		assert_int_not_equal(s.ink, s.paper);
		pixels = s.cell_bytes == 4 ? UINT32_MAX : (1ull << 8 * s.cell_bytes) - 1;
		assert_true(s.ink <= pixels && s.paper <= pixels);
		assert_true(info.fb.addr >= RAM_END);
		assert_true(info.fb.addr + (uint64_t)s.pitch_bytes * s.height > info.fb.addr);
	}
	assert_in_range(n_read, 1000, 399999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_depth_is_read),
		cmocka_unit_test(no_framebuffer_is_none),
		cmocka_unit_test(sides_are_bounded),
		cmocka_unit_test(depths_and_fields_must_fit),
		cmocka_unit_test(ram_is_never_a_screen),
		cmocka_unit_test(whatever_is_accepted_can_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
