// SPDX-License-Identifier: MIT
/*
 * Healing in the booted kernel: failures told from threads and interrupts of all CPUs, a service
 * with a thread of its own that stops beating, and a check that never ends.
 */
#include <hx/config/core_mem.h>
#include <hx/core/heal.h>
#include <hx/core/heap.h>
#include <hx/core/ktest.h>
#include <hx/core/mutex.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>
#include <hx/hal/cpu.h>
#include <hx/hal/timer.h>

#define SETTLE_NS	(20 * HX_NS_PER_S)
#define EACH		20u
#define BEAT_MS		(4 * CONFIG_HEAL_PERIOD_MS)

static struct hx_cpu_work works[HX_CPUS];

static void tell_some(void *arg)
{
	for (unsigned i = 0; i < EACH; i++)
		(void)hx_failure_tell(HX_FAILURE_HARDWARE, "ktest", "cpu %u says %u",
				      hx_percpu()->cpu, i);
}

HX_KTEST(failures_from_interrupts_of_all_cpus_are_told_or_counted)
{
	struct hx_failure_counts a, b;
	uint64_t cpus = hx_cpus_online().bits, n = 0;
	hx_ns_t until = hx_now_ns() + SETTLE_NS;

	hx_failure_counts(&a);
	for (; cpus != 0; n++) {
		unsigned cpu = hx_cpumask_take(&cpus);

		works[cpu] = (struct hx_cpu_work){ .fn = tell_some };
		hx_expect(t, hx_cpu_post(cpu, &works[cpu]) == 0);
	}
	do {
		hx_sleep_ns(HX_NS_PER_MS);
		hx_failure_counts(&b);
	} while ((b.n_told + b.n_lost < a.n_told + a.n_lost + n * EACH ||
		  b.n_taken != b.n_told) && hx_now_ns() < until);
	hx_expect(t, b.n_told + b.n_lost >= a.n_told + a.n_lost + n * EACH);
	hx_expect(t, b.n_taken == b.n_told);
}

/* A service: a thread that beats and counts until it is told to be ill. */
struct service {
	struct hx_healed h;
	struct hx_thread *thread;
	uint32_t count;
	volatile bool ill, end, check_hangs;
	unsigned n_restarts;
};

static struct service svc;

static int service_main(void *arg)
{
	struct service *s = arg;

	while (!s->end) {
		if (!s->ill) {
			s->count++;
			hx_heal_beat(&s->h);
		}
		hx_sleep_ns(10 * HX_NS_PER_MS);
	}
	return 0;
}

static enum hx_health service_check(void *arg)
{
	struct service *s = arg;

	while (s->check_hangs)
		hx_cpu_relax();		/* never sleeps: only its deadline ends the waiting */
	return HX_HEALTHY;
}

static int service_save(void *arg, void *buf, size_t size)
{
	memcpy(buf, &((struct service *)arg)->count, 4);
	return 4;
}

static int service_start(struct service *s)
{
	struct hx_thread_params p = {
		.name = "service", .fn = service_main, .arg = s, .prio = HX_PRIO_DEFAULT,
	};

	s->end = s->ill = false;
	return hx_thread_create(&p, &s->thread);
}

static int service_restart(void *arg, const void *state, size_t n_bytes)
{
	struct service *s = arg;

	s->end = true;
	(void)!hx_thread_join(s->thread, HX_FOREVER, NULL);
	s->count = 0;
	if (n_bytes == 4)
		memcpy(&s->count, state, 4);
	s->n_restarts++;
	return service_start(s);
}

static const struct hx_healed_ops service_ops = {
	.check = service_check, .save = service_save, .restart = service_restart,
};

static bool begin(void)
{
	svc = (struct service){ .h = { .name = "service", .ops = &service_ops, .arg = &svc,
				       .beat_ms = BEAT_MS, .state_bytes = 4,
				       .policy = HX_HEAL_RESTART } };
	return service_start(&svc) == 0 && hx_heal_register(&svc.h) == 0;
}

static void end(struct hx_ktest_run *t)
{
	hx_expect(t, hx_heal_unregister(&svc.h) == 0);
	svc.end = true;
	hx_expect(t, hx_thread_join(svc.thread, SETTLE_NS, NULL) == 0);
}

HX_KTEST(a_service_that_stops_beating_goes_on_where_it_was)
{
	hx_ns_t until = hx_now_ns() + SETTLE_NS;
	uint32_t before;

	hx_require(t, begin());
	while (svc.h.saved_bytes == 0 && hx_now_ns() < until)
		hx_sleep_ns(10 * HX_NS_PER_MS);
	hx_expect(t, svc.h.saved_bytes == 4);
	hx_expect(t, svc.n_restarts == 0);
	before = svc.count;
	svc.ill = true;
	while (svc.n_restarts == 0 && hx_now_ns() < until)
		hx_sleep_ns(10 * HX_NS_PER_MS);
	hx_expect(t, svc.n_restarts == 1);
	hx_sleep_ns(2 * BEAT_MS * HX_NS_PER_MS);
	hx_expect(t, svc.n_restarts == 1 && svc.h.state == HX_HEAL_HEALTHY);
	hx_expect(t, before > 0 && svc.count > before);
	end(t);
}

