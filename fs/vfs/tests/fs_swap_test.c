// SPDX-License-Identifier: MIT
/*
 * The filesystem of "/" is replaced: by another one that is right, with everything that can be in
 * use; by one that lies; with each allocation, each page and each step failing.
 */
#include "hx_test.h"

#include <stdio.h>
#include <string.h>

#include <hx/config/core_lib.h>
#include <hx/config/fs.h>
#include <hx/core/fault.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/heap_class.h>
#include <hx/core/names.h>
#include <hx/core/slot.h>
#include <hx/core/swap.h>
#include <hx/fs/vfs.h>

static struct hx_swap last;

static int swap_to(const char *name)
{
	return hx_swap("rootfs", name, &last);
}

static const char *provider(void)
{
	static char text[64];
	struct hx_text_buf out;

	hx_text_buf_init(&out, text, sizeof(text));
	assert_int_equal(hx_names_show("/slots/rootfs/provider", &out.text), 0);
	return text;
}

/* ---- one that lies: ramfs, but for one operation */

enum lie { NO_LIE, WRITES_LESS, WRITES_OTHER, CUTS_LESS, MAKES_NOTHING, MAKES_OTHER, NAMES_TWICE,
	   NO_ROOT, SEEKS_NOT, POSITIONS, DATA_LIES, LIES, BROKE };
static enum lie lie;
static struct hx_fs_ops liar_ops = { .abi = HX_FS_ABI, .name = "liar" };
static struct hx_fs_swap_ops liar_swap_ops = { .abi = HX_FS_SWAP_ABI, .name = "liar" };
static const struct hx_fs_ops *ramfs;
static const struct hx_fs_swap_ops *ramfs_more;
HX_FS_TYPE(liar_ops);
HX_FS_SWAP(liar_swap_ops);

static hx_ssize_t liar_write(struct hx_fnode *n, const void *buf, size_t size, uint64_t off)
{
	static uint8_t other[4096];

	if (lie == WRITES_LESS)
		return ramfs->write(n, buf, size - 1, off);
	if (lie != WRITES_OTHER)
		return ramfs->write(n, buf, size, off);
	assert_true(size <= sizeof(other));
	memcpy(other, buf, size);
	other[size - 1] ^= 1;
	return ramfs->write(n, other, size, off);
}

static int liar_truncate(struct hx_fnode *n, uint64_t size)
{
	return lie == CUTS_LESS ? 0 : ramfs->truncate(n, size);
}

static int liar_create(struct hx_fnode *dir, const char *name, size_t len,
		       const struct hx_fs_create *what, struct hx_fnode **out)
{
	static struct hx_fnode other;
	int err = ramfs->create(dir, name, len, what, out);

	if (err != 0 || (lie != MAKES_NOTHING && lie != MAKES_OTHER))
		return err;
	(*out)->n_refs = 0;	/* so that the rest can be unmounted */
	*out = lie == MAKES_OTHER ? &other : NULL;
	return 0;
}

static int liar_readdir(struct hx_fnode *dir, uint64_t *pos, struct hx_fs_dirent *out)
{
	uint64_t was = *pos;
	int err = ramfs->readdir(dir, pos, out);

	if (lie == BROKE)
		return -HX_EIO;
	if (err == 0 && lie == POSITIONS)
		*pos = was;
	if (err == 0 && lie == NAMES_TWICE)
		strcpy(out->name, "twice");
	return err;
}

static int liar_mount(struct hx_mount *m, const char *source, const char *options)
{
	int err = ramfs->mount(m, source, options);

	if (err != 0 || lie != NO_ROOT)
		return err;
	assert_int_equal(ramfs->unmount(m), 0);
	m->root = NULL;
	return 0;
}

static void liar_seek(struct hx_fnode *dir, uint64_t pos)
{
	if (lie != SEEKS_NOT)
		ramfs_more->seek(dir, pos);
}

static uint64_t liar_data(struct hx_fnode *n, uint64_t off)
{
	return lie == DATA_LIES ? UINT64_MAX : ramfs_more->data(n, off);
}

