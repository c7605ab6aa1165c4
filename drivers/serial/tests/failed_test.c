/* SPDX-License-Identifier: MIT */
/*
 * A driver in the slot that answers what cannot be is thrown out at once; nothing that the queues
 * hold, and nothing that it had moved until then, is lost or comes twice. And a line whose
 * interrupts do not come heals.
 */
#include "swap_machine.h"

#include <hx/core/heal.h>

/* In the slot, past its probation or not, it begins to answer wrongly. */
static void goes_wrong(enum wrong how, const char *before, const char *after)
{
	struct serial *p = dev->priv;
	struct hx_failure_counts was, now;
	hx_irqflags_t flags;
	char buf[32];
	size_t n;

	hx_swap_forgive(&serial_kind, &mean_ops);
	wrong = RIGHT;
	assert_true(hx_strcmp(provider(), before) == 0 || hx_swap("serial", before, NULL) == 0);
	assert_int_equal(hx_swap("serial", "mean", NULL), 0);
	if (hx_strcmp(after, before) != 0)
		hx_sleep_ns(2 * CONFIG_SLOT_PROBATION_MS * HX_NS_PER_MS);
	uart.n_sent = 0;
	uart.held = true;
	dev->write(dev, "0123456789abcdefghijklmnopqrstuvwxyz", 36);	/* 20 stay in the queue */
	assert_int_equal(hx_ring_used(&p->tx_ring), 20);
	hx_failure_counts(&was);
	wrong = how;
	fake_uart_receive(&uart, "ABCDE", 5);	/* an interrupt */
	uart.held = false;
	fake_uart_drain(&uart, FAKE_UART_FIFO);	/* another one */
	flags = hx_irq_save();
	(void)serial_look(p);
	hx_irq_restore(flags);
	serial_rearm(p);
	serial_report(p);
	assert_string_equal(provider(), after);
	assert_ptr_equal(p->ops, serial_current);
	hx_failure_counts(&now);
	assert_int_equal(now.n_kind[HX_FAILURE_CRASH], was.n_kind[HX_FAILURE_CRASH] + 1);
	assert_true(hx_swap_is_failed(&serial_kind, &mean_ops));
	assert_int_equal(hx_swap("serial", "mean", NULL), -HX_ENODEV);
	for (n = 0; n < 5; )
		n += (size_t)dev->read(dev, buf + n, sizeof(buf) - n, HX_NS_PER_S);
	assert_int_equal(n, 5);
	assert_memory_equal(buf, "ABCDE", 5);
	for (unsigned i = 0; i < 1000 && uart.n_sent < 36; i++)
		hx_sleep_ns(HX_NS_PER_MS);
	assert_true(uart.n_sent >= 36);		/* then the log's line about it */
	assert_memory_equal(uart.sent, "0123456789abcdefghijklmnopqrstuvwxyz", 36);
	assert_int_equal(uart.n_lost, 0);
	assert_int_equal(p->chip->n_in, dev->n_in);
	assert_int_equal(p->chip->n_out, dev->n_out);
	expect_it_works();
}

/* SAVE and LOAD are not asked then. */
static const enum wrong wrongs[] = {
	LOOK_FAILS, LOOK_LIES, GET_FAILS, GET_FAILS_LATE, GET_LIES, GET_UNCOUNTED, PUT_FAILS,
	PUT_FAILS_LATE, PUT_LIES, PENDING_FAILS, PENDING_LIES, REARM_FAILS,
};

static void the_one_before_goes_on(void **state)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(wrongs); i++)
		goes_wrong(wrongs[i], "ns16550_poll", "ns16550_poll");
}

static void after_probation_the_one_that_booted_does(void **state)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(wrongs); i++)
		goes_wrong(wrongs[i], "ns16550_poll", "ns16550");
}

/* It commits, and the first thing it is told it refuses. */
static void one_that_fails_in_commit_is_out_again(void **state)
{
	wrong = WANT_FAILS;
	assert_int_equal(hx_swap("serial", "mean", NULL), 0);
	assert_string_equal(provider(), "ns16550");
	assert_true(hx_swap_is_failed(&serial_kind, &mean_ops));
	expect_it_works();
}

/* A swap away from it fails, as it does not stop; and then it is found out. */
static void one_that_does_not_stop_is_out(void **state)
{
	struct hx_swap s;

	assert_int_equal(hx_swap("serial", "mean", NULL), 0);
	wrong = WANT_FAILS;
	assert_int_equal(hx_swap("serial", "ns16550_poll", &s), -HX_EBADMSG);
	assert_string_equal(s.why, "serial0: mean does not stop");
	assert_string_equal(provider(), "ns16550");
	expect_it_works();
}

/* The new one has spoilt the chip, and the old one does not take it back. */
static void chip_goes_to_the_one_that_booted(void **state)
{
	assert_int_equal(hx_swap("serial", "mean", NULL), 0);
	assert_int_equal(hx_fault_arm("swap.import"), 0);
	wrong = LOAD_FAILS;
	assert_int_equal(hx_swap("serial", "ns16550_poll", NULL), -HX_EIO);
	assert_string_equal(provider(), "ns16550");
	expect_it_works();
}

static int setup_heal(void **state)
{
	wrong = RIGHT;
	hx_test_machine(64 * HX_MIB);
	if (fake_uart_init(&uart, PORT, LINE) != 0)
		return -1;
	hx_test_start("serial-line");
	hx_log_set_console_level(HX_LOG_ERROR);
	dev = hx_console_dev_active();
	return 0;
}

/* Nobody does anything but read: the machine stays usable, then it is quick again. */
static void line_without_interrupts_heals(void **state)
{
	char buf[8];
	unsigned n;

	lose_interrupts();
	for (n = 0; n < 20 && hx_strcmp(provider(), "ns16550_poll") != 0; n++) {
		fake_uart_receive(&uart, "abc", 3);
		assert_int_equal(dev->read(dev, buf, sizeof(buf), 2 * HX_NS_PER_S), 3);
		hx_sleep_ns(HX_NS_PER_S);
	}
	assert_int_equal(n, SERIAL_SILENT);
	for (unsigned i = 0; i < 10; i++) {
		hx_ns_t began = hx_now_ns();

		fake_uart_receive(&uart, "abc", 3);
		assert_int_equal(dev->read(dev, buf, sizeof(buf), 2 * HX_NS_PER_S), 3);
		assert_true(hx_now_ns() - began <= 20 * HX_NS_PER_MS);
	}
	hx_fault_disarm("serial.irq");
	assert_int_equal(hx_swap("serial", "ns16550", NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_one_before_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(after_probation_the_one_that_booted_does, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_that_fails_in_commit_is_out_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_that_does_not_stop_is_out, setup,
						teardown),
		cmocka_unit_test_setup_teardown(chip_goes_to_the_one_that_booted, setup,
						teardown),
		cmocka_unit_test_setup_teardown(line_without_interrupts_heals, setup_heal,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
