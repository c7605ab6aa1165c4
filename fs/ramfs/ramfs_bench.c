// SPDX-License-Identifier: MIT
/*
 * What file operations on ramfs cost, through the VFS as any caller would make them.
 */
#include <hx/core/bench.h>
#include <hx/fs/vfs.h>

#define BENCH_PATH "/bench.tmp"

HX_BENCH(ramfs_open, "fs.ramfs.open", "hx_vfs_open + hx_vfs_close of a file in /")
{
	struct hx_file f;
	int err = hx_vfs_open(&f, BENCH_PATH, HX_OPEN_WRITE | HX_OPEN_CREATE, 0644);

	if (err != 0)
		return err;
	hx_vfs_close(&f);
	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_vfs_open(&f, BENCH_PATH, HX_OPEN_READ, 0);
		if (err == 0)
			hx_vfs_close(&f);
		hx_bench_end(b);
	}
	return err != 0 ? err : hx_vfs_unlink(BENCH_PATH);
}

HX_BENCH(ramfs_create, "fs.ramfs.create", "create + close + unlink of an empty file in /")
{
	int err = 0;

	while (err == 0 && hx_bench_more(b)) {
		struct hx_file f;

		hx_bench_begin(b);
		err = hx_vfs_open(&f, BENCH_PATH, HX_OPEN_WRITE | HX_OPEN_CREATE | HX_OPEN_EXCL,
				  0644);
		if (err == 0) {
			hx_vfs_close(&f);
			err = hx_vfs_unlink(BENCH_PATH);
		}
		hx_bench_end(b);
	}
	return err;
}

/* Read or overwrite size bytes at the start of a file that holds 4 KiB. */
static int bench_io(struct hx_bench_run *b, size_t size, bool write)
{
	static uint8_t buf[4096];
	struct hx_file f;
	hx_ssize_t n;
	int err = hx_vfs_open(&f, BENCH_PATH, HX_OPEN_READ | HX_OPEN_WRITE | HX_OPEN_CREATE, 0644);

	if (err != 0)
		return err;
	n = hx_vfs_pwrite(&f, buf, sizeof(buf), 0);
	while (n > 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		n = write ? hx_vfs_pwrite(&f, buf, size, 0) : hx_vfs_pread(&f, buf, size, 0);
		hx_bench_end(b);
	}
	hx_vfs_close(&f);
	err = hx_vfs_unlink(BENCH_PATH);
	return n < 0 ? (int)n : err;
}

HX_BENCH(ramfs_read1, "fs.ramfs.read1", "hx_vfs_pread of 1 byte of an open file")
{
	return bench_io(b, 1, false);
}

HX_BENCH(ramfs_read4k, "fs.ramfs.read4k", "hx_vfs_pread of 4 KiB of an open file")
{
	return bench_io(b, 4096, false);
}

HX_BENCH(ramfs_write4k, "fs.ramfs.write4k", "hx_vfs_pwrite over 4 KiB that exist")
{
	return bench_io(b, 4096, true);
}
