/* SPDX-License-Identifier: MIT */
/*
 * Small modules made by hand, with real code for the machine that runs the tests, so that a test
 * can spoil any byte and still know what the rest is. For tests on the host and in the kernel.
 */
#ifndef HKO_MAKE_H
#define HKO_MAKE_H

#include <hx/base.h>
#include <hx/core/init.h>
#include <hx/core/names.h>
#include <hx/core/string.h>

#include "elf.h"
#include "hko.h"
#include "subsys/modules/module_build.h"

#define MAKE_BYTES	8192u

enum make_init { MAKE_NO_INIT, MAKE_INIT_OK, MAKE_INIT_FAILS, MAKE_INIT_SLOW };

struct make_need {
	const char *name;
	uint32_t kind;
	uint64_t min, max;		/* max 0: any */
};

struct make {
	const char *name, *build;	/* NULL: "one", this kernel's */
	uint64_t version;		/* 0: 1.0.0 */
	struct make_need needs[4];
	const char *gives;		/* NULL: none */
	const char *node;		/* path of a node; NULL: none */
	enum make_init init;
	uint32_t init_ms, flags, bss_bytes, strlen_version;
	const char *cap;
};

/* Numbers of sections and symbols; where code lies in .text. */
enum { S_TEXT = 1, S_RODATA, S_DATA, S_BSS, S_NODES, S_COMPONENTS, S_DESC, S_RELA_TEXT,
       S_RELA_RODATA, S_RELA_NODES, S_RELA_COMPONENTS, S_SYMTAB, S_STRTAB, S_NAMES, S_COUNT };
enum { Y_FIRST = 1, Y_SECOND, Y_WORD, Y_RODATA, Y_STRLEN, Y_MEMCPY, Y_SLEEP, Y_COUNT };
enum { T_CALL = 0, T_MEMCPY = 6, T_WORD = 12, T_SECOND = 20, T_JUMP = 26, T_DIRECT = 32,
       T_SHOW = 48, T_INIT = 64, T_DOWN = 112, T_BYTES = 128 };
enum { R_PATH = 0, R_NODE = 64, R_NAME = 192, R_COMPONENT = 256, R_POINTER = 384, R_BYTES = 400 };

static inline struct elf_section *make_section(uint8_t *file, unsigned i)
{
	return (struct elf_section *)(file + ((struct elf_header *)file)->shoff) + i;
}

static inline struct elf_symbol *make_symbol(uint8_t *file, unsigned i)
{
	return (struct elf_symbol *)(file + make_section(file, S_SYMTAB)->offset) + i;
}

static inline struct elf_rela *make_rela(uint8_t *file, unsigned section, unsigned i)
{
	return (struct elf_rela *)(file + make_section(file, section)->offset) + i;
}

static inline struct hko_desc *make_desc(uint8_t *file)
{
	return (struct hko_desc *)(file + make_section(file, S_DESC)->offset);
}

/* Bytes at the end of what is there. */
static inline uint32_t make_put(uint8_t *to, uint32_t *used, const void *bytes, size_t n)
{
	uint32_t at = (uint32_t)hx_align_up(*used, 8);

	if (bytes != NULL)
		memcpy(to + at, bytes, n);
	*used = at + (uint32_t)n;
	return at;
}

static inline uint32_t make_text(uint8_t *to, uint32_t *used, const char *s)
{
	memcpy(to + *used, s, hx_strlen(s) + 1);
	*used += (uint32_t)hx_strlen(s) + 1;
	return *used - (uint32_t)hx_strlen(s) - 1;
}

