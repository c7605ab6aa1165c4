// SPDX-License-Identifier: MIT
/* What a capability costs. */
#include <hx/core/bench.h>
#include <hx/hal/timer.h>

#include "caps_priv.h"

#define RIGHTS	(HX_CAP_READ | HX_CAP_WRITE | HX_CAP_DELEGATE)

static struct hx_cap_object object;
static struct hx_cap_table table;

static int enter(hx_ns_t expires_ns, hx_cap_t *cap)
{
	int err = 0;

	hx_cap_object_init(&object, HX_CAP_CUSTOM, NULL);
	hx_cap_table_init(&table, NULL, HX_CAP_TABLE_MAX, 0);
	/* Not alone in its table. */
	for (unsigned i = 0; err == 0 && i < 100; i++)
		err = hx_cap_create(&table, &object, RIGHTS, expires_ns, cap);
	return err;
}

static void leave(void)
{
	hx_cap_table_fini(&table);
	hx_cap_object_end(&object);
}

static int checks(struct hx_bench_run *b, hx_ns_t expires_ns)
{
	struct hx_cap_table *t = &table;
	struct hx_cap_object *o;
	hx_cap_t cap;
	int err = enter(expires_ns, &cap);

	hx_read_begin();
	while (err == 0 && hx_bench_more(b)) {
		/* As a caller has them: in registers. */
		__asm__ volatile("" : "+r"(t), "+r"(cap));
		hx_bench_begin(b);
		err = hx_cap_check(t, cap, HX_CAP_CUSTOM, HX_CAP_READ | HX_CAP_WRITE, &o);
		__asm__ volatile("" : : "r"(o), "r"(err));
		hx_bench_end(b);
	}
	hx_read_end();
	leave();
	return err;
}

HX_BENCH(cap_check, "cap.check", "hx_cap_check() of two rights, in a reader's section")
{
	return checks(b, HX_FOREVER);
}

HX_BENCH(cap_check_timed, "cap.check.timed", "the same of a capability that expires in an hour")
{
	return checks(b, hx_now_ns() + 3600 * HX_NS_PER_S);
}

HX_BENCH(cap_get_put, "cap.get_put", "hx_cap_get() and hx_cap_object_put()")
{
	struct hx_cap_object *o;
	hx_cap_t cap;
	int err = enter(HX_FOREVER, &cap);

	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_cap_get(&table, cap, HX_CAP_CUSTOM, HX_CAP_READ, &o);
		if (err == 0)
			hx_cap_object_put(o);
		hx_bench_end(b);
	}
	leave();
	return err;
}

HX_BENCH(cap_derive_drop, "cap.derive_drop",
	 "hx_cap_derive() into the same table and hx_cap_drop(); with CAPS_AUDIT, the record of it")
{
	hx_cap_t cap, child;
	int err = enter(HX_FOREVER, &cap);

	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_cap_derive(&table, cap, &table, HX_CAP_READ, HX_FOREVER, &child);
		if (err == 0)
			err = hx_cap_drop(&table, child);
		hx_bench_end(b);
	}
	leave();
	return err;
}

/* One step of a revocation, per capability. */
HX_BENCH(cap_revoke, "cap.revoke", "a step of a revocation of 64 capabilities, by 64")
{
	struct hx_cap_revocation r;
	hx_cap_t cap, child;
	int err = enter(HX_FOREVER, &cap);

	while (err == 0 && hx_bench_more(b)) {
		for (unsigned i = 0; err == 0 && i < 65; i++)
			err = hx_cap_derive(&table, cap, &table, HX_CAP_READ, HX_FOREVER, &child);
		if (err == 0)
			err = hx_cap_recall_start(&table, cap, &r);
		if (err != 0)
			break;
		r.n_step = 64;
		hx_bench_begin(b);
		hx_cap_revoke_step(&r);
		hx_bench_end(b);
		b->samples[b->n - 1] /= 64;
		while (hx_cap_revoke_step(&r))
			;
	}
	leave();
	return err;
}
