// SPDX-License-Identifier: MIT
/*
 * Faults of modules in the booted kernel: test/kernel/breaker breaks in every way it knows, and the
 * kernel, its locks and its counts are as before.
 */
#include <hx/config/core_thread.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/ktest.h>
#include <hx/core/log.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/hal/cpu.h>
#include <hx/hal/percpu.h>
#include <hx/hal/timer.h>
#include <hx/vm/kva.h>

#include "modules_priv.h"

/* A signature takes 20 million instructions, and a fault is loaded for each time. */
#define ROUNDS	(HX_ENABLED(MODULES_SIGNATURES) ? 3u : HX_ENABLED(DEBUG_ASSERT) ? 100u : 300u)

static struct hko_why why;

/* What a fault must leave as it found it. */
struct counts {
	uint64_t heap, area, area_heap;
	unsigned modules, threads;
	uint32_t preempt_off, irq_depth;
	uint64_t irq;			/* are they enabled */
	struct hx_border *border;
};

static struct counts count(void)
{
	struct hx_heap_stats stats;
	struct counts c;

	hx_heap_stats(&stats);
	memset(&c, 0, sizeof(c));
	c.heap = stats.used_bytes;
	c.area = hx_kva_bytes(HX_AREA_MODULES);
	c.area_heap = hx_kva_bytes(HX_AREA_HEAP);
	c.modules = modules_count();
	c.threads = hx_thread_count();
	c.preempt_off = hx_percpu()->preempt_off;
	c.irq_depth = hx_percpu()->irq_depth;
	c.irq = hx_irq_are_enabled();
	c.border = hx_thread_self()->border;
	return c;
}

static bool is_bump(struct hx_ktest_run *t)
{
	modules_quiet();
	if (hx_strcmp(hx_heap_provider(), "bump") != 0)
		return false;
	hx_ktest_skip(t, "this heap gives nothing back");
	return true;
}

/* All is as it was; others may be in the middle of something for a moment. */
static bool is_as(const struct counts *before)
{
	struct counts now = count();

	for (unsigned i = 0; i < 100 && memcmp(before, &now, sizeof(now)) != 0; i++) {
		hx_sleep_ns(10 * HX_NS_PER_MS);
		now = count();
	}
	if (memcmp(before, &now, sizeof(now)) == 0 || hx_strcmp(hx_heap_provider(), "bump") == 0)
		return true;
	hx_warn("test", "heap %llu, %llu; areas %llu, %llu; %u modules, %u; %u threads, %u",
		(unsigned long long)before->heap, (unsigned long long)now.heap,
		(unsigned long long)(before->area + before->area_heap),
		(unsigned long long)(now.area + now.area_heap), before->modules, now.modules,
		before->threads, now.threads);
	return false;
}

HX_KTEST(borders_breaking_ends_the_call_and_not_the_kernel)
{
	static const char *const words[] = {
		"wild", "bad", "null", "zero", "opcode", "garbage", "stack", "text", "leaf", "list",
		"bug", "spin", "spin-irq", "rw", "rw-write",
	};
	struct counts before;
	char text[192];

	if (is_bump(t))
		return;
	for (unsigned i = 0; i < HX_ARRAY_LEN(words); i++) {
		struct hx_text_buf out;
		struct module *m;

		before = count();
		m = modules_load(t, BREAKER_PATH);
		hx_require(t, m != NULL);
		hx_expect(t, breaker_ask("not") == 0 && breaker_ask("what") == -HX_EINVAL);
		hx_expect(t, breaker_ask(words[i]) == -HX_EFAULT);
		hx_expect(t, hx_thread_self()->border == NULL && hx_percpu()->preempt_off == 0);
		hx_expect(t, module_state_now(m) == MODULE_ERROR && m->owner.n_caught == 1);
		hx_expect(t, m->owner.thread == hx_thread_self()->id && m->owner.what[0] != '\0');
		/* Nobody gets in any more. */
		hx_expect(t, breaker_ask("not") == -HX_EIO);
		hx_text_buf_init(&out, text, sizeof(text));
		hx_expect(t, hx_names_show("/test/break", &out.text) == -HX_EIO);
		hx_text_buf_init(&out, text, sizeof(text));
		hx_expect(t, hx_names_show("/modules/" BREAKER "/state", &out.text) == 0);
		hx_expect(t, hx_glob("state=error users=0 detail=fault name=" BREAKER " what=*",
				     text));
		hx_expect(t, module_pause(BREAKER, true, &why) == -HX_EBUSY);
		hx_expect(t, module_unload(BREAKER, &why) == 0);
		if (!is_as(&before))
			hx_ktest_fail(t, __FILE_NAME__, __LINE__, words[i]);
	}
}

/* ---- functions that the kernel was given */

HX_KTEST(borders_functions_given_away_break_behind_gates)
{
	struct counts before;
	struct module *m;

	modules_quiet();
	before = count();
	m = modules_load(t, BREAKER_PATH);
	hx_require(t, m != NULL);
	/* In an interrupt, whichever thread it comes to. */
	hx_expect(t, breaker_ask("timer") == 0);
	for (unsigned i = 0; i < 100 && !hx_border_has_failed(&m->owner); i++)
		hx_sleep_ns(10 * HX_NS_PER_MS);
	hx_expect(t, m->owner.n_caught == 1 && module_state_now(m) == MODULE_ERROR);
	hx_expect(t, hx_percpu()->irq_depth == 0 && breaker_ask("not") == -HX_EIO);
	hx_expect(t, module_unload(BREAKER, &why) == 0);
	/* In a thread of its own, which ends. */
	m = modules_load(t, BREAKER_PATH);
	hx_require(t, m != NULL);
	hx_expect(t, breaker_ask("thread") == -HX_EFAULT && m->owner.n_caught == 1);
	hx_expect(t, breaker_ask("not") == -HX_EIO && module_unload(BREAKER, &why) == 0);
	hx_expect(t, is_as(&before));
}

