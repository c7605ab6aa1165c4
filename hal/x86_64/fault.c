/* SPDX-License-Identifier: MIT */
/*
 * Page faults that are somebody's to resolve: in the functions of user.S, and of user mode. Two
 * tables come with the assembly, both of differences, so that nothing has to be relocated:
 *
 *	hx_fixups	where an access may fault, and where to go on if it cannot be resolved
 *	hx_smap_sites	instructions that are STAC or CLAC if the CPU has SMAP, else three-byte NOPs
 *
 * Source: Intel SDM vol. 3, 4.6.1 (SMAP), 4.7 (error code); both tables as in Linux.
 */
#include <hx/hal/cpu.h>
#include <hx/hal/arch/paging.h>
#include <hx/hal/trap.h>
#include <hx/hal/user.h>

#include "x86_priv.h"

#define ERROR_PRESENT	1u
#define ERROR_WRITE	2u
#define ERROR_USER	4u
#define ERROR_RESERVED	8u
#define ERROR_FETCH	16u

static hx_fault_handler_t handler;

void hx_trap_set_fault_handler(hx_fault_handler_t fn)
{
	handler = fn;
}

void hx_x86_smap_patch(void)
{
	if (!hx_x86_has(W_7B, 20))
		return;
	for (const struct hx_x86_smap_site *s = __start_hx_smap_sites;
	     s < __stop_hx_smap_sites; s++) {
		uint8_t *at = (uint8_t *)&s->at + s->at;

		for (unsigned i = 0; i < 3; i++)
			at[i] = (uint8_t)(s->bytes >> 8 * i);
	}
}

static const struct hx_x86_fixup *find(uintptr_t pc)
{
	for (const struct hx_x86_fixup *x = __start_hx_fixups; x < __stop_hx_fixups; x++)
		if ((uintptr_t)&x->access + (intptr_t)x->access == pc)
			return x;
	return NULL;
}

static uintptr_t user_end(void)
{
	return (1ull << (9 * hx_paging_levels() + 11)) - HX_PAGE_SIZE;
}

bool hx_x86_user_fault(struct hx_trap_frame *f)
{
	const struct hx_x86_fixup *x = f->error & ERROR_USER ? NULL : find(f->rip);
	unsigned flags = (f->error & ERROR_WRITE ? HX_FAULT_WRITE : 0) |
			 (f->error & ERROR_FETCH ? HX_FAULT_EXEC : 0) |
			 (f->error & ERROR_PRESENT ? HX_FAULT_PRESENT : 0) |
			 (f->error & ERROR_USER ? HX_FAULT_USER : 0);
	int err = -HX_EFAULT;

	/* The kernel's own mistakes are not resolved. */
	if ((x == NULL && (f->error & ERROR_USER) == 0) || (f->error & ERROR_RESERVED) != 0)
		return false;
	if (handler != NULL && f->cr2 < user_end()) {
		if (f->rflags & HX_X86_RFLAGS_IF)
			hx_irq_enable();
		err = handler(f->cr2, flags);
		hx_irq_disable();
	}
	if (HX_ENABLED(USER_MODE) && err != 0 && x == NULL)
		hx_x86_user_trap(f, err);
	if (err != 0 && x != NULL)
		f->rip = (uintptr_t)&x->go_on + (intptr_t)x->go_on;
	return err == 0 || x != NULL;
}

static bool is_user(uintptr_t va, size_t n)
{
	return va <= user_end() && n <= user_end() - va;
}

int hx_copy_from_user(void *dst, uintptr_t src, size_t n)
{
	return is_user(src, n) ? hx_x86_user_copy(dst, (const void *)src, n) : -HX_EFAULT;
}

int hx_copy_to_user(uintptr_t dst, const void *src, size_t n)
{
	return is_user(dst, n) ? hx_x86_user_copy((void *)dst, src, n) : -HX_EFAULT;
}

int hx_clear_user(uintptr_t dst, size_t n)
{
	return is_user(dst, n) ? hx_x86_user_clear((void *)dst, n) : -HX_EFAULT;
}

hx_ssize_t hx_strncpy_from_user(char *dst, uintptr_t src, size_t n)
{
	size_t most = n;
	hx_ssize_t len;

	if (src > user_end())
		return -HX_EFAULT;
	most = hx_min_u64(n, user_end() - src);
	len = hx_x86_user_strncpy(dst, (const char *)src, most);
	if (len < 0 || (size_t)len < most)
		return len;
	return most < n ? -HX_EFAULT : -HX_ENAMETOOLONG;
}
