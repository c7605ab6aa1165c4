// SPDX-License-Identifier: MIT
/* In the booted kernel: no sequence of public operations ever widens rights. */
#include <hx/config/core_lib.h>
#include <hx/core/ktest.h>

#include "sequences_priv.h"

#define SEQUENCES	(HX_ENABLED(DEBUG_LOCKS) || HX_ENABLED(DEBUG_ASSERT) ? 2000u : 10000u)

HX_KTEST(caps_no_sequence_widens_rights)
{
	seq_run(SEQUENCES, hx_now_ns(), 20);
	hx_expect(t, seq.n_wrong == 0);
	hx_expect(t, seq.n_given > SEQUENCES && seq.n_refused > SEQUENCES / 10);
	/* One may expire before it is looked at. */
	hx_expect(t, seq.n_allowed > SEQUENCES / 8);
}