HX_KTEST(a_check_that_spins_is_given_up_and_comes_back)
{
	hx_ns_t until = hx_now_ns() + SETTLE_NS;

	if (HX_ENABLED(PREEMPT_NONE) || HX_ENABLED(PREEMPT_VOLUNTARY)) {
		hx_ktest_skip(t, "a spinning thread keeps the CPU");
		return;
	}
	hx_require(t, begin());
	svc.check_hangs = true;
	while (svc.n_restarts == 0 && hx_now_ns() < until)
		hx_sleep_ns(10 * HX_NS_PER_MS);
	hx_expect(t, svc.h.stuck != 0 && svc.n_restarts == 1);
	svc.check_hangs = false;
	while (svc.h.stuck != 0 && hx_now_ns() < until)
		hx_sleep_ns(10 * HX_NS_PER_MS);
	hx_expect(t, svc.h.stuck == 0);
	while (svc.h.state != HX_HEAL_HEALTHY && hx_now_ns() < until)
		hx_sleep_ns(10 * HX_NS_PER_MS);
	hx_expect(t, svc.h.state == HX_HEAL_HEALTHY && svc.n_restarts >= 1);
	end(t);
}

/* Whether something was recorded after seq whose evidence is like that; waits for it. */
static bool recorded(uint64_t seq, const char *name, const char *words)
{
	hx_ns_t until = hx_now_ns() + SETTLE_NS;

	do {
		struct hx_heal_record r = { .seq = seq };

		while (hx_heal_next(r.seq, &r))
			if (hx_strcmp(r.why.who, name) == 0 && hx_glob(words, r.why.what))
				return true;
		hx_sleep_ns(10 * HX_NS_PER_MS);
	} while (hx_now_ns() < until);
	return false;
}

static uint64_t last_seq(void)
{
	struct hx_heal_record r = { .seq = 0 };

	while (hx_heal_next(r.seq, &r))
		;
	return r.seq;
}

static volatile bool is_seen;

/* Not for ever: the healer may be a thread of this CPU, and then comes to it afterwards. */
static void take_no_ticks(void *arg)
{
	hx_ns_t until = hx_now_ns() + (CONFIG_HEAL_CPU_MS + 30 * CONFIG_HEAL_PERIOD_MS) *
			HX_NS_PER_MS;

	while (!is_seen && hx_now_ns() < until) {
		hx_cpu_relax();
		hx_spin_poll();
	}
}

HX_KTEST(a_cpu_that_takes_no_ticks_is_noticed_by_another)
{
	static struct hx_cpu_work work = { .fn = take_no_ticks };
	uint64_t seq = last_seq();
	unsigned cpu;

	if (hx_cpu_count() < 2) {
		hx_ktest_skip(t, "one CPU");
		return;
	}
	is_seen = false;
	hx_preempt_disable();
	cpu = hx_percpu()->cpu == 1 ? 0 : 1;
	hx_expect(t, hx_cpu_post(cpu, &work) == 0);
	hx_preempt_enable();
	hx_expect(t, recorded(seq, "cpu", cpu == 0 ? "CPU 0 took no tick for *" :
			      "CPU 1 took no tick for *"));
	is_seen = true;
	while (!hx_cpu_work_is_done(&work))
		hx_sleep_ns(10 * HX_NS_PER_MS);
}

static int waits_with_a_full_stack(void *arg)
{
	/* As a frame that reached the last word would. */
	*(volatile uint64_t *)hx_thread_self()->stack = 0;
	return hx_sem_take(arg, HX_FOREVER);
}

HX_KTEST(a_stack_that_was_full_is_found_by_a_sweep)
{
	struct hx_sem go = HX_SEM_INIT(go, 0);
	struct hx_thread_params p = { .name = "full", .fn = waits_with_a_full_stack, .arg = &go,
				      .prio = HX_PRIO_DEFAULT };
	uint64_t seq = last_seq();
	struct hx_thread *thread;

	hx_require(t, hx_thread_create(&p, &thread) == 0);
	hx_expect(t, recorded(seq, "memory", "the stack of thread * was full*"));
	hx_sem_give(&go);
	hx_expect(t, hx_thread_join(thread, SETTLE_NS, NULL) == 0);
}

HX_KTEST(a_block_written_past_its_end_is_found_by_a_sweep)
{
	uint64_t seq = last_seq();
	uint8_t *block, was;

	if (!HX_ENABLED(HEAP_REDZONES)) {
		hx_ktest_skip(t, "no red zones");
		return;
	}
	block = hx_alloc(40);
	hx_require(t, block != NULL);
	was = ((volatile uint8_t *)block)[40];
	((volatile uint8_t *)block)[40] = 0;
	hx_expect(t, recorded(seq, "memory", "* heap blocks are written past their end*"));
	((volatile uint8_t *)block)[40] = was;
	hx_free(block);
}
