// SPDX-License-Identifier: MIT
/*
 * What is measured while it runs. A job begins when its thread could have begun it: at its arrival,
 * when its sleep was over, at the beat of its period, when the permit it takes was posted, at the
 * mark before. It ends at a mark; the time between is its response. Jobs not done at the end count
 * too, or a thread that starves would look well: see measure_finish().
 */
#include "sim.h"
#include "trace.h"
#include <stdlib.h>

#define PERCENT_WINDOW_NS	(100 * HX_NS_PER_MS)	/* for budgets that name no period */

void sample_add(struct samples *s, uint64_t v)
{
	if (s->n == s->room) {
		s->room = s->room != 0 ? 2 * s->room : 64;
		s->v = xgrow(s->v, s->room, sizeof(*s->v));
	}
	s->v[s->n++] = v;
}

void measure_arrival(struct sim *s, struct vthread *t)
{
	t->arrived_ns = s->now;
	measure_release(s, t, s->now);
}

void measure_release(struct sim *s, struct vthread *t, uint64_t at)
{
	t->release_ns = at;
	t->job_open = true;
}

/* A refused intent leaves the deadline: the world outside does not care why it is late. */
static uint64_t due_of(const struct sim *s, const struct vthread *t, uint64_t due_ns)
{
	if (due_ns != 0)
		return due_ns;
	return t->refused ? s->w->specs[t->spec].intent.deadline_ns : t->t.own_intent.deadline_ns;
}

void measure_mark(struct sim *s, struct vthread *t, uint64_t due_ns)
{
	struct measured *m = &s->measured[t->spec];
	uint64_t response = s->now - t->release_ns, due = due_of(s, t, due_ns);
	bool missed = due != 0 && response > due;

	sample_add(&m->response, response);
	m->n_marks++;
	m->n_missed += missed;
	measure_release(s, t, s->now);	/* it may go on at once with the next one */
	trace_add(s, missed ? TRACE_MISS : TRACE_MARK, t, t->cpu, response);
}

void measure_end(struct sim *s, struct vthread *t)
{
	struct measured *m = &s->measured[t->spec];

	t->ended_ns = s->now;
	t->job_open = false;
	m->n_ended++;
	m->turnaround_ns += s->now - t->arrived_ns;
}

/* ---- budgets */

uint64_t measure_budget(const struct vthread *t, uint64_t *window)
{
	const struct hx_intent *i = &t->t.own_intent;

	if (t->refused || (i->flags & HX_INTENT_BORROW))
		return 0;
	if (i->budget_kind == HX_BUDGET_QUOTA) {
		*window = i->budget_period_ns;
		return i->quota_ns;
	}
	*window = PERCENT_WINDOW_NS;
	return i->budget_kind == HX_BUDGET_PERCENT ? PERCENT_WINDOW_NS / 100 * i->budget : 0;
}

/* It ran so long from then on: part of that may fall into the next window, counted from arrival. */
void measure_ran(struct sim *s, struct vthread *t, uint64_t from, uint64_t ns)
{
	struct measured *m = &s->measured[t->spec];
	uint64_t window = 0, budget = measure_budget(t, &window), nr, part;
	int64_t over;

	while (budget != 0 && ns != 0) {
		nr = (from - t->arrived_ns) / window;
		if (nr != t->window) {
			t->window = nr;
			t->window_ran = 0;
		}
		part = t->arrived_ns + (nr + 1) * window - from;
		part = part < ns ? part : ns;
		t->window_ran += part;
		over = (int64_t)t->window_ran - (int64_t)budget;
		if (over > m->worst_over_ns)
			m->worst_over_ns = over;
		from += part;
		ns -= part;
	}
}

/* ---- the end */

static void open_job(struct sim *s, unsigned spec, uint64_t release, uint64_t due)
{
	struct measured *m = &s->measured[spec];

	if (!m->marks)
		return;
	sample_add(&m->open, s->now - release);
	m->n_missed += due != 0 && s->now - release > due;
}

/* A periodic thread that is late has jobs behind the one it is at: one a beat that passed. */
static void missed_beats(struct sim *s, struct vthread *t)
{
	const struct spec *spec = &s->w->specs[t->spec];
	uint64_t due = due_of(s, t, s->measured[t->spec].due_ns), at;
	unsigned i;

	for (i = 0; i < spec->n_ops && spec->ops[i].kind != OP_EVERY; i++)
		;
	if (i == spec->n_ops || spec->ops[i].time.kind != DIST_CONST || t->every_next == 0)
		return;
	for (at = t->every_next + spec->ops[i].time.a; at < s->now; at += spec->ops[i].time.a)
		open_job(s, t->spec, at, due);
}

static void finish_thread(struct sim *s, struct vthread *t)
{
	struct measured *m = &s->measured[t->spec];

	if (!t->started || t->t.state == HX_THREAD_DEAD)
		return;
	if (t->t.state == HX_THREAD_READY) {
		t->waited_ns += s->now - t->ready_since;
		sample_add(&m->wait, s->now - t->ready_since);
	}
	if (!t->job_open)
		return;
	open_job(s, t->spec, t->release_ns, due_of(s, t, m->due_ns));
	missed_beats(s, t);
}

/* Permits nobody took are jobs of the first kind of thread that waits for them. */
static void finish_permits(struct sim *s, unsigned sem)
{
	const struct stamp_queue *q = &s->sems[sem].permits;
	unsigned i, k;
	size_t n;

	for (i = 0; i < s->w->n_specs; i++) {
		const struct spec *spec = &s->w->specs[i];

		for (k = 0; k < spec->n_ops; k++) {
			if (spec->ops[k].kind != OP_WAIT || spec->ops[k].idx != sem)
				continue;
			for (n = 0; n < q->n; n++)
				open_job(s, i, q->at[(q->first + n) % q->room],
					 s->measured[i].due_ns);
			return;
		}
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void sample_sort(struct samples *s)
{
	if (s->n != 0)
		qsort(s->v, s->n, sizeof(*s->v), by_value);
}

/* A job not done counts with its age, if that is at least the median of those done: it will take
 * no less. Younger ones say nothing yet. */
static void finish_spec(struct measured *m)
{
	uint64_t median;
	size_t i;

	sample_sort(&m->response);
	median = m->response.n != 0 ? m->response.v[m->response.n / 2] : 0;
	for (i = 0; i < m->open.n; i++) {
		if (m->open.v[i] >= median)
			sample_add(&m->response, m->open.v[i]);
	}
	sample_sort(&m->response);
	sample_sort(&m->wait);
}

void measure_finish(struct sim *s)
{
	unsigned i;

	for (i = 0; i < s->n_cpus; i++)
		core_account(s, &s->cpus[i]);
	for (i = 0; i < s->n_threads; i++)
		finish_thread(s, &s->threads[i]);
	for (i = 0; i < s->w->n_sems; i++)
		finish_permits(s, i);
	for (i = 0; i < s->w->n_specs; i++)
		finish_spec(&s->measured[i]);
}
