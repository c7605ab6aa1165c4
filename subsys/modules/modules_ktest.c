// SPDX-License-Identifier: MIT
/*
 * Modules in the booted kernel: every one of the archive is loaded, used and taken out again, many
 * times, and memory is as before.
 */
#include <hx/config/core_lib.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/ktest.h>
#include <hx/core/panic.h>
#include <hx/core/printf.h>
#include <hx/core/sched_class.h>
#include <hx/core/string.h>
#include <hx/fs/vfs.h>
#include <hx/hal/mmu.h>
#include <hx/vm/kva.h>

#include "modules_priv.h"

#define FOLDER	"/boot/modules"
/* A signature takes 20 million instructions. */
#define ROUNDS	(HX_ENABLED(MODULES_SIGNATURES) ? 3u : HX_ENABLED(DEBUG_ASSERT) ? 100u : 300u)
#define THREADS	5u

bool modules_in_archive(const char *prefix, unsigned idx, char path[MODULES_PATH_MAX])
{
	struct hx_fs_dirent e;
	struct hx_file dir;
	int err;

	if (hx_vfs_open(&dir, FOLDER, HX_OPEN_READ, 0) != 0)
		return false;
	do {
		err = hx_vfs_readdir(&dir, &e);
	} while (err == 0 && (hx_strncmp(e.name, prefix, hx_strlen(prefix)) != 0 || idx-- != 0));
	hx_vfs_close(&dir);
	if (err == 0)
		hx_snprintf(path, MODULES_PATH_MAX, FOLDER "/%s", e.name);
	return err == 0;
}

static bool module_path(unsigned idx, char path[MODULES_PATH_MAX])
{
	return modules_in_archive("sched_", idx, path);
}

struct module *modules_load(struct hx_ktest_run *t, const char *path)
{
	struct hko_why why = { .err = 0 };
	struct module *m = NULL;
	int err = -HX_ETIMEDOUT;

	/* As breaker_load(). */
	for (unsigned i = 0; i < 50 && err == -HX_ETIMEDOUT; i++)
		err = module_load(path, &why, &m);
	if (err != 0)
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, why.text);
	return m;
}

static const struct hx_kind *scheduler_kind(void)
{
	const struct hx_kind *const *it;

	HX_SECTION_FOREACH(it, hx_kinds) {
		if (hx_strcmp((*it)->slot, "scheduler") == 0)
			return *it;
	}
	return NULL;
}

/* Let a scheduler of a module order threads that do not run, on a run queue of our own. */
static bool orders(const struct hx_sched_ops *ops)
{
	static struct hx_runq rq;
	static struct hx_thread threads[THREADS];
	unsigned n = 0, seen = 0;

	memset(&rq, 0, sizeof(rq));
	memset(threads, 0, sizeof(threads));
	hx_spin_init(&rq.lock, "runq", HX_RANK_RUNQ);
	if (ops->init(&rq) != 0)
		return false;
	for (unsigned i = 0; i < THREADS; i++) {
		threads[i].prio = HX_PRIO_DEFAULT;
		threads[i].rq = &rq;
		threads[i].state = HX_THREAD_READY;
		if (ops->admit != NULL && ops->admit(&threads[i], &hx_intent_default) != 0)
			return false;
		threads[i].intent = &hx_intent_default;
	}
	hx_irqflags_t flags = hx_spin_lock_irqsave(&rq.lock);

	for (unsigned i = 0; i < THREADS; i++) {
		rq.n_ready++;
		ops->enqueue(&rq, &threads[i], HX_ENQUEUE_NEW);
	}
	for (; n < THREADS; n++) {
		struct hx_thread *got = ops->pick(&rq);

		if (got < threads || got >= threads + THREADS)
			break;
		rq.n_ready--;
		seen |= 1u << (got - threads);
		if (ops->leave != NULL)
			ops->leave(&rq, got, 1000, HX_LEAVE_EXIT);
	}
	hx_spin_unlock_irqrestore(&rq.lock, flags);
	for (unsigned i = 0; ops->admit != NULL && i < THREADS; i++)
		(void)ops->admit(&threads[i], NULL);
	if (ops->fini != NULL)
		ops->fini(&rq);
	return seen == (1u << THREADS) - 1 && ops->pick != NULL;
}

HX_KTEST(modules_are_loaded_used_and_taken_out)
{
	char path[MODULES_PATH_MAX];
	struct hko_why why;
	const void *ops;

	for (unsigned i = 0; module_path(i, path); i++) {
		struct module *m = modules_load(t, path);

		hx_require(t, m != NULL && m->state == MODULE_RUNNING);
		hx_expect(t, m->desc->kind == HKO_SCHEDULER && m->lists[LIST_PROVIDERS].n == 1);
		hx_require(t, hx_slot_take(scheduler_kind(), m->entries[0].ops->name, &ops) == 0);
		hx_expect(t, ops == m->entries[0].ops);
		hx_expect(t, orders(ops));
		/* While somebody has it, it stays. */
		hx_expect(t, module_unload(m->name, &why) == -HX_EBUSY);
		hx_expect(t, m->state == MODULE_RUNNING);
		hx_slot_put(ops);
		hx_expect(t, module_unload(m->name, &why) == 0);
	}
	hx_expect(t, hx_slot_take(scheduler_kind(), "nobody", &ops) == -HX_ENOENT);
}

