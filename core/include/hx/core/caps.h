/* SPDX-License-Identifier: MIT */
/*
 * Capabilities: what a holder may do with which object of the kernel.
 *
 * A holder (the kernel, a module, a process, a channel for what is in flight) has a table. A
 * capability is a slot of a table: an object, rights, an expiry, and the capability it was derived
 * from. A handle (hx_cap_t) names a slot and its generation, so a handle that was dropped or
 * revoked never means anything again. Rights and expiry only shrink from parent to child.
 *
 *	hx_cap_object_init(&file->object, HX_CAP_FILE, file_release);
 *	err = hx_cap_create(table, &file->object, HX_CAP_READ | HX_CAP_DELEGATE, HX_FOREVER, &cap);
 *
 *	hx_read_begin();				keeps the object there
 *	err = hx_cap_check(table, cap, HX_CAP_FILE, HX_CAP_READ, &o);
 *	if (err == 0)
 *		… HX_CONTAINER_OF(o, struct file, object) …	does not sleep
 *	hx_read_end();
 *
 * Who must sleep meanwhile takes a reference: hx_cap_get(), hx_cap_object_put().
 *
 * The whole room is chosen with CONFIG_CAPS. Without it none of this may be called: ask
 * HX_ENABLED(CAPS) first, with <hx/config/core_caps.h>.
 */
#ifndef HX_CORE_CAPS_H
#define HX_CORE_CAPS_H

#include <hx/base.h>
#include <hx/core/grace.h>
#include <hx/core/lock.h>

/* What a capability allows. DELEGATE and EXCLUSIVE mean the same for every object; what the others
 * allow is up to the object's type. */
enum hx_cap_right {
	HX_CAP_READ = 1u << 0,
	HX_CAP_WRITE = 1u << 1,
	HX_CAP_EXECUTE = 1u << 2,
	HX_CAP_DELETE = 1u << 3,
	HX_CAP_CREATE = 1u << 4,
	HX_CAP_ADMIN = 1u << 5,
	HX_CAP_DELEGATE = 1u << 6,	/* may be given to another holder, whole or in part */
	HX_CAP_EXCLUSIVE = 1u << 7,	/* while it can be used, no other of this object can */
};

#define HX_CAP_RIGHTS_ALL	0xffu

/* What an object is. Values are kept in tokens, so none is ever used for something else. */
enum hx_cap_type {
	HX_CAP_MEMORY = 1,
	HX_CAP_PROCESS,
	HX_CAP_THREAD,
	HX_CAP_IO_PORT,
	HX_CAP_INTERRUPT,
	HX_CAP_FILE,
	HX_CAP_CHANNEL,
	HX_CAP_TOPIC,
	HX_CAP_DEVICE,
	HX_CAP_MODULE,
	HX_CAP_SLOT,
	HX_CAP_NODE,
	HX_CAP_RESOURCE,
	HX_CAP_CUSTOM,
	HX_CAP_TYPES,
};

/* Index of the slot in the low 32 bits, its generation in the high ones. */
typedef uint64_t hx_cap_t;
#define HX_CAP_NONE		((hx_cap_t)0)	/* never a capability */

#define HX_CAP_HOLDER_MAX	32	/* bytes of a holder's name with the NUL */
#define HX_CAP_TABLE_MAX	65536u	/* capabilities in one table at most */
#define HX_CAP_DEPTH_MAX	32u	/* derivations from a root at most */

struct cap_node;
struct hx_cap_charge;

/*
 * Part of every object that capabilities stand for.
 * Field keys: c constant, a atomic, l lock; written under lock, read by anybody.
 */
struct hx_cap_object {
	uint32_t state;				/* a type; with HX_CAP_UNSETTLED_: look closer */
	uint32_t n_refs;			/* a owner, capabilities, hx_cap_get() */
	struct hx_spinlock lock;		/* guards all capabilities of this object */
	struct cap_node *roots;			/* l not derived from others */
	uint32_t n_cuts;			/* l revocations under way */
	uint32_t n_cuts_whole;			/* l of these, of all its capabilities */
	bool is_ended;				/* l */
	void (*release)(struct hx_cap_object *o);	/* c */
	struct hx_grace grace;
};

