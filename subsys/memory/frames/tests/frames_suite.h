/* SPDX-License-Identifier: MIT */
/*
 * What the programs of the frame allocators' contract suite share: the one on trial, and the loop
 * over all of them.
 */
#ifndef FRAMES_SUITE_H
#define FRAMES_SUITE_H

#include "../../tests/provider_suite.h"

#include <hx/config/core_lib.h>
#include <hx/config/core_mem.h>
#include <hx/core/frames.h>
#include <hx/hal/mmu.h>

static const struct hx_frames_ops *ops;		/* the one on trial */

static inline int suite_run(const struct suite_case *cases, unsigned n, CMFixtureFunction up,
			    CMFixtureFunction down)
{
	const struct hx_frames_ops *const *it;
	unsigned n_providers = 0;
	int failed = 0;

	HX_SECTION_FOREACH(it, hx_frames_classes) {
		if (!suite_means("_frames_", (*it)->name))
			continue;
		n_providers++;
		failed += suite_try((*it)->name, *it, (*it)->promises, cases, n, up, down);
	}
	return n_providers == 0 ? 1 : failed;	/* a suite over nobody proves nothing */
}

#endif
