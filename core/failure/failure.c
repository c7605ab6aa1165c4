// SPDX-License-Identifier: MIT
/*
 * The failure queue: a ring of slots that each say for which position they are free.
 *
 *	position p uses slot p % 64 in lap p - p % 64
 *	turn == lap		free: a teller may claim p by moving `tail` from p to p + 1
 *	turn == lap + 1		full: the taker at p may read it
 *	turn == lap + 64	free for the next lap
 *
 * 1 Invariants. (a) A slot is written only by the teller that moved tail past its position, and
 *   read only by the taker. (b) turn goes up only, by whoever has the slot. (c) n_told = n_taken +
 *   what waits + what is being written; a full queue refuses and counts, it never waits or
 *   overwrites: the first failures say more than the last.
 * 2 Context. No lock, and no loop that waits for somebody: a teller that was interrupted between
 *   its claim and its last store delays the taker, never another teller. So an interrupt or an NMI
 *   in the middle of it may tell as well.
 */
#include <hx/base.h>
#include <hx/core/failure.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>
#include <hx/hal/percpu.h>
#include <hx/hal/timer.h>

_Static_assert((HX_FAILURES_MAX & (HX_FAILURES_MAX - 1)) == 0, "positions wrap in whole laps");

/* Field key: s by whoever has the slot, see above. */
struct slot {
	uint32_t turn;
	struct hx_failure f;	/* s */
};

static struct slot slots[HX_FAILURES_MAX];
static uint32_t head;			/* the taker's */
static uint32_t tail;			/* a */
static struct hx_failure_counts counts;
static void (*on_tell)(void);		/* a */

static inline uint32_t lap_of(uint32_t pos)
{
	return pos & ~(HX_FAILURES_MAX - 1u);
}

static inline struct slot *slot_of(uint32_t pos)
{
	return &slots[pos & (HX_FAILURES_MAX - 1u)];
}

static inline void count(uint64_t *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

/* A position of ours; false: all are taken. */
static bool claim(uint32_t *pos)
{
	uint32_t p = __atomic_load_n(&tail, __ATOMIC_RELAXED);

	for (;;) {
		uint32_t turn = __atomic_load_n(&slot_of(p)->turn, __ATOMIC_ACQUIRE);
		int32_t ahead = (int32_t)(turn - lap_of(p));

		if (ahead < 0)
			return false;	/* the taker is a whole lap behind */
		if (ahead > 0)
			p = __atomic_load_n(&tail, __ATOMIC_RELAXED);
		else if (__atomic_compare_exchange_n(&tail, &p, p + 1, false, __ATOMIC_RELAXED,
						     __ATOMIC_RELAXED))
			break;
	}
	*pos = p;
	return true;
}

bool hx_failure_tell(enum hx_failure_kind kind, const char *who, const char *fmt, ...)
{
	const struct hx_thread *self = hx_thread_self();
	void (*fn)(void) = __atomic_load_n(&on_tell, __ATOMIC_ACQUIRE);
	struct hx_failure *f;
	uint32_t pos;
	va_list ap;

	if ((unsigned)kind < HX_FAILURE_KINDS)
		count(&counts.n_kind[kind]);
	if (!claim(&pos)) {
		count(&counts.n_lost);
		return false;
	}
	f = &slot_of(pos)->f;
	f->at_ns = hx_now_ns();
	f->thread = self != NULL ? self->id : 0;
	f->cpu = (uint16_t)hx_percpu_self()->cpu;
	f->kind = (uint16_t)kind;
	hx_strlcpy(f->who, who, sizeof(f->who));
	va_start(ap, fmt);
	hx_vsnprintf(f->what, sizeof(f->what), fmt, ap);
	va_end(ap);
	count(&counts.n_told);
	__atomic_store_n(&slot_of(pos)->turn, lap_of(pos) + 1, __ATOMIC_RELEASE);
	if (fn != NULL)
		fn();
	return true;
}

bool hx_failure_take(struct hx_failure *out)
{
	struct slot *s = slot_of(head);

	if (__atomic_load_n(&s->turn, __ATOMIC_ACQUIRE) != lap_of(head) + 1)
		return false;
	*out = s->f;
	count(&counts.n_taken);
	__atomic_store_n(&s->turn, lap_of(head) + HX_FAILURES_MAX, __ATOMIC_RELEASE);
	head++;
	return true;
}

void hx_failure_on_tell(void (*fn)(void))
{
	__atomic_store_n(&on_tell, fn, __ATOMIC_RELEASE);
}

void hx_failure_counts(struct hx_failure_counts *out)
{
	unsigned i;

	out->n_told = __atomic_load_n(&counts.n_told, __ATOMIC_RELAXED);
	out->n_taken = __atomic_load_n(&counts.n_taken, __ATOMIC_RELAXED);
	out->n_lost = __atomic_load_n(&counts.n_lost, __ATOMIC_RELAXED);
	for (i = 0; i < HX_FAILURE_KINDS; i++)
		out->n_kind[i] = __atomic_load_n(&counts.n_kind[i], __ATOMIC_RELAXED);
}

const char *hx_failure_name(unsigned kind)
{
	static const char names[HX_FAILURE_KINDS][12] = {
		"crash", "corruption", "deadlock", "exhaustion", "hardware", "watchdog",
	};

	return kind < HX_FAILURE_KINDS ? names[kind] : "?";
}