HX_KTEST(modules_a_paused_provider_is_not_taken)
{
	char path[MODULES_PATH_MAX], name[HKO_NAME_MAX];
	struct hko_why why;
	struct module *m;
	const void *ops;

	hx_require(t, module_path(0, path));
	m = modules_load(t, path);
	hx_require(t, m != NULL);
	hx_strlcpy(name, m->name, sizeof(name));
	hx_expect(t, module_pause(name, true, &why) == 0 && m->state == MODULE_PAUSED);
	hx_expect(t, hx_slot_take(scheduler_kind(), m->entries[0].ops->name, &ops) == -HX_EAGAIN);
	hx_expect(t, module_pause(name, true, &why) == -HX_EBUSY);
	hx_expect(t, module_pause(name, false, &why) == 0 && m->state == MODULE_RUNNING);
	hx_require(t, hx_slot_take(scheduler_kind(), m->entries[0].ops->name, &ops) == 0);
	hx_slot_put(ops);
	hx_expect(t, module_unload(name, &why) == 0);
	hx_expect(t, module_unload(name, &why) == -HX_ENOENT);
}

/* Nothing of it is writable and executable, and each part is what it is to be. */
HX_KTEST(modules_parts_have_their_rights)
{
	static const unsigned want[HKO_PARTS] = { HX_MAP_EXEC, 0, HX_MAP_WRITE };
	char path[MODULES_PATH_MAX];
	struct hko_why why;
	struct module *m;

	hx_require(t, module_path(0, path));
	m = modules_load(t, path);
	hx_require(t, m != NULL);
	for (unsigned p = 0; p < HKO_PARTS; p++) {
		for (uint32_t off = 0; off < m->part_bytes[p]; off += HX_PAGE_SIZE) {
			hx_paddr_t pa;
			unsigned flags = ~0u;

			hx_expect(t, hx_mmu_query(m->base + m->part_at[p] + off, &pa, &flags) == 0);
			hx_expect(t, (flags & (HX_MAP_EXEC | HX_MAP_WRITE)) == want[p]);
		}
	}
	hx_expect(t, module_unload(m->name, &why) == 0);
}

/* Not from its table: a gate may stand there. */
static uintptr_t find_function(const struct module *m, const char *end)
{
	for (uint32_t i = 0; i < m->n_functions; i++) {
		const char *name = m->names + m->functions[i].name;

		if (hx_strlen(name) > hx_strlen(end) &&
		    hx_strcmp(name + hx_strlen(name) - hx_strlen(end), end) == 0)
			return m->base + m->functions[i].offset;
	}
	return 0;
}

HX_KTEST(modules_functions_are_known_by_name)
{
	char path[MODULES_PATH_MAX], text[96];
	struct hx_text_buf out;
	struct hko_why why;
	struct module *m;
	uintptr_t pick;

	hx_require(t, module_path(0, path));
	m = modules_load(t, path);
	hx_require(t, m != NULL);
	pick = find_function(m, "_pick");
	hx_require(t, pick != 0);
	hx_text_buf_init(&out, text, sizeof(text));
	hx_symbolize(&out.text, pick + 1);
	hx_expect(t, hx_glob("0x* *_pick+0x1 *sched_*", text) && hx_strchr(text, '[') != NULL);
	hx_expect(t, module_unload(m->name, &why) == 0);
	hx_text_buf_init(&out, text, sizeof(text));
	hx_symbolize(&out.text, pick + 1);
	hx_expect(t, hx_strchr(text, '[') == NULL);
}

static uint64_t heap_used(void)
{
	struct hx_heap_stats stats;

	hx_heap_stats(&stats);
	return stats.used_bytes;
}

void modules_quiet(void)
{
	uint64_t used = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < 20 && (used != heap_used() || n != hx_thread_count()); i++) {
		used = heap_used();
		n = hx_thread_count();
		hx_sleep_ns(250 * HX_NS_PER_MS);
	}
}

/* A copy of a file of the archive, shorter by cut bytes and with one byte in the middle changed. */
static int copy_spoilt(const char *from, const char *to, size_t cut, unsigned change)
{
	struct hx_fs_stat st;
	struct hx_file f;
	char *bytes;
	hx_ssize_t n;
	int err = hx_vfs_stat(from, &st);

	if (err != 0)
		return err;
	bytes = hx_alloc((size_t)st.size_bytes);
	if (bytes == NULL)
		return -HX_ENOMEM;
	err = hx_vfs_open(&f, from, HX_OPEN_READ, 0);
	if (err == 0) {
		n = hx_vfs_read(&f, bytes, (size_t)st.size_bytes);
		hx_vfs_close(&f);
		bytes[st.size_bytes / 2] = (char)(bytes[st.size_bytes / 2] ^ change);
		err = n == (hx_ssize_t)st.size_bytes ?
		      hx_vfs_open(&f, to, HX_OPEN_WRITE | HX_OPEN_CREATE | HX_OPEN_TRUNC, 0644) :
		      -HX_EIO;
	}
	if (err == 0) {
		n = hx_vfs_write(&f, bytes, (size_t)st.size_bytes - cut);
		hx_vfs_close(&f);
		err = n == (hx_ssize_t)(st.size_bytes - cut) ? 0 : -HX_EIO;
	}
	hx_free(bytes);
	return err;
}

