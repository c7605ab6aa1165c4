/* SPDX-License-Identifier: MIT */
/*
 * hx_cap_check(): readers without a lock, while a table doubles and a slot is revoked and used again
 * for another object, again and again.
 *
 * The first one also goes into a message that is not delivered, and answers again afterwards.
 *
 * Handle g is slot 1 in its g-th generation. Odd ones are capabilities of object 0 with the right
 * that the readers want; even ones are of object 1 and lack it. Readers try any handle, also one
 * that is still to come. The table begins with one slot (array 0) and doubles (array 1); the old
 * array is freed when each reader was outside of a section.
 *
 * Properties:	(right)	who succeeds holds a capability with the right, and gets its object
 *		(gone)	who begins after the first step of a revocation does not succeed
 *		(there)	no reader touches a slot that is not there, or an array that is free
 * Each BUG_ below breaks one of them; the runner sees that it does.
 */
#define READERS		2
#define GENERATIONS	3
#define CHECKS		2	/* of each reader */

byte mask, array;		/* what is published of the table */
bool is_free;			/* array 0 */
byte handle, denied, object;	/* slot 1; slot 0 never answers to anything */
bool unsettled[2];		/* objects */
bool is_cut[GENERATIONS + 1];
bool in_section[READERS];

proctype reader(byte me)
{
	byte n, h, m, a, o;
	bool was_cut, ok;

	do
	:: n < CHECKS ->
		if
		:: h = 1
		:: h = 2
		:: h = 3
		fi;
		was_cut = is_cut[h];
		in_section[me] = true;
		ok = false;
#ifdef BUG_ARRAY_FIRST
		a = array;
		m = mask;
#else
		m = mask;
		a = array;
#endif
		assert(m <= a);				/* there: array a has a + 1 slots */
		assert(a == 1 || !is_free);		/* there */
		if
		:: m == 1 && handle == h ->
			if
			:: denied == 0 ->
				o = object;
				if
#ifdef BUG_NO_STATE
				:: true ->
#else
				:: !unsettled[o] ->
#endif
#ifdef BUG_NO_SECOND_LOOK
					ok = true
#else
					ok = (handle == h)
#endif
				:: else
				fi
			:: else
			fi
		:: else
		fi;
		assert(!ok || (h % 2 == 1 && o == 0));	/* right */
		assert(!ok || !was_cut);		/* gone */
		assert(a == 1 || !is_free);		/* there, to the end of the section */
		in_section[me] = false;
		n++
	:: else -> break
	od
}

proctype writer()
{
	byte g = 1;

	/* grow() */
#ifdef BUG_MASK_FIRST
	mask = 1;
	array = 1;
#else
	array = 1;
	mask = 1;
#endif
#ifndef BUG_NO_GRACE
	!in_section[0];
	!in_section[1];
#endif
	is_free = true;

	do
	:: g <= GENERATIONS ->
		/* cap_slot_fill() */
#ifdef BUG_OBJECT_LAST
		denied = 1 - g % 2;
		handle = g;
		object = 1 - g % 2;
#else
		object = 1 - g % 2;
		denied = 1 - g % 2;
		handle = g;
#endif
		/* Once it is sent, and comes back: cap_slot_keep(), cap_slot_fill(). */
		if
		:: g == 1 ->
			handle = 0;
			denied = 1;
			object = 1 - g % 2;
			denied = 1 - g % 2;
			handle = g
		:: else
		fi;
		/* The first step of a revocation, then cap_slot_clear(), then the last step. */
		unsettled[1 - g % 2] = true;
		is_cut[g] = true;
		handle = 0;
		denied = 1;
		unsettled[1 - g % 2] = false;
		g++
	:: else -> break
	od
}

init
{
	denied = 1;
	atomic { run reader(0); run reader(1); run writer() }
}
