// SPDX-License-Identifier: MIT
/*
 * Reading a module: every offset, size, index, relocation type and alignment is checked here, once,
 * so that what comes later can take them as they are. Nothing is copied and nothing is changed.
 *
 * Invariants after hko_parse() has said yes (place.c and functions.c rely on them):
 *	1. a section that is in memory has its bytes inside the file, at most HKO_FILE_MAX of them;
 *	2. a symbol is undefined and one of the imports, or lies inside a section that is in memory;
 *	   or no relocation names it;
 *	3. a relocation writes inside its section, which has bytes; its type is one of those of
 *	   elf.h; one that reaches directly (PC32, PC64) names no undefined symbol;
 *	4. names of sections and symbols end inside their tables.
 */
#include <hx/core/string.h>

#include "elf.h"
#include "hko.h"

#define ALIGN_MAX	HX_PAGE_SIZE

static const struct elf_header *header_of(const struct hko *m)
{
	return (const void *)m->file;
}

static const struct elf_section *elf_section(const struct hko *m, uint32_t i)
{
	return (const struct elf_section *)(m->file + header_of(m)->shoff) + i;
}

static int check_header(struct hko *m, struct hko_why *why)
{
	static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
	const struct elf_header *h = header_of(m);

	if (m->file_bytes < sizeof(*h) || memcmp(h->ident, ident, sizeof(ident)) != 0)
		return hko_refuse(why, -HX_EBADMSG, "detail=no-module");
	if (h->type != ELF_RELOCATABLE || h->version != ELF_CURRENT || h->ehsize != sizeof(*h) ||
	    h->phnum != 0 || h->entry != 0 || h->flags != 0)
		return hko_refuse(why, -HX_EBADMSG, "detail=elf-header type=%u", h->type);
	if (h->machine != ELF_X86_64)
		return hko_refuse(why, -HX_EPROTO, "detail=machine machine=%u", h->machine);
	if (h->shnum > HKO_SECTIONS_MAX)
		return hko_refuse(why, -HX_E2BIG, "detail=sections sections=%u", h->shnum);
	if (h->shentsize != sizeof(struct elf_section) || h->shnum < 2 || h->shstrndx == 0 ||
	    h->shstrndx >= h->shnum || h->shoff % 8 != 0 || h->shoff > m->file_bytes ||
	    m->file_bytes - h->shoff < h->shnum * sizeof(struct elf_section))
		return hko_refuse(why, -HX_EBADMSG, "detail=elf-sections sections=%u", h->shnum);
	m->n_sections = h->shnum;
	return 0;
}

/* The bytes of a section are in the file, of whole entries. */
static bool has_bytes(const struct hko *m, const struct elf_section *s)
{
	return s->offset <= m->file_bytes && s->size <= m->file_bytes - s->offset &&
	       (s->entsize <= 1 || (s->offset % 8 == 0 && s->size % s->entsize == 0));
}

static bool is_strings(const struct hko *m, uint32_t i)
{
	const struct elf_section *s = elf_section(m, i);

	return i < m->n_sections && s->type == ELF_STRTAB && s->flags == 0 && has_bytes(m, s) &&
	       s->size > 0 && m->file[s->offset] == '\0' &&
	       m->file[s->offset + s->size - 1] == '\0';
}

static int name_sections(struct hko *m, struct hko_why *why)
{
	const struct elf_section *names = elf_section(m, header_of(m)->shstrndx);

	if (!is_strings(m, header_of(m)->shstrndx))
		return hko_refuse(why, -HX_EBADMSG, "detail=section-names");
	for (uint32_t i = 0; i < m->n_sections; i++) {
		const struct elf_section *s = elf_section(m, i);

		if (s->name >= names->size)
			return hko_refuse(why, -HX_EBADMSG, "detail=section-name section=%u", i);
		m->sections[i].name = (const char *)m->file + names->offset + s->name;
		m->sections[i].part = HKO_NOWHERE;
	}
	return 0;
}

