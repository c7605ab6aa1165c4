/* SPDX-License-Identifier: MIT */
/* What the files of this room share: the set of CPUs, answering what others want, and patience. */
#ifndef HX_SMP_PRIV_H
#define HX_SMP_PRIV_H

#include <hx/core/smp.h>
#include <hx/hal/timer.h>

/*
 * How long this CPU waits for others, in time that it has spent itself. Where CPUs are virtual and
 * the host is busy, the clock runs on while this one is stopped, and the others, stopped as well,
 * have had no chance to do anything. So of the time between two looks at the clock, which are a
 * microsecond apart while the CPU runs, no more than GAP counts; a scheduler that is fair to
 * virtual CPUs has then given the others as much. WALL bounds the whole if this one hardly runs.
 */
#define SMP_PATIENCE_GAP_NS	(10 * HX_NS_PER_US)
#define SMP_PATIENCE_WALL_NS	(10 * HX_NS_PER_S)

struct smp_patience {
	hx_ns_t left_ns, last_ns, end_ns;
};

static inline struct smp_patience smp_patience(hx_ns_t ns)
{
	hx_ns_t now = hx_now_ns();

	return (struct smp_patience){ .left_ns = ns, .last_ns = now,
				      .end_ns = now + SMP_PATIENCE_WALL_NS };
}

/* Wait a moment. False: it has been long enough. */
static inline bool smp_patience_lasts(struct smp_patience *p)
{
	hx_ns_t now, gap;

	hx_cpu_relax();
	now = hx_now_ns();
	gap = hx_min_u64(now - p->last_ns, SMP_PATIENCE_GAP_NS);
	p->last_ns = now;
	p->left_ns -= hx_min_u64(gap, p->left_ns);
	return p->left_ns != 0 && now < p->end_ns;
}

/* ---- cpus.c */
extern struct hx_cpumask smp_online;		/* a */

/* ---- ipi.c */
HX_MUST_CHECK int smp_ipi_start(void);
void smp_ipi_stop(void);
/* As hx_smp_stop_others(), but where they hold no spinlock, if that is possible. */
unsigned smp_quit_others(void);

/* ---- tlb.c */
void smp_tlb_start(void);
void smp_tlb_answer(void);		/* forget what others asked for; any context */

#endif
