// SPDX-License-Identifier: MIT
/*
 * The intent scheduler in the booted kernel, with real threads and ticks. Skipped when another
 * provider sits in the slot. Times are taken from the accounts, with room for what an emulator
 * loses.
 */
#include <hx/core/ktest.h>
#include <hx/core/names.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/hal/timer.h>

#include "dis_priv.h"

#define MS	HX_NS_PER_MS

static volatile bool stop;

static bool is_in_use(struct hx_ktest_run *t)
{
	if (dis_queues() != NULL)
		return true;
	hx_ktest_skip(t, "another scheduler is in use");
	return false;
}

static int compute(void *arg)
{
	while (!stop)
		hx_cpu_relax();
	return 0;
}

static uint64_t ran_of(struct hx_thread *thread)
{
	hx_irqflags_t flags = hx_runq_lock(thread->rq);
	uint64_t ran = dis_of(thread)->s.ran_ns;

	hx_runq_unlock(thread->rq, flags);
	return ran;
}

static struct hx_thread *start(struct hx_ktest_run *t, int (*fn)(void *arg),
			       const struct hx_intent *intent)
{
	struct hx_thread_params p = {
		.name = "dis", .fn = fn, .prio = HX_PRIO_DEFAULT, .intent = intent,
	};
	struct hx_thread *thread = NULL;

	stop = false;
	hx_expect(t, hx_thread_create(&p, &thread) == 0);
	return thread;
}

HX_KTEST(dis_budget_is_kept)
{
	struct hx_intent i;
	struct hx_thread *thread;
	bool kept = false;

	if (!is_in_use(t))
		return;
	hx_intent_init(&i);
	i.budget_kind = HX_BUDGET_QUOTA;
	i.quota_ns = 10 * MS;
	i.budget_period_ns = 50 * MS;
	thread = start(t, compute, &i);
	hx_require(t, thread != NULL);
	hx_sleep_ns(200 * MS);
	/* 20 %, where nothing else wants the CPU. The machine may stop for a while, as if a tick
	 * came late, so this is wide, and tried again; how exact it is, tests on the host say. */
	for (unsigned n = 0; n < 5 && !kept; n++) {
		uint64_t ran = ran_of(thread);
		hx_ns_t from = hx_now_ns(), took;

		hx_sleep_ns(1000 * MS);
		ran = ran_of(thread) - ran;
		took = hx_now_ns() - from;
		kept = ran >= took / 10 && ran <= took * 2 / 5;
	}
	hx_expect(t, kept);
	stop = true;
	hx_expect(t, hx_thread_join(thread, HX_FOREVER, NULL) == 0);
}

HX_KTEST(dis_intent_is_changed_and_admission_refuses)
{
	struct hx_intent i;
	struct hx_thread *thread;

	if (!is_in_use(t))
		return;
	hx_expect(t, hx_intent_template("background", &i) == 0);
	thread = start(t, compute, &i);
	hx_require(t, thread != NULL);
	hx_expect(t, hx_intent_template("batch", &i) == 0);
	hx_expect(t, hx_thread_set_intent(thread, &i) == 0);
	hx_expect(t, dis_of(thread)->p.class == HX_INTENT_BATCH);
	i.class = HX_INTENT_REALTIME;
	i.flags = 0;
	i.runtime_ns = 96 * MS;
	i.deadline_ns = i.period_ns = 100 * MS;
	hx_expect(t, hx_thread_set_intent(thread, &i) == -HX_ENOSPC);
	hx_expect(t, thread->intent->class == HX_INTENT_BATCH);
	i.runtime_ns = 10 * MS;
	hx_expect(t, hx_thread_set_intent(thread, &i) == 0);
	hx_expect(t, dis_of(thread)->p.reserved);
	hx_sleep_ns(300 * MS);		/* it does not take the CPU for itself */
	stop = true;
	hx_expect(t, hx_thread_join(thread, HX_FOREVER, NULL) == 0);
}

