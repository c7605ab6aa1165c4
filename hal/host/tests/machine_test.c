/* SPDX-License-Identifier: MIT */
/*
 * The machine as a whole: the RAM it is given, its boot information, devices behind registers, the
 * console, entropy, and the ways out.
 */
#include "hx_test.h"
#include "fake_uart.h"
#include <hx/hal/earlycon.h>
#include <hx/hal/mmu.h>

static const struct hx_boot_info *info;

static int start(struct hx_host_params params)
{
	return hx_host_start(&params, &info);
}

static int tear_down(void **state)
{
	hx_host_stop();
	return 0;
}

static uint64_t usable_bytes(hx_paddr_t from, hx_paddr_t to)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < info->n_mem; i++) {
		const struct hx_mem_range *r = &info->mem[i];

		if (r->type == HX_MEM_USABLE && r->start >= from && r->end <= to)
			sum += r->end - r->start;
	}
	return sum;
}

static void map_is_sorted_and_holds_what_was_asked_for(void **state)
{
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 32 << 20 }), 0);
	for (unsigned i = 0; i < info->n_mem; i++) {
		assert_true(info->mem[i].start < info->mem[i].end);
		assert_int_equal(info->mem[i].start % HX_PAGE_SIZE, 0);
		assert_true(i == 0 || info->mem[i - 1].end <= info->mem[i].start);
	}
	/* Missing of 32 MiB: page 0, the BIOS area of 388 KiB, the hal's 256 KiB. */
	assert_int_equal(usable_bytes(0, 32 << 20), (32 << 20) - 4096 - (388 << 10) - (256 << 10));
	assert_string_equal(info->protocol, "host");
}

static void ram_beyond_three_gib_lies_above_four(void **state)
{
	char *high;

	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 6 * HX_GIB }), 0);
	assert_int_equal(usable_bytes(4 * HX_GIB, 8 * HX_GIB), 3 * HX_GIB);
	assert_int_equal(usable_bytes(3 * HX_GIB, 4 * HX_GIB), 0);
	high = hx_phys_to_virt(7 * HX_GIB - 1);
	*high = 5;
	assert_int_equal(*high, 5);
	assert_int_equal(*(char *)hx_phys_to_virt(4 * HX_GIB), 0);
}

static void holes_are_cut_out_with_their_type(void **state)
{
	static const struct hx_mem_range holes[] = {
		{ 5 << 20, 6 << 20, HX_MEM_BAD, 0 },
		{ (5 << 20) + 100, (7 << 20) - 100, HX_MEM_ACPI, 0 },
	};
	unsigned n_bad = 0, n_acpi = 0;

	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 8 << 20, .holes = holes,
							.n_holes = 2 }), 0);
	for (unsigned i = 0; i < info->n_mem; i++) {
		n_bad += info->mem[i].type == HX_MEM_BAD;
		n_acpi += info->mem[i].type == HX_MEM_ACPI && info->mem[i].start == 6 << 20 &&
			  info->mem[i].end == 7 << 20;
	}
	assert_int_equal(n_bad, 1);
	assert_int_equal(n_acpi, 1);
	assert_int_equal(usable_bytes(7 << 20, 8 << 20), 1 << 20);
}

static void module_is_copied_into_ram_of_its_own(void **state)
{
	static const char bytes[] = "070701 is how newc begins";
	static const struct hx_host_module modules[] = {
		{ "boot.cpio", bytes, sizeof(bytes) }, { "empty", NULL, 0 },
	};

	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20, .modules = modules,
							.n_modules = 2, .cmdline = "a b" }), 0);
	assert_int_equal(info->n_modules, 2);
	assert_string_equal(info->modules[0].name, "boot.cpio");
	assert_int_equal(info->modules[0].size_bytes, sizeof(bytes));
	assert_memory_equal(hx_phys_to_virt(info->modules[0].start), bytes, sizeof(bytes));
	assert_int_equal(info->modules[1].size_bytes, 0);
	assert_int_equal(info->mem[info->n_mem - 1].type, HX_MEM_MODULE);
	assert_string_equal(info->cmdline, "a b");
}