static inline uint32_t make_descriptor(uint8_t *to, const struct make *k)
{
	struct hko_desc d = { .abi_major = HKO_ABI_MAJOR, .abi_minor = HKO_ABI_MINOR,
			      .kind = HKO_CUSTOM, .flags = k->flags, .init_ms = k->init_ms };
	struct hko_need needs[4];
	struct hko_give give = { .version = k->version != 0 ? k->version : HKO_VERSION(1, 0, 0) };
	struct hko_import imports[3] = { { .version = 1 }, { .version = 1 }, { .version = 1 } };
	struct hko_cap cap = { .rights = 1 };
	uint32_t used = sizeof(d);

	memset(needs, 0, sizeof(needs));
	memcpy(d.magic, HKO_MAGIC, sizeof(d.magic));
	d.version = give.version;
	while (d.n_needs < 4 && k->needs[d.n_needs].name != NULL)
		d.n_needs++;
	d.n_gives = k->gives != NULL;
	d.n_imports = 3;
	d.n_caps = k->cap != NULL;
	d.needs = make_put(to, &used, NULL, d.n_needs * sizeof(needs[0]));
	d.gives = make_put(to, &used, NULL, d.n_gives * sizeof(give));
	d.states = make_put(to, &used, "\1\0\0\0\2\0\0\0", 8);
	d.n_states = 2;
	d.imports = make_put(to, &used, NULL, sizeof(imports));
	d.caps = make_put(to, &used, NULL, d.n_caps * sizeof(cap));
	used = (uint32_t)hx_align_up(used, 8);
	d.name = make_text(to, &used, k->name != NULL ? k->name : "one");
	d.build = make_text(to, &used, k->build != NULL ? k->build : HX_MODULE_BUILD);
	d.summary = make_text(to, &used, "made by a test");
	for (unsigned i = 0; i < d.n_needs; i++)
		needs[i] = (struct hko_need){
			.name = make_text(to, &used, k->needs[i].name), .kind = k->needs[i].kind,
			.min = k->needs[i].min,
			.max = k->needs[i].max != 0 ? k->needs[i].max : HKO_VERSION_MAX };
	give.name = k->gives != NULL ? make_text(to, &used, k->gives) : 0;
	imports[0].name = make_text(to, &used, "hx_sleep_ns");
	imports[1].name = make_text(to, &used, "hx_strlen");
	imports[2].name = make_text(to, &used, "memcpy");
	imports[1].version = k->strlen_version != 0 ? k->strlen_version : 1;
	cap.name = k->cap != NULL ? make_text(to, &used, k->cap) : 0;
	d.size = used;
	memcpy(to, &d, sizeof(d));
	memcpy(to + d.needs, needs, d.n_needs * sizeof(needs[0]));
	if (d.n_gives != 0)
		memcpy(to + d.gives, &give, sizeof(give));
	memcpy(to + d.imports, imports, sizeof(imports));
	if (d.n_caps != 0)
		memcpy(to + d.caps, &cap, sizeof(cap));
	return used;
}

static inline void make_code(uint8_t text[T_BYTES], const struct make *k)
{
	static const uint8_t head[] = {
		0xff, 0x15, 0, 0, 0, 0,			/* call *hx_strlen@GOTPCREL(%rip) */
		0xe8, 0, 0, 0, 0, 0x90,			/* call memcpy */
		0x48, 0x8b, 0x05, 0, 0, 0, 0, 0x90,	/* mov word@GOTPCREL(%rip), %rax */
		0xff, 0x15, 0, 0, 0, 0,			/* call *second@GOTPCREL(%rip) */
		0xff, 0x25, 0, 0, 0, 0,			/* jmp *first@GOTPCREL(%rip) */
		0x48, 0x8d, 0x05, 0, 0, 0, 0,		/* lea word(%rip), %rax */
	};
	static const uint8_t slow[] = {
		0x48, 0x83, 0xec, 0x08,			/* sub $8, %rsp */
		0xbf, 0x00, 0x94, 0x35, 0x77,		/* mov $2000000000, %edi */
		0xff, 0x15, 0, 0, 0, 0,			/* call *hx_sleep_ns@GOTPCREL(%rip) */
		0x48, 0x83, 0xc4, 0x08, 0x31, 0xc0, 0xc3, /* add $8, %rsp; xor %eax, %eax; ret */
	};

	memset(text, 0xcc, T_BYTES);
	memcpy(text, head, sizeof(head));
	memcpy(text + T_SHOW, "\x31\xc0\xc3", 3);
	memcpy(text + T_INIT, "\x31\xc0\xc3", 3);
	if (k->init == MAKE_INIT_FAILS)
		memcpy(text + T_INIT, "\xb8\xfb\xff\xff\xff\xc3", 6);	/* mov $-5, %eax; ret */
	if (k->init == MAKE_INIT_SLOW)
		memcpy(text + T_INIT, slow, sizeof(slow));
	text[T_DOWN] = 0xc3;
}

static inline void make_constants(uint8_t rodata[R_BYTES], const struct make *k)
{
	struct hx_node node = { .rights = HX_NODE_READ, .max_bytes = 64 };
	struct hx_component c = { .phase = HX_PHASE_LATE, .version = 1 };

	memset(rodata, 0, R_BYTES);
	memcpy(rodata + R_PATH, k->node != NULL ? k->node : "/none",
	       hx_strlen(k->node != NULL ? k->node : "/none") + 1);
	memcpy(rodata + R_NODE, &node, sizeof(node));
	memcpy(rodata + R_NAME, "made", 5);
	memcpy(rodata + R_COMPONENT, &c, sizeof(c));
}

