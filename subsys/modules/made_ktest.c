// SPDX-License-Identifier: MIT
/*
 * Nodes that a module registers while it runs, in the booted kernel: what breaks in one ends at the
 * border, and who loops in one keeps nobody from unloading the module.
 */
#include <hx/config/core_thread.h>
#include <hx/core/ktest.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/hal/timer.h>
#include <hx/vm/kva.h>

#include "modules_priv.h"

#define SETTLE_NS	(50 * HX_NS_PER_MS)
#define LATE_NS		(30 * HX_NS_PER_S)

static struct hko_why why;

/* To the node that the breaker made. */
static int made_ask(const char *word)
{
	char text[32];
	struct hx_text_buf ack;

	hx_text_buf_init(&ack, text, sizeof(text));
	return hx_names_take("/test/left", word, &ack.text);
}

static int made_show(void)
{
	char text[32];
	struct hx_text_buf out;

	hx_text_buf_init(&out, text, sizeof(text));
	return hx_names_show("/test/left", &out.text);
}

static bool is_gone(void)
{
	return made_show() == -HX_ENOENT && modules_count() == 0 &&
	       hx_kva_bytes(HX_AREA_MODULES) == 0;
}

HX_KTEST(borders_a_node_that_a_module_made_breaks_behind_a_gate)
{
	static const char *const words[] = { "wild", "null", "stack", "spin-irq", "bug" };

	modules_quiet();
	for (unsigned i = 0; i < HX_ARRAY_LEN(words); i++) {
		struct module *m = modules_load(t, BREAKER_PATH);

		hx_require(t, m != NULL);
		hx_require(t, breaker_ask("left-node") == 0);
		hx_expect(t, made_show() == 0 && made_ask("not") == 0);
		hx_expect(t, made_ask("what") == -HX_EINVAL);
		hx_expect(t, made_ask(words[i]) == -HX_EFAULT && m->owner.n_caught == 1);
		hx_expect(t, hx_thread_self()->border == NULL && hx_percpu()->preempt_off == 0);
		/* Nobody gets in any more, by whichever node. */
		hx_expect(t, made_ask("not") == -HX_EIO && made_show() == -HX_EIO);
		hx_expect(t, breaker_ask("not") == -HX_EIO);
		hx_expect(t, module_unload(BREAKER, &why) == 0 && is_gone());
	}
}

HX_KTEST(borders_a_module_takes_a_node_back_that_it_made)
{
	modules_quiet();
	hx_require(t, modules_load(t, BREAKER_PATH) != NULL);
	for (unsigned i = 0; i < 3; i++) {
		hx_expect(t, breaker_ask("left-node") == 0);
		hx_expect(t, breaker_ask("left-node") == -HX_EEXIST && made_show() == 0);
		hx_expect(t, breaker_ask("node-goes") == 0 && made_show() == -HX_ENOENT);
	}
	hx_expect(t, module_unload(BREAKER, &why) == 0 && is_gone());
}

/* ---- who loops there */

static int asks_made(void *arg)
{
	return made_ask("loop");
}

static int asks_static(void *arg)
{
	return breaker_ask("loop");
}

static int unloads(void *arg)
{
	return module_unload(BREAKER, &why);
}

/* A thread that loops in a node of the breaker's. */
static struct hx_thread *loops(struct hx_ktest_run *t, int (*asks)(void *arg))
{
	const struct hx_thread_params p = { .name = "asker", .fn = asks,
					    .prio = HX_PRIO_DEFAULT };
	const hx_ns_t until = hx_now_ns() + LATE_NS;
	struct hx_thread *asker;

	if (hx_thread_create(&p, &asker) != 0)
		return NULL;
	while (__atomic_load_n(&asker->border, __ATOMIC_RELAXED) == NULL && hx_now_ns() < until)
		hx_sleep_ns(HX_NS_PER_MS);
	hx_expect(t, asker->border != NULL);
	return asker;
}

/* It fails, as by the healer's timer, before it is unloaded, or while that is waited for. */
static void loops_and_goes(struct hx_ktest_run *t, int (*asks)(void *arg), bool fails_before)
{
	const struct hx_thread_params p = { .name = "unloader", .fn = unloads,
					    .prio = HX_PRIO_DEFAULT };
	struct hx_thread *asker, *unloader;
	struct module *m = modules_load(t, BREAKER_PATH);
	int result;

	hx_require(t, m != NULL);
	hx_require(t, breaker_ask("left-node") == 0);
	asker = loops(t, asks);
	hx_require(t, asker != NULL);
	if (fails_before)
		hx_border_fail(&m->owner, "a test");
	hx_require(t, hx_thread_create(&p, &unloader) == 0);
	hx_sleep_ns(SETTLE_NS);
	if (!fails_before)
		hx_border_fail(&m->owner, "a test");
	hx_require(t, hx_thread_join(unloader, LATE_NS, &result) == 0);
	hx_expect(t, result == 0);
	hx_require(t, hx_thread_join(asker, LATE_NS, &result) == 0);
	hx_expect(t, result == -HX_EFAULT);
	hx_expect(t, is_gone());
}

HX_KTEST(borders_who_loops_in_a_node_does_not_keep_its_module)
{
	if (!HX_ENABLED(PREEMPT_FULL) && hx_cpu_count() == 1) {
		hx_ktest_skip(t, "nobody takes the CPU away from a thread in this kernel");
		return;
	}
	modules_quiet();
	for (unsigned i = 0; i < 4; i++)
		loops_and_goes(t, i < 2 ? asks_static : asks_made, i % 2 == 0);
}
