// SPDX-License-Identifier: MIT
/*
 * What every filesystem that can be written to passes, through the VFS: names, contents, limits,
 * and a long random run against a plain model. The one type that is linked in is tested.
 */
#include "hx_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hx/core/frames.h>
#include <hx/fs/vfs.h>

static int up(void **state)
{
	/* A heap that reuses what is freed: the random run makes and removes thousands of files. */
	struct hx_host_params params = {
		.mem_bytes = 64 * HX_MIB, .cmdline = "helix.slot.heap=slab", .seed = 1,
	};

	hx_test_machine_with(&params);
	hx_test_start("vfs");
	assert_int_equal(__stop_hx_fs_types - __start_hx_fs_types, 1);
	return hx_vfs_mount(__start_hx_fs_types[0]->name, NULL, "/", 0, NULL);
}

static int down(void **state)
{
	int err = hx_vfs_unmount("/");

	hx_test_machine_end();
	return err;
}

static void put(const char *path, const void *bytes, size_t n)
{
	struct hx_file f;

	assert_int_equal(hx_vfs_open(&f, path, HX_OPEN_WRITE | HX_OPEN_CREATE | HX_OPEN_TRUNC,
				     0644), 0);
	assert_int_equal(hx_vfs_write(&f, bytes, n), n);
	hx_vfs_close(&f);
}

static size_t get(const char *path, void *bytes, size_t n)
{
	struct hx_file f;
	hx_ssize_t got;

	assert_int_equal(hx_vfs_open(&f, path, HX_OPEN_READ, 0), 0);
	got = hx_vfs_read(&f, bytes, n);
	assert_true(got >= 0);
	hx_vfs_close(&f);
	return (size_t)got;
}

static void holes_read_as_zeros(void **state)
{
	struct hx_file f;
	uint8_t buf[16];

	assert_int_equal(hx_vfs_open(&f, "/h", HX_OPEN_READ | HX_OPEN_WRITE | HX_OPEN_CREATE,
				     0600), 0);
	assert_int_equal(hx_vfs_pwrite(&f, "end", 3, 1000000), 3);
	assert_int_equal(hx_vfs_pread(&f, buf, sizeof(buf), 500000), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0);
	assert_int_equal(hx_vfs_pread(&f, buf, sizeof(buf), 1000000), 3);
	assert_int_equal(hx_vfs_pread(&f, buf, sizeof(buf), 1000003), 0);
	hx_vfs_close(&f);
	assert_int_equal(hx_vfs_unlink("/h"), 0);
}

static void what_was_cut_comes_back_as_zeros(void **state)
{
	char buf[8];

	put("/t", "abcdefgh", 8);
	assert_int_equal(hx_vfs_truncate("/t", 3), 0);
	assert_int_equal(hx_vfs_truncate("/t", 8), 0);
	assert_int_equal(get("/t", buf, sizeof(buf)), 8);
	assert_memory_equal(buf, "abc\0\0\0\0\0", 8);
	assert_int_equal(hx_vfs_unlink("/t"), 0);
}

static void an_open_file_outlives_its_name(void **state)
{
	struct hx_file f;
	char c;

	put("/o", "x", 1);
	assert_int_equal(hx_vfs_open(&f, "/o", HX_OPEN_READ, 0), 0);
	assert_int_equal(hx_vfs_unlink("/o"), 0);
	assert_int_equal(hx_vfs_unmount("/"), -HX_EBUSY);
	assert_int_equal(hx_vfs_read(&f, &c, 1), 1);
	assert_int_equal(c, 'x');
	hx_vfs_close(&f);
}

static void rename_replaces_like_posix(void **state)
{
	char buf[4];

	put("/a", "1", 1);
	put("/b", "2", 1);
	assert_int_equal(hx_vfs_rename("/a", "/b"), 0);
	assert_int_equal(get("/b", buf, 4), 1);
	assert_int_equal(buf[0], '1');
	assert_int_equal(hx_vfs_mkdir("/d", 0755), 0);
	assert_int_equal(hx_vfs_mkdir("/d/e", 0755), 0);
	assert_int_equal(hx_vfs_rename("/b", "/d"), -HX_EISDIR);
	assert_int_equal(hx_vfs_rename("/d", "/b"), -HX_ENOTDIR);
	assert_int_equal(hx_vfs_rename("/d", "/d/e/f"), -HX_EINVAL);
	assert_int_equal(hx_vfs_mkdir("/g", 0755), 0);
	assert_int_equal(hx_vfs_rename("/g", "/d"), -HX_ENOTEMPTY);
	assert_int_equal(hx_vfs_rename("/d", "/g"), 0);
	assert_int_equal(hx_vfs_rename("/g", "/g"), 0);
	assert_int_equal(hx_vfs_rmdir("/g/e"), 0);
	assert_int_equal(hx_vfs_rmdir("/g"), 0);
	assert_int_equal(hx_vfs_unlink("/b"), 0);
}

static void readdir_survives_changes(void **state)
{
	struct hx_fs_dirent e;
	struct hx_file dir;
	char path[32];
	bool seen[20] = { false };

	assert_int_equal(hx_vfs_mkdir("/r", 0755), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "/r/f%d", i);
		put(path, "", 0);
	}
	assert_int_equal(hx_vfs_open(&dir, "/r", HX_OPEN_READ, 0), 0);
	for (int n = 0; hx_vfs_readdir(&dir, &e) == 0; n++) {
		int i = atoi(e.name + 1);

		assert_false(seen[i]);
		seen[i] = true;
		snprintf(path, sizeof(path), "/r/%s", e.name);
		assert_int_equal(hx_vfs_unlink(path), 0);
	}
	hx_vfs_close(&dir);
	for (int i = 0; i < 20; i++)
		assert_true(seen[i]);
	assert_int_equal(hx_vfs_rmdir("/r"), 0);
}