#define HX_CAP_UNSETTLED_	0x100u	/* being revoked, or ended */
#define HX_CAP_ASK_		0x80000000u	/* in slot->denied: it expires, or is lent */

/* Field keys: a atomic, t lock of the table. */
struct hx_cap_slot {
	hx_cap_t handle;		/* a what it answers to; HX_CAP_NONE: free */
	uint32_t denied;		/* a bits that a check does not like: rights not there */
	uint32_t generation;		/* t of the handle, or of the next one */
	struct hx_cap_object *object;	/* a */
	union {
		struct cap_node *node;	/* l of the object */
		uint32_t next_free;	/* t */
	};
};

enum hx_cap_table_flags {
	/* For what is in flight between two holders: capabilities are moved out of this table
	 * without HX_CAP_DELEGATE; they needed it to get in. */
	HX_CAP_TABLE_TRANSIT = 1,
};

/* A holder's table. Field keys: c constant, a atomic, t lock, n the list of all tables. */
struct hx_cap_table {
	uint32_t mask;				/* a slots - 1; a power of two */
	uint32_t n_used;			/* t capabilities */
	struct hx_cap_slot *slots;		/* a */
	struct hx_spinlock lock;
	uint32_t first_free;			/* t */
	uint32_t limit;				/* c */
	uint32_t flags;				/* c enum hx_cap_table_flags */
	uint32_t n_retired;			/* t slots whose generations are used up */
	uint64_t n_denied;			/* t checks refused */
	hx_cap_t last_denied;			/* t the same again is counted, not logged */
	struct hx_cap_charge *charge;		/* c whom slots are charged to */
	struct hx_cap_table *next;		/* n */
	char holder[HX_CAP_HOLDER_MAX];		/* c "": not listed */
};

/* What a capability is, for its holder. */
struct hx_cap_info {
	enum hx_cap_type type;
	uint32_t rights;
	hx_ns_t expires_ns;
	uint32_t depth;			/* derivations since the root */
	bool is_lent;			/* exclusive, and somebody below has it now */
};

/* A revocation under way; the caller's memory until a step says it is done. */
struct hx_cap_revocation {
	struct hx_cap_object *object;
	struct cap_node *top;		/* NULL: all of the object */
	uint64_t n_gone;		/* capabilities taken so far */
	uint32_t n_step;		/* at most so many at a time; start says CONFIG_CAPS_STEP */
};

/* The kernel's own table, holder "kernel". */
extern struct hx_cap_table hx_cap_kernel;

/* ---- objects */

/**
 * hx_cap_object_init() - make an object that capabilities can stand for; there are none yet.
 * @o:       in the object
 * @type:    what it is
 * @release: called once, in a thread that may sleep, when owner, capabilities and references are
 *           gone and no reader is left; frees the object. May be NULL for objects that stay
 *
 * Returns: nothing; the owner has one reference, which hx_cap_object_end() gives back.
 * Context: any.
 * Locks:   none.
 * Owner:   @o is the caller's until @release is called.
 * Cost:    a few stores.
 * Source:  -
 */
void hx_cap_object_init(struct hx_cap_object *o, enum hx_cap_type type,
			void (*release)(struct hx_cap_object *o));

/**
 * hx_cap_object_revoke() - take all capabilities of an object; it lives on.
 * hx_cap_object_end() - the object ends: nothing resolves to it from now on, and nothing ever will.
 * @o: initialised and not ended
 *
 * Returns: when all are gone. After end, release() is called when the last reference is.
 * Context: thread, may sleep; not in a reader's section.
 * Locks:   takes o->lock and one table's inside it, for at most CONFIG_CAPS_STEP capabilities at a
 *          time; caller holds no spinlock.
 * Owner:   end gives back the owner's reference.
 * Cost:    O(capabilities of @o), in bounded steps; they stop resolving at the first one.
 * Source:  -
 */
void hx_cap_object_revoke(struct hx_cap_object *o);
void hx_cap_object_end(struct hx_cap_object *o);

