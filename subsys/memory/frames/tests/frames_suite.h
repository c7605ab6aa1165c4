/* SPDX-License-Identifier: MIT */
/*
 * What the programs of the frame allocators' contract suite share. A program is built once for each
 * provider's room, with all providers linked in; its own name says which of them it is to try.
 * HX_TEST_PROVIDER=<name> or =all says otherwise.
 */
#ifndef FRAMES_SUITE_H
#define FRAMES_SUITE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE	/* the program's own name */
#endif
#include <hx/config/core_lib.h>
#include <hx/config/core_mem.h>
#include <hx/core/frames.h>
#include <hx/hal/mmu.h>
#include <hx_test.h>

#include <errno.h>

static const struct hx_frames_ops *ops;		/* the one on trial */

struct suite_case {
	const char *name;
	CMUnitTestFunction fn;
};

#define CASE(fn_)	{ #fn_, fn_ }
#define SUITE_CASES_MAX	32

/* Whether the provider is meant: "subsys_memory_frames_buddy.contract_test" tries buddy. */
static inline bool suite_means(const char *provider)
{
	const char *wanted = getenv("HX_TEST_PROVIDER");
	const char *mark = strstr(program_invocation_short_name, "_frames_");

	if (wanted != NULL)
		return strcmp(wanted, "all") == 0 || strcmp(wanted, provider) == 0;
	return mark == NULL || (strncmp(mark + 8, provider, strlen(provider)) == 0 &&
				mark[8 + strlen(provider)] == '.');
}

static inline int suite_run(const struct suite_case *cases, unsigned n, CMFixtureFunction up,
			    CMFixtureFunction down)
{
	const struct hx_frames_ops *const *it;
	unsigned n_providers = 0;
	int failed = 0;

	HX_SECTION_FOREACH(it, hx_frames_classes) {
		struct CMUnitTest tests[SUITE_CASES_MAX] = { 0 };

		if (!suite_means((*it)->name))
			continue;
		n_providers++;
		for (unsigned i = 0; i < n; i++) {
			tests[i] = (struct CMUnitTest){ cases[i].name, cases[i].fn, up, down,
							(void *)(uintptr_t)*it };
		}
		failed += _cmocka_run_group_tests((*it)->name, tests, n, NULL, NULL);
	}
	return n_providers == 0 ? 1 : failed;	/* a suite over nobody proves nothing */
}

#endif
