// SPDX-License-Identifier: MIT
/*
 * The serial port as a console device: two bounded queues between threads and interrupts.
 *
 *	chip -> interrupt -> rx_ring -> reader          writer -> tx_ring -> interrupt -> chip
 *
 * 1 Receiving. When rx_ring is full the receive interrupts are switched off until a reader has made
 *   room: input faster than the reader stays in the chip (and, under an emulator or with flow
 *   control, at the sender) instead of eating the CPU. What the chip then loses it reports as an
 *   overrun, which is counted.
 * 2 Sending. A writer fills the chip's FIFO itself if it is empty; only the rest needs interrupts.
 *   Where sleeping is not allowed (interrupts off, the log) it polls.
 * 3 Locking. rx.lock and tx.lock guard their ring and are never held together; IER is shared and
 *   has regs_lock inside both.
 */
#include <hx/base.h>
#include <hx/core/failure.h>
#include <hx/core/fault.h>
#include <hx/core/init.h>
#include <hx/core/irq_router.h>
#include <hx/core/log.h>
#include <hx/core/printf.h>
#include <hx/core/thread.h>

#include "serial_priv.h"

#define IRQ_ROUNDS	4	/* of one FIFO each way; then other interrupts get their turn */
#define RX_BURST	32	/* bytes per round */
#define FLUSH_TRIES	(1u << 24)
#define TX_WATCH_NS	(100 * HX_NS_PER_MS)	/* a lost interrupt delays output, never stops it */

/* The same for input, where somebody takes failures: so often a reader looks, and once more. */
#define RX_WATCH_NS	(500 * HX_NS_PER_MS)
#define RX_AGAIN_NS	(100 * HX_NS_PER_MS)

HX_FAULT_POINT_OF(serial_irq, "serial.irq", HX_FAULT_LOST, "an interrupt of a port does not come");

static struct serial ports[CONFIG_SERIAL_PORTS];
static unsigned n_ports;

/* Chip to queue. rx.lock held. */
static void receive_locked(struct serial *s)
{
	unsigned n = 0, room = hx_min_u64(hx_ring_free(&s->rx_ring), RX_BURST);

	s->rx_waits = false;
	while (n < room && (uart_status(s) & LSR_DATA)) {
		hx_ring_put_byte(&s->rx_ring, hx_reg_read8(&s->regs, UART_DATA));
		n++;
	}
	s->dev.n_in += n;
	if (n > 0)
		hx_wake_one_locked(&s->rx);
	if (!s->throttled && hx_ring_free(&s->rx_ring) == 0) {
		s->throttled = true;
		uart_interrupts(s, IER_RX | IER_LINE, 0);
	}
}

/* Queue to chip, and interrupts on exactly while something waits. tx.lock held. */
static void transmit_locked(struct serial *s)
{
	unsigned i;
	int c;

	if (hx_ring_used(&s->tx_ring) != 0 && (uart_status(s) & LSR_TX_READY)) {
		for (i = 0; i < s->fifo_bytes && (c = hx_ring_get_byte(&s->tx_ring)) >= 0; i++)
			hx_reg_write8(&s->regs, UART_DATA, (uint8_t)c);
		s->dev.n_out += i;
	}
	if (hx_ring_used(&s->tx_ring) != 0)
		uart_interrupts(s, 0, IER_TX);
	else
		uart_interrupts(s, IER_TX, 0);
}

static void serial_irq(void *arg)
{
	struct serial *s = arg;
	hx_irqflags_t flags;
	unsigned round;

	if (hx_fault_hits("serial.irq"))
		return;
	for (round = 0; round < IRQ_ROUNDS; round++) {
		if (hx_reg_read8(&s->regs, UART_IIR) & IIR_NONE) {
			if (round == 0)
				hx_irq_not_mine();
			return;
		}
		flags = hx_spin_lock_irqsave(&s->rx.lock);
		receive_locked(s);
		hx_spin_unlock_irqrestore(&s->rx.lock, flags);

		flags = hx_spin_lock_irqsave(&s->tx.lock);
		transmit_locked(s);
		if (hx_ring_free(&s->tx_ring) >= sizeof(s->tx_buf) / 2)
			hx_wake_all_locked(&s->tx);
		hx_spin_unlock_irqrestore(&s->tx.lock, flags);
	}
	/* Edge-triggered lines must not be left high, or they never rise again. */
	uart_rearm(s);
}

