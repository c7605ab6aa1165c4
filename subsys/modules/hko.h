/* SPDX-License-Identifier: MIT */
/*
 * The file format of modules, as in docs/spec/hko.md, and what reading one finds out. All functions
 * here are pure: they look at bytes and fill what they are given, wherever they run.
 *
 *	hko_signature()	is it signed, and by whom; before anything else of the file is believed
 *	hko_parse()	every offset, size, index, type and alignment checked; nothing copied
 *	hko_layout()	how much memory, and where each section goes in it
 *	hko_build()	sections copied and relocated, for the address that they will have
 *
 * Text that hko_refuse() leaves is "detail=<tag> key=value …", for the answer at the console.
 */
#ifndef HKO_H
#define HKO_H

#include <hx/base.h>

#define HKO_MAGIC	"HXMODULE"
#define HKO_ABI_MAJOR	1u
#define HKO_ABI_MINOR	0u
#define HKO_NAME_MAX	32u	/* bytes of a module's name, a need or a gift, with the NUL */
#define HKO_SYMBOL_MAX	96u	/* of a symbol's name that is looked up */
#define HKO_FILE_MAX	(16u << 20)
#define HKO_SECTIONS_MAX 32u
#define HKO_SYMBOLS_MAX	65536u
#define HKO_RELOCS_MAX	(1u << 20)
#define HKO_TABLE_MAX	64u	/* entries of a table of the descriptor; imports: symbols */
#define HKO_SIGNATURE_BYTES 96u

enum hko_kind {
	HKO_SCHEDULER = 0, HKO_ALLOCATOR = 1, HKO_FILESYSTEM = 2, HKO_DRIVER = 3, HKO_NETWORK = 4,
	HKO_SECURITY = 5, HKO_IPC = 6, HKO_CUSTOM = 255,
};

enum hko_flags {
	HKO_ESSENTIAL = 1,	/* never unloaded */
	HKO_SWAPPABLE = 2,	/* can hand its state over */
	HKO_EXPERIMENTAL = 4,
	HKO_DEPRECATED = 8,
	HKO_FLAGS = 15,
};

enum hko_need_kind {
	HKO_REQUIRED,	/* must be there; stays as long as this module */
	HKO_OPTIONAL,	/* if it is there and fits, the same; else nothing */
	HKO_WEAK,	/* worth knowing; holds nobody */
	HKO_CONFLICT,	/* must not be there */
	HKO_NEED_KINDS,
};

/* Versions are major.minor.patch of 16 bits each, so that they compare as numbers. */
#define HKO_VERSION(major, minor, patch) \
	((uint64_t)(major) << 32 | (uint64_t)(minor) << 16 | (patch))
#define HKO_VERSION_MAX	HKO_VERSION(0xffff, 0xffff, 0xffff)

/* Section .hx.module. Offsets count from its start; names end with a NUL inside it. */
struct hko_desc {
	char magic[8];
	uint16_t abi_major, abi_minor;
	uint32_t size;		/* of the section */
	uint32_t kind;		/* enum hko_kind */
	uint32_t flags;		/* enum hko_flags */
	uint64_t version;
	uint32_t name, build, summary;
	uint32_t init_ms;	/* 0: the kernel's default */
	uint32_t needs, n_needs;
	uint32_t gives, n_gives;
	uint32_t states, n_states;
	uint32_t imports, n_imports;
	uint32_t caps, n_caps;
	uint64_t reserved;	/* 0 */
};

struct hko_need {
	uint32_t name, kind;	/* enum hko_need_kind */
	uint64_t min, max;	/* versions, both included */
};

struct hko_give {
	uint32_t name, reserved;	/* 0 */
	uint64_t version;
};

struct hko_import {
	uint32_t name, version;		/* version: of the export, from 1 */
};

struct hko_cap {
	uint32_t name, rights;		/* what object, what it asks to do with it: HX_CAP_* */
};

_Static_assert(sizeof(struct hko_desc) == 96 && sizeof(struct hko_need) == 24 &&
	       sizeof(struct hko_give) == 16 && sizeof(struct hko_import) == 8 &&
	       sizeof(struct hko_cap) == 8, "docs/spec/hko.md");

/* The last 96 bytes of a signed file. */
struct hko_signature {
	char magic[8];			/* "HXSIGN1" and a NUL */
	uint32_t algorithm, size;	/* 1: ECDSA P-256 over SHA-256; 96 */
	uint8_t key_id[16];		/* first half of the SHA-256 of the public key */
	uint8_t r_s[64];		/* r, then s, each big endian */
};

