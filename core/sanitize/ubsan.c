/* SPDX-License-Identifier: MIT */
/*
 * The undefined behaviour sanitizer's side of the deal: the functions that compiled code calls when
 * a check fails, each with a pointer to constant data about the place and the values.
 *
 * gcc 12 and clang 14 use the same names and layouts. Values of up to 64 bits come in the argument
 * itself; wider ones, which kernel code has none of, come as an address and are shown as such.
 * Source: LLVM compiler-rt, lib/ubsan/ubsan_handlers.h (names and layouts only).
 */
#include <hx/core/printf.h>
#include <hx/core/string.h>

#include "sanitize_priv.h"

/* Where in the source; the first member of each data structure. */
struct ubsan_place {
	const char *file;
	uint32_t line, column;
};

struct ubsan_type {
	uint16_t kind;		/* 0: integer */
	uint16_t info;		/* integer: bit 0 signed, above it log2 of the width in bits */
	char name[];		/* in quotes */
};

struct ubsan_value_data {	/* sums, products, negation, division, bad bool or enum values */
	struct ubsan_place place;
	const struct ubsan_type *type;
};

struct ubsan_pair_data {	/* shifts: of what and by what; indices: of what and what */
	struct ubsan_place place;
	const struct ubsan_type *first, *second;
};

struct ubsan_pointer_data {
	struct ubsan_place place;
	const struct ubsan_type *type;
	uint8_t log_align;
	uint8_t access;		/* index into access_names */
};

static const char *const access_names[] = {
	"load", "store", "reference", "member access", "member call", "constructor call",
	"downcast", "downcast", "upcast", "upcast to virtual base", "nonnull", "dynamic operation",
};

#define VALUE_MAX	24	/* a 64-bit number with its sign */

static bool type_is_signed(const struct ubsan_type *t)
{
	return t->kind == 0 && (t->info & 1);
}

static unsigned type_bits(const struct ubsan_type *t)
{
	return t->kind == 0 ? 1u << (t->info >> 1) : 64;
}

static const char *show_value(char buf[VALUE_MAX], const struct ubsan_type *t, uint64_t x)
{
	unsigned unused = 64 - (unsigned)hx_min_u64(type_bits(t), 64);

	x <<= unused;
	if (type_bits(t) > 64)
		hx_snprintf(buf, VALUE_MAX, "*%#jx", x);
	else if (type_is_signed(t))
		hx_snprintf(buf, VALUE_MAX, "%jd", (int64_t)x >> unused);
	else
		hx_snprintf(buf, VALUE_MAX, "%ju", x >> unused);
	return buf;
}

static HX_PRINTF(2, 3) void ubsan_report(const struct ubsan_place *p, const char *fmt, ...)
{
	const char *file = p->file;
	char text[160];
	va_list ap;

	while (hx_strncmp(file, "../", 3) == 0)		/* not mapped by -ffile-prefix-map */
		file += 3;
	va_start(ap, fmt);
	hx_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sanitize_report(SANITIZE_UBSAN, 0, "%s:%u:%u: %s", file, p->line, p->column, text);
}

static void report_pair(const struct ubsan_value_data *d, const char *operator, uint64_t a,
			uint64_t b)
{
	char left[VALUE_MAX], right[VALUE_MAX];

	ubsan_report(&d->place, "%s overflow: %s %s %s does not fit in %s",
		     type_is_signed(d->type) ? "signed" : "unsigned", show_value(left, d->type, a),
		     operator, show_value(right, d->type, b), d->type->name);
}

/* The compilers call these by name and know their types; nobody else does. */
#define UBSAN_HANDLER(name, ...) \
	void __ubsan_handle_##name(__VA_ARGS__); \
	void __ubsan_handle_##name(__VA_ARGS__)

UBSAN_HANDLER(add_overflow, const struct ubsan_value_data *d, uint64_t a, uint64_t b)
{
	report_pair(d, "+", a, b);
}

UBSAN_HANDLER(sub_overflow, const struct ubsan_value_data *d, uint64_t a, uint64_t b)
{
	report_pair(d, "-", a, b);
}

