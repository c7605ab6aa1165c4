// SPDX-License-Identifier: MIT
/*
 * Replacing the heap while the kernel runs (CONFIG_SLOT_SWAP). New blocks come from the new heap;
 * old ones stay where they are and go back to the heap that gave them.
 *
 * 1 A heap that was once in the slot stays up (a loaded one: heap_loaded.c): a thread may have read
 *   its alloc() and not entered it yet, for however long. So nobody has to stand still for a swap,
 *   and none is ended: it is drained, gives back what no block needs (trim), and works on if it is
 *   asked once more.
 * 2 Whose is a block? Every heap refuses what is not its own and changes nothing by that. So a free
 *   goes to the current one as ever, and what that refuses is asked of the others (heap_swap_free()
 *   from hx_heap_refuse()): new blocks pay nothing, old ones a refusal. A free that was on its way
 *   to the old heap with a block of the new one finds it in the same way. A heap whose own look at
 *   a pointer could be wrong by chance says so with owns(): while it is current and others have
 *   blocks, each free asks for the owner first.
 * 3 n_left is about how many blocks a heap has that is not current; at 0 its figures are read,
 *   which are exact. A swap meanwhile changes turn, and nothing is concluded.
 * 4 Order of stores: frees know the new heap before anybody gets a block of it.
 */
#include <hx/config/core_slot.h>
#include <hx/core/assert.h>
#include <hx/core/init.h>
#include <hx/core/lock.h>
#include <hx/core/names.h>
#include <hx/core/printf.h>
#include <hx/core/slot.h>
#include <hx/core/string.h>
#include <hx/core/swap.h>
#include <hx/hal/mem.h>

#include "heap_ups.h"

static struct heap_up heap_ups[HEAPS_MAX];
static unsigned heap_n_ups;		/* a places in use, gone ones included; only grows */
struct hx_spinlock heap_ups_lock = HX_SPINLOCK_INIT("heaps", HX_RANK_LEAF);
bool heap_is_routed;

struct heap_up *heap_up_at(unsigned idx)
{
	return idx < __atomic_load_n(&heap_n_ups, __ATOMIC_ACQUIRE) ? &heap_ups[idx] : NULL;
}

struct heap_up *heap_up_next(unsigned *idx)
{
	struct heap_up *h;

	while ((h = heap_up_at((*idx)++)) != NULL && !heap_up_enter(h))
		;
	return h;
}

struct heap_up *heap_up_of(const void *ops)
{
	struct heap_up *h;

	for (unsigned i = 0; (h = heap_up_at(i)) != NULL; i++) {
		if (h->ops == ops && __atomic_load_n(&h->state, __ATOMIC_ACQUIRE) != HEAP_GONE)
			return h;
	}
	return NULL;
}

struct heap_up *heap_up_now(void)
{
	struct heap_up *h;

	/* It changes, and is found then; what is in the slot has a place. */
	while ((h = heap_up_of(__atomic_load_n(&heap_current, __ATOMIC_ACQUIRE))) == NULL)
		hx_cpu_relax();
	return h;
}

static bool up_owns(const struct heap_up *h, const void *ptr)
{
	return (h->more == NULL || h->more->owns == NULL || h->more->owns(ptr)) &&
	       h->ops->size_of(ptr) != 0;
}

/* Whose block it is, entered; NULL: nobody's. */
static struct heap_up *up_of_block(const void *ptr)
{
	struct heap_up *h;

	HEAP_UP_FOREACH(h, i) {
		if (up_owns(h, ptr))
			return h;
	}
	return NULL;
}

/* Do frees have to ask first? */
void heap_ups_route_locked(void)
{
	const struct heap_up *now = heap_up_of(heap_current), *h;
	bool others = false;

	hx_assert_held(&heap_ups_lock);
	for (unsigned i = 0; (h = heap_up_at(i)) != NULL; i++)
		others |= h != now && !h->is_drained &&
			  __atomic_load_n(&h->state, __ATOMIC_RELAXED) != HEAP_GONE;
	__atomic_store_n(&heap_is_routed, now->is_loaded ||
			 (others && now->more != NULL && now->more->owns != NULL),
			 __ATOMIC_RELEASE);
	heap_set_ways();
}

