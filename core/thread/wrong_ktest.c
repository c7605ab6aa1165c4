// SPDX-License-Identifier: MIT
/*
 * Schedulers that are wrong in one way each, else a plain queue: what a swap to them does, and how
 * they are thrown out if they go wrong later.
 */
#include <hx/core/fault.h>
#include <hx/core/names.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "swap_team.h"

enum wrong {
	RIGHT, LOSES_AT_LOAD, REFUSES,
	GIVES_NULL, GIVES_TWICE, GIVES_IDLE,
	GIVES_WILD,	/* an address that no machine has */
	GIVES_HOLE,	/* one where nothing is mapped */
	GIVES_COPY,	/* memory that looks exactly like a thread that is ready here */
	GIVES_FREED,	/* a thread that was joined */
	GIVES_OTHERS,	/* what runs on another CPU */
	GIVES_WILD_TO_STEAL,
};

static enum wrong wrong;
static volatile unsigned n_left;	/* good answers before the wrong one */
static struct hx_thread *given[HX_CPUS], *freed;
static struct hx_thread copies[HX_CPUS];

static int wrong_init(struct hx_runq *rq)
{
	given[rq->cpu] = NULL;
	return 0;
}

static int wrong_admit(struct hx_thread *t, const struct hx_intent *want)
{
	return want != NULL && wrong == REFUSES && n_left-- == 0 ? -HX_ENOSPC : 0;
}

static void wrong_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	hx_list_push_back(&rq->ready, &t->run_link);
}

static void wrong_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	hx_list_unlink(&t->run_link);
}

static struct hx_thread *runs_elsewhere(const struct hx_runq *rq)
{
	const struct hx_runq *other = swap_next_rq(NULL);

	if (other == rq)
		other = swap_next_rq(&sched_rqs[rq->cpu]);
	return other != NULL ? hx_percpu_of(other->cpu)->current : NULL;
}

/* Wrong by now: what it gives. True: nothing special, go on with the queue. */
static bool wrong_answer(struct hx_runq *rq, struct hx_thread **out)
{
	const struct hx_thread *first = hx_list_is_empty(&rq->ready) ? NULL :
					HX_LIST_ENTRY(rq->ready.next, struct hx_thread, run_link);

	switch (wrong) {
	case GIVES_NULL:
		*out = NULL;
		return true;
	case GIVES_IDLE:
		*out = rq->idle;
		return true;
	case GIVES_TWICE:
		*out = given[rq->cpu];
		/* One that is ready again would be a right answer. */
		return *out != NULL && (*out)->state != HX_THREAD_READY;
	case GIVES_WILD:
		*out = (struct hx_thread *)0x5a5a5a5a5a5a0000;
		return true;
	case GIVES_HOLE:
		*out = (struct hx_thread *)64;
		return true;
	case GIVES_COPY:
		if (first == NULL)
			return false;
		copies[rq->cpu] = *first;
		*out = &copies[rq->cpu];
		return true;
	case GIVES_FREED:
		*out = freed;
		return true;
	case GIVES_OTHERS:
		*out = runs_elsewhere(rq);
		return *out != NULL;
	default:
		return false;
	}
}

static struct hx_thread *wrong_pick(struct hx_runq *rq)
{
	struct hx_thread *t = NULL;

	if (wrong >= GIVES_NULL && n_left == 0 && wrong_answer(rq, &t))
		return t;
	if (n_left > 0 && wrong >= GIVES_NULL)
		n_left--;
	if (!hx_list_is_empty(&rq->ready))
		t = HX_LIST_ENTRY(hx_list_unlink_first(&rq->ready), struct hx_thread, run_link);
	given[rq->cpu] = t;
	return t;
}

static struct hx_thread *wrong_steal(struct hx_runq *rq, unsigned cpu)
{
	return wrong == GIVES_WILD_TO_STEAL && n_left == 0 ?
	       (struct hx_thread *)0x5a5a5a5a5a5a0000 : NULL;
}

static enum hx_tick wrong_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	return HX_TICK_TURN;
}

static const struct hx_sched_ops wrong_ops = {
	.abi = HX_SCHED_ABI, .name = "test-wrong", .init = wrong_init,
	.admit = wrong_admit, .steal = wrong_steal,
	.enqueue = wrong_enqueue, .dequeue = wrong_dequeue, .pick = wrong_pick, .tick = wrong_tick,
};