static void impossible_machines_are_refused(void **state)
{
	static const struct hx_mem_range backward = { 2 << 20, 1 << 20, HX_MEM_RESERVED, 0 };
	static const struct hx_mem_range untyped = { 2 << 20, 3 << 20, 99, 0 };
	static const struct hx_mem_range over_tables = { 0, 2 << 20, HX_MEM_RESERVED, 0 };
	static const struct hx_host_module huge = { "huge", "", (size_t)16 << 20 };
	static char words[HX_BOOT_CMDLINE_MAX + 1];

	memset(words, 'x', HX_BOOT_CMDLINE_MAX);
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 1 << 20 }), -HX_EINVAL);
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = UINT64_MAX }), -HX_EINVAL);
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = (4 << 20) + 1 }), -HX_EINVAL);
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20, .holes = &backward,
							.n_holes = 1 }), -HX_EINVAL);
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20, .holes = &untyped,
							.n_holes = 1 }), -HX_EINVAL);
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20, .holes = &over_tables,
							.n_holes = 1 }), -HX_EINVAL);
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20, .modules = &huge,
							.n_modules = 1 }), -HX_ENOMEM);
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20, .modules = &huge,
							.n_modules = 9 }), -HX_ENFILE);
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20, .cmdline = words }),
			 -HX_E2BIG);
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20 }), 0);
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20 }), -HX_EBUSY);
}

static void ram_is_clean_after_switching_off_and_on(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		char *ram;

		assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20 }), 0);
		ram = hx_phys_to_virt(2 << 20);
		assert_int_equal(*ram, 0);
		*ram = 1;
		hx_host_stop();
	}
}

static void entropy_repeats_with_a_seed_only(void **state)
{
	uint8_t first[HX_BOOT_ENTROPY_BYTES];

	for (unsigned seed = 1; seed <= 2; seed++) {
		assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20,
								.seed = 7 }), 0);
		if (seed == 1)
			memcpy(first, info->entropy, sizeof(first));
		assert_memory_equal(first, info->entropy, sizeof(first));
		assert_false(info->entropy_is_hardware);
		hx_host_stop();
	}
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20 }), 0);
	assert_memory_not_equal(first, info->entropy, sizeof(first));
	assert_true(info->entropy_is_hardware);
}

struct accesses {
	struct hx_host_device dev;
	unsigned last_offset, last_width;
	uint32_t last_value;
};

static uint32_t device_read(struct hx_host_device *d, unsigned offset, unsigned width)
{
	struct accesses *a = HX_CONTAINER_OF(d, struct accesses, dev);

	a->last_offset = offset;
	a->last_width = width;
	return 0x11223344;
}

static void device_write(struct hx_host_device *d, unsigned offset, uint32_t value, unsigned width)
{
	struct accesses *a = HX_CONTAINER_OF(d, struct accesses, dev);

	a->last_offset = offset;
	a->last_width = width;
	a->last_value = value;
}

