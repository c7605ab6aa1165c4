/* SPDX-License-Identifier: MIT */
/* The runner's parts as they see each other. */
#ifndef BENCH_PRIV_H
#define BENCH_PRIV_H

#include <hx/base.h>
#include <hx/core/bench.h>
#include <hx/core/text.h>

/* One result. The texts are constant. */
struct figure {
	const char *name, *unit;
	uint32_t n, min, p50, p99, max;
};

/* What all figures of one kernel share. */
struct figure_machine {
	const char *arch, *profile, *cc;
	unsigned cpus;
};

/* figure.c */
void figure_sort(uint32_t *v, uint32_t n);			/* ascending, in place */
/* Nearest rank of sorted values: the smallest one that at least percent of all do not exceed.
 * n > 0, percent 1..100. */
uint32_t figure_percentile(const uint32_t *sorted, uint32_t n, unsigned percent);
/* From the samples of a run (which get sorted); n > 0. */
void figure_make(struct figure *f, const char *name, const char *unit, uint32_t *samples,
		 uint32_t n);
void figure_show(struct hx_text *out, const struct figure *f, const struct figure_machine *m);

#endif
