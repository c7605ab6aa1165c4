// SPDX-License-Identifier: MIT
/*
 * The record of what happened, and its two text forms: CSV for tables, and Chrome's trace-event
 * JSON, which browsers draw: a row per CPU shows who ran there, a row per thread its life.
 */
#include "trace.h"
#include <stdlib.h>

typedef unsigned long long ull;

static const char *const event_names[] = {
	[TRACE_ARRIVE] = "arrive", [TRACE_REFUSED] = "refused", [TRACE_WAKE] = "wake",
	[TRACE_ON] = "on", [TRACE_OFF_BLOCK] = "block", [TRACE_OFF_EXIT] = "exit",
	[TRACE_OFF_YIELD] = "yield", [TRACE_OFF_PREEMPT] = "preempt", [TRACE_OFF_SLICE] = "slice",
	[TRACE_MOVE] = "move", [TRACE_MARK] = "mark", [TRACE_MISS] = "miss",
	[TRACE_PRIO] = "priority", [TRACE_INTENT] = "intent", [TRACE_LOCK] = "lock",
	[TRACE_UNLOCK] = "unlock",
};

void trace_add(struct sim *s, enum trace_what what, const struct vthread *t, unsigned cpu,
	       uint64_t detail)
{
	struct trace *tr = s->opt.trace;

	if (tr == NULL)
		return;
	if (tr->n == TRACE_MAX) {
		tr->cut = true;
		return;
	}
	if (tr->n == tr->room) {
		tr->room = tr->room != 0 ? 2 * tr->room : 1024;
		tr->v = xgrow(tr->v, tr->room, sizeof(*tr->v));
	}
	tr->v[tr->n++] = (struct trace_event){
		.at = s->now, .detail = detail, .thread = (uint32_t)(t - s->threads),
		.cpu = (uint16_t)cpu, .what = (uint16_t)what,
	};
}

/* detail: on: how long it waited; mark, miss: response, both in ns; move: from which CPU; priority:
 * the level; lock, unlock: the mutex. */
void trace_csv(const struct sim *s, FILE *f)
{
	const struct trace *tr = s->opt.trace;
	size_t i;

	fprintf(f, "time_ns,cpu,thread,name,event,detail\n");
	for (i = 0; i < tr->n; i++) {
		const struct trace_event *e = &tr->v[i];
		const struct vthread *t = &s->threads[e->thread];

		fprintf(f, "%llu,%u,%u,%s,%s,", (ull)e->at, e->cpu, t->t.id, t->t.name,
			event_names[e->what]);
		if (e->what == TRACE_LOCK || e->what == TRACE_UNLOCK)
			fprintf(f, "%s\n", s->w->mutexes[e->detail].name);
		else
			fprintf(f, "%llu\n", (ull)e->detail);
	}
}

/* Microseconds with three digits, as the format wants them. */
static void put_us(FILE *f, const char *key, uint64_t ns)
{
	fprintf(f, "\"%s\":%llu.%03llu", key, (ull)(ns / 1000), (ull)(ns % 1000));
}

static void put_span(FILE *f, const char *name, unsigned process, unsigned row, uint64_t from,
		     uint64_t to)
{
	fprintf(f, ",\n{\"name\":\"%s\",\"ph\":\"X\",\"pid\":%u,\"tid\":%u,", name, process, row);
	put_us(f, "ts", from);
	fputc(',', f);
	put_us(f, "dur", to - from);
	fputc('}', f);
}

static void put_names(const struct sim *s, FILE *f)
{
	unsigned i;

	fprintf(f, "{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,"
		"\"args\":{\"name\":\"CPUs\"}},\n"
		"{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":2,"
		"\"args\":{\"name\":\"Threads\"}}");
	for (i = 0; i < s->n_cpus; i++)
		fprintf(f, ",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":%u,"
			"\"args\":{\"name\":\"CPU %u\"}}", i, i);
	for (i = 0; i < s->n_threads; i++)
		fprintf(f, ",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":2,\"tid\":%u,"
			"\"args\":{\"name\":\"%s\"}}", s->threads[i].t.id, s->threads[i].t.name);
}

void trace_json(const struct sim *s, FILE *f)
{
	const struct trace *tr = s->opt.trace;
	uint64_t *on = xalloc(s->n_threads, sizeof(*on));
	size_t i;

	fprintf(f, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
	put_names(s, f);
	for (i = 0; i < tr->n; i++) {
		const struct trace_event *e = &tr->v[i];
		const struct vthread *t = &s->threads[e->thread];

		if (e->what == TRACE_ON) {
			on[e->thread] = e->at;
			if (e->detail != 0)
				put_span(f, "waits", 2, t->t.id, e->at - e->detail, e->at);
		} else if (trace_is_off(e->what)) {
			put_span(f, t->t.name, 1, e->cpu, on[e->thread], e->at);
			put_span(f, "runs", 2, t->t.id, on[e->thread], e->at);
		} else if (e->what != TRACE_WAKE) {
			fprintf(f, ",\n{\"name\":\"%s\",\"ph\":\"i\",\"s\":\"t\",\"pid\":2,"
				"\"tid\":%u,", event_names[e->what], t->t.id);
			put_us(f, "ts", e->at);
			fputc('}', f);
		}
	}
	fprintf(f, "\n]}\n");
	free(on);
}
