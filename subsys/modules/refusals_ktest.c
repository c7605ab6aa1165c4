// SPDX-License-Identifier: MIT
/*
 * What the loader refuses, in the booted kernel: a table of files with something wrong, each with
 * its error and its words; and after each the heap, the frames, the areas, the names, the slots of
 * the table, threads and the books of the broker are as before.
 *
 * Frames are compared over ROUNDS refusals: addresses are not used again at once, and a page table
 * for the next 2 MiB of them stays. One frame that a refusal loses shows as ROUNDS of them.
 */
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/ktest.h>
#include <hx/core/log.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/fs/vfs.h>
#include <hx/vm/kva.h>

#include "hko_make.h"
#include "modules_priv.h"

#define FOLDER		"/refused"
#define ONE		FOLDER "/one.hko"
#define ROUNDS		8u
#define LARGE_BYTES	(CONFIG_MODULES_KIB * 1024u)

enum row_flags {
	EARLY = 1,		/* refused before anybody looks for a signature */
	OTHER_IS_THERE = 2,	/* the other one is loaded; else its file lies beside */
	FULL = 4,		/* no more modules have room */
	CAPABILITIES = 8, QUOTAS = 16, SIGNATURES = 32,	/* only in kernels with these */
};

static uint8_t file[MAKE_BYTES + HKO_SIGNATURE_BYTES] HX_ALIGNED(8);
static uint32_t n_bytes;
static struct hko_signature signature;	/* by the kernel's key, over another file */
static struct hko_why why;

/* ---- what is spoilt */

#define SPOIL(ident, ...)	static void ident(void) { __VA_ARGS__; }

SPOIL(empty, n_bytes = 0)
SPOIL(half_a_header, n_bytes = sizeof(struct elf_header) - 1)
SPOIL(half, n_bytes /= 2)
SPOIL(cut, n_bytes -= 8)
SPOIL(noise, memset(file, 0x5a, n_bytes))
SPOIL(other_machine, ((struct elf_header *)file)->machine = 183)
SPOIL(write_and_execute, make_section(file, S_TEXT)->flags |= ELF_WRITE)
SPOIL(section_outside, make_section(file, S_TEXT)->offset = n_bytes)
SPOIL(symbol_outside, make_symbol(file, Y_FIRST)->value = T_BYTES)
SPOIL(relocation_type, make_rela(file, S_RELA_TEXT, 0)->type = 10)
SPOIL(relocation_range, make_rela(file, S_RELA_TEXT, 5)->addend = 1ll << 32)
SPOIL(entry_outside, make_rela(file, S_RELA_NODES, 0)->addend = 1 << 30)
SPOIL(list_unknown, memcpy(file + make_section(file, S_NAMES)->offset +
			   make_section(file, S_NODES)->name, "hx_zerbs", 9))
SPOIL(not_imported, make_symbol(file, Y_STRLEN)->name = make_symbol(file, Y_FIRST)->name)
SPOIL(descriptor, make_desc(file)->magic[0] = 'x')
SPOIL(abi_older, make_desc(file)->abi_major = 0)
SPOIL(abi_newer, make_desc(file)->abi_minor = HKO_ABI_MINOR + 1)

/* It asks for hx_secret instead of hx_strlen; imports stay in ascending order. */
static void symbol_secret(void)
{
	struct hko_desc *d = make_desc(file);
	struct hko_import *in = (void *)((char *)d + d->imports), first = in[0];

	memcpy((char *)file + make_section(file, S_STRTAB)->offset +
	       make_symbol(file, Y_STRLEN)->name, "hx_secret", 10);
	memcpy((char *)d + in[1].name, "hx_secret", 10);
	in[0] = in[1];
	in[1] = first;
}

static void sign(void)
{
	memcpy(file + n_bytes, &signature, sizeof(signature));
	n_bytes += sizeof(signature);
}

static struct hko_signature *signed_by(void)
{
	sign();
	return (struct hko_signature *)(file + n_bytes) - 1;
}

SPOIL(signed_strangely, signed_by()->algorithm = 7)
SPOIL(signed_by_another, memset(signed_by()->key_id, 0x11, 16))

/* ---- the table */

#define NEED(name_)	{ (name_), HKO_REQUIRED, 0, 0 }
#define NODE		{ .node = "/test/refused", .init = MAKE_INIT_OK }

