/* SPDX-License-Identifier: MIT */
/*
 * What a thread asks of the scheduler, as data: who it is (class), how soon it must answer
 * (latency), how much CPU it may use (budget), by when (deadline), at what price (energy), where
 * (affinity). Every scheduler may read it; each takes what it understands and ignores the rest.
 *
 * One scale of urgency, lower is more urgent: a level 0..139, below 100 real time. The scales that
 * documents and other systems use are mapped to it by one function, hx_prio_from().
 */
#ifndef HX_CORE_INTENT_H
#define HX_CORE_INTENT_H

#include <hx/base.h>

struct hx_thread;

enum hx_intent_class {
	HX_INTENT_REALTIME,	/* control loops: a deadline, or a greatest latency */
	HX_INTENT_SOFT_REALTIME, /* sound, video: late now and then is only ugly */
	HX_INTENT_INTERACTIVE,	/* somebody waits for it at a screen */
	HX_INTENT_SERVER,	/* answers requests; the default */
	HX_INTENT_BATCH,	/* wants throughput */
	HX_INTENT_BACKGROUND,	/* nobody waits for it */
	HX_INTENT_IDLE,		/* only when nothing else runs */
	HX_INTENT_CRITICAL,	/* the system's own life depends on it */
	HX_INTENT_CLASSES,
};

enum hx_intent_flags {
	HX_INTENT_LOW_LATENCY = 1 << 0,		/* not with HIGH_THROUGHPUT */
	HX_INTENT_HIGH_THROUGHPUT = 1 << 1,
	HX_INTENT_IO_BOUND = 1 << 2,
	HX_INTENT_CPU_BOUND = 1 << 3,
	HX_INTENT_PINNED = 1 << 4,		/* never moved; not with MIGRATABLE */
	HX_INTENT_MIGRATABLE = 1 << 5,		/* moved whenever it helps */
	HX_INTENT_NO_PREEMPT = 1 << 6,		/* not within a slice; only real-time classes */
	HX_INTENT_COOPERATIVE = 1 << 7,		/* gives way to any other of its class */
	HX_INTENT_PERF_PREFER = 1 << 8,		/* not with POWER_PREFER */
	HX_INTENT_POWER_PREFER = 1 << 9,
	HX_INTENT_HARD_DEADLINE = 1 << 10,	/* at most one of these three */
	HX_INTENT_SOFT_DEADLINE = 1 << 11,
	HX_INTENT_EXTENSIBLE_DEADLINE = 1 << 12,
	HX_INTENT_BORROW = 1 << 13,		/* beyond its budget, while others leave CPU */
	HX_INTENT_FLAGS_ALL = (1 << 14) - 1,
};

enum hx_latency_kind {
	HX_LATENCY_NONE,
	HX_LATENCY_TARGET,	/* aim at latency_ns */
	HX_LATENCY_MAXIMUM,	/* never above latency_ns */
	HX_LATENCY_BOUNDED,	/* aim at latency_ns, never above latency_max_ns */
};

enum hx_budget_kind {
	HX_BUDGET_UNLIMITED,
	HX_BUDGET_PERCENT,	/* budget percent of one CPU, 1..100 */
	HX_BUDGET_QUOTA,	/* quota_ns in every budget_period_ns */
	HX_BUDGET_SHARES,	/* budget shares, 1..10000; 1024 is the weight of nice 0 */
};

enum hx_energy {
	HX_ENERGY_MAX_PERFORMANCE, HX_ENERGY_PERFORMANCE, HX_ENERGY_BALANCED, HX_ENERGY_SAVING,
	HX_ENERGY_MAX_SAVING,
	HX_ENERGY_LEVELS,
};

#define HX_NICE_MIN	(-20)
#define HX_NICE_MAX	19
#define HX_AFFINITY_ANY	UINT64_MAX

