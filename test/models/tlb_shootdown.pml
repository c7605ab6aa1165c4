/* SPDX-License-Identifier: MIT */
/*
 * Shoot-down of translations: core/smp/tlb.c, with the word of reasons of hx_ipi_send().
 *
 * CPUs 0 and 1 each unmap a page of their own at the same time, with interrupts off, and ask all
 * others; CPU 2 comes online meanwhile. Every CPU may load a translation into its TLB at any moment
 * as long as the page is mapped. Memory is sequentially consistent here: the code has a fence
 * between the page table and the set of CPUs, and its other words change by atomic operations.
 *
 * Properties:	(stale)		when the function returned, no CPU that runs code of ours can use
 *				the page
 *		(progress)	all who ask return, though they have interrupts off and ask each other
 * Each BUG_ below breaks one of them; the runner sees that it does.
 */
#define N	3
#define BIT(c)	(1 << (c))

bool mapped[2] = true;
bool tlb[6];			/* [cpu * 2 + page] */
byte online = 3;		/* bits of CPUs 0 and 1 */
bool uses[N];			/* runs code that may touch the pages */
byte waiting[2];		/* of the requests of CPUs 0 and 1 */
byte from[N];
bool wanted[N];			/* the bit HX_IPI_TLB of ipi_reasons */
bool pending[N];		/* the interrupt */
bool returned[2];

#define CHECK(c, p)	assert(!(returned[p] && uses[c] && tlb[(c) * 2 + (p)]))

inline answer(me)
{
	d_step { who = from[me]; from[me] = 0 };
	if
	:: who & BIT(0) -> tlb[me * 2] = false; waiting[0] = waiting[0] & ~BIT(me)
	:: else
	fi;
	if
	:: who & BIT(1) -> tlb[me * 2 + 1] = false; waiting[1] = waiting[1] & ~BIT(me)
	:: else
	fi;
	who = 0
}

/* hx_spin_poll(): the reason is cleared first, then the requests are taken. */
inline poll(me)
{
	if
	:: wanted[me] ->
#ifdef BUG_ANSWER_BEFORE_CLEAR
		answer(me);
		wanted[me] = false
#else
		wanted[me] = false;
		answer(me)
#endif
	:: else
	fi
}

/* hx_ipi_send(): only who makes the word non-zero sends. */
inline ask(me, to)
{
	from[to] = from[to] | BIT(me);
	d_step {
		if
		:: !wanted[to] -> wanted[to] = true; pending[to] = true
		:: else
		fi
	}
}

inline shootdown(me)
{
	mapped[me] = false;
#ifdef BUG_NO_LOCAL_FLUSH
	skip;
#else
	tlb[me * 2 + me] = false;
#endif
	set = online & ~BIT(me);
	waiting[me] = set;
	if :: set & BIT(1 - me) -> ask(me, 1 - me) :: else fi;
	if :: set & BIT(2) -> ask(me, 2) :: else fi;
#ifndef BUG_NO_WAIT
	do
	:: (waiting[me] & online) == 0 -> break
#ifndef BUG_NO_POLL
	:: wanted[me] -> poll(me)
#endif
	od;
#endif
	returned[me] = true
}

proctype asks(byte me)
{
	byte who, set;

	uses[me] = true;
	shootdown(me);
	CHECK(0, me); CHECK(1, me); CHECK(2, me);
end:	do				/* interrupts on again */
	:: pending[me] -> pending[me] = false; poll(me); CHECK(me, 0); CHECK(me, 1)
	od
}

proctype comes()
{
	byte who;

#ifdef BUG_FLUSH_BEFORE_ONLINE
	d_step { tlb[4] = false; tlb[5] = false };
	online = online | BIT(2);
#else
	online = online | BIT(2);
	d_step { tlb[4] = false; tlb[5] = false };
#endif
	uses[2] = true;
	CHECK(2, 0); CHECK(2, 1);
end:	do
	:: pending[2] -> pending[2] = false; poll(2); CHECK(2, 0); CHECK(2, 1)
	od
}

/* The hardware of a CPU: it looks up pages ahead of the code, as it likes. */
proctype walker(byte me)
{
end:	do
	:: atomic { mapped[0] && !tlb[me * 2] -> tlb[me * 2] = true }
	:: atomic { mapped[1] && !tlb[me * 2 + 1] -> tlb[me * 2 + 1] = true }
	od
}

active proctype monitor()
{
	timeout -> assert(returned[0] && returned[1])	/* progress */
}

init
{
	atomic {
		run asks(0); run asks(1); run comes();
		run walker(0); run walker(1); run walker(2)
	}
}
