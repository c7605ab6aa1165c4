// SPDX-License-Identifier: MIT
/*
 * From samples to one figure, and a figure as a line of JSON.
 *
 * Sources: heapsort: J. W. J. Williams, CACM 7(6), 1964 (in place, no recursion, no bad case);
 * percentiles by nearest rank, so that each one is a value that was really measured.
 */
#include <hx/base.h>

#include "bench_priv.h"

static void sift_down(uint32_t *v, uint32_t root, uint32_t n)
{
	uint32_t value = v[root], child;

	while ((child = 2 * root + 1) < n) {
		if (child + 1 < n && v[child + 1] > v[child])
			child++;
		if (v[child] <= value)
			break;
		v[root] = v[child];
		root = child;
	}
	v[root] = value;
}

void figure_sort(uint32_t *v, uint32_t n)
{
	for (uint32_t i = n / 2; i-- > 0;)
		sift_down(v, i, n);
	while (n > 1) {
		uint32_t top = v[0];

		v[0] = v[--n];
		v[n] = top;
		sift_down(v, 0, n);
	}
}

uint32_t figure_percentile(const uint32_t *sorted, uint32_t n, unsigned percent)
{
	uint64_t rank = ((uint64_t)n * percent + 99) / 100;

	return sorted[rank - 1];
}

void figure_make(struct figure *f, const char *name, const char *unit, uint32_t *samples,
		 uint32_t n)
{
	figure_sort(samples, n);
	*f = (struct figure){
		.name = name, .unit = unit, .n = n, .min = samples[0],
		.p50 = figure_percentile(samples, n, 50), .p99 = figure_percentile(samples, n, 99),
		.max = samples[n - 1],
	};
}

void figure_show(struct hx_text *out, const struct figure *f, const struct figure_machine *m)
{
	hx_text_printf(out, "{\"bench\":\"%s\",\"unit\":\"%s\",\"n\":%u,\"min\":%u,\"p50\":%u,"
		       "\"p99\":%u,\"max\":%u,\"arch\":\"%s\",\"profile\":\"%s\",\"cpus\":%u,"
		       "\"cc\":\"%s\"}\n", f->name, f->unit, f->n, f->min, f->p50, f->p99, f->max,
		       m->arch, m->profile, m->cpus, m->cc);
}
