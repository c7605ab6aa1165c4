// SPDX-License-Identifier: MIT
/*
 * Addresses as a person reads them: one place as "name+0x12 (core/x/y.c:34)", a chain of callers
 * line by line.
 */
#include <hx/base.h>
#include <hx/config/core_panic.h>
#include <hx/core/panic.h>
#include <hx/core/text.h>
#include <hx/hal/trap.h>

#include "panic_priv.h"

#define CALLERS_MAX	24

/*
 * back: 1 for a return address. It points behind the call, which may be the next line or, after a
 * call that never returns, the next function: the byte before it is inside the call.
 */
static void put_place(struct hx_text *out, uintptr_t pc, unsigned back)
{
	const uint8_t *table = hx_symtab_start;
	struct symtab_place place;
	uintptr_t first;

	hx_text_printf(out, "%#lx", (unsigned long)pc);
	if (HX_ENABLED(PANIC_MODULES) && put_other_place(out, pc, back))
		return;
	if (!HX_ENABLED(PANIC_SYMBOLS) ||
	    !symtab_is_valid(table, (size_t)(hx_symtab_end - hx_symtab_start)))
		return;
	first = (uintptr_t)hx_symbolize - symtab_anchor(table);
	if (pc - back < first || pc - back - first > UINT32_MAX ||
	    !symtab_find(table, (uint32_t)(pc - back - first), &place))
		return;
	hx_text_printf(out, " %s+%#x", place.name, place.offset + back);
	if (place.file != NULL)
		hx_text_printf(out, " (%s:%u)", place.file, place.line);
}

void hx_symbolize(struct hx_text *out, uintptr_t pc)
{
	put_place(out, pc, 0);
}

void hx_show_backtrace(struct hx_text *out, const struct hx_trap_frame *f)
{
	uintptr_t pcs[CALLERS_MAX];
	bool exact = true;
	size_t n = hx_backtrace(f, pcs, CALLERS_MAX, &exact);
	size_t i = 1;	/* without a frame the first one is in this function */

	if (f != NULL) {
		hx_text_puts(out, "  at ");
		put_place(out, hx_trap_pc(f), 0);
		hx_text_puts(out, "\n");
		i = n > 0 && pcs[0] == hx_trap_pc(f);
	}
	for (; i < n; i++) {
		hx_text_puts(out, exact ? "  by " : "  by? ");
		put_place(out, pcs[i], 1);
		hx_text_puts(out, "\n");
	}
}
