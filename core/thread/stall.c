// SPDX-License-Identifier: MIT
/*
 * Threads that are ready and do not come to run: whose fault is that? Looked at in each tick, where
 * schedulers can be replaced.
 *
 * 1 A CPU stalls: somebody is ready, and STALL_TICKS ticks in a row saw no switch. If who runs has
 *   preemption off, or is more urgent than all who wait, that is why. Else the policy let it go on
 *   beyond what it says of itself (turn_ns, wait_ns of struct hx_sched_state_ops), and is thrown
 *   out. The same if the CPU idles because the policy says that all are held: for longer than the
 *   period of anybody's budget none can be.
 * 2 One starves, while others as urgent take turns: seen only for a scheduler behind the guard
 *   (guard.c), a few threads in each tick, and only if it waited in one queue all that time. Ticks
 *   that find preemption off do not count: the policy was not asked.
 * 3 A CPU takes no ticks: the one before it sees that. Interrupts are off there; if the CPU is in a
 *   module that is the scheduler, who knows about borders gets it out (hx_sched_set_breaker()).
 *   Others may want a run queue that is locked there, and take no ticks either: so who spins for a
 *   lock for long looks as well (spin_watch). One CPU alone has nobody to notice, nor have several
 *   that hang all at once: that is what a hardware watchdog is for.
 * 4 Counts are ticks of the CPU concerned and not time alone: a virtual CPU that its host does not
 *   run gets none, and accuses nobody. Nor do ticks that come faster than time goes by.
 */
#include <hx/core/failure.h>
#include <hx/core/names.h>
#include <hx/core/printf.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>

#include "guard_priv.h"
#include "stall_priv.h"

#define STALL_TICKS	10u
#define WATCH_TICKS	2u		/* how often a CPU looks at the next one */
#define SAMPLE_MAX	64u		/* threads looked at in a tick, and the whole bucket */
#define NS_PER_TICK	(HX_NS_PER_S / CONFIG_TICK_HZ)

/* Field keys: o the CPU itself, in its tick; w the one that watches it; a atomic, written by o. */
static struct HX_ALIGNED(64) stall {
	uint64_t switches;		/* o of the run queue at the last tick */
	uint32_t n;			/* o ticks without a switch, and some wait */
	hx_ns_t since_ns;		/* o when n became STALL_TICKS */
	uint32_t ticks;			/* a */
	uint32_t asked;			/* o ticks with the guard on that found preemption on */
	uint32_t begin;			/* with all CPUs parked: asked, when this policy came */
	uint32_t bucket;		/* o where to go on looking at threads */
	bool told;			/* o whose fault it is was said */
	uint32_t seen_ticks, stands;	/* w what they were, and for how long */
	bool stands_told;		/* w */
} stalls[HX_CPUS];

static uint64_t most_turn, most_wait;	/* ticks; changed with all CPUs parked */
static bool is_patient;			/* the policy says nothing about itself */

static struct hx_spinlock told_lock = HX_SPINLOCK_INIT("stalls", HX_RANK_LEAF);
static uint32_t told[STALL_CAUSES];	/* told_lock */
static char told_last[STALL_CAUSES][STALL_TEXT];	/* told_lock */
static hx_sched_breaker_t breaker;

/* Field keys: a atomic, b who made is_busy 1, any time. */
static struct {
	uint32_t is_busy;		/* a */
	hx_ns_t next_ns;		/* a by b: nobody looks before */
	uint32_t seen_ticks[HX_CPUS];	/* b what they were, and for how long */
	uint32_t stands[HX_CPUS];	/* b */
} spin_watch;

void stall_begin(const struct hx_sched_state_ops *s)
{
	/* What was waited for the one before is not this one's fault. */
	for (unsigned cpu = 0; cpu < HX_CPUS; cpu++) {
		stalls[cpu].n = 0;
		stalls[cpu].told = false;
		stalls[cpu].begin = stalls[cpu].asked;
	}
	is_patient = s == NULL;
	most_turn = s != NULL ? s->turn_ns / NS_PER_TICK + 1 : 0;
	most_wait = s != NULL ? s->wait_ns / NS_PER_TICK : 0;
}

/* ---- what was seen */

static HX_COLD HX_PRINTF(2, 3) void stall_tell(enum stall_cause cause, const char *fmt, ...)
{
	char text[STALL_TEXT];
	hx_irqflags_t flags;
	va_list ap;

	va_start(ap, fmt);
	hx_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	flags = hx_spin_lock_irqsave(&told_lock);
	told[cause]++;
	hx_strlcpy(told_last[cause], text, STALL_TEXT);
	hx_spin_unlock_irqrestore(&told_lock, flags);
	/* The last one others say as well, who wait longer: a virtual CPU may just not run. */
	if (cause == STALL_POLICY || cause == STALL_PREEMPTION_OFF)
		(void)hx_failure_tell(HX_FAILURE_WATCHDOG, "scheduler", "%s", text);
}