#define MAKE_RELA(at, type_, symbol_, addend_) \
	(struct elf_rela){ .offset = (at), .type = (type_), .symbol = (symbol_), \
			   .addend = (addend_) }

static inline void make_symbols(struct elf_symbol y[Y_COUNT], uint8_t *strings, uint32_t *used)
{
	static const char *const names[Y_COUNT] = { "", "first", "second", "word", "", "hx_strlen",
						    "memcpy", "hx_sleep_ns" };

	memset(y, 0, Y_COUNT * sizeof(y[0]));
	strings[0] = '\0';
	*used = 1;
	for (unsigned i = 1; i < Y_COUNT; i++)
		y[i].name = names[i][0] != '\0' ? make_text(strings, used, names[i]) : 0;
	y[Y_FIRST].info = ELF_LOCAL << 4 | ELF_FUNC;
	y[Y_FIRST].section = S_TEXT;
	y[Y_FIRST].size = T_SHOW;
	y[Y_SECOND].info = ELF_GLOBAL << 4 | ELF_FUNC;
	y[Y_SECOND].section = S_TEXT;
	y[Y_SECOND].value = T_SHOW;
	y[Y_SECOND].size = 16;
	y[Y_WORD].info = ELF_GLOBAL << 4 | ELF_OBJECT;
	y[Y_WORD].section = S_DATA;
	y[Y_WORD].size = 8;
	y[Y_RODATA].info = ELF_LOCAL << 4 | ELF_SECTION;
	y[Y_RODATA].section = S_RODATA;
	for (unsigned i = Y_STRLEN; i < Y_COUNT; i++)
		y[i].info = ELF_GLOBAL << 4 | ELF_NOTYPE;
}

static inline void make_head(uint8_t *file, uint32_t *used, const struct elf_section *s)
{
	struct elf_header h = {
		.ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 }, .type = ELF_RELOCATABLE,
		.machine = ELF_X86_64, .version = ELF_CURRENT, .ehsize = sizeof(h),
		.shentsize = sizeof(*s), .shnum = S_COUNT, .shstrndx = S_NAMES,
	};

	h.shoff = make_put(file, used, s, S_COUNT * sizeof(*s));
	memcpy(file, &h, sizeof(h));
}

