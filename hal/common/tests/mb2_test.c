/* SPDX-License-Identifier: MIT */
/*
 * The Multiboot2 reader: a whole information block is read right; every truncation, every tag that
 * lies, and noise are refused with words and without a read outside the block.
 */
#include "memory_view.h"

#include <hx/config/hal_common.h>

static size_t at;	/* where the next tag goes */
static struct hx_boot_info info;
static char why[80];

static size_t tag(uint32_t type, uint32_t size)
{
	size_t here = at;

	put32(at, type);
	put32(at + 4, size);
	at += hx_align_up(size, 8);
	return here;
}

static void text_tag(uint32_t type, unsigned before, const char *text)
{
	size_t t = tag(type, (uint32_t)(8 + before + strlen(text) + 1));

	strcpy((char *)view_bytes + t + 8 + before, text);
}

static void mmap_entry(size_t where, uint64_t start, uint64_t size, uint32_t type)
{
	put64(where, start);
	put64(where + 8, size);
	put32(where + 16, type);
}

static void finish(void)
{
	tag(0, 8);
	put32(0, (uint32_t)at);
}

static void begin(void)
{
	view_start(2048);
	memset(&info, 0, sizeof(info));
	why[0] = '\0';
	at = 8;
}

static void add_mmap(void)
{
	size_t t = tag(6, 16 + 3 * 24);

	put32(t + 8, 24);
	mmap_entry(t + 16, 0x100000, 0xff00000, 1);
	mmap_entry(t + 40, 0, 0x9fc00, 1);
	mmap_entry(t + 64, 0xf0000, 0x10000, 2);
}

/* What GRUB gives on a BIOS machine, with one module. */
static void build_bios(void)
{
	size_t t;

	begin();
	text_tag(1, 0, "helix.kaslr=off x");
	text_tag(2, 0, "GRUB 2.06");
	t = at;
	text_tag(3, 8, "boot.cpio compressed");
	put32(t + 8, 0x200000);
	put32(t + 12, 0x201234);
	t = tag(4, 16);
	put32(t + 8, 639);
	put32(t + 12, 260000);
	t = tag(5, 20);
	put32(t + 8, 0x80);
	add_mmap();
	t = tag(8, 38);
	put64(t + 8, 0xfd000000);
	put32(t + 16, 3200);
	put32(t + 20, 800);
	put32(t + 24, 600);
	view_bytes[t + 28] = 32;
	view_bytes[t + 29] = 1;
	memcpy(view_bytes + t + 32, "\x10\x08\x08\x08\x00\x08", 6);
	t = tag(9, 20 + 64);
	put32(t + 8, 1);
	put32(t + 12, 64);
	t = tag(14, 28);
	memcpy(view_bytes + t + 8, "RSD PTR ", 8);
	tag(0x7777, 11);	/* unknown tags are skipped */
	finish();
}

/* Parse a copy of exactly n bytes, so that ASan sees any read behind it. */
static int parse(size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	int err;

	assert_non_null(exact);
	memcpy(exact, view_bytes, n);
	memset(&info, 0, sizeof(info));
	why[0] = '\0';
	err = hx_mb2_parse(exact, n, &info, why, sizeof(why));
	free(exact);
	assert_map_is_sound(&info);
	if (err != 0) {
		assert_int_equal(err, -HX_EBADMSG);
		assert_true(strlen(why) > 10);
	}
	return err;
}

static void assert_refused(const char *words)
{
	assert_int_equal(parse(at), -HX_EBADMSG);
	assert_string_equal(why, words);
}

static void bios_block_is_read(void **state)
{
	build_bios();
	assert_int_equal(parse(at), 0);
	assert_string_equal(info.cmdline, "helix.kaslr=off x");
	assert_string_equal(info.loader, "GRUB 2.06");
	assert_string_equal(info.protocol, "multiboot2-bios");
	assert_int_equal(info.bios_device, 0x80);
	assert_int_equal(info.n_modules, 1);
	assert_int_equal(info.modules[0].start, 0x200000);
	assert_int_equal(info.modules[0].size_bytes, 0x1234);
	assert_string_equal(info.modules[0].name, "boot.cpio");
	assert_int_equal(info.fb.addr, 0xfd000000);
	assert_int_equal(info.fb.width, 800);
	assert_int_equal(info.fb.red_shift, 16);
	assert_int_equal(info.fb.green_shift, 8);
	assert_int_equal(info.fb.blue_bits, 8);
	assert_memory_equal(info.rsdp_copy, "RSD PTR ", 8);
	assert_int_equal(info.n_mem, 5);
	assert_int_equal(info.mem[0].end, 0x9f000);
	assert_int_equal(info.mem[3].type, HX_MEM_MODULE);
	assert_int_equal(info.mem[3].end, 0x202000);
	assert_int_equal(info.mem[4].end, 0x10000000);
}

