/* SPDX-License-Identifier: MIT */
/*
 * A wake-up across CPUs: core/thread's wait, wake and switch, with a run queue per CPU.
 *
 * The waiter blocks under q->lock, takes its CPU's run queue lock, publishes BLOCKED, lets q->lock
 * go, and holds the run queue lock through the switch; the next flow on that CPU lets it go. The
 * waker takes q->lock, then the lock of the run queue that the thread blocked on, decides where the
 * thread goes, and kicks that CPU. No tick helps: what is lost stays lost.
 *
 * Properties:	(lost)	every event is consumed: nobody waits for ever with the condition true
 *		(twice)	the thread is on one CPU at a time, and is switched to only when its context
 *			was saved
 *		(queue)	it is on one run queue at most, and only while READY
 * Each BUG_ below breaks one of them; the runner sees that it does.
 */
#define EVENTS	3
#define NOBODY	2		/* no CPU: CPUs are 0 and 1 */

mtype = { RUNNING, BLOCKED, READY };

bool q_lock, rq_lock[2];
bool condition, waits;		/* q_lock */
mtype state = RUNNING;		/* the lock of the run queue it is on or blocked on */
byte home = 0;			/* that run queue */
byte on_cpu = 0;		/* whose stack pointer is in the thread's stack; NOBODY: saved */
bool queued[2];			/* rq_lock[i] */
bool kick[2];
byte consumed;

#define LOCK(l)		atomic { !l -> l = true }
#define UNLOCK(l)	l = false

inline thread_step(me)
{
	LOCK(q_lock);
	if
	:: condition ->
		condition = false;
		consumed++;
		UNLOCK(q_lock)
	:: else ->
		waits = true;
#ifdef BUG_UNLOCK_BEFORE_BLOCKED
		UNLOCK(q_lock);
#endif
		LOCK(rq_lock[me]);
		state = BLOCKED;
#ifndef BUG_UNLOCK_BEFORE_BLOCKED
		UNLOCK(q_lock);
#endif
#ifdef BUG_UNLOCK_BEFORE_SWITCH
		UNLOCK(rq_lock[me]);
#endif
		on_cpu = NOBODY;	/* hx_context_switch() */
		runs = false;
#ifndef BUG_UNLOCK_BEFORE_SWITCH
		UNLOCK(rq_lock[me])	/* by the flow that comes */
#endif
	fi
}

inline idle_step(me)
{
	LOCK(rq_lock[me]);
	if
	:: queued[me] ->
		assert(state == READY && home == me);		/* queue */
		queued[me] = false;
		state = RUNNING;
		assert(on_cpu == NOBODY);			/* twice */
		on_cpu = me;
		runs = true;
		UNLOCK(rq_lock[me])
	:: else ->
		UNLOCK(rq_lock[me]);
end_halt:	kick[me] -> kick[me] = false
	fi
}

proctype cpu(byte me; bool runs)
{
	do
	:: runs -> thread_step(me)
	:: !runs -> idle_step(me)
	od
}

proctype waker()
{
	byte n, old, to;

	do
	:: n < EVENTS ->
		!condition;			/* events are told apart: one at a time */
		LOCK(q_lock);
		condition = true;
		if
		:: waits ->
			waits = false;
			old = home;
			LOCK(rq_lock[old]);
			assert(state == BLOCKED);		/* queue */
			if :: to = 0 :: to = 1 fi;
			state = READY;
			home = to;
			if
			:: to != old ->
				UNLOCK(rq_lock[old]);
				LOCK(rq_lock[to])
			:: else
			fi;
			assert(!queued[0] && !queued[1]);	/* queue */
			queued[to] = true;
			UNLOCK(rq_lock[to]);
#ifndef BUG_NO_KICK
			kick[to] = true
#endif
		:: else
		fi;
		UNLOCK(q_lock);
		n++
	:: else -> break
	od
}

/* When nothing moves any more, everything that happened was seen. */
active proctype monitor()
{
	timeout -> assert(consumed == EVENTS && waits && state == BLOCKED)	/* lost */
}

init
{
	atomic { run cpu(0, true); run cpu(1, false); run waker() }
}
