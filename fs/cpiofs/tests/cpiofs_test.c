// SPDX-License-Identifier: MIT
/*
 * The boot archive mounted: contents, order, read-only, and damaged archives refused without a
 * trace.
 */
#include "hx_test.h"

#include <stdio.h>
#include <string.h>

#include <hx/core/heap.h>
#include <hx/fs/vfs.h>
#include <hx/hal/host.h>

static char archive[8192];
static size_t archive_len;

static void add(const char *name, unsigned mode, const char *data)
{
	size_t n = strlen(data);

	archive_len += (size_t)sprintf(archive + archive_len,
		"070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 1, mode, 0, 0, 1, 7,
		n, 0, 0, 0, 0, strlen(name) + 1, 0);
	memcpy(archive + archive_len, name, strlen(name) + 1);
	archive_len = (archive_len + strlen(name) + 1 + 3) & ~(size_t)3;
	memcpy(archive + archive_len, data, n);
	archive_len = (archive_len + n + 3) & ~(size_t)3;
}

static void begin(void)
{
	memset(archive, 0, sizeof(archive));
	archive_len = 0;
}

/* A machine that was handed the archive, with "/" and "/boot" there. */
static void boot(void)
{
	struct hx_host_module mod = { "boot.cpio", archive, archive_len };
	struct hx_host_params params = {
		.mem_bytes = 16 * HX_MIB, .n_modules = 1, .modules = &mod, .seed = 1,
	};

	hx_test_machine_with(&params);
	hx_test_start("vfs");
	assert_int_equal(hx_vfs_mount("ramfs", NULL, "/", 0, NULL), 0);
	assert_int_equal(hx_vfs_mkdir("/boot", 0755), 0);
}

static void end(void)
{
	assert_int_equal(hx_vfs_unmount("/"), 0);
	hx_test_machine_end();
}

static void files_are_where_the_archive_says(void **state)
{
	struct hx_fs_dirent e;
	struct hx_fs_stat st;
	struct hx_file f;
	char buf[32];

	begin();
	add("etc/deep/motd", 0100644, "hello\n");	/* its directories are left out */
	add("bin", 0040755, "");
	add("link", 0120777, "etc/deep/motd");
	add("TRAILER!!!", 0, "");
	boot();
	assert_int_equal(hx_vfs_mount("cpiofs", NULL, "/boot", 0, NULL), 0);
	assert_int_equal(hx_vfs_open(&f, "/boot/link", HX_OPEN_READ, 0), 0);
	assert_int_equal(hx_vfs_read(&f, buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "hello\n", 6);
	hx_vfs_close(&f);
	assert_int_equal(hx_vfs_stat("/boot/etc/deep/motd", &st), 0);
	assert_int_equal(st.mode, 0644);
	assert_int_equal(st.mtime_ns, 7 * HX_NS_PER_S);
	assert_int_equal(hx_vfs_open(&f, "/boot", HX_OPEN_READ, 0), 0);
	assert_int_equal(hx_vfs_readdir(&f, &e), 0);
	assert_string_equal(e.name, "etc");
	assert_int_equal(hx_vfs_readdir(&f, &e), 0);
	assert_string_equal(e.name, "bin");
	assert_int_equal(hx_vfs_readdir(&f, &e), 0);
	assert_string_equal(e.name, "link");
	assert_int_equal(hx_vfs_readdir(&f, &e), -HX_ENOENT);
	assert_int_equal(hx_vfs_unmount("/boot"), -HX_EBUSY);
	hx_vfs_close(&f);
	assert_int_equal(hx_vfs_mkdir("/boot/new", 0755), -HX_EROFS);
	assert_int_equal(hx_vfs_unlink("/boot/link"), -HX_EROFS);
	assert_int_equal(hx_vfs_open(&f, "/boot/etc/deep/motd", HX_OPEN_WRITE, 0), -HX_EROFS);
	assert_int_equal(hx_vfs_unmount("/boot"), 0);
	end();
}

static void damaged_archives_are_refused(void **state)
{
	begin();
	add("a", 0100644, "x");
	boot();		/* no trailer */
	assert_int_equal(hx_vfs_mount("cpiofs", NULL, "/boot", 0, NULL), -HX_EBADMSG);
	end();

	begin();
	add("a", 0100644, "x");
	add("a", 0100644, "y");
	add("TRAILER!!!", 0, "");
	boot();
	assert_int_equal(hx_vfs_mount("cpiofs", NULL, "/boot", 0, NULL), -HX_EBADMSG);
	end();

	begin();
	add("a", 0100644, "x");
	add("a/b", 0100644, "y");
	add("TRAILER!!!", 0, "");
	boot();
	assert_int_equal(hx_vfs_mount("cpiofs", NULL, "/boot", 0, NULL), -HX_EBADMSG);
	assert_int_equal(hx_vfs_mount("cpiofs", "other", "/boot", 0, NULL), -HX_ENODEV);
	end();
}

static int mount_and_unmount(void)
{
	int err = hx_vfs_mount("cpiofs", NULL, "/boot", 0, NULL);

	return err != 0 ? err : hx_vfs_unmount("/boot");
}

static void every_failing_allocation_is_undone(void **state)
{
	begin();
	add("a/b", 0100644, "x");
	add("TRAILER!!!", 0, "");
	boot();
	HX_TEST_EACH_ALLOC_FAILS(mount_and_unmount);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_where_the_archive_says),
		cmocka_unit_test(damaged_archives_are_refused),
		cmocka_unit_test(every_failing_allocation_is_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
