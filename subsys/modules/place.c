// SPDX-License-Identifier: MIT
/*
 * From the file to memory: where each section goes, and what the addresses in it become.
 *
 *	| text, detours | page | constants, lists, addresses, functions | page | data, zeroes |
 *	     r-x                               r--                                 rw-
 *
 * The kernel is more than 2 GiB away, so what a module calls or reads of it goes through a table of
 * addresses (its GOT), which is made here. A direct call of a kernel function, which compilers emit
 * for memcpy() and its like, goes to a detour: an indirect jump through that table. What refers
 * through the table to the module's own symbols is turned into a direct reference where that is
 * possible, as a linker does it.
 *
 * Source: x86-64 psABI 1.0, 4.4.1 and B.2.
 */
#include <hx/core/string.h>

#include "elf.h"
#include "hko.h"

#define MEMORY_MAX	(64u << 20)	/* so that everything inside reaches everything else */
#define DETOUR_BYTES	8u

static const struct elf_symbol *symbol_at(const struct hko *m, uint32_t i)
{
	return (const struct elf_symbol *)(m->file + m->symtab_off) + i;
}

static bool is_indirect(uint32_t type)
{
	return type == ELF_R_GOTPCREL || type == ELF_R_GOTPCRELX || type == ELF_R_REX_GOTPCRELX;
}

/* Bytes in front of the displacement that say which instruction it is, and if it can be turned into
 * a direct one: mov becomes lea, call and jump become direct. */
enum relaxed { RELAX_NOT, RELAX_MOV, RELAX_CALL, RELAX_JUMP };

static enum relaxed relax_kind(const uint8_t *section, const struct elf_symbol *s,
			       const struct elf_rela *r)
{
	const uint8_t *at = section + r->offset;

	if (s->section == ELF_UNDEFINED || r->type == ELF_R_GOTPCREL || r->addend != -4)
		return RELAX_NOT;
	if (r->offset >= 3 && r->type == ELF_R_REX_GOTPCRELX)
		return at[-2] == 0x8b ? RELAX_MOV : RELAX_NOT;
	if (r->offset < 2 || r->type != ELF_R_GOTPCRELX)
		return RELAX_NOT;
	return at[-2] == 0x8b ? RELAX_MOV :
	       at[-2] == 0xff && at[-1] == 0x15 ? RELAX_CALL :
	       at[-2] == 0xff && at[-1] == 0x25 ? RELAX_JUMP : RELAX_NOT;
}

static void count_slots(struct hko *m, const struct hko_section *sec, struct hko_slot *slots)
{
	const struct elf_rela *r = (const void *)(m->file + sec->rela_off);

	for (uint32_t i = 0; i < sec->n_relas; i++, r++) {
		const struct elf_symbol *s = symbol_at(m, r->symbol);
		struct hko_slot *slot = &slots[r->symbol];
		bool calls = r->type == ELF_R_PLT32 && s->section == ELF_UNDEFINED;
		bool wants = s->section == ELF_UNDEFINED ||
			     (is_indirect(r->type) &&
			      relax_kind(m->file + sec->file_off, s, r) == RELAX_NOT);

		if (wants && slot->got == 0)
			slot->got = ++m->n_got;
		if (calls && slot->call == 0)
			slot->call = ++m->n_calls;
	}
}

/* Where size bytes go, from *at on. */
static uint32_t put(uint64_t *at, uint64_t size, uint64_t align)
{
	uint64_t start = hx_align_up(*at, align);

	*at = start + size;
	return (uint32_t)start;
}

static void put_sections(struct hko *m, enum hko_part part, bool nobits, uint64_t *at)
{
	for (uint32_t i = 0; i < m->n_sections; i++) {
		struct hko_section *s = &m->sections[i];

		if (s->part == part && s->is_nobits == nobits)
			s->at = put(at, s->size, s->align);
	}
}

