/* SPDX-License-Identifier: MIT */
/* As the generated one is for several providers, whatever is chosen: the test brings its own. */
enum { hx_sched_is_sole = 0 };
enum { hx_sched_may_leave = 1 };
enum { hx_sched_may_admit = 1 };
enum { hx_sched_may_hold = 1 };
enum { hx_sched_may_tick_in = 1 };
static const struct hx_sched_ops *const hx_sched_sole = (const struct hx_sched_ops *)0;
