/* SPDX-License-Identifier: MIT */
/*
 * Resources: who has how much, up to which limit, and what goes back when a holder ends.
 *
 *	hx_res_holder_init(&h, "net0", &parent);	limits are none at first
 *	hx_res_limit(&h, HX_RES_MEMORY, 1 << 20, 2 << 20);
 *	err = hx_res_reserve(&h, wants, 2);		all of them or nothing
 *	p = hx_res_alloc(&h, 4096);			charged, and given back with the holder
 *	hx_res_holder_end(&h);
 *
 * A holder is charged for what it reserved and for what it uses; each holder above it as well. A
 * charge never goes beyond a hard limit anywhere above. One that passes a soft limit is made, and
 * told: in the log, counted, and to the holder's function.
 *
 * Chosen with CONFIG_RESOURCES. Without it none of this may be called: ask HX_ENABLED(RESOURCES)
 * first, with <hx/config/core_resources.h>.
 */
#ifndef HX_CORE_RESOURCES_H
#define HX_CORE_RESOURCES_H

#include <hx/base.h>
#include <hx/core/intent.h>
#include <hx/core/irq.h>
#include <hx/core/list.h>
#include <hx/core/lock.h>

/* Each of these is attached: core says below, or in the header named, what takes it. */
enum hx_res_kind {
	HX_RES_MEMORY,		/* bytes: hx_res_alloc() */
	HX_RES_HANDLES,		/* capabilities: hx_cap_table_charge() of hx/core/caps.h */
	HX_RES_INTERRUPTS,	/* handlers on lines: hx_res_irq_attach() */
	HX_RES_CPU,		/* millionths of one CPU: hx_res_cpu_promise() */
	HX_RES_PORTS,		/* I/O ports: hx_res_ports_take() */
	HX_RES_IO,		/* bytes a second: hx_res_io_promise() of hx/core/resources_io.h */
	HX_RES_KINDS,
};

#define HX_RES_NONE		UINT64_MAX	/* as a limit: none */
#define HX_RES_NAME_MAX		32u		/* bytes with the NUL */
#define HX_RES_DEPTH_MAX	4u		/* holders from the top to the bottom */

/* Field keys: a atomic. charged = reserved + used + what is charged to the holders below. */
struct hx_res_account {
	uint64_t charged, reserved, used;	/* a */
	uint64_t soft, hard;			/* a */
	uint64_t peak;				/* a of charged */
	uint64_t n_over, n_refused;		/* a soft limit passed; hard limit in the way */
};

/* Bytes that run in at a rate and are taken out, at most so many at a time. */
struct hx_res_bucket {
	int64_t level;			/* bytes; below 0: a debt */
	hx_ns_t at_ns;			/* what came until then is in the level */
	uint32_t frac;			/* and billionths of a byte */
};

/* I/O that is going on; its rates are in the account. Field key: q lock of all metered I/O. */
struct hx_res_meter {
	struct hx_res_bucket promised;	/* q fills as fast as the holder's own promise says */
	struct hx_res_bucket rest;	/* q what the hard limit leaves above all promises */
	struct hx_res_bucket soft;	/* q */
	uint64_t n_bytes;		/* q moved, here and below */
	uint64_t n_waits, waited_ns;	/* q for a turn, by threads of this holder */
	uint64_t n_again;		/* q refused, as the wait would have been too long */
	uint64_t over_bytes;		/* q since the soft bucket was full */
	hx_ns_t over_since_ns;		/* q */
	bool is_over;			/* q and told */
};

/* Field keys: c constant, l lock, m the mutex of the list of holders. */
struct hx_res_holder {
	struct hx_res_account accounts[HX_RES_KINDS];
	struct hx_res_meter meter;
	struct hx_res_holder *parent;		/* c NULL: none above */
	/* c A soft limit was passed; NULL: nobody is told. Any context but NMI, any lock held: it
	 * takes none but the log's. Set right after init. */
	void (*over)(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t charged);
	struct hx_spinlock lock;
	struct hx_list leases;			/* l the youngest last */
	struct hx_list link;			/* m */
	uint32_t n_children;			/* m */
	uint32_t depth;				/* c from 1 */
	char name[HX_RES_NAME_MAX];		/* c */
};

