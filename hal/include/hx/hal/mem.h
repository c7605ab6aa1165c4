/* SPDX-License-Identifier: MIT */
/*
 * The four memory functions that compilers call by themselves. They are here, on the lowest floor,
 * because every floor's code may contain such calls. Semantics as in ISO C.
 */
#ifndef HX_HAL_MEM_H
#define HX_HAL_MEM_H

#include <hx/base.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