static void uefi_map_is_read_when_there_is_no_other(void **state)
{
	size_t t;

	begin();
	t = tag(12, 16);
	put64(t + 8, 0xdeadbeef);
	t = tag(17, 16 + 2 * 48);
	put32(t + 8, 48);
	put32(t + 16, 7);
	put64(t + 16 + 24, 256);
	put32(t + 64, 9);
	put64(t + 64 + 8, 0x100000);
	put64(t + 64 + 24, 16);
	finish();
	assert_int_equal(parse(at), 0);
	assert_string_equal(info.protocol, "multiboot2-uefi");
	assert_int_equal(info.efi_system_table, 0xdeadbeef);
	assert_int_equal(info.n_mem, 2);
	assert_int_equal(info.mem[0].end, 0x100000);
	assert_int_equal(info.mem[1].type, HX_MEM_ACPI);
}

static void basic_memory_is_the_last_resort(void **state)
{
	size_t t;

	begin();
	t = tag(4, 16);
	put32(t + 8, 640);
	put32(t + 12, 1024);
	finish();
	assert_int_equal(parse(at), 0);
	assert_int_equal(info.n_mem, 2);
	assert_int_equal(info.mem[0].end, 0xa0000);
	assert_int_equal(info.mem[1].end, 0x200000);
	assert_int_equal(info.bios_device, UINT32_MAX);
}

static void no_memory_map_is_refused(void **state)
{
	begin();
	text_tag(1, 0, "x");
	finish();
	assert_refused("the loader gives no memory map");
}

static void each_truncation_is_refused(void **state)
{
	size_t whole;

	build_bios();
	whole = at;
	/* The block says its whole size but fewer bytes are there. */
	for (size_t n = 0; n < whole; n++)
		assert_int_equal(parse(n), -HX_EBADMSG);
	/* The block admits to be shorter: then a tag or the end is missing. */
	for (uint32_t n = 16; n < whole - 8; n++) {
		put32(0, n);
		assert_int_equal(parse(n), -HX_EBADMSG);
	}
}

static void size_of_each_tag_may_lie(void **state)
{
	build_bios();
	for (size_t t = 8; t < at; ) {
		uint32_t size = hx_le32(view_bytes + t + 4);
		static const uint32_t lies[] = { 0, 7, 1u << 20, UINT32_MAX, UINT32_MAX - 6 };

		for (unsigned i = 0; i < HX_ARRAY_LEN(lies) && hx_le32(view_bytes + t) != 0; i++) {
			put32(t + 4, lies[i]);
			assert_int_equal(parse(at), -HX_EBADMSG);
		}
		put32(t + 4, size);
		t += hx_align_up(size, 8);
	}
	assert_int_equal(parse(at), 0);
}

static void short_tags_are_refused(void **state)
{
	/* One byte less than the fixed part of each. */
	static const uint8_t cases[][2] = {
		{ 1, 8 }, { 2, 8 },
		{ 3, 16 }, { 4, 15 }, { 5, 19 }, { 6, 15 }, { 8, 30 }, { 9, 19 },
		{ 11, 11 }, { 12, 15 }, { 14, 27 }, { 15, 43 }, { 17, 15 },
	};

	for (unsigned i = 0; i < HX_ARRAY_LEN(cases); i++) {
		begin();
		tag(cases[i][0], cases[i][1]);
		finish();
		assert_refused("a tag is too short");
	}
}

static void texts_without_an_end_are_refused(void **state)
{
	size_t t;

	begin();
	t = tag(1, 16);
	memset(view_bytes + t + 8, 'a', 8);
	finish();
	assert_refused("the command line has no end");
	begin();
	t = tag(2, 16);
	memset(view_bytes + t + 8, 'a', 8);
	finish();
	assert_refused("the loader's name has no end");
	begin();
	t = tag(3, 20);
	memset(view_bytes + t + 16, 'a', 4);
	finish();
	assert_refused("a module tag is malformed");
}

static void too_long_command_line_is_refused(void **state)
{
	size_t t;

	begin();
	t = tag(1, 8 + HX_BOOT_CMDLINE_MAX + 1);
	memset(view_bytes + t + 8, 'a', HX_BOOT_CMDLINE_MAX);
	finish();
	assert_refused("the command line is too long");
}

static void malformed_map_entries_are_refused(void **state)
{
	size_t t;

	begin();
	t = at;
	add_mmap();
	put32(t + 8, 0);
	finish();
	assert_refused("the memory map tag is malformed");
	put32(t + 8, 28);
	assert_refused("the memory map tag is malformed");
	put32(t + 8, 24);
	put64(t + 16, UINT64_MAX - 5);
	assert_refused("a memory range wraps around");
}

