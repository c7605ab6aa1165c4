/* SPDX-License-Identifier: MIT */
/*
 * A small piece of physical memory for the readers under test: bytes at a base address, heap
 * allocated to its exact size, so that a read past the end is an ASan report and not luck.
 */
#ifndef HX_HAL_COMMON_TESTS_MEMORY_VIEW_H
#define HX_HAL_COMMON_TESTS_MEMORY_VIEW_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hx/hal/parse.h>

#define VIEW_BASE	0x10000ull

static uint8_t *view_bytes;
static size_t view_size;

static inline void view_start(size_t size)
{
	free(view_bytes);
	view_bytes = calloc(1, size);
	view_size = size;
	assert_non_null(view_bytes);
}

static inline int view_end(void **state)
{
	free(view_bytes);
	view_bytes = NULL;
	return 0;
}

static inline const void *view(hx_paddr_t pa, size_t n)
{
	if (pa < VIEW_BASE || pa - VIEW_BASE > view_size || n > view_size - (pa - VIEW_BASE))
		return NULL;
	return view_bytes + (pa - VIEW_BASE);
}

static inline void put16(size_t at, uint16_t v)
{
	memcpy(view_bytes + at, &v, sizeof(v));
}

static inline void put32(size_t at, uint32_t v)
{
	memcpy(view_bytes + at, &v, sizeof(v));
}

static inline void put64(size_t at, uint64_t v)
{
	memcpy(view_bytes + at, &v, sizeof(v));
}

/* Repeatable noise: xorshift64. */
static inline uint64_t noise(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* What every map must be, whatever went in. */
static inline void assert_map_is_sound(const struct hx_boot_info *info)
{
	assert_in_range(info->n_mem, 0, HX_BOOT_MEM_MAX);
	for (uint32_t i = 0; i < info->n_mem; i++) {
		const struct hx_mem_range *r = &info->mem[i];

		assert_true(r->start < r->end);
		assert_int_equal((r->start | r->end) % HX_PAGE_SIZE, 0);
		if (i > 0) {
			assert_true(r[-1].end <= r->start);
			assert_false(r[-1].end == r->start && r[-1].type == r->type);
		}
	}
}

#endif
