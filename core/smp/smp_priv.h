/* SPDX-License-Identifier: MIT */
/* What the files of this room share: the set of CPUs, and answering what other CPUs want. */
#ifndef HX_SMP_PRIV_H
#define HX_SMP_PRIV_H

#include <hx/core/smp.h>

/* ---- cpus.c */
extern struct hx_cpumask smp_online;		/* a */

/* ---- ipi.c */
HX_MUST_CHECK int smp_ipi_start(void);
void smp_ipi_stop(void);

/* ---- tlb.c */
void smp_tlb_start(void);
void smp_tlb_answer(void);		/* forget what others asked for; any context */

#endif
