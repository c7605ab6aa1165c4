// SPDX-License-Identifier: MIT
/*
 * The event bus in the booted kernel: threads and timer interrupts publish on all CPUs while others
 * read, one of them too slowly. Each event is got whole by each reader, or is counted as lost.
 */
#include <hx/core/ktest.h>

#include "event_priv.h"

#define N_PUBLISHERS	3u
#define N_READERS	3u		/* the last one is slow */
#define N_EVENTS	20000u		/* of each publisher */
#define TICK_NS		(HX_NS_PER_S / CONFIG_TICK_HZ)
#define STOP		0xffffffffu

static struct hx_topic *topic;
static struct hx_timer timer;
static uint32_t n_publishing;		/* atomic: the others' threads */
static uint64_t timer_count;		/* the timer's */

struct reader {
	struct hx_event_sub *sub;
	uint64_t n_got, n_lost, n_bad;
	uint64_t had[(N_PUBLISHERS * N_EVENTS + 8192) / 64];
};

static struct reader readers[N_READERS];

static void fill(struct hx_event *e, uint64_t publisher, uint64_t i)
{
	*e = (struct hx_event){
		.tag = (uint32_t)i, .prio = (uint8_t)(i * 7 % HX_EVENT_PRIOS),
		.n_bytes = HX_EVENT_BYTES,
	};
	for (unsigned w = 0; w < EVENT_WORDS; w++)
		e->words[w] = (publisher << 32 | i) * 0x9e3779b97f4a7c15ull + w;
	e->words[0] = publisher;
}

static bool is_good(const struct hx_event *e)
{
	struct hx_event want;

	fill(&want, e->words[0], e->tag);
	return e->prio == want.prio && e->n_bytes == want.n_bytes &&
	       __builtin_memcmp(e->words, want.words, sizeof(want.words)) == 0;
}

static int publish_many(void *arg)
{
	struct hx_event e;

	for (uint32_t i = 0; i < N_EVENTS; i++) {
		fill(&e, (uintptr_t)arg, i);
		(void)!hx_event_publish(topic, &e);
		if (i % 16 == 0)
			hx_yield();
		if (i % 2048 == 0)
			hx_sleep_ns(1);
	}
	__atomic_fetch_sub(&n_publishing, 1, __ATOMIC_RELEASE);
	return 0;
}

/* In the tick's interrupt. */
static void publish_tick(struct hx_timer *t)
{
	struct hx_event e;

	if (__atomic_load_n(&n_publishing, __ATOMIC_ACQUIRE) == 0)
		return;
	fill(&e, N_PUBLISHERS, timer_count++);
	(void)!hx_event_publish(topic, &e);
	hx_timer_start(t, 0);
}

static int read_all(void *arg)
{
	struct reader *r = arg;
	struct hx_event e;
	unsigned k = 0;

	for (;;) {
		if (hx_event_next(r->sub, &e, 1000 * TICK_NS) != 0) {
			r->n_bad++;
			return 0;
		}
		r->n_lost += e.n_lost;
		r->n_got++;
		if (e.tag == STOP)
			return 0;
		if (!is_good(&e) || e.seq / 64 >= HX_ARRAY_LEN(r->had) ||
		    (r->had[e.seq / 64] >> e.seq % 64 & 1) != 0)
			r->n_bad++;
		else
			r->had[e.seq / 64] |= 1ull << e.seq % 64;
		if (r == &readers[N_READERS - 1] && ++k % 32 == 0)
			hx_sleep_ns(1);
	}
}

static struct hx_thread *start(int (*fn)(void *arg), void *arg)
{
	struct hx_thread_params p = {
		.name = "event", .fn = fn, .arg = arg, .prio = hx_thread_self()->prio,
	};
	struct hx_thread *t = NULL;

	return hx_thread_create(&p, &t) == 0 ? t : NULL;
}

HX_KTEST(event_torture_got_or_told)
{
	struct hx_event stop = { .tag = STOP, .prio = HX_EVENT_BACKGROUND };
	struct hx_thread *threads[N_PUBLISHERS + N_READERS];
	unsigned i;

	hx_require(t, hx_topic_open("torture", &topic) == 0);
	__builtin_memset(readers, 0, sizeof(readers));
	timer_count = 0;
	n_publishing = N_PUBLISHERS;
	for (i = 0; i < N_READERS; i++) {
		hx_require(t, hx_event_subscribe(topic, NULL, &readers[i].sub) == 0);
		threads[i] = start(read_all, &readers[i]);
		hx_require(t, threads[i] != NULL);
	}
	for (; i < N_READERS + N_PUBLISHERS; i++) {
		threads[i] = start(publish_many, (void *)(uintptr_t)(i - N_READERS));
		hx_require(t, threads[i] != NULL);
	}
	timer.fn = publish_tick;
	hx_timer_start(&timer, 0);
	for (i = N_READERS; i < N_READERS + N_PUBLISHERS; i++)
		hx_expect(t, hx_thread_join(threads[i], HX_FOREVER, NULL) == 0);
	hx_timer_cancel(&timer);
	hx_expect(t, hx_event_publish(topic, &stop) == 0);
	for (i = 0; i < N_READERS; i++) {
		hx_expect(t, hx_thread_join(threads[i], HX_FOREVER, NULL) == 0);
		hx_expect(t, readers[i].n_bad == 0);
		hx_expect(t, readers[i].n_got + readers[i].n_lost == topic->next);
		/* All that is kept; no more if it never ran before the last was published. */
		hx_expect(t, readers[i].n_got >= HX_EVENT_HISTORY);
		hx_event_unsubscribe(readers[i].sub);
	}
	hx_expect(t, timer_count != 0);
	hx_expect(t, readers[N_READERS - 1].n_lost != 0);
	hx_topic_close(topic);
}

static uint32_t n_handled;

static void handle(const struct hx_event *e, void *arg)
{
	if (hx_percpu()->locks_held != 0 || !hx_can_sleep())
		return;
	__atomic_fetch_add(&n_handled, 1, __ATOMIC_RELAXED);
}

HX_KTEST(event_handlers_come_and_go)
{
	struct hx_event e = { .n_bytes = 0 };
	struct hx_event_sub *sub;
	struct hx_topic *own;

	n_handled = 0;
	hx_require(t, hx_topic_open("handlers", &own) == 0);
	for (unsigned i = 0; i < 50; i++) {
		hx_require(t, hx_event_subscribe(own, NULL, &sub) == 0);
		hx_expect(t, hx_event_handle(sub, handle, NULL) == 0);
		hx_expect(t, hx_event_publish(own, &e) == 0);
		for (unsigned k = 0; k < 1000 && __atomic_load_n(&n_handled, __ATOMIC_RELAXED) <= i;
		     k++)
			hx_sleep_ns(1);
		hx_expect(t, n_handled == i + 1);
		hx_event_unsubscribe(sub);
		hx_expect(t, hx_event_publish(own, &e) == 0);
	}
	hx_expect(t, n_handled == 50);
	hx_topic_close(own);
}
