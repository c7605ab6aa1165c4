// SPDX-License-Identifier: MIT
/*
 * The serial port in the booted kernel: more than the queue holds goes out whole, first waiting for
 * interrupts, then polled with interrupts off.
 */
#include <hx/core/ktest.h>
#include <hx/core/string.h>
#include <hx/hal/cpu.h>

#include "serial_priv.h"

/* A comment line of the test protocol, so that its readers do not mind. */
#define LINE	"# serial: 0123456789 abcdefghijklmnopqrstuvwxyz\r\n"

static struct hx_console_dev *port(struct hx_ktest_run *t)
{
	struct hx_console_dev *d = hx_console_dev_active();

	if (hx_strncmp(d->name, "serial", 6) == 0)
		return d;
	hx_ktest_skip(t, "no serial port is the console");
	return NULL;
}

static void write_lines(struct hx_ktest_run *t, struct hx_console_dev *d)
{
	unsigned i, n = 2 * SERIAL_POW2(CONFIG_SERIAL_TX_BYTES) / (sizeof(LINE) - 1) + 1;
	uint64_t before;

	d->flush(d);
	before = d->n_out;
	for (i = 0; i < n; i++)
		d->write(d, LINE, sizeof(LINE) - 1);
	d->flush(d);
	hx_expect(t, d->n_out - before == (uint64_t)n * (sizeof(LINE) - 1));
}

HX_KTEST(serial_writers_wait_for_room)
{
	struct hx_console_dev *d = port(t);

	if (d != NULL)
		write_lines(t, d);
}

HX_KTEST(serial_polls_with_interrupts_off)
{
	struct hx_console_dev *d = port(t);
	hx_irqflags_t flags;

	if (d == NULL)
		return;
	flags = hx_irq_save();
	write_lines(t, d);
	hx_irq_restore(flags);
}
