// SPDX-License-Identifier: MIT
/*
 * The filesystem of "/" is replaced in the booted kernel, to and fro, while threads write, read,
 * make and remove files: what they wrote is there, each number of it.
 */
#include <hx/config/core_border.h>
#include <hx/config/core_slot.h>
#include <hx/core/fault.h>
#include <hx/core/frames.h>
#include <hx/core/ktest.h>
#include <hx/core/names.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/core/swap.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#include "vfs_priv.h"

#define WRITERS		6u
#define RECORDS		256u		/* of a file; the n-th is where n % RECORDS says */
#define SWAPS		40u
#define MODULE		"/boot/modules/fs_listfs.hko"

static bool is_loaded, is_over;		/* is_over: atomic */
static const char *names[2];		/* who boots, and the other one */
static struct hx_swap last;

struct record {
	uint64_t n, check;
};

static struct writer {
	struct hx_file f;
	uint64_t n;			/* the record to be written next; atomic */
	uint32_t n_wrong;		/* atomic */
	char path[24];
} writers[WRITERS];

static int tell_modules(const char *line)
{
	char text[160];
	struct hx_text_buf ack;

	hx_text_buf_init(&ack, text, sizeof(text));
	return hx_names_take("/modules/ctl", line, &ack.text);
}

/* The other filesystem: built in, or a module that is loaded for this test. */
static bool other_begins(struct hx_ktest_run *t)
{
	const struct hx_fs_ops *now = *rootfs_kind.current;
	const void *ops;

	names[0] = now->name;
	names[1] = hx_strcmp(now->name, "ramfs") == 0 ? "listfs" : "ramfs";
	is_loaded = hx_slot_find(&rootfs_kind, names[1], &ops) != 0;
	if (is_loaded && tell_modules("load " MODULE) != 0) {
		hx_ktest_skip(t, "there is no other filesystem");
		return false;
	}
	return true;
}

/* Nobody puts it back any more: it may go. */
static void other_ends(struct hx_ktest_run *t)
{
	int err = 0;

	hx_expect(t, hx_strcmp(((const struct hx_fs_ops *)*rootfs_kind.current)->name,
			       names[0]) == 0);
	if (!is_loaded)
		return;
	for (unsigned i = 0; i < 500; i++) {	/* for as long as its probation */
		err = tell_modules("unload fs_listfs");
		if (err != -HX_EBUSY)
			break;
		hx_sleep_ns(10 * HX_NS_PER_MS);
	}
	hx_expect(t, err == 0);
}

/* ---- who writes */

static uint64_t check_of(const struct writer *w, uint64_t n)
{
	return (n + (uint64_t)(w - writers)) * 0x9e3779b97f4a7c15ull;
}

static void wrong(struct writer *w, bool is_wrong)
{
	if (is_wrong)
		__atomic_fetch_add(&w->n_wrong, 1, __ATOMIC_RELAXED);
}

static void expect_record(struct writer *w, struct hx_file *f, uint64_t n)
{
	struct record r = { .n = 0 };

	wrong(w, hx_vfs_pread(f, &r, sizeof(r), n % RECORDS * sizeof(r)) != sizeof(r) ||
		 r.n != n || r.check != check_of(w, n));
}

/* By name, as everybody does; and a file that comes, moves and goes. */
static void by_name(struct writer *w)
{
	char one[32], two[32];
	struct hx_file f;

	wrong(w, hx_vfs_open(&f, w->path, HX_OPEN_READ, 0) != 0);
	expect_record(w, &f, w->n);
	hx_vfs_close(&f);
	hx_snprintf(one, sizeof(one), "%s.one", w->path);
	hx_snprintf(two, sizeof(two), "%s.two", w->path);
	wrong(w, hx_vfs_open(&f, one, HX_OPEN_READ | HX_OPEN_WRITE | HX_OPEN_CREATE |
			     HX_OPEN_EXCL, 0600) != 0);
	wrong(w, hx_vfs_write(&f, one, sizeof(one)) != sizeof(one));
	wrong(w, hx_vfs_rename(one, two) != 0);
	wrong(w, hx_vfs_unlink(two) != 0);
	wrong(w, hx_vfs_pread(&f, two, sizeof(two), 0) != sizeof(two) ||
		 hx_strcmp(one, two) != 0);
	hx_vfs_close(&f);
}

static int write_and_read(void *arg)
{
	struct writer *w = arg;

	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		uint64_t n = w->n + 1;
		struct record r = { .n = n, .check = check_of(w, n) };

		wrong(w, hx_vfs_pwrite(&w->f, &r, sizeof(r), n % RECORDS * sizeof(r)) !=
			 sizeof(r));
		__atomic_store_n(&w->n, n, __ATOMIC_RELAXED);
		expect_record(w, &w->f, n - n * 7 % hx_min_u64(n, RECORDS));
		if (n % 16 == 0)
			by_name(w);
		hx_yield();
	}
	return 0;
}

