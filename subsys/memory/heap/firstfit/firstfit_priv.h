/* SPDX-License-Identifier: MIT */
/*
 * What firstfit.c (taking and giving blocks) and firstfit_check.c (looking at all of them) share.
 */
#ifndef HX_HEAP_FIRSTFIT_PRIV_H
#define HX_HEAP_FIRSTFIT_PRIV_H

#include <hx/core/heap_class.h>
#include <hx/core/lock.h>

#define LIVE	((uintptr_t)0x6c697665)
#define FREE	((uintptr_t)0x66726565)

struct block {
	size_t bytes;		/* head included; the next block begins here + bytes */
	uintptr_t mark;		/* own address + LIVE or FREE */
	struct block *next;	/* only while free; the user's first bytes while live */
};
#define HEAD	offsetof(struct block, next)
#define SMALLEST	((size_t)32)	/* a block that can be free has room for next */
_Static_assert(HEAD == HX_HEAP_ALIGN && sizeof(struct block) <= SMALLEST, "blocks stay aligned");

/* Field keys: c constant after init, l lock. */
struct firstfit {
	struct hx_spinlock lock;
	struct block *free;		/* l lowest free block */
	uintptr_t start, end;		/* c the run */
	struct hx_heap_stats stats;	/* l */
	hx_paddr_t pa;			/* c */
	unsigned order;			/* c */
};

extern struct firstfit firstfit;

/* firstfit_check.c */
void firstfit_walk(void (*visit)(void *arg, void *p, size_t usable), void *arg);
int firstfit_check(void);

#endif