/* A soft limit was passed: an event of this topic (hx/core/event.h) with the kind as its tag and
 * this in its bytes. */
#define HX_RES_TOPIC	"resources"

struct hx_res_event {
	uint64_t charged, soft;
	char holder[24];		/* its name, cut */
};

struct hx_res_want {
	enum hx_res_kind kind;
	uint64_t n;
};

/* Something of a holder that has to be given back when it ends. Keys: c constant, l holder's. */
struct hx_res_lease {
	struct hx_list link;			/* l */
	struct hx_res_holder *holder;		/* c NULL: not begun */
	void (*end)(struct hx_res_lease *l);	/* c gives the thing back, not the charge */
	uint64_t n;				/* c charged */
	enum hx_res_kind kind;			/* c */
};

/**
 * hx_res_holder_init() - make a holder without limits that has nothing.
 * @h:      the caller's memory
 * @name:   shown as /resources/<name>; cut to HX_RES_NAME_MAX - 1
 * @parent: charged for all that @h is charged for; NULL: nobody
 *
 * Returns: 0; -HX_ELOOP @parent is HX_RES_DEPTH_MAX deep.
 * Context: thread, may sleep.
 * Locks:   the mutex of the list of holders.
 * Owner:   @h stays the caller's, and stays until hx_res_holder_end(); @parent longer.
 * Cost:    a few stores.
 * Source:  Banga, Druschel, Mogul: Resource Containers (OSDI 1999): the holder is not the process.
 */
HX_MUST_CHECK int hx_res_holder_init(struct hx_res_holder *h, const char *name,
				     struct hx_res_holder *parent);

/**
 * hx_res_holder_end() - the holder is gone: what it leased and what it reserved goes back.
 * @h: without holders below it; nobody takes anything for it any more
 *
 * Leases end first, the youngest first. What is in use and no lease is a mistake of whoever used
 * it: it is given back as well, logged and counted (hx_res_n_leaked()).
 *
 * Returns: 0; -HX_EBUSY there are holders below it: nothing happened.
 * Context: thread, may sleep.
 * Locks:   the mutex of the list of holders; none while a lease ends.
 * Owner:   @h is the caller's to free.
 * Cost:    O(leases).
 * Source:  -
 */
HX_MUST_CHECK int hx_res_holder_end(struct hx_res_holder *h);

/**
 * hx_res_limit() - set the limits of a holder for one kind.
 * @h:    the holder
 * @kind: of what
 * @soft: a charge that goes beyond is told; HX_RES_NONE: none
 * @hard: none goes beyond; HX_RES_NONE: none. What is charged already stays
 *
 * Returns: 0; -HX_EINVAL @soft is above @hard.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a few stores.
 * Source:  setrlimit(2), but soft tells and does not refuse.
 */
HX_MUST_CHECK int hx_res_limit(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t soft,
			       uint64_t hard);

/**
 * hx_res_reserve() - set several things aside, all or none.
 * hx_res_unreserve() - give back what was reserved and not used.
 * hx_res_use() - what was reserved is in use now.
 * hx_res_take() - reserve and use in one step.
 * hx_res_release() - what was in use is free again.
 * @h:     the holder; NULL: nobody counts, all succeed
 * @wants: what and how much, @n_wants of them; a kind may come twice
 * @kind:  of what
 * @n:     how much; unreserve and release: at most what is reserved, or in use
 *
 * Returns: reserve, take: 0; -HX_ENOSPC a hard limit of the holder or of one above it, and nothing
 *          changed. While somebody else is refused at a limit further up, his charge may for a
 *          moment be in the way. use: 0; -HX_EINVAL so much is not reserved.
 * Context: any but NMI.
 * Locks:   none; the log's if a soft limit is passed.
 * Owner:   the holder.
 * Cost:    O(1) for each want: an atomic operation for each holder from here to the top, at most
 *          HX_RES_DEPTH_MAX, and one more.
 * Source:  Linux, mm/page_counter.c: charging up a tree with roll-back.
 */
