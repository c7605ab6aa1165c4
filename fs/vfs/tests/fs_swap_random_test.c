// SPDX-License-Identifier: MIT
/*
 * Files of a few directories are written, cut, read, renamed and removed, and stay open while their
 * names come and go; now and then the filesystem of "/" is another one. Compared with arrays.
 */
#include "hx_test.h"

#include <stdio.h>
#include <string.h>

#include <hx/core/swap.h>
#include <hx/fs/vfs.h>

#define FILES	16
#define BYTES	20000
#define STEPS	6000

static struct model {
	struct hx_file f;
	bool is_there, is_named;	/* open; and found by its name */
	unsigned dir;
	size_t len;
	uint8_t bytes[BYTES];
} models[FILES];
static uint64_t seed;
static unsigned n_swaps;

static const char *path_of(const struct model *m)
{
	static char paths[2][16];
	static unsigned i;

	i = (i + 1) % 2;
	snprintf(paths[i], sizeof(paths[i]), "/%u/%u", m->dir, (unsigned)(m - models));
	return paths[i];
}

static void write_some(struct model *m, size_t off, size_t n)
{
	for (size_t i = 0; i < n; i++)
		m->bytes[off + i] = (uint8_t)hx_test_random(&seed);
	assert_int_equal(hx_vfs_pwrite(&m->f, m->bytes + off, n, off), n);
	if (n != 0 && off + n > m->len)
		m->len = off + n;
}

static void cut(struct model *m, size_t len)
{
	assert_int_equal(hx_vfs_truncate(path_of(m), len), 0);
	if (len < m->len)
		memset(m->bytes + len, 0, m->len - len);
	m->len = len;
}

static void move(struct model *m)
{
	const char *from = path_of(m);

	m->dir = (unsigned)hx_test_random_below(&seed, 3);
	assert_int_equal(hx_vfs_rename(from, path_of(m)), 0);
}

static void read_all(struct model *m)
{
	static uint8_t buf[BYTES + 1];

	assert_int_equal(hx_vfs_pread(&m->f, buf, sizeof(buf), 0), m->len);
	assert_memory_equal(buf, m->bytes, m->len);
}

static void make_open(struct model *m)
{
	assert_int_equal(hx_vfs_open(&m->f, path_of(m), HX_OPEN_READ | HX_OPEN_WRITE |
				     HX_OPEN_CREATE | HX_OPEN_EXCL, 0600), 0);
	m->is_there = m->is_named = true;
	m->len = 0;
	memset(m->bytes, 0, BYTES);
}

static void one_step(struct model *m)
{
	size_t off = hx_test_random_below(&seed, BYTES / 2);
	size_t n = hx_test_random_below(&seed, BYTES / 2);

	if (!m->is_there)
		make_open(m);
	switch (hx_test_random_below(&seed, 8)) {
	case 0:
	case 1:
		write_some(m, off, n);
		break;
	case 2:
		if (m->is_named)
			cut(m, off);
		break;
	case 3:
		if (m->is_named)
			move(m);
		break;
	case 4:
		if (m->is_named && n % 4 == 0) {
			assert_int_equal(hx_vfs_unlink(path_of(m)), 0);
			m->is_named = false;
		}
		break;
	case 5:
		if (!m->is_named) {
			hx_vfs_close(&m->f);
			m->is_there = false;
		}
		break;
	case 6:
		read_all(m);
		break;
	default:
		if (n % 4 == 0)
			n_swaps += hx_swap("rootfs", off % 2 == 0 ? "ramfs" : "listfs", NULL) == 0;
	}
}

static void random_run_agrees_with_a_model(void **state)
{
	struct hx_host_params params = {
		.mem_bytes = 64 * HX_MIB, .cmdline = "helix.slot.heap=slab", .seed = 1,
	};

	hx_test_machine_with(&params);
	hx_test_start("rootfs slots");
	seed = hx_test_seed();
	for (unsigned i = 0; i < 3; i++) {
		char path[8];

		snprintf(path, sizeof(path), "/%u", i);
		assert_int_equal(hx_vfs_mkdir(path, 0755), 0);
	}
	for (unsigned step = 0; step < STEPS; step++)
		one_step(&models[hx_test_random_below(&seed, FILES)]);
	assert_true(n_swaps > 50);
	for (unsigned i = 0; i < FILES; i++) {
		if (!models[i].is_there)
			continue;
		read_all(&models[i]);
		hx_vfs_close(&models[i].f);
	}
	hx_test_machine_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_run_agrees_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
