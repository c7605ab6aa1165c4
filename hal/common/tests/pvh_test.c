/* SPDX-License-Identifier: MIT */
/*
 * The PVH reader: right structures are read, and wrong pointers, counts, versions and noise are
 * refused with words.
 */
#include "memory_view.h"

#define MAP		0x100u
#define MODULES		0x200u
#define NAME		0x2c0u
#define CMDLINE		0x300u
#define BYTES		0x800u

static struct hx_boot_info info;
static char why[80];

static void build(void)
{
	view_start(BYTES);
	put32(0, 0x336ec578);
	put32(4, 1);
	put32(12, 1);
	put64(16, VIEW_BASE + MODULES);
	put64(24, VIEW_BASE + CMDLINE);
	put64(32, 0xf59e0);
	put64(40, VIEW_BASE + MAP);
	put32(48, 2);
	put64(MAP, 0x100000);
	put64(MAP + 8, 0xf00000);
	put32(MAP + 16, 1);
	put64(MAP + 24, 0xfffc0000);
	put64(MAP + 32, 0x40000);
	put32(MAP + 40, 2);
	put64(MODULES, 0x200000);
	put64(MODULES + 8, 512);
	put64(MODULES + 16, VIEW_BASE + NAME);
	strcpy((char *)view_bytes + NAME, "boot.cpio rest");
	strcpy((char *)view_bytes + CMDLINE, "helix.seed=1");
}

static int parse(void)
{
	int err;

	memset(&info, 0, sizeof(info));
	why[0] = '\0';
	err = hx_pvh_parse(VIEW_BASE, view, &info, why, sizeof(why));
	assert_map_is_sound(&info);
	if (err != 0) {
		assert_int_equal(err, -HX_EBADMSG);
		assert_true(strlen(why) > 10);
	}
	return err;
}

static void assert_refused(const char *words)
{
	assert_int_equal(parse(), -HX_EBADMSG);
	assert_string_equal(why, words);
}

static void start_info_is_read(void **state)
{
	build();
	assert_int_equal(parse(), 0);
	assert_string_equal(info.protocol, "pvh");
	assert_string_equal(info.cmdline, "helix.seed=1");
	assert_int_equal(info.rsdp, 0xf59e0);
	assert_string_equal(info.modules[0].name, "boot.cpio");
	assert_int_equal(info.modules[0].size_bytes, 512);
	assert_int_equal(info.n_mem, 4);
	assert_int_equal(info.mem[1].type, HX_MEM_MODULE);
}

static void wrong_magic_is_refused(void **state)
{
	build();
	put32(0, 0x12345678);
	assert_refused("no Multiboot2 and no PVH information");
	assert_int_equal(hx_pvh_parse(0, view, &info, why, sizeof(why)), -HX_EBADMSG);
}

static void old_version_or_empty_map_is_refused(void **state)
{
	build();
	put32(4, 0);
	assert_refused("the loader gives no memory map");
	put32(4, 1);
	put32(48, 0);
	assert_refused("the loader gives no memory map");
}

static void pointers_to_nowhere_are_refused(void **state)
{
	build();
	put64(24, UINT64_MAX - 16);
	assert_refused("the command line cannot be read");
	build();
	put64(40, VIEW_BASE + BYTES - 8);
	assert_refused("the memory map cannot be read");
	build();
	put64(16, 0);
	assert_refused("the module list cannot be read");
	build();
	put64(MODULES + 16, 1);
	assert_refused("a module's name cannot be read");
}

static void counts_past_the_limits_are_refused(void **state)
{
	build();
	put32(12, HX_BOOT_MODULES_MAX + 1);
	assert_refused("too many modules");
	put32(48, UINT32_MAX);
	assert_refused("the memory map has too many pieces");
}

static void long_command_line_is_refused(void **state)
{
	build();
	put64(24, VIEW_BASE + 0x3ff);
	memset(view_bytes + 0x3ff, 'a', BYTES - 0x3ff);
	assert_refused("the command line has no end");
}

static void module_over_the_map_is_refused(void **state)
{
	build();
	put64(MODULES + 8, UINT64_MAX);
	assert_refused("a module wraps around");
	put64(MODULES + 8, 0x10000000);
	assert_refused("a module does not lie in usable RAM");
}

static void noise_is_survived(void **state)
{
	uint64_t seed = 3;
	unsigned accepted = 0;

	for (unsigned i = 0; i < 20000; i++) {
		build();
		for (unsigned k = noise(&seed) % 4; k-- != 0; ) {
			uint64_t x = noise(&seed);

			view_bytes[x % 0x300] = (uint8_t)(x >> 32);
		}
		accepted += parse() == 0;
	}
	assert_in_range(accepted, 1, 19999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_info_is_read),
		cmocka_unit_test(wrong_magic_is_refused),
		cmocka_unit_test(old_version_or_empty_map_is_refused),
		cmocka_unit_test(pointers_to_nowhere_are_refused),
		cmocka_unit_test(counts_past_the_limits_are_refused),
		cmocka_unit_test(long_command_line_is_refused),
		cmocka_unit_test(module_over_the_map_is_refused),
		cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, view_end);
}