static size_t wrong_list(struct hx_runq *rq, struct hx_thread **ready, size_t room)
{
	struct hx_list *n;
	size_t i = 0;

	HX_LIST_FOREACH(n, &rq->ready) {
		if (i < room)
			ready[i++] = HX_LIST_ENTRY(n, struct hx_thread, run_link);
	}
	return i;
}

static void wrong_save_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
}

static void wrong_load_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (records[i]->t->state == HX_THREAD_READY && wrong != LOSES_AT_LOAD)
			hx_list_push_back(&rq->ready, &records[i]->t->run_link);
	}
}

static const struct hx_sched_state_ops wrong_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "test-wrong",
	.list = wrong_list, .save_all = wrong_save_all, .load_all = wrong_load_all,
};
HX_SCHED_CLASS(wrong_ops);
HX_SCHED_STATE(wrong_state);

/* The same, of a version to come, whose records mean something else. */
static const struct hx_sched_ops newer_ops = {
	.abi = HX_SCHED_ABI, .name = "test-newer", .init = wrong_init,
	.enqueue = wrong_enqueue, .dequeue = wrong_dequeue, .pick = wrong_pick,
};
static const struct hx_sched_state_ops newer_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION + 1, .name = "test-newer",
	.list = wrong_list, .save_all = wrong_save_all, .load_all = wrong_load_all,
};
HX_SCHED_CLASS(newer_ops);
HX_SCHED_STATE(newer_state);

HX_KTEST(swap_to_one_of_another_state_version_is_refused)
{
	const char *first = swap_current();
	struct hx_swap s;

	hx_expect(t, swap_to("test-newer", &s) == -HX_ENOTSUP && s.step == HX_SWAP_PREPARE);
	hx_expect(t, hx_glob("test-newer keeps no state of version*", s.why));
	hx_expect(t, hx_strcmp(swap_current(), first) == 0);
}

HX_KTEST(swap_to_one_that_loses_or_refuses_is_undone)
{
	const char *first = swap_current();
	struct hx_swap s;

	hx_require(t, swap_workers_start());
	wrong = LOSES_AT_LOAD;
	hx_expect(t, swap_workers_get_on());
	/* With several CPUs perhaps nobody is ready at that moment, and nobody can be lost. */
	for (unsigned i = 0, n_lost = 0; i < 100 && n_lost < 5; i++) {
		int err = swap_to("test-wrong", &s);

		hx_expect(t, err == 0 || err == -HX_EBADMSG);
		n_lost += err != 0;
		if (err == 0)
			hx_require(t, swap_to(first, NULL) == 0);
	}
	wrong = REFUSES;
	n_left = 3;
	hx_expect(t, swap_to("test-wrong", &s) == -HX_ENOSPC);
	hx_expect(t, s.step == HX_SWAP_IMPORT && s.why[0] != '\0');
	wrong = RIGHT;
	hx_expect(t, hx_strcmp(swap_current(), first) == 0);
	hx_expect(t, swap_workers_get_on());
	hx_expect(t, swap_to("test-wrong", &s) == 0);
	hx_expect(t, swap_workers_get_on());
	hx_expect(t, swap_to(first, NULL) == 0);
	hx_expect(t, swap_n_twice == 0);
	hx_expect(t, swap_workers_end() == N_WORKERS);
}

/* Why the last provider that was thrown out was; "" if nothing is known. */
static const char *why_thrown_out(void)
{
	static char text[8192];
	char *last = text, *at = text, *end;
	struct hx_text_buf out;

	hx_text_buf_init(&out, text, sizeof(text));
	if (hx_names_show("/slots/scheduler/history", &out.text) != 0)
		return "";
	for (; *at != '\0'; at = end + 1) {
		end = at;
		while (*end != '\0' && *end != '\n')
			end++;
		if (*end == '\0')
			break;
		*end = '\0';
		if (hx_glob("*event=failed*", at))
			last = at;
	}
	return last;
}

/* As a CPU does that has nothing to do. One of them may have been faster: another scheduler serves
 * then, and who it gives would be lost. With interrupts off that stays as it is. */
static struct hx_thread *ask_to_steal(void)
{
	struct hx_runq *rq = swap_next_rq(NULL);
	hx_irqflags_t flags = hx_runq_lock(rq);
	struct hx_thread *t = sched_slot != &wrong_ops ? NULL
			      : sched_ops()->steal(rq, rq->cpu ^ 1);

	hx_runq_unlock(rq, flags);
	return t;
}

