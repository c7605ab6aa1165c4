// SPDX-License-Identifier: MIT
/*
 * Deadlocks in the booted kernel: told when a wait would close a circle, and found by the healer's
 * round where nothing is refused, because one of them joins.
 */
#include <hx/core/heal.h>
#include <hx/core/ktest.h>
#include <hx/core/mutex.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#define SETTLE_NS	(30 * HX_NS_PER_S)
#define MOST		3u

static struct {
	struct hx_mutex mutexes[MOST];
	struct hx_thread *threads[MOST];
	unsigned n;
	uint32_t n_ready, n_refused;	/* a */
	volatile bool end;
} c;

static uint64_t last_seq(void)
{
	struct hx_heal_record r = { .seq = 0 };

	while (hx_heal_next(r.seq, &r))
		;
	return r.seq;
}

/* How many circles were recorded after seq that have all the threads in them; waits for one. */
static unsigned recorded(uint64_t seq)
{
	hx_ns_t until = hx_now_ns() + SETTLE_NS;
	unsigned n = 0;

	do {
		struct hx_heal_record r = { .seq = seq };

		hx_sleep_ns(10 * HX_NS_PER_MS);
		while (hx_heal_next(r.seq, &r)) {
			bool all = r.why.kind == HX_FAILURE_DEADLOCK &&
				   hx_strcmp(r.why.who, "threads") == 0;

			for (unsigned i = 0; i < c.n; i++) {
				char words[24];

				hx_snprintf(words, sizeof(words), "*circle-%u >*", i);
				all = all && hx_glob(words, r.why.what);
			}
			n += all;
		}
	} while (n == 0 && hx_now_ns() < until);
	return n;
}

/* All have one: so each of them now wants what the next one has. */
static void meet(void)
{
	__atomic_add_fetch(&c.n_ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&c.n_ready, __ATOMIC_ACQUIRE) < c.n)
		hx_sleep_ns(HX_NS_PER_MS);
}

static int wants_the_next_ones(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
	struct hx_mutex *next = &c.mutexes[(me + 1) % c.n];
	int err;

	hx_mutex_lock(&c.mutexes[me]);
	meet();
	err = hx_mutex_lock_timeout(next, SETTLE_NS);
	if (err == -HX_EDEADLK)
		__atomic_add_fetch(&c.n_refused, 1, __ATOMIC_ACQ_REL);
	if (err == 0)
		hx_mutex_unlock(next);
	hx_mutex_unlock(&c.mutexes[me]);
	return err;
}

/* The last one waits for the first one's end instead, in turns, so that it can be told to go. */
static int waits_for_an_end(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
	int err = -HX_ETIMEDOUT;

	hx_mutex_lock(&c.mutexes[me]);
	meet();
	while (err == -HX_ETIMEDOUT && !c.end)
		err = hx_thread_join(c.threads[0], 100 * HX_NS_PER_MS, NULL);
	hx_mutex_unlock(&c.mutexes[me]);
	return err == -HX_ETIMEDOUT ? 0 : -HX_EBADMSG;
}

static void begin(struct hx_ktest_run *t, unsigned n, int (*last)(void *arg))
{
	c.n = n;
	c.n_ready = c.n_refused = 0;
	c.end = false;
	for (unsigned i = 0; i < n; i++) {
		char name[16];
		struct hx_thread_params p = {
			.name = name, .fn = i == n - 1 ? last : wants_the_next_ones,
			.arg = (void *)(uintptr_t)i, .prio = HX_PRIO_DEFAULT,
		};

		hx_mutex_init(&c.mutexes[i]);
		hx_snprintf(name, sizeof(name), "circle-%u", i);
		hx_require(t, hx_thread_create(&p, &c.threads[i]) == 0);
	}
}

static void end(struct hx_ktest_run *t, unsigned n_left)
{
	for (unsigned i = 0; i < n_left; i++) {
		int err, result = -1;

		err = hx_thread_join(c.threads[i], SETTLE_NS, &result);
		hx_expect(t, err == 0);
		hx_expect(t, result == 0 || result == -HX_EDEADLK);
	}
}

static void refused(struct hx_ktest_run *t, unsigned n)
{
	uint64_t seq = last_seq();

	begin(t, n, wants_the_next_ones);
	hx_expect(t, recorded(seq) == 1);
	end(t, n);
	hx_expect(t, c.n_refused == 1);
}

HX_KTEST(a_wait_that_closes_a_circle_is_told_with_names)
{
	refused(t, 2);
	refused(t, 3);
}

static void found(struct hx_ktest_run *t, unsigned n)
{
	uint64_t seq = last_seq();
	int result = -1;

	begin(t, n, waits_for_an_end);
	hx_expect(t, recorded(seq) >= 1);
	c.end = true;
	/* Only now does somebody else join the first one. */
	hx_expect(t, hx_thread_join(c.threads[n - 1], SETTLE_NS, &result) == 0);
	hx_expect(t, result == 0);
	end(t, n - 1);
	hx_expect(t, c.n_refused == 0);
}

HX_KTEST(a_circle_with_a_join_is_found_by_the_round)
{
	found(t, 2);
	found(t, 3);
}
