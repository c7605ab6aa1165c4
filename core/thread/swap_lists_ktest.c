// SPDX-License-Identifier: MIT
/*
 * A scheduler that hands over wrongly, whose queue is right: it lists a thread twice, a copy of
 * one, one more, one less, or writes what it does not say it does. As the new one it is not swapped
 * in; as the old one it stays, and so does everything else.
 */
#include <hx/core/smp.h>
#include <hx/core/string.h>

#include "swap_team.h"

#define N_SITTERS	3u

enum lie { NONE, LISTS_TWICE, LISTS_COPY, LISTS_MORE, LISTS_LESS, WRITES_MORE, LIES };

static enum lie lie;
static struct hx_thread copies[HX_CPUS];

static int lists_init(struct hx_runq *rq)
{
	return 0;
}

static void lists_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	hx_list_push_back(&rq->ready, &t->run_link);
}

static void lists_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	hx_list_unlink(&t->run_link);
}

static struct hx_thread *lists_pick(struct hx_runq *rq)
{
	if (hx_list_is_empty(&rq->ready))
		return NULL;
	return HX_LIST_ENTRY(hx_list_unlink_first(&rq->ready), struct hx_thread, run_link);
}

static enum hx_tick lists_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	return HX_TICK_TURN;
}

static const struct hx_sched_ops lists_ops = {
	.abi = HX_SCHED_ABI, .name = "test-lists", .init = lists_init, .tick = lists_tick,
	.enqueue = lists_enqueue, .dequeue = lists_dequeue, .pick = lists_pick,
};

static size_t lists_list(struct hx_runq *rq, struct hx_thread **ready, size_t room)
{
	struct hx_list *n;
	size_t i = 0;

	HX_LIST_FOREACH(n, &rq->ready) {
		if (i < room)
			ready[i++] = HX_LIST_ENTRY(n, struct hx_thread, run_link);
	}
	if (i < 2)
		return i;
	if (lie == LISTS_TWICE)
		ready[1] = ready[0];
	if (lie == LISTS_MORE && i < room)
		ready[i++] = ready[0];
	if (lie == LISTS_LESS)
		i--;
	if (lie == LISTS_COPY) {
		copies[rq->cpu] = *ready[1];
		ready[1] = &copies[rq->cpu];
	}
	return i;
}

static void lists_save_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	if (lie == WRITES_MORE)
		records[n - 1]->state.has |= HX_STATE_DEADLINE << 8;
}

static void lists_load_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (records[i]->t->state == HX_THREAD_READY)
			hx_list_push_back(&rq->ready, &records[i]->t->run_link);
	}
}

static const struct hx_sched_state_ops lists_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "test-lists",
	.list = lists_list, .save_all = lists_save_all, .load_all = lists_load_all,
};
HX_SCHED_CLASS(lists_ops);
HX_SCHED_STATE(lists_state);

/* On the last CPU, where at least two of them are ready whenever one looks. */
static struct hx_thread *sitters[N_SITTERS];
static volatile bool sit;
static volatile uint64_t turns[N_SITTERS];

static int sitter_main(void *arg)
{
	volatile uint64_t *n = arg;

	while (sit) {
		(*n)++;
		hx_yield();
	}
	return 0;
}

static bool sitters_start(void)
{
	struct hx_intent want;
	struct hx_thread_params p = { .name = "sitter", .fn = sitter_main, .intent = &want,
				      .prio = hx_thread_self()->prio };

	hx_intent_init(&want);
	want.affinity = 1ull << (63 - __builtin_clzll(hx_cpus_online().bits));
	sit = true;
	for (unsigned i = 0; i < N_SITTERS; i++) {
		p.arg = (void *)&turns[i];
		if (hx_thread_create(&p, &sitters[i]) != 0)
			return false;
	}
	return true;
}

static bool sitters_get_on(void)
{
	hx_ns_t until = hx_now_ns() + 10 * HX_NS_PER_S;
	bool all = false;

	for (unsigned i = 0; i < N_SITTERS; i++)
		turns[i] = 0;
	while (!all && hx_now_ns() < until) {
		hx_sleep_ns(TICK_NS);
		all = true;
		for (unsigned i = 0; i < N_SITTERS; i++)
			all = all && turns[i] != 0;
	}
	return all;
}

HX_KTEST(swap_of_one_that_lists_or_writes_wrongly_is_undone)
{
	const char *first = swap_current();
	struct hx_swap s;
	unsigned i;

	hx_require(t, sitters_start());
	for (i = LISTS_TWICE; i < WRITES_MORE; i++) {
		lie = (enum lie)i;
		hx_expect(t, swap_to("test-lists", &s) == -HX_EBADMSG);
		hx_expect(t, s.step == HX_SWAP_IMPORT && hx_strcmp(swap_current(), first) == 0);
		hx_expect(t, sitters_get_on());
	}
	lie = NONE;
	hx_expect(t, swap_to("test-lists", NULL) == 0 && sitters_get_on());
	for (i = LISTS_TWICE; i < LIES; i++) {
		lie = (enum lie)i;
		hx_expect(t, swap_to(first, &s) == -HX_EBADMSG && s.step == HX_SWAP_EXPORT);
		hx_expect(t, hx_strcmp(swap_current(), "test-lists") == 0 && sitters_get_on());
	}
	lie = NONE;
	hx_expect(t, swap_to(first, NULL) == 0 && sitters_get_on());
	sit = false;
	for (i = 0; i < N_SITTERS; i++)
		hx_expect(t, hx_thread_join(sitters[i], HX_FOREVER, NULL) == 0);
}