static void liar_begin(void)
{
	const struct hx_fs_swap_ops *const *more;
	const struct hx_fs_ops *const *it;

	HX_SECTION_FOREACH(it, hx_fs_types)
		ramfs = strcmp((*it)->name, "ramfs") == 0 ? *it : ramfs;
	HX_SECTION_FOREACH(more, hx_fs_swaps)
		ramfs_more = strcmp((*more)->name, "ramfs") == 0 ? *more : ramfs_more;
	liar_ops = *ramfs;
	liar_ops.name = "liar";
	liar_ops.mount = liar_mount;
	liar_ops.create = liar_create;
	liar_ops.write = liar_write;
	liar_ops.truncate = liar_truncate;
	liar_ops.readdir = liar_readdir;
	liar_swap_ops.data = liar_data;
	liar_swap_ops.seek = liar_seek;
	lie = NO_LIE;
}

/* ---- a tree with everything, in use in every way */

#define FAR	(400 * 1024 + 5)	/* behind a hole */
#define SIZE	(FAR + 100)

static uint8_t buf[8192];
static struct {
	struct hx_file plain, nameless, dir, root, gone_dir;
	struct hx_fs_stat plain_stat, dir_stat;
} used;

static uint8_t byte_at(uint64_t off)
{
	return (uint8_t)(off * 7 + (off >> 8) + 1);
}

static void put(struct hx_file *f, uint64_t off, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = byte_at(off + i);
	assert_int_equal(hx_vfs_pwrite(f, buf, n, off), n);
}

static void expect(struct hx_file *f, uint64_t off, size_t n)
{
	assert_int_equal(hx_vfs_pread(f, buf, n, off), n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf[i], byte_at(off + i));
}

static void make_open(struct hx_file *f, const char *path)
{
	assert_int_equal(hx_vfs_open(f, path, HX_OPEN_READ | HX_OPEN_WRITE | HX_OPEN_CREATE, 0640),
			 0);
}

static void make_tree(void)
{
	struct hx_fs_dirent e;
	struct hx_file f;
	char path[32];

	assert_int_equal(hx_vfs_mkdir("/d", 0700), 0);
	assert_int_equal(hx_vfs_mkdir("/d/e", 0755), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "/d/f%02d", i);
		make_open(&f, path);
		put(&f, 0, (size_t)i * 300);
		hx_vfs_close(&f);
	}
	assert_int_equal(hx_vfs_unlink("/d/f03"), 0);	/* positions have a gap */
	assert_int_equal(hx_vfs_symlink("../d/f04", "/d/link"), 0);
	make_open(&used.plain, "/d/plain");
	put(&used.plain, 0, 10);
	put(&used.plain, FAR, 100);
	assert_int_equal(hx_vfs_truncate("/d/f05", 100000), 0);	/* ends with a hole */
	make_open(&used.nameless, "/d/nameless");
	put(&used.nameless, 4000, 200);
	assert_int_equal(hx_vfs_unlink("/d/nameless"), 0);
	assert_int_equal(hx_vfs_open(&used.dir, "/d", HX_OPEN_READ, 0), 0);
	for (int i = 0; i < 7; i++)
		assert_int_equal(hx_vfs_readdir(&used.dir, &e), 0);
	assert_string_equal(e.name, "f06");		/* e, f00, f01, f02, f04, f05, f06 */
	assert_int_equal(hx_vfs_open(&used.root, "/", HX_OPEN_READ, 0), 0);
	assert_int_equal(hx_vfs_mkdir("/gone", 0755), 0);
	assert_int_equal(hx_vfs_open(&used.gone_dir, "/gone", HX_OPEN_READ, 0), 0);
	assert_int_equal(hx_vfs_rmdir("/gone"), 0);
	assert_int_equal(hx_vfs_mkdir("/m", 0755), 0);
	assert_int_equal(hx_vfs_mount("ramfs", NULL, "/m", 0, NULL), 0);
	make_open(&f, "/m/inner");
	hx_vfs_close(&f);
	assert_int_equal(hx_vfs_stat("/d/plain", &used.plain_stat), 0);
	assert_int_equal(hx_vfs_stat("/d", &used.dir_stat), 0);
}

