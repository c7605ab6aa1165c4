// SPDX-License-Identifier: MIT
/*
 * Drawings, as SVG written by hand: who ran when (Gantt), and how many jobs were answered within
 * which time (the distribution function of the responses, on a logarithmic scale).
 */
#include "trace.h"
#include <stdlib.h>

#define ROWS_MAX	64u
#define ROW_PX		14u
#define LEFT_PX		150u
#define PLOT_PX		1000u
#define TOP_PX		40u
#define CDF_PX		400u
#define FONT		"font-family=\"monospace\" font-size=\"11\""

typedef unsigned long long ull;

static const char *const colours[] = {
	"#3366cc", "#dc3912", "#109618", "#990099", "#ff9900", "#0099c6", "#dd4477", "#66aa00",
	"#8b0707", "#329262", "#5574a6", "#b77322",
};

static const char *colour(unsigned i)
{
	return colours[i % HX_ARRAY_LEN(colours)];
}

static void put_head(FILE *f, unsigned width, unsigned height, const struct sim *s,
		     const char *what)
{
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
		"<text x=\"8\" y=\"18\" " FONT " font-weight=\"bold\">%s: %s, scheduler %s, "
		"%u CPU%s</text>\n", width, height, what, s->w->name, s->ops->name, s->n_cpus,
		s->n_cpus == 1 ? "" : "s");
}

/* ---- Gantt */

struct gantt {
	FILE *f;
	uint64_t from, to;
	struct span {		/* what is about to be drawn, per row and kind */
		unsigned x0, x1, colour;
		bool used;
	} pending[ROWS_MAX][2];
};

static unsigned x_of(const struct gantt *g, uint64_t at)
{
	at = at < g->from ? g->from : at > g->to ? g->to : at;
	return LEFT_PX + (unsigned)((at - g->from) * PLOT_PX / (g->to - g->from));
}

static void flush_span(struct gantt *g, unsigned row, unsigned kind)
{
	struct span *p = &g->pending[row][kind];
	unsigned y = TOP_PX + row * ROW_PX + (kind == 0 ? 5 : 2);
	unsigned width = p->x1 > p->x0 ? p->x1 - p->x0 : 1;

	if (!p->used)
		return;
	fprintf(g->f, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" fill=\"%s\"/>\n", p->x0,
		y, width, kind == 0 ? 4 : 10, kind == 0 ? "#cccccc" : colour(p->colour));
	p->used = false;
}

/* kind 0: it waits; 1: it runs. Neighbours closer than a pixel become one. */
static void put_bar(struct gantt *g, unsigned row, unsigned kind, uint64_t from, uint64_t to,
		    unsigned cpu)
{
	struct span *p;
	unsigned x0, x1;

	if (row >= ROWS_MAX || to <= g->from || from >= g->to)
		return;
	p = &g->pending[row][kind];
	x0 = x_of(g, from);
	x1 = x_of(g, to);
	if (p->used && x0 <= p->x1 + (kind == 0) && p->colour == cpu) {
		p->x1 = x1 > p->x1 ? x1 : p->x1;
		return;
	}
	flush_span(g, row, kind);
	*p = (struct span){ .x0 = x0, .x1 = x1, .colour = cpu, .used = true };
}

static void put_frame(struct gantt *g, const struct sim *s, unsigned rows)
{
	unsigned i, y = TOP_PX + rows * ROW_PX;

	for (i = 0; i <= 10; i++) {
		unsigned x = LEFT_PX + i * PLOT_PX / 10;

		fprintf(g->f, "<line x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\" "
			"stroke=\"#eeeeee\"/>\n<text x=\"%u\" y=\"%u\" " FONT
			" text-anchor=\"middle\">%.1f ms</text>\n", x, TOP_PX, x, y, x, y + 14,
			(double)(g->from + (g->to - g->from) * i / 10) / 1e6);
	}
	for (i = 0; i < rows; i++)
		fprintf(g->f, "<text x=\"%u\" y=\"%u\" " FONT " text-anchor=\"end\">%s</text>\n",
			LEFT_PX - 6, TOP_PX + i * ROW_PX + 11, s->threads[i].t.name);
	if (s->n_threads > rows)
		fprintf(g->f, "<text x=\"8\" y=\"%u\" " FONT ">%u more threads are not "
			"shown</text>\n", y + 28, s->n_threads - rows);
	for (i = 0; i < s->n_cpus; i++)
		fprintf(g->f, "<text x=\"%u\" y=\"32\" " FONT " fill=\"%s\">CPU %u</text>\n",
			LEFT_PX + 60 * i, colour(i), i);
}

