/* SPDX-License-Identifier: MIT */
/*
 * A channel with room for one message: core/ipc/send.c and chan.c, with the waits of
 * core/thread/handover.c. Two senders, a receiver, a timer for each of them, and the close by the
 * receiver. Delivery, timeout and close each end a wait under the channel's lock, by taking the
 * waiter off its list; the waiter takes no lock when it goes on.
 *
 * Properties:	(once)	no message is received twice
 *		(told)	a sender that was told 0 had its message received, or dropped by the close; one
 *			that was told an error had it neither
 *		(woken)	nobody waits for ever when there is something for him
 *		(closed) after the close nobody waits to send
 */
mtype = { WAITING, OK, TIMEOUT, EPIPE };

bool lock, closed;
bool has_one;			/* lock */
byte slot;			/* lock: whose message */
bool s_waits[2], r_waits;	/* lock: on the list */
mtype s_result[2] = WAITING, r_result;
byte r_buffer;
byte got[2], dropped[2];
mtype told[2] = WAITING;
bool receiver_ended;

#define LOCK	atomic { !lock -> lock = true }
#define UNLOCK	lock = false

proctype sender(byte i)
{
#ifdef BUG_LOOK_WITHOUT_LOCK
	bool there = r_waits;
	LOCK;
#else
	bool there;
	LOCK;
	there = r_waits;
#endif
	if
	:: there ->
#ifdef BUG_WAKE_BEFORE_COPY
		r_waits = false;
		r_result = OK;
		r_buffer = i;
#else
		r_buffer = i;
		r_waits = false;
		r_result = OK;
#endif
		UNLOCK;
		told[i] = OK
	:: !there && closed -> UNLOCK; told[i] = EPIPE
	:: !there && !closed && !has_one -> has_one = true; slot = i; UNLOCK; told[i] = OK
	:: else ->
		s_waits[i] = true;
		UNLOCK;
end:		s_result[i] != WAITING;	/* the monitor says whether it may stay here */
		told[i] = s_result[i]
	fi
}

/* May fire or not, at any time. */
proctype sender_timer(byte i)
{
end:	LOCK;
#ifdef BUG_TIMEOUT_DOES_NOT_LOOK
	s_waits[i] = false;
	s_result[i] = TIMEOUT;
#else
	if
	:: s_waits[i] ->
#ifndef BUG_TIMEOUT_LEAVES_WAITER
		s_waits[i] = false;
#endif
		s_result[i] = TIMEOUT
	:: else
	fi;
#endif
	UNLOCK
}

proctype receiver_timer()
{
end:	LOCK;
	if
	:: r_waits -> r_waits = false; r_result = TIMEOUT
	:: else
	fi;
	UNLOCK
}

inline received(i)
{
	got[i]++;
	assert(got[i] == 1)				/* once */
}

/* Somebody may wait for the room that there is now. */
inline refill()
{
	if
	:: s_waits[0] -> slot = 0; has_one = true; s_waits[0] = false; s_result[0] = OK
	:: s_waits[1] -> slot = 1; has_one = true; s_waits[1] = false; s_result[1] = OK
	:: else
	fi
}

inline end_wait(i)
{
	if
	:: s_waits[i] -> s_waits[i] = false; s_result[i] = EPIPE
	:: else
	fi
}

proctype receiver()
{
	byte n;

	do
	:: n < 2 ->
		n++;
		LOCK;
		if
		:: has_one ->
			received(slot);
			has_one = false;
			refill();
			UNLOCK
		:: else ->
			r_waits = true;
			r_result = WAITING;
			UNLOCK;
end:			r_result != WAITING;
			if
			:: r_result == OK -> received(r_buffer)
			:: else
			fi
		fi
	:: break
	od;
	LOCK;
	closed = true;
#ifndef BUG_CLOSE_FORGETS_SENDERS
	end_wait(0);
	end_wait(1);
#endif
	if
	:: has_one -> has_one = false; dropped[slot]++
	:: else
	fi;
	UNLOCK;
	receiver_ended = true
}

inline judge(i)
{
	if
	:: told[i] == OK -> assert(got[i] + dropped[i] == 1)			/* told */
	:: told[i] == WAITING -> assert(!receiver_ended && !r_waits && !has_one)	/* woken, closed */
	:: else -> assert(got[i] + dropped[i] == 0)				/* told */
	fi
}

/* A receiver whose timer has fired already, and for whom nothing comes, may wait for ever. */
active proctype monitor()
{
	timeout;
	judge(0);
	judge(1);
	assert(receiver_ended || (r_waits && !has_one && !s_waits[0] && !s_waits[1]))	/* woken */
}

init
{
	atomic {
		run sender(0); run sender(1); run receiver();
		run sender_timer(0); run sender_timer(1); run receiver_timer()
	}
}
