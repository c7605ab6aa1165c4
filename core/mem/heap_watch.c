/* SPDX-License-Identifier: MIT */
/*
 * What a debug build knows about each heap block, whatever the provider: how long it was asked to
 * be, who asked for it, and whether somebody wrote past its end.
 *
 *	| the user's bytes | fill, at least 16 bytes | tail: size, site, check |
 *	^ block            ^ block + size            ^ the last 24 usable bytes
 *
 * The block is asked for longer by HX_WATCH_EXTRA; fill and tail are written when it is taken and
 * looked at when it is given back, or by a sweep over all live blocks. The check is made of the
 * tail's other words and of the block's address, so that a tail that was written over is known.
 * A write below a block's start shows as one past the end of the block before.
 *
 * Nothing is linked: lists of blocks would be the first thing that an overflow breaks. All
 * questions over many blocks are answered by the provider's walk().
 */
#include <hx/config/core_mem.h>
#include <hx/core/assert.h>
#include <hx/core/heap.h>
#include <hx/core/log.h>
#include <hx/hal/mem.h>

#include "mem_priv.h"

#define FILL_BYTE	0xb5
#define TAIL_CHECK	0x7a11c8ec4b10c5edull

struct tail {
	uint64_t size_bytes;
	uintptr_t site;
	uint64_t check;
};
_Static_assert(sizeof(struct tail) + 16 <= HX_WATCH_EXTRA, "fill and tail fit");

/* All that is built in, unless a test says otherwise. */
#define BUILT_IN	((HX_ENABLED(HEAP_REDZONES) ? HX_HEAP_REDZONES : 0u) | \
			 (HX_ENABLED(MEM_LEAKS) ? HX_HEAP_SITES : 0u))
unsigned heap_watching = BUILT_IN;

static uint64_t watch_n_damaged;	/* atomic: found since boot */

static struct tail *tail_of(const void *block, size_t usable)
{
	return (struct tail *)hx_align_down((uintptr_t)block + usable - sizeof(struct tail), 8);
}

static uint64_t tail_check(const struct tail *t)
{
	return t->size_bytes * 31 ^ t->site ^ (uintptr_t)t ^ TAIL_CHECK;
}

void heap_watch_mark(void *block, size_t size_bytes, size_t usable, uintptr_t site)
{
	struct tail *t = tail_of(block, usable);

	if (heap_watching & HX_HEAP_REDZONES)
		memset((char *)block + size_bytes, FILL_BYTE,
		       (size_t)((uintptr_t)t - (uintptr_t)block - size_bytes));
	t->size_bytes = size_bytes;
	t->site = site;
	t->check = tail_check(t);
}

size_t heap_watch_size(const void *block, size_t usable)
{
	const struct tail *t = tail_of(block, usable);

	return t->check == tail_check(t) ? t->size_bytes : usable - HX_WATCH_EXTRA;
}

/* Where the first wrong byte behind a block is; NULL: it is as it was left. */
static const uint8_t *first_wrong(const void *block, const struct tail *t)
{
	const uint8_t *p;

	if (t->check != tail_check(t))
		return (const uint8_t *)t;
	p = (const uint8_t *)block + t->size_bytes;
	while ((heap_watching & HX_HEAP_REDZONES) && p < (const uint8_t *)t) {
		if (*p != FILL_BYTE)
			return p;
		p++;
	}
	return NULL;
}

/* Report a block that was written past. True: it was. */
static bool report(const void *block, size_t usable, bool stops)
{
	const struct tail *t = tail_of(block, usable);
	const uint8_t *wrong = first_wrong(block, t);
	bool has_tail = t->check == tail_check(t);

	if (HX_LIKELY(wrong == NULL))
		return false;
	__atomic_fetch_add(&watch_n_damaged, 1, __ATOMIC_RELAXED);
	if (heap_listen != NULL)
		heap_listen(block, -HX_EBADMSG);
	else if (has_tail && stops)
		hx_bug("heap: block %p of %zu bytes, taken at %p, was written past its end: byte "
		       "%zu is %#x", block, (size_t)t->size_bytes, (void *)t->site,
		       (size_t)(wrong - (const uint8_t *)block), *wrong);
	else if (has_tail)
		hx_error("mem", "heap: block %p of %zu bytes, taken at %p, was written past its "
			 "end: byte %zu is %#x", block, (size_t)t->size_bytes, (void *)t->site,
			 (size_t)(wrong - (const uint8_t *)block), *wrong);
	else if (stops)
		hx_bug("heap: block %p was written far past its end, up to %p at least", block,
		       (const void *)wrong);
	else
		hx_error("mem", "heap: block %p was written far past its end, up to %p at least",
			 block, (const void *)wrong);
	return true;
}