/* ---- others at the lock of who faults */

static int asker(void *arg)
{
	return breaker_ask(arg);
}

static void two_ask(struct hx_ktest_run *t, const char *word)
{
	const struct hx_thread_params p = { .name = "asker", .fn = asker, .arg = (void *)word,
					    .prio = HX_PRIO_DEFAULT };
	struct hx_thread *threads[2];
	int result[2];
	struct module *m = modules_load(t, BREAKER_PATH);

	hx_require(t, m != NULL);
	for (unsigned i = 0; i < 2; i++)
		hx_require(t, hx_thread_create(&p, &threads[i]) == 0);
	for (unsigned i = 0; i < 2; i++)
		hx_expect(t, hx_thread_join(threads[i], 10 * HX_NS_PER_S, &result[i]) == 0);
	/* Who came first broke; the other one got the lock, and through. */
	hx_expect(t, (result[0] == -HX_EFAULT && result[1] == 0) ||
		     (result[1] == -HX_EFAULT && result[0] == 0));
	hx_expect(t, m->owner.n_caught == 1 && breaker_ask("not") == -HX_EIO);
	hx_expect(t, module_unload(BREAKER, &why) == 0);
}

HX_KTEST(borders_locks_of_who_faults_go_to_who_waits)
{
	struct counts before;

	modules_quiet();
	before = count();
	two_ask(t, "mutex");
	if (hx_cpu_count() > 1)
		two_ask(t, "spin-shared");
	hx_expect(t, is_as(&before));
}

/* ---- init */

static void refused(struct hx_ktest_run *t, const char *word, int err, const char *words)
{
	struct module *m = NULL;
	struct counts before;

	breaker_init_word = word;
	before = count();
	hx_expect(t, (err == -HX_ETIMEDOUT ? module_load(BREAKER_PATH, &why, &m)
					   : breaker_load(&why, &m)) == err);
	if (!hx_glob(words, why.text))
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, why.text);
	if (!is_as(&before))
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, word);
}

HX_KTEST(borders_an_init_that_breaks_or_loops_is_refused)
{
	struct module *m;

	hx_require(t, hx_names_register(&breaker_init_node) == 0);
	modules_quiet();
	refused(t, "wild", -HX_EFAULT, "detail=fault name=" BREAKER " what=*");
	refused(t, "stack", -HX_EFAULT, "detail=fault name=" BREAKER " what=*");
	refused(t, "spin-irq", -HX_EFAULT, "detail=fault name=" BREAKER " what=*");
	refused(t, "what", -HX_EINVAL, "detail=init name=" BREAKER " error=EINVAL");
	/* Where nobody can take the CPU from it, nobody sees that it is late. */
	if (HX_ENABLED(PREEMPT_FULL) || hx_cpu_count() > 1)
		refused(t, "loop", -HX_ETIMEDOUT, "detail=init-timeout name=" BREAKER " ms=200");
	/* One that waits in the kernel stays until it comes back, and cannot do any harm then. */
	breaker_init_word = "sleep";
	hx_expect(t, module_load(BREAKER_PATH, &why, &m) == -HX_ETIMEDOUT);
	m = module_find(BREAKER);
	hx_require(t, m != NULL && module_state_now(m) == MODULE_ERROR);
	hx_expect(t, module_unload(BREAKER, &why) == -HX_EBUSY);
	hx_sleep_ns(HX_NS_PER_S);
	hx_expect(t, m->owner.n_caught == 1 && module_unload(BREAKER, &why) == 0);
	hx_names_unregister(&breaker_init_node);
}

HX_KTEST(borders_break_often_and_nothing_is_lost)
{
	static const char *const words[] = { "wild", "null", "zero", "spin", "leaf", "stack" };
	uint64_t heap = 0, frames = 0, tables;
	uintptr_t first = 0, last = 0;
	struct hx_heap_stats stats;

	if (is_bump(t))
		return;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct module *m = modules_load(t, BREAKER_PATH);

		hx_require(t, m != NULL);
		last = m->base;
		hx_require(t, breaker_ask(words[i % HX_ARRAY_LEN(words)]) == -HX_EFAULT);
		hx_require(t, module_unload(BREAKER, &why) == 0);
		if (i == 1) {
			hx_heap_stats(&stats);
			heap = stats.used_bytes;
			frames = hx_frames_n_free();
			first = last;
		}
	}
	hx_expect(t, hx_ktest_heap_settles(heap) && hx_kva_bytes(HX_AREA_MODULES) == 0);
	hx_expect(t, hx_percpu()->preempt_off == 0 && modules_count() == 0);
	/* Tables of page tables stay, as in modules_come_and_go_and_leave_nothing. */
	tables = (last - first) / (2 * HX_MIB) + 2;
	hx_expect(t, hx_frames_n_free() + 3 * tables >= frames);
}