_Static_assert(sizeof(struct hko_signature) == HKO_SIGNATURE_BYTES, "docs/spec/hko.md");

/* What one section becomes. */
enum hko_part { HKO_TEXT, HKO_RODATA, HKO_DATA, HKO_PARTS, HKO_NOWHERE = HKO_PARTS };

struct hko_section {
	uint8_t part;			/* enum hko_part */
	bool is_nobits, is_list;
	uint32_t align;			/* power of two */
	uint32_t size, file_off;
	uint32_t at;			/* hko_layout(): from the start of the module's memory */
	const char *name;
	uint32_t rela_off, n_relas;	/* in the file; 0: none */
};

struct hko {
	const uint8_t *file;
	uint32_t file_bytes;		/* without the signature */
	const struct hko_desc *desc;	/* in the file, aligned to 8 */
	const char *name, *build, *summary;	/* in the descriptor */
	struct hko_section sections[HKO_SECTIONS_MAX];	/* by number; not in memory: HKO_NOWHERE */
	uint32_t n_sections;
	uint32_t symtab_off, n_symbols;
	uint32_t strtab_off, strtab_bytes;
	uint32_t n_functions, names_bytes;	/* named functions of its text, and their names */
	/* hko_layout() */
	uint32_t n_got, n_calls;	/* addresses in the table; detours for direct calls */
	uint32_t part_at[HKO_PARTS], part_bytes[HKO_PARTS];	/* page aligned; from the start */
	uint32_t got_at, calls_at, functions_at, names_at;
	uint32_t total_bytes;		/* whole pages */
};

struct hko_why {
	int err;
	char text[160];
};

/* One named function of a module, ascending by offset; kept beside its constants. */
struct hko_function {
	uint32_t offset, size;		/* in the text */
	uint32_t name;			/* from the start of the names */
};

/* An address that another symbol of the kernel has; false: refused, *why is filled. */
typedef bool (*hko_resolve_t)(void *arg, const char *name, uint32_t version, uint64_t *address,
			      struct hko_why *why);

/* why.c: fills *why and returns err. */
int hko_refuse(struct hko_why *why, int err, const char *fmt, ...) HX_PRINTF(3, 4);

/* parse.c: 0; -HX_EBADMSG damaged or not a module; -HX_EPROTO another machine or ABI; -HX_E2BIG
 * over a limit of the format. file is aligned to 8 and stays while *m is used. */
HX_MUST_CHECK int hko_parse(const void *file, size_t file_bytes, struct hko *m,
			    struct hko_why *why);
/* desc.c: the part of it that checks the descriptor. */
HX_MUST_CHECK int hko_check_desc(struct hko *m, uint32_t off, uint32_t bytes, struct hko_why *why);

/* A name in the descriptor; the parser has checked that it ends in there. */
const char *hko_text(const struct hko_desc *d, uint32_t off);
const struct hko_need *hko_needs(const struct hko_desc *d);
const struct hko_give *hko_gives(const struct hko_desc *d);
const uint32_t *hko_states(const struct hko_desc *d);
const struct hko_import *hko_imports(const struct hko_desc *d);
const struct hko_cap *hko_caps(const struct hko_desc *d);

/* sign.c: the signature at the end, or NULL; *signed_bytes is what it covers, or all. */
const struct hko_signature *hko_signature(const void *file, size_t file_bytes,
					  size_t *signed_bytes);

/* Which entry of the address table and which detour a symbol has, counted from 1; 0: none. */
struct hko_slot {
	uint32_t got, call;
};

/*
 * place.c. slots: one for each symbol, zero, the caller's, kept from hko_layout() to hko_build().
 * hko_layout() fills the last part of *m; hko_build() writes the module's memory as it is to be
 * when it lies at base: `to` has m->total_bytes, all zero. Errors as hko_parse(), and resolve's.
 */
HX_MUST_CHECK int hko_layout(struct hko *m, struct hko_slot *slots, struct hko_why *why);
HX_MUST_CHECK int hko_build(const struct hko *m, const struct hko_slot *slots, uint8_t *to,
			    uint64_t base, hko_resolve_t resolve, void *arg, struct hko_why *why);

/* functions.c: fills the table of functions in the memory; called by hko_build(). Finds the one
 * that an offset in the text belongs to; NULL: none. Reads only what hko_build() wrote. */
void hko_put_functions(const struct hko *m, uint8_t *to);
const struct hko_function *hko_function_at(const struct hko_function *table, uint32_t n,
					   uint32_t off);

#endif
