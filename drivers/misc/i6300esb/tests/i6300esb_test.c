// SPDX-License-Identifier: MIT
/*
 * Finding the watchdog on a bus that a test plays: none, one whose registers are nowhere, and the
 * time it counts.
 */
#include "hx_test.h"

#include <hx/core/names.h>
#include <hx/core/text.h>

#include "../i6300esb_priv.h"

/* The two ports of PCI's configuration, with one function on the bus. */
static struct bus {
	struct hx_host_device d;
	uint32_t address, where, id, bar, n_writes;
} bus;

static uint32_t bus_read(struct hx_host_device *d, unsigned offset, unsigned width)
{
	uint32_t reg = bus.address & 0xfc;

	assert_int_equal(offset, 4);
	if ((bus.address & ~0xffu) != bus.where)
		return UINT32_MAX;
	return reg == 0 ? bus.id : reg == 0x10 ? bus.bar : 0;
}

static void bus_write(struct hx_host_device *d, unsigned offset, uint32_t value, unsigned width)
{
	if (offset == 0)
		bus.address = value;
	else
		bus.n_writes++;
}

static void start_with(uint32_t where, uint32_t id, uint32_t bar)
{
	hx_test_machine_with(&(struct hx_host_params){
		.mem_bytes = 32 * HX_MIB,
		.cmdline = "helix.slot.scheduler=rr helix.slot.heap=slab" });
	bus = (struct bus){ .d = { .base = 0xcf8, .size = 8, .is_port = true, .read = bus_read,
				   .write = bus_write }, .where = where, .id = id, .bar = bar };
	assert_int_equal(hx_host_plug(&bus.d), 0);
	hx_test_start("i6300esb");
}

static void expect_absent(void)
{
	char text[128];
	struct hx_text_buf out;

	hx_text_buf_init(&out, text, sizeof(text));
	assert_int_equal(hx_names_show("/proc/watchdog", &out.text), 0);
	assert_string_equal(text, "name=i6300esb state=absent\n");
	assert_int_equal(bus.n_writes, 0);
	hx_test_machine_end();
}

static void a_machine_without_one_boots(void **state)
{
	start_with(0x80000000u | 3u << 11, 0x12378086, 0xfebf0000);
	expect_absent();
}

static void one_without_registers_is_left_alone(void **state)
{
	/* No address, in ports, in the upper half of the address space. */
	static const uint32_t bars[] = { 0, 0xc001, 4, 0xfebf0004 };

	for (size_t i = 0; i < HX_ARRAY_LEN(bars); i++) {
		start_with(0x80000000u | 31u << 11 | 7u << 8, 0x25ab8086, bars[i]);
		assert_int_equal(esb.where, 0x80000000u | 31u << 11 | 7u << 8);
		expect_absent();
	}
}

static void half_of_the_time_is_in_each_stage(void **state)
{
	assert_int_equal(esb_preload(2), 1000);
	assert_int_equal(esb_preload(30), 15000);
	assert_int_equal(esb_preload(1000), 500000);
	assert_int_equal(esb_preload(UINT32_MAX), 0xfffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_without_one_boots),
		cmocka_unit_test(one_without_registers_is_left_alone),
		cmocka_unit_test(half_of_the_time_is_in_each_stage),
	};

	return cmocka_run_group_tests_name("i6300esb", tests, NULL, NULL);
}
