// SPDX-License-Identifier: MIT
/*
 * The archive reader against good archives, every truncation of one, and random damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../newc.h"

/* Append one entry; returns the new length. */
static size_t add(char *buf, size_t at, const char *name, unsigned mode, const char *data)
{
	size_t n = strlen(data), start = at;

	at += (size_t)sprintf(buf + at,
			      "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X",
			      1, mode, 0, 0, 1, 77, n, 0, 0, 0, 0, strlen(name) + 1, 0);
	memcpy(buf + at, name, strlen(name) + 1);
	at += strlen(name) + 1;
	while ((at - start) % 4 != 0)
		buf[at++] = '\0';
	memcpy(buf + at, data, n);
	at += n;
	while ((at - start) % 4 != 0)
		buf[at++] = '\0';
	return at;
}

static size_t sample(char *buf)
{
	size_t n = add(buf, 0, ".", 0040755, "");

	n = add(buf, n, "etc", 0040755, "");
	n = add(buf, n, "./etc/motd", 0100644, "hello\n");
	n = add(buf, n, "link", 0120777, "etc/motd");
	return add(buf, n, "TRAILER!!!", 0, "");
}

static void reads_entries_in_order(void **state)
{
	char buf[2048];
	size_t size = sample(buf), off = 0;
	struct newc_entry e;
	const char *why = NULL;

	assert_int_equal(newc_next(buf, size, &off, &e, &why), 0);
	assert_memory_equal(e.name, ".", 1);
	assert_int_equal(newc_next(buf, size, &off, &e, &why), 0);
	assert_int_equal(e.name_len, 3);
	assert_int_equal(e.mode & NEWC_TYPE_MASK, NEWC_TYPE_DIR);
	assert_int_equal(newc_next(buf, size, &off, &e, &why), 0);
	assert_int_equal(e.name_len, 8);
	assert_memory_equal(e.name, "etc/motd", 8);
	assert_int_equal(e.size_bytes, 6);
	assert_int_equal(e.mtime_s, 77);
	assert_memory_equal(e.data, "hello\n", 6);
	assert_int_equal(newc_next(buf, size, &off, &e, &why), 0);
	assert_int_equal(e.mode & NEWC_TYPE_MASK, NEWC_TYPE_LINK);
	assert_int_equal(newc_next(buf, size, &off, &e, &why), -HX_ENOENT);
}

/* Walk to the end; the number of entries, or the error. */
static int walk(const char *buf, size_t size)
{
	struct newc_entry e;
	const char *why = NULL;
	size_t off = 0;
	int n = 0, err;

	while ((err = newc_next(buf, size, &off, &e, &why)) == 0) {
		assert_true(e.name >= buf && e.name + e.name_len <= buf + size);
		assert_true((const char *)e.data + e.size_bytes <= buf + size);
		n++;
	}
	if (err == -HX_EBADMSG)
		assert_non_null(why);
	return err == -HX_ENOENT ? n : err;
}

static void every_truncation_is_refused(void **state)
{
	char buf[2048];
	size_t size = sample(buf);

	/* The padding after the trailer's name may be missing; everything before may not. */
	for (size_t cut = 0; cut < size - 4; cut++) {
		char *exact = malloc(cut + 1);	/* so that ASan sees one byte too far */

		memcpy(exact, buf, cut);
		assert_int_equal(walk(exact, cut), -HX_EBADMSG);
		free(exact);
	}
	assert_int_equal(walk(buf, size), 4);
}

static void names_that_climb_out_are_refused(void **state)
{
	static const char *const bad[] = {
		"../x", "a/../b", "a//b", "/etc", "a/", "..", "a/.", "",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char buf[1024];
		size_t n = add(buf, 0, bad[i], 0100644, "x");

		n = add(buf, n, "TRAILER!!!", 0, "");
		assert_int_equal(walk(buf, n), -HX_EBADMSG);
	}
}

static void random_damage_never_reads_outside(void **state)
{
	unsigned seed = 1;

	for (int round = 0; round < 20000; round++) {
		char buf[2048];
		size_t size = sample(buf);
		char *exact;

		for (int hits = 0; hits < 3; hits++) {
			seed = seed * 1103515245 + 12345;
			buf[(seed >> 8) % size] = (char)(seed >> 24);
		}
		exact = malloc(size);
		memcpy(exact, buf, size);
		(void)walk(exact, size);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_entries_in_order),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(names_that_climb_out_are_refused),
		cmocka_unit_test(random_damage_never_reads_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
