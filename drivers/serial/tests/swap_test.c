/* SPDX-License-Identifier: MIT */
/*
 * Replacing the driver of a serial port: each step fails, bytes come and go in the middle of it,
 * and what is on the line and in the queues is the same bytes in the same order.
 */
#include "swap_machine.h"

static const char *const names[] = { "ns16550", "ns16550_poll", "mean" };

static void goes_to_and_fro(void **state)
{
	struct hx_swap s;

	for (unsigned i = 1; i <= 30; i++) {
		assert_int_equal(hx_swap("serial", names[i % 3], &s), 0);
		assert_string_equal(provider(), names[i % 3]);
		assert_int_equal(s.n_bytes, sizeof(struct hx_serial_state));
		assert_true(s.released_cycles >= s.stopped_cycles);
		assert_int_equal(uart.ier != 0, i % 3 != 1);
		expect_it_works();
	}
	assert_int_equal(hx_swap("serial", names[0], NULL), -HX_EEXIST);
	assert_int_equal(hx_swap_back("serial", NULL), 0);
	assert_string_equal(provider(), names[2]);
	assert_int_equal(dev->n_dropped_in, 0);
}

static void each_step_fails(void **state)
{
	static const char *const steps[] = { "swap.prepare", "swap.quiesce", "swap.export",
					     "swap.import" };

	for (unsigned to = 0; to < 6; to++) {
		const char *was = provider(), *next = names[(to + 1) % 3];

		for (unsigned i = 0; i < HX_ARRAY_LEN(steps); i++) {
			assert_int_equal(hx_fault_arm(steps[i]), 0);
			assert_int_equal(hx_swap("serial", next, NULL), -HX_EIO);
			assert_string_equal(provider(), was);
			expect_it_works();
		}
		assert_int_equal(hx_swap("serial", next, NULL), 0);
		expect_it_works();
	}
}

static void new_one_that_is_wrong_stays_out(void **state)
{
	static const struct { enum wrong how; int err; const char *why; } rows[] = {
		{ LOAD_FAILS, -HX_EIO, "serial0: mean does not take the chip" },
		{ SAVE_FAILS, -HX_EIO, "serial0: mean does not take the chip" },
		{ SAVE_LIES, -HX_EBADMSG, "serial0: mean has another state" },
		{ SAVE_MISCOUNTS, -HX_EBADMSG, "serial0: mean has another state" },
		{ LOOK_FAILS, -HX_EBADMSG, "serial0: mean has another state" },
		{ LOOK_LIES, -HX_EBADMSG, "serial0: mean has another state" },
	};

	for (unsigned i = 0; i < HX_ARRAY_LEN(rows); i++) {
		struct hx_swap s;

		wrong = rows[i].how;
		assert_int_equal(hx_swap("serial", "mean", &s), rows[i].err);
		assert_string_equal(s.why, rows[i].why);
		assert_int_equal(s.step, HX_SWAP_IMPORT);
		assert_string_equal(provider(), "ns16550");
		expect_it_works();
	}
}

static void old_one_that_is_wrong_stays_in(void **state)
{
	static const struct { enum wrong how; const char *why; } rows[] = {
		{ SAVE_FAILS, "serial0: mean gives another state" },
		{ SAVE_LIES, "serial0: mean gives another state" },
		{ SAVE_MISCOUNTS, "serial0: mean gives another state" },
	};

	assert_int_equal(hx_swap("serial", "mean", NULL), 0);
	for (unsigned i = 0; i < HX_ARRAY_LEN(rows); i++) {
		struct hx_swap s;

		wrong = rows[i].how;
		assert_int_equal(hx_swap("serial", "ns16550_poll", &s), -HX_EBADMSG);
		assert_string_equal(s.why, rows[i].why);
		assert_string_equal(provider(), "mean");
		expect_it_works();
	}
}

/* A CPU that does not come back from a call. */
static void who_is_inside_is_waited_for_and_named(void **state)
{
	struct serial *p = dev->priv;
	hx_ns_t began = hx_now_ns();
	struct hx_swap s;

	p->chip_lock.locked = 1;
	p->user = 3;
	assert_int_equal(hx_swap("serial", "mean", &s), -HX_ETIMEDOUT);
	p->chip_lock.locked = 0;
	assert_string_equal(s.why, "serial0: CPU 3 is inside ns16550");
	assert_in_range(hx_now_ns() - began, CONFIG_SLOT_SWAP_WAIT_MS * HX_NS_PER_MS,
			2 * CONFIG_SLOT_SWAP_WAIT_MS * HX_NS_PER_MS);
	expect_it_works();
}

/* Between QUIESCE and COMMIT: who may wait does, who may not goes past the driver. */
static void port_that_is_shut_loses_nothing(void **state)
{
	static char text[SERIAL_POW2(CONFIG_SERIAL_TX_BYTES) + 100];
	struct serial *p = dev->priv;
	hx_irqflags_t flags;
	char buf[8];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('!' + i % 90);
	p->is_shut = true;
	fake_uart_receive(&uart, "12345", 5);
	dev->write(dev, text, 50);
	assert_int_equal(uart.n_sent, 0);
	assert_int_equal(dev->read(dev, buf, sizeof(buf), HX_NS_PER_MS), -HX_ETIMEDOUT);
	flags = hx_irq_save();
	dev->write(dev, text + 50, sizeof(text) - 50);
	hx_irq_restore(flags);
	assert_true(uart.n_sent > 0);
	p->is_shut = false;
	/* The kernel and the driver's chip agree about what went past it. */
	assert_int_equal(hx_swap("serial", "mean", NULL), 0);
	assert_int_equal(dev->read(dev, buf, sizeof(buf), HX_NS_PER_S), 5);
	assert_memory_equal(buf, "12345", 5);
	dev->flush(dev);
	assert_int_equal(uart.n_sent, sizeof(text));
	assert_memory_equal(uart.sent, text, sizeof(text));
	assert_int_equal(dev->n_out, sizeof(text));
}