HX_KTEST(modules_signatures_are_checked)
{
	char path[MODULES_PATH_MAX];
	struct hko_why why;
	struct module *m;

	if (!HX_ENABLED(MODULES_SIGNATURES)) {
		hx_ktest_skip(t, "no signatures in this kernel");
		return;
	}
	hx_require(t, module_path(0, path));
	m = modules_load(t, path);
	hx_require(t, m != NULL);
	hx_expect(t, m->is_signed);
	hx_expect(t, module_unload(m->name, &why) == 0);
	hx_require(t, copy_spoilt(path, "/spoilt.hko", 0, 0x10) == 0);
	hx_expect(t, module_load("/spoilt.hko", &why, &m) == -HX_EACCES);
	hx_expect(t, hx_strcmp(why.text, "detail=signature") == 0);
	hx_require(t, copy_spoilt(path, "/spoilt.hko", HKO_SIGNATURE_BYTES, 0) == 0);
	if (HX_ENABLED(MODULES_SIGNED_ONLY)) {
		hx_expect(t, module_load("/spoilt.hko", &why, &m) == -HX_EACCES);
		hx_expect(t, hx_strcmp(why.text, "detail=unsigned") == 0);
	} else {
		m = modules_load(t, "/spoilt.hko");
		hx_require(t, m != NULL);
		hx_expect(t, !m->is_signed && module_unload(m->name, &why) == 0);
	}
	hx_expect(t, hx_vfs_unlink("/spoilt.hko") == 0);
	hx_expect(t, modules_count() == 0 && hx_kva_bytes(HX_AREA_MODULES) == 0);
}

/* In this kernel, with its heap: what fails half way leaves nothing. */
HX_KTEST(modules_failing_allocations_leave_nothing)
{
	char path[MODULES_PATH_MAX];
	struct hko_why why;
	struct module *m = NULL;
	uint64_t used, k;

	if (!HX_ENABLED(FAULT_INJECTION) || hx_strcmp(hx_heap_provider(), "bump") == 0) {
		hx_ktest_skip(t, "no fault injection, or a heap that gives nothing back");
		return;
	}
	hx_require(t, module_path(0, path));
	/* To look at a signature takes long, and allocates much: each so many of them. */
	for (k = 1;; k += HX_ENABLED(MODULES_SIGNATURES) ? 17 : 1) {
		int err;

		used = heap_used();
		hx_heap_fail_at(k);
		err = module_load(path, &why, &m);
		if (hx_heap_fail_at(0) != 0) {
			hx_require(t, err == 0 && module_unload(m->name, &why) == 0);
			break;
		}
		hx_expect(t, err == -HX_ENOMEM || err == 0);
		if (err == 0)
			hx_require(t, module_unload(m->name, &why) == 0);
		hx_expect(t, hx_ktest_heap_settles(used) && modules_count() == 0);
		hx_expect(t, hx_kva_bytes(HX_AREA_MODULES) == 0);
	}
	hx_expect(t, k > 5);
}

HX_KTEST(modules_come_and_go_and_leave_nothing)
{
	char path[MODULES_PATH_MAX];
	struct hko_why why;
	uint64_t frames = 0, heap = 0, tables;
	uintptr_t first = 0, last = 0;
	unsigned n = 0;

	if (hx_strcmp(hx_heap_provider(), "bump") == 0) {
		hx_ktest_skip(t, "this heap gives nothing back");
		return;
	}
	modules_quiet();
	for (unsigned i = 0; i < ROUNDS; i++) {
		for (n = 0; module_path(n, path); n++) {
			struct module *m = modules_load(t, path);

			hx_require(t, m != NULL);
			last = m->base;
			hx_require(t, module_unload(m->name, &why) == 0);
		}
		if (i == 1) {	/* from here on nothing is done for the first time */
			frames = hx_frames_n_free();
			heap = heap_used();
			first = last;
		}
	}
	hx_expect(t, n > 0);
	hx_expect(t, heap_used() == heap);
	hx_expect(t, hx_kva_bytes(HX_AREA_MODULES) == 0);
	/* Addresses are not used again at once, and a table for each 2 MiB of them stays. The
	 * heap's area has one range at a time, of the same few sizes: as many tables at most. */
	tables = (last - first) / (2 * HX_MIB) + 2;
	hx_expect(t, hx_frames_n_free() + 3 * tables >= frames);
	hx_expect(t, modules_count() == 0 && modules_bytes() == 0);
}