static void check_tree(void)
{
	uint64_t pos = used.dir.pos;
	struct hx_fs_dirent e;
	struct hx_fs_stat st;
	struct hx_file f;
	char path[32];
	int n;

	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "/d/f%02d", i);
		if (i == 3) {
			assert_int_equal(hx_vfs_open(&f, path, HX_OPEN_READ, 0), -HX_ENOENT);
			continue;
		}
		assert_int_equal(hx_vfs_open(&f, path, HX_OPEN_READ, 0), 0);
		expect(&f, 0, (size_t)i * 300);
		hx_vfs_close(&f);
	}
	assert_int_equal(hx_vfs_stat("/d/f05", &st), 0);
	assert_int_equal(st.size_bytes, 100000);
	assert_int_equal(hx_vfs_readlink("/d/link", path, sizeof(path)), 0);
	assert_string_equal(path, "../d/f04");
	expect(&used.plain, 0, 10);
	expect(&used.plain, FAR, 100);
	assert_int_equal(hx_vfs_pread(&used.plain, buf, 1, 200 * 1024), 1);
	assert_int_equal(buf[0], 0);
	assert_int_equal(hx_vfs_pread(&used.plain, buf, 1, SIZE), 0);
	assert_int_equal(hx_vfs_stat("/d/plain", &st), 0);
	assert_int_equal(st.ino, used.plain_stat.ino);
	assert_int_equal(st.size_bytes, SIZE);
	assert_int_equal(st.mtime_ns, used.plain_stat.mtime_ns);
	assert_int_equal(st.mode, 0640);
	assert_int_equal(st.n_links, 1);
	expect(&used.nameless, 4000, 200);
	for (n = 0; hx_vfs_readdir(&used.dir, &e) == 0; n++) {
		snprintf(path, sizeof(path), "f%02d", n + 7);
		if (n < 13)
			assert_string_equal(e.name, path);
	}
	assert_int_equal(n, 13 + 2);		/* link, plain */
	used.dir.pos = pos;
	assert_int_equal(hx_vfs_stat("/d", &st), 0);
	assert_int_equal(st.ino, used.dir_stat.ino);
	assert_int_equal(st.mode, 0700);
	assert_int_equal(st.mtime_ns, used.dir_stat.mtime_ns);
	assert_int_equal(hx_vfs_readdir(&used.gone_dir, &e), -HX_ENOENT);
	assert_int_equal(hx_vfs_stat("/gone", &st), -HX_ENOENT);
	assert_int_equal(hx_vfs_stat("/nameless", &st), -HX_ENOENT);
	assert_int_equal(hx_vfs_stat("/m/inner", &st), 0);
	assert_int_equal(hx_vfs_stat("/m/../d/f01", &st), 0);
	assert_int_equal(hx_vfs_rmdir("/m"), -HX_EBUSY);
}

static void end_tree(void)
{
	hx_vfs_close(&used.plain);
	hx_vfs_close(&used.nameless);
	hx_vfs_close(&used.dir);
	hx_vfs_close(&used.root);
	hx_vfs_close(&used.gone_dir);
	assert_int_equal(hx_vfs_unmount("/m"), 0);
}

static uint64_t heap_used(void)
{
	struct hx_heap_stats s;

	hx_heap_stats(&s);
	return s.used_bytes;
}

static int up_with(const char *cmdline)
{
	struct hx_host_params params = { .mem_bytes = 64 * HX_MIB, .cmdline = cmdline, .seed = 1 };

	liar_begin();
	hx_test_machine_with(&params);
	hx_test_start("rootfs slots names");
	return 0;
}

static int up(void **state)
{
	return up_with("helix.slot.heap=slab helix.slot.frames=buddy helix.slot.rootfs=ramfs");
}

static int down(void **state)
{
	hx_test_machine_end();
	return 0;
}

/* ---- */

static void the_word_chooses_who_boots(void **state)
{
	hx_test_machine_end();
	up_with("helix.slot.heap=slab helix.slot.rootfs=listfs");
	assert_string_equal(provider(), "provider=listfs\n");
	hx_test_machine_end();
	up_with("helix.slot.heap=slab helix.slot.rootfs=none");
	assert_string_equal(provider(), "provider=" CONFIG_ROOTFS_BOOT_NAME "\n");
	assert_int_equal(swap_to("none"), -HX_ENOENT);
}

static void everything_goes_over_and_back(void **state)
{
	make_tree();
	check_tree();
	for (int round = 0; round < 5; round++) {
		assert_int_equal(swap_to("listfs"), 0);
		assert_int_equal(last.n_items, 27);
		assert_string_equal(provider(), "provider=listfs\n");
		check_tree();
		put(&used.nameless, 4000, 200);
		assert_int_equal(round % 2 == 0 ? swap_to("ramfs") :
				 hx_swap_back("rootfs", &last), 0);
		assert_string_equal(provider(), "provider=ramfs\n");
		check_tree();
	}
	end_tree();
}

