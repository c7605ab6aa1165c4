// SPDX-License-Identifier: MIT
/* The threads that the tests of swaps start, watch and join. */
#include <hx/config/core_slot.h>
#include <hx/core/names.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "swap_team.h"

struct worker swap_workers[N_WORKERS];
volatile bool swap_workers_stop;
volatile uint32_t swap_n_twice;
static volatile uint32_t n_waited_in_vain;

static int worker_main(void *arg)
{
	struct worker *w = arg;
	unsigned kind = (unsigned)(w - swap_workers) % 4;

	while (!swap_workers_stop) {
		if (__atomic_exchange_n(&w->inside, 1, __ATOMIC_ACQ_REL) != 0)
			__atomic_fetch_add(&swap_n_twice, 1, __ATOMIC_RELAXED);
		w->n++;
		for (unsigned i = 0; kind == 0 && i < 2000; i++)
			hx_cpu_relax();
		__atomic_store_n(&w->inside, 0, __ATOMIC_RELEASE);
		if (kind == 1)
			hx_sleep_ns(TICK_NS);
		else if (kind == 2)
			hx_sem_give(&swap_workers[w - swap_workers + 1].sem);
		else if (kind == 3)
			n_waited_in_vain += hx_sem_take(&w->sem, TICK_NS) != 0;
		hx_yield();
	}
	return 1;
}

bool swap_workers_start(void)
{
	swap_workers_stop = false;
	swap_n_twice = 0;
	for (unsigned i = 0; i < N_WORKERS; i++) {
		struct hx_thread_params p = {
			.name = "worker", .fn = worker_main, .arg = &swap_workers[i],
			.prio = hx_thread_self()->prio,
		};

		swap_workers[i].n = swap_workers[i].n_seen = 0;
		swap_workers[i].inside = 0;
		hx_sem_init(&swap_workers[i].sem, 0);
		if (hx_thread_create(&p, &swap_workers[i].thread) != 0)
			return false;
	}
	return true;
}

unsigned swap_workers_end(void)
{
	int value;
	unsigned n = 0;

	swap_workers_stop = true;
	for (unsigned i = 0; i < N_WORKERS; i++) {
		if (hx_thread_join(swap_workers[i].thread, 10 * HX_NS_PER_S, &value) == 0)
			n += (unsigned)value;
	}
	return n;
}

bool swap_workers_get_on(void)
{
	hx_ns_t until = hx_now_ns() + 10 * HX_NS_PER_S;

	for (unsigned i = 0; i < N_WORKERS; i++)
		swap_workers[i].n_seen = swap_workers[i].n;
	for (unsigned i = 0; i < N_WORKERS; i++) {
		while (swap_workers[i].n == swap_workers[i].n_seen) {
			if (hx_now_ns() > until)
				return false;
			hx_sleep_ns(TICK_NS);
		}
	}
	return true;
}

unsigned swap_real_providers(const char *names[N_PROVIDERS])
{
	const void *const *it;
	unsigned n = 0;

	for (it = sched_kind.first; it < sched_kind.last && n < N_PROVIDERS; it++) {
		const struct hx_sched_ops *ops = *it;

		if (ops->name != NULL && hx_strncmp(ops->name, "test-", 5) != 0 &&
		    swap_state_ops(ops) != NULL)
			names[n++] = ops->name;
	}
	return n;
}

const char *swap_current(void)
{
	return ((const struct hx_sched_ops *)sched_slot)->name;
}

int swap_to(const char *name, struct hx_swap *out)
{
	int err;

	do
		err = hx_swap("scheduler", name, out);
	while (err == -HX_ETIMEDOUT);
	return err;
}

void swap_probation(unsigned seconds)
{
	char line[32], text[64];
	struct hx_text_buf ack;

	hx_snprintf(line, sizeof(line), "probation %u",
		    seconds != 0 ? seconds * 1000 : CONFIG_SLOT_PROBATION_MS);
	hx_text_buf_init(&ack, text, sizeof(text));
	(void)!hx_names_take("/slots/scheduler/ctl", line, &ack.text);
}

bool swap_two_there(struct hx_ktest_run *t, const char *names[N_PROVIDERS], unsigned *n)
{
	*n = swap_real_providers(names);
	if (*n >= 2)
		return true;
	hx_ktest_skip(t, "fewer than two schedulers built in");
	return false;
}
