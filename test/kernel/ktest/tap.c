// SPDX-License-Identifier: MIT
/*
 * Running tests and saying so in the Test Anything Protocol.
 *
 * Source: TAP version 12 (testanything.org): plan first, one line per test, "# SKIP" directive.
 */
#include <hx/base.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>

#include "ktest_priv.h"

/* One pattern of the list, of n bytes. */
static bool matches(const char *pattern, size_t n, const char *name)
{
	char one[KTEST_GLOB_MAX];

	if (n >= sizeof(one))
		return false;
	memcpy(one, pattern, n);
	one[n] = '\0';
	return hx_strcmp(one, "all") == 0 || hx_glob(one, name);
}

/* "a*,b*": what matches one; "-c*": but not this. The last pattern that matches decides. */
static bool wants(const char *list, const char *name)
{
	bool yes = *list == '-';

	while (*list != '\0') {
		const char *end = hx_strchr(list, ',');
		size_t n = end != NULL ? (size_t)(end - list) : hx_strlen(list);
		bool is_not = *list == '-';

		if (matches(list + is_not, n - is_not, name))
			yes = !is_not;
		list += n + (end != NULL);
	}
	return yes;
}

const struct hx_ktest *ktest_next(const struct ktest_set *set, const struct hx_ktest *const **at)
{
	while (*at < set->last) {
		const struct hx_ktest *test = *(*at)++;

		if (wants(set->glob, test->name))
			return test;
	}
	return NULL;
}

unsigned ktest_count(const struct ktest_set *set)
{
	const struct hx_ktest *const *at = set->first;
	unsigned n = 0;

	while (ktest_next(set, &at) != NULL)
		n++;
	return n;
}

const struct ktest_around *ktest_around;

static void tell(struct hx_ktest_run *t, const char *file, int line, const char *what)
{
	if (file == NULL) {
		t->skipped = true;
		if (t->n_failed == 0)
			hx_strlcpy(t->why, what, sizeof(t->why));
		return;
	}
	if (t->n_failed++ == 0)
		hx_snprintf(t->why, sizeof(t->why), "%s:%d: %s", file, line, what);
}

void ktest_run(const struct hx_ktest *test, struct hx_ktest_run *t, struct ktest_sum *sum)
{
	*t = (struct hx_ktest_run){ .tell = tell };
	if (ktest_around != NULL)
		ktest_around->before();
	test->fn(t);
	if (ktest_around != NULL)
		ktest_around->after(t);
	/* A failure before the skip is still a failure. */
	if (t->n_failed > 0)
		sum->n_failed++;
	else if (t->skipped)
		sum->n_skipped++;
	else
		sum->n_passed++;
}

void tap_plan(struct hx_text *out, unsigned n)
{
	hx_text_printf(out, "1..%u\n", n);
}

void tap_result(struct hx_text *out, unsigned number, const char *name,
		const struct hx_ktest_run *t)
{
	hx_text_printf(out, "%sok %u - %s", t->n_failed > 0 ? "not " : "", number, name);
	if (t->n_failed > 0)
		hx_text_printf(out, " # %s", t->why);
	else if (t->skipped)
		hx_text_printf(out, " # SKIP %s", t->why);
	hx_text_puts(out, "\n");
}

void tap_sum(struct hx_text *out, const struct ktest_sum *sum)
{
	hx_text_printf(out, "# passed=%u failed=%u skipped=%u\n", sum->n_passed, sum->n_failed,
		       sum->n_skipped);
}