/**
 * hx_cap_object_get() - one reference more, by somebody who has one.
 * hx_cap_object_put() - give one back; who gives the last one starts release().
 * @o: the object
 *
 * Returns: nothing.
 * Context: get: any. put: thread, may sleep; not in a reader's section.
 * Locks:   none.
 * Owner:   -
 * Cost:    an atomic addition; the last one a grace period, which nobody waits for.
 * Source:  -
 */
void hx_cap_object_get(struct hx_cap_object *o);
void hx_cap_object_put(struct hx_cap_object *o);

/* ---- tables */

/**
 * hx_cap_table_init() - make an empty table.
 * @t:      the holder's memory
 * @holder: its name, shown as /caps/<holder>; "" or NULL: not shown. Cut to HX_CAP_HOLDER_MAX - 1
 * @limit:  capabilities at most, 1..HX_CAP_TABLE_MAX; more are refused with -HX_ENFILE
 * @flags:  enum hx_cap_table_flags
 *
 * Returns: nothing; memory is taken with the first capability.
 * Context: thread, may sleep; one without a name: any.
 * Locks:   the mutex of the list of tables, if it has a name.
 * Owner:   @t stays the caller's, and stays until hx_cap_table_fini().
 * Cost:    a few stores.
 * Source:  -
 */
void hx_cap_table_init(struct hx_cap_table *t, const char *holder, uint32_t limit, uint32_t flags);

/**
 * hx_cap_table_fini() - the holder is gone: all its capabilities are dropped.
 * @t: nobody puts anything in or checks any more; others may still revoke what is there
 *
 * Returns: when the table is empty and its memory is given back. It may be used again: it is as
 *          after hx_cap_table_init(), but no longer listed.
 * Context: thread, may sleep; not in a reader's section.
 * Locks:   as hx_cap_drop(), one at a time; the mutex of the list of tables.
 * Owner:   @t is the caller's to free. What was derived from its capabilities stays with whoever
 *          holds it, and stays revocable from further up.
 * Cost:    O(slots), and a grace period.
 * Source:  -
 */
void hx_cap_table_fini(struct hx_cap_table *t);

/* ---- capabilities */

/**
 * hx_cap_create() - a capability that is derived from none: the owner of an object grants it.
 * @t:          the table that gets it
 * @o:          the object; the caller has a reference
 * @rights:     enum hx_cap_right bits, not 0
 * @expires_ns: point in time (hx_now_ns()) from which it does not resolve; HX_FOREVER: never
 * @out:        receives the handle; untouched on error
 *
 * Returns: 0; -HX_EINVAL rights; -HX_EBUSY @rights has HX_CAP_EXCLUSIVE and the object has
 *          capabilities, or a root of it is exclusive; -HX_EAGAIN all of it is being revoked;
 *          -HX_ENFILE the table is full; -HX_ENOMEM; -HX_EBADF the object has ended.
 * Context: thread, may sleep; not in a reader's section.
 * Locks:   takes o->lock (HX_RANK_CAP_OBJECT), then t->lock (HX_RANK_CAP_TABLE).
 * Owner:   the table holds a reference of @o.
 * Cost:    an allocation; now and then the table doubles.
 * Source:  Dennis and Van Horn (CACM 1966).
 */
HX_MUST_CHECK int hx_cap_create(struct hx_cap_table *t, struct hx_cap_object *o, uint32_t rights,
				hx_ns_t expires_ns, hx_cap_t *out);

/**
 * hx_cap_derive() - a capability with the same or fewer rights, below one that is there.
 * @from:       table of the source
 * @cap:        the source
 * @to:         table that gets it; another than @from only with HX_CAP_DELEGATE in the source
 * @rights:     not 0; a part of the source's
 * @expires_ns: as for create; later than the source's means as the source's
 * @out:        receives the handle in @to; untouched on error
 *
 * A source with HX_CAP_EXCLUSIVE lends: while it has children it does not resolve. It has either
 * one child with HX_CAP_EXCLUSIVE, or any number without. So at most one capability of an object
 * that is exclusive resolves, or only ones that are not.
 *
 * Returns: 0; -HX_EINVAL rights; -HX_EACCES @rights has more than the source, or DELEGATE is
 *          missing; -HX_EBADF no such capability; -HX_ETIMEDOUT it is expired; -HX_EBUSY it is
 *          exclusive and lent in a way that this does not go with; -HX_EAGAIN what was derived
 *          from it is being revoked; -HX_ELOOP HX_CAP_DEPTH_MAX; -HX_ENFILE @to is full;
 *          -HX_ENOMEM.
 * Context: thread, may sleep; not in a reader's section.
 * Locks:   takes the object's lock, then a table's.
 * Owner:   @to holds it.
 * Cost:    an allocation.
 * Source:  seL4 manual, 3 (mint); lending: Rust's borrow rules, as data.
 */
