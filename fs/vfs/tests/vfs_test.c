// SPDX-License-Identifier: MIT
/*
 * The path walk, mounts and open flags, with ramfs as the store.
 */
#include "hx_test.h"

#include <stdio.h>
#include <string.h>

#include <hx/fs/vfs.h>

static int up(void **state)
{
	hx_test_machine(32 * HX_MIB);
	hx_test_start("vfs");
	return hx_vfs_mount("ramfs", NULL, "/", 0, NULL);
}

static int down(void **state)
{
	int err = hx_vfs_unmount("/");

	hx_test_machine_end();
	return err;
}

static void touch(const char *path)
{
	struct hx_file f;

	assert_int_equal(hx_vfs_open(&f, path, HX_OPEN_WRITE | HX_OPEN_CREATE, 0644), 0);
	hx_vfs_close(&f);
}

static int stat_of(const char *path)
{
	struct hx_fs_stat st;

	return hx_vfs_stat(path, &st);
}

static void paths_are_walked(void **state)
{
	assert_int_equal(hx_vfs_mkdir("/a", 0755), 0);
	assert_int_equal(hx_vfs_mkdir("/a/b", 0755), 0);
	touch("/a/b/f");
	assert_int_equal(stat_of("/a/b/f"), 0);
	assert_int_equal(stat_of("//a///b//f"), 0);
	assert_int_equal(stat_of("/a/./b/../b/f"), 0);
	assert_int_equal(stat_of("/../../a/b"), 0);
	assert_int_equal(stat_of("/a/b/"), 0);
	assert_int_equal(stat_of("a"), -HX_EINVAL);
	assert_int_equal(stat_of(""), -HX_EINVAL);
	assert_int_equal(stat_of("/a/x"), -HX_ENOENT);
	assert_int_equal(stat_of("/a/b/f/x"), -HX_ENOTDIR);
	assert_int_equal(stat_of("/a/b/f/.."), -HX_ENOTDIR);
	assert_int_equal(hx_vfs_unlink("/a/b"), -HX_EISDIR);
	assert_int_equal(hx_vfs_rmdir("/a/b/f"), -HX_ENOTDIR);
	assert_int_equal(hx_vfs_rmdir("/a/b"), -HX_ENOTEMPTY);
	assert_int_equal(hx_vfs_rmdir("/"), -HX_EBUSY);
	assert_int_equal(hx_vfs_rmdir("/a/."), -HX_EINVAL);
	assert_int_equal(hx_vfs_unlink("/a/b/f"), 0);
	assert_int_equal(hx_vfs_rmdir("/a/b"), 0);
	assert_int_equal(hx_vfs_rmdir("/a"), 0);
}