/* A panic in the middle of a call: the registers are not what they were. */
static void flush_works_with_the_chip_held(void **state)
{
	struct serial *s = dev->priv;
	hx_irqflags_t flags;

	assert_int_equal(hx_swap("serial", "mean", NULL), 0);
	flags = hx_irq_save();
	uart.held = true;
	dev->write(dev, "0123456789abcdefgh", 18);
	uart.held = false;
	s->chip_lock.locked = 1;
	uart.lcr |= LCR_DLAB;
	fake_uart_drain(&uart, 16);
	wrong = PUT_FAILS;
	dev->flush(dev);
	s->chip_lock.locked = 0;
	hx_irq_restore(flags);
	assert_string_equal(uart.sent, "0123456789abcdefgh");
	wrong = RIGHT;
}

/* ---- bytes both ways all the time, each with its number */

static uint64_t seed = 1;
static uint8_t in_next, out_next, read_next, sent_next;

static unsigned random_below(unsigned n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % n;
}

static void line_moves(void)
{
	unsigned n = random_below(FAKE_UART_FIFO - uart.n_rx + 1);

	while (n-- > 0) {
		char byte = (char)in_next++;

		fake_uart_receive(&uart, &byte, 1);
	}
	fake_uart_drain(&uart, random_below(FAKE_UART_FIFO + 1));
}

static void look_at_the_line(void)
{
	for (size_t i = 0; i < uart.n_sent; i++)
		assert_int_equal((uint8_t)uart.sent[i], sent_next++);
	uart.n_sent = 0;
}

static void reader_reads(unsigned most)
{
	uint8_t buf[64];
	hx_ssize_t n = dev->read(dev, (char *)buf, most, 0);

	for (hx_ssize_t i = 0; i < n; i++)
		assert_int_equal(buf[i], read_next++);
}

static void writer_writes(void)
{
	struct serial *p = dev->priv;
	uint8_t buf[64];
	unsigned n = random_below((unsigned)hx_min_u64(sizeof(buf), hx_ring_free(&p->tx_ring)) + 1);

	for (unsigned i = 0; i < n; i++)
		buf[i] = out_next++;
	dev->write(dev, (const char *)buf, n);
}

static void bytes_and_swaps_in_any_order(void **state)
{
	unsigned n_swaps = 0, n_failed = 0;

	uart.held = true;
	in_load = line_moves;
	for (unsigned i = 0; i < 40000; i++) {
		switch (random_below(8)) {
		case 0: case 1:
			line_moves();
			break;
		case 2: case 3:
			reader_reads(1 + random_below(64));
			break;
		case 4: case 5:
			writer_writes();
			break;
		case 6:
			hx_sleep_ns(HX_NS_PER_MS);
			break;
		case 7:
			if (random_below(4) == 0)
				assert_int_equal(hx_fault_arm(random_below(2) == 0 ? "swap.import" :
							      "swap.export"), 0);
			if (hx_swap("serial", names[random_below(3)], NULL) == 0)
				n_swaps++;
			else
				n_failed++;
			hx_fault_disarm("swap.import");
			hx_fault_disarm("swap.export");
			break;
		}
		look_at_the_line();
	}
	assert_true(n_swaps > 1000 && n_failed > 100);
	uart.held = false;
	in_load = NULL;
	fake_uart_drain(&uart, FAKE_UART_FIFO);
	for (unsigned i = 0; i < 2000 && (read_next != in_next || sent_next != out_next); i++) {
		reader_reads(64);
		hx_sleep_ns(HX_NS_PER_MS);
		look_at_the_line();
	}
	assert_int_equal(read_next, in_next);
	assert_int_equal(sent_next, out_next);
	assert_int_equal(dev->n_dropped_in, 0);
	assert_true(dev->n_in > 50000 && dev->n_out > 50000);
}

/* ---- a line without interrupts */

static void driver_that_polls_needs_no_interrupt(void **state)
{
	char buf[32];

	assert_int_equal(hx_swap("serial", "ns16550_poll", NULL), 0);
	lose_interrupts();
	for (unsigned i = 0; i < 20; i++) {
		hx_ns_t began = hx_now_ns();

		fake_uart_receive(&uart, "0123456789", 10);
		assert_int_equal(dev->read(dev, buf, sizeof(buf), HX_NS_PER_S), 10);
		assert_true(hx_now_ns() - began <= 20 * HX_NS_PER_MS);
	}
	expect_it_works();
	hx_fault_disarm("serial.irq");
	assert_int_equal(hx_swap("serial", "ns16550", NULL), 0);
	expect_it_works();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(goes_to_and_fro, setup, teardown),
		cmocka_unit_test_setup_teardown(each_step_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(new_one_that_is_wrong_stays_out, setup, teardown),
		cmocka_unit_test_setup_teardown(old_one_that_is_wrong_stays_in, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_inside_is_waited_for_and_named, setup,
						teardown),
		cmocka_unit_test_setup_teardown(port_that_is_shut_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(flush_works_with_the_chip_held, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_and_swaps_in_any_order, setup, teardown),
		cmocka_unit_test_setup_teardown(driver_that_polls_needs_no_interrupt, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
