/* SPDX-License-Identifier: MIT */
/*
 * Fault injection: named points that somebody arms, from the command line (helix.fault=point[:n])
 * or from /fault/ctl. An armed point fires at its n-th hit, at every n-th, or by chance, with the
 * kind of fault that was asked for. A point that is not armed costs one load and a branch; with
 * CONFIG_FAULT_INJECTION off, nothing.
 */
#ifndef HX_CORE_FAULT_H
#define HX_CORE_FAULT_H

#include <hx/base.h>
#include <hx/config/core_lib.h>

#define HX_FAULT_NAME_MAX	32	/* bytes of a point's name with the NUL */

/* What happens. The first four happen at any point; of the others each point has its own. */
enum hx_fault_kind {
	HX_FAULT_NONE,
	HX_FAULT_WILD,		/* a write to memory that is nobody's */
	HX_FAULT_NULL,		/* a call of NULL */
	HX_FAULT_LOOP,		/* it never goes on */
	HX_FAULT_FAIL,		/* the operation answers with an error */
	HX_FAULT_LEAK,		/* what should be given back is not */
	HX_FAULT_DEADLOCK,	/* threads wait for each other's mutexes */
	HX_FAULT_FLIP,		/* one bit of a structure is another */
	HX_FAULT_LOST,		/* an interrupt does not come */
	HX_FAULT_KINDS,
};

/* A point somebody may arm, for /fault/points. A name that ends in '*' stands for a family. */
struct hx_fault_point {
	const char *name;	/* "heap.alloc", "init.*" */
	const char *help;	/* what fails when it fires */
	uint32_t kind;		/* of those, unless another is asked for */
};

