/* SPDX-License-Identifier: MIT */
/*
 * Random operations on every heap against a model that knows each live block and its bytes: 100,000
 * of them, or as many as HX_HEAP_STEPS in the environment says (10 million is the long run). What
 * fragmentation the trace left is printed as a comment of the test's output.
 */
#include "heap_suite.h"

#define STEPS_DEFAULT	100000u
#define LIVE_MAX	2000u
#define SAMPLE_STEPS	1000u

static struct block {
	uint8_t *p;
	size_t size;
	uint64_t seed;
} live[LIVE_MAX];
static unsigned n_live;
static uint64_t live_bytes;		/* asked for, in all live blocks */
static uint64_t n_failed;		/* as the heap counted it last */
static size_t size_max;			/* a size that this heap can give */

static uint8_t pattern(const struct block *b, size_t i)
{
	return (uint8_t)(b->seed + i * 131);
}

static void fill(struct block *b)
{
	for (size_t i = 0; i < b->size; i++)
		b->p[i] = pattern(b, i);
}

/* All bytes of small blocks, both ends of large ones. */
static void verify(const struct block *b)
{
	for (size_t i = 0; i < b->size; i++) {
		if (i == 64 && b->size > 256)
			i = b->size - 64;
		if (b->p[i] != pattern(b, i))
			fail_msg("block %p of %zu bytes: byte %zu changed", b->p, b->size, i);
	}
}

static void drop(unsigned i)
{
	verify(&live[i]);
	assert_int_equal(ops->free(live[i].p), 0);
	live_bytes -= live[i].size;
	live[i] = live[--n_live];
}

static size_t random_size(void)
{
	unsigned what = rng() % 1000;
	size_t size = what < 800 ? 1 + rng() % 200 : what < 990 ? 1 + rng() % 3000 :
		      1 + rng() % 40000;

	return size <= size_max ? size : 1 + size % size_max;
}

static void trace_alloc(void)
{
	struct block b = { .size = random_size(), .seed = rng() };

	b.p = rng() % 16 ? hx_alloc(b.size) : hx_alloc_aligned(b.size, 16u << rng() % 9);
	if (b.p == NULL) {	/* full: it says so; some go, and now and then all of them */
		unsigned stay = rng() % 16 != 0 ? n_live - n_live / 4 : 0;

		assert_true(stats().n_failed > n_failed);
		n_failed = stats().n_failed;
		while (n_live > stay)
			drop(rng() % n_live);
		assert_true(n_live > 0 || stats().used_bytes == 0);
		return;
	}
	fill(&b);
	live_bytes += b.size;
	live[n_live++] = b;
}

static void trace_realloc(struct block *b)
{
	struct block n = { .size = random_size(), .seed = b->seed };

	n.p = hx_realloc(b->p, n.size);
	if (n.p == NULL) {
		n_failed = stats().n_failed;
		verify(b);
		return;
	}
	live_bytes += n.size - b->size;
	b->size = hx_min_u64(b->size, n.size);
	b->p = n.p;
	verify(b);
	*b = n;
	fill(b);
}

/* ---- fragmentation, in parts of a thousand */

static uint64_t most;			/* bytes in blocks, at the fullest sample */

struct waste {
	unsigned worst, n;
	uint64_t sum;
};

static void waste_add(struct waste *w, uint64_t good, uint64_t all)
{
	unsigned now = all == 0 ? 0 : (unsigned)(1000 - good * 1000 / all);

	w->worst = now > w->worst ? now : w->worst;
	w->sum += now;
	w->n++;
}

static void waste_show(const char *what, const struct waste *w)
{
	unsigned avg = w->n == 0 ? 0 : (unsigned)(w->sum / w->n);

	printf("# %-9s %-10s worst %2u.%u %%  average %2u.%u %%\n", ops->name, what,
	       w->worst / 10, w->worst % 10, avg / 10, avg % 10);
}

/* inside: bytes given beyond those asked for. outside: bytes taken from frames and in no block;
 * only counted while the heap is at least a quarter as full as it ever was in the trace. */
static void waste_sample(struct waste *inside, struct waste *outside)
{
	struct hx_heap_stats s = stats();

	most = hx_max_u64(most, s.used_bytes);
	if (s.used_bytes < most / 4 || s.used_bytes == 0)
		return;
	waste_add(inside, live_bytes, s.used_bytes);
	waste_add(outside, s.used_bytes, s.reserved_bytes);
}

/* ---- the trace */

static void one_step(unsigned wanted)
{
	unsigned what = rng() % 100;

	if (rng() % 16 == 0)		/* what is taken on one CPU is given back on another */
		hx_percpu()->cpu = rng() % 4;
	if (n_live < wanted ? what < 60 : what < 35) {
		if (n_live < LIVE_MAX)
			trace_alloc();
	} else if (what < 95 && n_live > 0) {
		drop(rng() % n_live);
	} else if (n_live > 0 && what < 98) {
		trace_realloc(&live[rng() % n_live]);
	} else if (n_live > 0) {
		const struct block *b = &live[rng() % n_live];

		assert_true(hx_alloc_size(b->p) >= b->size);
		if (b->size > 1)
			assert_int_equal(ops->free(b->p + 1), -HX_EINVAL);
	}
}

static void random_operations_agree_with_the_model(void **state)
{
	const char *text = getenv("HX_HEAP_STEPS");
	uint64_t n_steps = text != NULL ? strtoull(text, NULL, 0) : STEPS_DEFAULT;
	struct waste inside = { 0 }, outside = { 0 };
	unsigned wanted = LIVE_MAX / 2;

	n_live = 0;
	live_bytes = most = 0;
	size_max = largest_size();
	n_failed = stats().n_failed;
	for (uint64_t step = 0; step < n_steps; step++) {
		if (step % 20000 == 0)
			wanted = 1 + rng() % (LIVE_MAX - 1);	/* grow and shrink in turns */
		one_step(wanted);
		if (step % SAMPLE_STEPS == 0 && step >= n_steps / 5)
			waste_sample(&inside, &outside);
		if (step % 25000 == 0)
			check_heap();
	}
	printf("# %-9s %llu operations\n", ops->name, (unsigned long long)n_steps);
	waste_show("inside", &inside);
	waste_show("outside", &outside);
	while (n_live > 0)
		drop(n_live - 1);
	hx_percpu()->cpu = 0;
	assert_int_equal(stats().used_bytes, 0);
	check_heap();
}

int main(void)
{
	static const struct suite_case cases[] = { CASE(random_operations_agree_with_the_model) };

	return suite_run(cases, HX_ARRAY_LEN(cases), heap_up);
}