/* Swapped in, it goes wrong: thrown out, the one before serves, and everybody gets on. */
static void goes_wrong(struct hx_ktest_run *t, enum wrong how, unsigned after, const char *why)
{
	const char *first = swap_current();
	hx_ns_t until;

	wrong = how;
	n_left = after;
	hx_swap_forgive(&sched_kind, &wrong_ops);
	hx_expect(t, swap_to("test-wrong", NULL) == 0);
	if (how == GIVES_WILD_TO_STEAL)
		hx_expect(t, ask_to_steal() == NULL);
	until = hx_now_ns() + 30 * HX_NS_PER_S;
	while (hx_strcmp(swap_current(), "test-wrong") == 0 && hx_now_ns() < until)
		hx_sleep_ns(TICK_NS);
	if (hx_strcmp(swap_current(), first) != 0 || !hx_glob(why, why_thrown_out()))
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, why_thrown_out());
	hx_expect(t, swap_to("test-wrong", NULL) == -HX_ENODEV);
	hx_expect(t, swap_workers_get_on());
}

/* And what should put the one before back fails in the middle: the plain queue serves. */
HX_KTEST(swap_rollback_that_fails_ends_in_the_plain_queue)
{
	const char *first = swap_current();
	hx_ns_t until;

	if (!HX_ENABLED(FAULT_INJECTION)) {
		hx_ktest_skip(t, "no fault injection");
		return;
	}
	hx_require(t, swap_workers_start());
	swap_probation(60);
	for (unsigned i = 0; i < 2; i++) {
		wrong = GIVES_NULL;
		n_left = 20;
		hx_swap_forgive(&sched_kind, &wrong_ops);
		hx_expect(t, hx_fault_arm(i == 0 ? "swap.rescue" : "swap.rescue:5") == 0);
		hx_expect(t, swap_to("test-wrong", NULL) == 0);
		until = hx_now_ns() + 30 * HX_NS_PER_S;
		while (hx_strcmp(swap_current(), "test-wrong") == 0 && hx_now_ns() < until)
			hx_sleep_ns(TICK_NS);
		hx_expect(t, hx_strcmp(swap_current(), "fifo") == 0);
		hx_expect(t, swap_workers_get_on());
		hx_expect(t, swap_to(first, NULL) == 0);
		hx_expect(t, swap_workers_get_on());
	}
	swap_probation(0);
	hx_swap_forgive(&sched_kind, &wrong_ops);
	wrong = RIGHT;
	hx_expect(t, swap_n_twice == 0);
	hx_expect(t, swap_workers_end() == N_WORKERS);
}

static int ends_at_once(void *arg)
{
	return 0;
}

static bool free_one(void)
{
	struct hx_thread_params p = { .name = "freed", .fn = ends_at_once,
				      .prio = HX_PRIO_DEFAULT };

	return hx_thread_create(&p, &freed) == 0 && hx_thread_join(freed, HX_FOREVER, NULL) == 0;
}

HX_KTEST(swap_to_one_that_picks_wrongly_is_rolled_back)
{
	static const struct {
		enum wrong how;
		const char *why;
	} ways[] = {
		{ GIVES_NULL, "*why=\"cpu * lost * ready threads\"" },
		{ GIVES_TWICE, "*why=\"cpu * gave *" },
		{ GIVES_IDLE, "*why=\"cpu * gave thread * that is not ready\"" },
		{ GIVES_WILD, "*why=\"cpu * gave 0x5a5a5a5a5a5a0000, which is no thread\"" },
		{ GIVES_HOLE, "*why=\"cpu * gave 0x40, which is no thread\"" },
		{ GIVES_COPY, "*why=\"cpu * which is no thread\"" },
		{ GIVES_FREED, "*why=\"cpu * which is no thread\"" },
		/* Of another CPU; or on its way from there to here by now. */
		{ GIVES_OTHERS, "*why=\"cpu * gave thread *" },
	};

	hx_require(t, swap_workers_start());
	swap_probation(60);
	for (unsigned i = 0; i < HX_ARRAY_LEN(ways); i++) {
		if (ways[i].how == GIVES_OTHERS && hx_cpu_count() == 1)
			continue;
		for (unsigned after = 0; after < 200; after += 50) {
			hx_require(t, free_one());
			goes_wrong(t, ways[i].how, after, ways[i].why);
		}
	}
	goes_wrong(t, GIVES_WILD_TO_STEAL, 0,
		   "*why=\"cpu * gave 0x5a5a5a5a5a5a0000, which is no thread\"");
	swap_probation(0);
	hx_swap_forgive(&sched_kind, &wrong_ops);
	wrong = RIGHT;
	hx_expect(t, swap_n_twice == 0);
	hx_expect(t, swap_workers_end() == N_WORKERS);
}
