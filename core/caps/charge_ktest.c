// SPDX-License-Identifier: MIT
/* In the booted kernel: threads fill and empty charged tables at a common limit; in the end the
 * books balance. */
#include <hx/config/core_lib.h>
#include <hx/core/caps_charge.h>
#include <hx/core/ktest.h>
#include <hx/core/thread.h>

#include "caps_priv.h"

#define TEAM	4u
#define HARD	18u		/* of all together; one fills ten while the rest keep three */
#define LOOPS	(HX_ENABLED(DEBUG_LOCKS) || HX_ENABLED(DEBUG_ASSERT) ? 3000u : 20000u)

static struct hx_res_holder top, holders[TEAM];
static struct hx_cap_table tables[TEAM];
static struct hx_cap_charge charges[TEAM];
static struct hx_cap_object object;
static uint32_t n_full, n_beyond;

static int work(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg, n = 0;
	hx_cap_t caps[10];

	for (unsigned i = 0; i < LOOPS; i++) {
		int err = n == HX_ARRAY_LEN(caps) ? -HX_ENFILE
			  : hx_cap_create(&tables[me], &object, HX_CAP_READ, HX_FOREVER, &caps[n]);

		if (top.accounts[HX_RES_HANDLES].charged > HARD)
			__atomic_fetch_add(&n_beyond, 1, __ATOMIC_RELAXED);
		if (err == 0) {
			n++;
			continue;
		}
		__atomic_fetch_add(&n_full, n < HX_ARRAY_LEN(caps), __ATOMIC_RELAXED);
		while (n > 3)
			(void)!hx_cap_drop(&tables[me], caps[--n]);
		hx_yield();
	}
	return 0;
}

HX_KTEST(caps_handles_are_charged)
{
	struct hx_thread *team[TEAM];

	n_full = n_beyond = 0;
	hx_cap_object_init(&object, HX_CAP_CUSTOM, NULL);
	hx_require(t, hx_res_holder_init(&top, "all-tables", NULL) == 0);
	hx_require(t, hx_res_limit(&top, HX_RES_HANDLES, HX_RES_NONE, HARD) == 0);
	for (unsigned i = 0; i < TEAM; i++) {
		const struct hx_thread_params p = {
			.name = "caps", .fn = work, .arg = (void *)(uintptr_t)i,
			.prio = hx_thread_self()->prio,
		};

		hx_cap_table_init(&tables[i], NULL, 100, 0);
		hx_require(t, hx_res_holder_init(&holders[i], "table", &top) == 0);
		hx_require(t, hx_cap_table_charge(&tables[i], &charges[i], &holders[i]) == 0);
		hx_require(t, hx_thread_create(&p, &team[i]) == 0);
	}
	for (unsigned i = 0; i < TEAM; i++)
		hx_expect(t, hx_thread_join(team[i], HX_FOREVER, NULL) == 0);
	hx_expect(t, hx_res_check() == 0);
	for (unsigned i = 0; i < TEAM; i++)
		hx_expect(t, hx_res_holder_end(&holders[i]) == 0);
	hx_expect(t, top.accounts[HX_RES_HANDLES].charged == 0);
	hx_expect(t, hx_res_holder_end(&top) == 0);
	hx_expect(t, n_beyond == 0 && n_full > 10);
	hx_expect(t, object.n_refs == 1 && object.roots == NULL);
}