/* 60 % each: one fits on a CPU, whichever they are created on, and not one more than there are. */
HX_KTEST(dis_each_cpu_makes_its_own_promises)
{
	struct hx_thread_params p = { .name = "dis", .fn = compute, .prio = HX_PRIO_DEFAULT };
	unsigned n_cpus = hx_cpu_count(), n;
	struct hx_thread *threads[8], *more;
	struct hx_intent i;

	if (!is_in_use(t) || n_cpus > HX_ARRAY_LEN(threads))
		return;
	hx_intent_init(&i);
	i.class = HX_INTENT_REALTIME;
	i.runtime_ns = 6 * MS;
	i.deadline_ns = i.period_ns = 10 * MS;
	p.intent = &i;
	stop = false;
	for (n = 0; n < n_cpus; n++)
		hx_require(t, hx_thread_create(&p, &threads[n]) == 0);
	hx_expect(t, hx_thread_create(&p, &more) == -HX_ENOSPC);
	hx_sleep_ns(100 * MS);
	for (n = 0; n < n_cpus; n++) {
		hx_expect(t, threads[n]->rq->cpu == threads[n]->home);
		hx_expect(t, hx_sched_promised_ppm(n) == 600000);
	}
	stop = true;
	for (n = 0; n < n_cpus; n++)
		hx_expect(t, hx_thread_join(threads[n], HX_FOREVER, NULL) == 0);
	hx_expect(t, hx_thread_create(&p, &more) == 0);	/* what they had is free again */
	hx_expect(t, hx_thread_join(more, HX_FOREVER, NULL) == 0);
}

static volatile unsigned n_answers;

static int answer(void *arg)
{
	while (!stop) {
		hx_sleep_ns(5 * MS);
		n_answers++;
	}
	return 0;
}

HX_KTEST(dis_interactive_gets_through_batch_load)
{
	struct hx_thread *hogs[3], *thread;
	uint64_t wait = UINT64_MAX;
	struct hx_intent i;

	if (!is_in_use(t))
		return;
	hx_expect(t, hx_intent_template("compilation", &i) == 0);
	for (unsigned n = 0; n < HX_ARRAY_LEN(hogs); n++) {
		hogs[n] = start(t, compute, &i);
		hx_require(t, hogs[n] != NULL);
	}
	hx_expect(t, hx_intent_template("ui", &i) == 0);
	n_answers = 0;
	thread = start(t, answer, &i);
	hx_require(t, thread != NULL);
	/* The machine may stop for a while, which counts as waiting. */
	for (unsigned n = 0; n < 20 && wait >= 5 * MS; n++) {
		for (n_answers = 0; n_answers < 20;)
			hx_sleep_ns(10 * MS);
		wait = dis_of(thread)->s.wait_ema;
	}
	hx_expect(t, wait < 5 * MS);
	stop = true;
	hx_expect(t, hx_thread_join(thread, HX_FOREVER, NULL) == 0);
	for (unsigned n = 0; n < HX_ARRAY_LEN(hogs); n++)
		hx_expect(t, hx_thread_join(hogs[n], HX_FOREVER, NULL) == 0);
}

/* A node's text, or what it answers to a line. */
static const char *ask(const char *path, const char *line, int *err)
{
	static char text[2048];
	struct hx_text_buf b;

	hx_text_buf_init(&b, text, sizeof(text));
	*err = line == NULL ? hx_names_show(path, &b.text) : hx_names_take(path, line, &b.text);
	return text;
}

static bool has(const char *text, const char *words)
{
	size_t n = hx_strlen(words);

	for (; *text != '\0'; text++)
		if (hx_strncmp(text, words, n) == 0)
			return true;
	return false;
}

/* ---- a rule says on which CPU */

#define PINNED_GROUP	7u

struct pinned {
	struct hx_thread *thread;
	volatile uint64_t seen_on;
	volatile uint32_t rounds;
};

/* Works, so long that rules see it, yields, and sleeps a few times, so that it is placed anew. */
static int look_around(void *arg)
{
	struct pinned *p = arg;

	while (!stop) {
		hx_ns_t end = hx_now_ns() + DIS_HOUSE_NS + MS;

		while (hx_now_ns() < end)
			p->seen_on |= 1ull << hx_percpu()->cpu;
		hx_yield();
		for (unsigned n = 0; n < 4; n++) {
			hx_sleep_ns(1);
			p->seen_on |= 1ull << hx_percpu()->cpu;
		}
		p->rounds++;
	}
	return 0;
}

/* Until each has gone five rounds; which CPUs they have been on meanwhile. */
static uint64_t seen_by(struct pinned *team, unsigned n)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < n; i++) {
		team[i].rounds = 0;
		team[i].seen_on = 0;
	}
	for (unsigned i = 0; i < n; i++) {
		while (team[i].rounds < 5)
			hx_sleep_ns(MS);
		seen |= team[i].seen_on;
	}
	return seen;
}

