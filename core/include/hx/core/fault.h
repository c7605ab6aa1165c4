/* SPDX-License-Identifier: MIT */
/*
 * Fault injection: named points that a test arms, from the command line (helix.fault=point[:n],…)
 * or from /fault/ctl. A point that is not armed costs one load and a branch; with
 * CONFIG_FAULT_INJECTION off, nothing.
 */
#ifndef HX_CORE_FAULT_H
#define HX_CORE_FAULT_H

#include <hx/base.h>
#include <hx/config/core_lib.h>

#define HX_FAULT_NAME_MAX	32	/* bytes of a point's name with the NUL */

/* A point somebody may arm, for /fault/points. A name that ends in '*' stands for a family. */
struct hx_fault_point {
	const char *name;	/* "heap.alloc", "init.*" */
	const char *help;	/* what fails when it hits */
};

HX_SECTION_BOUNDS(hx_fault_points, struct hx_fault_point);
#define HX_FAULT_POINT(ident, name_, help_) \
	static const struct hx_fault_point hx_fault_point_##ident = { (name_), (help_) }; \
	HX_REGISTER(hx_fault_points, fault_point_##ident, struct hx_fault_point, \
		    &hx_fault_point_##ident)

extern volatile uint32_t hx_fault_n_armed;	/* how many points are armed */
bool hx_fault_hits_slow(const char *point);

/**
 * hx_fault_hits() - whether the operation at this point must fail now.
 * hx_fault_hits_slow() - its path when something is armed; not for callers.
 * @point: the point's name, constant: "init.log", "heap.alloc"
 *
 * Returns: true once, when the armed point counts down to zero; the point is then disarmed.
 * Context: any but NMI.
 * Locks:   the table's own, only while something is armed.
 * Owner:   -
 * Cost:    one load and a branch; nothing with CONFIG_FAULT_INJECTION off.
 * Source:  FreeBSD fail(9) (armed points by name); ours only count down.
 */
static inline bool hx_fault_hits(const char *point)
{
	if (!HX_ENABLED(FAULT_INJECTION) || HX_LIKELY(hx_fault_n_armed == 0))
		return false;
	return hx_fault_hits_slow(point);
}

/**
 * hx_fault_arm() - arm a point; armed already: set its count anew.
 * @spec: "point" or "point:n" (the n-th time from now, 1 = next)
 *
 * Returns: 0; -HX_EINVAL malformed; -HX_ENFILE table full. On error nothing changed.
 * Context: any but NMI.
 * Locks:   the table's own.
 * Owner:   @spec is copied.
 * Cost:    O(armed points).
 * Source:  -
 */
HX_MUST_CHECK int hx_fault_arm(const char *spec);

/**
 * hx_fault_disarm() - forget a point.
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

#endif
