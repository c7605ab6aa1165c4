// SPDX-License-Identifier: MIT
/*
 * The early console as a console device: polled, so it always works. Between two looks for input it
 * lets others run: it sleeps when nobody types, and only yields while input keeps coming, because a
 * 16-byte FIFO is full 1.4 ms after a paste at 115,200 baud begins. What is pasted faster than that
 * after a pause is lost in the chip; the interrupt-driven driver is for those who paste.
 */
#include <hx/base.h>
#include <hx/core/thread.h>
#include <hx/hal/cpu.h>
#include <hx/hal/earlycon.h>
#include <hx/hal/timer.h>

#include "device_priv.h"

#define SLEEP_NS	HX_NS_PER_MS			/* the timer makes at least a tick of it */
#define AWAKE_NS	(20 * HX_NS_PER_MS)		/* after the last byte */

static hx_ns_t awake_until;	/* the console thread's own */

/* In one piece, as the early console writes it; that puts '\r' before each '\n' itself. */
static void early_write(struct hx_console_dev *d, const char *bytes, size_t n)
{
	char piece[PIECE_BYTES];
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != '\r' || i + 1 == n || bytes[i + 1] != '\n')
			piece[used++] = bytes[i];
		if (used == sizeof(piece) || i + 1 == n) {
			hx_earlycon_write(piece, used);
			used = 0;
		}
	}
	d->n_out += n;
}

static hx_ssize_t early_read(struct hx_console_dev *d, char *bytes, size_t n, hx_ns_t timeout_ns)
{
	hx_ns_t began = hx_now_ns(), now = began;
	size_t got = 0;
	int c;

	for (;; now = hx_now_ns()) {
		while (got < n && (c = hx_earlycon_getc()) >= 0)
			bytes[got++] = (char)c;
		if (got > 0)
			break;
		if (now - began >= timeout_ns)
			return -HX_ETIMEDOUT;
		hx_cpu_relax();
		if (!hx_can_sleep())
			continue;
		if (now < awake_until)
			hx_yield();
		else
			hx_sleep_ns(SLEEP_NS);
	}
	awake_until = now + AWAKE_NS;
	d->n_in += got;
	return (hx_ssize_t)got;
}

static void early_flush(struct hx_console_dev *d)
{
	/* Nothing is ever queued. */
}

struct hx_console_dev device_early = {
	.name = "early", .write = early_write, .read = early_read, .flush = early_flush,
};
