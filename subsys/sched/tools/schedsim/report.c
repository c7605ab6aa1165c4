// SPDX-License-Identifier: MIT
/*
 * From what was measured to the table: per kind of thread, and of the run as a whole.
 */
#include "report.h"
#include <stdlib.h>

typedef unsigned long long ull;

uint64_t percentile(const struct samples *s, unsigned p)
{
	size_t k = (s->n * p + 99) / 100;

	return s->n == 0 ? 0 : s->v[k != 0 ? k - 1 : 0];
}

double jain_index(const double *x, size_t n)
{
	double sum = 0, squares = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		sum += x[i];
		squares += x[i] * x[i];
	}
	return squares > 0 ? sum * sum / ((double)n * squares) : 1;
}

const char *time_text(uint64_t ns, char buf[24])
{
	if (ns == 0)
		snprintf(buf, 24, "0");
	else if (ns < HX_NS_PER_US)
		snprintf(buf, 24, "%llu ns", (ull)ns);
	else if (ns < HX_NS_PER_MS)
		snprintf(buf, 24, "%llu us", (ull)(ns / HX_NS_PER_US));
	else if (ns < 100 * HX_NS_PER_MS)
		snprintf(buf, 24, "%.2f ms", (double)ns / 1e6);
	else if (ns < HX_NS_PER_S)
		snprintf(buf, 24, "%llu ms", (ull)(ns / HX_NS_PER_MS));
	else
		snprintf(buf, 24, "%.2f s", (double)ns / 1e9);
	return buf;
}

/* ---- the numbers */

/* How far one thread is beyond its budget, in percent of the window. */
static void add_budget(const struct sim *s, const struct vthread *t, struct spec_report *r)
{
	uint64_t window = 0, budget = measure_budget(t, &window), end;
	double mean;

	if (budget == 0 || !t->started)
		return;
	end = t->t.state == HX_THREAD_DEAD ? t->ended_ns : s->now;
	if (end - t->arrived_ns < window)
		return;
	mean = 100 * ((double)t->ran_ns / (double)(end - t->arrived_ns) -
		      (double)budget / (double)window);
	if (!r->has_budget || mean > r->budget_mean)
		r->budget_mean = mean;
	r->budget_worst = 100 * (double)s->measured[t->spec].worst_over_ns / (double)window;
	r->has_budget = true;
}

static void add_thread(const struct sim *s, const struct vthread *t, struct spec_report *r)
{
	r->n_threads += t->started;
	r->n_runs += t->n_runs;
	r->n_preempted += t->n_preempted;
	r->n_moved += t->n_moved;
	r->cpu_share += 100 * (double)t->ran_ns / ((double)s->now * s->n_cpus);
	add_budget(s, t, r);
}

static void finish_spec(const struct sim *s, unsigned i, struct spec_report *r)
{
	const struct measured *m = &s->measured[i];
	double sum = 0;
	size_t k;

	for (k = 0; k < m->wait.n; k++)
		sum += (double)m->wait.v[k];
	r->name = s->w->specs[i].name;
	r->n_refused = (unsigned)m->n_refused;
	r->wait_mean_ns = m->wait.n != 0 ? (uint64_t)(sum / (double)m->wait.n) : 0;
	r->wait_max_ns = m->wait.n != 0 ? m->wait.v[m->wait.n - 1] : 0;
	r->n_jobs = m->response.n;
	r->n_done = m->n_marks;
	r->n_missed = m->n_missed;
	r->p50_ns = percentile(&m->response, 50);
	r->p99_ns = percentile(&m->response, 99);
	r->max_ns = percentile(&m->response, 100);
	r->n_ended = m->n_ended;
	r->turnaround_mean_ns = m->n_ended != 0 ? m->turnaround_ns / m->n_ended : 0;
	r->jobs_per_s = (double)m->n_marks / ((double)s->now / 1e9);
}

