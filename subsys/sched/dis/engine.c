// SPDX-License-Identifier: MIT
/*
 * The intent engine: from what a thread asks for to numbers that the queues understand.
 *
 *	class, nice, flags ---> urgency -100..127 ---> level 0..139 ---> band
 *	class, latency, nice -> slice                  + (prio - 120)
 *	class, nice, shares --> weight
 *	budget, deadline -----> quota in each period
 *
 * One scale, lower is more urgent. Rules and learning are folded in last, so that everything that
 * decides is in struct dis_params and can be shown.
 */
#include "dis_priv.h"

#define MS		HX_NS_PER_MS
#define NICE_STEPS	40u

struct class_row {
	const char *name;
	int16_t urgency;
	uint16_t slice_ms;
	uint16_t weight;	/* FAIR, at nice 0 */
	uint8_t band;
};

static const struct class_row classes[HX_INTENT_CLASSES] = {
	[HX_INTENT_REALTIME] = { "realtime", -50, 2, 1024, DIS_RT },
	[HX_INTENT_SOFT_REALTIME] = { "soft_realtime", -25, 4, 1024, DIS_RT },
	[HX_INTENT_INTERACTIVE] = { "interactive", 0, 10, 2048, DIS_FAIR },
	[HX_INTENT_SERVER] = { "server", 10, 20, 1024, DIS_FAIR },
	[HX_INTENT_BATCH] = { "batch", 50, 100, 512, DIS_FAIR },
	[HX_INTENT_BACKGROUND] = { "background", 100, 200, 128, DIS_FAIR },
	[HX_INTENT_IDLE] = { "idle", 127, 1000, 1024, DIS_IDLE },
	[HX_INTENT_CRITICAL] = { "critical", -100, 1, 1024, DIS_RT },
};

static const char *const flag_names[DIS_FLAGS] = {
	"low_latency", "high_throughput", "io_bound", "cpu_bound", "pinned", "migratable",
	"no_preempt", "cooperative", "perf_prefer", "power_prefer", "hard_deadline",
	"soft_deadline", "extensible_deadline", "borrow",
};

_Static_assert(HX_INTENT_FLAGS_ALL == (1 << DIS_FLAGS) - 1, "a name for each flag");

/* 1024 * 1.25^-nice, as in Linux's sched_prio_to_weight[]: a step is 10 % of two equals' CPU. */
static const uint32_t nice_weight[NICE_STEPS] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
	9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277,
	1024, 820, 655, 526, 423, 335, 272, 215, 172, 137,
	110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
};

const char *dis_class_name(unsigned class)
{
	return class < HX_INTENT_CLASSES ? classes[class].name : "?";
}

const char *dis_flag_name(unsigned bit)
{
	return bit < DIS_FLAGS ? flag_names[bit] : "?";
}

static int clamp(int value, int low, int high)
{
	return value < low ? low : value > high ? high : value;
}

/* Who says nothing about its class but something else is put where that belongs. */
uint8_t dis_classify(const struct hx_intent *i)
{
	if (i->class != HX_INTENT_SERVER)
		return i->class;
	if (i->flags & HX_INTENT_HARD_DEADLINE)
		return HX_INTENT_REALTIME;
	if (i->flags & HX_INTENT_SOFT_DEADLINE)
		return HX_INTENT_SOFT_REALTIME;
	if (i->latency != HX_LATENCY_NONE) {
		if (i->latency_ns < 10 * MS)
			return HX_INTENT_REALTIME;
		if (i->latency_ns < 50 * MS)
			return HX_INTENT_SOFT_REALTIME;
		if (i->latency_ns < 200 * MS)
			return HX_INTENT_INTERACTIVE;
	}
	if ((i->flags & HX_INTENT_HIGH_THROUGHPUT) && (i->flags & HX_INTENT_CPU_BOUND))
		return HX_INTENT_BATCH;
	if (i->flags & HX_INTENT_COOPERATIVE)
		return HX_INTENT_BACKGROUND;
	return HX_INTENT_SERVER;
}

uint32_t dis_promise_ppm(const struct hx_intent *i)
{
	return classes[dis_classify(i)].band == DIS_RT ? hx_promise_density(i) : 0;
}

