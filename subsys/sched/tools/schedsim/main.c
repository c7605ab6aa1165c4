// SPDX-License-Identifier: MIT
/*
 * schedsim: the command line. Results go to standard output, files to --out, what goes wrong to
 * standard error. Status: 0 good; 1 a scheduler or a workload broke a rule; 2 usage.
 */
#include "report.h"
#include "trace.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WORKLOADS_MAX	64u
#define SCHEDS_MAX	32u

typedef unsigned long long ull;

static const char usage[] =
	"usage: schedsim [OPTIONS] WORKLOAD...           run workloads, print a table each\n"
	"       schedsim --compare A,B,... WORKLOAD...   one Markdown table of them all\n"
	"       schedsim --random EVENTS [OPTIONS]       random events, invariants at each\n"
	"       schedsim --list                          the schedulers that are linked in\n"
	"  --sched NAME[,NAME]  which schedulers (all)\n"
	"  --cpus N             virtual CPUs (the workload's; random: 1, 2 and 4)\n"
	"  --seed N             other random numbers (the workload's; random: 1)\n"
	"  --fail-alloc N       with --random: one allocation in N fails (8; 0: none)\n"
	"  --seeds N            with --compare: so many seeds one after the other (5); the table\n"
	"                       has the median, and from where to where\n"
	"  --check              check the invariants at every step\n"
	"  --json               the table as JSON\n"
	"  --out DIR            DIR/<workload>-<scheduler>: report.txt report.json trace.csv\n"
	"                       trace.json (chrome://tracing, ui.perfetto.dev)\n"
	"                       gantt.svg latency.svg\n"
	"  --window FROM-TO     what the Gantt chart shows, in ms (everything)\n"
	"  --into FILE          with --compare: replace what stands in FILE between the lines\n"
	"                       <!-- schedsim --> and <!-- end -->\n";

struct args {
	const struct hx_sched_ops *ops[SCHEDS_MAX];
	unsigned n_ops;
	struct workload *workloads[WORKLOADS_MAX];
	unsigned n_workloads;
	struct sim_options o;
	bool compare, json;
	unsigned n_seeds, alloc_fails_in;
	uint64_t n_random, window_from, window_to;
	const char *out, *into;
};

HX_NORETURN static void fail(const char *what, const char *arg)
{
	fprintf(stderr, "schedsim: %s%s%s\n", what, arg != NULL ? ": " : "",
		arg != NULL ? arg : "");
	exit(2);
}

static uint64_t number(const char *text, uint64_t most)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (end == text || *end != '\0' || *text == '-' || n > most)
		fail("not a number, or too large", text);
	return n;
}

static void add_sched(struct args *a, const char *name)
{
	const struct hx_sched_ops *const *it;

	if (a->n_ops == SCHEDS_MAX)
		fail("too many schedulers", name);
	HX_SECTION_FOREACH(it, hx_sched_classes) {
		if (strcmp((*it)->name, name) == 0) {
			a->ops[a->n_ops++] = *it;
			return;
		}
	}
	fail("no such scheduler (--list tells)", name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct hx_sched_ops *const *)a)->name,
		      (*(const struct hx_sched_ops *const *)b)->name);
}

static void add_all_scheds(struct args *a)
{
	const struct hx_sched_ops *const *it;

	HX_SECTION_FOREACH(it, hx_sched_classes) {
		if (a->n_ops < SCHEDS_MAX)
			a->ops[a->n_ops++] = *it;
	}
	qsort(a->ops, a->n_ops, sizeof(a->ops[0]), by_name);
}

static void add_scheds(struct args *a, const char *list)
{
	char name[32];
	size_t n;

	if (strcmp(list, "all") == 0)
		return;
	for (; *list != '\0'; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		snprintf(name, sizeof(name), "%.*s", (int)n, list);
		add_sched(a, name);
	}
}

static void set_window(struct args *a, const char *text)
{
	unsigned long from, to;

	if (sscanf(text, "%lu-%lu", &from, &to) != 2 || from >= to || to > 3600000)
		fail("a window is FROM-TO in ms", text);
	a->window_from = from * HX_NS_PER_MS;
	a->window_to = to * HX_NS_PER_MS;
}

/* ---- files of one run */

static FILE *create(const char *folder, const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	if (f == NULL)
		fail("cannot be written", path);
	return f;
}

