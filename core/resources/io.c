// SPDX-License-Identifier: MIT
/*
 * I/O bandwidth of holders. Each holder with a hard limit has a bucket that fills with what the
 * limit leaves above all promises made out of it, its own and those below; each holder with a
 * promise of its own has one that fills with that.
 *
 *	top	hard 1000/s, charged 600	rest: 400/s
 *	 +- a	promised 600/s			promised: 600/s
 *	 +- b	hard 500/s			rest: 500/s
 *
 * Bytes of b go through b's rest and top's: 400/s at most, also while a is idle. Bytes of a go
 * through its own promise, which nobody else's can empty, or through top's rest if that is sooner.
 *
 * A request is charged when it comes and told how long to wait until then, so that who comes first
 * goes first and nobody looks twice. One lock guards all of that: who takes it has a limit.
 */
#include <hx/core/resources_io.h>
#include <hx/core/wait.h>
#include <hx/hal/timer.h>

#include "bucket.h"
#include "resources_priv.h"

static struct hx_wait_queue turns = HX_WAIT_QUEUE_INIT(turns);
uint32_t hx_res_n_payers_;
struct hx_res_io hx_res_inside_;

void res_meter_init(struct hx_res_meter *m)
{
	m->promised.level = m->rest.level = m->soft.level = INT64_MAX;	/* full */
}

void res_meter_read(const struct hx_res_holder *h, struct hx_res_meter *out)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&turns.lock);

	*out = h->meter;
	hx_spin_unlock_irqrestore(&turns.lock, flags);
}

/* ---- rates */

static bool is_limited(const struct hx_res_holder *h)
{
	return res_load(&h->accounts[HX_RES_IO].hard) != HX_RES_NONE;
}

static uint64_t rest_rate(const struct hx_res_holder *h)
{
	uint64_t hard = res_load(&h->accounts[HX_RES_IO].hard);
	uint64_t charged = res_load(&h->accounts[HX_RES_IO].charged);

	return hard > charged ? hard - charged : 0;
}

static uint64_t promised_rate(const struct hx_res_holder *h)
{
	const struct hx_res_account *a = &h->accounts[HX_RES_IO];

	return res_load(&a->reserved) + res_load(&a->used);
}

/* ---- a turn */

/* When bytes of h may go, and whose promise pays; NULL: what promises leave, up to the top. */
static hx_ns_t plan(struct hx_res_holder *h, hx_ns_t now, struct hx_res_holder **from)
{
	hx_ns_t rest = 0, best = RES_NEVER;

	*from = NULL;
	for (; h != NULL; h = h->parent) {
		uint64_t rate = promised_rate(h);

		if (rate != 0) {
			hx_ns_t wait;

			res_bucket_fill(&h->meter.promised, rate, now);
			wait = hx_max_u64(rest, res_bucket_wait_ns(&h->meter.promised, rate));
			if (wait < best) {
				best = wait;
				*from = h;
			}
		}
		if (is_limited(h)) {
			res_bucket_fill(&h->meter.rest, rest_rate(h), now);
			rest = hx_max_u64(rest, res_bucket_wait_ns(&h->meter.rest, rest_rate(h)));
		}
	}
	if (rest < best)
		*from = NULL;
	return hx_min_u64(rest, best);
}

/* The buckets that a plan takes from, one after the other: at is NULL after the last. */
static struct hx_res_bucket *bucket_of(struct hx_res_holder *at, const struct hx_res_holder *from)
{
	return at == from ? &at->meter.promised : is_limited(at) ? &at->meter.rest : NULL;
}

static struct hx_res_holder *above(const struct hx_res_holder *at,
				   const struct hx_res_holder *from)
{
	return at == from ? NULL : at->parent;
}

/* So many of n bytes as one request may have. */
static size_t bite(struct hx_res_holder *h, const struct hx_res_holder *from, size_t n)
{
	for (; h != NULL; h = above(h, from)) {
		if (h == from)
			n = hx_min_u64(n, res_bucket_bite(promised_rate(h)));
		else if (is_limited(h))
			n = hx_min_u64(n, res_bucket_bite(rest_rate(h)));
	}
	return n;
}

