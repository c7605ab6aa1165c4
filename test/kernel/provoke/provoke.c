/* SPDX-License-Identifier: MIT */
/*
 * Errors on demand: the kernel word helix.provoke= names them, a job before all others commits
 * them. What is meant to be survived is followed by a log line that says so.
 */
#include <hx/config/core_panic.h>
#include <hx/config/hal_common.h>
#include <hx/core/assert.h>
#include <hx/core/cmdline.h>
#include <hx/core/console_dev.h>
#include <hx/core/init.h>
#include <hx/core/lock.h>
#include <hx/core/log.h>
#include <hx/core/panic.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>
#include <hx/hal/mmu.h>
#include <hx/hal/screen.h>
#include <hx/hal/timer.h>
#include <hx/hal/trap.h>

#include "provoke_priv.h"

#define KINDS_MAX	160	/* bytes of the list on the command line */

HX_WORD(provoke, "helix.provoke", "errors to commit once the kernel is up, separated by commas");

static void commit_panic(void)
{
	hx_panic("provoked with value %d", 42);
}

/* In a kernel that comes back afterwards: one report is enough. */
static void commit_panic_once(void)
{
	if (HX_ENABLED(PANIC_KEEP) && !hx_panic_is_kept())
		hx_panic("provoked with value %d", 42);
}

/* What a report does not need is broken: it must be whole all the same. */
static void commit_panic_without_screen(void)
{
	const struct hx_screen *s = HX_ENABLED(SCREEN) ? hx_hal_screen() : NULL;

	if (s != NULL)
		hx_mmu_unmap(hx_align_down((uintptr_t)s->bytes, HX_PAGE_SIZE), 1);
	hx_panic("provoked %s a screen", s != NULL ? "under" : "without");
}

static void panic_here(void *arg)
{
	hx_panic("provoked on cpu %u", hx_percpu()->cpu);
}

static void commit_panic_on_cpu1(void)
{
	if (hx_cpu_call(1, panic_here, NULL) != 0)
		hx_error("provoke", "there is no cpu 1");
}

/* All at once: one of them reports. */
static void commit_panic_on_all(void)
{
	hx_cpu_call_all(panic_here, NULL);
}

static void hang_here(void *arg)
{
	for (;;)
		hx_cpu_relax();
}

/* All CPUs, interrupts off, and nobody left to notice, or to send what the console has queued. */
static void commit_hang(void)
{
	struct hx_console_dev *console = hx_console_dev_active();

	console->flush(console);
	(void)hx_irq_save();
	hx_cpu_call_all(hang_here, NULL);
	hang_here(NULL);
}

static struct hx_spinlock deaf_lock = HX_SPINLOCK_INIT("deaf", HX_RANK_LEAF);
static bool is_deaf;

/* In an interrupt, so nothing but an NMI reaches this CPU any more. */
static void deaf_for_ever(void *arg)
{
	hx_spin_lock(&deaf_lock);
	__atomic_store_n(&is_deaf, true, __ATOMIC_RELEASE);
	for (;;)
		hx_cpu_relax();
}

static void commit_panic_beside_deaf(void)
{
	static struct hx_cpu_work work = { .fn = deaf_for_ever };

	if (hx_cpu_post(1, &work) != 0)
		hx_error("provoke", "there is no cpu 1");
	while (!__atomic_load_n(&is_deaf, __ATOMIC_ACQUIRE))
		hx_cpu_relax();
	hx_panic("provoked beside a deaf cpu");
}

static void commit_bug(void)
{
	hx_bug("provoked with value %d", 42);
}

static void commit_verify(void)
{
	volatile int two = 2;

	hx_verify(two + two == 5);
}

static void commit_assert(void)
{
	volatile int two = 2;

	hx_assert(two + two == 5);
}

static void commit_lock_order(void)
{
	static struct hx_spinlock inner = HX_SPINLOCK_INIT("inner", HX_RANK_LEAF);
	static struct hx_spinlock outer = HX_SPINLOCK_INIT("outer", HX_RANK_NAMES);

	hx_spin_lock(&inner);
	hx_spin_lock(&outer);
	hx_spin_unlock(&outer);
	hx_spin_unlock(&inner);
}