static void write_files(const struct args *a, const struct sim *s, const struct run_report *r)
{
	uint64_t to = a->window_to != 0 && a->window_to < s->now ? a->window_to : s->now;
	char folder[384];
	FILE *f;

	mkdir(a->out, 0777);
	snprintf(folder, sizeof(folder), "%.256s/%s-%s", a->out, s->w->name, s->ops->name);
	mkdir(folder, 0777);
	f = create(folder, "report.txt");
	report_text(s, r, f);
	fclose(f);
	f = create(folder, "report.json");
	report_json(s, r, f);
	fclose(f);
	f = create(folder, "trace.csv");
	trace_csv(s, f);
	fclose(f);
	f = create(folder, "trace.json");
	trace_json(s, f);
	fclose(f);
	f = create(folder, "gantt.svg");
	svg_gantt(s, a->window_from < to ? a->window_from : 0, to, f);
	fclose(f);
	f = create(folder, "latency.svg");
	svg_latency(s, f);
	fclose(f);
}

static int run_one(struct args *a, const struct workload *w, const struct hx_sched_ops *ops)
{
	struct trace trace = { .n = 0 };
	struct run_report *r = xalloc(1, sizeof(*r));
	struct sim *s;
	int err;

	a->o.ops = ops;
	a->o.trace = a->out != NULL ? &trace : NULL;
	if (a->o.cpus != 0 && a->o.cpus < w->cpus)
		fprintf(stderr, "schedsim: %s was written for %u CPUs\n", w->name, w->cpus);
	err = sim_run(w, &a->o, &s);
	if (err != 0) {
		fprintf(stderr, "schedsim: %s, scheduler %s: %s\n", w->name, ops->name, s->error);
	} else {
		report_make(s, r);
		if (a->json)
			report_json(s, r, stdout);
		else
			report_text(s, r, stdout);
		fputc('\n', stdout);
		if (a->out != NULL)
			write_files(a, s, r);
		if (trace.cut)
			fprintf(stderr, "schedsim: the trace of %s ends after %zu events\n",
				w->name, trace.n);
	}
	sim_free(s);
	free(trace.v);
	free(r);
	return err != 0;
}

static void print_reached(const char *name, const struct random_options *o,
			  const struct random_reached *r)
{
	printf("%s: %llu events on %u CPU%s, every invariant held; %llu switches, "
	       "%llu preemptions, %llu moves, %llu refusals, %llu allocations failed, up to %u "
	       "ready and %u held\n", name, (ull)o->n_events, o->cpus, o->cpus == 1 ? "" : "s",
	       (ull)r->n_switches, (ull)r->n_preempted, (ull)r->n_moved, (ull)r->n_refused,
	       (ull)r->n_alloc_failed, r->most_ready, r->most_held);
}

static int run_random(const struct args *a)
{
	static const unsigned cpus[] = { 1, 2, 4 };
	struct random_options o = {
		.seed = a->o.seed != 0 ? a->o.seed : 1, .n_events = a->n_random,
		.alloc_fails_in = a->alloc_fails_in,
	};
	char error[SIM_ERROR_MAX];
	struct random_reached r;
	int failed = 0;
	unsigned i, k;

	for (i = 0; i < a->n_ops; i++) {
		for (k = 0; k < (a->o.cpus != 0 ? 1 : HX_ARRAY_LEN(cpus)); k++) {
			o.cpus = a->o.cpus != 0 ? a->o.cpus : cpus[k];
			if (random_run(a->ops[i], &o, &r, error) != 0) {
				fprintf(stderr, "schedsim: random, scheduler %s, %u CPUs, seed "
					"%llu: %s\n", a->ops[i]->name, o.cpus, (ull)o.seed, error);
				failed = 1;
			} else {
				print_reached(a->ops[i]->name, &o, &r);
			}
		}
	}
	return failed;
}

/* The table into standard output, or between two lines of a file. */
static int run_compare(const struct args *a)
{
	static const char begin[] = "<!-- schedsim -->\n", end[] = "<!-- end -->";
	size_t old_len = 0, len = 0;
	char *old = NULL, *text = NULL, *from = NULL, *to = NULL;
	FILE *f = a->into != NULL ? open_memstream(&text, &len) : stdout;
	struct compare_options o = {
		.ops = a->ops, .n_ops = a->n_ops, .workloads = a->workloads,
		.n_workloads = a->n_workloads, .n_seeds = a->n_seeds, .cpus = a->o.cpus,
		.seed = a->o.seed,
	};
	int failed = compare(&o, f);

	if (a->into == NULL)
		return failed;
	fclose(f);
	f = fopen(a->into, "r");
	if (f == NULL || getdelim(&old, &old_len, '\0', f) < 0)
		fail("cannot be read", a->into);
	fclose(f);
	from = strstr(old, begin);
	to = from != NULL ? strstr(from, end) : NULL;
	if (to == NULL)
		fail("has no lines <!-- schedsim --> and <!-- end -->", a->into);
	f = fopen(a->into, "w");
	if (f == NULL)
		fail("cannot be written", a->into);
	fprintf(f, "%.*s%s%s", (int)(from - old + (ptrdiff_t)sizeof(begin) - 1), old, text, to);
	fclose(f);
	free(text);
	free(old);
	return failed;
}