static const struct row {
	struct make make;
	void (*spoil)(void);
	int err;
	const char *words;	/* the whole answer as a pattern */
	unsigned flags;
	struct make other;
} rows[] = {
	/* Truncated. */
	{ NODE, empty, -HX_EINVAL, "detail=file-size bytes=0", EARLY },
	{ NODE, half_a_header, -HX_EBADMSG, "detail=no-module" },
	{ NODE, half, -HX_EBADMSG, "detail=elf-sections sections=15" },
	{ NODE, cut, -HX_EBADMSG, "detail=elf-sections sections=15" },
	/* Corrupt; the last ones show only when it lies in memory. */
	{ NODE, noise, -HX_EBADMSG, "detail=no-module" },
	{ NODE, write_and_execute, -HX_EBADMSG, "detail=section-flags section=.text flags=0x7" },
	{ NODE, section_outside, -HX_EBADMSG, "detail=section-size section=.text" },
	{ NODE, symbol_outside, -HX_EBADMSG, "detail=symbol-place symbol=first" },
	{ NODE, relocation_type, -HX_EBADMSG,
	  "detail=relocation-type section=.text index=0 type=10" },
	{ NODE, not_imported, -HX_EBADMSG, "detail=not-imported symbol=first" },
	{ NODE, descriptor, -HX_EBADMSG, "detail=descriptor" },
	{ NODE, relocation_range, -HX_EBADMSG, "detail=relocation-range section=.text index=5*" },
	{ NODE, entry_outside, -HX_EBADMSG, "detail=list-entry section=hx_nodes index=0" },
	{ NODE, list_unknown, -HX_ENOTSUP, "detail=list-unknown section=hx_zerbs" },
	/* Of another machine, format, kernel. */
	{ NODE, other_machine, -HX_EPROTO, "detail=machine machine=183" },
	{ NODE, abi_older, -HX_EPROTO, "detail=abi abi=0.0 kernel=1.0" },
	{ NODE, abi_newer, -HX_EPROTO, "detail=abi abi=1.1 kernel=1.0" },
	{ { .build = "x86_64-0" }, NULL, -HX_EPROTO, "detail=build module=x86_64-0 kernel=*" },
	{ { .strlen_version = 2 }, NULL, -HX_EPROTO,
	  "detail=symbol-version symbol=hx_strlen module=2 kernel=1" },
	{ NODE, symbol_secret, -HX_ENOENT, "detail=symbol symbol=hx_secret" },
	/* Signed by nobody whom this kernel knows, or over something else. */
	{ NODE, sign, -HX_EACCES, "detail=signature", EARLY | SIGNATURES },
	{ NODE, signed_strangely, -HX_EACCES, "detail=signature-algorithm algorithm=7",
	  EARLY | SIGNATURES },
	{ NODE, signed_by_another, -HX_EACCES, "detail=signature-key key=11111111",
	  EARLY | SIGNATURES },
	{ { .cap = "irq" }, NULL, -HX_EACCES, "detail=capability-unsigned name=irq",
	  CAPABILITIES | SIGNATURES },
	{ { .cap = "nobodys" }, NULL, -HX_ENOENT, "detail=capability name=nobodys rights=0x1",
	  CAPABILITIES },
	/* In a circle. */
	{ { .needs = { NEED("one") } }, NULL, -HX_EBADMSG, "detail=cycle path=one,one" },
	{ { .needs = { NEED("two") } }, NULL, -HX_ELOOP, "detail=cycle path=one,two,one", 0,
	  { .name = "two", .needs = { NEED("one") } } },
	/* What it needs is not there, is another version, is refused; what came for it goes. */
	{ { .needs = { NEED("gone") } }, NULL, -HX_ENOENT,
	  "detail=need-missing need=gone min=0.0.0 max=65535.65535.65535" },
	{ { .needs = { { "two", HKO_REQUIRED, HKO_VERSION(1, 5, 0), HKO_VERSION(2, 0, 0) } } },
	  NULL, -HX_ENOENT, "detail=need-missing need=two min=1.5.0 max=2.0.0", 0,
	  { .name = "two", .init = MAKE_INIT_OK } },
	{ { .needs = { NEED("two"), NEED("gone") } }, NULL, -HX_ENOENT,
	  "detail=need-missing need=gone *", 0,
	  { .name = "two", .node = "/test/two", .init = MAKE_INIT_OK } },
	{ { .needs = { NEED("two") } }, NULL, -HX_EIO, "detail=init name=two error=EIO", 0,
	  { .name = "two", .init = MAKE_INIT_FAILS } },
	/* There already, or not to be there together. */
	{ NODE, NULL, -HX_EEXIST, "detail=duplicate name=one", OTHER_IS_THERE, { .name = "one" } },
	{ { .needs = { { "two", HKO_CONFLICT, 0, 0 } } }, NULL, -HX_EEXIST,
	  "detail=conflict with=two", OTHER_IS_THERE, { .name = "two" } },
	{ NODE, NULL, -HX_EEXIST, "detail=node path=/test/refused", OTHER_IS_THERE,
	  { .name = "two", .node = "/test/refused" } },
	{ { .name = "ctl" }, NULL, -HX_EINVAL, "detail=name name=ctl" },
	/* More than there is for modules, or for one. */
	{ { .bss_bytes = LARGE_BYTES }, NULL, -HX_ENOSPC, "detail=quota bytes=* max=*" },
	{ { .bss_bytes = LARGE_BYTES - 65536 }, NULL, -HX_ENOSPC,
	  "detail=quota-memory name=one charged=0 more=* max=*", QUOTAS },
	{ NODE, NULL, -HX_ENFILE, "detail=quota modules=* max=*", FULL },
	/* Its own init does not want to. */
	{ { .node = "/test/refused", .init = MAKE_INIT_FAILS }, NULL, -HX_EIO,
	  "detail=init name=one error=EIO" },
};

