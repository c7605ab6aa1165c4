// SPDX-License-Identifier: MIT
/*
 * Files in the booted kernel: written, read back, renamed, removed, and no page is left behind.
 */
#include <hx/core/frames.h>
#include <hx/core/ktest.h>
#include <hx/core/string.h>
#include <hx/fs/vfs.h>

HX_KTEST(ramfs_keeps_what_is_written)
{
	static uint8_t out[10000], in[10000];
	struct hx_fs_stat st;
	struct hx_file f;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 256);
	hx_require(t, hx_vfs_mkdir("/kt", 0755) == 0);
	hx_require(t, hx_vfs_open(&f, "/kt/a", HX_OPEN_READ | HX_OPEN_WRITE | HX_OPEN_CREATE,
				  0644) == 0);
	hx_expect(t, hx_vfs_write(&f, out, sizeof(out)) == sizeof(out));
	hx_expect(t, hx_vfs_pread(&f, in, sizeof(in), 0) == sizeof(in));
	hx_expect(t, memcmp(in, out, sizeof(in)) == 0);
	hx_expect(t, hx_vfs_rename("/kt/a", "/kt/b") == 0);
	hx_expect(t, hx_vfs_stat("/kt/a", &st) == -HX_ENOENT);
	hx_expect(t, hx_vfs_stat("/kt/b", &st) == 0 && st.size_bytes == sizeof(out));
	hx_expect(t, hx_vfs_rmdir("/kt") == -HX_ENOTEMPTY);
	hx_expect(t, hx_vfs_unlink("/kt/b") == 0);
	hx_expect(t, hx_vfs_pread(&f, in, 1, 9999) == 1 && in[0] == out[9999]);
	hx_vfs_close(&f);
	hx_expect(t, hx_vfs_rmdir("/kt") == 0);
}

HX_KTEST(ramfs_gives_pages_back)
{
	static const uint8_t page[4096] = { 1 };
	uint64_t before = 0;

	/* The first round lets heap and directory reach their steady size. */
	for (int round = 0; round < 3; round++) {
		struct hx_file f;

		hx_require(t, hx_vfs_open(&f, "/kt.big", HX_OPEN_WRITE | HX_OPEN_CREATE,
					  0600) == 0);
		for (int i = 0; i < 64; i++)
			hx_expect(t, hx_vfs_write(&f, page, sizeof(page)) == sizeof(page));
		hx_vfs_close(&f);
		hx_expect(t, hx_vfs_unlink("/kt.big") == 0);
		if (round == 1)
			before = hx_frames_n_free();
	}
	hx_expect(t, hx_frames_n_free() == before);
}
