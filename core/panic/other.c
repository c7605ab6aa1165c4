// SPDX-License-Identifier: MIT
/*
 * What was loaded later: addresses outside the image, as "name+0x12 [module]", and exceptions that
 * somebody else takes care of.
 */
#include <hx/base.h>
#include <hx/core/panic.h>

#include "panic_priv.h"

static bool (*other_symbols)(uintptr_t pc, struct hx_symbol *out);
static bool (*catcher)(struct hx_trap_frame *f);

void hx_symbols_set_other(bool (*find)(uintptr_t pc, struct hx_symbol *out))
{
	other_symbols = find;
}

void hx_panic_set_catcher(bool (*catch)(struct hx_trap_frame *f))
{
	catcher = catch;
}

bool panic_is_caught(struct hx_trap_frame *f)
{
	return catcher != NULL && catcher(f);
}

bool put_other_place(struct hx_text *out, uintptr_t pc, unsigned back)
{
	struct hx_symbol s;

	if (other_symbols == NULL || !other_symbols(pc - back, &s))
		return false;
	if (s.name != NULL)
		hx_text_printf(out, " %s+%#x", s.name, s.offset + back);
	hx_text_printf(out, " [%s]", s.owner);
	return true;
}
