/* SPDX-License-Identifier: MIT */
/*
 * What the tests of this folder share: cmocka with its headers, repeatable random numbers, and
 * expecting an hx_bug().
 */
#ifndef HX_CORE_LIB_TEST_PRIV_H
#define HX_CORE_LIB_TEST_PRIV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hx/core/assert.h>

/* Marsaglia's xorshift64: the same numbers in every run. */
static inline uint64_t test_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static jmp_buf test_bug_jump;
static char test_bug_text[256];

static inline void test_bug_hook(const char *fmt, va_list ap)
{
	vsnprintf(test_bug_text, sizeof(test_bug_text), fmt, ap);
	longjmp(test_bug_jump, 1);
}

/* True if the call ended in hx_bug() with `words` in its text. */
#define TEST_IS_BUG(call, words) ({ \
	test_bug_text[0] = '\0'; \
	hx_bug_set_hook(test_bug_hook); \
	if (setjmp(test_bug_jump) == 0) \
		call; \
	hx_bug_set_hook(NULL); \
	strstr(test_bug_text, words) != NULL; })

#endif
