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

hx_ssize_t ramfs_data_read(struct hx_fnode *n, void *buf, size_t size, uint64_t off)
{
	const struct ramfs_node *f = ramfs_node_of(n);
	uint8_t *out = buf;
	size_t done = 0;

	if (off >= n->size_bytes)
		return 0;
	size = hx_min_u64(size, n->size_bytes - off);
	while (done < size) {
		size_t idx = (off + done) >> HX_PAGE_SHIFT;
		size_t in_page = (off + done) & (HX_PAGE_SIZE - 1);
		size_t len = hx_min_u64(size - done, HX_PAGE_SIZE - in_page);
		hx_paddr_t page = idx < f->n_slots ? f->pages[idx] : 0;

		if (page != 0)
			memcpy(out + done, (uint8_t *)hx_phys_to_virt(page) + in_page, len);
		else
			memset(out + done, 0, len);
		done += len;
	}
	return (hx_ssize_t)done;
}

/* Make pages[] at least n_slots long, which it is not. */
static HX_NOINLINE int grow_slots(struct ramfs_node *f, size_t n_slots)
{
	hx_paddr_t *pages;
	size_t want = f->n_slots != 0 ? f->n_slots : 4;

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

static HX_NOINLINE int take_page(const struct hx_mount *m, hx_paddr_t *page)
{
	struct ramfs *fs = m->priv;
	int err;

	if (__atomic_add_fetch(&fs->n_pages, 1, __ATOMIC_RELAXED) > m->max_bytes / HX_PAGE_SIZE)
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
hx_ssize_t ramfs_data_write(struct hx_fnode *n, const void *buf, size_t size, uint64_t off)
{
	struct ramfs_node *f = ramfs_node_of(n);
	const uint8_t *in = buf;
	size_t done = 0;
	size_t n_slots;
	int err = 0;

	if (off > RAMFS_MAX_BYTES || size > RAMFS_MAX_BYTES - off)
		return -HX_EFBIG;
	if (size == 0)
		return 0;
	n_slots = ((off + size - 1) >> HX_PAGE_SHIFT) + 1;
	if (n_slots > f->n_slots && grow_slots(f, n_slots) != 0)
		return -HX_ENOMEM;
	while (done < size) {
		size_t idx = (off + done) >> HX_PAGE_SHIFT;
		size_t in_page = (off + done) & (HX_PAGE_SIZE - 1);
		size_t len = hx_min_u64(size - done, HX_PAGE_SIZE - in_page);

		if (f->pages[idx] == 0) {
			err = take_page(n->mount, &f->pages[idx]);
			if (err != 0)
				break;
		}
		memcpy((uint8_t *)hx_phys_to_virt(f->pages[idx]) + in_page, in + done, len);
		done += len;
	}
	if (done == 0)
		return err;
	n->size_bytes = hx_max_u64(n->size_bytes, off + done);
	return (hx_ssize_t)done;
}

int ramfs_data_truncate(struct hx_fnode *n, uint64_t size)
{
	struct ramfs_node *f = ramfs_node_of(n);
	size_t keep = (size + HX_PAGE_SIZE - 1) >> HX_PAGE_SHIFT;
	size_t tail = size & (HX_PAGE_SIZE - 1);

	if (size > RAMFS_MAX_BYTES)
		return -HX_EFBIG;
	for (size_t i = keep; i < f->n_slots; i++) {
		if (f->pages[i] != 0)
			give_page(ramfs_of(n), f->pages[i]);
		f->pages[i] = 0;
	}
	if (tail != 0 && keep <= f->n_slots && f->pages[keep - 1] != 0)
		memset((uint8_t *)hx_phys_to_virt(f->pages[keep - 1]) + tail, 0,
		       HX_PAGE_SIZE - tail);
	n->size_bytes = size;
	if (size == 0) {
		hx_free(f->pages);
		f->pages = NULL;
		f->n_slots = 0;
	}
	return 0;
}
