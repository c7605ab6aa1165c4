/* SPDX-License-Identifier: MIT */
/*
 * One frame allocator after the other in the booted kernel: threads and an interrupt take and give
 * back runs meanwhile, each page of which says whose it is.
 */
#include <hx/config/core_mem.h>
#include <hx/config/core_slot.h>
#include <hx/core/fault.h>
#include <hx/core/frames.h>
#include <hx/core/ktest.h>
#include <hx/core/names.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/core/swap.h>
#include <hx/core/thread.h>
#include <hx/hal/mmu.h>
#include <hx/hal/timer.h>

#include "wrong_priv.h"

#define THREADS		6u
#define HELD		24u
#define SWAPS		20u
#define TICK_NS		1000000u

struct held {
	hx_paddr_t pa;
	uint16_t n_pages;	/* 0: nothing */
	uint8_t order;		/* RUN: as many as there are */
};
#define RUN	0xffu

/* Each replaces what it holds. */
struct holder {
	struct held held[HELD];
	uint64_t rnd;
	uint32_t n_turns;		/* atomic */
};
static struct holder holders[THREADS + 1];
static uint32_t n_broken, n_fired;	/* atomic */
static bool is_over;			/* atomic */

static uint32_t next_random(uint64_t *rnd)
{
	*rnd = *rnd * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*rnd >> 33);
}

/* The first and the last word of each page. */
static uint64_t *word_of(const struct held *h, unsigned page, bool last)
{
	uint64_t *w = hx_phys_to_virt(h->pa + page * HX_PAGE_SIZE);

	return last ? w + HX_PAGE_SIZE / sizeof(*w) - 1 : w;
}

static void held_give(struct held *h)
{
	uint64_t me = (uintptr_t)h;

	for (unsigned i = 0; i < h->n_pages; i++)
		if (*word_of(h, i, false) != (h->pa ^ me) + i ||
		    *word_of(h, i, true) != (h->pa ^ me) - i)
			__atomic_fetch_add(&n_broken, 1, __ATOMIC_RELAXED);
	if (h->n_pages != 0 && (h->order == RUN ? hx_frames_free_run(h->pa, h->n_pages)
				: hx_frames_free(h->pa, h->order)) != 0)
		__atomic_fetch_add(&n_broken, 1, __ATOMIC_RELAXED);
	h->n_pages = 0;
}

static void held_take(struct held *h, uint64_t *rnd)
{
	uint32_t what = next_random(rnd) % 64;
	unsigned flags = what % 8 == 0 ? HX_FRAMES_DMA : HX_FRAMES_ANY;
	uint64_t me = (uintptr_t)h;
	int err;

	if (what < 4) {
		h->order = RUN;
		h->n_pages = (uint16_t)(1 + next_random(rnd) % 20);
		err = hx_frames_alloc_run(h->n_pages, 0, 0, 0, &h->pa);
	} else {
		h->order = (uint8_t)(what < 40 ? 0 : what % 6);
		h->n_pages = (uint16_t)(1u << h->order);
		err = hx_frames_alloc(h->order, flags, &h->pa);
	}
	if (err != 0)
		h->n_pages = 0;
	for (unsigned i = 0; i < h->n_pages; i++) {
		*word_of(h, i, false) = (h->pa ^ me) + i;
		*word_of(h, i, true) = (h->pa ^ me) - i;
	}
}

static void holder_turn(struct holder *h, unsigned n)
{
	while (n-- > 0) {
		struct held *at = &h->held[next_random(&h->rnd) % HELD];

		held_give(at);
		if (next_random(&h->rnd) % 4 != 0)
			held_take(at, &h->rnd);
	}
	__atomic_fetch_add(&h->n_turns, 1, __ATOMIC_RELAXED);
}

static void holder_end(struct holder *h)
{
	for (unsigned i = 0; i < HELD; i++)
		held_give(&h->held[i]);
}

static int take_and_give(void *arg)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		holder_turn(arg, 16);
		hx_yield();
	}
	holder_end(arg);
	return 0;
}

/* In an interrupt, in the middle of an allocation or of a step, perhaps. */
static void take_and_give_some(struct hx_timer *timer)
{
	holder_turn(&holders[THREADS], 8);
	__atomic_fetch_add(&n_fired, 1, __ATOMIC_RELAXED);
	if (!__atomic_load_n(&is_over, __ATOMIC_RELAXED))
		hx_timer_start(timer, hx_now_ns() + TICK_NS / 4);
}

static void all_take_turns(void)
{
	for (unsigned i = 0; i < THREADS; i++) {
		uint32_t was = __atomic_load_n(&holders[i].n_turns, __ATOMIC_RELAXED);

		while (__atomic_load_n(&holders[i].n_turns, __ATOMIC_RELAXED) - was < 2)
			hx_sleep_ns(TICK_NS / 4);
	}
}