uint32_t stall_count(enum stall_cause cause, char last[STALL_TEXT])
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&told_lock);
	uint32_t n = told[cause];

	if (last != NULL)
		hx_strlcpy(last, told_last[cause], STALL_TEXT);
	hx_spin_unlock_irqrestore(&told_lock, flags);
	return n;
}

/* rq's lock is held. This CPU's idle thread throws the scheduler out as soon as it runs. */
static void blame_policy(struct hx_runq *rq, const struct hx_thread *victim, const char *what)
{
	stall_tell(STALL_POLICY, "cpu %u: %s %s thread %u %s", rq->cpu, sched_ops()->name, what,
		   victim->id, victim->name);
	rescue_note(rq, "%s thread %u %s", what, victim->id, victim->name);
	if (hx_thread_self() == rq->idle)
		return;
	rq->n_held = 0;		/* or so it says */
	hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
}

/* ---- who waits, and for whom */

static bool has_budget(const struct hx_thread *t)
{
	return t->intent->budget_kind != HX_BUDGET_UNLIMITED || t->intent->deadline_ns != 0;
}

/* It asked for nothing that a policy may honour by letting others wait. */
static bool is_plain(const struct hx_thread *t)
{
	return !has_budget(t) && t->intent->latency == HX_LATENCY_NONE &&
	       (t->intent->flags & ~(uint32_t)(HX_INTENT_PINNED | HX_INTENT_MIGRATABLE)) == 0;
}

/* Must t come to run beside current sooner or later, whatever the policy? */
static bool is_as_urgent(const struct hx_thread *t, const struct hx_thread *current)
{
	const struct hx_intent *a = t->intent, *b = current->intent;

	return t->prio <= current->prio && is_plain(t) && is_plain(current) &&
	       a->class == b->class && a->group == b->group && a->nice <= b->nice &&
	       a->latency_nice <= b->latency_nice;
}

struct look {
	struct hx_runq *rq;
	const struct hx_thread *current, *victim;
	uint32_t n;			/* ticks */
};

/* Goes on: true. */
static bool look_at(const struct hx_thread *t, struct look *l)
{
	uint64_t period;

	if (t->rq != l->rq || t->state != HX_THREAD_READY)
		return true;
	period = has_budget(t) ? hx_max_u64(t->intent->period_ns, t->intent->budget_period_ns)
		 : 0;
	if (l->current == l->rq->idle ? l->n > STALL_TICKS + period / NS_PER_TICK
	    : is_as_urgent(t, l->current))
		l->victim = t;
	return l->victim == NULL;
}

/* The table is locked. */
static void look_around(struct look *l)
{
	struct hx_list *n;

	HX_LIST_FOREACH(n, &thread_all) {
		if (!look_at(HX_LIST_ENTRY(n, struct hx_thread, all_link), l))
			break;
	}
}

/* Both locks are held: who was found exists, but may have gone to another CPU by now, or just have
 * come, and a preemption is due. */
static bool look_again(struct look *l, const struct stall *s)
{
	const struct hx_thread *victim = l->victim;

	l->victim = NULL;
	return l->rq->n_switches == s->switches && hx_percpu()->need_resched == 0 &&
	       !look_at(victim, l);
}

/* The CPU has not switched for n ticks. */
static void stall_judge(struct hx_runq *rq, struct hx_thread *current, struct stall *s)
{
	struct look l = { .rq = rq, .current = current, .n = s->n };
	const bool idles = current == rq->idle;
	const hx_ns_t now = hx_now_ns();

	if (s->n == STALL_TICKS)
		s->since_ns = now;
	if (now - s->since_ns < (s->n - STALL_TICKS) * NS_PER_TICK / 2)
		return;
	if (sched_is_bad || sched_slot == &sched_fifo_ops)
		return;
	if (!idles && hx_percpu()->preempt_off != 0) {
		stall_tell(STALL_PREEMPTION_OFF, "cpu %u: thread %u %s has preemption off", rq->cpu,
			   current->id, current->name);
		s->told = true;
		return;
	}
	/* On its way; or time never takes the CPU away here. */
	if (hx_percpu()->need_resched != 0 || is_patient ||
	    (!idles && (!HX_ENABLED(PREEMPT_FULL) || sched_ops()->tick == NULL)))
		return;
	if (s->n <= STALL_TICKS + most_wait +
	    (idles ? 0 : most_turn + current->slice_ns / NS_PER_TICK))
		return;
	/* This CPU is not at the table itself: preemption is on. */
	if (!quiet_try_lock(&thread_lock))
		return;
	look_around(&l);
	quiet_lock(&rq->lock);
	if (l.victim == NULL && !idles) {
		stall_tell(STALL_URGENT, "cpu %u: thread %u %s is more urgent", rq->cpu,
			   current->id, current->name);
		s->told = true;
	} else if (l.victim != NULL && look_again(&l, s)) {
		blame_policy(rq, l.victim, idles ? "holds" : "does not pick");
	}
	quiet_unlock(&rq->lock);
	quiet_unlock(&thread_lock);
}

