// SPDX-License-Identifier: MIT
/*
 * Schedulers that are modules and break, in the booted kernel: test/kernel/broken_sched faults,
 * loops or gives what is no thread while it has all threads, and is thrown out without one being
 * lost.
 */
#include <hx/config/core_slot.h>
#include <hx/config/core_thread.h>
#include <hx/config/hal_common.h>
#include <hx/core/ktest.h>
#include <hx/core/printf.h>
#include <hx/core/sched_class.h>
#include <hx/core/slot.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/core/swap.h>
#include <hx/hal/cpu.h>
#include <hx/hal/percpu.h>
#include <hx/hal/timer.h>

#include "modules_priv.h"

#define BROKEN	"/boot/modules/test_kernel_broken_sched.hko"

static struct hko_why why;

/* ---- providers */

static const char *failed_name;
static bool failed_owned;
static const void *failed_ops;

static void failed(const struct hx_border_owner *o)
{
	failed_name = o->name;
	failed_owned = hx_border_owns(o, failed_ops);
}

HX_KTEST(borders_a_scheduler_that_breaks_answers_nothing)
{
	static struct hx_runq rq;
	const struct hx_sched_ops *ops;
	struct module *m = modules_load(t, BROKEN);
	hx_irqflags_t flags;

	hx_require(t, m != NULL);
	ops = (const void *)m->entries[0].ops;
	failed_name = NULL;
	failed_ops = ops;
	hx_border_set_failed(failed);
	memset(&rq, 0, sizeof(rq));
	hx_spin_init(&rq.lock, "runq", HX_RANK_RUNQ);
	hx_expect(t, ops->init(&rq) == 0);
	flags = hx_spin_lock_irqsave(&rq.lock);
	hx_expect(t, ops->pick(&rq) == NULL);
	/* The caller's lock and interrupts are as it had them. */
	hx_expect(t, hx_spin_is_held(&rq.lock) && hx_percpu()->irq_depth == 0);
	hx_expect(t, failed_name == m->name && failed_owned);
	hx_expect(t, ops->pick(&rq) == NULL && m->owner.n_caught == 1);
	hx_spin_unlock_irqrestore(&rq.lock, flags);
	hx_expect(t, ops->init(&rq) == -HX_EIO);
	hx_border_set_failed(NULL);
	hx_expect(t, module_state_now(m) == MODULE_ERROR);
	hx_expect(t, module_unload(m->name, &why) == 0);
}

/* ---- a scheduler that breaks while it has all threads */

#define N_WORKERS	6u

static volatile bool must_end;
static volatile uint64_t n_turns[N_WORKERS];

static int worker(void *arg)
{
	volatile uint64_t *n = arg;

	while (!must_end) {
		/* Long enough for ticks to come to it. */
		for (hx_ns_t until = hx_now_ns() + HX_NS_PER_MS / 2; hx_now_ns() < until;)
			hx_cpu_relax();
		(*n)++;
		if (*n % 3 == 0)
			hx_sleep_ns(HX_NS_PER_MS);
		else
			hx_yield();
	}
	return 0;
}

static bool all_get_on(void)
{
	uint64_t before[N_WORKERS];
	bool all = false;

	for (unsigned i = 0; i < N_WORKERS; i++)
		before[i] = n_turns[i];
	for (unsigned k = 0; k < 5000 && !all; k++) {
		hx_sleep_ns(2 * HX_NS_PER_MS);
		all = true;
		for (unsigned i = 0; i < N_WORKERS; i++)
			all = all && n_turns[i] > before[i] + 5;
	}
	return all;
}

static void current_scheduler(char *name, size_t size)
{
	const struct hx_kind *const *it;

	HX_SECTION_FOREACH(it, hx_kinds) {
		if (hx_strcmp((*it)->slot, "scheduler") == 0)
			hx_strlcpy(name, ((const struct hx_provider *)*(*it)->current)->name, size);
	}
}

/* A busy host may not let a CPU answer in time: that is no failure of ours. */
static int swap_in(const char *name)
{
	int err;

	do
		err = hx_swap("scheduler", name, NULL);
	while (err == -HX_ETIMEDOUT);
	return err;
}

