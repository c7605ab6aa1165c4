// SPDX-License-Identifier: MIT
/*
 * A module that breaks: /test/break takes the word that says how. What its init does is what the
 * node /test/break_init says, if a test has put one there.
 */
#include <hx/config/core_heal.h>
#include <hx/config/core_resources.h>
#include <hx/core/assert.h>
#include <hx/core/fault.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/init.h>
#include <hx/core/lock.h>
#include <hx/core/mutex.h>
#include <hx/core/names.h>
#include <hx/core/rwlock.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#include "breaker_priv.h"

#define WILD	((volatile uint64_t *)0x00007fff12345678)	/* nobody's; not canonical: BAD */
#define BAD	((volatile uint64_t *)0x8000000000000123)

static struct hx_spinlock spin = HX_SPINLOCK_INIT("breaker", HX_RANK_NONE);
static struct hx_rwlock rw = HX_RWLOCK_INIT("breaker-rw", HX_RANK_NONE);
static struct hx_mutex mutex = HX_MUTEX_INIT(mutex);
static volatile uint32_t n_inside;
static volatile uint64_t sink;
static void (*volatile nowhere)(void);
/* Instructions that are none, in memory that is not executable. */
static volatile uint8_t garbage[16] = { 0x0f, 0x0b, 0xff, 0xff };

static int break_wild(void)
{
	*WILD = 1;
	return 0;
}

static int break_bad(void)
{
	sink = *BAD;
	return 0;
}

static int break_null(void)
{
	nowhere();
	return 0;
}

static int break_zero(void)
{
	volatile uint32_t zero = 0;

	sink = (uint32_t)sink / zero;
	return 0;
}

static int break_opcode(void)
{
	__builtin_trap();
}

static int break_garbage(void)
{
	((void (*)(void))(uintptr_t)garbage)();
	return 0;
}

static HX_NOINLINE uint64_t deeper(uint64_t n)
{
	volatile uint64_t here[32];

	here[n % 32] = n;
	return n == 0 ? 0 : deeper(n + 1) + here[n % 32];
}

static int break_stack(void)
{
	sink = deeper(1);
	return 0;
}

static int break_text(void)
{
	*(volatile uint8_t *)(uintptr_t)break_text = 0;
	return 0;
}

static int break_leaf(void)
{
	char text[8];

	memcpy(text, (const void *)BAD, sizeof(text));
	return text[0];
}

static int break_list(void)
{
	return (int)hx_strlen((const char *)WILD);
}

static int break_bug(void)
{
	hx_bug("the breaker means it");
}

static int break_spin(void)
{
	hx_spin_lock(&spin);
	break_wild();
	hx_spin_unlock(&spin);
	return 0;
}

static int break_spin_irq(void)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&spin);

	break_wild();
	hx_spin_unlock_irqrestore(&spin, flags);
	return 0;
}

static int break_rw(void)
{
	hx_rw_read_lock(&rw);
	break_wild();
	hx_rw_read_unlock(&rw);
	return 0;
}

static int break_rw_write(void)
{
	hx_rw_write_lock(&rw);
	break_wild();
	hx_rw_write_unlock(&rw);
	return 0;
}

/* The last of several waits until another is at the lock, too, and breaks then. */
static int break_mutex(void)
{
	uint32_t n;

	n = __atomic_add_fetch(&n_inside, 1, __ATOMIC_ACQ_REL);
	hx_mutex_lock(&mutex);
	if (n == 1) {
		while (n_inside < 2)
			hx_sleep_ns(HX_NS_PER_MS);
		hx_sleep_ns(5 * HX_NS_PER_MS);
		break_wild();
	}
	hx_mutex_unlock(&mutex);
	return 0;
}

/* The second one spins on another CPU until the first one's fault has freed the lock. */
static int break_spin_shared(void)
{
	uint32_t n = __atomic_add_fetch(&n_inside, 1, __ATOMIC_ACQ_REL);

	hx_spin_lock(&spin);
	if (n == 1) {
		while (n_inside < 2)
			hx_cpu_relax();
		break_wild();
	}
	hx_spin_unlock(&spin);
	return 0;
}

/* Both break later: what was asked for is done. */
static void late_fn(struct hx_timer *t)
{
	break_wild();
}

static int break_timer(void)
{
	static struct hx_timer timer;

	timer.fn = late_fn;
	hx_timer_start(&timer, hx_now_ns() + HX_NS_PER_MS);
	return 0;
}

