// SPDX-License-Identifier: MIT
/*
 * The descriptor: what a module says of itself, checked before anybody reads it.
 */
#include <hx/core/string.h>

#include "hko.h"

#define TEXT_MAX	128u	/* bytes of a build word or a summary with the NUL */
#define IMPORTS_MAX	1024u
#define INIT_MS_MAX	60000u

const char *hko_text(const struct hko_desc *d, uint32_t off)
{
	return (const char *)d + off;
}

static const void *table(const struct hko_desc *d, uint32_t off)
{
	return (const char *)d + off;
}

const struct hko_need *hko_needs(const struct hko_desc *d)
{
	return table(d, d->needs);
}

const struct hko_give *hko_gives(const struct hko_desc *d)
{
	return table(d, d->gives);
}

const uint32_t *hko_states(const struct hko_desc *d)
{
	return table(d, d->states);
}

const struct hko_import *hko_imports(const struct hko_desc *d)
{
	return table(d, d->imports);
}

const struct hko_cap *hko_caps(const struct hko_desc *d)
{
	return table(d, d->caps);
}

/* A string of 1 to max - 1 bytes that ends inside the descriptor. */
static bool is_text(const struct hko *m, uint32_t off, size_t max)
{
	const char *s = hko_text(m->desc, off);
	size_t room = off < m->desc->size ? m->desc->size - off : 0, n;

	if (room == 0)
		return false;
	n = hx_strnlen(s, room);
	return n < room && n > 0 && n < max && hx_utf8_is_text(s, n);
}

/* A word: a letter or digit, then those and _ . - */
static bool is_word(const struct hko *m, uint32_t off)
{
	const char *s;

	if (!is_text(m, off, HKO_NAME_MAX))
		return false;
	s = hko_text(m->desc, off);
	for (const char *c = s; *c != '\0'; c++) {
		bool is_plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');

		if (!is_plain && (c == s || (*c != '_' && *c != '.' && *c != '-')))
			return false;
	}
	return true;
}

static bool is_table(const struct hko *m, uint32_t off, uint32_t n, size_t entry, uint32_t n_max)
{
	return n <= n_max && off >= sizeof(*m->desc) && off % 8 == 0 && off <= m->desc->size &&
	       n * entry <= m->desc->size - off;
}

static int check_needs(const struct hko *m, struct hko_why *why)
{
	const struct hko_need *n = hko_needs(m->desc);

	for (uint32_t i = 0; i < m->desc->n_needs; i++, n++) {
		if (!is_word(m, n->name) || n->kind >= HKO_NEED_KINDS || n->min > n->max ||
		    n->max > HKO_VERSION_MAX)
			return hko_refuse(why, -HX_EBADMSG, "detail=need index=%u", i);
		if (hx_strcmp(hko_text(m->desc, n->name), m->name) == 0)
			return hko_refuse(why, -HX_EBADMSG, "detail=cycle path=%s,%s", m->name,
					  m->name);
	}
	return 0;
}

static int check_gives(const struct hko *m, struct hko_why *why)
{
	const struct hko_give *g = hko_gives(m->desc);

	for (uint32_t i = 0; i < m->desc->n_gives; i++, g++) {
		if (!is_word(m, g->name) || g->reserved != 0 || g->version > HKO_VERSION_MAX)
			return hko_refuse(why, -HX_EBADMSG, "detail=gift index=%u", i);
	}
	return 0;
}

static int check_imports(const struct hko *m, struct hko_why *why)
{
	const struct hko_import *in = hko_imports(m->desc);

	for (uint32_t i = 0; i < m->desc->n_imports; i++) {
		if (!is_text(m, in[i].name, HKO_SYMBOL_MAX) || in[i].version == 0 ||
		    (i > 0 && hx_strcmp(hko_text(m->desc, in[i - 1].name),
					hko_text(m->desc, in[i].name)) >= 0))
			return hko_refuse(why, -HX_EBADMSG, "detail=import index=%u", i);
	}
	return 0;
}

static int check_caps(const struct hko *m, struct hko_why *why)
{
	const struct hko_cap *c = hko_caps(m->desc);

	for (uint32_t i = 0; i < m->desc->n_caps; i++) {
		if (!is_word(m, c[i].name) || c[i].rights == 0)
			return hko_refuse(why, -HX_EBADMSG, "detail=capability index=%u", i);
	}
	return 0;
}

static int check_head(struct hko *m, uint32_t bytes, struct hko_why *why)
{
	const struct hko_desc *d = m->desc;

	if (bytes < sizeof(*d) || memcmp(d->magic, HKO_MAGIC, sizeof(d->magic)) != 0)
		return hko_refuse(why, -HX_EBADMSG, "detail=descriptor");
	if (d->abi_major != HKO_ABI_MAJOR || d->abi_minor > HKO_ABI_MINOR)
		return hko_refuse(why, -HX_EPROTO, "detail=abi abi=%u.%u kernel=%u.%u",
				  d->abi_major, d->abi_minor, HKO_ABI_MAJOR, HKO_ABI_MINOR);
	if (d->size != bytes || d->reserved != 0)
		return hko_refuse(why, -HX_EBADMSG, "detail=descriptor-size bytes=%u", d->size);
	if (!is_word(m, d->name))
		return hko_refuse(why, -HX_EBADMSG, "detail=name");
	m->name = hko_text(m->desc, d->name);
	if (!is_text(m, d->build, TEXT_MAX) || !is_text(m, d->summary, TEXT_MAX))
		return hko_refuse(why, -HX_EBADMSG, "detail=descriptor-text name=%s", m->name);
	m->build = hko_text(m->desc, d->build);
	m->summary = hko_text(m->desc, d->summary);
	if ((d->kind > HKO_IPC && d->kind != HKO_CUSTOM) ||
	    (d->flags & ~(uint32_t)HKO_FLAGS) != 0 ||
	    d->version > HKO_VERSION_MAX || d->init_ms > INIT_MS_MAX)
		return hko_refuse(why, -HX_EBADMSG, "detail=descriptor-values name=%s", m->name);
	return 0;
}

int hko_check_desc(struct hko *m, uint32_t off, uint32_t bytes, struct hko_why *why)
{
	const struct hko_desc *d = (const void *)(m->file + off);
	int err;

	m->desc = d;
	err = check_head(m, bytes, why);
	if (err != 0)
		return err;
	if (!is_table(m, d->needs, d->n_needs, sizeof(struct hko_need), HKO_TABLE_MAX) ||
	    !is_table(m, d->gives, d->n_gives, sizeof(struct hko_give), HKO_TABLE_MAX) ||
	    !is_table(m, d->states, d->n_states, sizeof(uint32_t), HKO_TABLE_MAX) ||
	    !is_table(m, d->imports, d->n_imports, sizeof(struct hko_import), IMPORTS_MAX) ||
	    !is_table(m, d->caps, d->n_caps, sizeof(struct hko_cap), HKO_TABLE_MAX))
		return hko_refuse(why, -HX_EBADMSG, "detail=descriptor-tables name=%s", m->name);
	err = check_needs(m, why);
	if (err == 0)
		err = check_gives(m, why);
	if (err == 0)
		err = check_imports(m, why);
	return err != 0 ? err : check_caps(m, why);
}