int hko_layout(struct hko *m, struct hko_slot *slots, struct hko_why *why)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < m->n_sections; i++)
		count_slots(m, &m->sections[i], slots);
	/* At most 32 sections of 16 MiB and tables of fewer entries than the file has bytes. */
	put_sections(m, HKO_TEXT, false, &at);
	m->calls_at = put(&at, (uint64_t)m->n_calls * DETOUR_BYTES, DETOUR_BYTES);
	at = hx_align_up(at, HX_PAGE_SIZE);
	m->part_bytes[HKO_TEXT] = (uint32_t)at;
	m->part_at[HKO_RODATA] = (uint32_t)at;
	put_sections(m, HKO_RODATA, false, &at);
	m->got_at = put(&at, (uint64_t)m->n_got * sizeof(uint64_t), sizeof(uint64_t));
	m->functions_at = put(&at, (uint64_t)m->n_functions * sizeof(struct hko_function), 4);
	m->names_at = put(&at, m->names_bytes, 1);
	at = hx_align_up(at, HX_PAGE_SIZE);
	m->part_bytes[HKO_RODATA] = (uint32_t)at - m->part_at[HKO_RODATA];
	m->part_at[HKO_DATA] = (uint32_t)at;
	put_sections(m, HKO_DATA, false, &at);
	put_sections(m, HKO_DATA, true, &at);
	at = hx_align_up(at, HX_PAGE_SIZE);
	m->part_bytes[HKO_DATA] = (uint32_t)at - m->part_at[HKO_DATA];
	if (at > MEMORY_MAX || at == 0)
		return hko_refuse(why, at == 0 ? -HX_EBADMSG : -HX_E2BIG,
				  "detail=memory bytes=%llu", (unsigned long long)at);
	m->total_bytes = (uint32_t)at;
	return 0;
}

static void store32(uint8_t *to, uint64_t value)
{
	uint32_t v = (uint32_t)value;

	memcpy(to, &v, sizeof(v));
}

static void store64(uint8_t *to, uint64_t value)
{
	memcpy(to, &value, sizeof(value));
}

/* Of a symbol that lies in the module. */
static uint64_t own_address(const struct hko *m, const struct elf_symbol *s, uint64_t base)
{
	return base + m->sections[s->section].at + s->value;
}

static uint32_t import_version(const struct hko *m, const char *name)
{
	const struct hko_import *in = hko_imports(m->desc);

	for (uint32_t i = 0; i < m->desc->n_imports; i++)
		if (hx_strcmp(hko_text(m->desc, in[i].name), name) == 0)
			return in[i].version;
	return 0;	/* the parser has seen it */
}

/* An entry of the table of addresses, from the start of the memory. */
static uint64_t got_entry(const struct hko *m, const struct hko_slot *slot)
{
	return m->got_at + (uint64_t)(slot->got - 1) * sizeof(uint64_t);
}

static uint64_t detour_at(const struct hko *m, const struct hko_slot *slot)
{
	return m->calls_at + (uint64_t)(slot->call - 1) * DETOUR_BYTES;
}

static int fill_slots(const struct hko *m, const struct hko_slot *slots, uint8_t *to, uint64_t base,
		      hko_resolve_t resolve, void *arg, struct hko_why *why)
{
	for (uint32_t i = 1; i < m->n_symbols; i++) {
		const struct elf_symbol *s = symbol_at(m, i);
		const char *name = (const char *)m->file + m->strtab_off + s->name;
		uint64_t address = 0;

		if (s->section == ELF_UNDEFINED) {
			if (!resolve(arg, name, import_version(m, name), &address, why))
				return why->err;
		} else if (slots[i].got != 0) {
			address = own_address(m, s, base);
		}
		if (slots[i].got != 0)
			store64(to + got_entry(m, &slots[i]), address);
		if (slots[i].call != 0) {
			uint8_t *detour = to + detour_at(m, &slots[i]);

			memcpy(detour, "\xff\x25\0\0\0\0\xcc\xcc", DETOUR_BYTES);
			store32(detour + 2, got_entry(m, &slots[i]) -
				(detour_at(m, &slots[i]) + 6));
		}
	}
	return 0;
}