/* Look whether a heap that is not current still has blocks; if not, it gives back its memory. */
uint64_t heap_up_settle(struct heap_up *h)
{
	uint32_t turn = __atomic_load_n(&h->turn, __ATOMIC_ACQUIRE);
	struct hx_heap_stats s = { 0 };
	hx_irqflags_t irq;
	uint64_t n_left;

	h->ops->stats(&s);
	n_left = s.n_allocs - s.n_frees;
	if (h->ops == heap_current)
		return n_left;
	if (n_left == 0 && h->more != NULL && h->more->trim != NULL)
		h->more->trim();
	irq = hx_spin_lock_irqsave(&heap_ups_lock);
	if (h->turn == turn) {
		__atomic_store_n(&h->n_left, (int64_t)n_left, __ATOMIC_RELAXED);
		h->is_drained = n_left == 0;
		heap_ups_route_locked();
	}
	hx_spin_unlock_irqrestore(&heap_ups_lock, irq);
	return n_left;
}

/* h is entered, and left here. */
static int up_free(struct heap_up *h, void *ptr)
{
	int err = h->ops->free(ptr);

	if (h->ops != heap_current && err == 0 &&
	    __atomic_sub_fetch(&h->n_left, 1, __ATOMIC_RELAXED) <= 0)
		heap_up_settle(h);
	heap_up_leave(h);
	return err;
}

int heap_give_routed(void *ptr)
{
	struct heap_up *h = up_of_block(ptr);

	if (h == NULL && HX_ENABLED(HEAP_LOADED) && heap_loaded_lost(ptr))
		return 0;
	/* Nobody's: the first one, which is built in, says why not. */
	return h != NULL ? up_free(h, ptr) : heap_up_at(0)->ops->free(ptr);
}

bool heap_swap_free(void *ptr, int *err)
{
	struct heap_up *h = heap_up_at(1) != NULL ? up_of_block(ptr) : NULL;

	*err = 0;
	if (h != NULL)
		*err = up_free(h, ptr);
	return h != NULL || (HX_ENABLED(HEAP_LOADED) && heap_loaded_lost(ptr));
}

size_t heap_swap_size_of(const void *ptr)
{
	struct heap_up *h = heap_up_at(0);
	size_t n = 0;

	if (h == NULL || heap_up_at(1) == NULL)
		return h != NULL ? h->ops->size_of(ptr) : 0;
	h = up_of_block(ptr);
	if (h != NULL) {
		n = h->ops->size_of(ptr);
		heap_up_leave(h);
	}
	return n;
}

/* ---- all of them */

HX_COLD void heap_swap_stats(struct hx_heap_stats *out)
{
	struct heap_up *h;

	HEAP_UP_FOREACH(h, i) {
		struct hx_heap_stats s;

		memset(&s, 0, sizeof(s));
		h->ops->stats(&s);
		out->reserved_bytes += s.reserved_bytes;
		out->used_bytes += s.used_bytes;
		out->used_max_bytes += s.used_max_bytes;
		out->n_allocs += s.n_allocs;
		out->n_frees += s.n_frees;
		out->n_failed += s.n_failed;
	}
}

HX_COLD int heap_swap_check(void)
{
	struct heap_up *h;
	int err = 0;

	HEAP_UP_FOREACH(h, i)
		if (err == 0 && h->ops->check != NULL)
			err = h->ops->check();
	return err;
}

HX_COLD void heap_swap_walk(void (*visit)(void *arg, void *ptr, size_t usable), void *arg)
{
	struct heap_up *h;

	HEAP_UP_FOREACH(h, i) {
		if (h->ops->walk != NULL)
			h->ops->walk(visit, arg);
	}
}