static const char *other_of(const char *name)
{
	return hx_strcmp(name, "buddy") == 0 ? "bitmap" : "buddy";
}

/* False, and said: what boots here stays. */
static bool can_swap(struct hx_ktest_run *t)
{
	bool can = hx_strcmp(hx_frames_provider(), "bump") != 0;

	if (!can)
		hx_ktest_skip(t, "bump cannot hand pages over");
	return can;
}

/* Others come and go meanwhile: at some moment it is as it was. */
static bool gets_to(uint64_t n_free)
{
	for (unsigned i = 0; i < 200 && hx_frames_n_free() < n_free; i++)
		hx_sleep_ns(10 * TICK_NS);
	return hx_frames_n_free() + 32 >= n_free;
}

static bool is_guarded(void)
{
	const struct frames_share *s;
	bool is = false;

	FRAMES_SHARES_FOREACH(s)
		is = is || s->calls == &frames_guard_ops;
	return is;
}

/* Of the next swap. A busy host has time enough to run all CPUs before a long one ends. */
static void probation(struct hx_ktest_run *t, unsigned ms)
{
	char room[64], line[24];
	struct hx_text_buf ack;

	hx_snprintf(line, sizeof(line), "probation %u", ms);
	hx_text_buf_init(&ack, room, sizeof(room));
	hx_expect(t, hx_names_take("/slots/frames/ctl", line, &ack.text) == 0);
}

/* Until the probation of an earlier swap is over. */
static void until_trusted(struct hx_ktest_run *t)
{
	for (unsigned i = 0; i < 1000 && is_guarded(); i++) {
		hx_sleep_ns(10 * TICK_NS);
		hx_expect(t, hx_frames_check() == 0);
	}
	hx_require(t, !is_guarded());
}

static void load_begin(struct hx_ktest_run *t, struct hx_thread **team, struct hx_timer *timer)
{
	is_over = false;
	n_broken = n_fired = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		struct hx_thread_params p = {
			.name = "frames", .fn = take_and_give, .arg = &holders[i],
			.prio = hx_thread_self()->prio,
		};

		holders[i].rnd = i + 1;
		hx_require(t, hx_thread_create(&p, &team[i]) == 0);
	}
	hx_timer_start(timer, hx_now_ns() + TICK_NS);
}

static void load_end(struct hx_ktest_run *t, struct hx_thread **team, struct hx_timer *timer)
{
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < THREADS; i++)
		hx_expect(t, hx_thread_join(team[i], HX_FOREVER, NULL) == 0);
	hx_timer_cancel(timer);
	holder_end(&holders[THREADS]);
	hx_expect(t, n_broken == 0 && n_fired > 0);
}

HX_KTEST(frames_swaps_under_load)
{
	static struct hx_timer timer = { .fn = take_and_give_some };
	const char *first = hx_frames_provider();
	uint64_t n_free, n_refused = hx_frames_n_refused();
	struct hx_thread *team[THREADS];

	if (!can_swap(t))
		return;
	/* What boot had set aside for the first one becomes memory, once. */
	hx_require(t, hx_swap("frames", other_of(first), NULL) == 0);
	hx_require(t, hx_swap("frames", first, NULL) == 0);
	n_free = hx_frames_n_free();
	load_begin(t, team, &timer);
	for (unsigned i = 0; i < SWAPS; i++) {
		const char *next = other_of(hx_frames_provider());
		struct hx_swap s;

		all_take_turns();
		probation(t, i % 2 == 0 ? 0 : CONFIG_SLOT_PROBATION_MS);	/* back, or anew */
		hx_expect(t, hx_swap("frames", next, &s) == 0 && s.n_items > 0);
		hx_expect(t, hx_strcmp(hx_frames_provider(), next) == 0);
		hx_expect(t, hx_frames_check() == 0);
	}
	all_take_turns();
	load_end(t, team, &timer);
	hx_expect(t, hx_frames_n_refused() == n_refused);
	hx_expect(t, hx_strcmp(hx_frames_provider(), first) == 0);
	hx_expect(t, hx_frames_check() == 0 && gets_to(n_free));
}

