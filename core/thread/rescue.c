// SPDX-License-Identifier: MIT
/*
 * A scheduler that answered wrongly is thrown out, and no thread is lost.
 *
 * 1 The wrong answer. Core checks what pick and steal give. A bad answer is not taken: the CPU runs
 *   its idle thread, whose loop comes here first. Other CPUs go on as long as they get good
 *   answers.
 * 2 Out. With all other CPUs parked, nothing is asked of the bad one any more, not even to give its
 *   memory back. Which threads are ready, and on which run queue, core knows from their states; the
 *   provider before, if the bad one is still on probation and the one before takes all of them,
 *   else the plain queue, gets them.
 * 3 If the other CPUs do not come to rest, it is tried again for ever, for nothing else can run.
 */
#include <hx/config/core_slot.h>
#include <hx/core/fault.h>
#include <hx/core/park.h>
#include <hx/core/printf.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>

#include "guard_priv.h"

HX_FAULT_POINT(swap_rescue, "swap.rescue", "the scheduler before cannot be put back either");

/* Field keys: a atomic, w who made wrong 1. */
volatile uint32_t sched_is_bad;		/* a an answer was wrong: idle threads throw it out */
static uint32_t rescue_wrong;		/* a */
static char rescue_why[HX_SWAP_WHY_MAX];	/* w */

void rescue_note(struct hx_runq *rq, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (__atomic_exchange_n(&rescue_wrong, 1, __ATOMIC_ACQUIRE) != 0)
		return;
	n = hx_snprintf(rescue_why, sizeof(rescue_why), "cpu %u: ", rq->cpu);
	va_start(ap, fmt);
	hx_vsnprintf(rescue_why + n, sizeof(rescue_why) - (size_t)n, fmt, ap);
	va_end(ap);
	__atomic_store_n(&sched_is_bad, 1, __ATOMIC_SEQ_CST);
	guard_close();
}

bool sched_bad_answer(struct hx_runq *rq, const struct hx_thread *t)
{
	if (sched_slot == &sched_fifo_ops || hx_percpu()->current == NULL)
		return false;
	if (t == NULL)
		rescue_note(rq, "lost %u ready threads", rq->n_ready + 1);	/* one as picked */
	else
		rescue_note(rq, "gave thread %u %s", t->id, t->rq != rq ? "of another cpu"
			    : t->state == HX_THREAD_RUNNING ? "twice" : "that is not ready");
	return true;
}

/* ---- with all CPUs parked */

struct rescue {
	const struct hx_sched_ops *ops;
	const struct hx_sched_state_ops *state;
	uint64_t n_ended;		/* promises */
	int err;
};

static int rescue_queues(const struct hx_sched_ops *ops)
{
	struct hx_runq *rq;
	int err = 0;

	for (rq = swap_next_rq(NULL); rq != NULL && err == 0; rq = swap_next_rq(rq)) {
		rq->priv = NULL;
		rq->n_ready = rq->n_held = 0;
		rq->must_leave = NULL;
		hx_list_init(&rq->ready);
		err = ops->init(rq);
	}
	return err;
}

static bool rescue_admit(struct hx_thread *t, void *arg)
{
	struct rescue *r = arg;

	if (r->ops != &sched_fifo_ops && hx_fault_hits("swap.rescue"))
		r->err = -HX_EIO;
	else if ((t->flags & HX_THREAD_IDLE) == 0)
		r->err = swap_admit(r->ops, t, &r->n_ended);
	return r->err == 0;
}

static bool rescue_load(struct hx_thread *t, void *arg)
{
	const struct hx_sched_state *s = swap_find(swap_last, t);
	struct hx_sched_record record = { .t = t }, *one = &record;
	struct rescue *r = arg;

	if ((t->flags & HX_THREAD_IDLE) != 0)
		return true;
	if (s != NULL)
		record.state = *s;
	quiet_lock(&t->rq->lock);
	if (t->state == HX_THREAD_READY)
		t->rq->n_ready++;
	r->state->load_all(t->rq, &one, 1);
	quiet_unlock(&t->rq->lock);
	return true;
}

static bool rescue_settle(struct hx_thread *t, void *arg)
{
	thread_set_cpus(t);
	if (t->promised_ppm != 0 && (t->flags & HX_THREAD_IDLE) == 0)
		sched_settle(t);
	return true;
}

/* All threads to ops. What ops had been given when it failed, it keeps: that much is lost. */
static int rescue_to(const struct hx_sched_ops *ops, uint64_t *n_ended)
{
	struct rescue r = { .ops = ops, .state = swap_state_ops(ops) };

	r.err = r.state == NULL ? -HX_ENOTSUP : rescue_queues(ops);
	promise_set_mode(PROMISE_RENEW);
	if (r.err == 0)
		thread_each(rescue_admit, &r);
	promise_set_mode(PROMISE_USUAL);
	*n_ended += r.n_ended;
	if (r.err != 0)
		return r.err;
	thread_each(rescue_load, &r);
	sched_slot = ops;
	guard_begin_anew(ops);
	thread_each(rescue_settle, NULL);
	return 0;
}

/* Nothing that the bad one started calls it any more. */
static void rescue_timers(const struct hx_sched_state_ops *bad)
{
	const hx_timer_fn_t *fn = bad != NULL ? bad->timers : NULL;

	for (; fn != NULL && *fn != NULL; fn++)
		timers_forget(*fn);
}

void sched_rescue(void)
{
	const struct hx_sched_ops *bad, *before;
	struct hx_park_blocker who;
	struct hx_parking parking;
	uint64_t n_ended = 0;

	/* One at a time parks. Nothing else may be held here: once the scheduler is another, this
	 * idle thread is preempted, and its CPU may not idle again for long. */
	if (hx_cpus_park(&parking, CONFIG_SLOT_SWAP_WAIT_MS * HX_NS_PER_MS, &who) != 0)
		return;
	if (sched_is_bad) {		/* nobody was faster */
		bad = sched_slot;
		before = hx_swap_before(&sched_kind);
		rescue_timers(swap_state_ops(bad));
		if (before == NULL || rescue_to(before, &n_ended) != 0)
			(void)rescue_to(&sched_fifo_ops, &n_ended);	/* it refuses nobody */
		/* Before anybody can ask for the next swap. */
		hx_swap_failed(&sched_kind, bad, sched_slot, rescue_why, n_ended);
		sched_is_bad = 0;
		__atomic_store_n(&rescue_wrong, 0, __ATOMIC_RELEASE);
		swap_ask_all();
	}
	hx_cpus_unpark(&parking);
}
