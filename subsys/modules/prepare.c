// SPDX-License-Identifier: MIT
/*
 * From a path to a module that lies in memory with its rights: everything that can be refused is
 * refused here, and what was taken for it is given back.
 */
#include <hx/core/export.h>
#include <hx/core/heap.h>
#include <hx/core/string.h>
#include <hx/fs/vfs.h>
#include <hx/hal/mmu.h>
#include <hx/vm/kva.h>

#include "modules_priv.h"
#include "subsys/modules/module_build.h"

static int refuse_memory(struct module_request *r)
{
	return hko_refuse(r->why, -HX_ENOMEM, "detail=memory");
}

static int read_whole(struct module_request *r, struct hx_file *f)
{
	size_t done = 0;

	while (done < r->file_bytes) {
		hx_ssize_t n = hx_vfs_read(f, (char *)r->file + done, r->file_bytes - done);

		if (n <= 0)
			return hko_refuse(r->why, n < 0 ? (int)n : -HX_EIO, "detail=read");
		done += (size_t)n;
	}
	return 0;
}

static int read_file(struct module_request *r)
{
	struct hx_fs_stat st;
	struct hx_file f;
	int err;

	if (r->path[0] != '/' || hx_strnlen(r->path, MODULES_PATH_MAX) == MODULES_PATH_MAX)
		return hko_refuse(r->why, -HX_EINVAL, "detail=path");
	err = hx_vfs_stat(r->path, &st);
	if (err != 0)
		return hko_refuse(r->why, err, "detail=file path=%s", r->path);
	if (st.type != HX_FNODE_FILE || st.size_bytes == 0 || st.size_bytes > HKO_FILE_MAX)
		return hko_refuse(r->why, st.size_bytes > HKO_FILE_MAX ? -HX_EFBIG : -HX_EINVAL,
				  "detail=file-size bytes=%llu",
				  (unsigned long long)st.size_bytes);
	r->file_bytes = (size_t)st.size_bytes;
	err = hx_kva_alloc(HX_AREA_HEAP, r->file_bytes, HX_MAP_WRITE, &r->file);
	if (err != 0)
		return refuse_memory(r);
	err = hx_vfs_open(&f, r->path, HX_OPEN_READ, 0);
	if (err != 0)
		return hko_refuse(r->why, err, "detail=file path=%s", r->path);
	err = read_whole(r, &f);
	hx_vfs_close(&f);
	return err;
}

/* What the descriptor says against what this kernel is and has. */
static int check_fits(struct module_request *r)
{
	const struct hko_desc *d = r->hko.desc;
	const struct module *same;

	if (hx_strcmp(r->hko.build, HX_MODULE_BUILD) != 0)
		return hko_refuse(r->why, -HX_EPROTO, "detail=build module=%.40s kernel=%s",
				  r->hko.build, HX_MODULE_BUILD);
	same = module_find(r->hko.name);
	if (same != NULL && same != r->instead_of)
		return hko_refuse(r->why, -HX_EEXIST, "detail=duplicate name=%s", r->hko.name);
	for (const struct module_request *o = r->outer; o != NULL; o = o->outer)
		if (hx_strcmp(o->hko.name, r->hko.name) == 0)
			return hko_refuse(r->why, -HX_EEXIST, "detail=duplicate name=%s",
					  r->hko.name);
	if (r->instead_of != NULL && hx_strcmp(r->instead_of->name, r->hko.name) != 0)
		return hko_refuse(r->why, -HX_EINVAL, "detail=other-name name=%s", r->hko.name);
	if (hx_strcmp(r->hko.name, "ctl") == 0 || hx_strcmp(r->hko.name, "graph") == 0 ||
	    hx_strcmp(r->hko.name, "status") == 0)
		return hko_refuse(r->why, -HX_EINVAL, "detail=name name=%s", r->hko.name);
	if (!HX_ENABLED(CAPS) && d->n_caps != 0)
		return hko_refuse(r->why, -HX_ENOTSUP, "detail=capability name=%s",
				  hko_text(d, hko_caps(d)[0].name));
	return 0;
}

/* Modules that are being loaded count as well: each request and those that it is for. */
static int check_quota(struct module_request *r)
{
	uint64_t bytes = modules_bytes(), limit = (uint64_t)CONFIG_MODULES_KIB * HX_KIB;
	unsigned n = modules_count();

	for (const struct module_request *at = r; at != NULL; at = at->outer) {
		bytes += at->hko.total_bytes;
		n++;
	}
	if (r->instead_of != NULL) {
		bytes -= r->instead_of->total_bytes;
		n--;
	}
	if (n > CONFIG_MODULES_MAX)
		return hko_refuse(r->why, -HX_ENFILE, "detail=quota modules=%u max=%u", n,
				  CONFIG_MODULES_MAX);
	if (bytes > limit)
		return hko_refuse(r->why, -HX_ENOSPC, "detail=quota bytes=%llu max=%llu",
				  (unsigned long long)bytes, (unsigned long long)limit);
	return 0;
}

/* One that not everybody may call. */
static bool may_have(const struct module *m, const struct hx_export *e, struct hko_why *why)
{
	const char *lacks = HX_ENABLED(CAPS) ? module_lacks(m, e->address) : NULL;

	if (lacks == NULL)
		return true;
	hko_refuse(why, -HX_EACCES, "detail=capability-missing symbol=%s capability=%s", e->name,
		   lacks);
	return false;
}

