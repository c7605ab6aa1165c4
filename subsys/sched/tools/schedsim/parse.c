// SPDX-License-Identifier: MIT
/*
 * A workload file: the machine, the things that threads share, and the threads. What it means is
 * in docs/spec/schedsim.md. The first thing wrong ends the reading, with its line and column.
 */
#include "parse.h"
#include <stdlib.h>
#include <string.h>

#define FILE_MAX	((size_t)4 << 20)

void *xalloc(size_t n, size_t size)
{
	void *p = calloc(n != 0 ? n : 1, size);

	if (p == NULL) {
		fprintf(stderr, "schedsim: out of memory\n");
		exit(2);
	}
	return p;
}

void *xgrow(void *old, size_t n, size_t size)
{
	void *p = reallocarray(old, n, size);

	if (p == NULL) {
		fprintf(stderr, "schedsim: out of memory\n");
		exit(2);
	}
	return p;
}

static unsigned find_mutex(const struct workload *w, const char *name)
{
	unsigned i;

	for (i = 0; i < w->n_mutexes && strcmp(w->mutexes[i].name, name) != 0; i++)
		;
	return i;
}

static unsigned find_sem(const struct workload *w, const char *name)
{
	unsigned i;

	for (i = 0; i < w->n_sems && strcmp(w->sems[i].name, name) != 0; i++)
		;
	return i;
}

unsigned parse_mutex(struct parser *p)
{
	struct token at = p->l.now;
	char name[WL_NAME_MAX];
	unsigned i;

	lex_name(&p->l, name, "the name of a mutex");
	i = find_mutex(p->w, name);
	if (i == p->w->n_mutexes)
		lex_fail(&p->l, &at, "no mutex '%s' was declared above", name);
	return i;
}

unsigned parse_sem(struct parser *p)
{
	struct token at = p->l.now;
	char name[WL_NAME_MAX];
	unsigned i;

	lex_name(&p->l, name, "the name of a semaphore");
	i = find_sem(p->w, name);
	if (i == p->w->n_sems)
		lex_fail(&p->l, &at, "no semaphore '%s' was declared above", name);
	return i;
}

/* A name for a new thing, of which there are n; taken: the name is in use already. */
static void new_name(struct parser *p, char name[WL_NAME_MAX], unsigned n, bool *taken)
{
	struct token at = p->l.now;

	lex_name(&p->l, name, "a name");
	*taken = find_mutex(p->w, name) != p->w->n_mutexes || find_sem(p->w, name) != p->w->n_sems;
	if (*taken)
		lex_fail(&p->l, &at, "the name '%s' is taken", name);
	if (n == WL_THINGS_MAX)
		lex_fail(&p->l, &at, "more than %u of a kind", WL_THINGS_MAX);
}

static void parse_mutex_line(struct parser *p)
{
	struct workload *w = p->w;
	struct wl_mutex m = { .inherits = false };
	bool taken;

	new_name(p, m.name, w->n_mutexes, &taken);
	m.inherits = lex_take(&p->l, "inherit");
	w->mutexes[w->n_mutexes++] = m;
}

static void parse_sem_line(struct parser *p)
{
	struct workload *w = p->w;
	struct wl_sem s = { .count = 0 };
	bool taken;

	new_name(p, s.name, w->n_sems, &taken);
	if (p->l.now.text[0] >= '0' && p->l.now.text[0] <= '9')
		s.count = (unsigned)lex_number(&p->l, 0, 100000, "the permits of a semaphore");
	w->sems[w->n_sems++] = s;
}

static void parse_source(struct parser *p)
{
	struct workload *w = p->w;
	struct wl_source s = { .until_ns = UINT64_MAX, .burst = { DIST_CONST, 1, 0, 0 } };
	struct lexer *l = &p->l;

	if (w->n_sources == WL_THINGS_MAX)
		lex_fail(l, &l->now, "more than %u sources", WL_THINGS_MAX);
	lex_name(l, s.name, "a name");
	lex_expect(l, "posts");
	s.sem = parse_sem(p);
	for (;;) {
		if (lex_take(l, "every"))
			s.every = lex_dist(l, 1000, WL_LENGTH_MAX);
		else if (lex_take(l, "from"))
			s.from_ns = lex_time(l, 0, WL_LENGTH_MAX);
		else if (lex_take(l, "until"))
			s.until_ns = lex_time(l, 0, WL_LENGTH_MAX);
		else if (lex_take(l, "burst"))
			s.burst.a = lex_number(l, 1, 10000, "a burst");
		else
			break;
	}
	if (s.every.a == 0)
		lex_fail(l, &l->now, "the source '%s' lacks 'every'", s.name);
	w->sources[w->n_sources++] = s;
}