static void modules_outside_ram_are_refused(void **state)
{
	size_t t;

	begin();
	add_mmap();
	t = at;
	text_tag(3, 8, "m");
	put32(t + 8, 0xfffff000);
	put32(t + 12, 0xfffffff0);
	finish();
	assert_refused("a module does not lie in usable RAM");
	put32(t + 12, 0x1000);
	assert_refused("a module tag is malformed");
}

static void ninth_module_is_refused(void **state)
{
	begin();
	add_mmap();
	for (unsigned i = 0; i < HX_BOOT_MODULES_MAX; i++)
		text_tag(3, 8, "m");
	finish();
	assert_int_equal(parse(at), 0);
	assert_int_equal(info.n_modules, HX_BOOT_MODULES_MAX);
	at -= 8;
	text_tag(3, 8, "m");
	finish();
	assert_refused("too many modules");
}

static void contradicting_framebuffer_is_refused(void **state)
{
	size_t t;

	begin();
	add_mmap();
	t = tag(8, 32);
	put32(t + 16, 100);
	put32(t + 20, 800);
	view_bytes[t + 28] = 32;
	finish();
	assert_refused("the framebuffer tag contradicts itself");
	view_bytes[t + 29] = 1;
	assert_refused("the framebuffer tag is too short");
}

/* Brightest and darkest of the colours that the tag holds, however many it claims. */
static void palette_gives_ink_and_paper(void **state)
{
	size_t t;

	if (!HX_ENABLED(SCREEN))
		skip();
	begin();
	add_mmap();
	t = tag(8, 34 + 3 * 4);
	put32(t + 16, 800);
	put32(t + 20, 800);
	view_bytes[t + 28] = 8;
	memcpy(view_bytes + t + 34,
	       "\x10\x10\x10" "\x00\x00\x2f" "\xf0\xf0\xf0" "\xff\xff\xff", 12);
	finish();
	view_bytes[t + 32] = 4;
	assert_int_equal(parse(at), 0);
	assert_int_equal(info.fb.ink, 3);
	assert_int_equal(info.fb.paper, 1);
	view_bytes[t + 32] = 3;
	assert_int_equal(parse(at), 0);
	assert_int_equal(info.fb.ink, 2);
	memset(view_bytes + t + 32, 0xff, 2);
	assert_int_equal(parse(at), 0);
	assert_int_equal(info.fb.ink, 3);
	assert_int_equal(info.fb.paper, 1);
	memset(view_bytes + t + 32, 0, 2);
	assert_int_equal(parse(at), 0);
	assert_int_equal(info.fb.ink, info.fb.paper);
	put32(t + 4, 33);	/* ends inside the number; the next tag is the last */
	put32(t + 40, 0);
	put32(t + 44, 8);
	put32(0, (uint32_t)t + 48);
	at = t + 48;
	assert_int_equal(parse(at), 0);
	assert_int_equal(info.fb.ink, info.fb.paper);
}

static void elf_sections_may_lie(void **state)
{
	size_t t;

	begin();
	add_mmap();
	t = tag(9, 20 + 64);
	put32(t + 8, 0x10000);
	put32(t + 12, 0x10000);
	finish();
	assert_refused("the ELF section tag lies about its size");
}

static void noise_is_survived(void **state)
{
	uint64_t seed = 7;
	unsigned accepted = 0;

	for (unsigned i = 0; i < 20000; i++) {
		build_bios();
		for (unsigned k = noise(&seed) % 4; k-- != 0; ) {
			uint64_t x = noise(&seed);

			view_bytes[x % at] = (uint8_t)(x >> 32);
		}
		accepted += parse(at) == 0;
	}
	assert_in_range(accepted, 1, 19999);	/* both ways out were taken */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bios_block_is_read),
		cmocka_unit_test(uefi_map_is_read_when_there_is_no_other),
		cmocka_unit_test(basic_memory_is_the_last_resort),
		cmocka_unit_test(no_memory_map_is_refused),
		cmocka_unit_test(each_truncation_is_refused),
		cmocka_unit_test(size_of_each_tag_may_lie),
		cmocka_unit_test(short_tags_are_refused),
		cmocka_unit_test(texts_without_an_end_are_refused),
		cmocka_unit_test(too_long_command_line_is_refused),
		cmocka_unit_test(malformed_map_entries_are_refused),
		cmocka_unit_test(modules_outside_ram_are_refused),
		cmocka_unit_test(ninth_module_is_refused),
		cmocka_unit_test(contradicting_framebuffer_is_refused),
		cmocka_unit_test(palette_gives_ink_and_paper),
		cmocka_unit_test(elf_sections_may_lie),
		cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, view_end);
}