/* A reader has waited for a while: does something wait in the chip that nobody was told of? An
 * interrupt that is only late has come when it looks again. rx.lock held. */
static void look_for_lost(struct serial *s)
{
	bool waits = !s->throttled && (uart_status(s) & LSR_DATA) != 0;

	if (!waits || !s->rx_waits) {
		s->rx_waits = waits;
		return;
	}
	(void)hx_failure_tell(HX_FAILURE_HARDWARE, s->name, "input waits, line %u was silent",
			      s->line);
	receive_locked(s);
	uart_rearm(s);
}

/* rx.lock held. 0: something may be there; how long it may still take is in *left_ns. */
static int wait_for_input(struct serial *s, hx_ns_t *left_ns)
{
	hx_ns_t part = !HX_ENABLED(FAILURES) ? *left_ns
		       : hx_min_u64(*left_ns, s->rx_waits ? RX_AGAIN_NS : RX_WATCH_NS);
	int err = hx_wait_locked(&s->rx, part);

	if (err != -HX_ETIMEDOUT || part == *left_ns)
		return err;
	if (*left_ns != HX_FOREVER)
		*left_ns -= part;
	look_for_lost(s);
	return 0;
}

static hx_ssize_t serial_read(struct hx_console_dev *d, char *bytes, size_t n,
			      hx_ns_t timeout_ns)
{
	struct serial *s = d->priv;
	hx_irqflags_t flags = hx_spin_lock_irqsave(&s->rx.lock);
	size_t got;
	int err = 0;

	while ((got = hx_ring_get(&s->rx_ring, bytes, n)) == 0 && err == 0)
		err = wait_for_input(s, &timeout_ns);
	if (s->throttled && hx_ring_free(&s->rx_ring) >= sizeof(s->rx_buf) / 2) {
		s->throttled = false;
		uart_interrupts(s, 0, IER_RX | IER_LINE);
	}
	hx_spin_unlock_irqrestore(&s->rx.lock, flags);
	return got > 0 ? (hx_ssize_t)got : err;
}

/* A piece that fits goes into the ring as a whole, so that nobody's text comes in between. */
static void serial_write(struct hx_console_dev *d, const char *bytes, size_t n)
{
	struct serial *s = d->priv;
	bool may_sleep = hx_can_sleep();
	hx_irqflags_t flags = hx_spin_lock_irqsave(&s->tx.lock);

	for (;;) {
		size_t room = hx_min_u64(n, sizeof(s->tx_buf) / 2);

		if (hx_ring_free(&s->tx_ring) >= room) {
			size_t done = hx_ring_put(&s->tx_ring, bytes, n);

			bytes += done;
			n -= done;
		}
		transmit_locked(s);
		if (n == 0)
			break;
		if (may_sleep)
			(void)hx_wait_locked(&s->tx, TX_WATCH_NS);
		else if (!uart_wait(s, LSR_TX_READY))
			break;	/* the device hangs: what is left is lost with it */
	}
	hx_spin_unlock_irqrestore(&s->tx.lock, flags);
}

/*
 * The lock may be held by code that a panic interrupted, here or on a CPU that was stopped: nobody
 * else runs then, so do without after a while.
 */
