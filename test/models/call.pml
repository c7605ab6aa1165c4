/* SPDX-License-Identifier: MIT */
/*
 * A call: core/thread/turn.c with core/ipc/call.c. The caller waits in the pool until a server took
 * its call, then in the server's turn, all under the channel's lock. It may time out at any moment;
 * the server may answer or end. The server's record is the server's memory, the answer's buffer the
 * caller's: each is gone when its owner went on.
 *
 * Properties:	(told)	the caller was told 0 exactly if the server's answer said 0; "not taken" only
 *			if the server never had it
 *		(gone)	nobody writes to memory of one that has gone on
 *		(woken)	the caller comes back in the end
 *		(stands) the pool's owner is no thread that has ended
 */
mtype = { WAITING, OK, TIMEOUT, CANCELED, EPIPE };

bool lock;
bool in_pool, in_turn;		/* lock: where the caller waits */
bool taken;			/* in the caller's record */
mtype result = WAITING, told = WAITING;
bool owner_is_server;		/* lock: who stands for the pool */
bool caller_gone, server_gone;
bool server_had_it, answered;

#define LOCK	atomic { !lock -> lock = true }
#define UNLOCK	lock = false

proctype caller()
{
	LOCK;
	in_pool = true;
	UNLOCK;
end:	result != WAITING;	/* the monitor says whether it may stay here */
	if
	:: result == TIMEOUT && taken -> told = CANCELED
	:: else -> told = result
	fi;
	caller_gone = true
}

/* inherit_give_up() and turn_given_up() */
proctype timer()
{
end:	LOCK;
	if
	:: in_pool -> in_pool = false; result = TIMEOUT
	:: in_turn ->
		in_turn = false;
#ifndef BUG_OWNER_STAYS_AFTER_TIMEOUT
		owner_is_server = false;
#endif
		result = TIMEOUT
	:: else
#ifdef BUG_TIMEOUT_DOES_NOT_LOOK
		-> result = TIMEOUT
#endif
	fi;
	UNLOCK
}

proctype server()
{
	bool mine;

	LOCK;
	if
	:: in_pool ->
		in_pool = false;
		in_turn = true;
		taken = true;
		server_had_it = true;
		owner_is_server = true;
		mine = true
	:: else
	fi;
	UNLOCK;
	if
	:: !mine -> goto end_of_it
	:: else
	fi;
	if
	:: true ->	/* it answers */
#ifndef BUG_ANSWER_WITHOUT_LOOK
		LOCK;
		if
		:: in_turn ->
#else
		LOCK;
		if
		:: true ->
#endif
			in_turn = false;
			owner_is_server = false;
			assert(!caller_gone);			/* gone: its buffer is written */
			answered = true;
			result = OK
		:: else
		fi;
		UNLOCK
	:: true ->	/* it ends without the answer: turn_abandon_all() */
#ifndef BUG_END_FORGETS_CALLER
		LOCK;
		if
		:: in_turn ->
			in_turn = false;
			owner_is_server = false;
			result = EPIPE
		:: else
		fi;
		UNLOCK
#endif
	fi;
end_of_it:
	server_gone = true
}

active proctype monitor()
{
	timeout;
	assert(!owner_is_server || !server_gone);				/* stands */
	assert(!in_turn || !server_gone);					/* gone */
	assert(told != WAITING || in_pool);					/* woken */
	assert((told == OK) == answered);					/* told */
	assert(told != TIMEOUT || !server_had_it)				/* told */
}

init
{
	atomic { run caller(); run server(); run timer() }
}
