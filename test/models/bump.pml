/* SPDX-License-Identifier: MIT */
/*
 * The bump heap: subsys/memory/heap/bump/bump.c. Three CPUs allocate one or two units of a run of three
 * and free what they got. An allocation is one atomic addition; who finds that it went beyond the end
 * puts it back, maybe late. Frees and putting back hold the lock.
 *
 * Properties:	(own)	a unit belongs to one block at most
 *		(back)	when everything is freed, the run starts afresh
 */
#define CPUS	3
#define EACH	2		/* allocations of each CPU */
#define END	3

byte next, freed;
bool lock;
byte taken[END + 1];
byte n_ended;

inline take_lock()
{
	atomic { !lock -> lock = true }
}

/* Who crossed the end: next was within the run before, and beyond it after. */
inline put_back()
{
	take_lock();
#ifdef BUG_EACH_TAKES_BACK_ITS_OWN
	atomic { next = next - size };
#else
	if
#ifdef BUG_WHO_IS_LATE_PUTS_BACK
	:: true ->
#else
	:: block > END
	:: else ->
#endif
		if
#ifndef BUG_PUTS_BACK_WITHOUT_A_LOOK
		:: freed == block -> freed = 0; next = 0
#endif
		:: else -> next = block
		fi
	fi;
#endif
	lock = false
}

inline give_back()
{
	take_lock();
	end = next;
	freed = freed + size;
	atomic {	/* the owner's last look at its units */
		unit = block;
		do
		:: unit < block + size -> assert(taken[unit] == 1); taken[unit] = 0; unit++
		:: else -> break
		od;
		unit = 0
	};
	to = (block + size == end -> block : end);
	to = (freed == end -> 0 : to);
#ifdef BUG_FREES_WITHOUT_COMPARE
	next = to; freed = freed - (end - to);
#else
	if	/* compare and swap; under the lock */
	:: atomic { next == end -> next = to }; freed = freed - (end - to)
	:: atomic { next != end -> skip }
	fi;
#endif
	end = 0;
	to = 0;
	lock = false
}

proctype cpu()
{
	byte k, size, block, end, to, unit;

	do
	:: k < EACH ->
		k++;
		if :: size = 1 :: size = 2 fi;
		atomic { block = next; next = next + size };
		if
		:: block + size > END -> put_back()
		:: else ->
			atomic {
				unit = block;
				do
				:: unit < block + size ->
					assert(taken[unit] == 0);		/* own */
					taken[unit] = 1;
					unit++
				:: else -> break
				od;
				unit = 0
			};
			give_back()
		fi;
		block = 0
	:: else -> break
	od;
	n_ended++
}

active proctype monitor()
{
	timeout -> assert(n_ended == CPUS && next == 0 && freed == 0)	/* back */
}

init
{
	atomic { run cpu(); run cpu(); run cpu() }
}
