/* SPDX-License-Identifier: MIT */
/* Half a million random operations on a tree of holders against plain sums. */
#include "hx_test.h"
#include <hx/core/heap.h>

#include "resources_priv.h"

#define STEPS		500000u
#define HOLDERS		8u
#define BLOCKS		40u

struct model {
	bool is_there;
	int parent;
	uint64_t reserved[HX_RES_KINDS], used[HX_RES_KINDS], hard[HX_RES_KINDS];
};

static struct hx_res_holder holders[HOLDERS];
static struct model models[HOLDERS];
static struct {
	void *p;
	unsigned holder;
	uint64_t n;
} blocks[BLOCKS];
static uint64_t seed;
static unsigned n_done, n_refused, n_ended;

static unsigned below(unsigned n)
{
	return (unsigned)hx_test_random_below(&seed, n);
}

static bool is_under(unsigned h, unsigned top)
{
	int at = (int)h;

	while (at >= 0 && at != (int)top)
		at = models[at].parent;
	return at >= 0;
}

static uint64_t charged(unsigned top, unsigned kind)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < HOLDERS; i++)
		if (models[i].is_there && is_under(i, top))
			sum += models[i].reserved[kind] + models[i].used[kind];
	return sum;
}

static bool fits(unsigned h, unsigned kind, uint64_t n)
{
	for (int at = (int)h; at >= 0; at = models[at].parent)
		if (charged((unsigned)at, kind) + n > models[at].hard[kind])
			return false;
	return true;
}

static void expect(int got, int want)
{
	assert_int_equal(got, want);
	if (got == 0)
		n_done++;
	else
		n_refused++;
}

static void do_init(unsigned h)
{
	int parent = below(4) == 0 ? -1 : (int)below(HOLDERS), depth = 1;

	if (parent >= 0 && !models[parent].is_there)
		parent = -1;
	for (int at = parent; at >= 0; at = models[at].parent)
		depth++;
	expect(hx_res_holder_init(&holders[h], "h", parent >= 0 ? &holders[parent] : NULL),
	       depth > (int)HX_RES_DEPTH_MAX ? -HX_ELOOP : 0);
	if (depth > (int)HX_RES_DEPTH_MAX)
		return;
	models[h] = (struct model){ .is_there = true, .parent = parent };
	for (unsigned k = 0; k < HX_RES_KINDS; k++)
		models[h].hard[k] = UINT64_MAX / 2;
}

static void do_end(unsigned h)
{
	bool is_parent = false;

	for (unsigned i = 0; i < HOLDERS; i++)
		is_parent |= models[i].is_there && models[i].parent == (int)h;
	expect(hx_res_holder_end(&holders[h]), is_parent ? -HX_EBUSY : 0);
	if (is_parent)
		return;
	models[h].is_there = false;
	n_ended++;
	for (unsigned i = 0; i < BLOCKS; i++)
		if (blocks[i].p != NULL && blocks[i].holder == h)
			blocks[i].p = NULL;
}

static void do_limit(unsigned h)
{
	unsigned k = below(HX_RES_KINDS);
	uint64_t hard = below(3) == 0 ? UINT64_MAX / 2 : below(4000), soft = below(4000);

	expect(hx_res_limit(&holders[h], (enum hx_res_kind)k, soft, hard),
	       soft > hard ? -HX_EINVAL : 0);
	if (soft <= hard)
		models[h].hard[k] = hard;
}

static void do_reserve(unsigned h)
{
	struct hx_res_want wants[4];
	unsigned n = below(5), i;
	bool ok = true;

	for (i = 0; i < n; i++) {
		wants[i].kind = (enum hx_res_kind)below(HX_RES_KINDS);
		wants[i].n = below(500);
		ok = ok && fits(h, wants[i].kind, wants[i].n);
		if (ok)
			models[h].reserved[wants[i].kind] += wants[i].n;
		else
			break;
	}
	for (unsigned k = 0; !ok && k < i; k++)
		models[h].reserved[wants[k].kind] -= wants[k].n;
	for (i++; !ok && i < n; i++)
		wants[i] = (struct hx_res_want){ HX_RES_CPU, 1 };
	expect(hx_res_reserve(&holders[h], wants, n), ok ? 0 : -HX_ENOSPC);
}