static int warn_later(void *arg)
{
	hx_sleep_ns(2 * HX_NS_PER_S);
	hx_warn("provoke", "late");
	return 0;
}

static void commit_late_line(void)
{
	static const struct hx_thread_params p = {
		.name = "late", .fn = warn_later, .prio = HX_PRIO_DEFAULT,
		.flags = HX_THREAD_DETACHED,
	};

	if (hx_thread_create(&p, NULL) != 0)
		hx_error("provoke", "no thread for the late line");
}

/* The numbers are those of hx_trap_provoke(). */
static void commit_divide(void) { hx_trap_provoke(0); }
static void commit_breakpoint(void) { hx_trap_provoke(3); }
static void commit_invalid_opcode(void) { hx_trap_provoke(6); }
static void commit_double_fault(void) { hx_trap_provoke(8); }
static void commit_protection(void) { hx_trap_provoke(13); }
static void commit_page_fault(void) { hx_trap_provoke(14); }

/* Deeper than any stack; the volatile keeps each call a call with a frame. */
static HX_NOINLINE int deeper(unsigned n)
{
	volatile char frame[64];

	frame[0] = (char)n;
	return n == UINT32_MAX ? 0 : deeper(n + 1) + frame[0];
}

static int deep_thread(void *arg)
{
	return deeper(0);
}

static void commit_thread_overflow(void)
{
	const struct hx_thread_params p = { .name = "deep", .fn = deep_thread,
					    .prio = HX_PRIO_DEFAULT };
	struct hx_thread *t;

	if (hx_thread_create(&p, &t) == 0)
		hx_thread_join(t, HX_FOREVER, NULL);
}

static const struct provocation provoke_stops[] = {
	{ "panic", commit_panic },
	{ "panic-once", commit_panic_once },
	{ "panic-screen", commit_panic_without_screen },
	{ "panic-deaf", commit_panic_beside_deaf },
	{ "panic-cpu1", commit_panic_on_cpu1 },
	{ "panic-all", commit_panic_on_all },
	{ "hang", commit_hang },
	{ "bug", commit_bug },
	{ "verify", commit_verify },
	{ "assert", commit_assert },
	{ "lock-order", commit_lock_order },
	{ "late-line", commit_late_line },
	{ "divide", commit_divide },
	{ "breakpoint", commit_breakpoint },
	{ "invalid-opcode", commit_invalid_opcode },
	{ "double-fault", commit_double_fault },
	{ "thread-overflow", commit_thread_overflow },
	{ "protection", commit_protection },
	{ "page-fault", commit_page_fault },
	{ NULL, NULL },
};

static const struct provocation *const provoke_groups[] = {
	provoke_stops, provoke_memory, provoke_undefined, provoke_user,
	provoke_storm,
};

static const struct provocation *provoke_find(const char *kind)
{
	const struct provocation *p;
	size_t i;

	for (i = 0; i < HX_ARRAY_LEN(provoke_groups); i++)
		for (p = provoke_groups[i]; p->kind != NULL; p++)
			if (hx_strcmp(p->kind, kind) == 0)
				return p;
	return NULL;
}

static void provoke_one(const char *kind)
{
	const struct provocation *p = provoke_find(kind);

	if (p == NULL) {
		hx_error("provoke", "%s is not a kind of error", kind);
		return;
	}
	hx_info("provoke", "%s: now", kind);
	p->commit();
	hx_info("provoke", "%s: survived", kind);
}

static void provoke_run(void)
{
	char kinds[KINDS_MAX], *kind = kinds, *comma;
	int n = hx_cmdline_get("helix.provoke", kinds, sizeof(kinds));

	if (n == -HX_ENAMETOOLONG)
		hx_error("provoke", "helix.provoke= takes at most %d bytes", KINDS_MAX - 1);
	if (n <= 0)
		return;
	for (; (comma = hx_strchr(kind, ',')) != NULL; kind = comma + 1) {
		*comma = '\0';
		provoke_one(kind);
	}
	provoke_one(kind);
}

static const struct hx_job provoke_job = { .name = "provoke", .order = 5, .run = provoke_run };
HX_JOB(provoke_job);