HX_MUST_CHECK int hx_cap_derive(struct hx_cap_table *from, hx_cap_t cap, struct hx_cap_table *to,
				uint32_t rights, hx_ns_t expires_ns, hx_cap_t *out);

/**
 * hx_cap_move() - give a capability itself to another holder: gone here, there with a new handle.
 * @from: table it is in
 * @cap:  the capability; with HX_CAP_DELEGATE, unless @from is in transit
 * @to:   table that gets it
 * @out:  receives the new handle; untouched on error
 *
 * For a message: move, or derive, into the channel's own table (HX_CAP_TABLE_TRANSIT) when it is
 * sent, and move on to the receiver's when it is received. What is revoked meanwhile does not
 * arrive: -HX_EBADF.
 *
 * Returns: 0; -HX_EBADF no such capability; -HX_ETIMEDOUT it is expired; -HX_EACCES DELEGATE is
 *          missing; -HX_ENFILE @to is full; -HX_ENOMEM.
 * Context: thread, may sleep; not in a reader's section.
 * Locks:   as hx_cap_derive().
 * Owner:   @to holds it; what was derived from it stays below it.
 * Cost:    no allocation, but when the table must grow.
 * Source:  seL4 manual, 4.2 (capability transfer).
 */
HX_MUST_CHECK int hx_cap_move(struct hx_cap_table *from, hx_cap_t cap, struct hx_cap_table *to,
			      hx_cap_t *out);

/**
 * hx_cap_drop() - give a capability up.
 * @t:   table it is in
 * @cap: the capability, also an expired one
 *
 * Returns: 0; -HX_EBADF no such capability.
 * Context: thread, may sleep; not in a reader's section.
 * Locks:   as hx_cap_derive().
 * Owner:   what was derived from it stays with whoever holds it, and revocable from further up.
 * Cost:    O(HX_CAP_DEPTH_MAX).
 * Source:  -
 */
int hx_cap_drop(struct hx_cap_table *t, hx_cap_t cap);

/**
 * hx_cap_revoke() - take a capability and everything derived from it, whoever holds it.
 * hx_cap_recall() - only what was derived from it: it is whole again, and no longer lent.
 * @t:   table it is in
 * @cap: the capability, also an expired one
 *
 * Returns: 0; -HX_EBADF no such capability.
 * Context: thread, may sleep; not in a reader's section.
 * Locks:   as hx_cap_derive(), dropped after each CONFIG_CAPS_STEP capabilities.
 * Owner:   -
 * Cost:    O(capabilities taken), in bounded steps; none of them resolves from the first step on.
 * Source:  seL4 manual, 3.1.4 (revoke, preemptible); ours cuts the whole subtree at once.
 */
int hx_cap_revoke(struct hx_cap_table *t, hx_cap_t cap);
int hx_cap_recall(struct hx_cap_table *t, hx_cap_t cap);

/**
 * hx_cap_revoke_start() - the first step of hx_cap_revoke() alone: from now on nothing resolves.
 * hx_cap_recall_start() - the same of hx_cap_recall().
 * hx_cap_revoke_step() - the next at most r->n_step capabilities are taken away.
 * @t:   table it is in
 * @cap: the capability
 * @r:   the caller's memory; after a successful start, step until it says false
 *
 * Returns: start: 0; -HX_EBADF no such capability, and there is no revocation. step: true: there
 *          is more.
 * Context: thread, may sleep; not in a reader's section.
 * Locks:   as hx_cap_derive().
 * Owner:   @r holds a reference of the object until step says false.
 * Cost:    start: O(1). step: bounded.
 * Source:  -
 */
