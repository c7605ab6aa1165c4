/* SPDX-License-Identifier: MIT */
/*
 * The ring of a topic: core/ipc/event.c. Two publishers without a lock, two slots, a reader that may
 * be slow, and its sleep. Event number n consists of two words that must both be n + 1. A publisher
 * may stand still between any two steps.
 *
 * Properties:	(whole)	what a reader gets is one event, all of it, with its own number
 *		(once)	no event is got twice
 *		(told)	each event is got, or counted as lost
 *		(woken)	the reader does not sleep while there is an event for it
 */
#define EACH	2		/* events of each publisher */
#define TOTAL	4
#define SLOTS	2
#define DONE(n)		(2 * (n) + 2)
#define WRITING(n)	(2 * (n) + 1)

byte next;
byte stamp[SLOTS], one[SLOTS], two[SLOTS];
bool waiting, asleep;
byte n_got, n_lost;
bool had[TOTAL];
byte published;

proctype publisher()
{
	byte k, n, s, seen;

	do
	:: k < EACH ->
		k++;
		atomic { n = next; next++; s = n % SLOTS; }
#ifdef BUG_NO_STAMP_WHILE_WRITING
		skip;
#else
#ifdef BUG_TAKES_WITHOUT_LOOK
		stamp[s] = WRITING(n);
#else
again:		seen = stamp[s];
		if
		:: seen > WRITING(n) -> goto written		/* overtaken by a round */
		:: seen <= WRITING(n) && seen % 2 == 1 -> stamp[s] != seen; goto again
		:: else ->
			if	/* compare and swap */
			:: atomic { stamp[s] == seen -> stamp[s] = WRITING(n) }
			:: atomic { stamp[s] != seen -> goto again }
			fi
		fi;
#endif
#endif
#ifdef BUG_WAKES_BEFORE_DONE
		if :: waiting -> waiting = false; asleep = false :: else fi;
#endif
		one[s] = n + 1;
		two[s] = n + 1;
		stamp[s] = DONE(n);
written:
#ifndef BUG_WAKES_BEFORE_DONE
		if	/* under the subscriber's lock */
		:: atomic { waiting -> waiting = false; asleep = false }
		:: atomic { !waiting }
		fi;
#endif
		published++
	:: else -> break
	od
}

/* Sets found; got or lost one event, or found = false: nothing there, or it is being written. */
inline take()
{
	found = false;
	head = next;
	if
	:: head > SLOTS && cursor < head - SLOTS ->
		n_lost = n_lost + (head - SLOTS - cursor);
		cursor = head - SLOTS
	:: else
	fi;
	if
	:: cursor < head ->
		s = cursor % SLOTS;
		seen = stamp[s];
		if
		:: seen < DONE(cursor) -> skip		/* being written */
		:: seen > DONE(cursor) -> n_lost++; cursor++; found = true
		:: else ->
			a = one[s];
			b = two[s];
			if
#ifndef BUG_NO_SECOND_LOOK
			:: stamp[s] != seen -> n_lost++
			:: else ->
#else
			:: true ->
#endif
				assert(a == cursor + 1 && b == cursor + 1);	/* whole */
				assert(!had[cursor]);				/* once */
				had[cursor] = true;
				n_got++
			fi;
			cursor++;
			found = true
		fi
	:: else
	fi
}

proctype reader()
{
	byte cursor, head, s, seen, a, b;
	bool found;

	do
	:: cursor == TOTAL -> break
	:: else ->
		take();
		if
		:: found
		:: else ->
#ifdef BUG_SLEEPS_WITHOUT_LOOK
			/* the lock is held from here to the sleep; publishers take it to wake */
			atomic { waiting = true; asleep = true };
			!asleep
#else
			waiting = true;
			take();
			if
			:: found -> waiting = false
			:: else ->
				/* still waiting: under the lock nobody has woken it */
				if
				:: atomic { waiting -> asleep = true }
				:: atomic { !waiting }
				fi;
				!asleep
			fi
#endif
		fi
	od;
	assert(n_got + n_lost == TOTAL)			/* told */
}

active proctype monitor()
{
	timeout -> assert(!asleep && n_got + n_lost == TOTAL)		/* woken, told */
}

init
{
	atomic { run publisher(); run publisher(); run reader() }
}
