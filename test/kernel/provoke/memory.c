/* SPDX-License-Identifier: MIT */
/*
 * Bad memory accesses, for the stack protector and KASAN. Pointers go through volatile variables,
 * so that the compiler can neither refuse the code nor remove it.
 */
#include <hx/core/heap.h>
#include <hx/hal/mem.h>

#include "provoke_priv.h"

#define BLOCK_BYTES	40	/* no power of two: the heap rounds it up */
#define LARGE_BYTES	20000	/* a multiple of 16: nothing is rounded */

/*
 * Too far by 32 bytes: over the guard word, the frame pointer and the return address, whatever the
 * layout. The pointer is kept in a register: in memory it could be the first thing overwritten.
 * Without the stack protector the return goes to 0x4141414141414141.
 */
static HX_NOINLINE void smash(size_t n)
{
	char buf[16];
	char *p = buf;

	__asm__ volatile("" : "+r"(p));
	for (size_t i = 0; i < n; i++)
		((volatile char *)p)[i] = 'A';
}

static void commit_stack_smash(void)
{
	volatile size_t n = 16 + 32;

	smash(n);
}

static void commit_heap_write_past(void)
{
	volatile char *volatile p = hx_alloc(BLOCK_BYTES);

	if (p == NULL)
		return;
	p[BLOCK_BYTES] = 1;
	hx_free((void *)p);
}

static void commit_heap_read_past(void)
{
	volatile char *volatile p = hx_alloc(BLOCK_BYTES - 3);

	if (p == NULL)
		return;
	p[0] = p[BLOCK_BYTES - 3];	/* inside a group of 8 of which 5 may be touched */
	hx_free((void *)p);
}

static void commit_heap_copy_past(void)
{
	void *volatile p = hx_alloc(BLOCK_BYTES);
	volatile size_t n = BLOCK_BYTES + 1;

	if (p == NULL)
		return;
	memset(p, 0, n);
	hx_free(p);
}

static void commit_use_after_free(void)
{
	volatile char *volatile p = hx_alloc(BLOCK_BYTES);
	volatile char *volatile stale = p;

	if (p == NULL)
		return;
	hx_free((void *)p);
	stale[8] = 1;
}

/* Blocks of many pages: each has its own way to be caught (CONFIG_HEAP_GUARDS). */
static void commit_large_write_past(void)
{
	volatile char *volatile p = hx_alloc(LARGE_BYTES);

	if (p == NULL)
		return;
	p[LARGE_BYTES] = 1;
	hx_free((void *)p);
}

static void commit_large_use_after_free(void)
{
	volatile char *volatile p = hx_alloc(LARGE_BYTES);
	volatile char *volatile stale = p;

	if (p == NULL)
		return;
	hx_free((void *)p);
	stale[8] = 1;
}

static void commit_global_past(void)
{
	static volatile char five[5];
	volatile char *volatile p = five;

	p[5] = 1;
}

/* The heap itself reports these, with or without KASAN. */
static void commit_double_free(void)
{
	void *volatile p = hx_alloc(BLOCK_BYTES);
	void *volatile again = p;

	hx_free(p);
	hx_free(again);
}

static void commit_foreign_free(void)
{
	static volatile char not_heap[64];
	void *volatile p = (void *)not_heap;

	hx_free(p);
}

const struct provocation provoke_memory[] = {
	{ "stack-smash", commit_stack_smash },
	{ "heap-write-past", commit_heap_write_past },
	{ "heap-read-past", commit_heap_read_past },
	{ "heap-copy-past", commit_heap_copy_past },
	{ "use-after-free", commit_use_after_free },
	{ "large-write-past", commit_large_write_past },
	{ "large-use-after-free", commit_large_use_after_free },
	{ "global-past", commit_global_past },
	{ "double-free", commit_double_free },
	{ "foreign-free", commit_foreign_free },
	{ NULL, NULL },
};