/* A section that will be in memory. */
static int take_memory(struct hko *m, uint32_t i, struct hko_why *why)
{
	const struct elf_section *s = elf_section(m, i);
	struct hko_section *out = &m->sections[i];
	uint64_t align = s->align != 0 ? s->align : 1, flags = s->flags & ~(uint64_t)ELF_RETAIN;

	out->is_nobits = s->type == ELF_NOBITS;
	out->is_list = hx_strncmp(out->name, "hx_", 3) == 0;
	if (flags == (ELF_ALLOC | ELF_EXEC))
		out->part = HKO_TEXT;
	else if (flags == ELF_ALLOC)
		out->part = HKO_RODATA;
	else if (flags == (ELF_ALLOC | ELF_WRITE))
		out->part = HKO_DATA;
	if (out->part == HKO_NOWHERE || (out->is_nobits && out->part != HKO_DATA) ||
	    (out->is_list && out->part != HKO_RODATA))
		return hko_refuse(why, -HX_EBADMSG,
				  "detail=section-flags section=%.32s flags=%#llx", out->name,
				  (unsigned long long)s->flags);
	if (!hx_is_pow2(align) || align > ALIGN_MAX)
		return hko_refuse(why, -HX_EBADMSG, "detail=alignment section=%.32s align=%llu",
				  out->name, (unsigned long long)align);
	if (s->size > HKO_FILE_MAX || (!out->is_nobits && !has_bytes(m, s)) ||
	    (out->is_list && s->size % sizeof(void *) != 0))
		return hko_refuse(why, -HX_EBADMSG, "detail=section-size section=%.32s", out->name);
	out->align = (uint32_t)align;
	out->size = (uint32_t)s->size;
	out->file_off = out->is_nobits ? 0 : (uint32_t)s->offset;
	return 0;
}

static int take_symtab(struct hko *m, uint32_t i, struct hko_why *why)
{
	const struct elf_section *s = elf_section(m, i);
	const struct elf_section *strings;

	if (m->n_symbols != 0 || s->flags != 0 || s->entsize != sizeof(struct elf_symbol) ||
	    !has_bytes(m, s) || s->size == 0 || s->link >= m->n_sections || !is_strings(m, s->link))
		return hko_refuse(why, -HX_EBADMSG, "detail=symbols section=%u", i);
	if (s->size / s->entsize > HKO_SYMBOLS_MAX)
		return hko_refuse(why, -HX_E2BIG, "detail=symbols symbols=%llu",
				  (unsigned long long)(s->size / s->entsize));
	strings = elf_section(m, s->link);
	m->symtab_off = (uint32_t)s->offset;
	m->n_symbols = (uint32_t)(s->size / s->entsize);
	m->strtab_off = (uint32_t)strings->offset;
	m->strtab_bytes = (uint32_t)strings->size;
	return 0;
}

static int take_section(struct hko *m, uint32_t i, struct hko_why *why)
{
	const struct elf_section *s = elf_section(m, i);

	if ((s->type == ELF_PROGBITS || s->type == ELF_NOBITS) && (s->flags & ELF_ALLOC) != 0)
		return take_memory(m, i, why);
	if (s->type == ELF_PROGBITS && s->flags == 0 && m->desc == NULL &&
	    hx_strcmp(m->sections[i].name, ".hx.module") == 0) {
		if (!has_bytes(m, s) || s->offset % 8 != 0)
			return hko_refuse(why, -HX_EBADMSG, "detail=descriptor");
		return hko_check_desc(m, (uint32_t)s->offset, (uint32_t)s->size, why);
	}
	if (s->type == ELF_SYMTAB)
		return take_symtab(m, i, why);
	if (s->type == ELF_STRTAB || s->type == ELF_RELA)
		return 0;	/* looked at by who refers to it, or later */
	return hko_refuse(why, -HX_EBADMSG, "detail=section-type section=%.32s type=%u",
			  m->sections[i].name, s->type);
}

static int check_relocations(struct hko *m, const struct hko_section *target, struct hko_why *why)
{
	const struct elf_rela *r = (const void *)(m->file + target->rela_off);
	const struct elf_symbol *symbols = (const void *)(m->file + m->symtab_off);

	for (uint32_t i = 0; i < target->n_relas; i++, r++) {
		unsigned width = r->type == ELF_R_64 || r->type == ELF_R_PC64 ? 8 : 4;

		if (r->type != ELF_R_64 && r->type != ELF_R_PC32 && r->type != ELF_R_PLT32 &&
		    r->type != ELF_R_PC64 && r->type != ELF_R_GOTPCREL &&
		    r->type != ELF_R_GOTPCRELX && r->type != ELF_R_REX_GOTPCRELX)
			return hko_refuse(why, -HX_EBADMSG, "detail=relocation-type section=%.32s "
					  "index=%u type=%u", target->name, i, r->type);
		if (r->symbol == 0 || r->symbol >= m->n_symbols ||
		    symbols[r->symbol].section == ELF_ABSOLUTE)
			return hko_refuse(why, -HX_EBADMSG, "detail=relocation-symbol "
					  "section=%.32s index=%u symbol=%u", target->name, i,
					  r->symbol);
		if (target->size < width || r->offset > target->size - width)
			return hko_refuse(why, -HX_EBADMSG, "detail=relocation-offset "
					  "section=%.32s index=%u", target->name, i);
		if (symbols[r->symbol].section == ELF_UNDEFINED &&
		    (r->type == ELF_R_PC32 || r->type == ELF_R_PC64))
			return hko_refuse(why, -HX_EBADMSG, "detail=relocation-reach section=%.32s "
					  "index=%u symbol=%.48s", target->name, i, (const char *)
					  m->file + m->strtab_off + symbols[r->symbol].name);
	}
	return 0;
}