static void add_watched(struct parser *p)
{
	struct workload *w = p->w;
	struct token at = p->l.now;
	char name[WL_NAME_MAX];
	unsigned i;

	lex_name(&p->l, name, "the name of a thread");
	for (i = 0; i < w->n_specs && strcmp(w->specs[i].name, name) != 0; i++)
		;
	if (i == w->n_specs)
		lex_fail(&p->l, &at, "no thread '%s' was declared above", name);
	w->watched[i] = true;
}

/* A thread's property that is not its program; false: it is none. */
static bool parse_property(struct parser *p, struct spec *s)
{
	struct lexer *l = &p->l;

	if (lex_take(l, "count")) {
		s->count = (unsigned)lex_number(l, 1, WL_THREADS_MAX, "the count of threads");
	} else if (lex_take(l, "arrival")) {
		s->arrival = lex_dist(l, 0, WL_LENGTH_MAX);
	} else if (lex_take(l, "stagger")) {
		s->stagger_ns = lex_time(l, 0, WL_LENGTH_MAX);
	} else if (lex_take(l, "priority")) {
		s->prio = (uint8_t)lex_number(l, 0, 139, "a priority");
	} else if (lex_take(l, "slice")) {
		s->slice_ns = lex_time(l, 100 * HX_NS_PER_US, 4 * HX_NS_PER_S);
	} else if (lex_take(l, "leaves_if_refused")) {
		s->leaves_refused = true;
	} else if (lex_take(l, "intent")) {
		s->has_intent = true;
		parse_intent(p, &s->intent);
	} else {
		return false;
	}
	return true;
}

static void parse_thread(struct parser *p)
{
	struct workload *w = p->w;
	struct lexer *l = &p->l;
	struct token at = l->now;
	struct spec *s;
	unsigned i;

	if (w->n_specs == WL_SPECS_MAX)
		lex_fail(l, &at, "more than %u kinds of threads", WL_SPECS_MAX);
	w->specs = xgrow(w->specs, w->n_specs + 1, sizeof(*s));
	s = &w->specs[w->n_specs];
	memset(s, 0, sizeof(*s));
	w->n_specs++;		/* from here on workload_free() knows it */
	s->count = 1;
	s->line = at.line;
	s->prio = 120;
	hx_intent_init(&s->intent);
	lex_name(l, s->name, "a thread's name");
	for (i = 0; i + 1 < w->n_specs; i++)
		if (strcmp(w->specs[i].name, s->name) == 0)
			lex_fail(l, &at, "there is a thread '%s' already", s->name);
	lex_expect(l, "{");
	while (!lex_take(l, "}")) {
		if (lex_is(l, "program") && s->n_ops == 0) {
			lex_step(l);
			parse_program(p, s);
		} else if (!parse_property(p, s)) {
			lex_fail(l, &l->now, "'%s' is no property of a thread", l->now.text);
		}
	}
	if (s->n_ops == 0)
		lex_fail(l, &at, "the thread '%s' has no program", s->name);
	w->n_threads += s->count;
	if (w->n_threads > WL_THREADS_MAX)
		lex_fail(l, &at, "more than %u threads", WL_THREADS_MAX);
}

