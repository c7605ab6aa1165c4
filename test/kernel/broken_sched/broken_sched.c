// SPDX-License-Identifier: MIT
/*
 * A scheduler, first come first served, that follows a pointer which was never one, or loops for
 * ever ("loop-pick 20"): in the operation and after the number of calls that the node /test/broken
 * was told ("pick 20"; at first: pick 0). Or pick gives something that is no thread: an address
 * that no machine has ("wild"), a copy of a thread ("copy"), the idle thread ("idle").
 */
#include <hx/core/names.h>
#include <hx/core/sched_class.h>
#include <hx/core/sched_state.h>
#include <hx/core/string.h>

#define WILD	0x5a5a5a5a5a5a0000

enum op {
	OP_PICK, OP_ENQUEUE, OP_TICK, OP_LOAD, LOOP_PICK, LOOP_TICK, GIVE_WILD, GIVE_COPY,
	GIVE_IDLE, OPS,
};

static const char op_names[OPS][12] = {
	"pick", "enqueue", "tick", "load", "loop-pick", "loop-tick", "wild", "copy", "idle",
};
static volatile uint32_t broken_op, n_left;
static uint32_t loops;
static struct hx_thread copy;

static bool is_time(enum op op)
{
	return broken_op == op && (n_left == 0 || --n_left == 0);
}

static void may_break(enum op op)
{
	if (is_time(op))
		*(volatile uint64_t *)WILD = op;
}

/* One CPU alone: somebody must be left to see it. */
static void may_loop(enum op op)
{
	if (is_time(op) && __atomic_exchange_n(&loops, 1, __ATOMIC_RELAXED) == 0) {
		for (;;)
			__asm__ volatile("pause");
	}
}

static int broken_init(struct hx_runq *rq)
{
	hx_list_init(&rq->ready);
	return 0;
}

static void broken_enqueue(struct hx_runq *rq, struct hx_thread *t, enum hx_enqueue_why why)
{
	may_break(OP_ENQUEUE);
	hx_list_push_back(&rq->ready, &t->run_link);
}

static void broken_dequeue(struct hx_runq *rq, struct hx_thread *t)
{
	hx_list_unlink(&t->run_link);
}

static struct hx_thread *broken_pick(struct hx_runq *rq)
{
	may_break(OP_PICK);
	may_loop(LOOP_PICK);
	if (is_time(GIVE_WILD))
		return (struct hx_thread *)WILD;
	if (is_time(GIVE_IDLE))
		return rq->idle;
	if (!hx_list_is_empty(&rq->ready) && is_time(GIVE_COPY)) {
		copy = *HX_LIST_ENTRY(rq->ready.next, struct hx_thread, run_link);
		return &copy;
	}
	return hx_list_is_empty(&rq->ready) ? NULL :
	       HX_LIST_ENTRY(hx_list_unlink_first(&rq->ready), struct hx_thread, run_link);
}

static enum hx_tick broken_tick(struct hx_runq *rq, struct hx_thread *current, uint64_t ran_ns)
{
	may_break(OP_TICK);
	may_loop(LOOP_TICK);
	return HX_TICK_TURN;
}

static const struct hx_sched_ops broken_ops = {
	.abi = HX_SCHED_ABI, .name = "broken", .init = broken_init, .enqueue = broken_enqueue,
	.dequeue = broken_dequeue, .pick = broken_pick, .tick = broken_tick,
};
HX_SCHED_CLASS(broken_ops);

static size_t broken_list(struct hx_runq *rq, struct hx_thread **ready, size_t room)
{
	struct hx_list *n;
	size_t i = 0;

	HX_LIST_FOREACH(n, &rq->ready) {
		if (i < room)
			ready[i++] = HX_LIST_ENTRY(n, struct hx_thread, run_link);
	}
	return i;
}

static void broken_save_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
}

static void broken_load_all(struct hx_runq *rq, struct hx_sched_record *const *records, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		may_break(OP_LOAD);
		if (records[i]->t->state == HX_THREAD_READY)
			hx_list_push_back(&rq->ready, &records[i]->t->run_link);
	}
}

static const struct hx_sched_state_ops broken_state = {
	.abi = HX_SCHED_STATE_ABI, .version = HX_SCHED_STATE_VERSION, .name = "broken",
	.list = broken_list, .save_all = broken_save_all, .load_all = broken_load_all,
};
HX_SCHED_STATE(broken_state);

static int broken_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	uint64_t n;

	for (uint32_t op = 0; op < OPS; op++) {
		size_t len = hx_strlen(op_names[op]);

		if (hx_strncmp(line, op_names[op], len) != 0 || line[len] != ' ' ||
		    hx_parse_u64(line + len + 1, UINT32_MAX, &n) != 0)
			continue;
		broken_op = op;
		n_left = (uint32_t)n;
		return 0;
	}
	return -HX_EINVAL;
}

static const struct hx_node broken_node = {
	.path = "/test/broken", .help = "<operation> <calls until it breaks>",
	.rights = HX_NODE_APPEND, .take = broken_take,
};
HX_NODE(broken_node);
