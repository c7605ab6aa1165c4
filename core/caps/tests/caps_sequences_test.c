/* SPDX-License-Identifier: MIT */
/* A million random sequences of public operations: none widens a right or lengthens a life. */
#include "hx_test.h"

#include "sequences_priv.h"

#define SEQUENCES	1000000u

static void no_short_sequence_widens_rights(void **state)
{
	seq_run(SEQUENCES, hx_test_seed(), 200);
	assert_int_equal(seq.n_wrong, 0);
	/* It was no walk through refusals only, nor one without. */
	assert_true(seq.n_given > SEQUENCES && seq.n_refused > SEQUENCES / 10);
	assert_true(seq.n_allowed > SEQUENCES / 2);
}

static int setup(void **state)
{
	hx_test_machine_usual(32 * HX_MIB);
	hx_test_start("caps");
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
		cmocka_unit_test_setup_teardown(no_short_sequence_widens_rights, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
