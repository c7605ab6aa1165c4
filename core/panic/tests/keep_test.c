// SPDX-License-Identifier: MIT
/*
 * A report in RAM: what was written is found, what was not is refused, whatever stands there; and a
 * whole panic on the host machine, whose kept RAM stays when it is switched off and on.
 */
#include "hx_test.h"
#include <hx/core/names.h>
#include <hx/core/panic.h>
#include <hx/hal/keep.h>

#include "panic_priv.h"

#define RAM	512u

static uint8_t ram[RAM] HX_ALIGNED(8);

static const struct keep_head *write_report(size_t bytes, const char *text)
{
	keep_begin(ram, bytes);
	keep_put(text, strlen(text));
	assert_null(keep_find(ram, bytes));	/* not before its end */
	keep_end();
	keep_put("late", 4);			/* behind it: nothing */
	return keep_find(ram, bytes);
}

static void what_was_put_is_found(void **state)
{
	const struct keep_head *h = write_report(RAM, "one\ntwo\x01\x7f\xff\tthree");

	assert_non_null(h);
	assert_int_equal(h->bytes, 16);
	assert_memory_equal(h + 1, "one\ntwo???\tthree", 16);
	keep_clear(ram, RAM);
	assert_null(keep_find(ram, RAM));
}

static void what_is_too_long_is_cut(void **state)
{
	char text[2 * RAM];
	const struct keep_head *h;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memset(ram, 0xaa, sizeof(ram));
	h = write_report(RAM - 8, text);
	assert_non_null(h);
	assert_int_equal(h->bytes, RAM - 8 - sizeof(*h));
	for (size_t i = RAM - 8; i < RAM; i++)
		assert_int_equal(ram[i], 0xaa);
	assert_null(write_report(sizeof(*h), "no room for text"));
	assert_null(keep_find(NULL, RAM));
}

static void every_flipped_bit_is_seen(void **state)
{
	size_t used;

	assert_non_null(write_report(RAM, "PANIC: something\ncallers:\n"));
	used = sizeof(struct keep_head) + ((struct keep_head *)ram)->bytes;
	for (size_t bit = 0; bit < 8 * used; bit++) {
		bool padding = bit / 8 >= offsetof(struct keep_head, padding) &&
			       bit / 8 < sizeof(struct keep_head);

		ram[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(keep_find(ram, RAM) != NULL, padding);
		ram[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	/* The same report in less RAM is not all there. */
	assert_null(keep_find(ram, used - 1));
}

static void garbage_is_refused(void **state)
{
	uint64_t seed = hx_test_seed();

	for (unsigned round = 0; round < 100000; round++) {
		uint64_t *words = (uint64_t *)ram;

		for (size_t i = 0; i < RAM / 8; i++)
			words[i] = hx_test_random(&seed);
		if (round % 2 == 0)
			memcpy(ram, "HXPANIC1", 8);
		assert_null(keep_find(ram, hx_test_random_below(&seed, RAM + 1)));
	}
}

static const char *shown(void)
{
	static char buf[32768];
	struct hx_text_buf text;

	hx_text_buf_init(&text, buf, sizeof(buf));
	assert_int_equal(hx_names_show("/log/last_panic", &text.text), 0);
	return buf;
}

static void start(const char *cmdline)
{
	const struct hx_test_machine machine = { .components = "last_panic names",
						 .cmdline = cmdline };

	assert_int_equal(hx_test_machine_start(&machine), 0);
}

/* The last case: a kernel panics only once. */
static void panic_is_shown_by_the_next_kernel(void **state)
{
	struct hx_text_buf ack;
	char buf[64];
	size_t bytes;

	memset(hx_kept_ram(&bytes), 0x5a, 4096);
	start("helix.panic=reboot");
	assert_string_equal(shown(), "panic=none\n");
	hx_test_console_capture();
	assert_true(HX_TEST_ENDS(HX_TEST_EXIT, "", hx_panic("told %d", 7)));
	assert_non_null(strstr(hx_test_console_text(), "PANIC: told 7\n"));
	assert_int_equal(hx_test_machine_stop(), 0);
	start("helix.panic=stop");
	assert_true(hx_panic_is_kept());
	assert_non_null(strstr(shown(), "\nPANIC: told 7\n"));
	assert_non_null(strstr(shown(), "\ncallers:\n"));
	hx_text_buf_init(&ack, buf, sizeof(buf));
	assert_int_equal(hx_names_take("/log/last_panic", "burn", &ack.text), -HX_EINVAL);
	assert_true(hx_panic_is_kept());
	assert_int_equal(hx_names_take("/log/last_panic", "clear", &ack.text), 0);
	assert_string_equal(shown(), "panic=none\n");
	assert_int_equal(hx_test_machine_stop(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_found),
		cmocka_unit_test(what_is_too_long_is_cut),
		cmocka_unit_test(every_flipped_bit_is_seen),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test(panic_is_shown_by_the_next_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