/* A whole file; its bytes. */
static inline uint32_t make_file(uint8_t file[MAKE_BYTES], const struct make *k)
{
	static const char *const names[S_COUNT] = {
		"", ".text", ".rodata", ".data", ".bss", "hx_nodes", "hx_components", ".hx.module",
		".rela.text", ".rela.rodata", ".relahx_nodes", ".relahx_components", ".symtab",
		".strtab", ".shstrtab" };
	static const struct elf_rela zero[1];
	const struct elf_rela text[] = {
		MAKE_RELA(T_CALL + 2, ELF_R_GOTPCRELX, Y_STRLEN, -4),
		MAKE_RELA(T_MEMCPY + 1, ELF_R_PLT32, Y_MEMCPY, -4),
		MAKE_RELA(T_WORD + 3, ELF_R_REX_GOTPCRELX, Y_WORD, -4),
		MAKE_RELA(T_SECOND + 2, ELF_R_GOTPCRELX, Y_SECOND, -4),
		MAKE_RELA(T_JUMP + 2, ELF_R_GOTPCRELX, Y_FIRST, -4),
		MAKE_RELA(T_DIRECT + 3, ELF_R_PC32, Y_WORD, -4),
		MAKE_RELA(T_INIT + 11, ELF_R_GOTPCRELX, Y_SLEEP, -4) };
	const struct elf_rela rodata[] = {
		MAKE_RELA(R_NODE + offsetof(struct hx_node, path), ELF_R_64, Y_RODATA, R_PATH),
		MAKE_RELA(R_NODE + offsetof(struct hx_node, help), ELF_R_64, Y_RODATA, R_NAME),
		MAKE_RELA(R_NODE + offsetof(struct hx_node, show), ELF_R_64, Y_FIRST, T_SHOW),
		MAKE_RELA(R_COMPONENT + offsetof(struct hx_component, name), ELF_R_64, Y_RODATA,
			  R_NAME),
		MAKE_RELA(R_COMPONENT + offsetof(struct hx_component, init), ELF_R_64, Y_FIRST,
			  T_INIT),
		MAKE_RELA(R_COMPONENT + offsetof(struct hx_component, shutdown), ELF_R_64, Y_FIRST,
			  T_DOWN),
		MAKE_RELA(R_POINTER, ELF_R_64, Y_STRLEN, 0) };
	const struct elf_rela node = MAKE_RELA(0, ELF_R_64, Y_RODATA, R_NODE);
	const struct elf_rela component = MAKE_RELA(0, ELF_R_64, Y_RODATA, R_COMPONENT);
	struct elf_section s[S_COUNT] = { { .name = 0 } };
	struct elf_symbol y[Y_COUNT];
	uint8_t code[T_BYTES], constants[R_BYTES], strings[256], desc[1024];
	uint32_t used = sizeof(struct elf_header), strings_bytes, names_bytes = 1;

	memset(file, 0, MAKE_BYTES);
	memset(desc, 0, sizeof(desc));
	make_code(code, k);
	make_constants(constants, k);
	make_symbols(y, strings, &strings_bytes);
#define MAKE_SECTION(i, type_, flags_, bytes, n, align_) do { \
		s[i].type = (type_); \
		s[i].flags = (flags_); \
		s[i].align = (align_); \
		s[i].size = (n); \
		s[i].offset = make_put(file, &used, (bytes), (n)); \
	} while (0)
	MAKE_SECTION(S_TEXT, ELF_PROGBITS, ELF_ALLOC | ELF_EXEC, code, T_BYTES, 16);
	MAKE_SECTION(S_RODATA, ELF_PROGBITS, ELF_ALLOC, constants, R_BYTES, 64);
	MAKE_SECTION(S_DATA, ELF_PROGBITS, ELF_ALLOC | ELF_WRITE, "\1\2\3\4\5\6\7\10", 8, 8);
	MAKE_SECTION(S_BSS, ELF_NOBITS, ELF_ALLOC | ELF_WRITE, NULL, 0, 32);
	s[S_BSS].size = k->bss_bytes != 0 ? k->bss_bytes : 100;
	MAKE_SECTION(S_NODES, ELF_PROGBITS, ELF_ALLOC, zero, k->node != NULL ? 8 : 0, 8);
	MAKE_SECTION(S_COMPONENTS, ELF_PROGBITS, ELF_ALLOC, zero,
		     k->init != MAKE_NO_INIT ? 8 : 0, 8);
	MAKE_SECTION(S_DESC, ELF_PROGBITS, 0, desc, make_descriptor(desc, k), 8);
	MAKE_SECTION(S_RELA_TEXT, ELF_RELA, ELF_INFO_LINK, text,
		     sizeof(text) - (k->init != MAKE_INIT_SLOW ? sizeof(text[0]) : 0), 8);
	MAKE_SECTION(S_RELA_RODATA, ELF_RELA, ELF_INFO_LINK, rodata, sizeof(rodata), 8);
	MAKE_SECTION(S_RELA_NODES, ELF_RELA, ELF_INFO_LINK, &node, k->node != NULL ? 24 : 0, 8);
	MAKE_SECTION(S_RELA_COMPONENTS, ELF_RELA, ELF_INFO_LINK, &component,
		     k->init != MAKE_NO_INIT ? 24 : 0, 8);
	MAKE_SECTION(S_SYMTAB, ELF_SYMTAB, 0, y, sizeof(y), 8);
	MAKE_SECTION(S_STRTAB, ELF_STRTAB, 0, strings, strings_bytes, 1);
#undef MAKE_SECTION
	for (unsigned i = S_RELA_TEXT; i <= S_RELA_COMPONENTS; i++) {
		s[i].link = S_SYMTAB;
		s[i].info = i == S_RELA_TEXT ? S_TEXT : i == S_RELA_RODATA ? S_RODATA :
			    i == S_RELA_NODES ? S_NODES : S_COMPONENTS;
		s[i].entsize = sizeof(struct elf_rela);
	}
	s[S_SYMTAB].link = S_STRTAB;
	s[S_SYMTAB].entsize = sizeof(struct elf_symbol);
	memset(strings, 0, sizeof(strings));
	for (unsigned i = 1; i < S_COUNT; i++)
		s[i].name = make_text(strings, &names_bytes, names[i]);
	s[S_NAMES] = (struct elf_section){ .name = s[S_NAMES].name, .type = ELF_STRTAB,
					   .size = names_bytes, .align = 1,
					   .offset = make_put(file, &used, strings, names_bytes) };
	make_head(file, &used, s);
	return (uint32_t)hx_align_up(used, 8);
}

#endif
