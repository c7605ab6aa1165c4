/* SPDX-License-Identifier: MIT */
/*
 * Memory of modules in the booted kernel: test/kernel/breaker takes all that it gets, in its init
 * and later, and all of it goes back.
 */
#include <hx/config/core_ipc.h>
#include <hx/core/event.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/ktest.h>
#include <hx/core/string.h>
#include <hx/hal/timer.h>
#include <hx/vm/kva.h>

#include "modules_priv.h"

#define LIMIT	((uint64_t)CONFIG_MODULES_QUOTA_KIB * HX_KIB)

static struct hko_why why;
struct counts {
	uint64_t heap, area, n_leaked;
	unsigned modules, holders, wrong;
};

static struct counts count(void)
{
	struct hx_heap_stats stats;
	struct counts c;

	hx_heap_stats(&stats);
	memset(&c, 0, sizeof(c));
	c.heap = stats.used_bytes;
	c.area = hx_kva_bytes(HX_AREA_MODULES);
	c.n_leaked = hx_res_n_leaked();
	c.modules = modules_count();
	c.holders = hx_res_n_holders();
	c.wrong = hx_res_check();
	return c;
}

/* Others may be in the middle of something for a moment. */
static bool is_as(const struct counts *before)
{
	struct counts now = count();

	for (unsigned i = 0; i < 100 && memcmp(before, &now, sizeof(now)) != 0; i++) {
		hx_sleep_ns(10 * HX_NS_PER_MS);
		now = count();
	}
	return memcmp(before, &now, sizeof(now)) == 0 ||
	       hx_strcmp(hx_heap_provider(), "bump") == 0;
}

static const struct hx_res_account *account(const struct module *m)
{
	return &m->holder->accounts[HX_RES_MEMORY];
}

HX_KTEST(modules_memory_is_charged_to_who_takes_it)
{
	struct counts before;
	struct module *m;
	uint64_t image;

	if (!HX_ENABLED(BORDERS)) {
		hx_ktest_skip(t, "the module of this test needs borders");
		return;
	}
	modules_quiet();
	before = count();
	hx_require(t, breaker_load(&why, &m) == 0);
	image = account(m)->charged;
	hx_expect(t, image == m->total_bytes + m->gates_bytes && image == m->image_bytes);
	hx_expect(t, account(m)->hard == LIMIT && hx_res_n_holders() == before.holders + 1);
	hx_expect(t, breaker_ask("borrow") == 0 && account(m)->charged == image);
	hx_expect(t, account(m)->peak >= image + 5000 + 4096 && hx_res_check() == 0);
	hx_expect(t, breaker_ask("hoard") == -HX_ENOMEM);
	hx_expect(t, account(m)->charged <= LIMIT && account(m)->charged > LIMIT - 65536);
	hx_expect(t, account(m)->n_refused > 0 && account(m)->n_over == 1);
	/* At its limit the kernel has memory, and so have others. */
	hx_free(hx_alloc(100000));
	hx_expect(t, breaker_ask("not") == 0 && hx_res_check() == 0);
	hx_expect(t, module_unload(BREAKER, &why) == 0 && is_as(&before));
}

HX_KTEST(modules_beyond_their_quota_are_refused_and_leave_nothing)
{
	struct counts before;
	struct module *m = NULL;

	if (!HX_ENABLED(BORDERS)) {
		hx_ktest_skip(t, "the module of this test needs borders");
		return;
	}
	hx_require(t, hx_names_register(&breaker_init_node) == 0);
	modules_quiet();
	for (unsigned i = 0; i < 3; i++) {
		before = count();
		breaker_init_word = "hoard";
		hx_expect(t, breaker_load(&why, &m) == -HX_ENOSPC);
		if (!hx_glob("detail=quota-memory name=" BREAKER " charged=* more=* max=*",
			     why.text))
			hx_ktest_fail(t, __FILE_NAME__, __LINE__, why.text);
		hx_expect(t, is_as(&before));
		breaker_init_word = "hoard-wild";
		hx_expect(t, breaker_load(&why, &m) == -HX_EFAULT);
		hx_expect(t, is_as(&before));
		/* A failed one keeps what it has until it is taken out. */
		breaker_init_word = "not";
		hx_require(t, breaker_load(&why, &m) == 0);
		hx_expect(t, breaker_ask("hoard-wild") == -HX_EFAULT);
		hx_expect(t, module_state_now(m) == MODULE_ERROR);
		hx_expect(t, account(m)->charged > LIMIT / 2);
		hx_expect(t, module_unload(BREAKER, &why) == 0 && is_as(&before));
	}
	hx_names_unregister(&breaker_init_node);
}

HX_KTEST(modules_over_their_soft_limit_are_told_of)
{
	struct hx_event_sub *sub;
	struct hx_res_event said;
	struct hx_topic *topic;
	struct hx_event e;
	struct module *m;

	if (!HX_ENABLED(BORDERS) || !HX_ENABLED(IPC_EVENTS)) {
		hx_ktest_skip(t, "no event bus, or no borders");
		return;
	}
	hx_require(t, hx_topic_open(HX_RES_TOPIC, &topic) == 0);
	hx_require(t, hx_event_subscribe(topic, NULL, &sub) == 0);
	hx_require(t, breaker_load(&why, &m) == 0);
	hx_expect(t, breaker_ask("hoard") == -HX_ENOMEM);
	hx_require(t, hx_event_next(sub, &e, 10 * HX_NS_PER_S) == 0);
	memcpy(&said, e.bytes, sizeof(said));
	hx_expect(t, e.tag == HX_RES_MEMORY && hx_strcmp(said.holder, BREAKER) == 0);
	hx_expect(t, said.soft == LIMIT - LIMIT / 4 && said.charged > said.soft);
	hx_expect(t, hx_event_next(sub, &e, 0) == -HX_EAGAIN);
	hx_expect(t, module_unload(BREAKER, &why) == 0);
	hx_event_unsubscribe(sub);
	hx_topic_close(topic);
}
