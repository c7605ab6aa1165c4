/* SPDX-License-Identifier: MIT */
/* What the tests of swaps share: threads that wait, wake, sleep and yield, and must all get on. */
#ifndef HX_SWAP_TEAM_H
#define HX_SWAP_TEAM_H

#include <hx/core/ktest.h>
#include <hx/core/mutex.h>

#include "swap_priv.h"

#define N_WORKERS	12u
#define N_PROVIDERS	16u
#define TICK_NS		(HX_NS_PER_S / CONFIG_TICK_HZ)

struct worker {
	struct hx_thread *thread;
	volatile uint64_t n;		/* turns of its loop */
	volatile uint32_t inside;	/* somebody runs it: two would be one too many */
	uint64_t n_seen;
	struct hx_sem sem;
};

extern struct worker swap_workers[N_WORKERS];
extern volatile bool swap_workers_stop;	/* asks them to end */
extern volatile uint32_t swap_n_twice;	/* how often two were inside */

bool swap_workers_start(void);
/* How many of them ended as they should. */
unsigned swap_workers_end(void);
/* Has each of them got on? Waits for the slowest, 10 s at most. */
bool swap_workers_get_on(void);
/* Names of the schedulers that keep state, the tests' own ones left out. */
unsigned swap_real_providers(const char *names[N_PROVIDERS]);
const char *swap_current(void);
/* A busy host may not let a CPU answer in time: that is no failure of ours. */
int swap_to(const char *name, struct hx_swap *out);
/* On a busy host a second may pass before a CPU has run at all. 0: what the kernel is made with. */
void swap_probation(unsigned seconds);
bool swap_two_there(struct hx_ktest_run *t, const char *names[N_PROVIDERS], unsigned *n);

#endif