static void all_wrote_some(void)
{
	for (unsigned i = 0; i < WRITERS; i++) {
		uint64_t was = __atomic_load_n(&writers[i].n, __ATOMIC_RELAXED);

		while (__atomic_load_n(&writers[i].n, __ATOMIC_RELAXED) - was < 2)
			hx_sleep_ns(HX_NS_PER_MS / 4);
	}
}

static void begin(struct hx_ktest_run *t, struct hx_thread *threads[WRITERS])
{
	struct hx_thread_params p = { .name = "writer", .fn = write_and_read,
				      .prio = HX_PRIO_DEFAULT };

	is_over = false;
	hx_require(t, hx_vfs_mkdir("/swap", 0755) == 0);
	for (unsigned i = 0; i < WRITERS; i++) {
		struct writer *w = &writers[i];

		w->n = 0;
		w->n_wrong = 0;
		hx_snprintf(w->path, sizeof(w->path), "/swap/%u", i);
		hx_require(t, hx_vfs_open(&w->f, w->path, HX_OPEN_READ | HX_OPEN_WRITE |
					  HX_OPEN_CREATE, 0600) == 0);
		p.arg = w;
		hx_require(t, hx_thread_create(&p, &threads[i]) == 0);
	}
}

static void end(struct hx_ktest_run *t, struct hx_thread *threads[WRITERS])
{
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < WRITERS; i++) {
		struct writer *w = &writers[i];

		hx_expect(t, hx_thread_join(threads[i], 60 * HX_NS_PER_S, NULL) == 0);
		for (uint64_t n = w->n > RECORDS ? w->n - RECORDS + 1 : 1; n <= w->n; n++)
			expect_record(w, &w->f, n);
		hx_expect(t, w->n_wrong == 0 && w->n > SWAPS / 2);
		hx_vfs_close(&w->f);
		hx_expect(t, hx_vfs_unlink(w->path) == 0);
	}
	hx_expect(t, hx_vfs_rmdir("/swap") == 0);
}

HX_KTEST(fs_swap_loses_nothing_that_is_written)
{
	struct hx_thread *threads[WRITERS];
	struct hx_file nameless;
	char text[8] = "";

	if (!other_begins(t))
		return;
	hx_require(t, hx_vfs_open(&nameless, "/nameless", HX_OPEN_READ | HX_OPEN_WRITE |
				  HX_OPEN_CREATE, 0600) == 0);
	hx_expect(t, hx_vfs_write(&nameless, "nobody", 7) == 7);
	hx_expect(t, hx_vfs_unlink("/nameless") == 0);
	begin(t, threads);
	for (unsigned i = 0; i < SWAPS; i++) {
		all_wrote_some();
		hx_expect(t, hx_swap("rootfs", names[(i + 1) % 2], &last) == 0);
		hx_expect(t, last.n_items >= WRITERS + 2);
	}
	end(t, threads);
	hx_expect(t, hx_vfs_pread(&nameless, text, 7, 0) == 7 && hx_strcmp(text, "nobody") == 0);
	hx_vfs_close(&nameless);
	other_ends(t);
}

HX_KTEST(fs_swap_that_fails_changes_nothing)
{
	static const char *const points[] = { "swap.prepare", "swap.quiesce", "swap.export",
					      "swap.import", "fs.copy" };
	struct hx_thread *threads[WRITERS];
	uint64_t n_free;

	if (!HX_ENABLED(FAULT_INJECTION)) {
		hx_ktest_skip(t, "no fault injection");
		return;
	}
	if (!other_begins(t))
		return;
	begin(t, threads);
	for (unsigned i = 0; i < 10 * HX_ARRAY_LEN(points); i++) {
		struct hx_fault_plan plan = { .point = points[i % HX_ARRAY_LEN(points)],
					      .after = 1 + (i % 5 == 4 ? i / 5 : 0) };

		all_wrote_some();
		hx_require(t, hx_fault_plan_arm(&plan) == 0);
		hx_expect(t, hx_swap("rootfs", names[1], &last) == -HX_EIO);
	}
	end(t, threads);
	hx_expect(t, hx_swap("rootfs", names[1], NULL) == 0);
	hx_expect(t, hx_swap("rootfs", names[0], NULL) == 0);
	n_free = hx_frames_n_free();
	for (unsigned i = 0; i < 10; i++) {
		hx_expect(t, hx_swap("rootfs", names[1], NULL) == 0);
		hx_expect(t, hx_swap("rootfs", names[0], NULL) == 0);
	}
	hx_expect(t, hx_frames_n_free() + 64 > n_free);
	other_ends(t);
}