static void watch(const struct sim *s, struct run_report *r)
{
	struct samples all = { .n = 0 };
	unsigned i;
	size_t k;

	for (i = 0; i < s->w->n_specs; i++) {
		for (k = 0; s->w->watched[i] && k < s->measured[i].response.n; k++)
			sample_add(&all, s->measured[i].response.v[k]);
	}
	sample_sort(&all);
	r->watched_p99_ns = percentile(&all, 99);
	r->watched_n = all.n;
	free(all.v);
}

/* Each thread's share of what it wanted: of the time it ran or waited to run, how much it ran. */
static double fairness(const struct sim *s)
{
	double *x = xalloc(s->n_threads, sizeof(*x)), result;
	size_t n = 0;
	unsigned i;

	for (i = 0; i < s->n_threads; i++) {
		const struct vthread *t = &s->threads[i];

		if (t->started && t->ran_ns + t->waited_ns != 0)
			x[n++] = (double)t->ran_ns / (double)(t->ran_ns + t->waited_ns);
	}
	result = jain_index(x, n);
	free(x);
	return result;
}

void report_make(const struct sim *s, struct run_report *r)
{
	double all = (double)s->now * s->n_cpus / 100;
	unsigned i;

	*r = (struct run_report){ .jain = fairness(s) };
	for (i = 0; i < s->n_threads; i++)
		add_thread(s, &s->threads[i], &r->specs[s->threads[i].spec]);
	for (i = 0; i < s->w->n_specs; i++) {
		struct spec_report *sr = &r->specs[i];

		finish_spec(s, i, sr);
		r->n_missed += sr->n_missed;
		r->n_deadlines += s->measured[i].due_ns != 0 ?
				  s->measured[i].n_marks + s->measured[i].open.n : 0;
		r->n_moved += sr->n_moved;
		if (sr->has_budget && (!r->has_budget || sr->budget_mean > r->budget_mean)) {
			r->budget_mean = sr->budget_mean;
			r->has_budget = true;
		}
		if (sr->has_budget && sr->budget_worst > r->budget_worst)
			r->budget_worst = sr->budget_worst;
	}
	for (i = 0; i < s->n_cpus; i++) {
		const struct vcpu *v = &s->cpus[i];

		r->n_switches += v->rq.n_switches;
		r->n_preempted += v->rq.n_preempted;
		r->idle += (double)v->idle_ns / all;
		r->cost += (double)v->cost_ns / all;
		r->wasted += (double)v->wasted_ns / all;
	}
	r->used = 100 - r->idle - r->cost;
	watch(s, r);
}

/* ---- text */

static void text_spec(const struct spec_report *r, FILE *f)
{
	char a[24], b[24], c[24], d[24], e[24], t[24];

	fprintf(f, "%-19s %5u %7.2f%% %9s %9s", r->name, r->n_threads, r->cpu_share,
		time_text(r->wait_mean_ns, a), time_text(r->wait_max_ns, b));
	if (r->n_jobs != 0)
		fprintf(f, " %7llu %9s %9s %9s %6llu", (ull)r->n_done, time_text(r->p50_ns, c),
			time_text(r->p99_ns, d), time_text(r->max_ns, e), (ull)r->n_missed);
	else
		fprintf(f, " %7s %9s %9s %9s %6s", "-", "-", "-", "-", "-");
	fprintf(f, " %9s %8llu", r->n_ended != 0 ? time_text(r->turnaround_mean_ns, t) : "-",
		(ull)r->n_runs);
	if (r->has_budget)
		fprintf(f, "  budget %+.2f%% (worst period %+.1f%%)", r->budget_mean,
			r->budget_worst);
	if (r->n_refused != 0)
		fprintf(f, "  refused %u", r->n_refused);
	fputc('\n', f);
}

