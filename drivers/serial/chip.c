// SPDX-License-Identifier: MIT
/*
 * Calls of the driver in the slot. It is not trusted: what it says that it moved must be what it
 * counted, byte by byte, and no more than it was asked for. Who answers anything else is thrown out
 * (failed.c); what it has counted until then has gone out, and what it has not stays in the queue.
 */
#include <hx/base.h>
#include <hx/hal/cpu.h>

#include "serial_priv.h"

#define RX_BURST	32	/* bytes per call */

/* How much was moved; before: what the driver had counted before the call. */
static inline unsigned moved(struct serial *s, int answer, uint64_t counted, unsigned most)
{
	if (!HX_ENABLED(SLOT_SWAP) || HX_LIKELY(answer >= 0 && (unsigned)answer <= most &&
						counted == (unsigned)answer))
		return (unsigned)answer;
	serial_throw_out(s, answer < 0 ? "it answers nothing" : "it moves what is not there");
	return (unsigned)hx_min_u64(counted, most);
}

/* Answers of calls that only succeed. */
static inline bool is_done(struct serial *s, int answer, int most)
{
	if (!HX_ENABLED(SLOT_SWAP) || HX_LIKELY(answer >= 0 && answer <= most))
		return true;
	serial_throw_out(s, answer < 0 ? "it answers nothing" : "it answers nonsense");
	return false;
}

static inline bool is_shut(const struct serial *s)
{
	return HX_ENABLED(SLOT_SWAP) && HX_UNLIKELY(s->is_shut);
}

/* While the port is shut, the driver that booted is asked, with a chip of its own: it needs nothing
 * but the registers. What it counts goes to the chip in use. */
void serial_spare_counts(struct serial *s, unsigned n_out)
{
	struct hx_serial_chip *c = &s->chips[SERIAL_SPARE];

	s->chip->n_out += n_out;
	s->chip->n_overruns += c->n_overruns;
	c->n_overruns = 0;
	s->dev.n_dropped_in = s->chip->n_overruns;
}

static int spare_put(struct serial *s, const uint8_t *bytes, unsigned n)
{
	int done = serial_first->put(&s->chips[SERIAL_SPARE], bytes, n);

	serial_spare_counts(s, (unsigned)done);
	return done;
}

bool serial_chip_start(struct serial *s)
{
	struct hx_serial_chip *spare = &s->chips[SERIAL_SPARE];
	hx_irqflags_t flags = hx_irq_save();
	bool ok;

	serial_set_ops(s, serial_current, &s->chips[0]);
	for (unsigned i = 0; i < SERIAL_CHIPS; i++)
		s->chips[i].regs = s->regs;
	serial_enter(s);
	ok = serial_ops(s)->present(s->chip) && serial_ops(s)->load(s->chip, &s->set) == 0;
	if (ok && HX_ENABLED(SLOT_SWAP))
		*spare = *s->chip;
	serial_leave(s);
	hx_irq_restore(flags);
	return ok;
}

void serial_want(struct serial *s)
{
	unsigned bits = (s->throttled ? 0 : HX_SERIAL_IN) | (s->tx_waits ? HX_SERIAL_ROOM : 0);

	if (bits == s->wants)
		return;
	s->wants = bits;
	(void)is_done(s, serial_ops(s)->want(s->chip, bits), 0);
}

unsigned serial_get(struct serial *s)
{
	struct hx_ring *r = &s->rx_ring;
	uint32_t at = r->head & (r->size_bytes - 1);
	unsigned most = (unsigned)hx_min_u64(hx_min_u64(hx_ring_free(r), r->size_bytes - at),
					     RX_BURST);
	unsigned n = 0;

	serial_enter(s);
	if (!is_shut(s)) {
		struct hx_serial_chip *c = s->chip;
		uint64_t before = c->n_in;
		int answer = serial_ops(s)->get(c, r->buf + at, most);

		n = moved(s, answer, c->n_in - before, most);
		r->head += n;
		s->dev.n_in += n;
		if (HX_ENABLED(SLOT_SWAP) && HX_UNLIKELY(c != s->chip))
			s->chip->n_in = s->dev.n_in;	/* another one began meanwhile */
		s->dev.n_dropped_in = s->chip->n_overruns;
		if (hx_ring_free(r) == 0)
			s->throttled = true;
		serial_want(s);
	}
	serial_leave(s);
	return n;
}

void serial_put(struct serial *s, bool even_shut)
{
	struct hx_ring *r = &s->tx_ring;
	uint32_t at = r->tail & (r->size_bytes - 1);
	unsigned most = (unsigned)hx_min_u64(hx_ring_used(r), r->size_bytes - at), n = 0;

	serial_enter(s);
	if (!is_shut(s) || even_shut) {
		struct hx_serial_chip *c = s->chip;
		uint64_t before = c->n_out;
		int answer = most == 0 ? 0 : is_shut(s) ?
			     spare_put(s, r->buf + at, most) :
			     serial_ops(s)->put(c, r->buf + at, most);

		n = moved(s, answer, c->n_out - before, most);
		r->tail += n;
		s->dev.n_out += n;
		if (HX_ENABLED(SLOT_SWAP) && HX_UNLIKELY(c != s->chip))
			s->chip->n_out = s->dev.n_out;
	}
	s->tx_waits = hx_ring_used(r) != 0;
	if (!is_shut(s))
		serial_want(s);
	serial_leave(s);
}

unsigned serial_look(struct serial *s)
{
	unsigned bits;
	int answer;

	serial_enter(s);
	if (is_shut(s)) {
		bits = (unsigned)serial_first->look(&s->chips[SERIAL_SPARE]);
		serial_spare_counts(s, 0);
	} else {
		answer = serial_ops(s)->look(s->chip);
		bits = is_done(s, answer, HX_SERIAL_ALL) ? (unsigned)answer : 0;
		s->dev.n_dropped_in = s->chip->n_overruns;
	}
	serial_leave(s);
	return bits;
}

bool serial_pending(struct serial *s)
{
	bool is_pending = false;
	hx_irqflags_t flags = hx_irq_save();
	int answer;

	serial_enter(s);
	if (!is_shut(s)) {
		answer = serial_ops(s)->pending(s->chip);
		is_pending = is_done(s, answer, 1) && answer == 1;
	}
	serial_leave(s);
	hx_irq_restore(flags);
	return is_pending;
}

void serial_rearm(struct serial *s)
{
	hx_irqflags_t flags = hx_irq_save();

	serial_enter(s);
	if (!is_shut(s))
		(void)is_done(s, serial_ops(s)->rearm(s->chip), 0);
	serial_leave(s);
	hx_irq_restore(flags);
}