static int urgency_of(const struct dis_thread *d, const struct hx_intent *i)
{
	const struct dis_overlay *o = &d->overlay;
	int u = classes[d->p.class].urgency;

	if (o->has_urgency)
		return clamp(o->urgency, -100, 127);
	/* A promise was made for the deadline: it counts before all wishes of its class. */
	if (d->p.reserved)
		u = classes[HX_INTENT_REALTIME].urgency;
	else
		u += i->nice * 2 + ((i->flags & HX_INTENT_LOW_LATENCY) ? -10 : 0) +
		     ((i->flags & HX_INTENT_HIGH_THROUGHPUT) ? 10 : 0) +
		     ((i->flags & HX_INTENT_IO_BOUND) ? -5 : 0);
	return clamp(u + o->adjust + d->boost, -100, 127);
}

/* Level and band: an adjustment makes nobody real time, and takes nobody out of it; a class, an
 * urgency that a rule sets, and a real-time priority of the thread itself do. */
static void set_level(struct dis_thread *d)
{
	struct dis_params *p = &d->p;
	int shift = (int)d->t->prio - HX_PRIO_DEFAULT, level;

	p->band = d->overlay.has_urgency ? (p->urgency < 0 ? DIS_RT : DIS_FAIR)
		  : classes[p->class].band;
	level = hx_prio_from(HX_PRIO_URGENCY, p->urgency);
	if (d->t->prio < 100) {
		p->band = DIS_RT;
		level = level < d->t->prio ? level : d->t->prio;
	} else if (p->band == DIS_RT) {
		level = clamp(level + shift, 0, 99);
	} else {
		level = clamp(level + shift, 100, HX_PRIO_LOWEST);
	}
	p->level = (uint8_t)level;
	if (d->overlay.band != DIS_NONE)
		p->band = d->overlay.band;
}

static uint32_t weight_of(const struct dis_thread *d, const struct hx_intent *i)
{
	int adjust = (d->overlay.adjust + d->boost) / 8;
	int nice = clamp(i->nice + (int)d->t->prio - HX_PRIO_DEFAULT + adjust, HX_NICE_MIN,
			 HX_NICE_MAX);
	uint64_t weight = i->budget_kind == HX_BUDGET_SHARES ? i->budget
			  : classes[d->p.class].weight;

	weight = weight * nice_weight[nice - HX_NICE_MIN] / DIS_WEIGHT_ONE;
	return weight == 0 ? 1 : (uint32_t)weight;
}

/* What the intent says about time: the smaller of the bounds it names; 0: nothing. */
static uint64_t latency_of(const struct hx_intent *i)
{
	uint64_t latency = i->latency == HX_LATENCY_NONE ? 0 : i->latency_ns;

	if (i->deadline_ns != 0 && (latency == 0 || i->deadline_ns < latency))
		latency = i->deadline_ns;
	return latency;
}

static uint64_t clamp_slice(uint64_t slice)
{
	return hx_max_u64(DIS_SLICE_MIN_NS, hx_min_u64(slice, DIS_SLICE_MAX_NS));
}

/* min(slice, latency / 2) times a factor of nice, and of the preference for power. */
static uint64_t shape_slice(uint64_t slice, const struct hx_intent *i)
{
	uint64_t latency = latency_of(i);

	if (latency != 0)
		slice = hx_min_u64(slice, latency / 2);
	if (i->nice < 0)
		slice = slice * (uint64_t)(100 - 5 * i->nice) / 100;
	else
		slice = slice * (uint64_t)clamp(100 - 3 * i->nice, 20, 100) / 100;
	if (i->energy == HX_ENERGY_MAX_SAVING)
		slice *= 2;
	else if (i->energy == HX_ENERGY_SAVING || (i->flags & HX_INTENT_POWER_PREFER))
		slice = slice * 3 / 2;
	return clamp_slice(slice);
}

static void set_slices(struct dis_thread *d, const struct hx_intent *i)
{
	const struct dis_overlay *o = &d->overlay;
	uint64_t own = d->t->slice_ns != 0 ? d->t->slice_ns : classes[d->p.class].slice_ms * MS;
	uint64_t slice = o->slice_ns != 0 ? o->slice_ns
			 : d->t->slice_ns == 0 && d->learned.slice_ns != 0 ? d->learned.slice_ns
			 : own;

	d->p.thread_slice_ns = d->t->slice_ns;
	d->p.own_slice_ns = shape_slice(own, i);
	d->p.slice_ns = clamp_slice(shape_slice(slice, i) * o->scale_percent / 100);
}