void report_text(const struct sim *s, const struct run_report *r, FILE *f)
{
	unsigned i;

	fprintf(f, "%s, scheduler %s, %u CPU%s, %.3f s, seed %llu, tick %u Hz, switch %llu ns\n\n",
		s->w->name, s->ops->name, s->n_cpus, s->n_cpus == 1 ? "" : "s",
		(double)s->now / 1e9, (ull)s->seed, s->w->tick_hz, (ull)s->w->switch_ns);
	fprintf(f, "%-19s %5s %8s %9s %9s %7s %9s %9s %9s %6s %9s %8s\n", "", "", "", "wait", "",
		"jobs", "response", "", "", "", "turn-", "times");
	fprintf(f, "%-19s %5s %8s %9s %9s %7s %9s %9s %9s %6s %9s %8s\n", "threads", "count", "CPU",
		"mean", "max", "done", "p50", "p99", "max", "late", "around", "on CPU");
	for (i = 0; i < s->w->n_specs; i++)
		text_spec(&r->specs[i], f);
	fprintf(f, "\nused %.2f%%, idle %.2f%% (%.2f%% while somebody could run), "
		"switching %.2f%%; %llu switches, %llu preemptions, %llu moves\n"
		"deadlines missed %llu of %llu; Jain's index of satisfied demand %.4f\n", r->used,
		r->idle, r->wasted, r->cost, (ull)r->n_switches, (ull)r->n_preempted,
		(ull)r->n_moved, (ull)r->n_missed, (ull)r->n_deadlines, r->jain);
}

/* ---- JSON */

static void json_spec(const struct spec_report *r, FILE *f)
{
	fprintf(f, "{\"name\":\"%s\",\"threads\":%u,\"refused\":%u,\"cpu_percent\":%.4f,"
		"\"wait_mean_ns\":%llu,\"wait_max_ns\":%llu,\"jobs_done\":%llu,\"missed\":%llu,"
		"\"response_p50_ns\":%llu,\"response_p99_ns\":%llu,\"response_max_ns\":%llu,"
		"\"jobs_per_s\":%.3f,\"ended\":%llu,\"turnaround_mean_ns\":%llu,\"runs\":%llu,"
		"\"preempted\":%llu,\"moved\":%llu", r->name, r->n_threads, r->n_refused,
		r->cpu_share, (ull)r->wait_mean_ns, (ull)r->wait_max_ns, (ull)r->n_done,
		(ull)r->n_missed, (ull)r->p50_ns, (ull)r->p99_ns, (ull)r->max_ns, r->jobs_per_s,
		(ull)r->n_ended, (ull)r->turnaround_mean_ns, (ull)r->n_runs, (ull)r->n_preempted,
		(ull)r->n_moved);
	if (r->has_budget)
		fprintf(f, ",\"budget_error_percent\":%.4f,\"budget_worst_period_percent\":%.4f",
			r->budget_mean, r->budget_worst);
	fputc('}', f);
}

void report_json(const struct sim *s, const struct run_report *r, FILE *f)
{
	unsigned i;

	fprintf(f, "{\"workload\":\"%s\",\"scheduler\":\"%s\",\"cpus\":%u,\"length_ns\":%llu,"
		"\"seed\":%llu,\"switches\":%llu,\"preemptions\":%llu,\"moves\":%llu,"
		"\"used_percent\":%.4f,\"idle_percent\":%.4f,\"wasted_percent\":%.4f,"
		"\"switching_percent\":%.4f,\"deadlines\":%llu,\"missed\":%llu,\"jain\":%.6f,"
		"\"threads\":[\n", s->w->name, s->ops->name, s->n_cpus, (ull)s->now, (ull)s->seed,
		(ull)r->n_switches, (ull)r->n_preempted, (ull)r->n_moved, r->used, r->idle,
		r->wasted, r->cost, (ull)r->n_deadlines, (ull)r->n_missed, r->jain);
	for (i = 0; i < s->w->n_specs; i++) {
		json_spec(&r->specs[i], f);
		fprintf(f, i + 1 < s->w->n_specs ? ",\n" : "\n]}\n");
	}
}
