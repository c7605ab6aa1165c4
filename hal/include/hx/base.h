/* SPDX-License-Identifier: MIT */
/*
 * The words every file of the tree uses: scalar types whose unit matters, attributes, small
 * arithmetic helpers. No function here touches the machine and no declaration depends on the
 * configuration.
 */
#ifndef HX_BASE_H
#define HX_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hx/errno.h>

typedef uint64_t hx_paddr_t;	/* physical address, bytes */
typedef uint64_t hx_pfn_t;	/* physical page number: hx_paddr_t >> HX_PAGE_SHIFT */
typedef uint64_t hx_ns_t;	/* nanoseconds; as a point in time: since boot */
typedef int64_t  hx_ssize_t;	/* byte count, or a negative error */

#define HX_PAGE_SHIFT	12
#define HX_PAGE_SIZE	((size_t)1 << HX_PAGE_SHIFT)

#define HX_NS_PER_US	1000ull
#define HX_NS_PER_MS	1000000ull
#define HX_NS_PER_S	1000000000ull
#define HX_FOREVER	UINT64_MAX	/* a timeout that never ends */

#define HX_KIB	((size_t)1 << 10)
#define HX_MIB	((size_t)1 << 20)
#define HX_GIB	((uint64_t)1 << 30)

#define HX_MUST_CHECK		__attribute__((warn_unused_result))
#define HX_NORETURN		__attribute__((noreturn))
#define HX_PRINTF(fmt, first)	__attribute__((format(printf, fmt, first)))
#define HX_PACKED		__attribute__((packed))
/* Boot does not clear it: for large things that are read only where they were written. */
#define HX_UNCLEARED		__attribute__((section(".bss.hx_uncleared")))
#define HX_ALIGNED(n)		__attribute__((aligned(n)))
#define HX_NOINLINE		__attribute__((noinline))
#define HX_ALWAYS_INLINE	inline __attribute__((always_inline))
#define HX_COLD			__attribute__((cold, noinline))
#define HX_UNUSED		__attribute__((unused))
#define HX_NO_SANITIZE		__attribute__((no_sanitize("address", "undefined")))
#define HX_LIKELY(x)		__builtin_expect(!!(x), 1)
#define HX_UNLIKELY(x)		__builtin_expect(!!(x), 0)

#define HX_ARRAY_LEN(a)		(sizeof(a) / sizeof((a)[0]))
#define HX_CONTAINER_OF(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/*
 * HX_ENABLED(SCHED_RR) is 1 or 0, from <hx/config/<room>.h>, which defines every symbol of its room
 * as 0 or 1. A file that forgets the include does not compile, so a typo is never a silent 0.
 */
#define HX_ENABLED(sym)		(CONFIG_##sym != 0)

/*
 * Put a POINTER into a registration section. Pointers, never structs: compilers pad structs in
 * sections differently, so a walk over structs would land in the padding. The section name is a
 * C identifier; its bounds are __start_<section> and __stop_<section>.
 */
#define HX_REGISTER(section_, name_, type_, ptr_) \
	static const type_ *const hx_reg_##name_ \
	__attribute__((used, retain, section(#section_))) = (ptr_)

/*
 * Declare the bounds of a registration section (in the header of whoever walks it). Weak, so that
 * a host test in which nothing registered links too; then both are NULL and the walk is empty.
 */
#define HX_SECTION_BOUNDS(section_, type_) \
	extern const type_ *const __start_##section_[] \
	__attribute__((weak, visibility("hidden"))); \
	extern const type_ *const __stop_##section_[] __attribute__((weak, visibility("hidden")))

#define HX_SECTION_FOREACH(it_, section_) \
	for ((it_) = __start_##section_; (it_) < __stop_##section_; (it_)++)

static inline bool hx_is_pow2(uint64_t x)
{
	return x != 0 && (x & (x - 1)) == 0;
}

/* align is a power of two; the caller makes sure that x + align does not overflow. */
static inline uint64_t hx_align_up(uint64_t x, uint64_t align)
{
	return (x + align - 1) & ~(align - 1);
}

static inline uint64_t hx_align_down(uint64_t x, uint64_t align)
{
	return x & ~(align - 1);
}

static inline uint64_t hx_min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t hx_max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* floor(log2(x)); x is not 0. */
static inline unsigned hx_log2_floor(uint64_t x)
{
	return 63u - (unsigned)__builtin_clzll(x);
}

/* The smallest n with (1 << n) >= x; x is not 0. */
static inline unsigned hx_log2_ceil(uint64_t x)
{
	return x <= 1 ? 0 : hx_log2_floor(x - 1) + 1;
}

#endif