static void take(struct hx_res_holder *h, const struct hx_res_holder *from, size_t n)
{
	for (; h != NULL; h = above(h, from)) {
		struct hx_res_bucket *b = bucket_of(h, from);

		if (b != NULL)
			res_bucket_take(b, n);
	}
}

static void give(struct hx_res_holder *h, const struct hx_res_holder *from, size_t n)
{
	for (; h != NULL; h = above(h, from)) {
		struct hx_res_bucket *b = bucket_of(h, from);

		if (b != NULL)
			res_bucket_give(b, n);
	}
}

/* ---- what was moved */

/* Bytes a second, over a tenth of a second at least: what the bucket's depth stands for. */
static uint64_t rate_of(uint64_t n_bytes, hx_ns_t ns)
{
	uint64_t ms = hx_max_u64(ns / HX_NS_PER_MS, 100);

	return n_bytes / ms * 1000 + n_bytes % ms * 1000 / ms;
}

/* Do these bytes take h over its soft limit? 0, or the rate since it was well below. */
static uint64_t passes_soft(struct hx_res_holder *h, size_t n, hx_ns_t now)
{
	uint64_t soft = res_load(&h->accounts[HX_RES_IO].soft);
	struct hx_res_meter *m = &h->meter;
	int64_t depth = res_bucket_depth(soft);

	if (soft == HX_RES_NONE)
		return 0;
	res_bucket_fill(&m->soft, soft, now);
	if (m->soft.level == depth) {
		m->is_over = false;
		m->over_since_ns = now;
		m->over_bytes = 0;
	}
	m->over_bytes += n;
	res_bucket_take(&m->soft, n);
	/* No deeper than it is full: so it is soon full again once the rate is below. */
	m->soft.level = m->soft.level < -depth ? -depth : m->soft.level;
	if (m->soft.level >= 0 || m->is_over)
		return 0;
	m->is_over = true;
	return rate_of(m->over_bytes, now - m->over_since_ns);
}

/* Lock held; rates: for each holder from h to the top, what it is to be told. */
static bool count(struct hx_res_holder *h, size_t n, uint64_t rates[HX_RES_DEPTH_MAX])
{
	hx_ns_t now = hx_now_ns();
	bool is_told = false;

	for (unsigned i = 0; h != NULL; h = h->parent, i++) {
		h->meter.n_bytes += n;
		rates[i] = passes_soft(h, n, now);
		is_told |= rates[i] != 0;
	}
	return is_told;
}

static HX_COLD void tell(struct hx_res_holder *h, const uint64_t rates[HX_RES_DEPTH_MAX])
{
	for (unsigned i = 0; h != NULL; h = h->parent, i++)
		if (rates[i] != 0)
			res_tell(h, HX_RES_IO, rates[i]);
}

/* ---- threads that pay */

/* Lock held, dropped while it waits. The holder's end is the end of it. */
static void wait_until(struct hx_res_io *io, hx_ns_t began, hx_ns_t until)
{
	hx_ns_t now = began;

	io->holder->meter.n_waits++;
	while (now < until && !io->is_ended) {
		(void)hx_wait_locked(&turns, until - now);
		now = hx_now_ns();
	}
	io->holder->meter.waited_ns += now - began;
}

static int begin(struct hx_res_io_pass *p, size_t *n_bytes, bool may_refuse)
{
	hx_ns_t longest = hx_can_sleep() ? HX_RES_IO_WAIT_NS : 0, now, wait;
	hx_irqflags_t flags = hx_spin_lock_irqsave(&turns.lock);
	struct hx_thread *self = hx_thread_self();
	struct hx_res_io *io = self->io;

	if (io == NULL || io == &hx_res_inside_) {
		hx_spin_unlock_irqrestore(&turns.lock, flags);
		p->io = NULL;
		return 0;
	}
	now = hx_now_ns();
	wait = plan(io->holder, now, &p->from);
	if (wait > longest && may_refuse) {
		io->holder->meter.n_again++;
		hx_spin_unlock_irqrestore(&turns.lock, flags);
		return -HX_EAGAIN;
	}
	wait = hx_min_u64(wait, longest);
	*n_bytes = bite(io->holder, p->from, *n_bytes);
	take(io->holder, p->from, *n_bytes);
	p->io = io;
	p->n = *n_bytes;
	io->is_inside = true;
	self->io = &hx_res_inside_;
	if (wait != 0)
		wait_until(io, now, now + wait);
	hx_spin_unlock_irqrestore(&turns.lock, flags);
	return 0;
}

