// SPDX-License-Identifier: MIT
/*
 * A driver that answers what cannot be is thrown out at once, in the middle of whatever it was
 * asked (CONFIG_SLOT_SWAP): the driver before it goes on while it is on probation, else the one
 * that booted, with the line as it is to be. The queues are the kernel's, so nothing in them is
 * touched.
 *
 * That happens with locks held, perhaps while the report of it would have to be written to that
 * very port. So the record is made by whoever lets go of the locks next.
 */
#include "serial_priv.h"

/* The line and what the kernel counted. */
static struct hx_serial_state state_now(const struct serial *s)
{
	struct hx_serial_state st = s->set;

	st.n_in = s->dev.n_in;
	st.n_out = s->dev.n_out;
	st.n_overruns = s->dev.n_dropped_in;
	return st;
}

static bool begins(struct serial *s, const struct hx_serial_ops *ops, struct hx_serial_chip *c,
		   unsigned wants)
{
	const struct hx_serial_state st = state_now(s);

	*c = (struct hx_serial_chip){ .regs = s->regs };
	return ops->load(c, &st) == 0 && ops->want(c, wants) == 0;
}

void serial_throw_out(struct serial *s, const char *why)
{
	const struct hx_serial_ops *bad = s->ops, *to = hx_swap_before(&serial_kind);
	struct hx_serial_chip *c = s->chip == &s->chips[0] ? &s->chips[1] : &s->chips[0];
	unsigned wants = (s->throttled ? 0 : HX_SERIAL_IN) | HX_SERIAL_ROOM;

	if (bad == serial_first && (to == NULL || to == bad)) {
		s->wants = ~0u;		/* there is nobody else: it is told again */
		return;
	}
	if (to == NULL || to == bad || !begins(s, to, c, wants)) {
		to = serial_first;
		(void)begins(s, to, c, wants);
	}
	serial_set_ops(s, to, c);
	s->wants = wants;
	s->tx_waits = true;
	s->failed = bad;
	s->failed_why = why;
	__atomic_store_n(&serial_current, to, __ATOMIC_RELEASE);
}

/* All ports have one driver. */
static void throw_out_of_others(const struct hx_serial_ops *bad, const char *why)
{
	struct serial *s;

	for (unsigned i = 0; (s = serial_port(i)) != NULL; i++) {
		hx_irqflags_t flags = hx_irq_save();

		serial_enter(s);
		if (s->ops == bad && !s->is_shut)
			serial_throw_out(s, why);
		s->failed = s->failed == bad ? NULL : s->failed;
		serial_leave(s);
		hx_irq_restore(flags);
		serial_poll_begin(s);
	}
}

void serial_report(struct serial *s)
{
	const struct hx_serial_ops *bad;
	hx_irqflags_t flags;

	if (HX_LIKELY(__atomic_load_n(&s->failed, __ATOMIC_RELAXED) == NULL))
		return;
	flags = hx_irq_save();
	serial_enter(s);
	bad = s->failed;
	s->failed = NULL;
	serial_leave(s);
	hx_irq_restore(flags);
	if (bad == NULL)
		return;		/* somebody else does it */
	throw_out_of_others(bad, s->failed_why);
	hx_swap_failed(&serial_kind, bad, serial_current, s->failed_why, 0);
}
