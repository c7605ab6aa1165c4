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
 * 3 Locking. rx.lock and tx.lock guard their ring and are never held together; the chip is shared
 *   and has chip_lock inside both, for each call of the driver in the slot (chip.c).
 * 4 Drivers that do not interrupt are asked by a timer, in place of the interrupt.
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

#define IRQ_ROUNDS	4	/* of one call each way; then other interrupts get their turn */
#define FLUSH_TRIES	(1u << 24)
#define WAIT_LOOKS	100000	/* a look is 1 us about, and a FIFO goes out within 1,400 */
#define TX_WATCH_NS	(100 * HX_NS_PER_MS)	/* a lost interrupt delays output, never stops it */

/* The same for input, where somebody takes failures: so often a reader looks, and once more. */
#define RX_WATCH_NS	(500 * HX_NS_PER_MS)
#define RX_AGAIN_NS	(100 * HX_NS_PER_MS)

HX_FAULT_POINT_OF(serial_irq, "serial.irq", HX_FAULT_LOST, "an interrupt of a port does not come");

static struct serial ports[CONFIG_SERIAL_PORTS];
static unsigned n_ports;

struct serial *serial_port(unsigned idx)
{
	return idx < n_ports ? &ports[idx] : NULL;
}

/* Chip to queue. rx.lock held. */
static void receive_locked(struct serial *s)
{
	s->rx_waits = false;
	if (serial_get(s) > 0)
		hx_wake_one_locked(&s->rx);
}

bool serial_serve(struct serial *s)
{
	hx_irqflags_t flags;
	unsigned round;

	for (round = 0; round < IRQ_ROUNDS; round++) {
		if (!serial_pending(s))
			break;
		flags = hx_spin_lock_irqsave(&s->rx.lock);
		receive_locked(s);
		hx_spin_unlock_irqrestore(&s->rx.lock, flags);

		flags = hx_spin_lock_irqsave(&s->tx.lock);
		serial_put(s, false);
		if (hx_ring_free(&s->tx_ring) >= sizeof(s->tx_buf) / 2)
			hx_wake_all_locked(&s->tx);
		hx_spin_unlock_irqrestore(&s->tx.lock, flags);
	}
	/* Edge-triggered lines must not be left high, or they never rise again. */
	if (round == IRQ_ROUNDS)
		serial_rearm(s);
	if (HX_ENABLED(SLOT_SWAP))
		serial_report(s);
	return round > 0;
}

static void serial_irq(void *arg)
{
	struct serial *s = arg;

	if (hx_fault_hits("serial.irq"))
		return;
	__atomic_store_n(&s->n_silent, 0, __ATOMIC_RELAXED);
	if (!serial_serve(s))
		hx_irq_not_mine();
}

static void serial_poll(struct hx_timer *t)
{
	struct serial *s = HX_CONTAINER_OF(t, struct serial, poll);

	serial_serve(s);
	serial_poll_begin(s);
}

void serial_poll_begin(struct serial *s)
{
	hx_ns_t poll_ns = __atomic_load_n(&s->poll_ns, __ATOMIC_RELAXED);

	if (poll_ns != 0)	/* else the driver interrupts */
		hx_timer_start(&s->poll, hx_now_ns() + poll_ns);
}

/* A reader has waited for a while: does something wait in the chip that nobody was told of? An
 * interrupt that is only late has come when it looks again. rx.lock held; let go for a moment. */
