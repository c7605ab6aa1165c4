// SPDX-License-Identifier: MIT
/*
 * Grace periods in the booted kernel: the other CPUs read without a pause, in short sections in
 * interrupts that post themselves anew, while this one replaces what they read, waits, and spoils
 * the old one. A reader that sees it spoilt was overtaken.
 */
#include <hx/core/grace.h>
#include <hx/core/ktest.h>
#include <hx/core/smp.h>
#include <hx/core/thread.h>
#include <hx/hal/cpu.h>
#include <hx/hal/timer.h>

#define ROUNDS		50u
#define LOOKS		200u
#define WITHOUT_NS	(20 * HX_NS_PER_S)
#define GOOD		0x600du
#define SPOILT		0xbadu

struct object {
	volatile uint32_t word;
	struct hx_grace grace;
};

/* Two works per CPU, so that one can post the other. */
struct reader {
	struct hx_cpu_work works[2];
	unsigned next;
	uint64_t n_sections;
} HX_ALIGNED(64);

static struct object objects[2];
static struct object *current_object;
static struct reader readers[HX_CPUS];
static volatile bool stop;
static uint32_t n_spoilt, n_running, n_called;

static void read_once(void *arg)
{
	struct reader *r = arg;
	const struct object *o;

	hx_read_begin();
	o = hx_read_pointer(&current_object);
	for (unsigned i = 0; i < LOOKS; i++)
		if (o->word != GOOD)
			__atomic_fetch_add(&n_spoilt, 1, __ATOMIC_RELAXED);
	hx_read_end();
	r->n_sections++;
	r->next ^= 1;
	if (stop || hx_cpu_post(hx_percpu()->cpu, &r->works[r->next]) != 0)
		__atomic_fetch_sub(&n_running, 1, __ATOMIC_RELEASE);
}

static void start_readers(struct hx_ktest_run *t)
{
	uint64_t cpus = hx_cpus_online().bits;

	stop = false;
	n_spoilt = n_running = 0;
	while (cpus != 0) {
		unsigned cpu = hx_cpumask_take(&cpus);
		struct reader *r = &readers[cpu];

		*r = (struct reader){ .next = 0 };
		r->works[0] = r->works[1] = (struct hx_cpu_work){ .fn = read_once, .arg = r };
		if (cpu == hx_percpu()->cpu)
			continue;
		__atomic_fetch_add(&n_running, 1, __ATOMIC_RELAXED);
		hx_expect(t, hx_cpu_post(cpu, &r->works[0]) == 0);
	}
}

static void stop_readers(void)
{
	stop = true;
	while (__atomic_load_n(&n_running, __ATOMIC_ACQUIRE) != 0)
		hx_yield();
}

HX_KTEST(grace_old_is_not_read_after_the_wait)
{
	objects[0].word = GOOD;
	current_object = &objects[0];
	start_readers(t);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct object *fresh = &objects[(i + 1) % 2], *old = &objects[i % 2];

		fresh->word = GOOD;
		hx_publish_pointer(&current_object, fresh);
		hx_grace_wait();
		old->word = SPOILT;
	}
	stop_readers();
	hx_expect(t, n_spoilt == 0);
	for (unsigned cpu = 0; cpu < HX_CPUS; cpu++)
		hx_expect(t, cpu == hx_percpu()->cpu || hx_cpu_state(cpu) != HX_CPU_ONLINE ||
			  readers[cpu].n_sections >= 2);
}

/* The test can fail: without the wait somebody is overtaken, or nobody reads at all. */
HX_KTEST(grace_without_the_wait_is_seen)
{
	hx_ns_t until;

	if (hx_cpu_count() == 1) {
		hx_ktest_skip(t, "one CPU");
		return;
	}
	objects[0].word = GOOD;
	current_object = &objects[0];
	start_readers(t);
	until = hx_now_ns() + WITHOUT_NS;
	for (unsigned i = 0; hx_now_ns() < until &&
			     __atomic_load_n(&n_spoilt, __ATOMIC_RELAXED) == 0; i++) {
		struct object *fresh = &objects[(i + 1) % 2], *old = &objects[i % 2];

		fresh->word = GOOD;
		hx_publish_pointer(&current_object, fresh);
		old->word = SPOILT;
	}
	stop_readers();
	hx_expect(t, n_spoilt != 0);
}

static void called(struct hx_grace *g)
{
	HX_CONTAINER_OF(g, struct object, grace)->word = SPOILT;
	__atomic_fetch_add(&n_called, 1, __ATOMIC_RELEASE);
}

HX_KTEST(grace_calls_come_in_the_end)
{
	static struct object many[16];

	n_called = 0;
	for (unsigned i = 0; i < HX_ARRAY_LEN(many); i++) {
		many[i].word = GOOD;
		hx_grace_call(&many[i].grace, called);
	}
	for (unsigned i = 0; i < 1000 && __atomic_load_n(&n_called, __ATOMIC_ACQUIRE) !=
					 HX_ARRAY_LEN(many); i++)
		hx_sleep_ns(HX_NS_PER_MS);
	hx_expect(t, n_called == HX_ARRAY_LEN(many));
	for (unsigned i = 0; i < HX_ARRAY_LEN(many); i++)
		hx_expect(t, many[i].word == SPOILT);
}