static int thread_fn(void *arg)
{
	hx_spin_lock(&spin);
	return break_null();
}

static int break_thread(void)
{
	const struct hx_thread_params p = { .name = "breaks", .fn = thread_fn,
					    .prio = HX_PRIO_DEFAULT };
	struct hx_thread *t;
	int result = 0, err = hx_thread_create(&p, &t);

	if (err == 0)
		err = hx_thread_join(t, HX_FOREVER, &result);
	return err != 0 ? err : result;
}

/* Nothing breaks, but somebody may look at a thread meanwhile. */
static int lives_fn(void *arg)
{
	hx_sleep_ns(HX_NS_PER_S / 2);
	return 0;
}

static int no_break_lives(void)
{
	const struct hx_thread_params p = { .name = "lives", .fn = lives_fn,
					    .prio = HX_PRIO_DEFAULT };
	struct hx_thread *t;
	int err = hx_thread_create(&p, &t);

	return err != 0 ? err : hx_thread_join(t, HX_FOREVER, NULL);
}

static int ends_fn(void *arg)
{
	return 0;
}

/* Not a way to break: a thread that is allowed, or is not. */
static int no_break_started(void)
{
	const struct hx_thread_params p = { .name = "ends", .fn = ends_fn,
					    .prio = HX_PRIO_DEFAULT };
	struct hx_thread *t;
	int err = hx_thread_create(&p, &t);

	return err != 0 ? err : hx_thread_join(t, HX_FOREVER, NULL);
}

static int break_loop(void)
{
	while (nowhere == NULL)
		sink++;
	return 0;
}

static int break_sleep(void)
{
	hx_sleep_ns(HX_NS_PER_S);
	return 0;
}

/* A block that nobody gives back. */
static int break_leak(void)
{
	return hx_alloc(100) != NULL ? 0 : -HX_ENOMEM;
}

/* Two threads, two mutexes, each first one and then the other. */
static struct hx_mutex pair[2] = { HX_MUTEX_INIT(pair[0]), HX_MUTEX_INIT(pair[1]) };
static volatile uint32_t n_have_one;

static int takes_both(void *arg)
{
	unsigned first = arg != NULL;

	hx_mutex_lock(&pair[first]);
	__atomic_add_fetch(&n_have_one, 1, __ATOMIC_ACQ_REL);
	while (n_have_one < 2)
		hx_sleep_ns(HX_NS_PER_MS);
	hx_mutex_lock(&pair[!first]);
	hx_mutex_unlock(&pair[!first]);
	hx_mutex_unlock(&pair[first]);
	return 0;
}

static int break_deadlock(void)
{
	const struct hx_thread_params p = { .name = "takes-both", .fn = takes_both, .arg = pair,
					    .prio = HX_PRIO_DEFAULT };
	struct hx_thread *t;
	int err = hx_thread_create(&p, &t);

	if (err != 0)
		return err;
	err = takes_both(NULL);
	(void)!hx_thread_join(t, HX_FOREVER, NULL);
	return err;
}

/* What a fault that was asked for does in here, if it did not do it by itself. */
static int may_break(void)
{
	uint8_t *block;

	switch (hx_fault_here("module.breaker")) {
	case HX_FAULT_NONE:
		return 0;
	case HX_FAULT_LEAK:
		return break_leak();
	case HX_FAULT_DEADLOCK:
		return break_deadlock();
	case HX_FAULT_FLIP:
		block = hx_alloc(40);
		if (block != NULL)
			hx_fault_flip(block + 40, 8);
		return 0;
	default:
		return -HX_EIO;
	}
}

/* Blocks and pages without end; they are never given back. */
static int hoard(void)
{
	hx_paddr_t pa;

	for (unsigned i = 0; i < 65536; i++) {
		uint8_t *p = i % 3 == 0 ? hx_zalloc(8192) : i % 3 == 1 ? hx_alloc(40000) :
			     hx_alloc_aligned(100, 256);

		if (p == NULL)
			return -HX_ENOMEM;
		p[0] = 1;
		if (i % 4 == 0 && hx_frames_alloc(1, HX_FRAMES_ANY, &pa) != 0)
			return -HX_ENOMEM;
	}
	return 0;
}

static int hoard_and_break(void)
{
	(void)hoard();
	return break_wild();
}

