// SPDX-License-Identifier: MIT
/*
 * Where benchmarks are asked for: the kernel word helix.bench= (runs them as soon as the first
 * prompt stands, so that boot.to_prompt is a fact, then leaves), and the verb "bench".
 *
 * What a cycle is, the kernel cannot know: under QEMU's -icount shift=0 the counter moves by one
 * per guest instruction, and who started QEMU so says helix.bench.unit=insn. Without the word the
 * unit is "cycles".
 */
#include <hx/base.h>
#include <hx/config/build.h>
#include <hx/config/test_kernel_bench.h>
#include <hx/core/cmdline.h>
#include <hx/core/console.h>
#include <hx/core/console_dev.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/core/string.h>
#include <hx/hal/power.h>

#include "bench_priv.h"

#define GLOB_MAX	64	/* bytes with the NUL */
#define LINE_MAX	384	/* one figure as JSON */
#define FIGURES_MAX	96	/* kept for /bench/results */
#define WARM_UP		16	/* empty samples before the overhead is believed */
#define N_OVERHEAD	128

HX_WORD(bench, "helix.bench", "all|<glob>: run these once the prompt stands, then leave");
HX_WORD(bench_unit, "helix.bench.unit", "insn (QEMU runs with -icount shift=0) or cycles");

/* One run at a time: the console's thread is the only one that comes here. */
static uint32_t samples[CONFIG_BENCH_SAMPLES];
static struct figure figures[FIGURES_MAX];
static uint32_t n_figures;
static char wanted[GLOB_MAX];
static const char *time_unit = "cycles";

static struct figure_machine machine(void)
{
	return (struct figure_machine){
		.arch = HX_BUILD_ARCH, .profile = HX_BUILD_PROFILE, .cc = HX_BUILD_COMPILER,
		.cpus = hx_cpus_present(),
	};
}

static bool matches(const char *glob, const struct hx_bench *bench)
{
	return hx_strcmp(glob, "all") == 0 || hx_glob(glob, bench->name);
}

static unsigned count(const char *glob)
{
	const struct hx_bench *const *it;
	unsigned n = 0;

	HX_SECTION_FOREACH(it, hx_benches)
		n += matches(glob, *it);
	return n;
}

/* The smallest cost of an empty begin/end pair: what is above it was disturbed. */
static uint64_t measure_overhead(void)
{
	struct hx_bench_run b = { .samples = samples, .n_max = HX_ARRAY_LEN(samples) };

	while (b.n < WARM_UP + N_OVERHEAD && hx_bench_more(&b)) {
		hx_bench_begin(&b);
		/* As any operation does: the run is in memory, not in registers. */
		__asm__ volatile("" : : "r"(&b) : "memory");
		hx_bench_end(&b);
	}
	figure_sort(samples, b.n);
	return samples[0];
}

/* One benchmark. 0 and *f; -HX_ENOTSUP nothing to measure here; else the benchmark's error. */
static int run_one(const struct hx_bench *bench, uint64_t overhead, struct figure *f)
{
	struct hx_bench_run b = { .samples = samples, .n_max = HX_ARRAY_LEN(samples),
				  .overhead = overhead };
	int err = bench->fn(&b);

	if (err == 0 && b.n == 0)
		err = -HX_EIO;	/* says that it measured, and did not */
	if (err == 0)
		figure_make(f, bench->name, b.unit != NULL ? b.unit : time_unit, samples, b.n);
	else if (err != -HX_ENOTSUP)
		hx_error("bench", "%s: %s", bench->name, hx_strerror(err));
	return err;
}

/* All of a glob; returns how many failed. tell is called after each figure, and may be NULL. */
static unsigned run_all(const char *glob, void (*tell)(const struct figure *f))
{
	const struct hx_bench *const *it;
	uint64_t overhead = measure_overhead();
	unsigned n_failed = 0;

	n_figures = 0;
	HX_SECTION_FOREACH(it, hx_benches) {
		struct figure *f = &figures[n_figures < FIGURES_MAX ? n_figures : FIGURES_MAX - 1];
		int err;

		if (!matches(glob, *it))
			continue;
		err = run_one(*it, overhead, f);
		if (err != 0) {
			n_failed += err != -HX_ENOTSUP;
			continue;
		}
		n_figures = (uint32_t)hx_min_u64(n_figures + 1, FIGURES_MAX);
		if (tell != NULL)
			tell(f);
	}
	return n_failed;
}

static void show_all(struct hx_text *out)
{
	struct figure_machine m = machine();

	for (uint32_t i = 0; i < n_figures; i++)
		figure_show(out, &figures[i], &m);
}

static void tell_figure(const struct figure *f)
{
	struct figure_machine m = machine();
	struct hx_text_buf line;
	char text[LINE_MAX];

	hx_text_buf_init(&line, text, sizeof(text));
	figure_show(&line.text, f, &m);
	hx_console_dev_write_text(line.buf, line.used);
}

static void bench_then_leave(void)
{
	unsigned n_failed;

	hx_console_dev_write_text("\n", 1);	/* off the prompt's line */
	if (count(wanted) == 0) {
		hx_error("bench", "helix.bench=%s names no benchmark", wanted);
		hx_shutdown(HX_EXIT_TESTS_FAILED);
	}
	n_failed = run_all(wanted, tell_figure);
	hx_shutdown(n_failed == 0 ? HX_EXIT_OK : HX_EXIT_TESTS_FAILED);
}

static void bench_job(void)
{
	char unit[8];

	if (hx_cmdline_get("helix.bench.unit", unit, sizeof(unit)) > 0 &&
	    hx_strcmp(unit, "insn") == 0)
		time_unit = "insn";
	if (hx_cmdline_get("helix.bench", wanted, sizeof(wanted)) != -HX_ENOENT)
		hx_boot_on_prompt(bench_then_leave);
}

static const struct hx_job bench_row = { .name = "bench", .order = 20, .run = bench_job };
HX_JOB(bench_row);

static void bench_verb(struct hx_call *c)
{
	const char *glob = c->argc > 1 ? c->argv[1] : "all";

	if (count(glob) == 0) {
		hx_call_err(c, -HX_ENOENT, "no-benchmark");
		return;
	}
	if (run_all(glob, NULL) == 0)
		hx_call_ok(c, "figures=%u", n_figures);
	else
		hx_call_err(c, -HX_EIO, "benchmark-failed");
	show_all(hx_call_body(c));
}

static const struct hx_verb bench_verb_row = {
	.name = "bench", .usage = "bench [GLOB]",
	.help = "run benchmarks, one JSON line per figure",
	.min_args = 0, .max_args = 1, .run = bench_verb,
};
HX_VERB(bench_verb_row);

static int results_show(struct hx_text *out, const struct hx_node_args *args)
{
	show_all(out);
	return 0;
}

static const struct hx_node results_node = {
	.path = "/bench/results", .help = "figures of the last benchmark run, one JSON line each",
	.rights = HX_NODE_READ, .max_bytes = FIGURES_MAX * LINE_MAX, .show = results_show,
};
HX_NODE(results_node);
