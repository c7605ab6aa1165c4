/* SPDX-License-Identifier: MIT */
/*
 * The address sanitizer's shadow: which bytes of the heap and of global variables may be touched.
 *
 * 1 Concepts. One shadow byte stands for 8 bytes: 0 all may be touched, 1..7 only the first so
 *   many, 0x80 and above none, and why (enum hx_kasan_tag). Compiled code calls kasan_hooks.c
 *   before each access, memcpy() and its like are diverted there by the linker; both ask here.
 * 2 Data. The usual fixed mapping "shadow = address / 8 + constant" would need an eighth of the
 *   address space mapped before the first instrumented function runs. We look the shadow up
 *   instead, in pieces:
 *
 *	direct map   |  256 KiB  |  256 KiB  |  no RAM   |  …	image   |  256 KiB  |  …
 *	pieces         shadow      untouched   NULL		  shadow
 *
 *   A piece is reserved at boot, so that watching never allocates, but filled with zeroes only when
 *   something in it is poisoned for the first time; until then, its PIECE_UNTOUCHED bit says so.
 *   Anything outside both spans is not watched: thread stacks, device registers, modules. For the
 *   same reason compilers do not instrument local variables (asan-stack=0): that code writes the
 *   shadow by the fixed mapping, without a call.
 * 3 Order. Before the component "kasan" is up nothing is watched. It needs "frames" for the shadow;
 *   "heap" comes after it, so that the heap's first block is watched.
 * 4 Locking. kasan_lock for the first touch of a piece. Shadow bytes belong to whoever owns the
 *   memory they stand for.
 * 5 Cost. About 25 instructions per access.
 * 6 Source. Serebryany et al., AddressSanitizer: A Fast Address Sanity Checker (USENIX ATC 2012).
 */
#include <hx/core/frames.h>
#include <hx/core/init.h>
#include <hx/core/lock.h>
#include <hx/core/sanitize.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/mmu.h>

#include "sanitize_priv.h"

#define PIECE_SHIFT	18				/* 256 KiB of memory per piece */
#define PIECE_BYTES	((uintptr_t)1 << PIECE_SHIFT)
#define PIECE_UNTOUCHED	((uintptr_t)1)			/* in a table entry: not filled yet */
#define SHADOW_ORDER	(PIECE_SHIFT - 3 - HX_PAGE_SHIFT)
#define IMAGE_PIECES	64				/* 16 MiB of kernel image */
#define GRANULE		8u

/* Field keys: c constant once watching, k kasan_lock to change, atomic to read. */
struct kasan_span {
	uintptr_t start, end;		/* c */
	uintptr_t *pieces;		/* the table c, each entry k: 0, or its shadow with a bit */
};

static struct hx_spinlock kasan_lock = HX_SPINLOCK_INIT("kasan", HX_RANK_LEAF);
static uintptr_t image_pieces[IMAGE_PIECES];
static struct kasan_span spans[2] = { { .pieces = NULL }, { .pieces = image_pieces } };
static bool kasan_is_on;
static unsigned direct_order;		/* of the direct map's table of pieces */

/* The entry for an address, or NULL: not watched. */
static uintptr_t *piece_of(uintptr_t address)
{
	struct kasan_span *s;

	if (!kasan_is_on)
		return NULL;
	for (s = spans; s < spans + HX_ARRAY_LEN(spans); s++)
		if (address >= s->start && address < s->end)
			return &s->pieces[(address - s->start) >> PIECE_SHIFT];
	return NULL;
}

static uintptr_t span_start(uintptr_t address)
{
	return address >= spans[1].start && address < spans[1].end ? spans[1].start :
	       spans[0].start;
}

static uintptr_t next_piece(uintptr_t address)
{
	uintptr_t start = span_start(address);

	return start + hx_align_down(address - start, PIECE_BYTES) + PIECE_BYTES;
}

