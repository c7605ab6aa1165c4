// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room, and of the machine below it.
 */
#include <hx/config/core_lib.h>
#include <hx/config/hal_common.h>
#include <hx/core/assert.h>
#include <hx/core/bitmap.h>
#include <hx/core/crc32c.h>
#include <hx/core/export.h>
#include <hx/core/hash.h>
#include <hx/core/lock.h>
#include <hx/core/printf.h>
#include <hx/core/rbtree.h>
#include <hx/core/ring.h>
#include <hx/core/rwlock.h>
#include <hx/core/string.h>
#include <hx/core/text.h>
#include <hx/hal/cpu.h>
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>
#include <hx/hal/reg.h>
#include <hx/hal/timer.h>

HX_EXPORT_LEAF(memcpy, 1);
HX_EXPORT_LEAF(memmove, 1);
HX_EXPORT_LEAF(memset, 1);
HX_EXPORT_LEAF(memcmp, 1);

HX_EXPORT(hx_cpu_entropy, 1);
HX_EXPORT(hx_hhdm_base, 1);
HX_EXPORT(hx_mmu_map_device, 1);
HX_EXPORT(hx_reg_read8, 1);
HX_EXPORT(hx_reg_write8, 1);
HX_EXPORT(hx_reg_read32, 1);
HX_EXPORT(hx_reg_write32, 1);

HX_EXPORT(hx_cycles_hz, 1);
HX_EXPORT(hx_cycles_to_ns, 1);
HX_EXPORT(hx_ns_to_cycles, 1);
HX_EXPORT(hx_now_ns, 1);

HX_EXPORT(hx_bug, 1);

HX_EXPORT_IF(DEBUG_LOCKS, hx_lock_debug_acquire, 1);
HX_EXPORT_IF(DEBUG_LOCKS, hx_lock_debug_release, 1);
HX_EXPORT_IF(DEBUG_LOCKS, hx_lock_debug_contended, 1);
HX_EXPORT_IF(DEBUG_LOCKS, hx_lock_debug_is_held, 1);
HX_EXPORT_IF(SMP, hx_spin_wait, 1);
HX_EXPORT(hx_preempt_point, 1);
HX_EXPORT_IF(SMP, hx_rw_read_wait, 1);
HX_EXPORT_IF(SMP, hx_rw_write_wait, 1);

HX_EXPORT_LEAF(hx_strlen, 1);
HX_EXPORT_LEAF(hx_strnlen, 1);
HX_EXPORT_LEAF(hx_strcmp, 1);
HX_EXPORT_LEAF(hx_strncmp, 1);
HX_EXPORT_LEAF(hx_strcasecmp, 1);
HX_EXPORT_LEAF(hx_strchr, 1);
HX_EXPORT_LEAF(hx_strrchr, 1);
HX_EXPORT_LEAF(hx_memchr, 1);
HX_EXPORT_LEAF(hx_strlcpy, 1);
HX_EXPORT_LEAF(hx_glob, 1);
HX_EXPORT_LEAF(hx_parse_u64, 1);
HX_EXPORT_LEAF(hx_utf8_is_text, 1);

HX_EXPORT_LEAF(hx_snprintf, 1);
HX_EXPORT_LEAF(hx_vsnprintf, 1);
HX_EXPORT_LEAF(hx_text_buf_init, 1);
HX_EXPORT_LEAF(hx_text_window_init, 1);
HX_EXPORT_LEAF(hx_text_write, 1);
HX_EXPORT_LEAF(hx_text_puts, 1);
HX_EXPORT_LEAF(hx_text_printf, 1);
HX_EXPORT_LEAF(hx_text_vprintf, 1);

HX_EXPORT_LEAF(hx_rb_init, 1);
HX_EXPORT_LEAF(hx_rb_insert, 1);
HX_EXPORT_LEAF(hx_rb_remove, 1);
HX_EXPORT_IF(RB_AUGMENTED, hx_rb_insert_augmented, 1);
HX_EXPORT_IF(RB_AUGMENTED, hx_rb_remove_augmented, 1);
HX_EXPORT_LEAF(hx_rb_next, 1);
HX_EXPORT_LEAF(hx_rb_lower_bound, 1);
HX_EXPORT_LEAF(hx_rb_check, 1);

HX_EXPORT_LEAF(hx_hash_init, 1);
HX_EXPORT_LEAF(hx_hash_insert, 1);
HX_EXPORT_LEAF(hx_hash_remove, 1);
HX_EXPORT_LEAF(hx_hash_find, 1);
HX_EXPORT_LEAF(hx_hash_bytes, 1);
HX_EXPORT_LEAF(hx_hash_u64, 1);

HX_EXPORT_LEAF(hx_bitmap_set_range, 1);
HX_EXPORT_LEAF(hx_bitmap_clear_range, 1);
HX_EXPORT_LEAF(hx_bitmap_count, 1);
HX_EXPORT_LEAF(hx_bitmap_find_set, 1);
HX_EXPORT_LEAF(hx_bitmap_find_clear, 1);
HX_EXPORT_LEAF(hx_bitmap_find_clear_run, 1);

HX_EXPORT_LEAF(hx_ring_init, 1);
HX_EXPORT_LEAF(hx_ring_used, 1);
HX_EXPORT_LEAF(hx_ring_free, 1);
HX_EXPORT_LEAF(hx_ring_put, 1);
HX_EXPORT_LEAF(hx_ring_put_byte, 1);
HX_EXPORT_LEAF(hx_ring_get, 1);
HX_EXPORT_LEAF(hx_ring_get_byte, 1);

HX_EXPORT_LEAF(hx_crc32c, 1);
