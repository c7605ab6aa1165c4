/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share; the ideas and the numbered rules are at the top of slab.c.
 */
#ifndef HX_HEAP_SLAB_PRIV_H
#define HX_HEAP_SLAB_PRIV_H

#include <hx/config/core_lib.h>
#include <hx/core/heap_class.h>
#include <hx/core/list.h>
#include <hx/core/lock.h>
#include <hx/hal/cpu.h>
#include <hx/hal/percpu.h>

#define SLAB_SELF	0x51ab51a0u
#define SLAB_GRANULES	256u		/* of a slab */
#define SLAB_CLASSES	27u
#define SLAB_N_SMALL	16u		/* of them in small slabs */
#define SLAB_SMALL_MAX	512u		/* bytes: blocks of small slabs */
#define SLAB_LARGE_MAX	3200u		/* … of large ones */
#define SLAB_RUNS	64u		/* buckets of the table of large blocks */
#define SLAB_MAG_BLOCKS	13u

enum slab_geom { SLAB_SMALL, SLAB_LARGE, SLAB_GEOMS };

/* Field keys: c constant while it is a slab, l lock, a atomic. */
struct slab {
	uintptr_t self;		/* c its own address, SLAB_SELF and the geometry */
	struct hx_list link;	/* l partial or full */
	uint16_t mag_off;	/* c where its class's magazine is in a struct slab_cpu */
	uint8_t class;		/* c */
	uint8_t counted_empty;	/* l it is the n_empty of its class */
	uint16_t n_blocks;	/* c */
	uint16_t n_free;	/* l bits of free */
	uint64_t live[SLAB_GRANULES / 64];	/* a first granules of blocks handed out */
	uint64_t free[SLAB_GRANULES / 64];	/* l … of blocks that may be taken */
	uint64_t unused[4];
};
_Static_assert(sizeof(struct slab) == 128, "the header is whole granules of both geometries");

/* Field keys: c constant, l slab_lock. */
struct slab_class {
	uint16_t size_bytes;		/* c */
	uint16_t first_bytes;		/* c where the first block begins */
	uint16_t n_blocks;		/* c in a slab */
	uint16_t n_empty;		/* l empty slabs on partial: at most one is kept */
	uint64_t starts[SLAB_GRANULES / 64];	/* c granules where blocks begin */
	uint32_t n_slabs, n_slabs_max;	/* l */
	struct hx_list partial, full;	/* l */
};

/* A CPU's blocks of one class. Field keys: c constant, a atomic, o whoever made n_plus_1 0. */
struct slab_mag {
	void *hot;			/* a the block freed last, or NULL */
	uint64_t n_plus_1;		/* a blocks below, plus 1; 0: somebody works on it */
	uint32_t n_max;			/* c */
	uint32_t class;			/* c */
	void *block[SLAB_MAG_BLOCKS];	/* o */
};
_Static_assert(sizeof(struct slab_mag) == 128, "whole cache lines");

struct slab_cpu {
	uint64_t n_frees;			/* a */
	uint16_t small_off[SLAB_SMALL_MAX / 16];	/* c mag_off by (size - 1) / 16 */
	uint16_t large_off[SLAB_LARGE_MAX / 64];	/* c … by (size - 1) / 64 */
	struct slab_mag mag[SLAB_CLASSES];
};
_Static_assert(sizeof(struct slab_cpu) <= HX_PAGE_SIZE, "one page");

/* A large block. */
struct slab_run {
	struct slab_run *next;
	void *ptr;
	size_t size_bytes;
	bool is_huge;			/* pages mapped one by one; else a run of them */
};

/* Field keys: c constant after init, l slab_lock, a atomic. */
struct slab_heap {
	uintptr_t base;			/* c direct map address of the lowest frame */
	uintptr_t n_units;		/* c 16-byte units from there to the highest frame's end */
	uint64_t n_failed;		/* l */
	uint64_t reserved_bytes, reserved_max_bytes;	/* l */
	uint64_t run_bytes;		/* l in large blocks */
	struct slab_class class[SLAB_CLASSES];
	struct slab_run *runs[SLAB_RUNS];	/* l */
	struct slab_run *dead;		/* l huge blocks that were freed where nobody may sleep */
};

extern struct hx_spinlock slab_lock;		/* rank HX_RANK_HEAP */
extern struct slab_heap slab_heap;
extern const uint8_t slab_shift[SLAB_GEOMS];	/* log2 of the granule */
extern const uint8_t slab_order[SLAB_GEOMS];	/* log2 of the pages of a slab */

