/* SPDX-License-Identifier: MIT */
/*
 * The serial driver against a 16550 that keeps account: finding it, both directions with and
 * without sleeping, full queues, a chip that hangs, and interrupts that must not get lost.
 */
#include "hx_test.h"
#include "fake_uart.h"

#include <hx/core/console_dev.h>
#include <hx/core/failure.h>
#include <hx/core/fault.h>
#include <hx/core/lock.h>
#include <hx/core/log.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#include <hx/drivers/uart16550.h>

#include "../serial_priv.h"

#define PORT	0x3f8
#define LINE	4u

static struct fake_uart uart;
static struct hx_console_dev *dev;

static int setup(void **state)
{
	hx_test_machine(64 * HX_MIB);
	if (fake_uart_init(&uart, PORT, LINE) != 0)
		return -1;
	hx_test_start("serial");
	hx_test_console_capture();
	dev = hx_console_dev_active();
	return 0;
}

static int teardown(void **state)
{
	uart.held = false;
	fake_uart_drain(&uart, FAKE_UART_FIFO);
	hx_test_machine_end();
	/* The driver never wrote into a full FIFO, never read an empty one, and left it quiet. */
	if (uart.n_lost != 0 || uart.n_read_empty != 0 || uart.ier != 0) {
		print_error("misuse: %u lost, %u empty reads, ier %#x\n", uart.n_lost,
			    uart.n_read_empty, uart.ier);
		return -1;
	}
	return 0;
}

static void sets_the_chip_up(void **state)
{
	assert_string_equal(dev->name, "serial0");
	assert_int_equal(fake_uart_divisor(&uart), 1);
	assert_int_equal(uart.lcr, LCR_8N1);
	assert_int_equal(uart.fcr & FCR_ENABLE, FCR_ENABLE);
	assert_int_equal(uart.mcr & (MCR_OUT2 | MCR_LOOP), MCR_OUT2);
	assert_int_equal(uart.ier, IER_RX | IER_LINE);
	assert_false(hx_host_irq_is_masked(LINE));
}

static void sends(void **state)
{
	dev->write(dev, "hello", 5);
	assert_string_equal(uart.sent, "hello");
	dev->write(dev, "", 0);
	dev->write(dev, " world\n", 7);
	assert_string_equal(uart.sent, "hello world\n");
	assert_int_equal(dev->n_out, 12);
	assert_int_equal(uart.ier & IER_TX, 0);
}

static void receives(void **state)
{
	char buf[32];

	fake_uart_receive(&uart, "abc", 3);
	assert_int_equal(dev->read(dev, buf, 2, HX_FOREVER), 2);
	assert_memory_equal(buf, "ab", 2);
	assert_int_equal(dev->read(dev, buf, sizeof(buf), HX_FOREVER), 1);
	assert_int_equal(buf[0], 'c');
	assert_int_equal(dev->read(dev, buf, sizeof(buf), 10 * HX_NS_PER_MS), -HX_ETIMEDOUT);
	assert_int_equal(dev->n_in, 3);
	assert_int_equal(dev->n_dropped_in, 0);
}

static void fill(char *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (char)('!' + i % 90);
}

/* Input at full speed while nobody reads: the queue fills, then the chip; no byte goes uncounted,
 * none comes twice or out of order, and afterwards everything flows again. */
static void flood_is_bounded_and_counted(void **state)
{
	static char in[3 * SERIAL_POW2(CONFIG_SERIAL_RX_BYTES)], out[sizeof(in)];
	size_t n = 0, room = SERIAL_POW2(CONFIG_SERIAL_RX_BYTES) + FAKE_UART_FIFO;
	hx_ssize_t got;

	fill(in, sizeof(in));
	fake_uart_receive(&uart, in, sizeof(in));
	assert_int_equal(uart.ier & IER_RX, 0);
	while (n < room && (got = dev->read(dev, out + n, 100, HX_NS_PER_MS)) > 0)
		n += (size_t)got;
	assert_int_equal(n, room);
	assert_memory_equal(out, in, n);
	assert_int_equal(dev->n_in, room);
	assert_true(dev->n_dropped_in >= 1);
	assert_int_equal(uart.ier & IER_RX, IER_RX);
	fake_uart_receive(&uart, "again", 5);
	assert_int_equal(dev->read(dev, out, sizeof(out), HX_FOREVER), 5);
	assert_memory_equal(out, "again", 5);
}

