/* SPDX-License-Identifier: MIT */
/* How a CPU forgets all translations: what CPUID decides, bit by bit. */
#include "hx_test.h"
#include <hx/hal/tlb_way.h>

#define PCID	(1u << 17)	/* leaf 1 ECX; Intel SDM vol. 2, CPUID */
#define PGE	(1u << 13)	/* leaf 1 EDX */
#define INVPCID	(1u << 10)	/* leaf 7 EBX */

static void all_three_are_needed_for_invpcid(void **state)
{
	assert_int_equal(hx_tlb_way_of(PCID, PGE, INVPCID), HX_TLB_BY_INVPCID);
	assert_int_equal(hx_tlb_way_of(0, PGE, INVPCID), HX_TLB_BY_PGE);
	assert_int_equal(hx_tlb_way_of(PCID, PGE, 0), HX_TLB_BY_PGE);
	assert_int_equal(hx_tlb_way_of(0, PGE, 0), HX_TLB_BY_PGE);
	assert_int_equal(hx_tlb_way_of(PCID, 0, INVPCID), HX_TLB_BY_CR3);
	assert_int_equal(hx_tlb_way_of(0, 0, INVPCID), HX_TLB_BY_CR3);
	assert_int_equal(hx_tlb_way_of(0, 0, 0), HX_TLB_BY_CR3);
}

static void no_other_bit_decides(void **state)
{
	assert_int_equal(hx_tlb_way_of(~PCID, ~0u, ~0u), HX_TLB_BY_PGE);
	assert_int_equal(hx_tlb_way_of(~0u, ~0u, ~INVPCID), HX_TLB_BY_PGE);
	assert_int_equal(hx_tlb_way_of(~0u, ~PGE, ~0u), HX_TLB_BY_CR3);
	assert_int_equal(hx_tlb_way_of(~0u, ~0u, ~0u), HX_TLB_BY_INVPCID);
}

static void tags_come_with_global_pages_only(void **state)
{
	assert_true(hx_tlb_can_have_tags(PCID, PGE));
	assert_false(hx_tlb_can_have_tags(~0u, ~PGE));
	assert_false(hx_tlb_can_have_tags(~PCID, ~0u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_three_are_needed_for_invpcid),
		cmocka_unit_test(no_other_bit_decides),
		cmocka_unit_test(tags_come_with_global_pages_only),
	};

	return cmocka_run_group_tests_name("tlb_way", tests, NULL, NULL);
}
