/* SPDX-License-Identifier: MIT */
/*
 * Touching user memory the wrong way: with SMAP any plain load or store is a page fault, and so is
 * calling into it with SMEP; the copies of <hx/hal/user.h> are the only way.
 */
#include <hx/core/log.h>
#include <hx/hal/user.h>
#include <hx/vm/vm.h>

#include "provoke_priv.h"

/* A page with something in it, in a space that the caller runs in. */
static uintptr_t enter(unsigned prot)
{
	const struct hx_vm_params p = { .size_bytes = HX_PAGE_SIZE, .prot = prot,
					.flags = HX_VM_POPULATE };
	struct hx_vm_space *s;
	uintptr_t va = 0;

	if (hx_vm_create(0, &s) != 0)
		return 0;
	if (hx_vm_map(s, &p, &va) == 0)
		hx_vm_attach(s);
	hx_vm_put(s);
	return va;
}

static void commit_user_read(void)
{
	volatile char *p = (volatile char *)enter(HX_VM_READ | HX_VM_WRITE);

	if (p != NULL)
		(void)*p;
	hx_vm_attach(NULL);
}

static void commit_user_write(void)
{
	volatile char *p = (volatile char *)enter(HX_VM_READ | HX_VM_WRITE);

	if (p != NULL)
		*p = 1;
	hx_vm_attach(NULL);
}

/* The page holds zeroes, an instruction that stores: without SMEP it would run. */
static void commit_user_call(void)
{
	void (*fn)(void) = (void (*)(void))enter(HX_VM_READ | HX_VM_EXEC);

	if (fn != NULL)
		fn();
	hx_vm_attach(NULL);
}

/* Not there, not touched through the copies: the kernel's own mistake, not a page to be brought. */
static void commit_user_absent(void)
{
	volatile char *p = (volatile char *)enter(HX_VM_READ | HX_VM_WRITE);

	if (p != NULL)
		p[HX_PAGE_SIZE] = 1;
	hx_vm_attach(NULL);
}

/* The right way, to nowhere: an error, and the kernel goes on. */
static void commit_user_copy(void)
{
	uintptr_t va = enter(HX_VM_READ);
	int err = hx_clear_user(va, 1);

	hx_info("provoke", "user-copy: %d", err);
	hx_vm_attach(NULL);
}

const struct provocation provoke_user[] = {
	{ "user-read", commit_user_read },
	{ "user-write", commit_user_write },
	{ "user-call", commit_user_call },
	{ "user-absent", commit_user_absent },
	{ "user-copy", commit_user_copy },
	{ NULL, NULL },
};
