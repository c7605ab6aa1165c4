// SPDX-License-Identifier: MIT
/*
 * The same workloads under several schedulers, as one Markdown table. Every number comes from a run
 * made here; nothing is kept from one call to the next.
 */
#include "report.h"
#include <stdlib.h>

typedef unsigned long long ull;

static void put_row(const struct sim *s, FILE *f)
{
	struct run_report *r = xalloc(1, sizeof(*r));
	unsigned i, n_refused = 0;
	char p99[24];

	report_make(s, r);
	for (i = 0; i < s->w->n_specs; i++)
		n_refused += r->specs[i].n_refused;
	fprintf(f, "| %s | %s | %s | ", s->w->name, s->ops->name,
		r->watched_n != 0 ? time_text(r->watched_p99_ns, p99) : "-");
	if (r->n_deadlines == 0)
		fprintf(f, "- | ");
	else
		fprintf(f, "%llu of %llu | ", (ull)r->n_missed, (ull)r->n_deadlines);
	if (n_refused != 0)
		fprintf(f, "%u | ", n_refused);
	else
		fprintf(f, "- | ");
	if (r->has_budget)
		fprintf(f, "%+.2f %% | %+.1f %% | ", r->budget_mean, r->budget_worst);
	else
		fprintf(f, "- | - | ");
	fprintf(f, "%.2f %% | %.3f | %llu |\n", r->cost + r->wasted, r->jain, (ull)r->n_switches);
	free(r);
}

int compare(const struct hx_sched_ops *const *ops, unsigned n_ops,
	    struct workload *const *workloads, unsigned n_workloads, FILE *f)
{
	int failed = 0;
	unsigned i, k;

	fprintf(f, "| workload | scheduler | watched p99 | deadlines missed | refused | "
		"beyond budget | worst period | throughput lost | Jain | switches |\n"
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
	for (i = 0; i < n_workloads; i++) {
		for (k = 0; k < n_ops; k++) {
			struct sim_options o = { .ops = ops[k], .check = true };
			struct sim *s;

			if (sim_run(workloads[i], &o, &s) == 0) {
				put_row(s, f);
			} else {
				fprintf(f, "| %s | %s | FAILED: %s | | | | | | | |\n",
					workloads[i]->name, ops[k]->name, s->error);
				failed = 1;
			}
			sim_free(s);
		}
	}
	return failed;
}
