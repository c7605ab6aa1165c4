// SPDX-License-Identifier: MIT
/*
 * The statistics engine: exponential averages of how long a thread runs, sleeps and waits, and of
 * its share of the CPU; the same for the CPU's load. Integers only, alpha = 3/10.
 *
 * A burst goes from a wake-up to the next time the thread waits for something; preemptions, slices
 * and yields inside it do not end it. Threads that wait for each other end bursts every few
 * microseconds; of these one in 100 us is taken, with its sleep and its interval, which is as good
 * for averages and keeps them out of most switches.
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
void dis_stats_window_ends(struct dis_thread *d, hx_ns_t now)
{
	struct dis_stats *s = &d->s;
	uint64_t took = now - s->window_ns, share;

	share = hx_min_u64((s->ran_ns - s->window_from) * 1000 / took, 1000);
	s->share_permille = (uint32_t)dis_ema(s->share_permille, share);
	s->window_ns = now;
	s->window_from = s->ran_ns;
}

void dis_stats_block_taken(struct dis_thread *d, hx_ns_t now)
{
	struct dis_stats *s = &d->s;

	dis_stats_window(d, now);
	take(&s->run_ema, &s->run_dev, s->n_bursts++, s->ran_ns - s->burst_from);
	dis_learn(d, now);
	s->blocked_ns = s->sampled_ns = now;
}

/* The sleep after such a burst, and the time from its beginning to the next one's. */
void dis_stats_wake_taken(struct dis_thread *d, hx_ns_t now)
{
	struct dis_stats *s = &d->s;

	if (s->blocked_ns != 0)
		take(&s->sleep_ema, NULL, s->n_sleeps++, now - s->blocked_ns);
	if (s->woken_ns != 0)
		take(&s->interval_ema, &s->interval_dev, s->n_intervals++, now - s->woken_ns);
}

/* If the CPU idles, and somebody waits for I/O meanwhile: since it does, or since load_since_ns. */
void dis_stats_iowait(struct dis_queue *q, hx_ns_t now)
{
	if (q->curr == NULL && q->idle_in_io)
		q->iowait_ns += now - hx_max_u64(q->now_ns, q->load_since_ns);
}

/* The CPU's load, once a window; called by the housekeeping. */
void dis_stats_load(struct dis_queue *q, hx_ns_t now)
{
	uint64_t took = now - q->load_since_ns;

	if (took < DIS_WINDOW_NS)
		return;
	dis_stats_iowait(q, now);
	q->load_permille = (uint32_t)dis_ema(q->load_permille,
					     hx_min_u64(q->busy_ns * 1000 / took, 1000));
	q->iowait_permille = (uint32_t)dis_ema(q->iowait_permille,
					       hx_min_u64(q->iowait_ns * 1000 / took, 1000));
	q->busy_ns = q->iowait_ns = 0;
	q->load_since_ns = now;
}