/* Swapped in, it breaks in this operation: thrown out, no thread lost, and it can be unloaded. */
static void break_in(struct hx_ktest_run *t, const char *how)
{
	char first[HX_SLOT_NAME_MAX], now[HX_SLOT_NAME_MAX], text[32];
	struct module *m = modules_load(t, BROKEN);
	struct hx_text_buf ack;
	int err;

	hx_require(t, m != NULL);
	current_scheduler(first, sizeof(first));
	hx_text_buf_init(&ack, text, sizeof(text));
	hx_expect(t, hx_names_take("/test/broken", how, &ack.text) == 0);
	err = swap_in("broken");
	for (unsigned i = 0; i < 5000 && module_state_now(m) != MODULE_ERROR; i++)
		hx_sleep_ns(HX_NS_PER_MS);
	if (module_state_now(m) != MODULE_ERROR || !all_get_on())
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, how);
	current_scheduler(now, sizeof(now));
	if ((err != 0 && hx_strncmp(how, "load", 4) != 0) || hx_strcmp(first, now) != 0) {
		hx_snprintf(why.text, sizeof(why.text), "%s: %d, %s to %s", how, err, first, now);
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, why.text);
	}
	hx_expect(t, module_unload(m->name, &why) == 0);
}

/* It gives what is no thread: thrown out as well, though nothing faulted in it. */
static void answers(struct hx_ktest_run *t, const char *how)
{
	char first[HX_SLOT_NAME_MAX], now[HX_SLOT_NAME_MAX], text[32];
	struct module *m = modules_load(t, BROKEN);
	struct hx_text_buf ack;

	hx_require(t, m != NULL);
	current_scheduler(first, sizeof(first));
	hx_text_buf_init(&ack, text, sizeof(text));
	hx_expect(t, hx_names_take("/test/broken", how, &ack.text) == 0);
	hx_expect(t, swap_in("broken") == 0);
	for (unsigned i = 0; i < 3000; i++) {
		current_scheduler(now, sizeof(now));
		if (hx_strcmp(first, now) == 0)
			break;
		hx_sleep_ns(10 * HX_NS_PER_MS);
	}
	if (hx_strcmp(first, now) != 0 || !all_get_on())
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, how);
	hx_expect(t, m->owner.n_caught == 0 && module_unload(m->name, &why) == 0);
}

static struct hx_thread *workers[N_WORKERS];

/* And a busy host has time enough to run all CPUs before probation ends. */
static void workers_start(struct hx_ktest_run *t)
{
	struct hx_thread_params p = { .name = "worker", .fn = worker, .prio = HX_PRIO_DEFAULT };
	char text[32];
	struct hx_text_buf ack;

	hx_text_buf_init(&ack, text, sizeof(text));
	hx_expect(t, hx_names_take("/slots/scheduler/ctl", "probation 60000", &ack.text) == 0);
	must_end = false;
	for (unsigned i = 0; i < N_WORKERS; i++) {
		p.arg = (void *)&n_turns[i];
		hx_require(t, hx_thread_create(&p, &workers[i]) == 0);
	}
}

static void workers_end(struct hx_ktest_run *t)
{
	char line[32], text[32];
	struct hx_text_buf ack;

	must_end = true;
	for (unsigned i = 0; i < N_WORKERS; i++)
		hx_expect(t, hx_thread_join(workers[i], 60 * HX_NS_PER_S, NULL) == 0);
	hx_snprintf(line, sizeof(line), "probation %u", (unsigned)CONFIG_SLOT_PROBATION_MS);
	hx_text_buf_init(&ack, text, sizeof(text));
	hx_expect(t, hx_names_take("/slots/scheduler/ctl", line, &ack.text) == 0);
}

static void in_each_way(struct hx_ktest_run *t,
			void (*one)(struct hx_ktest_run *t, const char *how),
			const char *const ways[], unsigned n_ways)
{
	if (!HX_ENABLED(SLOT_SWAP)) {
		hx_ktest_skip(t, "nothing is swapped in this kernel");
		return;
	}
	workers_start(t);
	for (unsigned i = 0; i < n_ways; i++)
		one(t, ways[i]);
	workers_end(t);
}

HX_KTEST(borders_a_scheduler_that_breaks_is_thrown_out)
{
	static const char *const ways[] = { "pick 0", "pick 100", "enqueue 40", "tick 3",
					    "load 2" };

	in_each_way(t, break_in, ways, HX_ARRAY_LEN(ways));
}

HX_KTEST(borders_a_scheduler_that_gives_no_thread_is_thrown_out)
{
	static const char *const ways[] = { "wild 0", "wild 100", "copy 20", "idle 30" };

	in_each_way(t, answers, ways, HX_ARRAY_LEN(ways));
}

/* With the run queue locked and interrupts off: another CPU sees it, in its tick or as it waits for
 * that lock, and an NMI gets it out. */
HX_KTEST(borders_a_scheduler_that_loops_is_thrown_out)
{
	static const char *const ways[] = { "loop-pick 50", "loop-tick 3" };

	if (hx_cpu_count() == 1 || !HX_ENABLED(CPU_STATES))
		hx_ktest_skip(t, "nobody who could see it, or no NMI");
	else
		in_each_way(t, break_in, ways, HX_ARRAY_LEN(ways));
}
