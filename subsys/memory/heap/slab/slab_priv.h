/* SPDX-License-Identifier: MIT */
/*
 * What slab.c (taking and giving blocks) and slab_info.c (figures, checks, the end) share; the
 * ideas and the numbered rules are at the top of slab.c.
 */
#ifndef HX_HEAP_SLAB_PRIV_H
#define HX_HEAP_SLAB_PRIV_H

#include <hx/core/heap_class.h>
#include <hx/core/list.h>
#include <hx/core/lock.h>

#define SLAB_CLASSES	16u
#define SLAB_SELF	0x51ab51a0u
#define SLAB_PARTIAL	(-1)		/* added to users of a partial slab */
#define SLAB_FULL	INT32_MIN	/* … of a full one */
#define SLAB_RUNS	64u		/* buckets of the table of page runs */

enum slab_geom { SLAB_SMALL, SLAB_LARGE, SLAB_GEOMS };

/* Field keys: c constant while it is a slab, l lock, a atomic. */
struct slab {
	uintptr_t self;		/* c */
	uint64_t avail;		/* l */
	uint64_t live;		/* a */
	uint64_t starts;	/* c */
	uint64_t held;		/* a in a CPU's magazine */
	int32_t users;		/* a */
	uint8_t geom, granules;	/* c */
	uint8_t n_blocks;	/* c */
	uint8_t counted_empty;	/* l it is in n_empty of its class */
	struct hx_list link;	/* l partial or full; on itself while current */
};
_Static_assert(sizeof(struct slab) <= 64, "the header is one granule");

struct slab_class {
	struct hx_list partial, full;
	uint32_t n_empty;	/* empty slabs on partial: at most one is kept */
	uint32_t n_slabs;
};

/* A block of whole pages. */
struct slab_run {
	struct slab_run *next;
	void *ptr;
	unsigned order;
};

/* Field keys: c constant after init, l slab_lock. */
struct slab_heap {
	uintptr_t base;			/* c direct map address of the lowest frame */
	uintptr_t n_units;		/* c 64-byte units from there to the highest frame's end */
	uint64_t n_opened;		/* l blocks that ever became avail: allocs + avail now */
	uint64_t n_failed;		/* l */
	uint64_t reserved_bytes, reserved_max_bytes;	/* l */
	uint64_t run_bytes;		/* l in blocks of whole pages */
	struct slab_class class[SLAB_GEOMS][SLAB_CLASSES];	/* l by granules - 1 */
	struct slab_run *runs[SLAB_RUNS];			/* l */
};

extern struct hx_spinlock slab_lock;		/* rank HX_RANK_HEAP */
extern struct slab_heap slab_heap;
extern struct slab slab_none;			/* stands where there is no current slab */
extern struct slab *slab_current[SLAB_GEOMS][SLAB_CLASSES];	/* l by bucket */
extern const uint8_t slab_shift[SLAB_GEOMS];	/* log2 of the granule */
extern const uint8_t slab_order[SLAB_GEOMS];	/* log2 of the pages of a slab */
extern const uint8_t slab_granules[SLAB_CLASSES];	/* of a block, by bucket */

/* slab.c */
void slab_release(struct slab *s);
void slab_set_current(unsigned geom, unsigned granules, struct slab *s);
void slab_settle_locked(struct slab *s, unsigned geom);
/* slab_mag.c, with more than one CPU */
void *slab_mag_pop(unsigned geom, unsigned granules);	/* NULL: none */
void slab_mag_fill(struct slab *s, unsigned geom);	/* from a current slab; slab_lock is held */
void slab_mag_empty(void);		/* of all CPUs, to the slabs; slab_lock is held */
uint64_t slab_mag_n_blocks(void);	/* in all of them */
void slab_mag_fini(void);
/* slab_info.c */
void slab_stats(struct hx_heap_stats *out);
void slab_show(struct hx_text *out);
int slab_check(void);
void slab_walk(void (*visit)(void *arg, void *ptr, size_t usable), void *arg);
void slab_fini(void);

#endif