static const struct hx_heap_swap_ops *more_of(const struct hx_heap_ops *ops)
{
	const struct hx_heap_swap_ops *const *it, *found = NULL;

	if (HX_ENABLED(HEAP_LOADED))
		found = hx_slot_more(ops);
	HX_SECTION_FOREACH(it, hx_heap_swaps) {
		if (found == NULL && hx_strcmp((*it)->name, ops->name) == 0)
			found = *it;
	}
	return found != NULL && found->abi == HX_HEAP_SWAP_ABI ? found : NULL;
}

/* The first place of the table that is free; HEAPS_MAX: there is none. */
static unsigned up_place(void)
{
	unsigned i = 0;

	while (i < heap_n_ups && __atomic_load_n(&heap_ups[i].state, __ATOMIC_ACQUIRE) != HEAP_GONE)
		i++;
	return i;
}

/* n_inside stays: somebody may be looking in, and sees that it is gone. */
static void up_add(const struct hx_heap_ops *ops, const struct hx_heap_swap_ops *more,
		   bool is_loaded)
{
	unsigned place = up_place();
	struct heap_up *h = &heap_ups[place];

	hx_verify(place < HEAPS_MAX);	/* swap_prepare() has looked */
	h->ops = ops;
	h->more = more;
	h->n_left = 0;
	h->turn = 0;
	h->is_drained = h->is_failed = false;
	h->is_loaded = is_loaded;
	hx_strlcpy(h->name, ops->name, sizeof(h->name));
	__atomic_store_n(&h->state, HEAP_UP, __ATOMIC_SEQ_CST);
	if (place == heap_n_ups)
		__atomic_store_n(&heap_n_ups, place + 1, __ATOMIC_RELEASE);
}

HX_COLD void heap_swap_start(const struct hx_heap_ops *ops)
{
	heap_n_ups = 0;
	heap_is_routed = false;
	memset(heap_ups, 0, sizeof(heap_ups));
	up_add(ops, more_of(ops), false);
}

HX_COLD void heap_swap_stop(void)
{
	struct heap_up *h;

	HEAP_UP_FOREACH(h, i)
		h->ops->fini();
	heap_n_ups = 0;
	heap_is_routed = false;
}

/* ---- the protocol */

static bool is_loaded(const struct hx_swap *s)
{
	const void *built_in;

	return hx_slot_find(s->kind, ((const struct hx_heap_ops *)s->new)->name, &built_in) != 0 ||
	       built_in != s->new;
}

static int swap_prepare(struct hx_swap *s)
{
	const struct hx_heap_ops *new = s->new;
	int err;

	/* The blocks of a heap outlast it in the slot, and with them it has to stay. */
	if (!HX_ENABLED(HEAP_LOADED) && is_loaded(s)) {
		hx_snprintf(s->why, sizeof(s->why), "%s is a module", new->name);
		return -HX_ENOTSUP;
	}
	if (heap_up_of(new) != NULL)
		return 0;
	if (up_place() == HEAPS_MAX)
		return -HX_ENOMEM;
	err = new->init();
	if (err == 0)
		s->priv = (void *)new->init;	/* came up for this swap */
	return err;
}

/* Nobody has to stand still. */
static int swap_quiesce(struct hx_swap *s)
{
	return 0;
}

/* No state leaves a heap: its blocks stay, and are counted. */
static int swap_export(struct hx_swap *s)
{
	const struct hx_heap_ops *old = s->old;
	struct hx_heap_stats st = { 0 };

	old->stats(&st);
	s->n_items = st.n_allocs - st.n_frees;
	return 0;
}

static const uint16_t probe_sizes[] = { 1, 16, 64, 100, 500, 1000, 2000, 3000 };

/* The new one is asked for some blocks before anybody relies on it: they are there, aligned, long
 * enough, apart, and nobody else's. */