HX_MUST_CHECK int hx_res_reserve(struct hx_res_holder *h, const struct hx_res_want *wants,
				 unsigned n_wants);
void hx_res_unreserve(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t n);
HX_MUST_CHECK int hx_res_use(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t n);
HX_MUST_CHECK int hx_res_take(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t n);
void hx_res_release(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t n);

/**
 * hx_res_lease_begin() - take something, with what is to be done when the holder ends.
 * hx_res_lease_end() - it was given back: the charge ends. @l->end is not called.
 * @h:    the holder
 * @l:    in the thing itself; stays until the lease or the holder ends
 * @kind: of what
 * @n:    how much; may be 0
 * @end:  gives the thing back when the holder ends; thread context, no lock held, may sleep. @l is
 *        not linked any more, and its memory may go
 *
 * Returns: begin: 0; as hx_res_take().
 * Context: any but NMI.
 * Locks:   h->lock (HX_RANK_LEAF).
 * Owner:   @l is the holder's until the end.
 * Cost:    as hx_res_take(), and a list operation.
 * Source:  Gray and Cheriton (SOSP 1989) for the word; ours ends with the holder, not with time.
 */
HX_MUST_CHECK int hx_res_lease_begin(struct hx_res_holder *h, struct hx_res_lease *l,
				     enum hx_res_kind kind, uint64_t n,
				     void (*end)(struct hx_res_lease *l));
void hx_res_lease_end(struct hx_res_lease *l);

/**
 * hx_res_alloc() - memory of a holder.
 * hx_res_free() - give it back before the holder ends.
 * @h:          the holder
 * @size_bytes: not 0; so much is charged, and 48 bytes more
 * @ptr:        from hx_res_alloc(), or NULL
 *
 * Returns: memory with the alignment of hx_alloc(); NULL no memory, or a hard limit.
 * Context: as hx_alloc() and hx_free().
 * Locks:   h->lock, the heap's.
 * Owner:   the holder.
 * Cost:    as hx_res_lease_begin() and hx_alloc().
 * Source:  talloc: memory that hangs on its owner.
 */
void *hx_res_alloc(struct hx_res_holder *h, size_t size_bytes);
void hx_res_free(void *ptr);

struct hx_res_irq {
	struct hx_res_lease lease;
	uint32_t line;
	struct hx_irq_action *action;
};

/**
 * hx_res_irq_attach() - hx_irq_attach() for a holder.
 * hx_res_irq_detach() - hx_irq_detach(), and the charge ends.
 * @h:    the holder
 * @i:    the caller's memory, until it is detached
 * @line: as for hx_irq_attach()
 * @a:    as for hx_irq_attach()
 *
 * Returns: 0; -HX_ENOSPC a hard limit; -HX_EINVAL, -HX_EEXIST as hx_irq_attach().
 * Context: thread.
 * Locks:   those of hx_irq_attach(), h->lock.
 * Owner:   @i and @a stay the caller's; the holder's end detaches.
 * Cost:    as hx_res_lease_begin() and hx_irq_attach().
 * Source:  -
 */
HX_MUST_CHECK int hx_res_irq_attach(struct hx_res_holder *h, struct hx_res_irq *i, uint32_t line,
				    struct hx_irq_action *a);
void hx_res_irq_detach(struct hx_res_irq *i);

/* Keys: c constant while it is taken, p the lock of all ranges. */
struct hx_res_ports {
	struct hx_res_lease lease;
	struct hx_list link;			/* p */
	const struct hx_res_holder *holder;	/* c NULL: the kernel itself */
	const char *name;			/* c */
	uint32_t first, n;			/* c */
};

