// SPDX-License-Identifier: MIT
/*
 * The statistics engine: exponential averages of how long a thread runs, sleeps and waits, and of
 * its share of the CPU; the same for the CPU's load. Integers only, alpha = 3/10.
 *
 * A burst goes from a wake-up to the next time the thread waits for something; preemptions, slices
 * and yields inside it do not end it.
 */
#include "dis_priv.h"

/* The first sample is the average; then the difference to it is averaged, too. */
static void take(uint64_t *average, uint64_t *deviation, uint32_t n_before, uint64_t sample)
{
	uint64_t off = sample > *average ? sample - *average : *average - sample;

	if (n_before == 0) {
		*average = sample;
		if (deviation != NULL)
			*deviation = 0;
		return;
	}
	if (deviation != NULL)
		*deviation = n_before == 1 ? off : dis_ema(*deviation, off);
	*average = dis_ema(*average, sample);
}

/* The share of a window that is over; one that was never looked at counts as long as it was. */
void dis_stats_window(struct dis_thread *d, hx_ns_t now)
{
	struct dis_stats *s = &d->s;
	uint64_t took = now - s->window_ns, share;

	if (took < DIS_WINDOW_NS)
		return;
	share = hx_min_u64((s->ran_ns - s->window_from) * 1000 / took, 1000);
	s->share_permille = (uint32_t)dis_ema(s->share_permille, share);
	s->window_ns = now;
	s->window_from = s->ran_ns;
}

void dis_stats_blocks(struct dis_thread *d, hx_ns_t now)
{
	struct dis_stats *s = &d->s;

	take(&s->run_ema, &s->run_dev, s->n_bursts++, s->ran_ns - s->burst_from);
	s->burst_from = s->ran_ns;
	dis_learn(d, now);
	s->blocked_ns = now;
	if (d->p.band == DIS_RT) {
		s->n_deadlines++;
		s->n_missed += now > d->deadline_ns;
	}
}

void dis_stats_woken(struct dis_thread *d, hx_ns_t now)
{
	struct dis_stats *s = &d->s;

	if (s->blocked_ns != 0)
		take(&s->sleep_ema, NULL, s->n_sleeps++, now - s->blocked_ns);
	if (s->woken_ns != 0)
		take(&s->interval_ema, &s->interval_dev, s->n_intervals++, now - s->woken_ns);
	s->woken_ns = now;
}

/* The CPU's load, once a window; called by the housekeeping. */
void dis_stats_load(struct dis_queue *q, hx_ns_t now)
{
	uint64_t took = now - q->load_since_ns;

	if (took < DIS_WINDOW_NS)
		return;
	if (q->curr == NULL && q->idle_in_io)
		q->iowait_ns += now - q->idle_since_ns;
	q->idle_since_ns = now;
	q->load_permille = (uint32_t)dis_ema(q->load_permille,
					     hx_min_u64(q->busy_ns * 1000 / took, 1000));
	q->iowait_permille = (uint32_t)dis_ema(q->iowait_permille,
					       hx_min_u64(q->iowait_ns * 1000 / took, 1000));
	q->busy_ns = q->iowait_ns = 0;
	q->load_since_ns = now;
}
