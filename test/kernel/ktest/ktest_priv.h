/* SPDX-License-Identifier: MIT */
/* The runner's parts as they see each other. */
#ifndef KTEST_PRIV_H
#define KTEST_PRIV_H

#include <hx/base.h>
#include <hx/core/ktest.h>
#include <hx/core/text.h>

#define KTEST_GLOB_MAX	192u	/* bytes of a list of patterns, with the NUL */

/* Which tests: [first, last) whose name matches. */
struct ktest_set {
	const struct hx_ktest *const *first, *const *last;
	const char *glob;	/* patterns with commas between: all,-x* */
};

struct ktest_sum {
	unsigned n_passed, n_failed, n_skipped;
};

/* tap.c */
unsigned ktest_count(const struct ktest_set *set);
/* The next test of the set at or after *at, which then points behind it; NULL: no more. */
const struct hx_ktest *ktest_next(const struct ktest_set *set, const struct hx_ktest *const **at);
/* Run one test; t is filled anew. */
void ktest_run(const struct hx_ktest *test, struct hx_ktest_run *t, struct ktest_sum *sum);
/* Called around each test, after: it may still fail; NULL: nothing is. */
struct ktest_around {
	void (*before)(void);
	void (*after)(struct hx_ktest_run *t);
};
extern const struct ktest_around *ktest_around;

/* books.c, with CONFIG_RESOURCES: nobody has more of anything than before. */
extern const struct ktest_around ktest_books;

/* "1..12", "ok 3 - name", "not ok 3 - name # why", "ok 3 - name # SKIP why". */
void tap_plan(struct hx_text *out, unsigned n);
void tap_result(struct hx_text *out, unsigned number, const char *name,
		const struct hx_ktest_run *t);
void tap_sum(struct hx_text *out, const struct ktest_sum *sum);

#endif