HX_SECTION_BOUNDS(hx_fault_points, struct hx_fault_point);
#if CONFIG_FAULT_INJECTION
#define HX_FAULT_POINT_OF(ident, name_, kind_, help_) \
	static const struct hx_fault_point hx_fault_point_##ident = { (name_), (help_), (kind_) }; \
	HX_REGISTER(hx_fault_points, fault_point_##ident, struct hx_fault_point, \
		    &hx_fault_point_##ident)
#else
#define HX_FAULT_POINT_OF(ident, name_, kind_, help_) \
	_Static_assert((kind_) < HX_FAULT_KINDS, "a kind")
#endif
#define HX_FAULT_POINT(ident, name_, help_) HX_FAULT_POINT_OF(ident, name_, HX_FAULT_FAIL, help_)

extern volatile uint32_t hx_fault_n_armed;	/* how many points are armed */
bool hx_fault_hits_slow(const char *point);
unsigned hx_fault_kind_slow(const char *point);

/**
 * hx_fault_hits() - whether the operation at this point must go wrong now.
 * hx_fault_hits_slow() - its path when something is armed; not for callers.
 * @point: the point's name, constant: "init.log", "heap.alloc"
 *
 * Returns: true when the armed point fires with a kind that the caller carries out: fail, leak,
 *          flip, lost. A wild write, a null call or a loop happens in here.
 * Context: any but NMI.
 * Locks:   the table's own, only while something is armed.
 * Owner:   -
 * Cost:    one load and a branch; nothing with CONFIG_FAULT_INJECTION off.
 * Source:  FreeBSD fail(9): armed points by name, counts and chances.
 */
static inline bool hx_fault_hits(const char *point)
{
	if (!HX_ENABLED(FAULT_INJECTION) || HX_LIKELY(hx_fault_n_armed == 0))
		return false;
	return hx_fault_hits_slow(point);
}

/* An address that no kernel and no module has: user memory on all machines. */
#define HX_FAULT_NOWHERE	((uintptr_t)0x00007fff12345678)

/* What the first three kinds do, in the code of who calls it: so it is that one's fault. */
static HX_ALWAYS_INLINE void hx_fault_do(unsigned kind)
{
	static void (*volatile nothing)(void);

	if (kind == HX_FAULT_WILD)
		*(volatile uint64_t *)HX_FAULT_NOWHERE = kind;
	else if (kind == HX_FAULT_NULL)
		nothing();
	while (kind == HX_FAULT_LOOP)
		__asm__ volatile("" ::: "memory");
}

/**
 * hx_fault_here() - a point in a module: what goes wrong does in the module's own code.
 * hx_fault_kind_slow() - its path when something is armed; not for callers.
 * @point: the point's name, "module.<name>"
 *
 * Returns: HX_FAULT_NONE, mostly; else the kind, of those that the caller carries out itself.
 * Context: any but NMI.
 * Locks:   as hx_fault_hits().
 * Owner:   -
 * Cost:    as hx_fault_hits(), and some 60 bytes of code at each point.
 * Source:  -
 */
static HX_ALWAYS_INLINE unsigned hx_fault_here(const char *point)
{
	unsigned kind;

	if (!HX_ENABLED(FAULT_INJECTION) || HX_LIKELY(hx_fault_n_armed == 0))
		return HX_FAULT_NONE;
	kind = hx_fault_kind_slow(point);
	hx_fault_do(kind);
	return kind;
}

/**
 * hx_fault_flip() - one bit of a structure becomes another: which, the generator says.
 * @bytes: the structure
 * @n:     its bytes, not 0
 *
 * Returns: nothing.
 * Context: any but NMI.
 * Locks:   the table's own.
 * Owner:   -
 * Cost:    some 20 instructions.
 * Source:  -
 */
void hx_fault_flip(void *bytes, size_t n);

/* How a point is armed; 0 stands for what is usual. */
struct hx_fault_plan {
	const char *point;
	uint32_t kind;		/* enum hx_fault_kind; usual: fail */
	uint32_t odds;		/* one of so many of these hits fires, by chance; usual: each */
	uint64_t after;		/* the hit from now that is the first to fire; usual: 1 */
	uint64_t every;		/* and then each so manieth; usual: 1 */
	uint64_t times;		/* how often it fires before it is disarmed; usual: 1 */
};

#define HX_FAULT_ALWAYS	UINT64_MAX	/* times: until it is disarmed */

/**
 * hx_fault_arm() - arm a point by a text; armed already: anew.
 * hx_fault_plan_arm() - arm it as planned.
 * @spec: "point", "point:n" (the n-th time from now, 1 = next) or "point:n:kind"
 * @plan: all of it
 *
 * Returns: 0; -HX_EINVAL malformed; -HX_ENFILE table full. On error nothing changed.
 * Context: any but NMI.
 * Locks:   the table's own.
 * Owner:   @spec and @plan are copied.
 * Cost:    O(armed points).
 * Source:  -
 */
HX_MUST_CHECK int hx_fault_arm(const char *spec);
HX_MUST_CHECK int hx_fault_plan_arm(const struct hx_fault_plan *plan);

/**
 * hx_fault_disarm() - disarm a point; its counts stay while there is room.
 * @point: its name
 *
 * Returns: 0; -HX_ENOENT not armed.
 * Context: any but NMI.
 * Locks:   the table's own.
 * Owner:   -
 * Cost:    O(armed points).
 * Source:  -
 */
int hx_fault_disarm(const char *point);

/**
 * hx_fault_seed() - where the generator of chances and of bits begins.
 * hx_fault_counts() - how often a point was hit while it was armed, and how often it fired.
 * @seed:    any number; the same one gives the same faults at the same hits
 * @n_hits:  receives the first
 * @n_fired: receives the second
 *
 * Returns: counts: false: the point was never armed, or so long ago that it is forgotten.
 * Context: any but NMI.
 * Locks:   the table's own.
 * Owner:   -
 * Cost:    O(armed points).
 * Source:  -
 */
void hx_fault_seed(uint64_t seed);
bool hx_fault_counts(const char *point, uint64_t *n_hits, uint64_t *n_fired);

/**
 * hx_fault_kind_name() - a kind as a word: "wild"; "?" for no kind.
 * hx_fault_kind_named() - the kind with that name.
 * @kind: any number
 * @name: any text
 *
 * Returns: the name is constant; named: HX_FAULT_NONE if there is none.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    -
 * Source:  -
 */
const char *hx_fault_kind_name(unsigned kind);
enum hx_fault_kind hx_fault_kind_named(const char *name);

#endif
