/* SPDX-License-Identifier: MIT */
/*
 * Interrupts in a process. A line becomes pending from a signal handler or from code; it is served
 * where it stands if interrupts are on, else by whoever turns them on. Serving a line may switch to
 * another flow, also from inside the signal handler: the handlers leave signals unblocked
 * (SA_NODEFER), so every flow runs with the same signal mask and only our own mask counts.
 */
#include "host_priv.h"
#include <hx/hal/irq.h>
#include <hx/hal/percpu.h>
#include <hx/hal/timer.h>
#include <signal.h>

#define LINE_TIMER	(HX_IRQ_LINES - 2)
#define LINE_SOFT	(HX_IRQ_LINES - 1)
#define N_WORDS		((HX_IRQ_LINES + 63) / 64)
#define N_ISA		16

struct hx_host_cpu hx_host_cpu;
struct hx_percpu hx_percpu_boot;

static uint64_t pending[N_WORDS];	/* atomic: signal handlers set bits */
static uint64_t open_lines[N_WORDS];
static hx_irq_upcall_t upcall;
static hx_irq_exit_upcall_t exit_upcall;

static bool bit_of(const uint64_t *words, uint32_t line)
{
	return line < HX_IRQ_LINES && (words[line / 64] >> (line % 64) & 1) != 0;
}

/* The lowest line that is pending and open, taken. */
static bool take(uint32_t *line)
{
	for (uint32_t i = 0; i < N_WORDS; i++) {
		uint64_t ready = __atomic_load_n(&pending[i], __ATOMIC_RELAXED) & open_lines[i];

		if (ready == 0)
			continue;
		__atomic_fetch_and(&pending[i], ~(ready & -ready), __ATOMIC_RELAXED);
		*line = i * 64 + (uint32_t)__builtin_ctzll(ready);
		return true;
	}
	return false;
}

/* Interrupts are on; returns with them on and nothing left to serve. */
static void serve(struct hx_trap_frame *frame)
{
	uint32_t line, depth;

	if (upcall == NULL)
		return;		/* stays pending for hx_hal_irq_init() */
	do {
		hx_irq_disable();
		hx_host_cpu.attention = 0;
		while (take(&line)) {
			depth = hx_host_cpu.save_depth;
			upcall(line, frame);
			if (hx_irq_are_enabled() || depth != hx_host_cpu.save_depth)
				hx_host_violation("handler of line %u left interrupts %s, "
						  "%d saves open", line,
						  hx_irq_are_enabled() ? "on" : "off",
						  (int)(hx_host_cpu.save_depth - depth));
			exit_upcall();
		}
		hx_host_cpu.irq_on = 1;
		hx_host_barrier_();
	} while (hx_host_cpu.attention);
}

void hx_host_irq_attention(void)
{
	struct hx_trap_frame frame = {
		.vector = 32, .pc = (uintptr_t)__builtin_return_address(0),
		.fp = (uintptr_t)__builtin_frame_address(0),
		.sp = (uintptr_t)__builtin_frame_address(0),
	};

	serve(&frame);
}

static void make_pending(uint32_t line)
{
	__atomic_fetch_or(&pending[line / 64], 1ull << (line % 64), __ATOMIC_RELAXED);
	hx_host_cpu.attention = 1;
	hx_host_barrier_();
}

void host_irq_signal(uint32_t line, struct hx_trap_frame *frame)
{
	make_pending(line);
	if (hx_irq_are_enabled())
		serve(frame);
}

void hx_host_irq_raise(uint32_t line)
{
	if (line >= HX_IRQ_LINES)
		hx_host_violation("interrupt line %u of %u", line, HX_IRQ_LINES);
	make_pending(line);
	if (hx_irq_are_enabled())
		hx_host_irq_attention();
}

void hx_host_irq_unbalanced(hx_irqflags_t flags)
{
	hx_host_violation("hx_irq_restore(%#x) does not match the last of %u open hx_irq_save()",
			  flags, hx_host_cpu.save_depth);
}

int hx_hal_irq_init(hx_irq_upcall_t up, hx_irq_exit_upcall_t exit_up)
{
	for (uint32_t i = 0; i < N_WORDS; i++)
		open_lines[i] = 0;
	hx_irq_line_unmask(LINE_TIMER);
	hx_irq_line_unmask(LINE_SOFT);
	exit_upcall = exit_up;
	upcall = up;
	hx_host_cpu.attention = 1;
	if (hx_irq_are_enabled())
		hx_host_irq_attention();
	return 0;
}