static int take_relocations(struct hko *m, uint32_t i, struct hko_why *why)
{
	const struct elf_section *s = elf_section(m, i);
	struct hko_section *target = s->info < m->n_sections ? &m->sections[s->info] : NULL;

	if ((s->flags & ~(uint64_t)ELF_INFO_LINK) != 0 || s->entsize != sizeof(struct elf_rela) ||
	    !has_bytes(m, s) || target == NULL || target->part == HKO_NOWHERE ||
	    target->is_nobits || target->n_relas != 0 || s->link >= m->n_sections ||
	    elf_section(m, s->link)->type != ELF_SYMTAB)
		return hko_refuse(why, -HX_EBADMSG, "detail=relocations section=%u", i);
	if (s->size / s->entsize > HKO_RELOCS_MAX)
		return hko_refuse(why, -HX_E2BIG, "detail=relocations section=%u", i);
	target->rela_off = (uint32_t)s->offset;
	target->n_relas = (uint32_t)(s->size / s->entsize);
	return check_relocations(m, target, why);
}

/* The imports are in ascending order: desc.c has checked. */
static bool is_import(const struct hko *m, const char *name)
{
	const struct hko_import *imports = hko_imports(m->desc);
	uint32_t low = 0, high = m->desc->n_imports;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = hx_strcmp(hko_text(m->desc, imports[mid].name), name);

		if (order == 0)
			return true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

static int check_symbol(struct hko *m, const struct elf_symbol *s, uint32_t i, struct hko_why *why)
{
	const char *name = (const char *)m->file + m->strtab_off + s->name;
	const struct hko_section *where;

	if (s->name >= m->strtab_bytes || elf_bind(s) > ELF_WEAK || elf_type(s) > ELF_FILE)
		return hko_refuse(why, -HX_EBADMSG, "detail=symbol index=%u", i);
	if (s->section == ELF_UNDEFINED) {
		if (!is_import(m, name))
			return hko_refuse(why, -HX_EBADMSG, "detail=not-imported symbol=%.96s",
					  name);
		return 0;
	}
	if (s->section == ELF_ABSOLUTE && elf_type(s) == ELF_FILE)
		return 0;
	where = s->section < m->n_sections ? &m->sections[s->section] : NULL;
	if (where == NULL || where->part == HKO_NOWHERE || s->value > where->size ||
	    s->size > where->size - s->value)
		return hko_refuse(why, -HX_EBADMSG, "detail=symbol-place symbol=%.96s", name);
	if (elf_type(s) == ELF_FUNC && where->part == HKO_TEXT && s->size != 0) {
		m->n_functions++;
		m->names_bytes += (uint32_t)hx_strnlen(name, HKO_SYMBOL_MAX - 1) + 1;
	}
	return 0;
}

static int check_symbols(struct hko *m, struct hko_why *why)
{
	const struct elf_symbol *s = (const void *)(m->file + m->symtab_off);

	for (uint32_t i = 1; i < m->n_symbols; i++) {
		int err = check_symbol(m, &s[i], i, why);

		if (err != 0)
			return err;
	}
	return 0;
}

int hko_parse(const void *file, size_t file_bytes, struct hko *m, struct hko_why *why)
{
	int err;

	*m = (struct hko){ .file = file };
	if (file_bytes > HKO_FILE_MAX)
		return hko_refuse(why, -HX_E2BIG, "detail=file-size bytes=%zu", file_bytes);
	m->file_bytes = (uint32_t)file_bytes;
	err = check_header(m, why);
	if (err == 0)
		err = name_sections(m, why);
	for (uint32_t i = 1; err == 0 && i < m->n_sections; i++)
		err = take_section(m, i, why);
	if (err == 0 && (m->desc == NULL || m->n_symbols == 0))
		err = hko_refuse(why, -HX_EBADMSG, "detail=%s",
				 m->desc == NULL ? "no-descriptor" : "no-symbols");
	if (err == 0)
		err = check_symbols(m, why);
	for (uint32_t i = 1; err == 0 && i < m->n_sections; i++)
		if (elf_section(m, i)->type == ELF_RELA)
			err = take_relocations(m, i, why);
	return err;
}