/* Make the instruction around `at` a direct one; the new displacement counts from there. */
static uint64_t relax(uint8_t *at, enum relaxed how, uint8_t **field)
{
	*field = at;
	if (how == RELAX_MOV) {
		at[-2] = 0x8d;
	} else if (how == RELAX_CALL) {
		at[-2] = 0x67;		/* a prefix without effect keeps the length */
		at[-1] = 0xe8;
	} else {
		at[-2] = 0xe9;
		at[3] = 0x90;
		*field = at - 1;
		return 1;		/* it begins one byte earlier */
	}
	return 0;
}

/* What a relocation of 32 bits reaches for; section: its bytes as they were in the file. */
static uint64_t target_of(const struct hko *m, const struct hko_slot *slot,
			  const struct elf_rela *r, const uint8_t *section, uint64_t base,
			  uint8_t **field)
{
	const struct elf_symbol *s = symbol_at(m, r->symbol);
	enum relaxed how;

	if (is_indirect(r->type)) {
		how = relax_kind(section, s, r);
		if (how == RELAX_NOT)
			return base + got_entry(m, slot);
		return own_address(m, s, base) + relax(*field, how, field);
	}
	/* Only direct calls of what is outside: the parser refuses the others. */
	return s->section == ELF_UNDEFINED ? base + detour_at(m, slot) : own_address(m, s, base);
}

/* 64 bits: the address itself, or how far it is. */
static void relocate64(const struct hko *m, const struct hko_slot *slot, const struct elf_rela *r,
		       uint8_t *to, uint8_t *field, uint64_t place, uint64_t base)
{
	const struct elf_symbol *s = symbol_at(m, r->symbol);
	uint64_t value;

	if (s->section == ELF_UNDEFINED)
		memcpy(&value, to + got_entry(m, slot), sizeof(value));
	else
		value = own_address(m, s, base);
	value += (uint64_t)r->addend;
	store64(field, r->type == ELF_R_PC64 ? value - place : value);
}

static int relocate(const struct hko *m, const struct hko_section *sec,
		    const struct hko_slot *slots, uint8_t *to, uint64_t base, struct hko_why *why)
{
	const struct elf_rela *r = (const void *)(m->file + sec->rela_off);

	for (uint32_t i = 0; i < sec->n_relas; i++, r++) {
		uint8_t *field = to + sec->at + r->offset;
		uint64_t place = base + sec->at + r->offset, value;

		if (r->type == ELF_R_64 || r->type == ELF_R_PC64) {
			relocate64(m, &slots[r->symbol], r, to, field, place, base);
			continue;
		}
		value = target_of(m, &slots[r->symbol], r, m->file + sec->file_off, base, &field) +
			(uint64_t)r->addend - place;
		if ((int64_t)value != (int32_t)value)
			return hko_refuse(why, -HX_EBADMSG, "detail=relocation-range section=%.32s "
					  "index=%u", sec->name, i);
		store32(field, value);
	}
	return 0;
}

int hko_build(const struct hko *m, const struct hko_slot *slots, uint8_t *to, uint64_t base,
	      hko_resolve_t resolve, void *arg, struct hko_why *why)
{
	int err;

	for (uint32_t i = 0; i < m->n_sections; i++) {
		const struct hko_section *s = &m->sections[i];

		if (s->part != HKO_NOWHERE && !s->is_nobits)
			memcpy(to + s->at, m->file + s->file_off, s->size);
	}
	err = fill_slots(m, slots, to, base, resolve, arg, why);
	for (uint32_t i = 0; err == 0 && i < m->n_sections; i++)
		err = relocate(m, &m->sections[i], slots, to, base, why);
	if (err == 0)
		hko_put_functions(m, to);
	return err;
}
