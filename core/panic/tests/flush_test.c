// SPDX-License-Identifier: MIT
/* A panic whose console driver panics in turn: both are told, the first one in full. */
#include <hx_test.h>

#include <hx/core/console_dev.h>
#include <hx/core/panic.h>
#include <hx/hal/power.h>

#define EXIT_TEXT	"18"

_Static_assert(HX_EXIT_PANIC == 18, "the text above");

static void ill_write(struct hx_console_dev *d, const char *bytes, size_t n)
{
}

static hx_ssize_t ill_read(struct hx_console_dev *d, char *bytes, size_t n, hx_ns_t timeout_ns)
{
	return -HX_ETIMEDOUT;
}

static void ill_flush(struct hx_console_dev *d)
{
	hx_panic("the driver is ill");
}

static struct hx_console_dev ill = {
	.name = "ill", .write = ill_write, .read = ill_read, .flush = ill_flush,
};

static void first_reason_is_not_lost(void **state)
{
	const char *first, *callers, *second;

	hx_panic_init();
	hx_test_console_capture();
	assert_int_equal(hx_console_dev_register(&ill), 0);
	assert_true(HX_TEST_ENDS(HX_TEST_EXIT, EXIT_TEXT, hx_panic("sum is %d", 5)));
	first = strstr(hx_test_console_text(), "\nPANIC: sum is 5\n");
	callers = strstr(hx_test_console_text(), "callers:\n");
	second = strstr(hx_test_console_text(), "\nPANIC: the driver is ill\n");
	assert_true(first != NULL && callers != NULL && second != NULL);
	assert_true(first < callers && callers < second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_reason_is_not_lost, hx_test_machine_setup,
						hx_test_machine_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
