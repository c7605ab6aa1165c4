// SPDX-License-Identifier: MIT
/* I/O ports: random ranges of several holders against an array that says whose each port is. */
#include "hx_test.h"
#include <hx/core/names.h>
#include <hx/core/string.h>

#include "resources_priv.h"

#define STEPS	200000u
#define HOLDERS	4u
#define RANGES	40u
#define PORTS	256u		/* so that they meet often */
#define P	HX_RES_PORTS

static struct hx_res_holder holders[HOLDERS];
static struct { struct hx_res_ports p; bool is_taken; unsigned holder; } ranges[RANGES];
static uint8_t owner[PORTS];	/* 0: nobody, 1: the kernel, else a holder */
static uint64_t seed;

static unsigned below(unsigned n)
{
	return (unsigned)hx_test_random_below(&seed, n);
}

/* 0: the kernel. */
static struct hx_res_holder *holder_at(unsigned idx)
{
	return idx == 0 ? NULL : &holders[idx - 1];
}

static int setup(void **state)
{
	hx_test_machine_usual(16 * HX_MIB);
	hx_test_start("threads");
	hx_test_start("resources");
	memset(ranges, 0, sizeof(ranges));
	memset(owner, 0, sizeof(owner));
	for (unsigned i = 0; i < HOLDERS; i++)
		assert_int_equal(hx_res_holder_init(&holders[i], "h", NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	struct res_ports_row row;

	for (unsigned i = 0; i < RANGES; i++)
		if (ranges[i].is_taken)
			hx_res_ports_give(&ranges[i].p);
	assert_int_equal(hx_res_check(), 0);
	for (unsigned i = 0; i < HOLDERS; i++)
		assert_int_equal(hx_res_holder_end(&holders[i]), 0);
	assert_false(res_ports_at(0, &row));
	assert_int_equal(hx_res_n_leaked(), 0);
	hx_test_machine_end();
	return 0;
}

static bool is_all(unsigned first, unsigned n, uint8_t whose)
{
	for (unsigned i = first; i < first + n; i++)
		if (owner[i] != whose)
			return false;
	return true;
}

static void do_take(unsigned i)
{
	unsigned h = below(HOLDERS + 1), first = below(PORTS), n = below(12);
	int want = n == 0 ? -HX_EINVAL : 0;

	n = first + n > PORTS ? PORTS - first : n;
	if (want == 0 && h != 0 && holders[h - 1].accounts[P].charged + n >
				   holders[h - 1].accounts[P].hard)
		want = -HX_ENOSPC;
	else if (want == 0 && !is_all(first, n, 0))
		want = -HX_EBUSY;
	assert_int_equal(hx_res_ports_take(holder_at(h), &ranges[i].p, "r", first, n), want);
	if (want != 0)
		return;
	ranges[i].is_taken = true;
	ranges[i].holder = h;
	memset(owner + first, (int)h + 1, n);
}

static void forget(unsigned i)
{
	memset(owner + ranges[i].p.first, 0, ranges[i].p.n);
	ranges[i].is_taken = false;
}

static void do_end(unsigned h)
{
	assert_int_equal(hx_res_holder_end(&holders[h - 1]), 0);
	assert_int_equal(hx_res_holder_init(&holders[h - 1], "h", NULL), 0);
	if (below(2) == 0)
		assert_int_equal(hx_res_limit(&holders[h - 1], P, HX_RES_NONE, below(60)), 0);
	for (unsigned i = 0; i < RANGES; i++)
		if (ranges[i].is_taken && ranges[i].holder == h)
			forget(i);
}

static void ranges_are_as_in_the_model(void **state)
{
	seed = hx_test_seed();
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = below(RANGES), first = below(PORTS - 12), n = 1 + below(12);
		unsigned h = below(HOLDERS + 1);

		if (step % 1000 == 0)
			do_end(1 + below(HOLDERS));
		if (!ranges[i].is_taken) {
			do_take(i);
		} else {
			hx_res_ports_give(&ranges[i].p);
			forget(i);
		}
		assert_int_equal(hx_res_ports_has(holder_at(h), first, n),
				 is_all(first, n, (uint8_t)(h + 1)));
	}
}

static void no_such_ports(void **state)
{
	struct hx_res_ports p;

	assert_int_equal(hx_res_ports_take(&holders[0], &p, "r", 0, 0), -HX_EINVAL);
	assert_int_equal(hx_res_ports_take(&holders[0], &p, "r", 65536, 1), -HX_EINVAL);
	assert_int_equal(hx_res_ports_take(&holders[0], &p, "r", 65535, 2), -HX_EINVAL);
	assert_int_equal(hx_res_ports_take(&holders[0], &p, "r", 1, UINT32_MAX), -HX_EINVAL);
	assert_int_equal(holders[0].accounts[P].charged, 0);
	assert_int_equal(hx_res_ports_take(&holders[0], &p, "r", 0, 65536), 0);
	assert_true(hx_res_ports_has(&holders[0], 0, 65536));
	assert_false(hx_res_ports_has(&holders[0], 65535, 2));
	assert_false(hx_res_ports_has(&holders[0], UINT32_MAX, UINT32_MAX));
	hx_res_ports_give(&p);
	assert_int_equal(holders[0].accounts[P].charged, 0);
}

static void who_has_what_is_shown(void **state)
{
	struct hx_res_ports p, q;
	char text[256];
	struct hx_text_buf out;

	assert_int_equal(hx_res_ports_take(NULL, &p, "uart", 0x3f8, 8), 0);
	assert_int_equal(hx_res_ports_take(&holders[0], &q, "pci", 0xcf8, 8), 0);
	hx_text_buf_init(&out, text, sizeof(text));
	assert_int_equal(hx_names_show("/proc/ports", &out.text), 0);
	assert_string_equal(text, "first=0x3f8 last=0x3ff name=uart holder=kernel\n"
				  "first=0xcf8 last=0xcff name=pci holder=h\n");
	hx_res_ports_give(&p);
	hx_res_ports_give(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ranges_are_as_in_the_model, setup, teardown),
		cmocka_unit_test_setup_teardown(no_such_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(who_has_what_is_shown, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
