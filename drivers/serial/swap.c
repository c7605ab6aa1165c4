// SPDX-License-Identifier: MIT
/*
 * Replacing the driver while bytes flow (CONFIG_SLOT_SWAP).
 *
 * A port is shut for a swap: its chip interrupts nobody and no call of the driver begins. All calls
 * are made with chip_lock, so whoever has had the lock after that knows that nobody is inside. The
 * queues stay open: readers and writers go on with what is in them. What comes in meanwhile stays
 * in the chip, whose FIFO no step empties; 16 bytes are 1.4 ms, and a swap of one port takes some
 * 60 reads and writes of registers. The chip goes on sending what it has.
 */
#include <hx/core/crc32c.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/hal/cpu.h>

#include "serial_priv.h"

/* What the old one left, from EXPORT on; one swap at a time. */
static struct exported {
	struct hx_serial_state state;
	uint32_t sum;
} exported[CONFIG_SERIAL_PORTS];

static uint32_t sum_of(const struct hx_serial_state *st)
{
	return hx_crc32c(0, st, sizeof(*st));
}

static int prepare(struct hx_swap *s)
{
	return 0;	/* two chips are there for each port */
}

/* Interrupts off and the lock held, unless somebody is inside a call for longer than the bound. */
static bool enter_in_time(struct serial *p, hx_irqflags_t *flags)
{
	hx_ns_t until = hx_now_ns() + CONFIG_SLOT_SWAP_WAIT_MS * HX_NS_PER_MS;

	while (!hx_spin_trylock_irqsave(&p->chip_lock, flags)) {
		if (hx_now_ns() >= until)
			return false;
		hx_sleep_ns(HX_NS_PER_MS);
	}
	p->user = hx_percpu()->cpu;
	return true;
}

static void leave(struct serial *p, hx_irqflags_t flags)
{
	hx_spin_unlock_irqrestore(&p->chip_lock, flags);
}

static int refuse(struct hx_swap *s, int err, const struct serial *p, const void *who,
		  const char *what)
{
	hx_snprintf(s->why, sizeof(s->why), "%s: %s %s", p->name,
		    ((const struct hx_provider *)who)->name, what);
	return err;
}

static int quiesce(struct hx_swap *s)
{
	struct serial *p;
	hx_irqflags_t flags;
	int err = 0;

	for (unsigned i = 0; err == 0 && (p = serial_port(i)) != NULL; i++) {
		if (!enter_in_time(p, &flags)) {
			hx_snprintf(s->why, sizeof(s->why), "%s: CPU %u is inside %s", p->name,
				    p->user, ((const struct hx_provider *)s->old)->name);
			return -HX_ETIMEDOUT;
		}
		if (s->stopped_cycles == 0)
			s->stopped_cycles = hx_cycles();
		if (p->ops != s->old)
			err = refuse(s, -HX_EBADMSG, p, s->old, "failed meanwhile");
		else if (p->ops->want(p->chip, 0) != 0)
			err = refuse(s, -HX_EBADMSG, p, s->old, "does not stop");
		p->is_shut = p->ops == s->old;
		leave(p, flags);
	}
	return err;
}

/* What a driver says against what the kernel knows. */
static bool is_state(const struct serial *p, const struct hx_serial_state *st)
{
	return st->version == HX_SERIAL_STATE && st->baud == p->set.baud &&
	       st->data_bits == p->set.data_bits && st->stop_bits == p->set.stop_bits &&
	       st->parity == p->set.parity;
}

static int export(struct hx_swap *s)
{
	const struct hx_serial_ops *old = s->old;
	struct serial *p;

	for (unsigned i = 0; (p = serial_port(i)) != NULL; i++) {
		struct hx_serial_state *st = &exported[i].state;
		hx_irqflags_t flags = hx_spin_lock_irqsave(&p->chip_lock);
		bool ok;

		memset(st, 0, sizeof(*st));
		ok = old->save(p->chip, st) == 0 && is_state(p, st) && st->n_in == p->dev.n_in &&
		     st->n_out == p->dev.n_out;
		exported[i].sum = sum_of(st);
		leave(p, flags);
		if (!ok)
			return refuse(s, -HX_EBADMSG, p, old, "gives another state");
		s->n_items += hx_ring_used(&p->rx_ring) + hx_ring_used(&p->tx_ring);
		s->n_bytes += sizeof(*st);
	}
	return 0;
}

