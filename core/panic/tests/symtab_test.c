// SPDX-License-Identifier: MIT
/* The symbol table's reader: right answers from a good table, no fault from any other bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../panic_priv.h"

#define N_FUNCS	3

/* A table is written here with the simplest possible code: one byte per LEB where that fits. */
static uint8_t table[512];
static uint32_t table_size;

static void u32_at(uint32_t at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		table[at + (uint32_t)i] = (uint8_t)(value >> (8 * i));
}

static void add(const void *bytes, size_t n)
{
	memcpy(table + table_size, bytes, n);
	table_size += (uint32_t)n;
}

static void entry(unsigned idx, uint32_t start)
{
	u32_at(24 + idx * 8, start);
	u32_at(24 + idx * 8 + 4, table_size);
}

/*
 * first 0..0x40: rows (0, a.c, 10) (4, a.c, 8) (0x10, b.h, 300)
 * second 0x40..0x60: no rows          third 0x100..0x300: row (0, b.h, 1)
 */
static int setup(void **state)
{
	static const uint8_t first[] = {
		0x40, 'f', 'i', 'r', 's', 't', 0, 3,
		0 << 1, 10,
		4 << 1, 0x7e,				/* -2 */
		12 << 1 | 1, 1, 0xa4, 0x02,		/* +292 */
	};
	static const uint8_t second[] = { 0x20, 's', 'e', 'c', 0, 0 };
	static const uint8_t third[] = { 0x80, 0x04, 't', 'h', 'i', 'r', 'd', 0, 1, 1, 1, 1 };
	static const char files[] = "dir/a.c\0b.h";

	memset(table, 0, sizeof(table));
	table_size = 24 + N_FUNCS * 8;
	entry(0, 0);
	add(first, sizeof(first));
	entry(1, 0x40);
	add(second, sizeof(second));
	entry(2, 0x100);
	add(third, sizeof(third));
	u32_at(16, table_size);
	u32_at(20, 2);
	add(files, sizeof(files));
	u32_at(0, 0x31535848);
	u32_at(4, table_size);
	u32_at(8, N_FUNCS);
	u32_at(12, 0x40);
	return 0;
}

static void expect(uint32_t off, const char *name, uint32_t offset, const char *file, uint32_t line)
{
	struct symtab_place p;

	assert_true(symtab_find(table, off, &p));
	assert_string_equal(p.name, name);
	assert_int_equal(p.offset, offset);
	assert_int_equal(p.line, line);
	if (file == NULL)
		assert_null(p.file);
	else
		assert_string_equal(p.file, file);
}

static void find_gives_function_and_line(void **state)
{
	assert_true(symtab_is_valid(table, table_size));
	assert_int_equal(symtab_anchor(table), 0x40);
	expect(0, "first", 0, "dir/a.c", 10);
	expect(3, "first", 3, "dir/a.c", 10);
	expect(4, "first", 4, "dir/a.c", 8);
	expect(0x0f, "first", 0x0f, "dir/a.c", 8);
	expect(0x10, "first", 0x10, "b.h", 300);
	expect(0x3f, "first", 0x3f, "b.h", 300);
	expect(0x2ff, "third", 0x1ff, "b.h", 1);
}

static void find_without_rows_gives_the_function(void **state)
{
	expect(0x5f, "sec", 0x1f, NULL, 0);
}

static void find_between_functions_gives_nothing(void **state)
{
	struct symtab_place p;

	assert_false(symtab_find(table, 0x60, &p));
	assert_false(symtab_find(table, 0xff, &p));
	assert_false(symtab_find(table, 0x300, &p));
	assert_false(symtab_find(table, UINT32_MAX, &p));
}

static void find_in_an_empty_table_gives_nothing(void **state)
{
	struct symtab_place p;

	u32_at(8, 0);
	assert_true(symtab_is_valid(table, table_size));
	assert_false(symtab_find(table, 0, &p));
}

static void header_must_fit(void **state)
{
	assert_false(symtab_is_valid(NULL, 0));
	assert_false(symtab_is_valid(table, table_size - 1));
	assert_true(symtab_is_valid(table, table_size + 1));
	u32_at(8, (table_size - 24) / 8 + 1);
	assert_false(symtab_is_valid(table, table_size));
	u32_at(8, UINT32_MAX);
	assert_false(symtab_is_valid(table, table_size));
	setup(state);
	u32_at(4, 23);
	assert_false(symtab_is_valid(table, table_size));
	setup(state);
	table[0] ^= 1;
	assert_false(symtab_is_valid(table, table_size));
}

static volatile size_t seen;	/* so that no read is thought useless */

/* Ask a copy of exactly n bytes everything; the sanitizer watches its end. */
static void ask_everything(const uint8_t *bytes, uint32_t n)
{
	uint8_t *copy = malloc(n != 0 ? n : 1);
	struct symtab_place p;

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	if (symtab_is_valid(copy, n)) {
		for (uint32_t off = 0; off < 0x310; off += 3) {
			if (symtab_find(copy, off, &p))
				seen += strlen(p.name) + (p.file != NULL ? strlen(p.file) : 0);
		}
		symtab_find(copy, UINT32_MAX, &p);
	}
	free(copy);
}

static void a_cut_table_is_harmless(void **state)
{
	for (uint32_t n = 0; n <= table_size; n++) {
		ask_everything(table, n);		/* refused: says it is longer */
		if (n >= 8) {
			u32_at(4, n);			/* believed: says that it is so short */
			ask_everything(table, n);
			u32_at(4, table_size);
		}
	}
}

static void a_scrambled_table_is_harmless(void **state)
{
	uint32_t seed = 12345;
	uint8_t bytes[sizeof(table)];

	for (int round = 0; round < 20000; round++) {
		memcpy(bytes, table, table_size);
		for (int i = 0; i < 1 + round % 4; i++) {
			seed = seed * 1664525u + 1013904223u;
			bytes[8 + (seed >> 8) % (table_size - 8)] = (uint8_t)(seed >> 24);
		}
		ask_everything(bytes, table_size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(find_gives_function_and_line, setup),
		cmocka_unit_test_setup(find_without_rows_gives_the_function, setup),
		cmocka_unit_test_setup(find_between_functions_gives_nothing, setup),
		cmocka_unit_test_setup(find_in_an_empty_table_gives_nothing, setup),
		cmocka_unit_test_setup(header_must_fit, setup),
		cmocka_unit_test_setup(a_cut_table_is_harmless, setup),
		cmocka_unit_test_setup(a_scrambled_table_is_harmless, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