/* With interrupts off nothing may sleep: more than the queue holds is polled out, in order. */
static void polls_where_it_may_not_sleep(void **state)
{
	static char text[3 * SERIAL_POW2(CONFIG_SERIAL_TX_BYTES)];
	size_t n = sizeof(text) < FAKE_UART_SENT_MAX ? sizeof(text) : FAKE_UART_SENT_MAX;
	hx_irqflags_t flags = hx_irq_save();

	fill(text, n);
	dev->write(dev, text, n);
	hx_irq_restore(flags);
	dev->flush(dev);
	assert_int_equal(uart.n_sent, n);
	assert_memory_equal(uart.sent, text, n);
}

static void log_goes_out_in_order(void **state)
{
	hx_irqflags_t flags;

	dev->write(dev, "one ", 4);
	flags = hx_irq_save();
	hx_log(HX_LOG_ERROR, "t", "two");
	hx_irq_restore(flags);
	dev->write(dev, "three", 5);
	assert_string_equal(uart.sent, "one error t: two\r\nthree");
}

static void flush_sends_what_is_queued(void **state)
{
	uart.held = true;
	dev->write(dev, "0123456789abcdefgh", 18);
	assert_int_equal(uart.n_tx, 16);
	assert_int_equal(uart.n_sent, 0);
	assert_int_equal(uart.ier & IER_TX, IER_TX);
	uart.held = false;
	fake_uart_drain(&uart, 16);	/* the interrupt sends the rest */
	assert_string_equal(uart.sent, "0123456789abcdefgh");
	dev->flush(dev);
	assert_int_equal(uart.n_sent, 18);
}

/* A panic may interrupt the driver inside its own lock: flushing must not wait for that. */
static void flush_works_with_the_lock_held(void **state)
{
	struct serial *s = dev->priv;
	hx_irqflags_t flags = hx_spin_lock_irqsave(&s->tx.lock);

	assert_int_equal(hx_ring_put(&s->tx_ring, "last words", 10), 10);
	dev->flush(dev);
	hx_spin_unlock_irqrestore(&s->tx.lock, flags);
	assert_string_equal(uart.sent, "last words");
}

/* The line is dead: writers that may not sleep give up, and so does flush. */
static void chip_that_hangs_stops_nobody(void **state)
{
	static char text[2 * SERIAL_POW2(CONFIG_SERIAL_TX_BYTES)];
	hx_irqflags_t flags = hx_irq_save();

	fill(text, sizeof(text));
	uart.held = true;
	dev->write(dev, text, sizeof(text));
	dev->flush(dev);
	hx_irq_restore(flags);
	assert_int_equal(uart.n_sent, 0);
	/* It comes back: what is still queued goes out, in order, from its start. */
	uart.held = false;
	fake_uart_drain(&uart, 16);
	dev->flush(dev);
	assert_true(uart.n_sent >= SERIAL_POW2(CONFIG_SERIAL_TX_BYTES));
	assert_memory_equal(uart.sent, text, uart.n_sent);
}

/* ---- with threads */

static struct hx_timer line_clock;

/* What the line does by itself: every millisecond the FIFO is out. */
static void line_tick(struct hx_timer *t)
{
	fake_uart_drain(&uart, FAKE_UART_FIFO);
	hx_timer_start(t, hx_now_ns() + HX_NS_PER_MS);
}

static void writer_sleeps_until_there_is_room(void **state)
{
	static char text[4 * SERIAL_POW2(CONFIG_SERIAL_TX_BYTES)];
	size_t n = sizeof(text) < FAKE_UART_SENT_MAX ? sizeof(text) : FAKE_UART_SENT_MAX;

	fill(text, n);
	uart.held = true;
	line_clock.fn = line_tick;
	hx_timer_start(&line_clock, hx_now_ns() + HX_NS_PER_MS);
	assert_true(hx_can_sleep());
	dev->write(dev, text, n);
	while (uart.n_sent < n)
		hx_sleep_ns(HX_NS_PER_MS);
	hx_timer_cancel(&line_clock);
	assert_memory_equal(uart.sent, text, n);
	assert_int_equal(uart.ier & IER_TX, 0);
}

static void type_later(struct hx_timer *t)
{
	fake_uart_receive(&uart, "late", 4);
}

static void reader_sleeps_until_input_comes(void **state)
{
	hx_ns_t began = hx_now_ns();
	char buf[8];

	line_clock.fn = type_later;
	hx_timer_start(&line_clock, began + 5 * HX_NS_PER_MS);
	assert_int_equal(dev->read(dev, buf, 1, HX_FOREVER), 1);
	assert_true(hx_now_ns() - began >= 5 * HX_NS_PER_MS);
	assert_int_equal(dev->read(dev, buf, sizeof(buf), HX_FOREVER), 3);
	assert_memory_equal(buf, "ate", 3);
}

/* ---- chips that are not there or odd */

static uint8_t stuck;		/* what every read gives */
static uint8_t scratch;