void heap_watch_free(void *block, size_t usable)
{
	struct tail *t = tail_of(block, usable);

	report(block, usable, HX_ENABLED(DEBUG_ASSERT));
	t->check = 0;
}

unsigned hx_heap_set_watch(unsigned watch)
{
	unsigned was = heap_watching;

	hx_verify(heap_current == NULL);
	heap_watching = watch & BUILT_IN;
	return was;
}

static void heap_walk(void (*visit)(void *arg, void *ptr, size_t usable), void *arg)
{
	if (HX_ENABLED(SLOT_SWAP))
		heap_swap_walk(visit, arg);
	else if (heap_current != NULL && heap_current->walk != NULL)
		heap_current->walk(visit, arg);
}

struct sweep {
	uint64_t n, sum;		/* damaged blocks, and their addresses */
};

static void count_one(void *arg, void *block, size_t usable)
{
	struct sweep *s = arg;

	if (first_wrong(block, tail_of(block, usable)) == NULL)
		return;
	s->n++;
	s->sum += (uintptr_t)block * 0x9e3779b97f4a7c15ull;
}

static void report_one(void *arg, void *block, size_t usable)
{
	(void)report(block, usable, false);
}

/* Named only when they are others than the last time. */
uint64_t hx_heap_sweep(void)
{
	static uint64_t last_sum;	/* a */
	struct sweep s = { .n = 0 };

	if (heap_watching != 0)
		heap_walk(count_one, &s);
	if (__atomic_exchange_n(&last_sum, s.sum, __ATOMIC_RELAXED) != s.sum && s.n != 0)
		heap_walk(report_one, NULL);
	return s.n;
}

uint64_t hx_heap_n_damaged(void)
{
	return __atomic_load_n(&watch_n_damaged, __ATOMIC_RELAXED);
}

/* ---- who holds what ---- */

struct collect {
	struct hx_heap_site *sites;
	unsigned n_max, n;
	struct hx_heap_site rest;
};

static void collect_one(void *arg, void *block, size_t usable)
{
	struct collect *c = arg;
	const struct tail *t = tail_of(block, usable);
	struct hx_heap_site *s = &c->rest;

	if (t->check == tail_check(t)) {
		unsigned i = 0;

		while (i < c->n && c->sites[i].pc != t->site)
			i++;
		if (i < c->n_max) {
			s = &c->sites[i];
			if (i == c->n) {
				*s = (struct hx_heap_site){ .pc = t->site };
				c->n++;
			}
		}
		s->live_bytes += t->size_bytes;
	}
	s->n_blocks++;
}

#define LEFT_AT_ONCE	32u

struct left {
	uintptr_t start, end;
	void *blocks[LEFT_AT_ONCE];
	unsigned n;
};

static void find_left(void *arg, void *block, size_t usable)
{
	const struct tail *t = tail_of(block, usable);
	struct left *l = arg;

	if (l->n < LEFT_AT_ONCE && t->check == tail_check(t) && t->site >= l->start &&
	    t->site < l->end)
		l->blocks[l->n++] = block;
}

uint64_t hx_heap_take_back(uintptr_t start, uintptr_t end)
{
	struct left l = { .start = start, .end = end };
	uint64_t n = 0;

	if ((heap_watching & HX_HEAP_SITES) == 0)
		return 0;
	do {
		l.n = 0;
		heap_walk(find_left, &l);
		/* Nothing may be given back while the heap is being walked. */
		for (unsigned i = 0; i < l.n; i++)
			hx_free(l.blocks[i]);
		n += l.n;
	} while (l.n == LEFT_AT_ONCE);
	return n;
}

unsigned hx_heap_sites(struct hx_heap_site *sites, unsigned n_max, struct hx_heap_site *rest)
{
	struct collect c = { .sites = sites, .n_max = n_max };

	if (heap_watching & HX_HEAP_SITES)
		heap_walk(collect_one, &c);
	/* Most bytes first: insertion sort, for some dozens of sites. */
	for (unsigned i = 1; i < c.n; i++) {
		struct hx_heap_site s = sites[i];
		unsigned k = i;

		for (; k > 0 && sites[k - 1].live_bytes < s.live_bytes; k--)
			sites[k] = sites[k - 1];
		sites[k] = s;
	}
	*rest = c.rest;
	return c.n;
}
