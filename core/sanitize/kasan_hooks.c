/* SPDX-License-Identifier: MIT */
/*
 * What instrumented code calls: a function per access size, the registration of global variables,
 * and, in place of memcpy() and its like (ld --wrap), checked ones.
 *
 * Small copies of constant size that gcc expands in place are not seen; clang keeps them as calls.
 * Source: GCC 12 gcc/asan.cc and LLVM 14 AddressSanitizer.cpp (names and layouts only).
 */
#include <hx/core/sanitize.h>

#include "sanitize_priv.h"

/* Named and typed by the compilers; nobody else calls them. */
#define KASAN_HOOK(type, name, ...) \
	type name(__VA_ARGS__); \
	type name(__VA_ARGS__)

#define KASAN_ACCESS(size) \
	KASAN_HOOK(void, __asan_load##size##_noabort, uintptr_t at) \
	{ \
		kasan_check(at, size, KASAN_READ, SANITIZE_CALLER()); \
	} \
	KASAN_HOOK(void, __asan_store##size##_noabort, uintptr_t at) \
	{ \
		kasan_check(at, size, KASAN_WRITE, SANITIZE_CALLER()); \
	}

KASAN_ACCESS(1)
KASAN_ACCESS(2)
KASAN_ACCESS(4)
KASAN_ACCESS(8)
KASAN_ACCESS(16)

KASAN_HOOK(void, __asan_loadN_noabort, uintptr_t at, size_t n)
{
	kasan_check(at, n, KASAN_READ, SANITIZE_CALLER());
}

KASAN_HOOK(void, __asan_storeN_noabort, uintptr_t at, size_t n)
{
	kasan_check(at, n, KASAN_WRITE, SANITIZE_CALLER());
}

/* Before a call that never returns: would clear the stack's shadow, and there is none. */
KASAN_HOOK(void, __asan_handle_no_return, void)
{
}

struct kasan_global {
	uintptr_t start;
	size_t size_bytes, padded_bytes;	/* padded: with the compiler's redzone */
	const char *name, *module;
	uintptr_t has_init;
	const void *place, *odr;
};

KASAN_HOOK(void, __asan_register_globals, const struct kasan_global *g, size_t n)
{
	for (; n != 0; g++, n--) {
		size_t whole = hx_align_up(g->size_bytes, 8);

		hx_kasan_poison_(g->start + whole, g->padded_bytes - whole, HX_KASAN_GLOBAL);
		hx_kasan_unpoison_(g->start, g->size_bytes);
	}
}

KASAN_HOOK(void, __asan_unregister_globals, const struct kasan_global *g, size_t n)
{
}

/* What --wrap calls the function that stands behind the wrapped name. */
void *__real_memcpy(void *restrict dst, const void *restrict src, size_t n);
void *__real_memmove(void *dst, const void *src, size_t n);
void *__real_memset(void *dst, int byte, size_t n);
int __real_memcmp(const void *a, const void *b, size_t n);

KASAN_HOOK(void *, __wrap_memcpy, void *restrict dst, const void *restrict src, size_t n)
{
	kasan_check((uintptr_t)src, n, KASAN_READ, SANITIZE_CALLER());
	kasan_check((uintptr_t)dst, n, KASAN_WRITE, SANITIZE_CALLER());
	return __real_memcpy(dst, src, n);
}

KASAN_HOOK(void *, __wrap_memmove, void *dst, const void *src, size_t n)
{
	kasan_check((uintptr_t)src, n, KASAN_READ, SANITIZE_CALLER());
	kasan_check((uintptr_t)dst, n, KASAN_WRITE, SANITIZE_CALLER());
	return __real_memmove(dst, src, n);
}

KASAN_HOOK(void *, __wrap_memset, void *dst, int byte, size_t n)
{
	kasan_check((uintptr_t)dst, n, KASAN_WRITE, SANITIZE_CALLER());
	return __real_memset(dst, byte, n);
}

/* The standard lets memcmp() read all n bytes of both, so that is what must be readable. */
KASAN_HOOK(int, __wrap_memcmp, const void *a, const void *b, size_t n)
{
	kasan_check((uintptr_t)a, n, KASAN_READ, SANITIZE_CALLER());
	kasan_check((uintptr_t)b, n, KASAN_READ, SANITIZE_CALLER());
	return __real_memcmp(a, b, n);
}
