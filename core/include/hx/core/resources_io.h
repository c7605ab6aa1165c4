/* SPDX-License-Identifier: MIT */
/*
 * I/O bandwidth of a holder: bytes per second that its threads read and write.
 *
 *	hx_res_limit(&disk, HX_RES_IO, HX_RES_NONE, 8 << 20);	so much there is
 *	hx_res_holder_init(&backup, "backup", &disk);
 *	hx_res_limit(&backup, HX_RES_IO, HX_RES_NONE, 1 << 20);	no more than that
 *	err = hx_res_io_promise(&backup, &io, thread, 64 << 10);	and no less than this
 *	hx_res_io_end(&io);
 *
 * Where bytes pass (files in fs/vfs, the terminal in core/device) a thread that pays for a holder
 * is charged, and so is each holder above: it waits until their buckets have what it wants.
 *
 * Chosen with CONFIG_RESOURCES.
 */
#ifndef HX_CORE_RESOURCES_IO_H
#define HX_CORE_RESOURCES_IO_H

#include <hx/config/core_resources.h>
#include <hx/core/resources.h>
#include <hx/core/thread.h>

/* A thread's part in a holder. Keys: c constant until its end, q lock of all metered I/O. */
struct hx_res_io {
	struct hx_res_lease lease;
	struct hx_res_holder *holder;		/* c */
	struct hx_thread *thread;		/* c */
	bool is_inside;				/* q between begin and settle */
	bool is_ended;				/* q */
};

/* A read or write that was let in. Key: c constant. */
struct hx_res_io_pass {
	struct hx_res_io *io;			/* c NULL: nobody pays */
	struct hx_res_holder *from;		/* c whose promise pays; NULL: none */
	size_t n;				/* c bytes charged */
};

/**
 * hx_res_io_promise() - what a thread reads and writes is a holder's, and so much is set aside.
 * hx_res_io_end() - the thread pays for nobody, and the promise ends.
 * @h:    the holder
 * @io:   the caller's memory, until the end
 * @t:    the thread; not joined before hx_res_io_end() or the end of the holder
 * @rate: bytes per second that @h and those below may use whatever others do; 0: nothing is
 *        promised, only charged. It is taken out of what the limits up to the top leave, which is
 *        less for all others from then on, used or not
 *
 * Returns: 0; -HX_ENOSPC a hard limit; -HX_EINVAL a promise, but the topmost holder has no hard
 *          limit that would say how much there is; -HX_EBUSY the thread pays for somebody.
 * Context: thread, may sleep; end: waits until the thread has left what it reads or writes; one
 *          that waits for its turn there is let go on.
 * Locks:   h->lock; then that of all metered I/O (HX_RANK_WAIT).
 * Owner:   @io stays the caller's.
 * Cost:    as hx_res_lease_begin().
 * Source:  the assured rate of hierarchical token buckets (Linux, net/sched/sch_htb.c). Differs:
 *          what is promised and idle is not lent.
 */
HX_MUST_CHECK int hx_res_io_promise(struct hx_res_holder *h, struct hx_res_io *io,
				    struct hx_thread *t, uint64_t rate);
void hx_res_io_end(struct hx_res_io *io);

/* How many threads pay for a holder; in place of its part, while a thread is inside: it pays. */
extern uint32_t hx_res_n_payers_;	/* atomic */
extern struct hx_res_io hx_res_inside_;

/* Has the calling thread to pay? The one question that I/O without limits costs. False between
 * begin and settle: I/O inside of I/O is charged once. */
static inline bool hx_res_io_is_metered(void)
{
	return HX_ENABLED(RESOURCES) &&
	       HX_UNLIKELY(__atomic_load_n(&hx_res_n_payers_, __ATOMIC_RELAXED) != 0) &&
	       hx_thread_self() != NULL && hx_thread_self()->io != NULL &&
	       hx_thread_self()->io != &hx_res_inside_;
}

/**
 * hx_res_io_begin() - the calling thread is about to read or write: charge it, wait for its turn.
 * hx_res_io_settle() - it has: what it did not move is given back.
 * hx_res_io_pay() - the same for what cannot be refused or cut.
 * @p:       filled; the caller's until settle
 * @n_bytes: so many are wanted; cut to what the limits give in a second, or to a page if that is
 *           more
 * @moved:   what was read or written, or an error
 *
 * I/O inside of I/O, of a filesystem on a file, is charged to nobody. pay() waits at most
 * HX_RES_IO_WAIT_NS; what its bucket lacks then is a debt, and where it may not sleep, which is
 * also where the thread may have been interrupted, nothing is charged.
 *
 * Returns: begin: 0; -HX_EAGAIN it would wait for more than HX_RES_IO_WAIT_NS, or at all where it
 *          may not sleep: nothing is charged, and settle is not called.
 * Context: thread; pay: any but NMI.
 * Locks:   that of all metered I/O (HX_RANK_WAIT); asleep: none.
 * Owner:   -
 * Cost:    about 100 instructions, 40 more for each holder above; call it only if
 *          hx_res_io_is_metered().
 * Source:  token buckets: Turner, "New Directions in Communications" (1986); one that lends one
 *          request, so that a request is never split.
 */
HX_MUST_CHECK int hx_res_io_begin(struct hx_res_io_pass *p, size_t *n_bytes);
void hx_res_io_settle(const struct hx_res_io_pass *p, hx_ssize_t moved);
void hx_res_io_pay(size_t n_bytes);

#define HX_RES_IO_WAIT_NS	(10 * HX_NS_PER_S)

#endif
