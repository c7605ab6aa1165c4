// SPDX-License-Identifier: MIT
/*
 * The same workloads under several schedulers, as one Markdown table. Each is run with several
 * seeds, the workload's and those after it; what is shown is the median and, where the runs differ,
 * from where to where. Every number comes from a run made here.
 */
#include "report.h"
#include <stdlib.h>

typedef unsigned long long ull;

/* One number of all the runs. */
struct spread {
	double v[SEEDS_MAX];
	unsigned n;
};

struct row {
	struct spread p99_ns, missed, deadlines, refused, budget, worst, lost, jain, switches;
};

static void spread_add(struct spread *s, double v)
{
	unsigned i = s->n++;

	for (; i > 0 && s->v[i - 1] > v; i--)
		s->v[i] = s->v[i - 1];
	s->v[i] = v;
}

/* Of an even number of runs the lower of the two in the middle: a run that there was. */
static double median(const struct spread *s)
{
	return s->v[(s->n - 1) / 2];
}

static double greatest(const struct spread *s)
{
	return s->v[s->n - 1];
}

static void add_run(struct row *row, const struct sim *s)
{
	struct run_report *r = xalloc(1, sizeof(*r));
	unsigned i, n_refused = 0;

	report_make(s, r);
	for (i = 0; i < s->w->n_specs; i++)
		n_refused += r->specs[i].n_refused;
	if (r->watched_n != 0)
		spread_add(&row->p99_ns, (double)r->watched_p99_ns);
	if (r->n_deadlines != 0) {
		spread_add(&row->missed, (double)r->n_missed);
		spread_add(&row->deadlines, (double)r->n_deadlines);
	}
	if (r->has_budget) {
		spread_add(&row->budget, r->budget_mean);
		spread_add(&row->worst, r->budget_worst);
	}
	spread_add(&row->refused, n_refused);
	spread_add(&row->lost, r->cost + r->wasted);
	spread_add(&row->jain, r->jain);
	spread_add(&row->switches, (double)r->n_switches);
	free(r);
}

static void put_p99(const struct spread *s, FILE *f)
{
	char mid[24], from[24], to[24];

	if (s->n == 0) {
		fprintf(f, "- | - | ");
		return;
	}
	fprintf(f, "%s | ", time_text((uint64_t)median(s), mid));
	fprintf(f, "%s – %s | ", time_text((uint64_t)s->v[0], from),
		time_text((uint64_t)greatest(s), to));
}

static void put_missed(const struct row *row, FILE *f)
{
	const struct spread *m = &row->missed;

	if (m->n == 0) {
		fprintf(f, "- | ");
		return;
	}
	fprintf(f, "%.0f of %.0f", median(m), median(&row->deadlines));
	if (m->v[0] != greatest(m))
		fprintf(f, " (%.0f – %.0f)", m->v[0], greatest(m));
	fprintf(f, " | ");
}

static void put_row(const struct row *row, FILE *f)
{
	put_p99(&row->p99_ns, f);
	put_missed(row, f);
	if (median(&row->refused) != 0)
		fprintf(f, "%.0f | ", median(&row->refused));
	else
		fprintf(f, "- | ");
	if (row->budget.n != 0)
		fprintf(f, "%+.2f %% | %+.2f %% | ", median(&row->budget), greatest(&row->worst));
	else
		fprintf(f, "- | - | ");
	fprintf(f, "%.2f %% | %.3f | %.0f |\n", median(&row->lost), median(&row->jain),
		median(&row->switches));
}

/* Failed: the first run that broke a rule is shown in the row's place. */
static int run_row(const struct hx_sched_ops *ops, const struct workload *w,
		   const struct compare_options *o, FILE *f)
{
	struct sim_options so = { .ops = ops, .cpus = o->cpus };
	struct row *row = xalloc(1, sizeof(*row));
	uint64_t first = o->seed != 0 ? o->seed : w->seed;
	int failed = 0;
	struct sim *s;
	unsigned i;

	fprintf(f, "| %s | %s | ", w->name, ops->name);
	for (i = 0; i < o->n_seeds && !failed; i++) {
		so.seed = first + i;
		so.check = i == 0;	/* slow; --check and the random runs do more of it */
		if (sim_run(w, &so, &s) == 0) {
			add_run(row, s);
		} else {
			fprintf(f, "FAILED, seed %llu: %s | | | | | | | | |\n", (ull)so.seed,
				s->error);
			failed = 1;
		}
		sim_free(s);
	}
	if (!failed)
		put_row(row, f);
	free(row);
	return failed;
}

int compare(const struct compare_options *o, FILE *f)
{
	int failed = 0;
	unsigned i, k;

	fprintf(f, "| workload | scheduler | watched p99 | from – to | deadlines missed | "
		"refused | beyond budget | worst period | throughput lost | Jain | switches |\n"
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
	for (i = 0; i < o->n_workloads; i++) {
		for (k = 0; k < o->n_ops; k++)
			failed |= run_row(o->ops[k], o->workloads[i], o, f);
	}
	return failed;
}
