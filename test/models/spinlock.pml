/* SPDX-License-Identifier: MIT */
/*
 * The queued spinlock: core/lib/lock_queue.c and the fast path of hx/core/lock.h.
 *
 * Three CPUs take the lock, some of them again. A word of held, closed and tail; a node per CPU with
 * next and go. Who comes while the lock is free takes it; the first in the queue closes it in the
 * end. "Patience" is left to chance: it may close it at any look.
 *
 * Properties:	(alone)	one CPU at a time is between lock and unlock
 *		(live)	all get through, and the word is 0 in the end
 *		(first)	once closed, nobody but the first in the queue takes it
 * Each BUG_ below breaks one of them; the runner sees that it does.
 */
#define N	3
#define ROUNDS	2
#define NONE	0		/* tail and next: cpu + 1 */

bool held, closed;
byte tail;
byte next[N + 1];
bool go[N + 1];
byte inside, n_done;

inline enter()
{
	inside++;
	assert(inside == 1);		/* alone */
	inside--
}

/* The release of the holder: one store. */
inline leave()
{
	held = false
}

inline take_on_the_way_in()
{
	atomic {
		if
#ifdef BUG_STEAL_CLOSED
		:: !held ->
#else
		:: !held && !closed ->
#endif
			held = true;
			got = true;
			assert(!closed)		/* first */
		:: else -> got = false
		fi
	}
}

inline queue(me)
{
	next[me] = NONE;
	go[me] = false;
	atomic { before = tail; tail = me };
	if
	:: before != NONE ->
		next[before] = me;
		go[me]
	:: else
	fi
}

/* The first in the queue. Closing is a store of its own, so the lock may be free by then. */
inline take_first(me)
{
	do
	:: atomic { !held -> held = true; closed = false } -> break
	:: !closed -> closed = true
	od
}

inline pass_on(me)
{
#ifdef BUG_PASS_WITHOUT_LOOKING
	if
	:: next[me] == NONE -> tail = NONE
	:: else -> go[next[me]] = true
	fi
#else
	atomic {
		if
		:: tail == me && !closed -> tail = NONE; alone = true
		:: else -> alone = false
		fi
	};
	if
	:: !alone -> next[me] != NONE -> go[next[me]] = true
	:: else
	fi
#endif
}

proctype cpu(byte me)
{
	byte n, before;
	bool got, alone;

	do
	:: n < ROUNDS ->
		atomic {			/* the fast path: the word is 0 */
			if
			:: !held && !closed && tail == NONE -> held = true; got = true
			:: else -> got = false
			fi
		};
		if
		:: !got -> take_on_the_way_in()
		:: else
		fi;
		if
		:: !got ->
			queue(me);
			take_first(me);
			pass_on(me)
		:: else
		fi;
		enter();
		leave();
		got = false;
		n++
	:: else -> break
	od;
	n_done++
}

active proctype monitor()
{
	timeout -> assert(n_done == N && !held && !closed && tail == NONE)	/* live */
}

init
{
	atomic { run cpu(1); run cpu(2); run cpu(3) }
}