static bool flush_lock(struct serial *s, hx_irqflags_t *flags)
{
	bool lock;

	for (unsigned i = 0; !HX_ENABLED(ONE_CPU) && i < FLUSH_TRIES; i++) {
		if (hx_spin_trylock_irqsave(&s->tx.lock, flags))
			return true;
		hx_cpu_relax();
	}
	*flags = hx_irq_save();
	lock = HX_ENABLED(ONE_CPU) && !hx_spin_is_held(&s->tx.lock);
	if (lock)
		hx_spin_acquire_(&s->tx.lock);
	return lock;
}

static void serial_flush(struct hx_console_dev *d)
{
	struct serial *s = d->priv;
	hx_irqflags_t flags;
	bool lock = flush_lock(s, &flags);

	while (hx_ring_used(&s->tx_ring) != 0 && uart_wait(s, LSR_TX_READY))
		transmit_locked(s);
	uart_wait(s, LSR_TX_IDLE);
	if (lock)
		hx_spin_release_(&s->tx.lock);
	hx_irq_restore(flags);
}

static int serial_start(struct serial *s, unsigned idx)
{
	int err;

	hx_spin_init(&s->regs_lock, "uart", HX_RANK_DRIVER);
	hx_wait_init(&s->rx);
	hx_wait_init(&s->tx);
	err = hx_ring_init(&s->rx_ring, s->rx_buf, sizeof(s->rx_buf));
	if (err == 0)
		err = hx_ring_init(&s->tx_ring, s->tx_buf, sizeof(s->tx_buf));
	if (err != 0)
		return err;
	hx_snprintf(s->name, sizeof(s->name), "serial%u", idx);
	s->dev = (struct hx_console_dev){
		.name = s->name, .priv = s,
		.write = serial_write, .read = serial_read, .flush = serial_flush,
	};
	s->action = (struct hx_irq_action){ .name = s->name, .handler = serial_irq, .arg = s };
	uart_setup(s);
	err = hx_irq_request(s->line, &s->action, "serial", 0);
	if (err != 0)
		return err;
	uart_interrupts(s, 0, IER_RX | IER_LINE);
	err = hx_console_dev_register(&s->dev);
	if (err != 0) {
		uart_interrupts(s, 0xff, 0);
		hx_irq_release(s->line, &s->action);
	}
	return err;
}

static void serial_shutdown(void)
{
	while (n_ports > 0) {
		struct serial *s = &ports[--n_ports];

		s->dev.flush(&s->dev);
		hx_console_dev_unregister(&s->dev);
		uart_interrupts(s, 0xff, 0);
		hx_irq_release(s->line, &s->action);
		if (HX_ENABLED(RESOURCES))
			serial_ports_give(n_ports);
	}
}

/* The chip is there. 0: it is up, as port n_ports. */
static int serial_add(unsigned idx, const struct hx_reg_window *w, uint32_t line)
{
	struct serial *s = &ports[n_ports];
	int err = HX_ENABLED(RESOURCES) ? serial_ports_take(n_ports, w) : 0;

	if (err != 0)
		return err;
	*s = (struct serial){ .regs = *w, .line = line };
	err = serial_start(s, idx);
	if (HX_ENABLED(RESOURCES) && err != 0)
		serial_ports_give(n_ports);
	return err;
}

/* No port is no failure: the early console serves. */
static int serial_init(void)
{
	struct hx_reg_window w;
	uint32_t line;
	unsigned idx;

	n_ports = 0;
	for (idx = 0; n_ports < CONFIG_SERIAL_PORTS; idx++) {
		int err;

		if (hx_platform_uart(idx, &w, &line) != 0)
			break;
		if (!uart_is_there(&w)) {
			hx_info("serial", "port %u is not there", idx);
			continue;
		}
		err = serial_add(idx, &w, line);
		if (err != 0)
			hx_warn("serial", "port %u refused: %d", idx, err);
		else
			n_ports++;
	}
	return 0;
}

HX_COMPONENT(serial) = {
	.name = "serial", .phase = HX_PHASE_LATE, .version = 1,
	.needs = "devices irq threads",
	.init = serial_init, .shutdown = serial_shutdown,
};
