/* SPDX-License-Identifier: MIT */
/*
 * A machine with a 16550, and a driver of it that does wrong what it is told to.
 */
#ifndef SERIAL_SWAP_MACHINE_H
#define SERIAL_SWAP_MACHINE_H

#include "hx_test.h"
#include "fake_uart.h"

#include <hx/core/console_dev.h>
#include <hx/core/failure.h>
#include <hx/core/fault.h>
#include <hx/core/log.h>
#include <hx/core/string.h>
#include <hx/core/swap.h>
#include <hx/core/thread.h>
#include <hx/drivers/uart16550.h>

#include "../serial_priv.h"

#define PORT	0x3f8
#define LINE	4u

static struct fake_uart uart;
static struct hx_console_dev *dev;

/* ---- the driver "mean" */

enum wrong {
	RIGHT, LOAD_FAILS, SAVE_FAILS, SAVE_LIES, SAVE_MISCOUNTS, LOOK_FAILS, LOOK_LIES, GET_FAILS,
	GET_FAILS_LATE, GET_LIES, GET_UNCOUNTED, PUT_FAILS, PUT_FAILS_LATE, PUT_LIES, WANT_FAILS,
	PENDING_FAILS, PENDING_LIES, REARM_FAILS, WRONGS,
};

static enum wrong wrong;
static unsigned n_loads;
static void (*in_load)(void);	/* what happens on the line meanwhile */

static int mean_load(struct hx_serial_chip *c, const struct hx_serial_state *st)
{
	n_loads++;
	if (in_load != NULL)
		in_load();
	return wrong == LOAD_FAILS ? -HX_EIO : uart_load(c, st);
}

static int mean_save(struct hx_serial_chip *c, struct hx_serial_state *st)
{
	int err = wrong == SAVE_FAILS ? -HX_EIO : uart_save(c, st);

	st->baud += wrong == SAVE_LIES;
	st->n_in += wrong == SAVE_MISCOUNTS;
	return err;
}

static int mean_look(struct hx_serial_chip *c)
{
	return wrong == LOOK_FAILS ? -HX_EIO : wrong == LOOK_LIES ? 64 : uart_look(c);
}

static int mean_get(struct hx_serial_chip *c, uint8_t *bytes, unsigned n)
{
	if (wrong == GET_FAILS_LATE)
		uart_take(c, bytes, n < 2 ? n : 2);
	return wrong == GET_FAILS || wrong == GET_FAILS_LATE ? -HX_EIO :
	       wrong == GET_LIES ? (int)n + 1 : wrong == GET_UNCOUNTED ? 1 : uart_take(c, bytes, n);
}

static int mean_put(struct hx_serial_chip *c, const uint8_t *bytes, unsigned n)
{
	if (wrong == PUT_FAILS_LATE)
		uart_give(c, bytes, n < 2 ? n : 2);
	return wrong == PUT_FAILS || wrong == PUT_FAILS_LATE ? -HX_EIO :
	       wrong == PUT_LIES ? (int)n + 1 : uart_give(c, bytes, n);
}

static int mean_want(struct hx_serial_chip *c, unsigned bits)
{
	c->wants = bits;
	uart_put(c, UART_IER, (bits & HX_SERIAL_IN ? IER_RX | IER_LINE : 0) |
			      (bits & HX_SERIAL_ROOM ? IER_TX : 0));
	return wrong == WANT_FAILS ? -HX_EIO : 0;
}

static int mean_pending(struct hx_serial_chip *c)
{
	return wrong == PENDING_FAILS ? -HX_EIO : wrong == PENDING_LIES ? 2 :
	       (uart_get(c, UART_IIR) & IIR_NONE) == 0;
}

static int mean_rearm(struct hx_serial_chip *c)
{
	uart_put(c, UART_IER, 0);
	return wrong == REARM_FAILS ? -HX_EIO : mean_want(c, c->wants);
}

static const struct hx_serial_ops mean_ops = {
	.abi = HX_SERIAL_ABI, .name = "mean", .present = uart_present, .load = mean_load,
	.save = mean_save, .look = mean_look, .get = mean_get, .put = mean_put, .want = mean_want,
	.pending = mean_pending, .rearm = mean_rearm,
};
HX_SERIAL_CLASS(mean_ops);

/* ---- the machine */

static int setup(void **state)
{
	wrong = RIGHT;
	in_load = NULL;
	hx_swap_forgive(&serial_kind, &mean_ops);
	hx_test_machine(64 * HX_MIB);
	if (fake_uart_init(&uart, PORT, LINE) != 0)
		return -1;
	hx_test_start("serial");
	hx_test_console_capture();
	hx_log_set_console_level(HX_LOG_ERROR);
	dev = hx_console_dev_active();
	return 0;
}

/* The driver never wrote into a full FIFO, never read an empty one, left it quiet, and the line was
 * cut at boot only. */
static int teardown(void **state)
{
	uart.held = false;
	fake_uart_drain(&uart, FAKE_UART_FIFO);
	hx_test_machine_end();
	if (uart.n_lost != 0 || uart.n_read_empty != 0 || uart.ier != 0 || uart.n_looped != 1) {
		print_error("misuse: %u lost, %u empty reads, ier %#x, %u loops\n", uart.n_lost,
			    uart.n_read_empty, uart.ier, uart.n_looped);
		return -1;
	}
	return 0;
}

static const char *provider(void)
{
	return serial_current->name;
}

static inline void lose_interrupts(void)
{
	const struct hx_fault_plan plan = { .point = "serial.irq", .kind = HX_FAULT_LOST,
					    .times = HX_FAULT_ALWAYS };

	assert_int_equal(hx_fault_plan_arm(&plan), 0);
}

/* Both ways, a byte at least. */
static void expect_it_works(void)
{
	char buf[8];
	size_t n;

	dev->flush(dev);	/* what the log says of a failure */
	n = uart.n_sent;
	fake_uart_receive(&uart, "abc", 3);
	assert_int_equal(dev->read(dev, buf, 3, HX_NS_PER_S), 3);
	assert_memory_equal(buf, "abc", 3);
	dev->write(dev, "defg", 4);
	while (uart.n_sent < n + 4)
		hx_sleep_ns(HX_NS_PER_MS);
	assert_int_equal(uart.n_sent, n + 4);
	assert_memory_equal(uart.sent + n, "defg", 4);
}

#endif
