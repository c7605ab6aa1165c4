// SPDX-License-Identifier: MIT
/*
 * The contents of a file: an array of pages that grows by doubling. A page that was never written
 * is a hole and costs nothing. Bytes past the end of the file inside its last page are always zero,
 * so growing needs no clearing.
 */
#include <hx/core/assert.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/string.h>
#include <hx/hal/mmu.h>

#include "ramfs_priv.h"

#define RAMFS_MAX_BYTES	(1ull << 40)	/* keeps every page index in a size_t and sums in 64 bits */

hx_ssize_t ramfs_data_read(struct ramfs_node *f, void *buf, size_t size, uint64_t off)
{
	uint8_t *out = buf;
	size_t done = 0;

	if (off >= f->fnode.size_bytes)
		return 0;
	size = hx_min_u64(size, f->fnode.size_bytes - off);
	while (done < size) {
		size_t idx = (off + done) >> HX_PAGE_SHIFT;
		size_t in_page = (off + done) & (HX_PAGE_SIZE - 1);
		size_t n = hx_min_u64(size - done, HX_PAGE_SIZE - in_page);
		hx_paddr_t page = idx < f->n_slots ? f->pages[idx] : 0;

		if (page != 0)
			memcpy(out + done, (uint8_t *)hx_phys_to_virt(page) + in_page, n);
		else
			memset(out + done, 0, n);
		done += n;
	}
	return (hx_ssize_t)done;
}

/* Make pages[] at least n_slots long. */
static int grow_slots(struct ramfs_node *f, size_t n_slots)
{
	hx_paddr_t *pages;
	size_t want = f->n_slots != 0 ? f->n_slots : 4;

	if (n_slots <= f->n_slots)
		return 0;
	while (want < n_slots)
		want *= 2;
	pages = hx_realloc(f->pages, want * sizeof(*pages));
	if (pages == NULL)
		return -HX_ENOMEM;
	memset(pages + f->n_slots, 0, (want - f->n_slots) * sizeof(*pages));
	f->pages = pages;
	f->n_slots = want;
	return 0;
}

static int take_page(struct ramfs *fs, hx_paddr_t *page)
{
	int err;

	if (__atomic_add_fetch(&fs->n_pages, 1, __ATOMIC_RELAXED) > fs->max_pages)
		err = -HX_ENOSPC;
	else
		err = hx_frames_alloc(0, HX_FRAMES_ZERO, page) != 0 ? -HX_ENOSPC : 0;
	if (err != 0)
		__atomic_sub_fetch(&fs->n_pages, 1, __ATOMIC_RELAXED);
	return err;
}

static void give_page(struct ramfs *fs, hx_paddr_t page)
{
	hx_frames_free(page, 0);
	__atomic_sub_fetch(&fs->n_pages, 1, __ATOMIC_RELAXED);
}

/* A write stops at the first page it cannot get and tells how far it came. */
hx_ssize_t ramfs_data_write(struct ramfs_node *f, const void *buf, size_t size, uint64_t off)
{
	const uint8_t *in = buf;
	size_t done = 0;
	int err = 0;

	if (off > RAMFS_MAX_BYTES || size > RAMFS_MAX_BYTES - off)
		return -HX_EFBIG;
	if (size == 0)
		return 0;
	err = grow_slots(f, ((off + size - 1) >> HX_PAGE_SHIFT) + 1);
	if (err != 0)
		return err;
	while (done < size) {
		size_t idx = (off + done) >> HX_PAGE_SHIFT;
		size_t in_page = (off + done) & (HX_PAGE_SIZE - 1);
		size_t n = hx_min_u64(size - done, HX_PAGE_SIZE - in_page);

		if (f->pages[idx] == 0) {
			err = take_page(ramfs_of(&f->fnode), &f->pages[idx]);
			if (err != 0)
				break;
		}
		memcpy((uint8_t *)hx_phys_to_virt(f->pages[idx]) + in_page, in + done, n);
		done += n;
	}
	if (done == 0)
		return err;
	f->fnode.size_bytes = hx_max_u64(f->fnode.size_bytes, off + done);
	return (hx_ssize_t)done;
}

int ramfs_data_truncate(struct ramfs_node *f, uint64_t size)
{
	size_t keep = (size + HX_PAGE_SIZE - 1) >> HX_PAGE_SHIFT;
	size_t tail = size & (HX_PAGE_SIZE - 1);

	if (size > RAMFS_MAX_BYTES)
		return -HX_EFBIG;
	for (size_t i = keep; i < f->n_slots; i++) {
		if (f->pages[i] != 0)
			give_page(ramfs_of(&f->fnode), f->pages[i]);
		f->pages[i] = 0;
	}
	if (tail != 0 && keep <= f->n_slots && f->pages[keep - 1] != 0)
		memset((uint8_t *)hx_phys_to_virt(f->pages[keep - 1]) + tail, 0,
		       HX_PAGE_SIZE - tail);
	f->fnode.size_bytes = size;
	if (size == 0) {
		hx_free(f->pages);
		f->pages = NULL;
		f->n_slots = 0;
	}
	return 0;
}