UBSAN_HANDLER(mul_overflow, const struct ubsan_value_data *d, uint64_t a, uint64_t b)
{
	report_pair(d, "*", a, b);
}

UBSAN_HANDLER(divrem_overflow, const struct ubsan_value_data *d, uint64_t a, uint64_t b)
{
	char value[VALUE_MAX];

	if (b == 0)
		ubsan_report(&d->place, "division of %s by zero", show_value(value, d->type, a));
	else
		report_pair(d, "/", a, b);
}

UBSAN_HANDLER(negate_overflow, const struct ubsan_value_data *d, uint64_t a)
{
	char value[VALUE_MAX];

	ubsan_report(&d->place, "signed overflow: - (%s) does not fit in %s",
		     show_value(value, d->type, a), d->type->name);
}

UBSAN_HANDLER(shift_out_of_bounds, const struct ubsan_pair_data *d, uint64_t a, uint64_t by)
{
	char value[VALUE_MAX], count[VALUE_MAX];

	ubsan_report(&d->place, "shift out of bounds: %s shifted by %s in %s, %u bits",
		     show_value(value, d->first, a), show_value(count, d->second, by),
		     d->first->name, type_bits(d->first));
}

UBSAN_HANDLER(out_of_bounds, const struct ubsan_pair_data *d, uint64_t index)
{
	char value[VALUE_MAX];

	ubsan_report(&d->place, "index out of bounds: %s in %s",
		     show_value(value, d->second, index), d->first->name);
}

UBSAN_HANDLER(type_mismatch_v1, const struct ubsan_pointer_data *d, uintptr_t ptr)
{
	uintptr_t align = (uintptr_t)1 << d->log_align;
	const char *access = d->access < HX_ARRAY_LEN(access_names) ? access_names[d->access] :
			     "access";

	if (ptr == 0)
		ubsan_report(&d->place, "null pointer: %s of %s", access, d->type->name);
	else if (ptr & (align - 1))
		ubsan_report(&d->place, "misaligned: %s of %s at %#lx needs %lu bytes", access,
			     d->type->name, (unsigned long)ptr, (unsigned long)align);
	else
		ubsan_report(&d->place, "object too small: %s of %s at %#lx", access, d->type->name,
			     (unsigned long)ptr);
}

UBSAN_HANDLER(pointer_overflow, const struct ubsan_place *p, uintptr_t base, uintptr_t result)
{
	ubsan_report(p, "pointer overflow: from %#lx to %#lx", (unsigned long)base,
		     (unsigned long)result);
}

UBSAN_HANDLER(load_invalid_value, const struct ubsan_value_data *d, uint64_t x)
{
	char value[VALUE_MAX];

	ubsan_report(&d->place, "invalid value: %s is none of %s", show_value(value, d->type, x),
		     d->type->name);
}

UBSAN_HANDLER(vla_bound_not_positive, const struct ubsan_value_data *d, uint64_t bound)
{
	char value[VALUE_MAX];

	ubsan_report(&d->place, "array of %s elements", show_value(value, d->type, bound));
}

UBSAN_HANDLER(nonnull_arg, const struct ubsan_place *p)
{
	ubsan_report(p, "null pointer: argument that must not be null");
}

UBSAN_HANDLER(nonnull_return_v1, const void *unused, const struct ubsan_place *p)
{
	ubsan_report(p, "null pointer: result that must not be null");
}

UBSAN_HANDLER(invalid_builtin, const struct ubsan_place *p)
{
	ubsan_report(p, "zero given to a builtin that counts zero bits");
}

UBSAN_HANDLER(alignment_assumption, const struct ubsan_place *p, uintptr_t ptr, uintptr_t align,
	      uintptr_t offset)
{
	ubsan_report(p, "misaligned: %#lx was said to be on %lu bytes",
		     (unsigned long)(ptr - offset), (unsigned long)align);
}

UBSAN_HANDLER(builtin_unreachable, const struct ubsan_place *p)
{
	ubsan_report(p, "unreachable code reached");
}

UBSAN_HANDLER(missing_return, const struct ubsan_place *p)
{
	ubsan_report(p, "function ended without a result");
}
