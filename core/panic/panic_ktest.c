// SPDX-License-Identifier: MIT
/* In the kernel: the table in this very image names this very code, wherever it was slid to. */
#include <hx/base.h>
#include <hx/config/core_panic.h>
#include <hx/config/top.h>
#include <hx/core/ktest.h>
#include <hx/core/panic.h>
#include <hx/core/string.h>
#include <hx/hal/trap.h>

#include "panic_priv.h"

#define BREAKPOINT	3

static char seen[2048];

static bool has_table(struct hx_ktest_run *t)
{
	if (HX_ENABLED(PANIC_SYMBOLS) && !HX_ENABLED(ARCH_HOST))
		return true;
	hx_ktest_skip(t, "no symbol table in this image");
	return false;
}

HX_KTEST(panic_symbolize_names_function_and_line)
{
	struct hx_text_buf out;

	hx_text_buf_init(&out, seen, sizeof(seen));
	hx_symbolize(&out.text, (uintptr_t)hx_symbolize);
	if (!has_table(t))
		return;
	hx_expect(t, hx_glob("0x* hx_symbolize+0* (core/panic/trace.c:*)", seen));
}

HX_KTEST(panic_symbolize_of_nothing_is_the_address)
{
	struct hx_text_buf out;

	hx_text_buf_init(&out, seen, sizeof(seen));
	hx_symbolize(&out.text, 0x1234);
	hx_expect(t, hx_strcmp(seen, "0x1234") == 0);
}

static HX_NOINLINE void innermost_of_three(struct hx_text *out)
{
	hx_show_backtrace(out, NULL);
	hx_text_puts(out, "end\n");	/* not a tail call: this frame must stay */
}

static HX_NOINLINE void middle_of_three(struct hx_text *out)
{
	innermost_of_three(out);
	hx_text_puts(out, "end\n");
}

HX_KTEST(panic_backtrace_names_the_callers)
{
	struct hx_text_buf out;

	hx_text_buf_init(&out, seen, sizeof(seen));
	middle_of_three(&out.text);
	if (!has_table(t))
		return;
	hx_expect(t, hx_glob("*innermost_of_three+*panic_ktest.c:*middle_of_three+*"
			     "panic_ktest.c:*ktest_run+*", seen));
}

static volatile unsigned n_traps;
static hx_trap_upcall_t upcall_before;

/* A breakpoint traps after its instruction, so returning goes on. */
static bool show_and_go_on(struct hx_trap_frame *f)
{
	struct hx_text_buf out;

	if (hx_trap_vector(f) != BREAKPOINT)
		return upcall_before(f);
	n_traps++;
	hx_text_buf_init(&out, seen, sizeof(seen));
	hx_show_backtrace(&out.text, f);
	return true;
}

HX_KTEST(panic_backtrace_starts_at_the_trap)
{
	n_traps = 0;
	upcall_before = hx_trap_set_upcall(show_and_go_on);
	hx_trap_provoke(BREAKPOINT);
	hx_panic_init();
	hx_expect(t, n_traps == 1);
	if (!has_table(t))
		return;
	hx_expect(t, hx_glob("  at 0x* hx_trap_provoke+*\n  by*", seen));
}
