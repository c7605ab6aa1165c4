/* SPDX-License-Identifier: MIT */
/*
 * Tests that run inside the booted kernel (CONFIG_KTEST): helix.tests=all|<glob> or the verb
 * "test". TAP on the console; the exit code says whether all passed.
 *
 *	HX_KTEST(mutex_excludes)	// name of the test: mutex_excludes; area: the room
 *	{
 *		hx_expect(t, x == 1);		// goes on
 *		hx_require(t, p != NULL);	// returns from the test
 *	}
 *
 * A test room calls nothing of the runner: the run carries the one function that a test needs, so
 * that tests of the lowest floors refer to no higher one.
 */
#ifndef HX_CORE_KTEST_H
#define HX_CORE_KTEST_H

#include <hx/base.h>
#include <hx/core/heap.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#define HX_KTEST_WHY_MAX	160	/* bytes of the reason with the NUL */

struct hx_ktest_run {
	/* The runner's: an expectation failed, or with file NULL the test is skipped; what: why. */
	void (*tell)(struct hx_ktest_run *t, const char *file, int line, const char *what);
	unsigned n_failed;		/* expectations that failed in this test */
	bool skipped;
	char why[HX_KTEST_WHY_MAX];	/* the first one that failed; why it was skipped */
};

struct hx_ktest {
	const char *name;
	void (*fn)(struct hx_ktest_run *t);
};

HX_SECTION_BOUNDS(hx_ktests, struct hx_ktest);

#define HX_KTEST(ident) \
	static void ktest_##ident(struct hx_ktest_run *t); \
	static const struct hx_ktest hx_ktest_##ident = { #ident, ktest_##ident }; \
	HX_REGISTER(hx_ktests, ktest_##ident, struct hx_ktest, &hx_ktest_##ident); \
	static void ktest_##ident(struct hx_ktest_run *t)

/**
 * hx_ktest_fail() - the test failed here; it may go on.
 * @t:    the run
 * @file: source file, kept until the test ends
 * @line: in it
 * @what: what was expected; copied
 *
 * Returns: nothing.
 * Context: the thread that runs the test, or any other that it waits for.
 * Locks:   none taken.
 * Owner:   -
 * Cost:    a formatted line.
 * Source:  -
 */
static inline void hx_ktest_fail(struct hx_ktest_run *t, const char *file, int line,
				 const char *what)
{
	t->tell(t, file, line, what);
}

/**
 * hx_ktest_heap_settles() - wait until no more of the heap is in use than before
 * @used_bytes: what hx_heap_stats() said before
 *
 * Other threads may hold a block for a moment, and may have held one before; what a test has lost
 * stays lost.
 *
 * Returns: true as soon as it is so; false after some seconds.
 * Context: a thread that may sleep.
 * Locks:   none taken.
 * Owner:   -
 * Cost:    hx_heap_stats() each 10 ms.
 * Source:  -
 */
static inline bool hx_ktest_heap_settles(uint64_t used_bytes)
{
	struct hx_heap_stats now;

	hx_heap_stats(&now);
	for (unsigned i = 0; i < 500 && now.used_bytes > used_bytes; i++) {
		hx_sleep_ns(10 * HX_NS_PER_MS);
		hx_heap_stats(&now);
	}
	return now.used_bytes <= used_bytes;
}

/**
 * hx_ktest_skip() - this machine cannot do what the test needs; return from the test after it.
 * @t:   the run
 * @why: shown behind "# SKIP"; copied
 *
 * Returns: nothing.
 * Context: the thread that runs the test.
 * Locks:   none taken.
 * Owner:   -
 * Cost:    a formatted line.
 * Source:  -
 */
static inline void hx_ktest_skip(struct hx_ktest_run *t, const char *why)
{
	t->tell(t, NULL, 0, why);
}

#define hx_expect(t, cond) \
	do { if (!(cond)) hx_ktest_fail(t, __FILE_NAME__, __LINE__, #cond); } while (0)
#define hx_require(t, cond) \
	do { if (!(cond)) { hx_ktest_fail(t, __FILE_NAME__, __LINE__, #cond); return; } } while (0)

#endif
