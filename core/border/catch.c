// SPDX-License-Identifier: MIT
/*
 * Whose exception is it? It is caught only if going on is sure to be right:
 *
 *	- the call at the top of the thread's list is the one that the CPU is in: no interrupt came
 *	  since, or the interrupt made that call itself;
 *	- and the CPU was in the owner's code; or in nowhere, where that code had sent it; or in a
 *	  function of the kernel that is exported as a leaf, which has no lock and no state of its
 *	  own that could be half changed, called by that code.
 *
 * Everything else is the kernel's own fault, even if a module's argument led to it: a kernel lock
 * may be held, a list half linked. That ends in the report, as without borders.
 */
#include <hx/base.h>
#include <hx/core/export.h>
#include <hx/core/thread.h>
#include <hx/hal/cpu.h>
#include <hx/hal/mmu.h>
#include <hx/hal/trap.h>

#include "border_priv.h"

#define CALLERS_MAX	12u
#define VECTOR_NMI	2u
#define VECTOR_DF	8u
#define VECTOR_MC	18u

/* Eight bytes of kernel memory, if they are mapped. */
static bool read_word(uintptr_t at, uintptr_t *out)
{
	hx_paddr_t pa;
	unsigned flags;

	if (hx_mmu_query(at, &pa, &flags) != 0 || hx_mmu_query(at + 7, &pa, &flags) != 0)
		return false;
	__builtin_memcpy(out, (const void *)at, sizeof(*out));
	return true;
}

static bool in_text(const struct hx_border_owner *o, uintptr_t pc)
{
	return pc >= o->start && pc < o->text_end;
}

static bool is_leaf(uintptr_t function)
{
	const struct hx_export *const *it;

	HX_SECTION_FOREACH(it, hx_exports) {
		if ((uintptr_t)(*it)->address == function)
			return (*it)->is_leaf;
	}
	return false;
}

/* What an instruction that ends here, with a distance as its last four bytes, names. */
static uintptr_t near_word(uintptr_t behind)
{
	int32_t value;

	__builtin_memcpy(&value, (const void *)(behind - sizeof(value)), sizeof(value));
	return behind + (uintptr_t)(intptr_t)value;
}

/*
 * What the call before a return address in the owner's code calls: `call *slot(%rip)` or `call
 * detour`, where the detour is `jmp *slot(%rip)`. 0: something else.
 */
static uintptr_t callee(const struct hx_border_owner *o, uintptr_t back)
{
	const uint8_t *code = (const uint8_t *)back;
	uintptr_t to, function;

	if (back < o->start + 6)
		return 0;
	to = near_word(back);
	if (code[-5] == 0xe8 && in_text(o, to) && in_text(o, to + 5)) {
		code = (const uint8_t *)to;
		to = code[0] == 0xff && code[1] == 0x25 ? near_word(to + 6) : 0;
	} else if (code[-6] != 0xff || code[-5] != 0x15) {
		to = 0;
	}
	return to >= o->start && to < o->end - 7 && read_word(to, &function) ? function : 0;
}

/* The CPU is in kernel code: did the owner's code call a leaf that is still under way? */
static bool is_in_leaf(const struct hx_border_owner *o, const struct hx_trap_frame *f)
{
	uintptr_t pcs[CALLERS_MAX], back;
	bool exact;
	size_t n;

	/* Assembly has no frame: the address lies right there. */
	if (read_word(hx_trap_sp(f), &back) && in_text(o, back) && is_leaf(callee(o, back)))
		return true;
	n = hx_backtrace(f, pcs, CALLERS_MAX, &exact);
	for (size_t i = 1; exact && i < n; i++)
		if (in_text(o, pcs[i]))
			return is_leaf(callee(o, pcs[i]));
	return false;
}

/* The CPU is nowhere: by a call or jump of the owner's code, or a return address that it spoilt? */
static bool was_sent_nowhere(const struct hx_border_owner *o, const struct hx_trap_frame *f)
{
	uintptr_t pc = hx_trap_pc(f), back;
	hx_paddr_t pa;
	unsigned flags;

	if (hx_mmu_query(pc, &pa, &flags) == 0 && (flags & HX_MAP_EXEC) != 0)
		return false;
	return read_word(hx_trap_sp(f), &back) &&
	       (in_text(o, back) || back == (uintptr_t)hx_border_return);
}

static bool is_its(const struct hx_border_owner *o, const struct hx_trap_frame *f)
{
	return in_text(o, hx_trap_pc(f)) || was_sent_nowhere(o, f) || is_in_leaf(o, f);
}

bool border_catch(struct hx_trap_frame *f)
{
	struct hx_thread *self = hx_thread_self();
	struct hx_border *b = self != NULL ? self->border : NULL;
	unsigned vector = hx_trap_vector(f);
	bool is_top = b != NULL && b->irq_depth == hx_percpu()->irq_depth &&
		      b->n_held <= HX_BORDER_HELD;

	if (BORDER_BREAKS && vector == VECTOR_NMI)
		return border_break(f, is_top && is_its(border_owner(b), f) ? b : NULL);
	/* A double fault can be left if it is a stack that is used up: the machine says where. */
	if (!is_top || vector == VECTOR_NMI || vector == VECTOR_MC ||
	    (vector == VECTOR_DF && hx_trap_fault_address(f) == 0) || !is_its(border_owner(b), f))
		return false;
	border_note(b, hx_trap_name(f), hx_trap_pc(f), hx_trap_fault_address(f));
	border_give_up(b);
	hx_border_unwind(f, b);
	return true;
}