static void full_is_an_error_and_loses_nothing(void **state)
{
	uint64_t free_before = hx_frames_n_free();
	static uint8_t chunk[64 * 1024];
	struct hx_file f;
	hx_ssize_t n;
	uint64_t total = 0;

	assert_int_equal(hx_vfs_open(&f, "/full", HX_OPEN_WRITE | HX_OPEN_CREATE, 0600), 0);
	while ((n = hx_vfs_write(&f, chunk, sizeof(chunk))) == sizeof(chunk))
		total += (uint64_t)n;
	if (n > 0)
		n = hx_vfs_write(&f, chunk, sizeof(chunk));
	assert_int_equal(n, -HX_ENOSPC);
	assert_true(total > 16 * HX_MIB);
	assert_true(hx_frames_n_free() > free_before / 3);	/* the kernel keeps its share */
	hx_vfs_close(&f);
	assert_int_equal(hx_vfs_unlink("/full"), 0);
}

static void remove_if_there(const char *path)
{
	int err = hx_vfs_unlink(path);

	assert_true(err == 0 || err == -HX_ENOENT);
}

/* Everything that allocates, in one go; returns the first error. */
static int busy_work(void)
{
	struct hx_file f;
	int err = hx_vfs_mkdir("/w", 0755);

	if (err != 0)
		return err;
	err = hx_vfs_open(&f, "/w/a", HX_OPEN_WRITE | HX_OPEN_CREATE, 0600);
	if (err == 0) {
		hx_ssize_t n = hx_vfs_write(&f, "x", 1);

		err = n < 0 ? (int)n : 0;
		hx_vfs_close(&f);
	}
	if (err == 0)
		err = hx_vfs_symlink("/w/a", "/w/l");
	if (err == 0)
		err = hx_vfs_rename("/w/l", "/w/m");
	if (err == 0)
		err = hx_vfs_open(&f, "/w/m", HX_OPEN_READ, 0);
	if (err == 0)
		hx_vfs_close(&f);
	remove_if_there("/w/a");
	remove_if_there("/w/l");
	remove_if_there("/w/m");
	assert_int_equal(hx_vfs_rmdir("/w"), 0);
	return err;
}

static void every_failing_allocation_is_undone(void **state)
{
	HX_TEST_EACH_ALLOC_FAILS(busy_work);
}

#define MODEL_FILES 12
#define MODEL_BYTES 20000

/* 30,000 random writes, cuts, reads and removals of a dozen files against plain arrays. */
static void random_run_agrees_with_a_model(void **state)
{
	static uint8_t model[MODEL_FILES][MODEL_BYTES], buf[MODEL_BYTES];
	static size_t len[MODEL_FILES];
	uint64_t seed = 42;

	for (int step = 0; step < 30000; step++) {
		unsigned i = hx_test_random(&seed) % MODEL_FILES;
		size_t off = hx_test_random(&seed) % (MODEL_BYTES / 2);
		size_t n = hx_test_random(&seed) % (MODEL_BYTES / 2);
		struct hx_file f;
		char path[16];

		snprintf(path, sizeof(path), "/m%u", i);
		assert_int_equal(hx_vfs_open(&f, path,
					     HX_OPEN_READ | HX_OPEN_WRITE | HX_OPEN_CREATE,
					     0600), 0);
		switch (hx_test_random(&seed) % 4) {
		case 0:
			memset(buf, (int)step, n);
			assert_int_equal(hx_vfs_pwrite(&f, buf, n, off), n);
			if (n == 0)
				break;
			memcpy(model[i] + off, buf, n);
			len[i] = off + n > len[i] ? off + n : len[i];
			break;
		case 1:
			assert_int_equal(hx_vfs_truncate(path, off), 0);
			if (off < len[i])
				memset(model[i] + off, 0, len[i] - off);
			len[i] = off;
			break;
		case 2:
			assert_int_equal(hx_vfs_pread(&f, buf, MODEL_BYTES, 0), len[i]);
			assert_memory_equal(buf, model[i], len[i]);
			break;
		default:
			if (n % 8 != 0)
				break;
			assert_int_equal(hx_vfs_unlink(path), 0);
			memset(model[i], 0, MODEL_BYTES);
			len[i] = 0;
		}
		hx_vfs_close(&f);
	}
	for (unsigned i = 0; i < MODEL_FILES; i++) {
		char path[16];

		snprintf(path, sizeof(path), "/m%u", i);
		remove_if_there(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holes_read_as_zeros),
		cmocka_unit_test(what_was_cut_comes_back_as_zeros),
		cmocka_unit_test(an_open_file_outlives_its_name),
		cmocka_unit_test(rename_replaces_like_posix),
		cmocka_unit_test(readdir_survives_changes),
		cmocka_unit_test(full_is_an_error_and_loses_nothing),
		cmocka_unit_test(every_failing_allocation_is_undone),
		cmocka_unit_test(random_run_agrees_with_a_model),
	};

	return cmocka_run_group_tests(tests, up, down);
}