/* The shadow byte of an address, or NULL: may be touched. */
static uint8_t *shadow_of(uintptr_t address)
{
	uintptr_t *piece = piece_of(address), shadow;

	if (piece == NULL)
		return NULL;
	shadow = __atomic_load_n(piece, __ATOMIC_ACQUIRE);
	if (shadow == 0 || (shadow & PIECE_UNTOUCHED))
		return NULL;
	return (uint8_t *)shadow + ((address - span_start(address)) & (PIECE_BYTES - 1)) / GRANULE;
}

/* The same for who wants to write it: NULL only if the address is not watched. */
static uint8_t *shadow_touch(uintptr_t address)
{
	uintptr_t *piece = piece_of(address), shadow;
	hx_irqflags_t irq;

	if (piece != NULL && (__atomic_load_n(piece, __ATOMIC_RELAXED) & PIECE_UNTOUCHED)) {
		irq = hx_spin_lock_irqsave(&kasan_lock);
		shadow = *piece & ~PIECE_UNTOUCHED;
		if (shadow != *piece) {
			memset((void *)shadow, 0, HX_PAGE_SIZE << SHADOW_ORDER);
			__atomic_store_n(piece, shadow, __ATOMIC_RELEASE);
		}
		hx_spin_unlock_irqrestore(&kasan_lock, irq);
	}
	return shadow_of(address);
}

void hx_kasan_poison_(uintptr_t start, size_t n, enum hx_kasan_tag tag)
{
	uintptr_t at = hx_align_up(start, GRANULE), end = hx_align_up(start + n, GRANULE);

	for (; at < end; at += GRANULE) {
		uint8_t *shadow = shadow_touch(at);

		if (shadow != NULL)
			*shadow = (uint8_t)tag;
	}
}

void hx_kasan_unpoison_(uintptr_t start, size_t n)
{
	uintptr_t at = start, end = start + n;

	while (at < end) {
		uint8_t *shadow = shadow_of(at);

		if (shadow == NULL) {		/* nothing here was ever poisoned */
			at = next_piece(at);
			continue;
		}
		*shadow = end - at < GRANULE ? (uint8_t)(end - at) : 0;
		at += GRANULE;
	}
}

/* The first byte of [start, end) that may not be touched, or end. */
static uintptr_t first_bad(uintptr_t start, uintptr_t end)
{
	uintptr_t at = start;

	while (at < end) {
		uint8_t *shadow = shadow_of(at);
		uintptr_t granule = hx_align_down(at, GRANULE);

		if (shadow == NULL && end - at > GRANULE && piece_of(at) != NULL) {
			at = next_piece(at);
			continue;
		}
		if (shadow != NULL && *shadow != 0) {
			uintptr_t open = *shadow < GRANULE ? granule + *shadow : granule;

			if (open < granule + GRANULE && open < end)
				return hx_max_u64(open, at);
		}
		at = granule + GRANULE;
	}
	return end;
}

size_t hx_kasan_accessible_(uintptr_t start, size_t n)
{
	return first_bad(start, start + n) - start;
}

static const char *tag_name(uintptr_t bad)
{
	uint8_t *shadow = shadow_of(bad);

	if (*shadow < GRANULE)		/* a part of it may be touched: the next one says why */
		shadow = shadow_of(bad + GRANULE);
	switch (shadow == NULL ? 0 : *shadow) {
	case HX_KASAN_GLOBAL: return "global out of bounds";
	case HX_KASAN_BEYOND: return "heap out of bounds";
	case HX_KASAN_FREED: return "heap use after free";
	default: return "out of bounds";
	}
}

void kasan_check(uintptr_t start, size_t n, enum kasan_access access, uintptr_t pc)
{
	uintptr_t bad;

	if (!kasan_is_on || n == 0)
		return;
	bad = first_bad(start, start + n);
	if (HX_LIKELY(bad == start + n))
		return;
	sanitize_report(SANITIZE_KASAN, pc, "%s: %s of %zu bytes at %#lx, bad from %#lx on",
			tag_name(bad), access == KASAN_READ ? "read" : "write", n,
			(unsigned long)start, (unsigned long)bad);
}