static void list(void)
{
	struct args a = { .n_ops = 0 };
	unsigned i;

	add_all_scheds(&a);
	for (i = 0; i < a.n_ops; i++)
		printf("%s\n", a.ops[i]->name);
}

enum { OPT_SCHED = 1, OPT_CPUS, OPT_SEED, OPT_CHECK, OPT_JSON, OPT_OUT, OPT_WINDOW, OPT_INTO,
       OPT_COMPARE, OPT_RANDOM, OPT_LIST, OPT_HELP, OPT_SEEDS, OPT_FAIL_ALLOC };

static const struct option options[] = {
	{ "sched", required_argument, NULL, OPT_SCHED },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "seed", required_argument, NULL, OPT_SEED }, { "check", no_argument, NULL, OPT_CHECK },
	{ "json", no_argument, NULL, OPT_JSON }, { "out", required_argument, NULL, OPT_OUT },
	{ "window", required_argument, NULL, OPT_WINDOW },
	{ "into", required_argument, NULL, OPT_INTO },
	{ "compare", required_argument, NULL, OPT_COMPARE },
	{ "random", required_argument, NULL, OPT_RANDOM }, { "list", no_argument, NULL, OPT_LIST },
	{ "help", no_argument, NULL, OPT_HELP }, { "seeds", required_argument, NULL, OPT_SEEDS },
	{ "fail-alloc", required_argument, NULL, OPT_FAIL_ALLOC },
	{ NULL, 0, NULL, 0 },
};

static void take_option(struct args *a, int option, const char *arg)
{
	switch (option) {
	case OPT_COMPARE:
		a->compare = true;
		add_scheds(a, arg);
		break;
	case OPT_SCHED:
		add_scheds(a, arg);
		break;
	case OPT_CPUS:
		a->o.cpus = (unsigned)number(arg, WL_CPUS_MAX);
		break;
	case OPT_SEED:
		a->o.seed = number(arg, UINT64_MAX - 1);
		break;
	case OPT_FAIL_ALLOC:
		a->alloc_fails_in = (unsigned)number(arg, 1000000);
		break;
	case OPT_SEEDS:
		a->n_seeds = (unsigned)number(arg, SEEDS_MAX);
		if (a->n_seeds == 0)
			fail("not a number of runs", arg);
		break;
	case OPT_CHECK:
		a->o.check = true;
		break;
	case OPT_JSON:
		a->json = true;
		break;
	case OPT_OUT:
		a->out = arg;
		break;
	case OPT_WINDOW:
		set_window(a, arg);
		break;
	case OPT_INTO:
		a->into = arg;
		break;
	case OPT_RANDOM:
		a->n_random = number(arg, UINT64_MAX - 1);
		break;
	case OPT_LIST:
		list();
		exit(0);
	default:
		fprintf(option == OPT_HELP ? stdout : stderr, "%s", usage);
		exit(option == OPT_HELP ? 0 : 2);
	}
}

int main(int argc, char **argv)
{
	struct args a = { .n_seeds = SEEDS_SHOWN, .alloc_fails_in = ALLOC_FAILS_IN };
	char error[WL_ERROR_MAX];
	int option, status = 0;
	unsigned i, k;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(&a, option, optarg);
	if (a.n_ops == 0)
		add_all_scheds(&a);
	if (a.n_random != 0)
		return run_random(&a);
	if (optind == argc || argc - optind > (int)WORKLOADS_MAX) {
		fprintf(stderr, "%s", usage);
		return 2;
	}
	for (; optind < argc; optind++) {
		if (workload_load(argv[optind], &a.workloads[a.n_workloads], error) != 0)
			fail(error, NULL);
		a.n_workloads++;
	}
	if (a.compare)
		status = run_compare(&a);
	for (i = 0; i < a.n_workloads; i++) {
		for (k = 0; !a.compare && k < a.n_ops; k++)
			status |= run_one(&a, a.workloads[i], a.ops[k]);
		workload_free(a.workloads[i]);
	}
	return status;
}