/* Their CPUs are those, by then at the latest. */
static bool comes_to(struct pinned *team, unsigned n, uint64_t cpus)
{
	for (unsigned tries = 0; tries < 100; tries++) {
		if (seen_by(team, n) == cpus)
			return true;
	}
	return false;
}

HX_KTEST(dis_pinned_by_a_rule_stays_on_its_cpu)
{
	static struct pinned team[6];
	struct hx_name_stat st;
	struct hx_intent i;
	int err;

	if (!is_in_use(t))
		return;
	if (hx_cpu_count() < 2 || hx_names_stat("/sched/policy", &st) != 0) {
		hx_ktest_skip(t, "one CPU, or no node to write rules to");
		return;
	}
	hx_intent_init(&i);
	i.group = PINNED_GROUP;
	for (unsigned n = 0; n < HX_ARRAY_LEN(team); n++) {
		struct hx_thread_params p = {
			.name = "pinned", .fn = look_around, .arg = &team[n],
			.prio = HX_PRIO_DEFAULT, .intent = &i,
		};

		stop = false;
		hx_require(t, hx_thread_create(&p, &team[n].thread) == 0);
	}
	ask("/sched/policy", "rule ktest prio 200 scope group 7 when load >= 0% do pin 1", &err);
	hx_expect(t, err == 0);
	hx_expect(t, comes_to(team, HX_ARRAY_LEN(team), 2));
	for (unsigned n = 0; n < 5; n++)
		hx_expect(t, seen_by(team, HX_ARRAY_LEN(team)) == 2);
	ask("/sched/policy", "rule ktest prio 200 scope group 7 when load >= 0% do affinity 0x1",
	    &err);
	hx_expect(t, err == 0);
	hx_expect(t, comes_to(team, HX_ARRAY_LEN(team), 1));
	hx_expect(t, seen_by(team, HX_ARRAY_LEN(team)) == 1);
	ask("/sched/policy", "drop ktest", &err);
	hx_expect(t, err == 0);
	for (unsigned tries = 0; tries < 100 && seen_by(team, HX_ARRAY_LEN(team)) == 1; tries++)
		;
	hx_expect(t, seen_by(team, HX_ARRAY_LEN(team)) != 1);
	stop = true;
	for (unsigned n = 0; n < HX_ARRAY_LEN(team); n++)
		hx_expect(t, hx_thread_join(team[n].thread, HX_FOREVER, NULL) == 0);
}

HX_KTEST(dis_nodes_answer)
{
	struct hx_name_stat st;
	int err;

	if (dis_queues() == NULL) {
		ask("/sched/policy", "clear", &err);
		hx_expect(t, err == -HX_ENODEV || err == -HX_ENOENT);
		ask("/sched/threads/1/dis", NULL, &err);
		hx_expect(t, err == 0 || err == -HX_ENOENT);
		return;
	}
	if (hx_names_stat("/sched/policy", &st) != 0) {
		hx_ktest_skip(t, "built without nodes of state");
		return;
	}
	hx_expect(t, has(ask("/sched/policy", NULL, &err), "rule starvation_prevention "));
	hx_expect(t, err == 0);
	ask("/sched/policy", "rule ktest when load > 200 do preempt", &err);
	hx_expect(t, err == -HX_EINVAL);
	ask("/sched/policy", "rule ktest when load > 99 do adjust +1", &err);
	hx_expect(t, err == 0);
	hx_expect(t, has(ask("/sched/policy", NULL, &err), "rule ktest prio 0 scope global"));
	ask("/sched/policy", "drop ktest", &err);
	hx_expect(t, err == 0);
	hx_expect(t, has(ask("/sched/templates", NULL, &err), "template=audio class=realtime"));
	hx_expect(t, has(ask("/sched/threads/1/dis", NULL, &err), "decision class=server"));
	hx_expect(t, err == 0);
	/* The idle thread: nobody schedules it. */
	hx_expect(t, has(ask("/sched/threads/2/dis", NULL, &err), "decision queue=none"));
	hx_expect(t, err == 0);
	ask("/sched/policy_events", NULL, &err);
	hx_expect(t, err == 0);
}