/* ---- one that breaks */

/* Its list of pages leads nowhere: the module faults when it follows it. */
static void break_file(struct hx_file *f)
{
	((uintptr_t *)f->node->priv)[1] = 0x5a5a5a5a5a5a0000;
}

HX_KTEST(fs_swap_comes_after_one_that_broke)
{
	struct hx_fs_stat st;
	struct hx_file f;
	char c;

	if (!HX_ENABLED(BORDERS)) {
		hx_ktest_skip(t, "faults are not caught here");
		return;
	}
	if (!other_begins(t))
		return;
	if (!is_loaded) {
		hx_ktest_skip(t, "no filesystem is a module here");
		return;
	}
	hx_require(t, hx_vfs_open(&f, "/broken", HX_OPEN_READ | HX_OPEN_WRITE | HX_OPEN_CREATE,
				  0600) == 0);
	hx_expect(t, hx_vfs_write(&f, "x", 1) == 1);
	hx_require(t, hx_swap("rootfs", names[1], NULL) == 0);
	hx_expect(t, hx_vfs_pread(&f, &c, 1, 0) == 1 && c == 'x');
	break_file(&f);
	hx_expect(t, hx_vfs_pread(&f, &c, 1, 0) < 0);
	hx_expect(t, hx_vfs_pread(&f, &c, 1, 0) == -HX_EIO);
	hx_expect(t, hx_vfs_stat("/broken", &st) == -HX_EIO);
	hx_expect(t, tell_modules("unload fs_listfs") == -HX_EBUSY);
	/* What it had is lost; what is mounted is there, and "/" can be written to. */
	hx_expect(t, hx_swap("rootfs", names[0], &last) == 0 && last.n_ended > 0);
	hx_expect(t, hx_vfs_pread(&f, &c, 1, 0) == -HX_EIO);
	hx_expect(t, hx_vfs_write(&f, "y", 1) == -HX_EIO);
	hx_expect(t, hx_vfs_stat("/broken", &st) == -HX_ENOENT);
	hx_expect(t, hx_vfs_stat(MODULE, &st) == 0 && hx_vfs_stat("/boot/..", &st) == 0);
	other_ends(t);
	hx_vfs_close(&f);		/* the module is gone before the last of its files */
	hx_require(t, hx_vfs_open(&f, "/whole", HX_OPEN_WRITE | HX_OPEN_CREATE, 0600) == 0);
	hx_vfs_close(&f);
	hx_expect(t, hx_vfs_unlink("/whole") == 0);
}

/* ---- who does not come out */

static struct hx_file held;
static volatile uint32_t hold_step;	/* 1: it has the file; 2: it may let go */

static int hold_file(void *arg)
{
	hx_mutex_lock(&held.node->lock);
	hold_step = 1;
	while (hold_step != 2)
		hx_sleep_ns(HX_NS_PER_MS);
	hx_mutex_unlock(&held.node->lock);
	return 0;
}

HX_KTEST(fs_swap_gives_up_and_says_who_is_in_a_file)
{
	struct hx_thread_params p = { .name = "holder", .fn = hold_file, .prio = HX_PRIO_DEFAULT };
	struct hx_thread *holder;
	hx_ns_t from;

	if (!other_begins(t))
		return;
	hx_require(t, hx_vfs_open(&held, "/held", HX_OPEN_READ | HX_OPEN_WRITE | HX_OPEN_CREATE,
				  0600) == 0);
	hold_step = 0;
	hx_require(t, hx_thread_create(&p, &holder) == 0);
	while (hold_step != 1)
		hx_sleep_ns(HX_NS_PER_MS);
	from = hx_now_ns();
	hx_expect(t, hx_swap("rootfs", names[1], &last) == -HX_ETIMEDOUT);
	hx_expect(t, hx_now_ns() - from >= CONFIG_SLOT_SWAP_WAIT_MS * HX_NS_PER_MS);
	hx_expect(t, hx_glob("thread * holder is in file *", last.why));
	hold_step = 2;
	hx_expect(t, hx_thread_join(holder, 60 * HX_NS_PER_S, NULL) == 0);
	hx_expect(t, hx_swap("rootfs", names[1], NULL) == 0);
	hx_expect(t, hx_vfs_pwrite(&held, "x", 1, 0) == 1);
	hx_expect(t, hx_swap("rootfs", names[0], NULL) == 0);
	hx_vfs_close(&held);
	hx_expect(t, hx_vfs_unlink("/held") == 0);
	other_ends(t);
}
