/* SPDX-License-Identifier: MIT */
/*
 * Grace periods: core/grace, which asks each CPU in an interrupt whether it is in a section.
 *
 * Two CPUs read an object in sections with preemption off; one of them once has to wait for an
 * answer from elsewhere inside a section, and answers others meanwhile, as hx_cpu_call() does. The
 * updater replaces the object, waits for a grace period and frees the old one, again and again. An
 * interrupt may come between any two steps of a reader, and need not come at once.
 *
 * Properties:	(safe)	no reader touches an object that is free
 *		(live)	the updater gets through, though readers may refuse for a while
 * Each BUG_ below breaks one of them; the runner sees that it does.
 */
#define READERS	2
#define UPDATES	2
#define ROUNDS	2		/* sections of each reader */

byte current;			/* the object that is published */
bool is_free[UPDATES + 1];
bool asked[READERS], answered[READERS], passed[READERS];
bool all_done;

/* The interrupt, or the poll of a CPU that waits. */
inline answer(me)
{
	d_step {
#ifdef BUG_IGNORE_SECTIONS
		passed[me] = true;
#else
		passed[me] = passed[me] || !in_section;
#endif
		asked[me] = false;
		answered[me] = true
	}
}

inline maybe_interrupt(me)
{
	do
	:: asked[me] -> answer(me)
	:: break
	od
}

proctype reader(byte me)
{
	byte object, n;
	bool in_section;

	do
	:: n < ROUNDS ->
		maybe_interrupt(me);
#ifndef BUG_READ_BEFORE_SECTION
		in_section = true;
		maybe_interrupt(me);
		object = current;
#else
		object = current;
		maybe_interrupt(me);
		in_section = true;
#endif
		maybe_interrupt(me);
		assert(!is_free[object]);		/* safe */
		maybe_interrupt(me);
		assert(!is_free[object]);
		in_section = false;
		object = 0;
		n++
	:: else -> break
	od;
end:	do					/* idle */
	:: asked[me] -> answer(me)
	od
}

proctype updater()
{
	byte n, old, cpu;

	do
	:: n < UPDATES ->
		old = current;
#ifndef BUG_PUBLISH_LATE
		current = old + 1;
#endif
#ifndef BUG_NO_WAIT
		d_step { passed[0] = false; passed[1] = false };
		do
		:: passed[0] && passed[1] -> break
		:: else ->
			d_step { answered[0] = false; answered[1] = false };
			asked[0] = true;
			asked[1] = true;
			answered[0];
			answered[1]
		od;
#endif
#ifdef BUG_PUBLISH_LATE
		current = old + 1;
#endif
		is_free[old] = true;
		n++
	:: else -> break
	od;
	all_done = true
}

active proctype monitor()
{
	timeout -> assert(all_done)		/* live */
}

init
{
	atomic { run reader(0); run reader(1); run updater() }
}
