/* SPDX-License-Identifier: MIT */
/*
 * A scheduler is replaced while two CPUs run threads: core/smp/park.c and core/thread/swap.c.
 *
 * CPU 1 runs threads: it asks the scheduler for one, with interrupts off, runs it, and puts it back;
 * now and then it makes a stretch with preemption off, in which the scheduler was told of a new
 * thread that is not in the table yet. CPU 0 swaps: it sends a call, waits until CPU 1 stands at a
 * safe point or says "not now", copies what the old one has, gives it to the new one, which may
 * fail in the middle, and commits or copies back.
 *
 * Threads are bits of a set; a provider's queue is a set of them.
 *
 * Properties:	(alone)	nobody is inside a provider while the swap reads or changes it
 *		(kept)	at any time that CPU 1 may look, each thread is in the queue of the provider in
 *			the slot, or runs
 *		(twice)	no thread is in the queue and runs
 *		(live)	every swap ends, and CPU 1 goes on
 * Each BUG_ below breaks one of them; the runner sees that it does.
 */
#define SWAPS	2
#define ALL	7		/* three threads; the third is made on the way */

byte queue[2] = 3;		/* of provider i; garbage for the one that is not in the slot */
byte slot = 0;			/* the provider in use */
byte running = 0;		/* the thread that CPU 1 runs, 0: idle */
byte table = 3;			/* threads that the table knows */
bool made;			/* the third thread was made */
bool irqs_off, preempt_off, inside;	/* CPU 1 */
bool call_sent, stands, not_now, go_on;
bool paused;			/* CPU 0 works on the providers */
byte swaps_done;
bool thread_admitted_to[2];	/* the third one */

/* CPU 1 takes the interrupt wherever it has interrupts on; then, by where it was. */
inline interrupt_point()
{
	if
	:: call_sent ->
		call_sent = false;
#ifndef BUG_ANY_POINT
		if
		:: preempt_off -> not_now = true
		:: else ->
#endif
			stands = true;
			go_on;
			go_on = false
#ifndef BUG_ANY_POINT
		fi
#endif
	:: else
	fi
}

inline run_one()
{
	irqs_off = true;
	inside = true;
	assert(!paused);					/* alone */
	assert((queue[slot] | running) == table);		/* kept */
	assert((queue[slot] & running) == 0);			/* twice */
	queue[slot] = queue[slot] | running;
	running = 0;
	if
	:: queue[slot] & 1 -> running = 1
	:: queue[slot] & 2 -> running = 2
	:: queue[slot] & 4 -> running = 4
	:: queue[slot] == 0
	fi;
	queue[slot] = queue[slot] & ~running;
	inside = false;
	irqs_off = false
}

inline make_one()
{
	preempt_off = true;
	thread_admitted_to[slot] = true;
	interrupt_point();
	assert(thread_admitted_to[slot]);			/* kept */
	irqs_off = true;
	table = ALL;
	queue[slot] = queue[slot] | 4;
	irqs_off = false;
	preempt_off = false;
	made = true
}

proctype cpu1()
{
	do
	:: swaps_done < SWAPS -> run_one(); interrupt_point()
	:: swaps_done < SWAPS && !made -> make_one(); interrupt_point()
	:: swaps_done == SWAPS -> break
	od;
	run_one();
end:	interrupt_point()
}

inline park()
{
	do
	:: call_sent = true;
#ifdef BUG_NOT_WAITED
		break
#else
		if
		:: stands -> stands = false; break
		:: not_now -> not_now = false
		fi
#endif
	od
}

proctype cpu0()
{
	byte saved, taken, new;
	bool failed;

	do
	:: swaps_done < SWAPS ->
		park();
		paused = true;
		assert(!inside);				/* alone */
		new = 1 - slot;
		saved = queue[slot];
		queue[new] = 0;
		thread_admitted_to[new] = (table == ALL);	/* only whom the table knows */
		taken = 0;
		failed = false;
		do
		:: taken != saved && !failed ->
			if
			:: (saved & ~taken) & 1 -> taken = taken | 1
			:: (saved & ~taken) & 2 -> taken = taken | 2
			:: (saved & ~taken) & 4 -> taken = taken | 4
			:: failed = true
			fi;
			queue[new] = taken;
			queue[slot] = 0		/* the links in the threads are the new one's now */
		:: else -> break
		od;
		if
		:: !failed ->
#ifdef BUG_NOT_COMPARED
			if :: queue[new] = queue[new] & 6 :: skip fi;
#endif
			slot = new
		:: else ->
#ifndef BUG_NOT_COPIED_BACK
			queue[slot] = saved
#endif
		fi;
		paused = false;
		go_on = true;
		swaps_done++;
		!go_on
	:: else -> break
	od
}

/* Nothing moves any more: both ended. */
active proctype monitor()
{
	timeout -> assert(swaps_done == SWAPS);			/* live */
		assert((queue[slot] | running) == table)	/* kept */
}

init
{
	atomic { run cpu1(); run cpu0() }
}
