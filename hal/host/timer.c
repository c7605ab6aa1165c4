/* SPDX-License-Identifier: MIT */
/*
 * Time, of two kinds. Real: CLOCK_MONOTONIC, and a POSIX timer whose signal is the interrupt.
 * Virtual: a number that only idling, spinning and hx_host_advance_ns() move, so that a test of
 * an hour's sleep takes no time and comes out the same in every run.
 */
#include "host_priv.h"
#include <hx/hal/irq.h>
#include <hx/hal/timer.h>
#include <errno.h>
#include <signal.h>
#include <time.h>

static bool is_virtual;
static hx_ns_t virtual_now;
static hx_ns_t virtual_due = HX_FOREVER;	/* next event */
static hx_ns_t virtual_period;			/* 0: one shot */
static hx_ns_t real_start;
static timer_t real_timer;
static bool has_real_timer;

static hx_ns_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (hx_ns_t)ts.tv_sec * HX_NS_PER_S + (hx_ns_t)ts.tv_nsec;
}

uint64_t hx_host_cycles(void)
{
	return is_virtual ? virtual_now : clock_ns() - real_start;
}

hx_ns_t hx_now_ns(void)
{
	return hx_host_cycles();
}

uint64_t hx_cycles_hz(void)
{
	return HX_NS_PER_S;
}

hx_ns_t hx_cycles_to_ns(uint64_t cycles)
{
	return cycles;
}

uint64_t hx_ns_to_cycles(hx_ns_t ns)
{
	return ns;
}

const char *hx_hal_timer_reference(void)
{
	return "host";
}

static void on_signal(int signo, siginfo_t *info, void *uc)
{
	int saved = errno;
	struct hx_trap_frame frame;

	host_frame_from_signal(&frame, uc, 0);
	host_irq_signal(hx_timer_line(), &frame);
	errno = saved;
}

int hx_hal_timer_init(uint64_t *waited_cycles)
{
	struct sigaction act = { .sa_sigaction = on_signal,
				 .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };

	*waited_cycles = 0;
	if (is_virtual || has_real_timer)
		return 0;
	sigemptyset(&act.sa_mask);
	if (sigaction(SIGALRM, &act, NULL) != 0 ||
	    timer_create(CLOCK_MONOTONIC, &ev, &real_timer) != 0)
		return -HX_ENODEV;
	has_real_timer = true;
	return 0;
}

static struct timespec spec_of(hx_ns_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / HX_NS_PER_S),
				  .tv_nsec = (long)(ns % HX_NS_PER_S) };
}

static void arm(hx_ns_t first, hx_ns_t period)
{
	struct itimerspec t = { .it_value = spec_of(first), .it_interval = spec_of(period) };

	if (is_virtual) {
		virtual_due = first > HX_FOREVER - virtual_now ? HX_FOREVER : virtual_now + first;
		virtual_period = period;
	} else if (has_real_timer) {
		timer_settime(real_timer, 0, &t, NULL);
	} else {
		hx_host_violation("timer set before hx_hal_timer_init()");
	}
}

void hx_timer_periodic(uint32_t hz)
{
	if (hz == 0 || hz > 100000)
		hx_host_violation("timer at %u interrupts a second", hz);
	arm(HX_NS_PER_S / hz, HX_NS_PER_S / hz);
}

/* Ten years are as good as for ever, and fit in what the system takes. */
void hx_timer_oneshot(hx_ns_t delay_ns)
{
	hx_ns_t longest = 10ull * 365 * 86400 * HX_NS_PER_S;

	arm(hx_max_u64(HX_NS_PER_US, hx_min_u64(delay_ns, longest)), 0);
}

void hx_timer_stop(void)
{
	struct itimerspec off = { .it_value = { .tv_sec = 0 } };

	virtual_due = HX_FOREVER;
	virtual_period = 0;
	if (has_real_timer)
		timer_settime(real_timer, 0, &off, NULL);
}

void hx_host_time_virtual(void)
{
	hx_timer_stop();
	is_virtual = true;
	virtual_now = 0;
}

bool hx_host_time_is_virtual(void)
{
	return is_virtual;
}

/* Time reaches the next event: set up the one after it, then interrupt. */
static void fire(void)
{
	virtual_now = virtual_due;
	virtual_due = virtual_period != 0 ? virtual_due + virtual_period : HX_FOREVER;
	hx_host_irq_raise(hx_timer_line());
}

void hx_host_advance_ns(hx_ns_t ns)
{
	hx_ns_t target = virtual_now + ns;

	if (!is_virtual)
		hx_host_violation("time moved by hand while it is real");
	/* An interrupt may switch to flows that let time pass themselves: look again each time. */
	while (virtual_due <= target)
		fire();
	if (virtual_now < target)
		virtual_now = target;
}

hx_ns_t hx_host_timer_due(void)
{
	return virtual_due;
}

bool host_timer_skip_to_next(void)
{
	if (virtual_due == HX_FOREVER)
		return false;
	fire();
	return true;
}

void hx_host_relax(void)
{
	if (is_virtual)
		hx_host_advance_ns(HX_HOST_RELAX_NS);
	else
		__builtin_ia32_pause();
}

void host_timer_init(void)
{
	real_start = clock_ns();
}

void host_timer_fini(void)
{
	hx_timer_stop();
	if (has_real_timer) {
		timer_delete(real_timer);
		signal(SIGALRM, SIG_IGN);	/* one may still be on its way */
	}
	has_real_timer = false;
	is_virtual = false;
	virtual_now = 0;
}