static uint32_t odd_read(struct hx_host_device *d, unsigned offset, unsigned width)
{
	return offset == UART_SCRATCH && stuck == 0 ? scratch : stuck;
}

static void odd_write(struct hx_host_device *d, unsigned offset, uint32_t value, unsigned width)
{
	if (offset == UART_SCRATCH)
		scratch = (uint8_t)value;
}

static void absent_port(uint8_t value)
{
	static struct hx_host_device odd = { .base = PORT, .size = 8, .is_port = true,
					     .read = odd_read, .write = odd_write };
	const struct hx_reg_window w = { .base = PORT, .is_port = true };

	stuck = value;
	hx_test_machine(64 * HX_MIB);
	assert_int_equal(hx_host_plug(&odd), 0);
	assert_int_equal(hx_host_add_uart(&w, LINE), 0);
	hx_test_start("serial");
	assert_string_equal(hx_console_dev_active()->name, "early");
	assert_true(hx_host_irq_is_masked(LINE));
	hx_test_machine_end();
}

static void missing_chips_are_noticed(void **state)
{
	absent_port(0xff);	/* an empty bus */
	absent_port(0x5a);	/* a bus that keeps the last value for a while */
	absent_port(0);		/* a scratch register, but nothing loops back */
}

static void no_port_at_all_is_no_failure(void **state)
{
	hx_test_machine(64 * HX_MIB);
	hx_test_start("serial");
	assert_string_equal(hx_console_dev_active()->name, "early");
	hx_test_machine_end();
}

static void what_was_typed_before_is_kept(void **state)
{
	char buf[8];

	hx_test_machine(64 * HX_MIB);
	assert_int_equal(fake_uart_init(&uart, PORT, LINE), 0);
	uart.fcr = FCR_ENABLE;		/* as the early console left it */
	fake_uart_receive(&uart, "early", 5);
	hx_test_start("serial");
	dev = hx_console_dev_active();
	assert_int_equal(dev->read(dev, buf, sizeof(buf), HX_NS_PER_MS), 5);
	assert_memory_equal(buf, "early", 5);
	assert_int_equal(teardown(NULL), 0);
}

/* Nobody else reads: what the reader gets it found by itself. */
static void input_without_an_interrupt_is_found_and_told(void **state)
{
	struct hx_failure_counts before, after;
	char buf[32];

	hx_failure_counts(&before);
	assert_int_equal(hx_fault_arm("serial.irq"), 0);
	fake_uart_receive(&uart, "abc", 3);
	assert_int_equal(dev->read(dev, buf, sizeof(buf), 50 * HX_NS_PER_MS), -HX_ETIMEDOUT);
	assert_int_equal(dev->read(dev, buf, sizeof(buf), HX_FOREVER), 3);
	assert_memory_equal(buf, "abc", 3);
	hx_failure_counts(&after);
	assert_int_equal(after.n_kind[HX_FAILURE_HARDWARE],
			 before.n_kind[HX_FAILURE_HARDWARE] + 1);
	/* The next ones come by interrupts again, and waiting for them is no failure. */
	assert_int_equal(dev->read(dev, buf, sizeof(buf), 2 * HX_NS_PER_S), -HX_ETIMEDOUT);
	fake_uart_receive(&uart, "d", 1);
	assert_int_equal(dev->read(dev, buf, sizeof(buf), 0), 1);
	hx_failure_counts(&after);
	assert_int_equal(after.n_kind[HX_FAILURE_HARDWARE],
			 before.n_kind[HX_FAILURE_HARDWARE] + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sets_the_chip_up, setup, teardown),
		cmocka_unit_test_setup_teardown(sends, setup, teardown),
		cmocka_unit_test_setup_teardown(receives, setup, teardown),
		cmocka_unit_test_setup_teardown(input_without_an_interrupt_is_found_and_told, setup,
						teardown),
		cmocka_unit_test_setup_teardown(flood_is_bounded_and_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(polls_where_it_may_not_sleep, setup, teardown),
		cmocka_unit_test_setup_teardown(log_goes_out_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(flush_sends_what_is_queued, setup, teardown),
		cmocka_unit_test_setup_teardown(flush_works_with_the_lock_held, setup, teardown),
		cmocka_unit_test_setup_teardown(chip_that_hangs_stops_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(writer_sleeps_until_there_is_room, setup, teardown),
		cmocka_unit_test_setup_teardown(reader_sleeps_until_input_comes, setup, teardown),
		cmocka_unit_test(missing_chips_are_noticed),
		cmocka_unit_test(no_port_at_all_is_no_failure),
		cmocka_unit_test(what_was_typed_before_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