/* Times in ns; 0: not asked for. hx_intent_init() fills in the default. */
struct hx_intent {
	uint8_t class;			/* enum hx_intent_class */
	uint8_t latency;		/* enum hx_latency_kind */
	uint8_t budget_kind;		/* enum hx_budget_kind */
	uint8_t energy;			/* enum hx_energy */
	int8_t nice;			/* HX_NICE_MIN..HX_NICE_MAX: share of the CPU */
	int8_t latency_nice;		/* the same range: how soon, at an equal share */
	uint16_t group;			/* 0: none; policies may name a group */
	uint32_t flags;			/* HX_INTENT_* */
	uint32_t budget;		/* percent or shares */
	uint64_t affinity;		/* bit per CPU; HX_AFFINITY_ANY */
	hx_ns_t latency_ns;
	hx_ns_t latency_max_ns;		/* HX_LATENCY_BOUNDED */
	hx_ns_t quota_ns;		/* HX_BUDGET_QUOTA */
	hx_ns_t budget_period_ns;	/* HX_BUDGET_QUOTA: quota_ns..10 s */
	hx_ns_t runtime_ns;		/* per period: runtime_ns <= deadline_ns <= period_ns */
	hx_ns_t deadline_ns;		/* after the start of each period; 0: there is none */
	hx_ns_t period_ns;
};

extern const struct hx_intent hx_intent_default;

/* Server, nice 0, unlimited, any CPU. Any context. */
static inline void hx_intent_init(struct hx_intent *i)
{
	*i = hx_intent_default;
}

/**
 * hx_intent_check() - whether an intent makes sense as a whole.
 * @i:   looked at, not changed
 * @why: receives a constant sentence that names the first thing wrong; untouched if nothing is;
 *       may be NULL
 *
 * Returns: 0; -HX_ERANGE a number is out of its range; -HX_EINVAL two parts contradict each other,
 *          or a class lacks what it needs (real time: a deadline or a greatest latency);
 *          -HX_ENOTSUP without CONFIG_INTENTS, whatever it is.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    about 60 instructions.
 * Source:  -
 */
HX_MUST_CHECK int hx_intent_check(const struct hx_intent *i, const char **why);

/**
 * hx_thread_set_intent() - change what a thread asks for.
 * @t:    a thread that was not joined yet
 * @want: checked as a whole, then copied
 *
 * A deadline that the scheduler keeps is kept by one CPU of the affinity: the thread runs on that
 * one as long as it has the deadline. Where it is is asked first, then the others from 0 on.
 *
 * If @t is where it may not be any more it moves: at once if it is ready, at the next point where
 * it can be switched away from if it runs, when it is woken if it waits.
 *
 * Returns: 0; what hx_intent_check() says; -HX_EINVAL also if the affinity names no CPU that runs;
 *          -HX_ENOSPC none of these CPUs has so much left to promise; -HX_ENOMEM. On error
 *          nothing changed.
 * Context: thread; another thread may run before it returns.
 * Locks:   takes HX_RANK_RUNQ; the scheduler may allocate before.
 * Owner:   the caller keeps @want.
 * Cost:    the check, and a dequeue and enqueue if @t is ready.
 * Source:  -
 */
HX_MUST_CHECK int hx_thread_set_intent(struct hx_thread *t, const struct hx_intent *want);

/* Scales of urgency in use elsewhere. */
enum hx_prio_scale {
	HX_PRIO_LEVEL,		/* 0..139, ours: lower is more urgent */
	HX_PRIO_URGENCY,	/* -100..127, lower is more urgent; negative: real time */
	HX_PRIO_NICE,		/* -20..19, lower is more urgent; never real time */
	HX_PRIO_RANK,		/* 0..100, higher is more urgent; from 80 on real time */
};

/**
 * hx_prio_from() - a number on another scale as a level of ours.
 * @scale: where @value comes from
 * @value: clamped to that scale's range
 *
 * Returns: 0..139. Order is kept: what was more urgent there is never less urgent here, and what
 *          was real time there is below 100 here.
 * Context: any; only with CONFIG_INTENTS.
 * Locks:   none.
 * Owner:   -
 * Cost:    about 15 instructions.
 * Source:  -
 */
uint8_t hx_prio_from(enum hx_prio_scale scale, int value);

#endif
