// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room.
 */
#include <hx/config/core_thread.h>
#include <hx/core/export.h>
#include <hx/core/intent.h>
#include <hx/core/mutex.h>
#include <hx/core/promise.h>
#include <hx/core/sched_class.h>
#include <hx/core/thread.h>
#include <hx/core/wait.h>

HX_EXPORT(hx_thread_create, 1);
HX_EXPORT(hx_thread_init, 1);
HX_EXPORT(hx_thread_join, 1);
HX_EXPORT(hx_thread_exit, 1);
HX_EXPORT(hx_thread_set_prio, 1);
HX_EXPORT(hx_thread_foreach, 1);
HX_EXPORT(hx_thread_count, 1);
HX_EXPORT(hx_yield, 1);
HX_EXPORT(hx_sleep_ns, 1);
HX_EXPORT(hx_resched_now, 1);
HX_EXPORT(hx_can_sleep, 1);

HX_EXPORT(hx_timer_start, 1);
HX_EXPORT(hx_timer_start_exact, 1);
HX_EXPORT(hx_timer_cancel, 1);

HX_EXPORT(hx_mutex_lock, 1);
HX_EXPORT(hx_mutex_trylock, 1);
HX_EXPORT(hx_mutex_lock_timeout, 1);
HX_EXPORT(hx_mutex_unlock, 1);
HX_EXPORT(hx_sem_take, 1);
HX_EXPORT(hx_sem_give, 1);
HX_EXPORT(hx_wait_locked, 1);
HX_EXPORT(hx_wake_one_locked, 1);
HX_EXPORT(hx_wake_all_locked, 1);

HX_EXPORT(hx_intent_default, 1);
HX_EXPORT_IF(INTENTS, hx_intent_check, 1);
HX_EXPORT_IF(INTENTS, hx_thread_set_intent, 1);
HX_EXPORT_IF(INTENTS, hx_prio_from, 1);

HX_EXPORT(hx_runq_lock, 1);
HX_EXPORT(hx_runq_unlock, 1);
HX_EXPORT(hx_runq_kick, 1);
HX_EXPORT_IF(INTENTS, hx_runq_narrow, 1);
HX_EXPORT_IF(INTENTS, hx_runq_send, 1);
HX_EXPORT_IF(SCHED_PROMISES, hx_runq_tick_in, 1);
HX_EXPORT_IF(SCHED_PROMISES, hx_sched_promise, 1);
