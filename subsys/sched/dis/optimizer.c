// SPDX-License-Identifier: MIT
/*
 * The optimizer: what kind of thread is this, how long will it run next, which slice suits it.
 *
 * The next run is predicted to be as long as the average; how wrong that was is averaged, too. At
 * the end of a burst, at most every 10 ms, or of a slice the thread is put into one of seven
 * behaviour classes, and its slice moves an eighth of the way to what suits that class, inside [a
 * quarter, four times] the slice of its intent's class. Nothing is done before 5 samples, nor below
 * a confidence of 70: 100 less the average error of the prediction in percent. A thread that asked
 * for a slice or a deadline keeps it.
 */
#include "dis_priv.h"

#define MS		HX_NS_PER_MS
#define SAMPLES_MIN	5u
#define CONFIDENCE_MIN	70u
#define LOOK_NS		(10 * MS)	/* how often, at most, its behaviour is looked at */
#define SLICE_STEP	8u	/* an eighth of the way */

struct behaviour_row {
	const char *name, *why;
	uint8_t slice_ms;	/* that suits it; 0: leave it; bursty: plus score / 5 */
};

static const struct behaviour_row behaviours[DIS_BEHAVIOURS] = {
	[DIS_CPU_BOUND] = { "CpuBound", "uses 80 % of a CPU or most of its slices", 50 },
	[DIS_IO_BOUND] = { "IoBound", "short runs between short waits", 10 },
	[DIS_INTERACTIVE] = { "Interactive", "short runs between long, uneven waits", 4 },
	[DIS_BURSTY] = { "Bursty", "runs differ by half their average", 5 },
	[DIS_PERIODIC] = { "Periodic", "woken at even intervals", 0 },
	[DIS_MIXED] = { "Mixed", "no other pattern, or less than 5 samples", 0 },
	[DIS_BACKGROUND] = { "Background", "below 1 % of a CPU, waits of a second and more", 100 },
};

const char *dis_behaviour_name(unsigned behaviour)
{
	return behaviour < DIS_BEHAVIOURS ? behaviours[behaviour].name : "?";
}

const char *dis_behaviour_why(unsigned behaviour)
{
	return behaviour < DIS_BEHAVIOURS ? behaviours[behaviour].why : "?";
}

uint32_t dis_error_percent(const struct dis_thread *d)
{
	uint64_t base = hx_max_u64(d->s.run_ema, 1);

	return d->s.n_bursts < 2 ? 100 : (uint32_t)hx_min_u64(d->s.run_dev * 100 / base, 100);
}

static uint8_t recognise(const struct dis_thread *d)
{
	const struct dis_stats *s = &d->s;
	uint32_t n = s->n_bursts + s->n_slice_ends;

	if (n < SAMPLES_MIN)
		return DIS_MIXED;
	if (s->share_permille >= 800 || s->n_slice_ends > 2 * s->n_bursts)
		return DIS_CPU_BOUND;
	if (s->share_permille < 10 && s->sleep_ema >= HX_NS_PER_S)
		return DIS_BACKGROUND;
	if (s->n_intervals >= SAMPLES_MIN && s->interval_dev * 10 < s->interval_ema)
		return DIS_PERIODIC;
	if (s->run_dev * 2 > s->run_ema)
		return DIS_BURSTY;
	if (s->run_ema < 5 * MS && s->sleep_ema < 10 * MS && s->run_ema < s->sleep_ema)
		return DIS_IO_BOUND;
	if (s->run_ema < 20 * MS && s->sleep_ema >= 5 * s->run_ema)
		return DIS_INTERACTIVE;
	return DIS_MIXED;
}

static void learn_slice(struct dis_thread *d)
{
	struct dis_learned *l = &d->learned;
	uint64_t now = l->slice_ns != 0 ? l->slice_ns : d->p.slice_ns;
	uint64_t own = d->p.band == DIS_FAIR ? d->p.own_slice_ns : 0;
	uint64_t want = behaviours[l->behaviour].slice_ms * MS;

	if (want == 0 || own == 0 || d->p.reserved || d->t->slice_ns != 0)
		return;
	if (l->behaviour == DIS_BURSTY)
		want += l->score / 5 * MS;
	want = hx_max_u64(own / 4, hx_min_u64(want, own * 4));
	l->slice_ns = want > now ? now + (want - now + SLICE_STEP - 1) / SLICE_STEP
		      : now - (now - want + SLICE_STEP - 1) / SLICE_STEP;
}

/* A burst has ended; its length is in the averages. */
void dis_learn(struct dis_thread *d, hx_ns_t now)
{
	struct dis_learned *l = &d->learned;
	uint64_t base, before = l->slice_ns;

	if (d->s.n_bursts > SAMPLES_MIN && now - l->looked_ns < LOOK_NS)
		return;
	l->looked_ns = now;
	base = hx_max_u64(d->s.run_ema, 1);
	l->behaviour = recognise(d);
	l->score = (uint8_t)hx_min_u64(d->s.run_dev * 100 / base, 100);
	l->confidence = (uint8_t)(d->s.n_bursts < SAMPLES_MIN ? 0 : 100 - dis_error_percent(d));
	if (l->confidence >= CONFIDENCE_MIN)
		learn_slice(d);
	if (l->slice_ns != before)
		dis_engine(d, d->t->intent);
}

/* A slice has ended. Who never waits has no bursts to predict: there its slices are the samples,
 * and that they all end by themselves is certain. */
void dis_learn_slice(struct dis_thread *d)
{
	struct dis_learned *l = &d->learned;
	uint64_t before = l->slice_ns;

	d->s.n_slice_ends++;
	l->behaviour = recognise(d);
	if (l->behaviour == DIS_CPU_BOUND && d->s.n_slice_ends >= SAMPLES_MIN)
		learn_slice(d);
	if (l->slice_ns != before)
		dis_engine(d, d->t->intent);
}