int hx_irq_line_for_isa(unsigned isa_irq, uint32_t *line)
{
	if (isa_irq >= N_ISA)
		return -HX_ENODEV;
	*line = isa_irq;
	return 0;
}

void hx_irq_line_unmask(uint32_t line)
{
	hx_irqflags_t flags;

	if (line >= HX_IRQ_LINES)
		hx_host_violation("interrupt line %u of %u", line, HX_IRQ_LINES);
	flags = hx_irq_save();
	open_lines[line / 64] |= 1ull << (line % 64);
	hx_host_cpu.attention = 1;
	hx_irq_restore(flags);
}

void hx_irq_line_mask(uint32_t line)
{
	hx_irqflags_t flags;

	if (line >= HX_IRQ_LINES)
		hx_host_violation("interrupt line %u of %u", line, HX_IRQ_LINES);
	flags = hx_irq_save();
	open_lines[line / 64] &= ~(1ull << (line % 64));
	hx_irq_restore(flags);
}

static uint64_t level_lines[N_WORDS];
static uint8_t line_cpu[HX_IRQ_LINES];

/* The host's own two lines have no wire. */
static bool has_wire(uint32_t line)
{
	return line < LINE_TIMER;
}

int hx_irq_line_set_level(uint32_t line, bool level, bool *was)
{
	if (!has_wire(line))
		return -HX_ENODEV;
	if (was != NULL)
		*was = hx_irq_line_is_level(line);
	if (level)
		level_lines[line / 64] |= 1ull << (line % 64);
	else
		level_lines[line / 64] &= ~(1ull << (line % 64));
	return 0;
}

bool hx_irq_line_is_level(uint32_t line)
{
	return bit_of(level_lines, line);
}

int hx_irq_line_route(uint32_t line, unsigned cpu)
{
	if (!has_wire(line))
		return -HX_ENODEV;
	line_cpu[line] = (uint8_t)cpu;
	return 0;
}

unsigned hx_host_irq_cpu(uint32_t line)
{
	return line < HX_IRQ_LINES ? line_cpu[line] : 0;
}

void hx_irq_line_resend(uint32_t line)
{
	hx_host_irq_raise(line);
}

uint64_t hx_irq_n_spurious(void)
{
	return 0;
}

bool hx_host_irq_is_masked(uint32_t line)
{
	return !bit_of(open_lines, line);
}

bool hx_host_irq_is_pending(uint32_t line)
{
	return bit_of(pending, line);
}

uint32_t hx_irq_line_soft(void)
{
	return LINE_SOFT;
}

void hx_irq_raise_soft(void)
{
	hx_host_irq_raise(LINE_SOFT);
}

uint32_t hx_timer_line(void)
{
	return LINE_TIMER;
}

/*
 * Wait for an interrupt. In real time the signal is blocked while the mask is opened, and
 * sigsuspend() unblocks it and waits in one step, so that none is slept through.
 */
void hx_host_idle(void)
{
	sigset_t tick, old, none;

	if (hx_percpu_boot.irq_depth != 0)
		hx_host_violation("idle inside an interrupt");
	if (hx_host_time_is_virtual()) {
		hx_irq_disable();
		if (!hx_host_cpu.attention && !host_timer_skip_to_next())
			hx_host_violation("idle for ever: no timer set, no interrupt pending");
		hx_irq_enable();
		return;
	}
	sigemptyset(&none);
	sigemptyset(&tick);
	sigaddset(&tick, SIGALRM);
	sigprocmask(SIG_BLOCK, &tick, &old);
	hx_host_cpu.irq_on = 1;
	if (!hx_host_cpu.attention)
		sigsuspend(&none);
	sigprocmask(SIG_SETMASK, &old, NULL);
	hx_irq_enable();
}

void host_irq_reset(void)
{
	upcall = NULL;
	exit_upcall = NULL;
	for (uint32_t i = 0; i < N_WORDS; i++) {
		pending[i] = 0;
		open_lines[i] = 0;
		level_lines[i] = 0;
	}
	for (uint32_t i = 0; i < HX_IRQ_LINES; i++)
		line_cpu[i] = 0;
	hx_host_cpu = (struct hx_host_cpu){ .irq_on = 0 };
	hx_percpu_boot = (struct hx_percpu){ .current = NULL };
}
