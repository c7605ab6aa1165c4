/* SPDX-License-Identifier: MIT */
/*
 * Undefined behaviour that does little harm where nobody watches, for UBSAN. Operands are volatile,
 * so that the compiler does not know them; what a pointer points to is not, since clang does not
 * check volatile loads.
 */
#include "provoke_priv.h"

static volatile int result;
static volatile long long_result;

static void commit_shift(void)
{
	volatile int one = 1, by = 40;

	result = one << by;
}

static void commit_sum(void)
{
	volatile int most = INT32_MAX, one = 1;

	result = most + one;
}

static void commit_product(void)
{
	volatile long big = INT64_MAX, two = -2;

	long_result = big * two;
}

static void commit_negation(void)
{
	volatile int least = INT32_MIN;

	result = -least;
}

static void commit_index(void)
{
	static volatile int table[4][4];
	volatile unsigned row = 0, column = 5;	/* past the row, but inside the table */

	result = table[row][column];
}

static void commit_misaligned(void)
{
	static uint32_t two[2];
	uint32_t *volatile p = (uint32_t *)((uintptr_t)two + 1);

	result = (int)*p;
}

/* Where nobody watches, this one is a page fault. */
static void commit_null(void)
{
	uint32_t *volatile p = NULL;

	result = (int)*p;
}

static void commit_bool(void)
{
	volatile unsigned char byte = 7;
	volatile bool *volatile p = (volatile bool *)&byte;

	result = *p;
}

const struct provocation provoke_undefined[] = {
	{ "shift", commit_shift },
	{ "sum", commit_sum },
	{ "product", commit_product },
	{ "negation", commit_negation },
	{ "index", commit_index },
	{ "misaligned", commit_misaligned },
	{ "bool", commit_bool },
	{ "null", commit_null },
	{ NULL, NULL },
};