static struct hx_serial_chip *next_of(struct serial *p)
{
	return p->chip == &p->chips[0] ? &p->chips[1] : &p->chips[0];
}

/* The new one takes the chip over, and is asked what it has then. */
static int import(struct hx_swap *s)
{
	const struct hx_serial_ops *new = s->new;
	struct serial *p;

	for (unsigned i = 0; (p = serial_port(i)) != NULL; i++) {
		struct hx_serial_state back = { .version = 0 };
		struct hx_serial_chip *c = next_of(p);
		hx_irqflags_t flags;
		int err, seen;

		if (exported[i].sum != sum_of(&exported[i].state))
			return refuse(s, -HX_EBADMSG, p, new, "changed the state");
		flags = hx_spin_lock_irqsave(&p->chip_lock);
		*c = (struct hx_serial_chip){ .regs = p->regs };
		err = new->load(c, &exported[i].state);
		if (err == 0)
			err = new->save(c, &back);
		seen = new->look(c);
		leave(p, flags);
		if (err != 0)
			return refuse(s, err, p, new, "does not take the chip");
		if (memcmp(&back, &exported[i].state, sizeof(back)) != 0 || seen < 0 ||
		    seen > HX_SERIAL_ALL || c->fifo_bytes == 0)
			return refuse(s, -HX_EBADMSG, p, new, "has another state");
	}
	return 0;
}

/* The port goes on; lock held. */
static void open_locked(struct serial *p)
{
	p->chip->n_in = p->dev.n_in;	/* what was polled out meanwhile included */
	p->chip->n_out = p->dev.n_out;
	p->is_shut = false;
	p->wants = ~0u;
	serial_want(p);
}

/* What came, or could not go, while it was shut. */
static void go_on(struct serial *p)
{
	serial_poll_begin(p);
	serial_serve(p);
}

static void commit(struct hx_swap *s)
{
	struct serial *p;

	__atomic_store_n(&serial_current, s->new, __ATOMIC_RELEASE);
	for (unsigned i = 0; (p = serial_port(i)) != NULL; i++) {
		hx_irqflags_t flags = hx_spin_lock_irqsave(&p->chip_lock);
		struct hx_serial_chip *c = next_of(p);

		c->n_overruns += p->dev.n_dropped_in - exported[i].state.n_overruns;
		serial_set_ops(p, s->new, c);
		open_locked(p);
		leave(p, flags);
		go_on(p);
	}
	s->released_cycles = hx_cycles();
}

/* The old one gets the chip again as it had it; the new one may have changed anything in it. */
static void undo(struct hx_swap *s)
{
	struct serial *p;

	for (unsigned i = 0; (p = serial_port(i)) != NULL; i++) {
		hx_irqflags_t flags;

		if (!p->is_shut)	/* by nobody else; its lock may be what was waited for */
			continue;
		flags = hx_spin_lock_irqsave(&p->chip_lock);
		if (s->step == HX_SWAP_IMPORT && p->ops->load(p->chip, &exported[i].state) != 0)
			serial_throw_out(p, "it does not take the chip back");
		else if (p->ops != serial_current)
			serial_throw_out(p, "it failed at another port");
		open_locked(p);
		leave(p, flags);
		go_on(p);
	}
	if (s->stopped_cycles != 0)
		s->released_cycles = hx_cycles();
}

/* The lock was taken at COMMIT: nobody is inside the old one, and it had no memory. */
static void retire(struct hx_swap *s)
{
}

/* A module goes. It is in no port, and nobody is inside: calls are made with the lock, by whom is
 * in the port. */
static int release(const void *ops)
{
	struct serial *p;
	int err = 0;

	for (unsigned i = 0; (p = serial_port(i)) != NULL; i++) {
		hx_irqflags_t flags = hx_spin_lock_irqsave(&p->chip_lock);

		if (p->ops == ops)
			err = -HX_EBUSY;
		leave(p, flags);
	}
	return err;
}

const struct hx_swap_class serial_swap_class = {
	.prepare = prepare, .quiesce = quiesce, .export = export, .import = import,
	.commit = commit, .undo = undo, .retire = retire, .release = release,
};
