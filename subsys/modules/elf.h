/* SPDX-License-Identifier: MIT */
/*
 * What of ELF a module uses: 64 bits, little endian, relocatable, x86-64.
 * Source: System V ABI, "Object Files"; x86-64 psABI 1.0, 4.4 (relocation types) and B.2
 * (relaxing).
 */
#ifndef MODULES_ELF_H
#define MODULES_ELF_H

#include <hx/base.h>

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_section {
	uint32_t name, type;
	uint64_t flags, addr, offset, size;
	uint32_t link, info;
	uint64_t align, entsize;
};

struct elf_symbol {
	uint32_t name;
	uint8_t info, other;
	uint16_t section;
	uint64_t value, size;
};

struct elf_rela {
	uint64_t offset;
	uint32_t type, symbol;
	int64_t addend;
};

_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_section) == 64 &&
	       sizeof(struct elf_symbol) == 24 && sizeof(struct elf_rela) == 24, "ELF64");

enum {
	ELF_RELOCATABLE = 1, ELF_X86_64 = 62, ELF_CURRENT = 1,
	ELF_PROGBITS = 1, ELF_SYMTAB = 2, ELF_STRTAB = 3, ELF_RELA = 4, ELF_NOBITS = 8,
	ELF_WRITE = 1, ELF_ALLOC = 2, ELF_EXEC = 4, ELF_INFO_LINK = 64, ELF_RETAIN = 1 << 21,
	ELF_UNDEFINED = 0, ELF_ABSOLUTE = 0xfff1,
	ELF_LOCAL = 0, ELF_GLOBAL = 1, ELF_WEAK = 2,
	ELF_NOTYPE = 0, ELF_OBJECT = 1, ELF_FUNC = 2, ELF_SECTION = 3, ELF_FILE = 4,
	ELF_R_64 = 1, ELF_R_PC32 = 2, ELF_R_PLT32 = 4, ELF_R_GOTPCREL = 9, ELF_R_PC64 = 24,
	ELF_R_GOTPCRELX = 41, ELF_R_REX_GOTPCRELX = 42,
};

static inline unsigned elf_bind(const struct elf_symbol *s)
{
	return s->info >> 4;
}

static inline unsigned elf_type(const struct elf_symbol *s)
{
	return s->info & 15;
}

#endif