static void long_names_are_refused(void **state)
{
	char path[HX_FS_PATH_MAX + 10];

	path[0] = '/';
	memset(path + 1, 'n', HX_FS_NAME_MAX);
	path[HX_FS_NAME_MAX + 1] = '\0';
	touch(path);
	assert_int_equal(hx_vfs_unlink(path), 0);
	path[HX_FS_NAME_MAX + 1] = 'n';
	path[HX_FS_NAME_MAX + 2] = '\0';
	assert_int_equal(hx_vfs_mkdir(path, 0755), -HX_ENAMETOOLONG);
	assert_int_equal(stat_of(path), -HX_ENAMETOOLONG);
	memset(path, '/', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(stat_of(path), -HX_ENAMETOOLONG);
}

static void depth_is_bounded(void **state)
{
	char path[400] = "";
	int depth, err;

	for (depth = 0; depth < 100; depth++) {
		strcat(path, "/d");
		err = hx_vfs_mkdir(path, 0755);
		if (err != 0)
			break;
	}
	assert_int_equal(err, -HX_ENAMETOOLONG);
	assert_int_equal(depth, 64);
	while (depth-- > 0) {
		path[2 * (depth + 1)] = '\0';
		assert_int_equal(hx_vfs_rmdir(path), 0);
	}
}

static void links_are_followed_and_loops_end(void **state)
{
	char buf[64];

	assert_int_equal(hx_vfs_mkdir("/d", 0755), 0);
	touch("/d/f");
	assert_int_equal(hx_vfs_symlink("/d", "/abs"), 0);
	assert_int_equal(hx_vfs_symlink("d/f", "/rel"), 0);
	assert_int_equal(hx_vfs_symlink("../rel", "/d/up"), 0);
	assert_int_equal(hx_vfs_symlink("loop", "/loop"), 0);
	assert_int_equal(hx_vfs_symlink("nowhere", "/dangling"), 0);
	assert_int_equal(stat_of("/abs/f"), 0);
	assert_int_equal(stat_of("/rel"), 0);
	assert_int_equal(stat_of("/abs/up"), 0);
	assert_int_equal(stat_of("/loop"), -HX_ELOOP);
	assert_int_equal(stat_of("/dangling"), -HX_ENOENT);
	assert_int_equal(hx_vfs_readlink("/rel", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "d/f");
	assert_int_equal(hx_vfs_readlink("/rel", buf, 3), -HX_ERANGE);
	assert_int_equal(hx_vfs_readlink("/d/f", buf, sizeof(buf)), -HX_EINVAL);
	touch("/abs/g");		/* made behind the link */
	assert_int_equal(hx_vfs_unlink("/d/g"), 0);
	assert_int_equal(hx_vfs_unlink("/abs"), 0);
	assert_int_equal(stat_of("/d"), 0);
	assert_int_equal(hx_vfs_unlink("/rel"), 0);
	assert_int_equal(hx_vfs_unlink("/loop"), 0);
	assert_int_equal(hx_vfs_unlink("/dangling"), 0);
	assert_int_equal(hx_vfs_unlink("/d/up"), 0);
	assert_int_equal(hx_vfs_unlink("/d/f"), 0);
	assert_int_equal(hx_vfs_rmdir("/d"), 0);
}

static void mounts_are_crossed_both_ways(void **state)
{
	struct hx_file f;

	assert_int_equal(hx_vfs_mkdir("/m", 0755), 0);
	touch("/m/below");
	assert_int_equal(hx_vfs_mount("ramfs", NULL, "/m", 0, NULL), 0);
	assert_int_equal(stat_of("/m/below"), -HX_ENOENT);
	touch("/m/above");
	assert_int_equal(stat_of("/m/../m/above"), 0);
	assert_int_equal(hx_vfs_rename("/m/above", "/above"), -HX_EXDEV);
	assert_int_equal(hx_vfs_rmdir("/m"), -HX_EBUSY);
	assert_int_equal(hx_vfs_rename("/m", "/n"), -HX_EBUSY);
	assert_int_equal(hx_vfs_unmount("/"), -HX_EBUSY);
	assert_int_equal(hx_vfs_open(&f, "/m/above", HX_OPEN_READ, 0), 0);
	assert_int_equal(hx_vfs_unmount("/m"), -HX_EBUSY);
	hx_vfs_close(&f);
	assert_int_equal(hx_vfs_unmount("/m"), 0);
	assert_int_equal(stat_of("/m/below"), 0);
	assert_int_equal(hx_vfs_unmount("/m"), -HX_EINVAL);
	assert_int_equal(hx_vfs_mount("nofs", NULL, "/m", 0, NULL), -HX_ENODEV);
	assert_int_equal(hx_vfs_mount("ramfs", NULL, "/m/below", 0, NULL), -HX_ENOTDIR);
	assert_int_equal(hx_vfs_mount("ramfs", NULL, "/", 0, NULL), -HX_EBUSY);
	assert_int_equal(hx_vfs_unlink("/m/below"), 0);
	assert_int_equal(hx_vfs_rmdir("/m"), 0);
}

static void read_only_mounts_do_not_change(void **state)
{
	struct hx_file f;

	assert_int_equal(hx_vfs_mkdir("/ro", 0755), 0);
	assert_int_equal(hx_vfs_mount("ramfs", NULL, "/ro", HX_MOUNT_READONLY, NULL), 0);
	assert_int_equal(hx_vfs_mkdir("/ro/d", 0755), -HX_EROFS);
	assert_int_equal(hx_vfs_open(&f, "/ro/f", HX_OPEN_WRITE | HX_OPEN_CREATE, 0600), -HX_EROFS);
	assert_int_equal(hx_vfs_symlink("x", "/ro/l"), -HX_EROFS);
	assert_int_equal(hx_vfs_unmount("/ro"), 0);
	assert_int_equal(hx_vfs_rmdir("/ro"), 0);
}

static void open_flags_mean_what_posix_says(void **state)
{
	struct hx_file f;
	char buf[8];

	assert_int_equal(hx_vfs_open(&f, "/f", HX_OPEN_READ, 0), -HX_ENOENT);
	assert_int_equal(hx_vfs_open(&f, "/f", HX_OPEN_CREATE, 0), -HX_EINVAL);
	assert_int_equal(hx_vfs_open(&f, "/f", HX_OPEN_READ | HX_OPEN_TRUNC, 0), -HX_EINVAL);
	assert_int_equal(hx_vfs_open(&f, "/f", HX_OPEN_WRITE | HX_OPEN_CREATE | HX_OPEN_EXCL,
				     0), 0);
	assert_int_equal(hx_vfs_write(&f, "abc", 3), 3);
	assert_int_equal(hx_vfs_read(&f, buf, 1), -HX_EBADF);
	hx_vfs_close(&f);
	assert_int_equal(hx_vfs_open(&f, "/f", HX_OPEN_WRITE | HX_OPEN_CREATE | HX_OPEN_EXCL, 0),
			 -HX_EEXIST);
	assert_int_equal(hx_vfs_open(&f, "/", HX_OPEN_READ | HX_OPEN_CREATE | HX_OPEN_EXCL, 0),
			 -HX_EEXIST);
	assert_int_equal(hx_vfs_open(&f, "/", HX_OPEN_WRITE, 0), -HX_EISDIR);
	assert_int_equal(hx_vfs_open(&f, "/f", HX_OPEN_READ | HX_OPEN_WRITE | HX_OPEN_APPEND,
				     0), 0);
	assert_int_equal(hx_vfs_write(&f, "d", 1), 1);
	assert_int_equal(hx_vfs_seek(&f, 0), 0);
	assert_int_equal(hx_vfs_write(&f, "e", 1), 1);
	assert_int_equal(hx_vfs_pread(&f, buf, sizeof(buf), 0), 5);
	assert_memory_equal(buf, "abcde", 5);
	assert_int_equal(hx_vfs_pread(&f, buf, 8, UINT64_MAX), -HX_EINVAL);
	assert_int_equal(hx_vfs_pwrite(&f, buf, SIZE_MAX, 0), -HX_EFBIG);
	hx_vfs_close(&f);
	assert_int_equal(hx_vfs_open(&f, "/f", HX_OPEN_WRITE | HX_OPEN_TRUNC, 0), 0);
	hx_vfs_close(&f);
	assert_int_equal(hx_vfs_open(&f, "/f", HX_OPEN_READ, 0), 0);
	assert_int_equal(hx_vfs_read(&f, buf, 8), 0);
	assert_int_equal(hx_vfs_write(&f, buf, 1), -HX_EBADF);
	hx_vfs_close(&f);
	assert_int_equal(hx_vfs_unlink("/f"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_walked),
		cmocka_unit_test(long_names_are_refused),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(links_are_followed_and_loops_end),
		cmocka_unit_test(mounts_are_crossed_both_ways),
		cmocka_unit_test(read_only_mounts_do_not_change),
		cmocka_unit_test(open_flags_mean_what_posix_says),
	};

	return cmocka_run_group_tests(tests, up, down);
}