static void parse_line(struct parser *p)
{
	struct workload *w = p->w;
	struct lexer *l = &p->l;

	if (lex_take(l, "cpus")) {
		w->cpus = (unsigned)lex_number(l, 1, WL_CPUS_MAX, "the number of CPUs");
	} else if (lex_take(l, "length")) {
		w->length_ns = lex_time(l, HX_NS_PER_MS, WL_LENGTH_MAX);
	} else if (lex_take(l, "tick_hz")) {
		w->tick_hz = (unsigned)lex_number(l, 10, 10000, "tick_hz");
	} else if (lex_take(l, "switch_cost")) {
		w->switch_ns = lex_time(l, 0, HX_NS_PER_MS);
	} else if (lex_take(l, "balance")) {
		w->balance_ns = lex_time(l, HX_NS_PER_MS, WL_LENGTH_MAX);
	} else if (lex_take(l, "seed")) {
		w->seed = lex_number(l, 0, UINT64_MAX - 1, "a seed");
	} else if (lex_take(l, "timers")) {
		static const char *const kinds[] = { "tick", "exact" };

		w->timers_exact = lex_one_of(l, kinds, 2, "the kind of timers") == 1;
	} else if (lex_take(l, "watch")) {
		do {
			add_watched(p);
		} while (lex_take(l, ","));
	} else if (lex_take(l, "mutex")) {
		parse_mutex_line(p);
	} else if (lex_take(l, "semaphore")) {
		parse_sem_line(p);
	} else if (lex_take(l, "source")) {
		parse_source(p);
	} else if (lex_take(l, "thread")) {
		parse_thread(p);
	} else {
		lex_fail(l, &l->now, "'%s' begins no line that is known", l->now.text);
	}
}

/* What only the whole file can tell. */
static void check_whole(struct parser *p)
{
	struct workload *w = p->w;
	struct token at = p->l.now;
	unsigned i;

	if (w->n_specs == 0)
		lex_fail(&p->l, &at, "there is no thread in it");
	for (i = 0; i < w->n_specs; i++) {
		at.line = w->specs[i].line;
		at.column = 1;
		if ((w->specs[i].intent.affinity & workload_cpus(w)) == 0)
			lex_fail(&p->l, &at, "the affinity of '%s' names no CPU of this machine",
				 w->specs[i].name);
	}
}

/* The file's name without folder and ending, and the first line of its first comment. */
static void describe(struct workload *w, const char *name, const char *text, size_t len)
{
	const char *base = strrchr(name, '/'), *end;
	size_t n;

	base = base != NULL ? base + 1 : name;
	n = strcspn(base, ".");
	memcpy(w->name, base, n < sizeof(w->name) ? n : sizeof(w->name) - 1);
	if (len < 2 || text[0] != '#' || text[1] != ' ')
		return;
	end = memchr(text, '\n', len);
	n = (size_t)((end != NULL ? end : text + len) - text) - 2;
	memcpy(w->about, text + 2, n < sizeof(w->about) ? n : sizeof(w->about) - 1);
}

int workload_parse(const char *name, const char *text, size_t len, struct workload **out,
		   char error[WL_ERROR_MAX])
{
	struct parser *p = xalloc(1, sizeof(*p));
	int err = 0;

	p->w = xalloc(1, sizeof(*p->w));
	p->w->cpus = 1;
	p->w->tick_hz = 1000;
	p->w->length_ns = 10 * HX_NS_PER_S;
	p->w->balance_ns = 100 * HX_NS_PER_MS;
	p->w->seed = 1;
	describe(p->w, name, text, len);
	lex_start(&p->l, name, text, len, error);
	if (setjmp(p->l.fail) == 0) {
		lex_step(&p->l);
		lex_step(&p->l);
		while (p->l.now.text[0] != '\0')
			parse_line(p);
		check_whole(p);
		*out = p->w;
	} else {
		workload_free(p->w);
		err = -HX_EINVAL;
	}
	free(p);
	return err;
}

int workload_load(const char *path, struct workload **out, char error[WL_ERROR_MAX])
{
	FILE *f = fopen(path, "rb");
	char *text;
	size_t len;
	int err;

	if (f == NULL) {
		snprintf(error, WL_ERROR_MAX, "%.200s: cannot be read", path);
		return -HX_ENOENT;
	}
	text = xalloc(1, FILE_MAX);
	len = fread(text, 1, FILE_MAX, f);
	fclose(f);
	if (len == FILE_MAX) {
		snprintf(error, WL_ERROR_MAX, "%.200s: longer than %zu bytes", path, FILE_MAX);
		err = -HX_EINVAL;
	} else {
		err = workload_parse(path, text, len, out, error);
	}
	free(text);
	return err;
}

void workload_free(struct workload *w)
{
	unsigned i;

	for (i = 0; i < w->n_specs; i++)
		free(w->specs[i].ops);
	free(w->specs);
	free(w->intents);
	free(w);
}
