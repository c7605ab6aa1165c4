/* SPDX-License-Identifier: MIT */
/*
 * A workload as data: what a .wl file says once it was read (docs/spec/schedsim.md). Nothing in
 * here changes while it is simulated, so one workload serves many runs.
 */
#ifndef SCHEDSIM_WORKLOAD_H
#define SCHEDSIM_WORKLOAD_H

#include <hx/base.h>
#include <hx/core/intent.h>
#include <stdio.h>

#define WL_NAME_MAX	20u	/* with the NUL; a number of up to 4 digits goes behind it */
#define WL_CPUS_MAX	64u
#define WL_THREADS_MAX	10000u
#define WL_THINGS_MAX	64u	/* mutexes, semaphores, sources, watched names: of each */
#define WL_SPECS_MAX	256u
#define WL_OPS_MAX	4096u	/* of one thread */
#define WL_DEPTH_MAX	8u	/* loops within loops */
#define WL_LENGTH_MAX	(3600 * HX_NS_PER_S)
#define WL_ERROR_MAX	256u

/* ---- dist.c: numbers that come out the same on every machine */

enum dist_kind { DIST_CONST, DIST_UNIFORM, DIST_EXP, DIST_PARETO };

struct dist {
	enum dist_kind kind;
	uint64_t a;		/* value; least; mean; least */
	uint64_t b;		/* -; greatest; greatest or 0: 20 means; greatest or 0: 1000 a */
	double alpha;		/* pareto: shape, above 0 */
};

uint64_t rng_next(uint64_t *state);
uint64_t rng_below(uint64_t *state, uint64_t n);	/* 0..n-1; n is not 0 */
uint64_t rng_mix(uint64_t a, uint64_t b);		/* a seed made of two numbers */
uint64_t dist_draw(const struct dist *d, uint64_t *state);
double dist_ln(double x);				/* x > 0 */
double dist_exp(double x);				/* x <= 0 */

/* ---- the file */

enum op_kind {
	OP_RUN, OP_SLEEP, OP_IO, OP_EVERY, OP_LOCK, OP_UNLOCK, OP_WAIT, OP_POST, OP_YIELD, OP_MARK,
	OP_LOOP, OP_AGAIN, OP_INTENT, OP_PRIORITY, OP_EXIT,
};

struct op {
	enum op_kind kind;
	unsigned line;		/* where it stands, for what goes wrong at run time */
	struct dist time;	/* run, sleep, io, every */
	unsigned idx;		/* mutex, semaphore, intent; again: where its loop begins */
	unsigned depth;		/* loop, again: which counter */
	uint64_t n;		/* loop: times, 0 for ever; priority: level; mark: due in ns */
};

struct spec {
	char name[WL_NAME_MAX];
	unsigned line, count;
	struct dist arrival;	/* of each thread on its own ... */
	uint64_t stagger_ns;	/* ... and the i-th so much later */
	uint8_t prio;
	bool has_intent, leaves_refused;
	uint64_t slice_ns;
	struct hx_intent intent;
	struct op *ops;
	unsigned n_ops;
};

struct wl_mutex {
	char name[WL_NAME_MAX];
	bool inherits;
};

struct wl_sem {
	char name[WL_NAME_MAX];
	unsigned count;
};

/* A device: posts without using a CPU. */
struct wl_source {
	char name[WL_NAME_MAX];
	unsigned sem;
	struct dist every, burst;
	uint64_t from_ns, until_ns;
};

struct workload {
	char name[64];			/* the file's, without folder and ending */
	char about[160];		/* its first comment line */
	unsigned cpus, tick_hz;
	uint64_t length_ns, switch_ns, balance_ns, seed;
	bool timers_exact;
	struct spec *specs;
	struct wl_mutex mutexes[WL_THINGS_MAX];
	struct wl_sem sems[WL_THINGS_MAX];
	struct wl_source sources[WL_THINGS_MAX];
	struct hx_intent *intents;	/* those set within programs */
	unsigned n_specs, n_mutexes, n_sems, n_sources, n_intents, n_threads;
	bool watched[WL_SPECS_MAX];	/* whose response the comparison shows */
};

/* A bit for each of its CPUs. */
static inline uint64_t workload_cpus(const struct workload *w)
{
	return UINT64_MAX >> (WL_CPUS_MAX - w->cpus);
}

/* ---- parse.c */

/*
 * Read a workload. 0, and *out is the caller's until workload_free(); else -HX_EINVAL and
 * error says "NAME:LINE:COLUMN: why". text needs no NUL and may hold any bytes.
 */
HX_MUST_CHECK int workload_parse(const char *name, const char *text, size_t len,
				 struct workload **out, char error[WL_ERROR_MAX]);
/* The same from a file; -HX_ENOENT if it cannot be read. */
HX_MUST_CHECK int workload_load(const char *path, struct workload **out, char error[WL_ERROR_MAX]);
void workload_free(struct workload *w);

/* Memory for the tool itself: ends the program if there is none. */
void *xalloc(size_t n, size_t size);		/* zeroed */
void *xgrow(void *old, size_t n, size_t size);	/* room for n; keeps what was there */

#endif
