/* SPDX-License-Identifier: MIT */
/*
 * Who called whom, and the start of a new flow.
 *
 * With frame pointers: rbp -> { caller's rbp, return address }, each frame above the last, 0 at the
 * end. Without: every word of the stack that is an address in our text, so old calls show up too.
 * Nothing is read that the page tables do not map.
 */
#include <hx/config/hal_x86_64.h>
#include <hx/hal/context.h>
#include <hx/hal/mmu.h>
#include <hx/hal/trap.h>

#include "x86_priv.h"

#define SCAN_WORDS	1024u

static bool in_text(uintptr_t pc)
{
	return (pc >= (uintptr_t)hx_image_start && pc < (uintptr_t)hx_text_end) ||
	       (HX_ENABLED(BACKTRACE_MODULES) && hx_x86_in_module(pc));
}

/* Read one aligned word of kernel memory, if it is mapped. */
static bool read_word(uintptr_t at, uintptr_t *out)
{
	hx_paddr_t pa;
	unsigned flags;

	if (at % 8 != 0 || at < hx_hhdm_base || hx_mmu_query(at, &pa, &flags) != 0)
		return false;
	*out = *(const uintptr_t *)at;
	return true;
}

static size_t by_frames(uintptr_t bp, uintptr_t *pcs, size_t n, size_t max)
{
	uintptr_t next, pc;

	while (n < max && read_word(bp, &next) && read_word(bp + 8, &pc) && in_text(pc)) {
		pcs[n++] = pc;
		if (next <= bp)
			break;
		bp = next;
	}
	return n;
}

static size_t by_scan(uintptr_t sp, uintptr_t *pcs, size_t n, size_t max)
{
	uintptr_t word;

	for (unsigned i = 0; i < SCAN_WORDS && n < max && read_word(sp, &word); i++, sp += 8)
		if (in_text(word))
			pcs[n++] = word;
	return n;
}

HX_NOINLINE size_t hx_backtrace(const struct hx_trap_frame *f, uintptr_t *pcs, size_t max,
				bool *exact)
{
	uintptr_t bp = f != NULL ? f->rbp : (uintptr_t)__builtin_frame_address(0);
	uintptr_t sp = f != NULL ? f->rsp & ~7ull : bp;
	size_t n = 0;

	*exact = HX_ENABLED(FRAME_POINTERS);
	if (f != NULL && max > 0)
		pcs[n++] = f->rip;
	return HX_ENABLED(FRAME_POINTERS) ? by_frames(bp, pcs, n, max) : by_scan(sp, pcs, n, max);
}

void hx_context_init(struct hx_context *ctx, void *stack, size_t size_bytes,
		     void (*entry)(void *arg), void *arg)
{
	uint64_t *sp = (uint64_t *)(((uintptr_t)stack + size_bytes) & ~15ull);

	/* For hx_context_switch(): r15 r14 r13 r12 rbx rbp, then where to go, then the end. */
	*--sp = 0;
	*--sp = (uintptr_t)hx_x86_context_start;
	*--sp = 0;
	*--sp = (uintptr_t)entry;
	*--sp = (uintptr_t)arg;
	sp -= 3;
	ctx->sp = (uintptr_t)sp;
}

void hx_context_fini(struct hx_context *ctx)
{
	ctx->sp = 0;
}