/* Takes, moves and gives back, in every form. */
static int borrow(void)
{
	uint8_t *p[3] = { hx_alloc(100), hx_calloc(10, 10), hx_alloc_aligned(1000, 4096) };
	bool ok = p[0] != NULL && p[1] != NULL && p[2] != NULL;
	hx_paddr_t pa;

	ok = ok && hx_alloc_size(p[0]) >= 100 && p[1][99] == 0 && (uintptr_t)p[2] % 4096 == 0;
	if (ok) {
		p[0][99] = 7;
		p[0] = hx_realloc(p[0], 5000);
		ok = p[0] != NULL && p[0][99] == 7;
	}
	for (unsigned i = 0; i < 3; i++)
		hx_free(p[i]);
	if (!ok || hx_frames_alloc(0, HX_FRAMES_ANY, &pa) != 0)
		return -HX_ENOMEM;
	hx_frames_free(pa, 0);
	return 0;
}

static int no_break(void)
{
	hx_irqflags_t flags;
	int err = may_break();

	if (err != 0)
		return err;

	hx_mutex_lock(&mutex);
	hx_spin_lock(&spin);
	hx_spin_unlock(&spin);
	hx_rw_write_lock(&rw);
	hx_rw_write_unlock(&rw);
	flags = hx_spin_lock_irqsave(&spin);
	hx_spin_unlock_irqrestore(&spin, flags);
	hx_mutex_unlock(&mutex);
	return 0;
}

static const struct way {
	char word[16];
	int (*run)(void);
} ways[] = {
	{ "wild", break_wild }, { "bad", break_bad }, { "null", break_null },
	{ "zero", break_zero }, { "opcode", break_opcode }, { "garbage", break_garbage },
	{ "stack", break_stack }, { "text", break_text }, { "leaf", break_leaf },
	{ "list", break_list }, { "bug", break_bug }, { "spin", break_spin },
	{ "spin-irq", break_spin_irq }, { "rw", break_rw }, { "rw-write", break_rw_write },
	{ "mutex", break_mutex }, { "spin-shared", break_spin_shared }, { "loop", break_loop },
	{ "leak", break_leak }, { "deadlock", break_deadlock },
	{ "sleep", break_sleep }, { "timer", break_timer }, { "thread", break_thread },
	{ "hoard", hoard }, { "hoard-wild", hoard_and_break }, { "borrow", borrow },
	{ "not", no_break }, { "started", no_break_started }, { "lives", no_break_lives },
	{ "left-node", left_node }, { "node-goes", no_break_node_goes },
	{ "left-timer", left_timer }, { "left-irq", left_irq },
	{ "left-line", left_line }, { "left-thread", left_thread }, { "left-lives", left_lives },
	{ "left-grace", left_grace },
	{ "watched", HX_ENABLED(HEAL) ? no_break_watched : NULL },
	{ "watched-wild", HX_ENABLED(HEAL) ? break_watched : NULL },
	{ "port-take", HX_ENABLED(RESOURCES) ? no_break_port_take : NULL },
	{ "port-more", HX_ENABLED(RESOURCES) ? no_break_port_more : NULL },
	{ "port-give", HX_ENABLED(RESOURCES) ? no_break_port_give : NULL },
	{ "port-read", HX_ENABLED(RESOURCES) ? no_break_port_read : NULL },
};

int breaker_run(const char *word)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(ways); i++)
		if (hx_strcmp(ways[i].word, word) == 0 && ways[i].run != NULL)
			return ways[i].run();
	return -HX_EINVAL;
}

static int break_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	return breaker_run(line);
}

static int break_show(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_printf(out, "inside=%u\n", n_inside);
	return 0;
}

static const struct hx_node break_node = {
	.path = "/test/break", .help = "how to break", .rights = HX_NODE_READ | HX_NODE_APPEND,
	.max_bytes = 32, .show = break_show, .take = break_take,
};
HX_NODE(break_node);

/* With '!' before the word it is refused after that, whatever that is. */
static int breaker_init(void)
{
	char word[16];
	struct hx_text_buf out;
	int err;

	hx_text_buf_init(&out, word, sizeof(word));
	if (hx_names_show("/test/break_init", &out.text) != 0)
		return 0;
	if (word[0] != '!')
		return breaker_run(word);
	err = breaker_run(word + 1);
	return err != 0 ? err : -HX_EIO;
}

static void breaker_shutdown(void)
{
	n_inside = n_have_one = 0;
}

HX_COMPONENT(breaker) = {
	.name = "breaker", .phase = HX_PHASE_RUNTIME, .version = 1,
	.needs = "names threads",
	.init = breaker_init, .shutdown = breaker_shutdown,
};