static void nothing_is_left_behind(void **state)
{
	uint64_t pages, bytes;

	make_tree();
	assert_int_equal(swap_to("listfs"), 0);
	assert_int_equal(swap_to("ramfs"), 0);
	pages = hx_frames_n_free();
	bytes = heap_used();
	for (int round = 0; round < 3; round++) {
		assert_int_equal(swap_to("listfs"), 0);
		assert_int_equal(swap_to("ramfs"), 0);
		assert_int_equal(hx_frames_n_free(), pages);
		assert_int_equal(heap_used(), bytes);
	}
	end_tree();
}

/* Written, cut and made in the new one, also below directories that were open before. */
static void the_new_one_is_written_to(void **state)
{
	struct hx_file f;
	struct hx_fs_stat st;

	make_tree();
	assert_int_equal(swap_to("listfs"), 0);
	put(&used.plain, 20000, 3000);
	make_open(&f, "/d/e/new");
	put(&f, 0, 5000);
	assert_int_equal(hx_vfs_stat("/d/e/new", &st), 0);
	assert_true(st.ino > used.plain_stat.ino);	/* no number is given twice */
	assert_int_equal(hx_vfs_rename("/d/e/new", "/d/f00"), 0);
	assert_int_equal(hx_vfs_unlink("/d/plain"), 0);
	assert_int_equal(swap_to("ramfs"), 0);
	expect(&used.plain, 20000, 3000);
	expect(&used.plain, FAR, 100);
	expect(&f, 0, 5000);
	assert_int_equal(hx_vfs_truncate("/d/f00", 10), 0);
	assert_int_equal(hx_vfs_pread(&f, buf, 100, 0), 10);
	hx_vfs_close(&f);
	end_tree();
}

static const char *other(void)
{
	return strcmp(provider(), "provider=ramfs\n") == 0 ? "listfs" : "ramfs";
}

/* There and back; what fails is tried again. */
static int there_and_back(void)
{
	int err = 0;

	for (int i = 0; i < 2; i++) {
		int one = swap_to(other());

		check_tree();
		if (one == 0)
			continue;
		err = one;
		assert_int_equal(swap_to(other()), 0);
	}
	check_tree();
	return err;
}

static void every_failing_allocation_is_undone(void **state)
{
	make_tree();
	assert_int_equal(there_and_back(), 0);	/* what is in use has its memory now */
	assert_true(HX_TEST_EACH_ALLOC_FAILS(there_and_back) > 50);
	end_tree();
}

static void every_failing_page_is_undone(void **state)
{
	uint64_t pages;

	if (!HX_ENABLED(FAULT_INJECTION))
		skip();
	make_tree();
	assert_int_equal(there_and_back(), 0);
	pages = hx_frames_n_free();
	for (uint64_t k = 1;; k++) {
		struct hx_fault_plan plan = { .point = "frames.alloc", .after = k };
		int err;

		assert_int_equal(hx_fault_plan_arm(&plan), 0);
		err = there_and_back();
		hx_fault_disarm("frames.alloc");
		assert_int_equal(hx_frames_n_free(), pages);
		if (err == 0 && k > 20)
			break;		/* nothing met it */
	}
	end_tree();
}

static void every_failing_step_is_undone(void **state)
{
	static const char *const points[] = { "swap.prepare", "swap.quiesce", "swap.export",
					      "swap.import", "fs.copy" };
	uint64_t pages, bytes;

	if (!HX_ENABLED(FAULT_INJECTION))
		skip();
	make_tree();
	assert_int_equal(there_and_back(), 0);
	pages = hx_frames_n_free();
	bytes = heap_used();
	for (unsigned p = 0; p < HX_ARRAY_LEN(points); p++) {
		for (uint64_t k = 1; k <= (p == 4 ? 26 : 1); k++) {
			struct hx_fault_plan plan = { .point = points[p], .after = k };

			assert_int_equal(hx_fault_plan_arm(&plan), 0);
			assert_int_equal(swap_to("listfs"), -HX_EIO);
			check_tree();
			assert_int_equal(hx_frames_n_free(), pages);
			assert_int_equal(heap_used(), bytes);
		}
	}
	end_tree();
}

static void one_that_lies_is_not_taken(void **state)
{
	make_tree();
	for (lie = NO_LIE + 1; lie < LIES; lie++) {
		assert_true(swap_to("liar") < 0);
		assert_true(last.why[0] != '\0');
		check_tree();
	}
	lie = NO_LIE;
	assert_int_equal(swap_to("liar"), 0);
	check_tree();
	lie = POSITIONS;		/* and the old one may lie as well */
	assert_int_equal(swap_to("ramfs"), -HX_EBADMSG);
	lie = NAMES_TWICE;
	assert_int_equal(swap_to("ramfs"), -HX_ENOENT);
	lie = NO_LIE;
	assert_int_equal(swap_to("ramfs"), 0);
	end_tree();
}