static inline unsigned slab_geom_of(unsigned class)
{
	return class < SLAB_N_SMALL ? SLAB_SMALL : SLAB_LARGE;
}

/* The header and the granule of a block, whose geometry is known. */
static HX_ALWAYS_INLINE struct slab *slab_header(const void *block, unsigned geom)
{
	return (struct slab *)hx_align_down((uintptr_t)block,
					    HX_PAGE_SIZE << (geom == SLAB_SMALL ? 0 : 2));
}

static HX_ALWAYS_INLINE size_t slab_granule(const void *block, unsigned geom)
{
	return (uint8_t)((uintptr_t)block >> (geom == SLAB_SMALL ? 4 : 6));
}

/* ---- slab.c */
void *slab_alloc(size_t size_bytes);
int slab_free(void *ptr);

/* ---- slab_back.c: slabs. slab_lock is held */
void slab_classes_init(void);
unsigned slab_take_locked(unsigned class, void **block, unsigned n);	/* how many; 0: no memory */
void slab_give_locked(void *block, unsigned class);	/* neither live nor in a magazine */
/* 0; -HX_ENOMEM, after all was emptied; -HX_ENOTSUP: only powers of two can be had. */
int slab_pages_locked(size_t n_pages, hx_paddr_t *pa);
void slab_count_locked(int64_t bytes);			/* reserved from now on, or no more */
void slab_shrink_locked(void);		/* give all magazines to the slabs, empty slabs to frames */
void slab_release(struct slab *s);

/* ---- slab_mag.c: each CPU's blocks */
extern struct slab_cpu *slab_cpus[HX_CPUS_MAX];	/* a */
extern struct slab_cpu slab_cpu_boot;
void slab_mags_init(void);
void *slab_mag_take(struct slab_mag *m);	/* hot was empty; a live block or NULL */
int slab_mag_give(struct slab_mag *m, void *block);	/* hot was taken; not live; 0 */
void slab_mags_empty_locked(void);		/* of all CPUs */
/* All blocks in magazines: a snapshot, exact if nothing else runs. False: a visit said so. */
bool slab_mags_foreach(bool (*visit)(const void *block, unsigned class));
uint64_t slab_mags_n_frees(void);
void slab_mags_fini(void);

/* This CPU's; of another one if the thread is moved meanwhile, which does no harm. */
static HX_ALWAYS_INLINE struct slab_cpu *slab_this_cpu(void)
{
	if (HX_ENABLED(ONE_CPU))
		return &slab_cpu_boot;
	return __atomic_load_n(&slab_cpus[hx_percpu()->cpu], __ATOMIC_RELAXED);
}

/* The pages of a large block, in bytes: it begins anywhere in the first one. */
static inline int64_t slab_run_pages_bytes(const struct slab_run *run)
{
	return (int64_t)hx_align_up(run->size_bytes, HX_PAGE_SIZE);
}

/* ---- slab_run.c: blocks above SLAB_LARGE_MAX */
void *slab_alloc_run(size_t size_bytes, size_t align);	/* to a page at most */
int slab_free_run(void *ptr);
size_t slab_size_of_run(const void *ptr);
bool slab_is_run_entry(const void *block);	/* slab_lock is held */
void slab_runs_visit(void (*visit)(void *arg, void *ptr, size_t usable), void *arg);
void slab_runs_fini(void);
void slab_run_enter_locked(struct slab_run *run);

/* ---- slab_huge.c: blocks above 4 MiB, with CONFIG_HEAP_SLAB_HUGE, and those with guards */
bool slab_huge_may(void);		/* whether this is a place where one may sleep */
/* 0, and it is entered; or -HX_ENOMEM */
int slab_huge_map(struct slab_run *run, size_t size_bytes, size_t align);
void slab_huge_unmap(void *ptr);	/* may sleep */
void slab_huge_bury(void);		/* may sleep */
const void *slab_huge_near(uintptr_t address, size_t *usable);	/* for hx_heap_set_guards() */

/* ---- slab_info.c */
void slab_stats(struct hx_heap_stats *out);
void slab_show(struct hx_text *out);
uint64_t slab_mags_n_blocks(void);	/* in all magazines: a snapshot */
int slab_check(void);
void slab_walk(void (*visit)(void *arg, void *ptr, size_t usable), void *arg);
void slab_fini(void);

#endif
