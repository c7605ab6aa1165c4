/* SPDX-License-Identifier: MIT */
/* What a run comes down to: numbers, and their text, JSON and Markdown forms. */
#ifndef SCHEDSIM_REPORT_H
#define SCHEDSIM_REPORT_H

#include "sim.h"

/* One line of the table: the threads of one spec. Shares and errors in percent. */
struct spec_report {
	const char *name;
	unsigned n_threads, n_refused;
	uint64_t wait_mean_ns, wait_max_ns;
	uint64_t n_jobs, n_done, n_missed;	/* jobs: done, or old enough to count */
	uint64_t p50_ns, p99_ns, max_ns;	/* of the response */
	uint64_t n_ended, turnaround_mean_ns;
	double cpu_share, jobs_per_s;
	uint64_t n_runs, n_preempted, n_moved;
	bool has_budget;
	double budget_mean, budget_worst;	/* beyond it: in the long run; in one period */
};

struct run_report {
	struct spec_report specs[WL_SPECS_MAX];
	uint64_t n_switches, n_preempted, n_moved, n_missed, n_deadlines;
	double used, idle, cost, wasted;	/* percent of all CPUs' time */
	double jain;
	uint64_t watched_p99_ns, watched_n;	/* of all watched threads together */
	bool has_budget;
	double budget_worst, budget_mean;	/* the one farthest from its budget */
};

/* The smallest value that p percent of the sorted values do not exceed; 0 of none. */
uint64_t percentile(const struct samples *sorted, unsigned p);
/* Jain's index of n shares: 1 all equal, 1/n one has all. 1 of none. */
double jain_index(const double *x, size_t n);

void report_make(const struct sim *s, struct run_report *r);
void report_text(const struct sim *s, const struct run_report *r, FILE *f);
void report_json(const struct sim *s, const struct run_report *r, FILE *f);
/* "-", "850 us", "12.3 ms", "4.56 s" */
const char *time_text(uint64_t ns, char buf[24]);

#define SEEDS_MAX	99u
#define SEEDS_SHOWN	5u	/* unless more or fewer are asked for */

struct compare_options {
	const struct hx_sched_ops *const *ops;
	struct workload *const *workloads;
	unsigned n_ops, n_workloads;
	unsigned n_seeds;	/* 1..SEEDS_MAX: the first and those after it */
	unsigned cpus;		/* 0: the workload's */
	uint64_t seed;		/* the first; 0: the workload's */
};

/* compare.c: one Markdown table; 0, or 1: some run broke a rule and is shown as such. */
int compare(const struct compare_options *o, FILE *f);

/* random.c: how much of a provider the events reached. */
struct random_reached {
	uint64_t n_switches, n_preempted, n_moved, n_refused;
	uint64_t n_alloc_failed;
	uint32_t most_ready, most_held;		/* at one queue at a time */
};

#define ALLOC_FAILS_IN	8u	/* unless something else is asked for */

struct random_options {
	unsigned cpus, alloc_fails_in;	/* one allocation in so many fails; 0: none */
	uint64_t seed, n_events;
};

/* Random events, invariants checked at each. 0, or -HX_EINVAL with error. */
HX_MUST_CHECK int random_run(const struct hx_sched_ops *ops, const struct random_options *ro,
			     struct random_reached *reached, char error[SIM_ERROR_MAX]);

#endif