int hx_res_io_begin(struct hx_res_io_pass *p, size_t *n_bytes)
{
	return begin(p, n_bytes, true);
}

void hx_res_io_settle(const struct hx_res_io_pass *p, hx_ssize_t moved)
{
	struct hx_res_io *io = p->io;
	size_t n = moved > 0 ? hx_min_u64((uint64_t)moved, p->n) : 0;
	uint64_t rates[HX_RES_DEPTH_MAX];
	hx_irqflags_t flags;

	if (io == NULL)
		return;
	flags = hx_spin_lock_irqsave(&turns.lock);
	give(io->holder, p->from, p->n - n);
	if (HX_UNLIKELY(count(io->holder, n, rates))) {
		hx_spin_unlock_irqrestore(&turns.lock, flags);
		tell(io->holder, rates);	/* it stays as long as the thread is inside */
		flags = hx_spin_lock_irqsave(&turns.lock);
	}
	io->is_inside = false;
	hx_thread_self()->io = io->is_ended ? NULL : io;
	if (io->is_ended)
		hx_wake_all_locked(&turns);
	hx_wake_end(&turns, flags);
}

void hx_res_io_pay(size_t n_bytes)
{
	while (n_bytes != 0 && hx_can_sleep()) {
		struct hx_res_io_pass p;
		size_t n = n_bytes;

		(void)!begin(&p, &n, false);
		hx_res_io_settle(&p, (hx_ssize_t)n);
		if (p.io == NULL)
			return;
		n_bytes -= n;
	}
}

/* The thread pays no more, and is not inside any more: lease and holder may go. */
static void let_go(struct hx_res_io *io)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&turns.lock);

	hx_assert(!io->is_inside || io->thread != hx_thread_self());
	io->is_ended = true;
	__atomic_fetch_sub(&hx_res_n_payers_, 1, __ATOMIC_RELAXED);
	if (io->is_inside)
		hx_wake_all_locked(&turns);
	else
		io->thread->io = NULL;
	while (io->is_inside)
		(void)hx_wait_locked(&turns, HX_FOREVER);
	hx_spin_unlock_irqrestore(&turns.lock, flags);
}

static void lease_ends(struct hx_res_lease *l)
{
	let_go(HX_CONTAINER_OF(l, struct hx_res_io, lease));
}

static const struct hx_res_holder *top_of(const struct hx_res_holder *h)
{
	while (h->parent != NULL)
		h = h->parent;
	return h;
}

int hx_res_io_promise(struct hx_res_holder *h, struct hx_res_io *io, struct hx_thread *t,
		      uint64_t rate)
{
	hx_irqflags_t flags;
	int err;

	if (rate != 0 && !is_limited(top_of(h)))
		return -HX_EINVAL;
	*io = (struct hx_res_io){ .holder = h, .thread = t };
	err = hx_res_lease_begin(h, &io->lease, HX_RES_IO, rate, lease_ends);
	if (err != 0)
		return err;
	flags = hx_spin_lock_irqsave(&turns.lock);
	if (t->io != NULL)
		err = -HX_EBUSY;
	else
		t->io = io;
	hx_spin_unlock_irqrestore(&turns.lock, flags);
	if (err != 0) {
		hx_res_lease_end(&io->lease);
		return err;
	}
	__atomic_fetch_add(&hx_res_n_payers_, 1, __ATOMIC_RELAXED);
	return 0;
}

void hx_res_io_end(struct hx_res_io *io)
{
	let_go(io);
	hx_res_lease_end(&io->lease);
}
