/* SPDX-License-Identifier: MIT */
/* For the tests of schedsim: run a workload given as text, and look at what happened. */
#ifndef SCHEDSIM_SIM_TEST_H
#define SCHEDSIM_SIM_TEST_H

#include "hx_test.h"
#include "report.h"
#include "trace.h"

#define MS	HX_NS_PER_MS

static inline const struct hx_sched_ops *sched_named(const char *name)
{
	const struct hx_sched_ops *const *it;

	HX_SECTION_FOREACH(it, hx_sched_classes) {
		if (strcmp((*it)->name, name) == 0)
			return *it;
	}
	return NULL;
}

static inline struct workload *workload_of(const char *text)
{
	char error[WL_ERROR_MAX] = "";
	struct workload *w = NULL;

	if (workload_parse("test", text, strlen(text), &w, error) != 0)
		fail_msg("%s", error);
	return w;
}

struct test_run {
	struct workload *w;
	struct trace trace;
	struct sim *s;
	int err;
};

static inline struct test_run run_text(const struct hx_sched_ops *ops, const char *text)
{
	static struct trace trace;
	struct test_run r = { .w = workload_of(text) };
	struct sim_options o = { .ops = ops, .check = true, .trace = &trace };

	assert_non_null(ops);
	trace = r.trace;
	r.err = sim_run(r.w, &o, &r.s);
	r.trace = trace;
	return r;
}

static inline void run_end(struct test_run *r)
{
	sim_free(r->s);
	free(r->trace.v);
	workload_free(r->w);
}

/* When thread nr came on a CPU for the k-th time; NO_TIME: it did not. */
static inline uint64_t time_on(const struct test_run *r, unsigned nr, unsigned k)
{
	for (size_t i = 0; i < r->trace.n; i++) {
		const struct trace_event *e = &r->trace.v[i];

		if (e->what == TRACE_ON && e->thread == nr && k-- == 0)
			return e->at;
	}
	return NO_TIME;
}

/* The response of thread nr's k-th mark. */
static inline uint64_t response_of(const struct test_run *r, unsigned nr, unsigned k)
{
	for (size_t i = 0; i < r->trace.n; i++) {
		const struct trace_event *e = &r->trace.v[i];

		if ((e->what == TRACE_MARK || e->what == TRACE_MISS) && e->thread == nr && k-- == 0)
			return e->detail;
	}
	return NO_TIME;
}

#endif