static void look_for_lost(struct serial *s)
{
	unsigned bits = serial_look(s);
	bool input = !s->throttled && (bits & HX_SERIAL_IN) != 0;
	bool waits = input || (s->tx_waits && (bits & HX_SERIAL_ROOM) != 0);

	if (!waits || !s->rx_waits) {
		s->rx_waits = waits;
		return;
	}
	(void)hx_failure_tell(HX_FAILURE_HARDWARE, s->name, "%s waits, line %u was silent",
			      input ? "input" : "output", s->line);
	__atomic_fetch_add(&s->n_silent, 1, __ATOMIC_RELAXED);
	hx_spin_release_(&s->rx.lock);
	serial_serve(s);
	serial_rearm(s);
	hx_spin_acquire_(&s->rx.lock);
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

/* rx.lock held. */
static void unthrottle(struct serial *s)
{
	serial_enter(s);
	s->throttled = false;
	serial_want(s);
	serial_leave(s);
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
	if (s->throttled && hx_ring_free(&s->rx_ring) >= sizeof(s->rx_buf) / 2)
		unthrottle(s);
	hx_spin_unlock_irqrestore(&s->rx.lock, flags);
	if (HX_ENABLED(SLOT_SWAP))
		serial_report(s);
	return got > 0 ? (hx_ssize_t)got : err;
}

/* tx.lock held. False: the device hangs. */
static bool wait_for_room(struct serial *s)
{
	for (unsigned i = 0; i < WAIT_LOOKS; i++) {
		if (serial_look(s) & HX_SERIAL_ROOM)
			return true;
		hx_cpu_relax();
	}
	return false;
}

/* A piece that fits goes into the ring as a whole, so that nobody's text comes in between. */
static void serial_write(struct hx_console_dev *d, const char *bytes, size_t n)
{
	struct serial *s = d->priv;
	bool may_sleep = hx_can_sleep(), polls = !may_sleep;
	hx_irqflags_t flags = hx_spin_lock_irqsave(&s->tx.lock);

	for (;;) {
		size_t room = hx_min_u64(n, sizeof(s->tx_buf) / 2);

		if (hx_ring_free(&s->tx_ring) >= room) {
			size_t done = hx_ring_put(&s->tx_ring, bytes, n);

			bytes += done;
			n -= done;
		}
		serial_put(s, polls);
		if (n == 0)
			break;
		if (may_sleep)	/* who replaces the driver may write, too, and waits for nobody */
			polls = hx_wait_locked(&s->tx, TX_WATCH_NS) != 0;
		else if (!wait_for_room(s))
			break;	/* the device hangs: what is left is lost with it */
	}
	hx_spin_unlock_irqrestore(&s->tx.lock, flags);
	if (HX_ENABLED(SLOT_SWAP))
		serial_report(s);
}

/*
 * The lock may be held by code that a panic interrupted, here or on a CPU that was stopped: nobody
 * else runs then, so do without after a while.
 */
static bool flush_lock(struct hx_spinlock *l, hx_irqflags_t *flags)
{
	bool lock;

	for (unsigned i = 0; !HX_ENABLED(ONE_CPU) && i < FLUSH_TRIES; i++) {
		if (hx_spin_trylock_irqsave(l, flags))
			return true;
		hx_cpu_relax();
	}
	*flags = hx_irq_save();
	lock = HX_ENABLED(ONE_CPU) && !hx_spin_is_held(l);
	if (lock)
		hx_spin_acquire_(l);
	return lock;
}

static bool flush_wait(const struct hx_serial_ops *ops, struct hx_serial_chip *c, int bits)
{
	for (unsigned i = 0; i < WAIT_LOOKS; i++) {
		if (ops->look(c) & bits)
			return true;
		hx_cpu_relax();
	}
	return false;
}

/* By the driver that booted, whoever is in the slot: that one may be why a panic comes here. */
static void serial_flush(struct hx_console_dev *d)
{
	struct serial *s = d->priv;
	const struct hx_serial_ops *ops = HX_ENABLED(SLOT_SWAP) ? serial_first : serial_ops(s);
	struct hx_serial_chip *c = HX_ENABLED(SLOT_SWAP) ? &s->chips[SERIAL_SPARE] : s->chip;
	struct hx_ring *r = &s->tx_ring;
	hx_irqflags_t flags, inner;
	bool lock = flush_lock(&s->tx.lock, &flags), chip = flush_lock(&s->chip_lock, &inner);

	if (!chip)	/* somebody was stopped in the middle of a call */
		(void)ops->load(c, &s->set);
	while (hx_ring_used(r) != 0 && flush_wait(ops, c, HX_SERIAL_ROOM)) {
		uint32_t at = r->tail & (r->size_bytes - 1);
		int n = ops->put(c, r->buf + at, (unsigned)hx_min_u64(hx_ring_used(r),
								      r->size_bytes - at));

		r->tail += (unsigned)n;
		s->dev.n_out += (unsigned)n;
		if (HX_ENABLED(SLOT_SWAP))
			serial_spare_counts(s, (unsigned)n);
	}
	(void)flush_wait(ops, c, HX_SERIAL_IDLE);
	if (chip)
		hx_spin_release_(&s->chip_lock);
	hx_irq_restore(inner);
	if (lock)
		hx_spin_release_(&s->tx.lock);
	hx_irq_restore(flags);
}

/* Interrupts for input, or the timer that stands for them. */
static void serial_listen(struct serial *s)
{
	hx_irqflags_t flags = hx_irq_save();

	serial_enter(s);
	serial_want(s);
	serial_leave(s);
	hx_irq_restore(flags);
	serial_poll_begin(s);
}

/* Nothing wanted any more. */
static void serial_deafen(struct serial *s)
{
	hx_irqflags_t flags = hx_irq_save();

	serial_enter(s);
	(void)serial_ops(s)->want(s->chip, 0);
	serial_leave(s);
	hx_irq_restore(flags);
	hx_irq_release(s->line, &s->action);
	__atomic_store_n(&s->poll_ns, 0, __ATOMIC_RELAXED);
	hx_timer_cancel(&s->poll);
}

static int serial_start(struct serial *s, unsigned idx)
{
	int err;

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
	s->poll.fn = serial_poll;
	err = hx_irq_request(s->line, &s->action, "serial", 0);
	if (err != 0)
		return err;
	serial_listen(s);
	err = hx_console_dev_register(&s->dev);
	if (err != 0)
		serial_deafen(s);
	return err;
}

static void serial_shutdown(void)
{
	while (n_ports > 0) {
		struct serial *s = &ports[--n_ports];

		s->dev.flush(&s->dev);
		hx_console_dev_unregister(&s->dev);
		serial_deafen(s);
		if (HX_ENABLED(RESOURCES))
			serial_ports_give(n_ports);
	}
}

/* 0: it is up, as port n_ports; -HX_ENODEV: no chip is there. */
static int serial_add(unsigned idx, const struct hx_reg_window *w, uint32_t line)
{
	struct serial *s = &ports[n_ports];
	int err = HX_ENABLED(RESOURCES) ? serial_ports_take(n_ports, w) : 0;

	if (err != 0)
		return err;
	*s = (struct serial){ .regs = *w, .line = line, .set = {
		.version = HX_SERIAL_STATE, .baud = 115200, .data_bits = 8, .stop_bits = 1 } };
	hx_spin_init(&s->chip_lock, "uart", HX_RANK_DRIVER);
	err = serial_chip_start(s) ? serial_start(s, idx) : -HX_ENODEV;
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
	int err = hx_slot_select(&serial_kind);

	n_ports = 0;
	serial_first = serial_current;
	for (idx = 0; err == 0 && n_ports < CONFIG_SERIAL_PORTS; idx++) {
		int added;

		if (hx_platform_uart(idx, &w, &line) != 0)
			break;
		added = serial_add(idx, &w, line);
		if (added == -HX_ENODEV)
			hx_info("serial", "port %u is not there", idx);
		else if (added != 0)
			hx_warn("serial", "port %u refused: %d", idx, added);
		else
			n_ports++;
	}
	return err;
}

HX_COMPONENT(serial) = {
	.name = "serial", .phase = HX_PHASE_LATE, .version = 1,
	.needs = "devices irq threads",
	.init = serial_init, .shutdown = serial_shutdown,
};