static bool probe_is_right(const struct hx_heap_ops *new, uint8_t *const *p, unsigned n)
{
	bool ok = true;

	for (unsigned i = 0; i < n; i++) {
		struct heap_up *h = up_of_block(p[i]);

		ok = ok && (uintptr_t)p[i] % HX_HEAP_ALIGN == 0 &&
		     new->size_of(p[i]) >= probe_sizes[i] && (h == NULL || h->ops == new);
		if (h != NULL)
			heap_up_leave(h);
		if (ok)
			memset(p[i], (int)i, probe_sizes[i]);
	}
	for (unsigned i = 0; ok && i < n; i++) {
		for (unsigned k = 0; k < probe_sizes[i]; k++)
			ok = ok && p[i][k] == i;
	}
	return ok;
}

static int swap_import(struct hx_swap *s)
{
	const struct hx_heap_ops *new = s->new;
	uint8_t *p[HX_ARRAY_LEN(probe_sizes)];
	unsigned n = 0;
	bool ok;

	while (n < HX_ARRAY_LEN(p) && (p[n] = new->alloc(probe_sizes[n])) != NULL)
		n++;
	ok = probe_is_right(new, p, n);
	for (unsigned i = 0; i < n && ok; i++)
		ok = new->free(p[i]) == 0 && new->size_of(p[i]) == 0;
	if (ok && n == HX_ARRAY_LEN(p))
		return 0;
	hx_snprintf(s->why, sizeof(s->why), "%s %s", new->name,
		    ok ? "has no memory" : "gives wrong blocks");
	return ok ? -HX_ENOMEM : -HX_EBADMSG;
}

static void swap_commit(struct hx_swap *s)
{
	const struct hx_heap_swap_ops *more = more_of(s->new);
	struct heap_up *old = heap_up_of(s->old), *new;
	bool loaded = is_loaded(s);
	hx_irqflags_t irq = hx_spin_lock_irqsave(&heap_ups_lock);

	if (heap_up_of(s->new) == NULL)
		up_add(s->new, more, loaded);
	new = heap_up_of(s->new);
	old->is_drained = false;
	__atomic_store_n(&old->n_left, INT64_MAX, __ATOMIC_RELAXED);
	__atomic_store_n(&old->turn, old->turn + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&new->turn, new->turn + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&heap_current, new->ops, __ATOMIC_RELEASE);
	heap_ups_route_locked();
	hx_spin_unlock_irqrestore(&heap_ups_lock, irq);
}

static void swap_undo(struct hx_swap *s)
{
	if (s->priv != NULL)
		((const struct hx_heap_ops *)s->new)->fini();
}

static void swap_retire(struct hx_swap *s)
{
	heap_up_settle(heap_up_of(s->old));
}

const struct hx_swap_class heap_swap_class = {
	.prepare = swap_prepare, .quiesce = swap_quiesce, .export = swap_export,
	.import = swap_import, .commit = swap_commit, .undo = swap_undo, .retire = swap_retire,
	.release = HX_ENABLED(HEAP_LOADED) ? heap_loaded_release : NULL,
};

/* ---- the node */

HX_COLD unsigned hx_heap_n_left(const char *name, uint64_t *n_left)
{
	struct heap_up *h;
	unsigned n = 0;

	*n_left = 0;
	HEAP_UP_FOREACH(h, i) {
		if (h->ops == heap_current || (name != NULL && hx_strcmp(h->ops->name, name) != 0))
			continue;
		*n_left += heap_up_settle(h);
		n++;
	}
	return n;
}

static HX_COLD int heaps_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct heap_up *h;

	HEAP_UP_FOREACH(h, i) {
		uint64_t n_left = heap_up_settle(h);
		struct hx_heap_stats s = { 0 };

		h->ops->stats(&s);
		hx_text_printf(out, "name=%s state=%s blocks=%ju used_bytes=%ju "
			       "reserved_bytes=%ju\n", h->name, h->ops == heap_current ?
			       "active" : h->is_failed ? "failed" :
			       n_left == 0 ? "drained" : "draining",
			       n_left, s.used_bytes, s.reserved_bytes);
	}
	return 0;
}

static const struct hx_node heaps_node = {
	.path = "/slots/heap/heaps", .help = "heaps that were in the slot: who still has blocks",
	.rights = HX_NODE_READ, .max_bytes = 1024, .show = heaps_show,
};
HX_NODE(heaps_node);