HX_MUST_CHECK int hx_cap_revoke_start(struct hx_cap_table *t, hx_cap_t cap,
				      struct hx_cap_revocation *r);
HX_MUST_CHECK int hx_cap_recall_start(struct hx_cap_table *t, hx_cap_t cap,
				      struct hx_cap_revocation *r);
bool hx_cap_revoke_step(struct hx_cap_revocation *r);

/**
 * hx_cap_info() - what a capability is.
 * @t:    table it is in
 * @cap:  the capability
 * @info: filled; untouched on error
 *
 * Returns: 0, also for an expired or a lent one; -HX_EBADF no such capability.
 * Context: any but NMI.
 * Locks:   takes the object's lock.
 * Owner:   -
 * Cost:    O(1); O(depth) while something of the object is revoked.
 * Source:  -
 */
HX_MUST_CHECK int hx_cap_info(const struct hx_cap_table *t, hx_cap_t cap, struct hx_cap_info *info);

/* The long way of hx_cap_check(): finds out what is wrong, if anything is, and records it. */
HX_MUST_CHECK int hx_cap_check_slow_(struct hx_cap_table *t, hx_cap_t cap, uint32_t type,
				     uint32_t rights, struct hx_cap_object **object);

/**
 * hx_cap_check() - may the holder do this? The one function that everything is checked with.
 * @t:      the holder's table
 * @cap:    what it says it may
 * @type:   what the object must be
 * @rights: what is going to be done, HX_CAP_* bits; 0: only look
 * @object: receives the object; untouched on error
 *
 * Returns: 0; -HX_EBADF it does not resolve: never did, dropped, revoked; -HX_EINVAL it is of
 *          another type; -HX_ETIMEDOUT expired; -HX_EBUSY exclusive, and lent; -HX_EACCES a right
 *          is missing. Who begins after the first step of a revocation gets -HX_EBADF.
 * Context: any but NMI; in a reader's section (hx_read_begin()) or with a spinlock or interrupts
 *          off.
 * Locks:   none if all is well; else the object's, then the table's.
 * Owner:   @object is valid until the end of the section; hx_cap_get() takes a reference instead.
 * Cost:    15 instructions; about 120 more if it expires; O(depth) while something of the same
 *          object is being revoked.
 * Source:  Dennis and Van Horn (CACM 1966); generations: Hydra, EROS.
 */
static HX_ALWAYS_INLINE HX_MUST_CHECK int hx_cap_check(struct hx_cap_table *t, hx_cap_t cap,
						       enum hx_cap_type type, uint32_t rights,
						       struct hx_cap_object **object)
{
	/* Plain loads of whole words, kept in order by fences, which are no instructions here: of
	 * an atomic load compilers make an instruction of its own. The mask first: a slot that it
	 * allows is in the array loaded after it. */
	uint32_t idx = (uint32_t)cap & t->mask;
	struct hx_cap_slot *s;
	struct hx_cap_object *o;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	s = t->slots + idx;
	if (HX_LIKELY(s->handle == cap)) {
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (HX_LIKELY((s->denied & (rights | HX_CAP_ASK_)) == 0)) {
			o = s->object;
			__atomic_thread_fence(__ATOMIC_ACQUIRE);
			/* Never used twice: the same still, so all is of one. */
			if (HX_LIKELY(o->state == (uint32_t)type) && HX_LIKELY(s->handle == cap)) {
				*object = o;
				return 0;
			}
		}
	}
	return hx_cap_check_slow_(t, cap, type, rights, object);
}

/**
 * hx_cap_get() - hx_cap_check(), and a reference to the object.
 * @t:      the holder's table
 * @cap:    what it says it may
 * @type:   what the object must be
 * @rights: what is going to be done
 * @object: receives the object; untouched on error
 *
 * Returns: as hx_cap_check().
 * Context: any but NMI.
 * Locks:   as hx_cap_check().
 * Owner:   the caller has a reference of @object, for hx_cap_object_put().
 * Cost:    the check, the section and an atomic addition.
 * Source:  -
 */
HX_MUST_CHECK int hx_cap_get(struct hx_cap_table *t, hx_cap_t cap, enum hx_cap_type type,
			     uint32_t rights, struct hx_cap_object **object);

#endif