/**
 * hx_res_ports_take() - a range of I/O ports for one user alone.
 * hx_res_ports_give() - it is free again, and the charge ends.
 * hx_res_ports_has() - does that holder have all of these ports?
 * @h:     the holder; NULL: the kernel, which nobody charges
 * @p:     the caller's memory, until it is given back or the holder ends
 * @name:  whose device that is, for /proc/ports; stays valid as long
 * @first: the first port
 * @n:     how many
 *
 * A module calls the first two without knowing its holder: @h is then ignored, the holder is its
 * own, and hx_reg_read8() and its like reach no port that it does not have.
 *
 * Returns: take: 0; -HX_EINVAL no such ports; -HX_EBUSY somebody has one of them; -HX_ENOSPC a hard
 *          limit; for a module -HX_EACCES it was not granted "ports", -HX_ENOMEM.
 * Context: take, give: thread. has: any but NMI.
 * Locks:   that of all ranges and h->lock, one after the other (HX_RANK_LEAF).
 * Owner:   @p stays the caller's; the holder's end gives the ports back.
 * Cost:    O(ranges), of which there are few.
 * Source:  Linux, request_region(), but nobody can leave out asking: the access is checked.
 */
HX_MUST_CHECK int hx_res_ports_take(struct hx_res_holder *h, struct hx_res_ports *p,
				    const char *name, uint32_t first, uint32_t n);
void hx_res_ports_give(struct hx_res_ports *p);
bool hx_res_ports_has(const struct hx_res_holder *h, uint32_t first, uint32_t n);

struct hx_res_cpu {
	struct hx_res_lease lease;
	struct hx_thread *thread;
};

/**
 * hx_res_cpu_promise() - hx_thread_set_intent() for a thread of a holder.
 * hx_res_cpu_end() - the thread has the default intent again, and the charge ends.
 * @h:    the holder
 * @c:    the caller's memory, until the end
 * @t:    the thread; not joined before hx_res_cpu_end() or the end of the holder
 * @want: with a deadline, or a budget in percent or as a quota: that part of a CPU is charged
 *
 * Returns: 0; -HX_ENOSPC a hard limit, or the scheduler has not so much left to promise;
 *          -HX_EINVAL @want says no part of a CPU; as hx_thread_set_intent().
 * Context: thread.
 * Locks:   as hx_thread_set_intent(); h->lock.
 * Owner:   @c stays the caller's.
 * Cost:    as hx_res_lease_begin() and hx_thread_set_intent().
 * Source:  -
 */
HX_MUST_CHECK int hx_res_cpu_promise(struct hx_res_holder *h, struct hx_res_cpu *c,
				     struct hx_thread *t, const struct hx_intent *want);
void hx_res_cpu_end(struct hx_res_cpu *c);

/**
 * hx_res_check() - whether the books balance: made when nobody takes anything, as after a test.
 * hx_res_n_holders() - how many there are.
 * hx_res_n_leaked() - how often a holder ended with something in use that was no lease.
 *
 * Returns: check: accounts that are not the sum of what they should be, and holders with a wrong
 *          number below; 0: all is well.
 * Context: thread, may sleep.
 * Locks:   the mutex of the list of holders.
 * Owner:   -
 * Cost:    O(holders^2) for check.
 * Source:  -
 */
unsigned hx_res_check(void);

/* What all holders have, at one moment. */
struct hx_res_totals {
	uint64_t charged[HX_RES_KINDS];	/* of holders that have none above them */
	uint64_t n_leaked;
	unsigned n_holders, n_wrong;	/* n_wrong: hx_res_check() */
};

/**
 * hx_res_totals() - the books on one page: to be compared before and after something.
 * @out: receives it
 *
 * Returns: nothing.
 * Context: thread, may sleep.
 * Locks:   the mutex of the list of holders.
 * Owner:   -
 * Cost:    O(holders^2).
 * Source:  -
 */
void hx_res_totals(struct hx_res_totals *out);
unsigned hx_res_n_holders(void);
uint64_t hx_res_n_leaked(void);

#endif