/* How soon, as opposed to how long: the class's slice, sooner with a lower latency_nice. */
static uint64_t request_of(const struct dis_thread *d, const struct hx_intent *i)
{
	uint64_t latency = latency_of(i), request = classes[d->p.class].slice_ms * MS;

	if (d->p.band == DIS_RT) {
		if (i->deadline_ns != 0)
			return i->deadline_ns;
		return latency == 0 ? request
		       : i->latency == HX_LATENCY_BOUNDED ? i->latency_max_ns : latency;
	}
	if (latency != 0)
		request = hx_min_u64(request, latency / 2);
	if (i->energy == HX_ENERGY_MAX_PERFORMANCE || (i->flags & HX_INTENT_PERF_PREFER))
		request /= 2;
	else if (i->energy == HX_ENERGY_PERFORMANCE)
		request = request * 3 / 4;
	/* 1.25 per step, as the weight: -20 is 86 times sooner, 19 is 68 times later. */
	request = request * DIS_WEIGHT_ONE / nice_weight[i->latency_nice - HX_NICE_MIN];
	return hx_max_u64(DIS_SLICE_MIN_NS, hx_min_u64(request, DIS_SLICE_MAX_NS));
}

/* The tighter of two budgets. */
static void limit(struct dis_params *p, uint64_t quota_ns, uint64_t period_ns)
{
	/* In microseconds the products fit: a period is 10 s at most, and a promise's is cut. */
	if (p->quota_ns == 0 || quota_ns / 1000 * (p->period_ns / 1000) <
				p->quota_ns / 1000 * (period_ns / 1000)) {
		p->quota_ns = quota_ns;
		p->period_ns = period_ns;
	}
}

static void set_budget(struct dis_thread *d, const struct hx_intent *i)
{
	struct dis_params *p = &d->p;
	uint64_t percent = i->budget_kind == HX_BUDGET_PERCENT ? i->budget : 0;

	p->quota_ns = p->period_ns = 0;
	p->postpones = p->reserved && (i->flags & HX_INTENT_EXTENSIBLE_DEADLINE);
	p->borrows = !p->postpones && ((i->flags & HX_INTENT_BORROW) ||
				       (p->reserved && (i->flags & HX_INTENT_SOFT_DEADLINE)));
	if (p->reserved) {
		p->quota_ns = i->runtime_ns;
		p->period_ns = i->period_ns;
		return;
	}
	if (i->budget_kind == HX_BUDGET_QUOTA)
		limit(p, i->quota_ns, i->budget_period_ns);
	if (d->overlay.budget_percent != 0)
		percent = d->overlay.budget_percent;
	if (percent != 0)
		limit(p, percent * (DIS_PERCENT_PERIOD_NS / 100), DIS_PERCENT_PERIOD_NS);
	if (d->throttle_until_ns != 0)
		limit(p, d->throttle_percent * (DIS_PERCENT_PERIOD_NS / 100),
		      DIS_PERCENT_PERIOD_NS);
}

void dis_engine(struct dis_thread *d, const struct hx_intent *i)
{
	struct dis_params *p = &d->p;
	const struct dis_overlay *o = &d->overlay;

	p->class = o->class != DIS_NONE ? o->class : dis_classify(i);
	p->flags = i->flags | (i->energy >= HX_ENERGY_SAVING ? HX_INTENT_POWER_PREFER : 0);
	p->reserved = d->t->promised_ppm != 0 && i->deadline_ns != 0 && o->class == DIS_NONE &&
		      classes[p->class].band == DIS_RT;
	p->urgency = (int16_t)urgency_of(d, i);
	set_level(d);
	p->no_preempt = o->no_preempt || (i->flags & HX_INTENT_NO_PREEMPT) != 0;
	p->weight = weight_of(d, i);
	p->inverse = (uint32_t)hx_min_u64(((uint64_t)1 << 32) / p->weight, UINT32_MAX);
	set_slices(d, i);
	p->thread_prio = d->t->prio;
	p->request_ns = request_of(d, i);
	p->wake_ns = p->request_ns / DIS_WAKE_PART;
	/* A rule narrows; one that leaves no CPU asks for what cannot be. */
	p->affinity = (o->affinity & i->affinity) != 0 ? o->affinity & i->affinity : i->affinity;
	if (o->pin == 1) {
		uint64_t here = 1ull << d->t->rq->cpu;

		p->flags |= HX_INTENT_PINNED;
		if ((p->affinity & here) != 0)
			p->affinity = here;	/* it stays where it is */
	} else if (o->pin == 2 && (p->flags & HX_INTENT_PINNED) == 0)
		p->flags |= HX_INTENT_MIGRATABLE;
	set_budget(d, i);
	p->plain = p->band == DIS_FAIR && p->quota_ns == 0 && !p->no_preempt &&
		   (p->flags & (HX_INTENT_COOPERATIVE | HX_INTENT_POWER_PREFER)) == 0;
}
