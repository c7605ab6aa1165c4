/* SPDX-License-Identifier: MIT */
/*
 * The physical memory map: sorted, disjoint, page aligned, merged after every step, whatever order
 * and overlaps firmware reports.
 *
 * A new range is laid over the map from its start to its end, piece by piece:
 *
 *	map     |   A   |       |   B   |
 *	new         |--------------|
 *	pieces      |---|-------|--|	each a gap (insert), or in one range (keep or split)
 */
#include <hx/hal/mem.h>
#include <hx/hal/parse.h>

/* How bad a type is: where two ranges overlap, the higher one wins. */
static const uint8_t rank[] = {
	[HX_MEM_USABLE] = 0, [HX_MEM_ACPI] = 1, [HX_MEM_MODULE] = 2, [HX_MEM_KERNEL] = 3,
	[HX_MEM_BOOT] = 4, [HX_MEM_NVS] = 5, [HX_MEM_MMIO] = 6, [HX_MEM_RESERVED] = 7,
	[HX_MEM_BAD] = 8,
};

/* Put n new ranges before index i. */
static int make_room(struct hx_boot_info *info, uint32_t i, uint32_t n)
{
	if (info->n_mem + n > HX_BOOT_MEM_MAX)
		return -HX_ENFILE;
	memmove(&info->mem[i + n], &info->mem[i], (info->n_mem - i) * sizeof(info->mem[0]));
	info->n_mem += n;
	return 0;
}

static void set(struct hx_mem_range *r, hx_paddr_t start, hx_paddr_t end, uint32_t type)
{
	*r = (struct hx_mem_range){ .start = start, .end = end, .type = type };
}

/* Give [start, end), which lies inside range i, another type. */
static int retype(struct hx_boot_info *info, uint32_t i, hx_paddr_t start, hx_paddr_t end,
		  uint32_t type)
{
	struct hx_mem_range old = info->mem[i], *r;
	uint32_t before = old.start < start, after = end < old.end;
	int err = make_room(info, i, before + after);

	if (err != 0)
		return err;
	r = &info->mem[i];
	if (before)
		set(r++, old.start, start, old.type);
	set(r++, start, end, type);
	if (after)
		set(r, end, old.end, old.type);
	return 0;
}

static void merge(struct hx_boot_info *info)
{
	uint32_t kept = 0;

	for (uint32_t i = 1; i < info->n_mem; i++) {
		struct hx_mem_range *last = &info->mem[kept], *r = &info->mem[i];

		if (last->end == r->start && last->type == r->type)
			last->end = r->end;
		else if (++kept != i)
			info->mem[kept] = *r;
	}
	if (info->n_mem != 0)
		info->n_mem = kept + 1;
}

/* One piece of [start, end): returns where the next one begins, or 0 if the table is full. */
static hx_paddr_t add_piece(struct hx_boot_info *info, uint32_t *i, hx_paddr_t start,
			    hx_paddr_t end, uint32_t type)
{
	struct hx_mem_range *r;

	while (*i < info->n_mem && info->mem[*i].end <= start)
		(*i)++;
	r = &info->mem[*i];
	if (*i == info->n_mem || start < r->start) {
		if (*i < info->n_mem)
			end = hx_min_u64(end, r->start);
		if (make_room(info, *i, 1) != 0)
			return 0;
		set(r, start, end, type);
		return end;
	}
	end = hx_min_u64(end, r->end);
	if (rank[type] > rank[r->type] && retype(info, *i, start, end, type) != 0)
		return 0;
	return end;
}

int hx_memmap_add(struct hx_boot_info *info, hx_paddr_t start, hx_paddr_t end, uint32_t type)
{
	uint32_t i = 0;

	if (end < start || type >= HX_ARRAY_LEN(rank))
		return -HX_EINVAL;
	/* The last page of the address space is nobody's: its end would be 0. */
	end = hx_min_u64(end, -(uint64_t)HX_PAGE_SIZE);
	start = hx_min_u64(start, end);
	if (type == HX_MEM_USABLE) {
		start = hx_align_up(start, HX_PAGE_SIZE);
		end = hx_align_down(end, HX_PAGE_SIZE);
	} else if (start < end) {
		start = hx_align_down(start, HX_PAGE_SIZE);
		end = hx_align_up(end, HX_PAGE_SIZE);
	}
	while (start < end) {
		start = add_piece(info, &i, start, end, type);
		if (start == 0)
			return -HX_ENFILE;
	}
	merge(info);
	return 0;
}

int hx_memmap_claim(struct hx_boot_info *info, hx_paddr_t start, hx_paddr_t end, uint32_t type)
{
	hx_paddr_t at = hx_align_down(start, HX_PAGE_SIZE);

	if (end < start || end > -(uint64_t)HX_PAGE_SIZE)
		return -HX_EINVAL;
	for (uint32_t i = 0; i < info->n_mem && at < end; i++) {
		const struct hx_mem_range *r = &info->mem[i];

		if (r->start <= at && at < r->end &&
		    (r->type == HX_MEM_USABLE || r->type == type))
			at = r->end;
	}
	if (at < end)
		return -HX_ENOENT;
	return hx_memmap_add(info, start, end, type);
}