/* ---- traces */

struct trace {
	uint64_t heap_bytes, heap_blocks, area, area_heap, module_bytes;
	struct hx_res_totals books;
	unsigned names, modules, threads;
};

/* Of the tree that is behind path, which is changed meanwhile. */
static unsigned count_names(char path[HX_NAME_PATH_MAX])
{
	size_t len = hx_strlen(path);
	char name[HX_NAME_MAX];
	struct hx_name_stat st;
	unsigned n = 0;

	for (unsigned i = 0; hx_names_list(len == 0 ? "/" : path, i, name, &st) == 0; i++) {
		n++;
		if (!st.is_dir || len + hx_strlen(name) + 1 >= HX_NAME_PATH_MAX)
			continue;
		path[len] = '/';
		hx_strlcpy(path + len + 1, name, HX_NAME_PATH_MAX - len - 1);
		n += count_names(path);
		path[len] = '\0';
	}
	return n;
}

static bool gives_back(void)
{
	return hx_strcmp(hx_heap_provider(), "bump") != 0;
}

static struct trace look(void)
{
	static char path[HX_NAME_PATH_MAX];
	struct hx_heap_stats stats;
	struct trace at;

	memset(&at, 0, sizeof(at));
	path[0] = '\0';
	at.names = count_names(path);
	at.area = hx_kva_bytes(HX_AREA_MODULES);
	at.area_heap = hx_kva_bytes(HX_AREA_HEAP);
	at.modules = modules_count();
	at.module_bytes = modules_bytes();
	at.threads = hx_thread_count();
	if (HX_ENABLED(RESOURCES))
		hx_res_totals(&at.books);
	hx_heap_stats(&stats);
	if (gives_back()) {
		at.heap_bytes = stats.used_bytes;
		at.heap_blocks = stats.n_allocs - stats.n_frees;
	}
	return at;
}

/* Others may be in the middle of something. */
static bool leaves_no_trace(const struct trace *before, uint64_t frames)
{
	struct trace now = look();
	uint64_t n_free = hx_frames_n_free();

	for (unsigned i = 0; i < 300; i++) {
		if (memcmp(before, &now, sizeof(now)) == 0 &&
		    (n_free + ROUNDS > frames || !gives_back()))
			return true;
		hx_sleep_ns(10 * HX_NS_PER_MS);
		now = look();
		n_free = hx_frames_n_free();
	}
	hx_warn("test", "heap %lld bytes, %lld blocks; areas %lld; names %d, modules %d, "
		"threads %d, frames %lld more; books %s",
		(long long)(now.heap_bytes - before->heap_bytes),
		(long long)(now.heap_blocks - before->heap_blocks),
		(long long)(now.area + now.area_heap - before->area - before->area_heap),
		(int)(now.names - before->names), (int)(now.modules - before->modules),
		(int)(now.threads - before->threads), (long long)(frames - n_free),
		memcmp(&before->books, &now.books, sizeof(now.books)) == 0 ? "equal" : "differ");
	return false;
}

/* ---- */

static bool write_bytes(const char *path)
{
	struct hx_file f;
	bool is_written;

	if (hx_vfs_open(&f, path, HX_OPEN_WRITE | HX_OPEN_CREATE | HX_OPEN_TRUNC, 0644) != 0)
		return false;
	is_written = hx_vfs_write(&f, file, n_bytes) == (hx_ssize_t)n_bytes;
	hx_vfs_close(&f);
	return is_written;
}

static bool write_make(const char *path, const struct make *k, void (*spoil)(void))
{
	n_bytes = make_file(file, k);
	if (spoil != NULL)
		spoil();
	return write_bytes(path);
}

