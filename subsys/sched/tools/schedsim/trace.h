/* SPDX-License-Identifier: MIT */
/* What happened, step by step, and the files made of it. */
#ifndef SCHEDSIM_TRACE_H
#define SCHEDSIM_TRACE_H

#include "sim.h"

enum trace_what {
	TRACE_ARRIVE, TRACE_REFUSED, TRACE_WAKE, TRACE_ON, TRACE_OFF_BLOCK, TRACE_OFF_EXIT,
	TRACE_OFF_YIELD, TRACE_OFF_PREEMPT, TRACE_OFF_SLICE, TRACE_MOVE, TRACE_MARK, TRACE_MISS,
	TRACE_PRIO, TRACE_INTENT, TRACE_LOCK, TRACE_UNLOCK,
};

struct trace_event {
	uint64_t at;
	uint64_t detail;	/* mark, miss: response in ns; prio: level; move: from which CPU */
	uint32_t thread;	/* index */
	uint16_t cpu;
	uint16_t what;
};

struct trace {
	struct trace_event *v;
	size_t n, room;
	bool cut;		/* there were more than TRACE_MAX */
};

#define TRACE_MAX	((size_t)4 << 20)

static inline bool trace_is_off(enum trace_what what)
{
	return what >= TRACE_OFF_BLOCK && what <= TRACE_OFF_SLICE;
}

void trace_add(struct sim *s, enum trace_what what, const struct vthread *t, unsigned cpu,
	       uint64_t detail);
void trace_csv(const struct sim *s, FILE *f);
/* Chrome's trace-event format: chrome://tracing and ui.perfetto.dev show it. */
void trace_json(const struct sim *s, FILE *f);
/* svg.c */
void svg_gantt(const struct sim *s, uint64_t from, uint64_t to, FILE *f);
void svg_latency(const struct sim *s, FILE *f);

#endif