/* Whatever fails, the old one goes on, and has all that it had. */
HX_KTEST(frames_swap_that_fails_leaves_the_old_one)
{
	static const char *const points[] = {
		"swap.prepare", "swap.quiesce", "swap.export", "swap.import", "frames.alloc",
		"frames.move:1", "frames.move:2", "frames.move:7", "frames.move:30",
	};
	const char *first = hx_frames_provider();
	struct holder *h = &holders[0];
	struct hx_swap s;

	if (!HX_ENABLED(FAULT_INJECTION)) {
		hx_ktest_skip(t, "no fault injection");
		return;
	}
	if (!can_swap(t))
		return;
	until_trusted(t);
	n_broken = 0;
	for (unsigned i = 0; i < HX_ARRAY_LEN(points); i++) {
		uint64_t n_free;

		holder_turn(h, 50);
		n_free = hx_frames_n_free();
		hx_require(t, hx_fault_arm(points[i]) == 0);
		/* Somebody else's allocation may be the one that fails. */
		hx_expect(t, hx_swap("frames", other_of(first), &s) != 0 ||
			     hx_strcmp(points[i], "frames.alloc") == 0);
		if (hx_strcmp(hx_frames_provider(), first) != 0)
			hx_expect(t, hx_swap("frames", first, NULL) == 0);
		hx_expect(t, hx_frames_check() == 0 && gets_to(n_free));
	}
	hx_expect(t, hx_swap("frames", "no-such", NULL) == -HX_ENOENT);
	hx_expect(t, hx_swap("frames", first, NULL) == -HX_EEXIST);
	holder_end(h);
	hx_expect(t, n_broken == 0 && hx_strcmp(hx_frames_provider(), first) == 0);
}

static char node_text[1024];

/* Whether a line of /slots/frames/zones for each zone says this, and nothing else. */
static bool zones_say(const char *words)
{
	unsigned n_zones = 0, n_lines = 0, n = 0;
	struct hx_text_buf b;

	hx_text_buf_init(&b, node_text, sizeof(node_text));
	if (hx_names_show("/slots/frames/zones", &b.text) != 0)
		return false;
	for (unsigned i = 0; i < HX_ZONE_COUNT; i++)
		n_zones += hx_frames_zone(i)->n_pages != 0;
	for (const char *p = node_text; *p != '\0'; p++) {
		n_lines += *p == '\n';
		n += hx_strncmp(p, words, hx_strlen(words)) == 0;
	}
	return n == n_zones && n_lines == n_zones;
}

/* The way of an operator: swap, and back within the probation. */
HX_KTEST(frames_swap_and_rollback)
{
	const char *first = hx_frames_provider();
	bool was_buddy = hx_strcmp(first, "buddy") == 0;

	if (!can_swap(t))
		return;
	probation(t, 60000);
	hx_expect(t, hx_swap("frames", other_of(first), NULL) == 0);
	probation(t, CONFIG_SLOT_PROBATION_MS);
	hx_expect(t, zones_say(was_buddy ? " provider=bitmap" : " provider=buddy"));
	hx_expect(t, zones_say(" meta=run before="));
	hx_expect(t, hx_swap_back("frames", NULL) == 0);
	hx_expect(t, zones_say(was_buddy ? " provider=buddy" : " provider=bitmap"));
	hx_expect(t, hx_strcmp(hx_frames_provider(), first) == 0);
}

/* Wrong on probation, in each way that is no fault of a caller: thrown out under load, and those
 * who hold pages do not notice. */
HX_KTEST(frames_that_are_wrong_on_probation_are_thrown_out)
{
	static struct hx_timer timer = { .fn = take_and_give_some };
	const char *first = hx_frames_provider();
	uint64_t n_refused = hx_frames_n_refused();
	struct hx_thread *team[THREADS];

	if (!can_swap(t))
		return;
	until_trusted(t);
	probation(t, 60000);
	load_begin(t, team, &timer);
	for (unsigned way = GIVES_TWICE; way <= TAKES_NOTHING; way++) {
		if (way == TAKES_TWICE || way == TAKES_WRONG_ORDER)
			continue;
		go_wrong(WRONG_NOT, 0);
		hx_swap_forgive(&frames_kind, &wrong_frames_ops);
		hx_expect(t, hx_swap("frames", "test-wrong", NULL) == 0);
		all_take_turns();
		go_wrong(way, 30);
		for (unsigned i = 0; i < 1000 && hx_strcmp(hx_frames_provider(), first) != 0; i++)
			hx_sleep_ns(TICK_NS);
		hx_require(t, hx_strcmp(hx_frames_provider(), first) == 0);
		hx_expect(t, hx_swap_is_failed(&frames_kind, &wrong_frames_ops));
		hx_expect(t, hx_swap("frames", "test-wrong", NULL) == -HX_ENODEV);
		hx_expect(t, hx_frames_check() == 0);
		all_take_turns();
	}
	load_end(t, team, &timer);
	probation(t, CONFIG_SLOT_PROBATION_MS);
	go_wrong(WRONG_NOT, 0);
	hx_swap_forgive(&frames_kind, &wrong_frames_ops);
	hx_expect(t, hx_frames_n_refused() == n_refused && !is_guarded());
	hx_expect(t, hx_frames_check() == 0);
}
