// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room.
 */
#include <hx/core/export.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/heap_class.h>

HX_EXPORT(hx_heap_take_, 1);
HX_EXPORT(hx_heap_take_checked_, 1);
HX_EXPORT(hx_zalloc, 1);
HX_EXPORT(hx_calloc, 1);
HX_EXPORT(hx_alloc_aligned, 1);
HX_EXPORT(hx_realloc, 1);
HX_EXPORT(hx_heap_give_, 1);
HX_EXPORT(hx_heap_free_, 1);
HX_EXPORT(hx_alloc_size, 1);
HX_EXPORT(hx_heap_stats, 1);

HX_EXPORT(hx_frames_alloc, 1);
HX_EXPORT(hx_frames_free, 1);
HX_EXPORT(hx_frames_total, 1);
HX_EXPORT(hx_frames_n_free, 1);
HX_EXPORT(hx_frames_zone, 1);

HX_EXPORT(hx_heap_refuse, 1);