/* ---- one that starves, behind the guard */

/* Does t starve? */
static bool sample_one(struct hx_runq *rq, struct hx_thread *t, const struct hx_thread *current,
		       const struct stall *s)
{
	const uint32_t switches = (uint32_t)t->n_switches;

	if (t->rq != rq)
		return false;
	if (t->state != HX_THREAD_READY || t->guard.seen != switches) {
		t->guard.seen = switches;
		t->guard.since = s->asked;
		return false;
	}
	return hx_min_u64(s->asked - t->guard.since, s->asked - s->begin) >
	       STALL_TICKS + most_wait + 2 * most_turn * (rq->n_ready + 1) &&
	       current != rq->idle && is_as_urgent(t, current);
}

static void stall_sample(struct hx_runq *rq, const struct hx_thread *current, struct stall *s)
{
	const struct hx_thread *victim = NULL;
	unsigned n = 0;

	if (!HX_ENABLED(PREEMPT_FULL) || is_patient || sched_ops()->tick == NULL ||
	    sched_is_bad || hx_percpu()->preempt_off != 0)
		return;
	s->asked++;
	quiet_lock(&rq->lock);
	guard_lock();
	for (unsigned i = 0; i < GUARD_BUCKETS && n < SAMPLE_MAX; i++) {
		struct hx_thread *t = guard_first(s->bucket++ % GUARD_BUCKETS);

		for (; t != NULL; t = guard_next(t), n++)
			victim = sample_one(rq, t, current, s) ? t : victim;
	}
	guard_unlock();
	if (victim != NULL)
		blame_policy(rq, victim, "starves");
	quiet_unlock(&rq->lock);
}

/* ---- a CPU that takes no ticks */

static HX_COLD void stall_hangs(unsigned cpu, struct stall *s)
{
	const struct hx_percpu *p = hx_percpu_of(cpu);
	const struct hx_thread *t = __atomic_load_n(&p->current, __ATOMIC_RELAXED);
	hx_sched_breaker_t fn = __atomic_load_n(&breaker, __ATOMIC_ACQUIRE);

	if (fn != NULL && guard_is_module())
		fn(cpu, sched_slot, s->stands_told);
	if (s->stands_told)
		return;
	s->stands_told = true;
	/* It may end meanwhile, but is not freed while its CPU has interrupts off. */
	stall_tell(STALL_INTERRUPTS_OFF, "cpu %u takes no ticks: thread %u %s has interrupts off%s",
		   cpu, t != NULL ? t->id : 0, t != NULL ? t->name : "",
		   p->irq_depth != 0 ? ", in an interrupt" : "");
}

/* Does it take no ticks? One watches it: the CPU before it, or before those that hang. */
static bool stall_stands(unsigned cpu)
{
	struct stall *s = &stalls[cpu];
	uint32_t ticks = __atomic_load_n(&s->ticks, __ATOMIC_RELAXED);

	if (ticks != s->seen_ticks) {
		s->seen_ticks = ticks;
		s->stands = 0;
		s->stands_told = false;
		return false;
	}
	s->stands += WATCH_TICKS;
	if (s->stands < STALL_TICKS - WATCH_TICKS)
		return false;
	stall_hangs(cpu, s);
	return true;
}

/* Each looks at the next one that runs threads, and over those that hang at the ones behind. */
static void stall_watch(unsigned me)
{
	const uint64_t running = __atomic_load_n(&cpus_running, __ATOMIC_RELAXED);
	unsigned cpu = me;
	uint64_t above;

	if ((running >> me & 1) == 0)
		return;		/* shutdown */
	do {
		above = running & ~1ull << cpu;
		cpu = (unsigned)__builtin_ctzll(above != 0 ? above : running);
	} while (cpu != me && stall_stands(cpu));
}