static void do_change(unsigned h)
{
	unsigned kind = below(HX_RES_KINDS);
	enum hx_res_kind k = (enum hx_res_kind)kind;
	uint64_t n = below(300), *reserved = &models[h].reserved[kind];

	switch (below(4)) {
	case 0:
		expect(hx_res_use(&holders[h], k, n), n > *reserved ? -HX_EINVAL : 0);
		if (n <= *reserved) {
			*reserved -= n;
			models[h].used[kind] += n;
		}
		break;
	case 1:
		n = hx_min_u64(n, *reserved);
		hx_res_unreserve(&holders[h], k, n);
		*reserved -= n;
		break;
	case 2:
		if (kind == HX_RES_MEMORY)	/* blocks only, which have their own way back */
			break;
		n = hx_min_u64(n, models[h].used[kind]);
		hx_res_release(&holders[h], k, n);
		models[h].used[kind] -= n;
		break;
	default:
		if (kind == HX_RES_MEMORY)
			break;
		if (!fits(h, kind, n)) {
			expect(hx_res_take(&holders[h], k, n), -HX_ENOSPC);
			break;
		}
		expect(hx_res_take(&holders[h], k, n), 0);
		models[h].used[kind] += n;
	}
}

static void do_block(unsigned h)
{
	unsigned i = below(BLOCKS);
	uint64_t n = 1 + below(600);

	if (blocks[i].p != NULL) {
		hx_res_free(blocks[i].p);
		models[blocks[i].holder].used[HX_RES_MEMORY] -= blocks[i].n;
		blocks[i].p = NULL;
		return;
	}
	blocks[i].p = hx_res_alloc(&holders[h], n);
	assert_int_equal(blocks[i].p != NULL, fits(h, HX_RES_MEMORY, n + 48));
	if (blocks[i].p == NULL)
		return;
	memset(blocks[i].p, 0x5a, n);
	blocks[i].holder = h;
	blocks[i].n = n + 48;
	models[h].used[HX_RES_MEMORY] += n + 48;
}

static void compare(void)
{
	for (unsigned h = 0; h < HOLDERS; h++)
		for (unsigned k = 0; models[h].is_there && k < HX_RES_KINDS; k++) {
			const struct hx_res_account *a = &holders[h].accounts[k];

			assert_int_equal(a->reserved, models[h].reserved[k]);
			assert_int_equal(a->used, models[h].used[k]);
			assert_int_equal(a->charged, charged(h, k));
			assert_true(a->peak >= a->charged);
		}
	assert_int_equal(hx_res_check(), 0);
}

static void every_answer_and_every_sum_is_right(void **state)
{
	unsigned left = HOLDERS;

	seed = hx_test_seed();
	for (unsigned i = 0; i < STEPS; i++) {
		unsigned h = below(HOLDERS);

		if (!models[h].is_there)
			do_init(h);
		else if (below(300) == 0)
			do_end(h);
		else if (below(20) == 0)
			do_limit(h);
		else if (below(3) == 0)
			do_reserve(h);
		else if (below(2) == 0)
			do_block(h);
		else
			do_change(h);
		if (i % 64 == 0)
			compare();
	}
	compare();
	while (left != 0) {
		left = 0;
		for (unsigned h = 0; h < HOLDERS; h++)
			if (models[h].is_there) {
				do_end(h);
				left++;
			}
	}
	assert_int_equal(hx_res_n_holders(), 0);
	assert_true(n_done > STEPS / 10 && n_refused > STEPS / 20 && n_ended > 50);
}

static int setup(void **state)
{
	hx_test_machine_usual(16 * HX_MIB);
	hx_test_start("resources");
	return 0;
}

static int teardown(void **state)
{
	hx_test_machine_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_answer_and_every_sum_is_right, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
