// SPDX-License-Identifier: MIT
/*
 * What a module needs: other modules, by name or by what they give, or components of the image.
 * What is required and missing is loaded from the folder of the file that asks for it.
 */
#include <hx/core/heap.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/core/text.h>

#include "modules_priv.h"

static const char kind_names[HKO_NEED_KINDS][12] = {
	[HKO_REQUIRED] = "required", [HKO_OPTIONAL] = "optional", [HKO_WEAK] = "weak",
	[HKO_CONFLICT] = "conflict",
};

const char *module_need_kind(uint32_t kind)
{
	return kind < HKO_NEED_KINDS ? kind_names[kind] : "?";
}

/* Does what a descriptor describes answer to that name, in one of these versions? */
static bool desc_gives(const struct hko_desc *d, const char *name, uint64_t min, uint64_t max)
{
	const struct hko_give *g = hko_gives(d);

	if (hx_strcmp(hko_text(d, d->name), name) == 0)
		return d->version >= min && d->version <= max;
	for (uint32_t i = 0; i < d->n_gives; i++, g++)
		if (hx_strcmp(hko_text(d, g->name), name) == 0)
			return g->version >= min && g->version <= max;
	return false;
}

/* Is the word one of those in a component's list? */
static bool has_word(const char *words, const char *word)
{
	size_t len = hx_strlen(word);

	for (; words != NULL && *words != '\0'; words++) {
		if (hx_strncmp(words, word, len) == 0 && (words[len] == ' ' || words[len] == '\0'))
			return true;
		words = hx_strchr(words, ' ');
		if (words == NULL)
			return false;
	}
	return false;
}

bool module_gives(const char *name, uint64_t min, uint64_t max, struct module **m)
{
	const struct hx_component *const *it;

	*m = NULL;
	HX_SECTION_FOREACH(it, hx_components) {
		uint64_t version = HKO_VERSION((*it)->version & 0xffff, 0, 0);

		if ((hx_strcmp((*it)->name, name) == 0 || has_word((*it)->gives, name)) &&
		    version >= min && version <= max)
			return true;
	}
	for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++) {
		*m = module_at(i);
		if (*m != NULL && (module_state_now(*m) == MODULE_RUNNING ||
				   module_state_now(*m) == MODULE_PAUSED) &&
		    desc_gives((*m)->desc, name, min, max))
			return true;
	}
	*m = NULL;
	return false;
}

/* "a,b,a": who needs whom in a circle that begins with `first`, an outer request of r or r itself.
 * */
static int refuse_cycle(const struct module_request *r, const struct module_request *first)
{
	char path[112];
	struct hx_text_buf out;

	hx_text_buf_init(&out, path, sizeof(path));
	for (const struct module_request *at = first;; ) {
		const struct module_request *inner = r;

		hx_text_printf(&out.text, "%s,", at->m->name);
		if (at == r)
			break;
		while (inner->outer != at)
			inner = inner->outer;
		at = inner;
	}
	return hko_refuse(r->why, -HX_ELOOP, "detail=cycle path=%s%s", path, first->m->name);
}

/* Load who is missing: its file lies beside that of who asks. */
static int load_needed(struct module_request *r, const char *name)
{
	const char *end = hx_strrchr(r->path, '/');
	char path[MODULES_PATH_MAX];
	unsigned depth = 0;

	for (const struct module_request *at = r; at != NULL; at = at->outer) {
		depth++;
		if (desc_gives(at->m->desc, name, 0, HKO_VERSION_MAX))
			return refuse_cycle(r, at);
	}
	if (depth >= MODULES_DEPTH_MAX)
		return hko_refuse(r->why, -HX_E2BIG, "detail=depth need=%s", name);
	if (hx_snprintf(path, sizeof(path), "%.*s/%s.hko", (int)(end - r->path), r->path, name) >=
	    (int)sizeof(path))
		return hko_refuse(r->why, -HX_ENAMETOOLONG, "detail=path need=%s", name);
	return module_load_inner(r, path);
}

static int refuse_missing(struct module_request *r, const struct hko_desc *d,
			  const struct hko_need *n)
{
	return hko_refuse(r->why, -HX_ENOENT, "detail=need-missing need=%s min=%u.%u.%u "
			  "max=%u.%u.%u", hko_text(d, n->name), (unsigned)(n->min >> 32),
			  (unsigned)(n->min >> 16) & 0xffff, (unsigned)n->min & 0xffff,
			  (unsigned)(n->max >> 32), (unsigned)(n->max >> 16) & 0xffff,
			  (unsigned)n->max & 0xffff);
}

static int resolve_one(struct module_request *r, struct module *m, uint32_t i)
{
	const struct hko_need *n = &hko_needs(m->desc)[i];
	const char *name = hko_text(m->desc, n->name);
	struct module *other;
	bool found = module_gives(name, n->min, n->max, &other);

	if (found && other == r->instead_of && other != NULL) {
		found = false;		/* who is about to go is no help, and no hindrance */
		other = NULL;
	}
	if (n->kind == HKO_CONFLICT)
		return found ? hko_refuse(r->why, -HX_EEXIST, "detail=conflict with=%s", name) : 0;
	if (n->kind == HKO_REQUIRED && !found) {
		int err = 0;

		/* A file helps only where nobody has the name, in whatever version. */
		if (module_gives(name, 0, HKO_VERSION_MAX, &other))
			return refuse_missing(r, m->desc, n);
		err = load_needed(r, name);
		if (err == -HX_ENOENT)
			return refuse_missing(r, m->desc, n);
		if (err != 0)
			return err;
		if (!module_gives(name, n->min, n->max, &other))
			return refuse_missing(r, m->desc, n);
	}
	if (n->kind != HKO_WEAK && other != NULL) {
		m->held[i] = other;
		modules_look();
		other->n_users++;
		modules_looked();
	}
	return 0;
}

/* Does one who is there refuse to be there together with m? */
static int check_conflicts(struct module_request *r, const struct module *m)
{
	for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++) {
		const struct module *other = module_at(i);
		const struct hko_need *n;

		if (other == NULL || other == r->instead_of)
			continue;
		n = hko_needs(other->desc);
		for (uint32_t k = 0; k < other->desc->n_needs; k++, n++)
			if (n->kind == HKO_CONFLICT &&
			    desc_gives(m->desc, hko_text(other->desc, n->name), n->min, n->max))
				return hko_refuse(r->why, -HX_EEXIST, "detail=conflict with=%s",
						  other->name);
	}
	return 0;
}

int module_resolve_needs(struct module_request *r, struct module *m)
{
	int err = check_conflicts(r, m);

	if (m->desc->n_needs == 0)
		return err;
	m->held = hx_calloc(m->desc->n_needs, sizeof(*m->held));
	if (m->held == NULL)
		return hko_refuse(r->why, -HX_ENOMEM, "detail=memory");
	for (uint32_t i = 0; err == 0 && i < m->desc->n_needs; i++)
		err = resolve_one(r, m, i);
	return err;
}

void module_drop_needs(struct module *m)
{
	modules_look();
	for (uint32_t i = 0; m->held != NULL && i < m->desc->n_needs; i++)
		if (m->held[i] != NULL)
			m->held[i]->n_users--;
	modules_looked();
	hx_free(m->held);
	m->held = NULL;
}