static void registers_go_to_the_device_at_that_port(void **state)
{
	struct accesses a = { .dev = { .base = 0x300, .size = 8, .is_port = true,
				       .read = device_read, .write = device_write } };
	struct hx_host_device other = { .base = 0x307, .size = 4, .is_port = true };
	struct hx_reg_window w = { .base = 0x2fe, .is_port = true };
	struct hx_reg_window memory = { .base = (uintptr_t)&a.last_value, .is_port = false };

	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20 }), 0);
	assert_int_equal(hx_host_plug(&a.dev), 0);
	assert_int_equal(hx_host_plug(&other), -HX_EBUSY);
	assert_int_equal(hx_reg_read8(&w, 5), 0x44);
	assert_int_equal(a.last_offset, 3);
	assert_int_equal(a.last_width, 8);
	assert_int_equal(hx_reg_read32(&w, 2), 0x11223344);
	hx_reg_write8(&w, 9, 0xab);
	assert_int_equal(a.last_offset, 7);
	assert_int_equal(a.last_value, 0xab);
	assert_int_equal(hx_reg_read8(&w, 10), 0xff);	/* nobody there */
	hx_reg_write32(&memory, 0, 0xcafe);		/* a window in memory is memory */
	assert_int_equal(hx_reg_read32(&memory, 0), 0xcafe);
	assert_int_equal(hx_reg_read8(&memory, 1), 0xca);
	hx_host_unplug(&a.dev);
	assert_int_equal(hx_reg_read8(&w, 5), 0xff);
}

static void platform_reports_the_uarts_plugged_in(void **state)
{
	static struct fake_uart u;
	struct hx_reg_window w;
	uint32_t line;

	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20 }), 0);
	assert_int_equal(hx_platform_uart(0, &w, &line), -HX_ENODEV);
	assert_int_equal(fake_uart_init(&u, 0x3f8, 4), 0);
	assert_int_equal(hx_platform_uart(0, &w, &line), 0);
	assert_int_equal(w.base, 0x3f8);
	assert_true(w.is_port);
	assert_int_equal(line, 4);
	assert_int_equal(hx_platform_uart(1, &w, &line), -HX_ENODEV);
}

static void console_can_be_captured_and_typed_on(void **state)
{
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20 }), 0);
	hx_test_console_capture();
	hx_earlycon_write("one\ntwo", 7);
	assert_string_equal(hx_test_console_text(), "one\ntwo");
	assert_int_equal(hx_earlycon_getc(), -HX_EAGAIN);
	hx_test_console_type("\xffq");
	assert_int_equal(hx_earlycon_getc(), 0xff);
	assert_int_equal(hx_earlycon_getc(), 'q');
	assert_int_equal(hx_earlycon_getc(), -HX_EAGAIN);
}

static void exit_and_reboot_reach_the_hook_with_their_code(void **state)
{
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20 }), 0);
	assert_true(HX_TEST_ENDS(HX_TEST_EXIT, "18", hx_hal_exit(HX_EXIT_PANIC)));
	assert_true(HX_TEST_ENDS(HX_TEST_EXIT, "255", hx_hal_reboot()));
	assert_true(HX_TEST_ENDS(HX_TEST_RETURNED, "", hx_irq_disable()));
}

static void end_puts_the_masks_back(void **state)
{
	assert_int_equal(start((struct hx_host_params){ .mem_bytes = 4 << 20 }), 0);
	hx_irq_enable();
	assert_true(HX_TEST_ENDS(HX_TEST_EXIT, "16", {
		hx_irq_save();
		hx_percpu()->preempt_off = 3;
		hx_hal_exit(HX_EXIT_OK);
	}));
	assert_true(hx_irq_are_enabled());
	assert_int_equal(hx_host_cpu.save_depth, 0);
	assert_int_equal(hx_percpu()->preempt_off, 0);
}

#define CASE(fn)	cmocka_unit_test_teardown(fn, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(map_is_sorted_and_holds_what_was_asked_for),
		CASE(ram_beyond_three_gib_lies_above_four),
		CASE(holes_are_cut_out_with_their_type),
		CASE(module_is_copied_into_ram_of_its_own),
		CASE(impossible_machines_are_refused),
		CASE(ram_is_clean_after_switching_off_and_on),
		CASE(entropy_repeats_with_a_seed_only),
		CASE(registers_go_to_the_device_at_that_port),
		CASE(platform_reports_the_uarts_plugged_in),
		CASE(console_can_be_captured_and_typed_on),
		CASE(exit_and_reboot_reach_the_hook_with_their_code),
		CASE(end_puts_the_masks_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
