// SPDX-License-Identifier: MIT
/*
 * Storms: a line that interrupts for nothing, or so often that the machine does nothing else.
 *
 *	open --(limit reached)--> paused --(timer, or by hand)--> open
 *
 * A line is in a storm when CONFIG_IRQ_STORM_UNCLAIMED interrupts of a window had no handler that
 * claimed them, or when it went on for a window at more than its limit. It is masked then, and
 * opened again after 10 ms; if the next storm follows within a second, after twice the pause of the
 * last one, up to 10 s: so a device that is stuck costs a window of interrupts every 10 s, and one
 * that recovers is back by itself.
 *
 * The clock is looked at when an interrupt was not claimed, and else only once in so many
 * interrupts as a window may have: what is too fast makes a window's worth of them in less than a
 * window. An edge that came while the line was masked is lost in the controller, and the device
 * waits for being served, so after a pause the handlers are called once without an interrupt of the
 * device.
 *
 * A pause is begun where the storm is, inside its interrupt, so no other thread need ever run for
 * it; it is ended by a timer.
 */
#include <hx/core/log.h>
#include <hx/core/string.h>
#include <hx/hal/timer.h>

#include "irq_router_priv.h"

/* irq_lock; storm number seq is at (seq - 1) % IRQ_STORMS_KEPT. */
static struct irq_storm storms[IRQ_STORMS_KEPT];
static uint64_t n_storms;

/* From now on the windows count anew. */
static void storm_begin_windows(struct irq_line *l, hx_ns_t now)
{
	l->left = l->window;
	l->rate_since = now;
	l->unclaimed = 0;
	l->unclaimed_since = now;
}

/* The pause is over. irq_lock held. */
void storm_open(struct irq_line *l)
{
	hx_ns_t now = hx_now_ns();

	if (!l->is_paused)
		return;
	l->is_paused = false;
	l->opened_ns = now;
	storm_begin_windows(l, now);
	hx_irq_line_unmask(l->line);
	if (!hx_irq_line_is_level(l->line))
		hx_irq_line_resend(l->line);
}

/* A timer that was started late finds the line open, or paused anew, with its own end to come. */
static void storm_over(struct hx_timer *timer)
{
	struct irq_line *l = HX_CONTAINER_OF(timer, struct irq_line, timer);
	hx_irqflags_t flags = hx_spin_lock_irqsave(&irq_lock);

	if (router_lines[l->line] == l)
		storm_open(l);
	hx_spin_unlock_irqrestore(&irq_lock, flags);
}

void storm_init(struct irq_line *l)
{
	hx_ns_t now = hx_now_ns();

	l->window = CONFIG_IRQ_STORM_RATE / IRQ_WINDOWS_PER_S;
	l->timer.fn = storm_over;
	l->opened_ns = now;
	storm_begin_windows(l, now);
}

/* irq_lock held. */
static struct irq_storm storm_record(struct irq_line *l, const char *cause, uint32_t n, hx_ns_t now)
{
	struct irq_storm *s = &storms[n_storms++ % IRQ_STORMS_KEPT];

	*s = (struct irq_storm){ .seq = n_storms, .t_ns = now, .pause_ns = l->pause_ns,
				 .cause = cause, .line = l->line, .n = n };
	if (l->users != NULL)
		hx_strlcpy(s->owner, l->users->owner, sizeof(s->owner));
	return *s;
}

/* irq_lock held; it is given up. */
static void storm_pause(struct irq_line *l, const char *cause, uint32_t n, hx_ns_t now,
			hx_irqflags_t flags)
{
	struct irq_storm s;

	if (l->pause_ns == 0 || now - l->opened_ns >= IRQ_RELAPSE_NS)
		l->pause_ns = IRQ_PAUSE_FIRST_NS;
	else
		l->pause_ns = hx_min_u64(2 * l->pause_ns, IRQ_PAUSE_MAX_NS);
	l->is_paused = true;
	l->n_storms++;
	hx_irq_line_mask(l->line);
	s = storm_record(l, cause, n, now);
	hx_spin_unlock_irqrestore(&irq_lock, flags);
	/* Interrupts are off, and a line goes only when no CPU is in one: l stays. */
	hx_timer_start(&l->timer, now + s.pause_ns);
	hx_warn("irq", "line %u of %s: storm, %u %s interrupts: paused for %llu ms", s.line,
		s.owner, s.n, cause, (unsigned long long)(s.pause_ns / HX_NS_PER_MS));
}

void storm_unclaimed(struct irq_line *l)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&irq_lock);
	hx_ns_t now = hx_now_ns();

	l->n_unclaimed++;
	if (now - l->unclaimed_since >= IRQ_WINDOW_NS) {
		l->unclaimed_since = now;
		l->unclaimed = 0;
	}
	if (++l->unclaimed >= CONFIG_IRQ_STORM_UNCLAIMED && !l->is_paused)
		storm_pause(l, "unclaimed", l->unclaimed, now, flags);
	else
		hx_spin_unlock_irqrestore(&irq_lock, flags);
}

void storm_rate(struct irq_line *l)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&irq_lock);
	hx_ns_t now = hx_now_ns();
	bool too_fast = now - l->rate_since < IRQ_WINDOW_NS;

	l->rate_since = now;
	l->left = l->window;
	if (too_fast && !l->is_paused)
		storm_pause(l, "claimed", (uint32_t)l->window, now, flags);
	else
		hx_spin_unlock_irqrestore(&irq_lock, flags);
}

bool storm_at(unsigned idx, struct irq_storm *out)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&irq_lock);
	uint64_t first = n_storms > IRQ_STORMS_KEPT ? n_storms - IRQ_STORMS_KEPT : 0;
	bool is_there = first + idx < n_storms;

	if (is_there)
		*out = storms[(first + idx) % IRQ_STORMS_KEPT];
	hx_spin_unlock_irqrestore(&irq_lock, flags);
	return is_there;
}
