// SPDX-License-Identifier: MIT
/* What modules cost: to load one, to let it go, and to call into it. */
#include <hx/core/bench.h>
#include <hx/core/string.h>
#include <hx/fs/vfs.h>
#include <hx/vm/kva.h>

#include "modules_priv.h"

#define FOLDER	"/boot/modules"
#define ROUNDS	20u

/* The largest scheduler of the archive: a typical module. */
static int find_file(char path[MODULES_PATH_MAX])
{
	struct hx_fs_dirent e;
	struct hx_fs_stat st;
	struct hx_file dir;
	uint64_t most = 0;

	if (hx_vfs_open(&dir, FOLDER, HX_OPEN_READ, 0) != 0)
		return -HX_ENOTSUP;
	while (hx_vfs_readdir(&dir, &e) == 0) {
		char at[MODULES_PATH_MAX];

		hx_strlcpy(at, FOLDER "/", sizeof(at));
		hx_strlcpy(at + sizeof(FOLDER), e.name, sizeof(at) - sizeof(FOLDER));
		if (hx_strncmp(e.name, "sched_", 6) == 0 && hx_vfs_stat(at, &st) == 0 &&
		    st.size_bytes > most) {
			most = st.size_bytes;
			hx_strlcpy(path, at, MODULES_PATH_MAX);
		}
	}
	hx_vfs_close(&dir);
	return most != 0 ? 0 : -HX_ENOTSUP;
}

enum part { PART_LOAD, PART_UNLOAD };

static int come_and_go(struct hx_bench_run *b, enum part part)
{
	char path[MODULES_PATH_MAX];
	struct hko_why why;
	struct module *m;
	int err = find_file(path);

	b->n_max = (uint32_t)hx_min_u64(b->n_max, ROUNDS);
	while (err == 0 && hx_bench_more(b)) {
		if (part == PART_LOAD)
			hx_bench_begin(b);
		err = module_load(path, &why, &m);
		if (part == PART_LOAD)
			hx_bench_end(b);
		else
			hx_bench_begin(b);
		if (err == 0)
			err = module_unload(m->name, &why);
		if (part == PART_UNLOAD)
			hx_bench_end(b);
	}
	return err;
}

HX_BENCH(module_load, "module.load", "a scheduler from the boot archive: read to registered")
{
	return come_and_go(b, PART_LOAD);
}

HX_BENCH(module_unload, "module.unload", "the same taken out again")
{
	return come_and_go(b, PART_UNLOAD);
}

static HX_NOINLINE long answer(void *arg)
{
	__asm__ volatile("" : "+r"(arg));
	return 0;
}

static void call(struct hx_bench_run *b, long (*fn)(void *))
{
	while (hx_bench_more(b)) {
		__asm__ volatile("" : "+r"(fn));
		hx_bench_begin(b);
		(void)fn(b);
		hx_bench_end(b);
	}
}

HX_BENCH(module_call, "module.call.direct", "a function that does nothing, through a pointer")
{
	call(b, answer);
	return 0;
}

HX_BENCH(module_call_gate, "module.call.border", "the same, through a gate (CONFIG_BORDERS)")
{
	static struct hx_border_owner owner = { .name = "bench" };
	uintptr_t at;
	int err;

	if (!HX_ENABLED(BORDERS))
		return -HX_ENOTSUP;
	err = hx_kva_alloc(HX_AREA_MODULES, HX_PAGE_SIZE, HX_MAP_WRITE, &at);
	if (err != 0)
		return err;
	hx_border_owner_init(&owner);
	hx_border_gate_write((void *)at, &owner.gate, (uintptr_t)answer, 0);
	err = hx_kva_protect(at, HX_PAGE_SIZE, HX_MAP_EXEC);
	if (err == 0)
		call(b, (long (*)(void *))at);
	hx_kva_free(at);
	return err;
}