/* As a module that faulted: what was mounted is there, what was open answers with errors. */
static void one_that_broke_is_replaced(void **state)
{
	struct hx_fs_stat st;
	struct hx_file f;

	make_tree();
	assert_int_equal(hx_vfs_mkdir("/d/below", 0755), 0);
	assert_int_equal(hx_vfs_mount("ramfs", NULL, "/d/below", 0, NULL), 0);
	assert_int_equal(swap_to("liar"), 0);
	lie = BROKE;
	assert_int_equal(swap_to("ramfs"), 0);
	assert_int_equal(last.n_items, 2);
	assert_true(last.n_ended >= 5);
	assert_string_equal(provider(), "provider=ramfs\n");
	assert_int_equal(hx_vfs_pread(&used.plain, buf, 1, 0), -HX_EIO);
	assert_int_equal(hx_vfs_pwrite(&used.nameless, buf, 1, 0), -HX_EIO);
	assert_int_equal(hx_vfs_stat("/d/plain", &st), -HX_ENOENT);
	assert_int_equal(hx_vfs_stat("/m/inner", &st), 0);
	assert_int_equal(hx_vfs_rmdir("/d/below"), -HX_EBUSY);
	assert_int_equal(hx_vfs_unmount("/d/below"), 0);
	make_open(&f, "/d/below/new");
	put(&f, 0, 100);
	lie = NO_LIE;
	assert_int_equal(swap_to("listfs"), 0);
	expect(&f, 0, 100);
	hx_vfs_close(&f);
	end_tree();
}

static void what_does_not_fit_stays(void **state)
{
	hx_paddr_t taken[4];
	struct hx_file f;
	uint64_t pages;

	make_tree();
	make_open(&f, "/big");
	for (uint64_t off = 0; off < 24 * HX_MIB; off += 4096)
		put(&f, off, 4096);
	assert_int_equal(there_and_back(), 0);
	for (unsigned i = 0; i < HX_ARRAY_LEN(taken); i++)	/* by somebody else: 16 MiB */
		assert_int_equal(hx_frames_alloc(10, HX_FRAMES_ANY, &taken[i]), 0);
	pages = hx_frames_n_free();
	assert_int_equal(swap_to("listfs"), -HX_ENOSPC);
	assert_string_equal(last.why, "write: big");
	/* A heap may keep an empty slab. */
	assert_true(hx_frames_n_free() + 2 >= pages);
	check_tree();
	expect(&f, 23 * HX_MIB, 4096);
	for (unsigned i = 0; i < HX_ARRAY_LEN(taken); i++)
		hx_frames_free(taken[i], 10);
	assert_int_equal(there_and_back(), 0);
	hx_vfs_close(&f);
	assert_int_equal(hx_vfs_unlink("/big"), 0);
	assert_int_equal(there_and_back(), 0);
	end_tree();
}

static void whoever_cannot_is_refused(void **state)
{
	assert_int_equal(swap_to("ramfs"), -HX_EEXIST);
	liar_swap_ops.seek = NULL;
	assert_int_equal(swap_to("liar"), -HX_ENOTSUP);
	liar_swap_ops.seek = liar_seek;
	liar_swap_ops.abi++;
	assert_int_equal(swap_to("liar"), -HX_ENOTSUP);
	liar_swap_ops.abi--;
	liar_ops.rename = NULL;
	assert_int_equal(swap_to("liar"), -HX_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_word_chooses_who_boots, up, down),
		cmocka_unit_test_setup_teardown(everything_goes_over_and_back, up, down),
		cmocka_unit_test_setup_teardown(nothing_is_left_behind, up, down),
		cmocka_unit_test_setup_teardown(the_new_one_is_written_to, up, down),
		cmocka_unit_test_setup_teardown(every_failing_allocation_is_undone, up, down),
		cmocka_unit_test_setup_teardown(every_failing_page_is_undone, up, down),
		cmocka_unit_test_setup_teardown(every_failing_step_is_undone, up, down),
		cmocka_unit_test_setup_teardown(one_that_lies_is_not_taken, up, down),
		cmocka_unit_test_setup_teardown(one_that_broke_is_replaced, up, down),
		cmocka_unit_test_setup_teardown(what_does_not_fit_stays, up, down),
		cmocka_unit_test_setup_teardown(whoever_cannot_is_refused, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
