/* SPDX-License-Identifier: MIT */
/*
 * What the contract suites of frame allocators and of heaps share: which provider a program tries,
 * and its cases for that provider. A program is built once for each provider's room, with all
 * providers of the kind linked in; its own name says which of them it is to try.
 * HX_TEST_PROVIDER=<name> or =all says otherwise.
 */
#ifndef PROVIDER_SUITE_H
#define PROVIDER_SUITE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE	/* the program's own name */
#endif
#include <hx_test.h>

#include <errno.h>

struct suite_case {
	const char *name;
	CMUnitTestFunction fn;
	unsigned needs;		/* promises of the kind; a provider without them is not asked */
	unsigned needs_not;
};

#define CASE(fn_)		{ #fn_, fn_, 0, 0 }
#define CASE_IF(promises_, fn_)	{ #fn_, fn_, promises_, 0 }
#define CASE_IF_NOT(promises_, fn_)	{ #fn_, fn_, 0, promises_ }
#define SUITE_CASES_MAX		32

static uint64_t rng_state;

static inline uint64_t rng(void)
{
	return hx_test_random(&rng_state);
}

/* Whether the provider is meant: "subsys_memory_heap_slab.contract_test" tries slab; mark is
 * "_heap_". */
static inline bool suite_means(const char *mark, const char *provider)
{
	const char *wanted = getenv("HX_TEST_PROVIDER");
	const char *at = strstr(program_invocation_short_name, mark);

	if (wanted != NULL)
		return strcmp(wanted, "all") == 0 || strcmp(wanted, provider) == 0;
	if (at == NULL)
		return true;
	at += strlen(mark);
	return strncmp(at, provider, strlen(provider)) == 0 && at[strlen(provider)] == '.';
}

/* The cases for one provider, whose ops each case finds in *state. Returns how many failed. */
static inline int suite_try(const char *provider, const void *ops_of_it, unsigned promises,
			    const struct suite_case *cases, unsigned n, CMFixtureFunction up,
			    CMFixtureFunction down)
{
	struct CMUnitTest tests[SUITE_CASES_MAX] = { 0 };
	unsigned n_tests = 0;

	for (unsigned i = 0; i < n; i++) {
		if ((cases[i].needs & ~promises) == 0 && (cases[i].needs_not & promises) == 0)
			tests[n_tests++] = (struct CMUnitTest){
				cases[i].name, cases[i].fn, up, down, (void *)(uintptr_t)ops_of_it,
			};
	}
	return _cmocka_run_group_tests(provider, tests, n_tests, NULL, NULL);
}

#endif