/* The last bytes of a file that the build has signed. */
static bool take_signature(void)
{
	char path[MODULES_PATH_MAX];
	struct hx_fs_stat st;
	struct hx_file f;
	bool is_read;

	if (!modules_in_archive("sched_", 0, path) || hx_vfs_stat(path, &st) != 0 ||
	    hx_vfs_open(&f, path, HX_OPEN_READ, 0) != 0)
		return false;
	is_read = hx_vfs_seek(&f, st.size_bytes - sizeof(signature)) == 0 &&
		  hx_vfs_read(&f, &signature, sizeof(signature)) == sizeof(signature);
	hx_vfs_close(&f);
	return is_read;
}

/* As many as there may be: name n0, n1, and so on. False: one did not come. */
static bool fill_table(const char *path)
{
	struct module *m;
	char name[8];

	for (unsigned i = modules_count(); i < CONFIG_MODULES_MAX; i++) {
		hx_snprintf(name, sizeof(name), "n%u", i);
		if (!write_make(path, &(struct make){ .name = name }, NULL) ||
		    (!HX_ENABLED(MODULES_SIGNED_ONLY) && module_load(path, &why, &m) != 0))
			return false;
	}
	return true;
}

static void empty_table(void)
{
	struct module *m;

	for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++) {
		m = module_at(i);
		if (m != NULL)
			(void)module_unload(m->name, &why);
	}
}

static bool is_for_this_kernel(const struct row *r)
{
	return (HX_ENABLED(CAPS) || (r->flags & CAPABILITIES) == 0) &&
	       (HX_ENABLED(RESOURCES) || (r->flags & QUOTAS) == 0) &&
	       (HX_ENABLED(MODULES_SIGNATURES) || (r->flags & SIGNATURES) == 0);
}

static bool is_refused(const struct row *r)
{
	/* Where only what is signed may come, nobody looks at what these are. */
	bool is_unsigned = HX_ENABLED(MODULES_SIGNED_ONLY) && (r->flags & EARLY) == 0;
	struct module *m;

	memset(&why, 0, sizeof(why));
	return module_load(ONE, &why, &m) == (is_unsigned ? -HX_EACCES : r->err) &&
	       hx_glob(is_unsigned ? "detail=unsigned" : r->words, why.text);
}

static void refuse(struct hx_ktest_run *t, const struct row *r)
{
	struct trace before = look();
	uint64_t frames = hx_frames_n_free();
	bool is_right = true;

	for (unsigned i = 0; i < ROUNDS && is_right; i++)
		is_right = is_refused(r);
	if (!is_right)
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, why.text);
	if (!leaves_no_trace(&before, frames))
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, r->words);
}

static void refuse_in_its_place(struct hx_ktest_run *t, const struct row *r)
{
	bool has_other = r->other.name != NULL, fills = (r->flags & FULL) != 0;
	char path[MODULES_PATH_MAX];
	struct module *m;

	/* A duplicate lies under another name. */
	hx_snprintf(path, sizeof(path), FOLDER "/%s.hko",
		    !has_other ? "n" : hx_strcmp(r->other.name, "one") == 0 ? "same" :
		    r->other.name);
	hx_require(t, !has_other || write_make(path, &r->other, NULL));
	if ((r->flags & OTHER_IS_THERE) != 0 && !HX_ENABLED(MODULES_SIGNED_ONLY))
		hx_require(t, module_load(path, &why, &m) == 0);
	if (fills)
		hx_require(t, fill_table(path));
	hx_require(t, write_make(ONE, &r->make, r->spoil));
	refuse(t, r);
	empty_table();
	hx_expect(t, hx_vfs_unlink(ONE) == 0 && modules_count() == 0);
	hx_expect(t, hx_vfs_unlink(path) == (has_other || fills ? 0 : -HX_ENOENT));
}

/* What is allocated for the first time stays: threads' own memory, the heap's. */
static bool come_and_go(void)
{
	static const struct make good = { .node = "/test/refused", .init = MAKE_INIT_OK };
	struct module *m;

	return write_make(ONE, &good, NULL) &&
	       (HX_ENABLED(MODULES_SIGNED_ONLY) ||
		(module_load(ONE, &why, &m) == 0 && module_unload("one", &why) == 0));
}

HX_KTEST(modules_each_refusal_says_why_and_leaves_no_trace)
{
	if (HX_ENABLED(MODULES_SIGNATURES))
		hx_require(t, take_signature());
	hx_require(t, hx_vfs_mkdir(FOLDER, 0755) == 0);
	modules_quiet();
	hx_require(t, come_and_go());
	for (unsigned i = 0; i < HX_ARRAY_LEN(rows) && t->n_failed == 0; i++)
		if (is_for_this_kernel(&rows[i]))
			refuse_in_its_place(t, &rows[i]);
	hx_expect(t, hx_vfs_rmdir(FOLDER) == 0);
}