/* What modules get for what stands at an address. */
static const void *for_modules(const void *address)
{
	const void *at = HX_ENABLED(BORDERS) ? module_export_for_modules(address) : address;

	if (at != address)
		return at;
	if (address == (const void *)hx_mmu_map_device)
		return (const void *)module_map_device;
	return HX_ENABLED(RESOURCES) ? module_export_of_quota(address) : address;
}

static bool resolve(void *arg, const char *name, uint32_t version, uint64_t *address,
		    struct hko_why *why)
{
	const struct hx_export *const *it;

	HX_SECTION_FOREACH(it, hx_exports) {
		if (hx_strcmp((*it)->name, name) != 0 || (*it)->address == NULL)
			continue;
		*address = (uint64_t)(uintptr_t)for_modules((*it)->address);
		if ((*it)->version == version)
			return may_have(arg, *it, why);
		hko_refuse(why, -HX_EPROTO, "detail=symbol-version symbol=%s module=%u kernel=%u",
			   name, version, (*it)->version);
		return false;
	}
	hko_refuse(why, -HX_ENOENT, "detail=symbol symbol=%s", name);
	return false;
}

/* What is kept when the file is gone. */
static int make_module(struct module_request *r)
{
	const struct hko *h = &r->hko;
	struct hko_desc *copy;
	struct module *m = hx_zalloc(sizeof(*m));

	r->m = m;
	if (m == NULL)
		return refuse_memory(r);
	m->state = MODULE_LOADING;
	copy = hx_alloc(h->desc->size);
	if (copy == NULL)
		return refuse_memory(r);
	memcpy(copy, h->desc, h->desc->size);
	m->desc = copy;
	hx_strlcpy(m->name, h->name, sizeof(m->name));
	hx_strlcpy(m->path, r->path, sizeof(m->path));
	m->request = r->id;
	m->is_signed = r->is_signed;
	m->total_bytes = h->total_bytes;
	memcpy(m->part_at, h->part_at, sizeof(m->part_at));
	memcpy(m->part_bytes, h->part_bytes, sizeof(m->part_bytes));
	return 0;
}

static int give_rights(struct module_request *r)
{
	static const unsigned rights[HKO_PARTS] = { HX_MAP_EXEC, HX_MAP_READ, HX_MAP_WRITE };
	struct module *m = r->m;

	for (unsigned i = 0; i < HKO_DATA; i++)
		if (m->part_bytes[i] != 0 && hx_kva_protect(m->base + m->part_at[i],
							    m->part_bytes[i], rights[i]) != 0)
			return refuse_memory(r);
	return 0;
}

static int place(struct module_request *r)
{
	const struct hko *h = &r->hko;
	struct module *m = r->m;
	int err = HX_ENABLED(CAPS) ? module_grant(m, r->why) : 0;

	if (HX_ENABLED(RESOURCES) && err == 0)
		err = module_quota_begin(m, r->why);
	if (err != 0)
		return err;
	if (hx_kva_alloc(HX_AREA_MODULES, h->total_bytes, HX_MAP_WRITE, &m->base) != 0)
		return refuse_memory(r);
	err = hko_build(h, r->slots, (uint8_t *)m->base, m->base, resolve, m, r->why);
	if (err != 0)
		return err;
	m->functions = (const void *)(m->base + h->functions_at);
	m->names = (const char *)m->base + h->names_at;
	m->n_functions = h->n_functions;
	err = module_take_lists(m, h, r->why);
	if (HX_ENABLED(BORDERS) && err == 0)
		err = module_put_gates(m, r->why);
	return err != 0 ? err : give_rights(r);
}

static int prepare(struct module_request *r)
{
	int err = read_file(r);

	if (err != 0)
		return err;
	if (HX_ENABLED(MODULES_SIGNATURES))
		err = module_verify((const void *)r->file, &r->file_bytes, &r->is_signed, r->why);
	if (err != 0)
		return err;
	err = hko_parse((const void *)r->file, r->file_bytes, &r->hko, r->why);
	if (err == 0)
		err = check_fits(r);
	if (err != 0)
		return err;
	r->slots = hx_calloc(r->hko.n_symbols, sizeof(*r->slots));
	if (r->slots == NULL)
		return refuse_memory(r);
	err = hko_layout(&r->hko, r->slots, r->why);
	if (err == 0)
		err = check_quota(r);
	if (err == 0)
		err = make_module(r);
	if (err == 0)
		err = module_resolve_needs(r, r->m);
	return err != 0 ? err : place(r);
}

int module_prepare(struct module_request *r, struct module **out)
{
	int err = prepare(r);

	hx_free(r->slots);
	hx_kva_free(r->file);
	if (err == 0) {
		module_step(r->m, MODULE_CHECKED);
		*out = r->m;
	} else if (r->m != NULL) {
		module_step(r->m, MODULE_FAIL);
		module_free(r->m);
	}
	return err;
}

void module_free(struct module *m)
{
	if (m->desc != NULL)
		module_drop_needs(m);
	hx_kva_free(m->gates);
	hx_free(m->later);
	if (HX_ENABLED(CAPS))
		module_ungrant(m);
	hx_kva_free(m->base);
	hx_free(m->entries);
	if (HX_ENABLED(RESOURCES))
		module_quota_end(m);
	hx_free((void *)m->desc);
	hx_free(m);
}