/* First byte behind the RAM that frames may hand out. */
static hx_paddr_t ram_end(const struct hx_boot_info *info)
{
	hx_paddr_t end = 0;
	uint32_t i;

	for (i = 0; i < info->n_mem; i++)
		if (info->mem[i].type == HX_MEM_USABLE)
			end = hx_max_u64(end, info->mem[i].end);
	return end;
}

/* Reserve the shadow of [start, end); what gets none stays unwatched. */
static void span_reserve(const struct kasan_span *s, uintptr_t start, uintptr_t end)
{
	uintptr_t at;
	hx_paddr_t pa;

	for (at = start; at < end && at < s->end; at = next_piece(at)) {
		uintptr_t *piece = &s->pieces[(at - s->start) >> PIECE_SHIFT];

		if (*piece == 0 && hx_frames_alloc(SHADOW_ORDER, HX_FRAMES_ANY, &pa) == 0)
			*piece = (uintptr_t)hx_phys_to_virt(pa) | PIECE_UNTOUCHED;
	}
}

static void span_give_back(const struct kasan_span *s)
{
	size_t i, n = (s->end - s->start) >> PIECE_SHIFT;

	for (i = 0; i < n; i++)
		if (s->pieces[i] != 0)
			hx_frames_free(hx_virt_to_phys((void *)(s->pieces[i] & ~PIECE_UNTOUCHED)),
				       SHADOW_ORDER);
	memset(s->pieces, 0, n * sizeof(s->pieces[0]));
}

static int kasan_init(void)
{
	const struct hx_boot_info *info = hx_boot_info();
	uint64_t n_direct = (ram_end(info) + PIECE_BYTES - 1) >> PIECE_SHIFT;
	uint64_t n_image = (info->kernel_size_bytes + PIECE_BYTES - 1) >> PIECE_SHIFT;
	void (*const *constructor)(void);
	hx_paddr_t pa;
	uint32_t i;
	int err;

	/* A table of the highest order knows 128 GiB; memory above that is not watched. */
	n_direct = hx_min_u64(n_direct, (HX_PAGE_SIZE << HX_FRAMES_MAX_ORDER) / sizeof(uintptr_t));
	direct_order = hx_log2_ceil(hx_max_u64(n_direct * sizeof(uintptr_t), HX_PAGE_SIZE)) -
		       HX_PAGE_SHIFT;
	err = hx_frames_alloc(direct_order, HX_FRAMES_ZERO, &pa);
	if (err != 0)
		return err;
	spans[0].pieces = hx_phys_to_virt(pa);
	spans[0].start = hx_hhdm_base;
	spans[0].end = hx_hhdm_base + n_direct * PIECE_BYTES;
	spans[1].start = info->kernel_virt;
	spans[1].end = info->kernel_virt + hx_min_u64(n_image, IMAGE_PIECES) * PIECE_BYTES;
	for (i = 0; i < info->n_mem; i++)
		if (info->mem[i].type == HX_MEM_USABLE)
			span_reserve(&spans[0], hx_hhdm_base + info->mem[i].start,
				     hx_hhdm_base + info->mem[i].end);
	span_reserve(&spans[1], spans[1].start, spans[1].end);
	kasan_is_on = true;
	for (constructor = __init_array_start; constructor < __init_array_end; constructor++)
		(*constructor)();
	return 0;
}

static void kasan_shutdown(void)
{
	kasan_is_on = false;
	span_give_back(&spans[0]);
	span_give_back(&spans[1]);
	hx_frames_free(hx_virt_to_phys(spans[0].pieces), direct_order);
}

HX_COMPONENT(kasan) = {
	.name = "kasan", .phase = HX_PHASE_EARLY, .version = 1, .needs = "frames",
	.init = kasan_init, .shutdown = kasan_shutdown,
};