/* spin_watch is busy, by us. Nothing is told, since that takes locks; who is thrown out is. */
static void stall_look_from(unsigned me, hx_sched_breaker_t fn)
{
	uint64_t cpus = __atomic_load_n(&cpus_running, __ATOMIC_RELAXED) & ~(1ull << me);

	for (; cpus != 0; cpus &= cpus - 1) {
		unsigned cpu = (unsigned)__builtin_ctzll(cpus);
		uint32_t ticks = __atomic_load_n(&stalls[cpu].ticks, __ATOMIC_RELAXED);

		if (ticks != spin_watch.seen_ticks[cpu]) {
			spin_watch.seen_ticks[cpu] = ticks;
			spin_watch.stands[cpu] = 0;
			continue;
		}
		spin_watch.stands[cpu] += WATCH_TICKS;
		if (spin_watch.stands[cpu] >= STALL_TICKS)
			fn(cpu, sched_slot, spin_watch.stands[cpu] > STALL_TICKS);
	}
}

/* A CPU has spun for a lock for long. At most one looks every WATCH_TICKS, as its ticks would. */
static void stall_spins(void)
{
	hx_sched_breaker_t fn = __atomic_load_n(&breaker, __ATOMIC_ACQUIRE);
	const hx_ns_t now = hx_now_ns();

	if (fn == NULL || !guard_is_module() ||
	    now < __atomic_load_n(&spin_watch.next_ns, __ATOMIC_RELAXED) ||
	    __atomic_exchange_n(&spin_watch.is_busy, 1, __ATOMIC_ACQUIRE) != 0)
		return;
	if (now >= spin_watch.next_ns) {
		__atomic_store_n(&spin_watch.next_ns, now + WATCH_TICKS * NS_PER_TICK,
				 __ATOMIC_RELAXED);
		stall_look_from(hx_percpu()->cpu, fn);
	}
	__atomic_store_n(&spin_watch.is_busy, 0, __ATOMIC_RELEASE);
}

void hx_sched_set_breaker(hx_sched_breaker_t fn)
{
	__atomic_store_n(&breaker, fn, __ATOMIC_RELEASE);
	if (HX_CPUS > 1)
		__atomic_store_n(&hx_spin_long, stall_spins, __ATOMIC_RELEASE);
}

/* What not every tick has to do. */
static HX_NOINLINE void stall_look(struct hx_runq *rq, struct hx_thread *current, struct stall *s,
				   bool judge)
{
	if (HX_CPUS > 1 && s->ticks % WATCH_TICKS == 0)
		stall_watch(rq->cpu);
	if (HX_UNLIKELY(guard_is_on())) {
		guard_tick();
		stall_sample(rq, current, s);
	}
	if (judge)
		stall_judge(rq, current, s);
}

/* In each tick: nothing is kept over a call, so that nothing has to be saved on the stack. */
void stall_tick(struct hx_runq *rq, struct hx_thread *current)
{
	struct stall *s = &stalls[rq->cpu];
	const uint32_t ticks = s->ticks + 1;
	bool judge = false;

	__atomic_store_n(&s->ticks, ticks, __ATOMIC_RELAXED);
	if (HX_LIKELY(rq->n_ready == 0 || rq->n_switches != s->switches)) {
		s->switches = rq->n_switches;
		s->n = 0;
		s->told = false;
	} else {
		judge = ++s->n >= STALL_TICKS && !s->told;
	}
	if (HX_UNLIKELY(judge || guard_is_on()) ||
	    (HX_CPUS > 1 && ticks % WATCH_TICKS == 0 &&
	     (__atomic_load_n(&cpus_running, __ATOMIC_RELAXED) & ~rq->bit) != 0))
		stall_look(rq, current, s, judge);
}

/* ---- /sched/stalls */

static int stalls_show(struct hx_text *out, const struct hx_node_args *args)
{
	static const char names[STALL_CAUSES][20] = {
		"policy", "urgent", "preemption_off", "interrupts_off",
	};
	char last[STALL_TEXT];

	for (unsigned i = 0; i < STALL_CAUSES; i++) {
		hx_text_printf(out, "cause=%s count=%u", names[i],
			       stall_count((enum stall_cause)i, last));
		hx_text_printf(out, last[0] != '\0' ? " last=\"%s\"\n" : "%s\n", last);
	}
	return 0;
}

static const struct hx_node stalls_node = {
	.path = "/sched/stalls", .help = "ready threads that did not come to run, by whose fault",
	.rights = HX_NODE_READ, .max_bytes = 1024, .show = stalls_show,
};
HX_NODE(stalls_node);