void svg_gantt(const struct sim *s, uint64_t from, uint64_t to, FILE *f)
{
	const struct trace *tr = s->opt.trace;
	unsigned rows = s->n_threads < ROWS_MAX ? s->n_threads : ROWS_MAX, i;
	struct gantt *g = xalloc(1, sizeof(*g));
	uint64_t *on = xalloc(s->n_threads, sizeof(*on));
	bool *runs = xalloc(s->n_threads, sizeof(*runs));
	size_t n;

	g->f = f;
	g->from = from;
	g->to = to;
	put_head(f, LEFT_PX + PLOT_PX + 50, TOP_PX + rows * ROW_PX + 40, s, "Who ran when");
	put_frame(g, s, rows);
	for (n = 0; n < tr->n; n++) {
		const struct trace_event *e = &tr->v[n];

		if (e->what == TRACE_ON) {
			on[e->thread] = e->at;
			runs[e->thread] = true;
			put_bar(g, e->thread, 0, e->at - e->detail, e->at, 0);
		} else if (trace_is_off(e->what) && runs[e->thread]) {
			runs[e->thread] = false;
			put_bar(g, e->thread, 1, on[e->thread], e->at, e->cpu);
		}
	}
	for (i = 0; i < s->n_threads; i++) {
		if (runs[i])
			put_bar(g, i, 1, on[i], s->now, s->threads[i].cpu);
	}
	for (i = 0; i < 2 * rows; i++)
		flush_span(g, i / 2, i % 2);
	fprintf(f, "</svg>\n");
	free(on);
	free(runs);
	free(g);
}

/* ---- latency */

/* 0..1 over the decades from 1 us to 100 s. */
static double log_place(uint64_t ns)
{
	double x = (dist_ln((double)(ns < 1000 ? 1000 : ns)) - dist_ln(1000)) / dist_ln(1e8);

	return x > 1 ? 1 : x;
}

static void put_curve(FILE *f, const struct samples *v, const char *name, unsigned nr)
{
	unsigned i, last = UINT32_MAX;

	fprintf(f, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"",
		colour(nr));
	for (i = 0; i <= 500; i++) {
		size_t k = (v->n - 1) * i / 500;
		unsigned x = LEFT_PX + (unsigned)(log_place(v->v[k]) * PLOT_PX);

		if (x == last && i != 500)
			continue;
		last = x;
		fprintf(f, "%u,%.1f ", x,
			TOP_PX + CDF_PX - (double)(k + 1) / (double)v->n * CDF_PX);
	}
	fprintf(f, "\"/>\n<text x=\"8\" y=\"%u\" " FONT " fill=\"%s\">%s</text>\n",
		TOP_PX + 12 + nr * ROW_PX, colour(nr), name);
}

void svg_latency(const struct sim *s, FILE *f)
{
	static const char *const labels[] = {
		"1 us", "10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s",
	};
	unsigned i, n = 0;

	put_head(f, LEFT_PX + PLOT_PX + 50, TOP_PX + CDF_PX + 40, s, "Jobs answered within");
	for (i = 0; i < HX_ARRAY_LEN(labels); i++) {
		unsigned x = LEFT_PX + i * PLOT_PX / 8;

		fprintf(f, "<line x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\" stroke=\"#dddddd\"/>\n"
			"<text x=\"%u\" y=\"%u\" " FONT " text-anchor=\"middle\">%s</text>\n", x,
			TOP_PX, x, TOP_PX + CDF_PX, x, TOP_PX + CDF_PX + 16, labels[i]);
	}
	for (i = 0; i <= 4; i++) {
		unsigned y = TOP_PX + i * CDF_PX / 4;

		fprintf(f, "<line x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\" stroke=\"#eeeeee\"/>\n"
			"<text x=\"%u\" y=\"%u\" " FONT " text-anchor=\"end\">%u %%</text>\n",
			LEFT_PX, y, LEFT_PX + PLOT_PX, y, LEFT_PX - 4, y + 4, 100 - 25 * i);
	}
	for (i = 0; i < s->w->n_specs && n < 24; i++) {
		if (s->measured[i].response.n != 0)
			put_curve(f, &s->measured[i].response, s->w->specs[i].name, n++);
	}
	if (n == 0)
		fprintf(f, "<text x=\"%u\" y=\"%u\" " FONT ">no thread has a mark</text>\n",
			LEFT_PX + 20, TOP_PX + 30);
	fprintf(f, "</svg>\n");
}
