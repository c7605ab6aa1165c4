// SPDX-License-Identifier: MIT
/*
 * The format as such: what is read of a good file, what memory looks like afterwards, and each way
 * in which a file is refused, with its error and its words.
 */
#include "hx_test.h"

#include "hko_make.h"

#define BASE		0xffffe00000001000ull
#define STRLEN_AT	0xffffffff80123456ull
#define MEMCPY_AT	0xffffffff80200000ull

static uint8_t file[MAKE_BYTES] HX_ALIGNED(8);
static uint8_t memory[64 * 1024] HX_ALIGNED(8);
static struct hko hko;
static struct hko_slot slots[Y_COUNT + 8];
static struct hko_why why;

static bool resolve(void *arg, const char *name, uint32_t version, uint64_t *address,
		    struct hko_why *w)
{
	if (strcmp(name, "hx_strlen") == 0)
		*address = STRLEN_AT;
	else if (strcmp(name, "memcpy") == 0)
		*address = MEMCPY_AT;
	else
		hko_refuse(w, -HX_ENOENT, "detail=symbol symbol=%s", name);
	return w->err == 0 && version == 1;
}

static int read_all(uint32_t bytes)
{
	int err;

	memset(&why, 0, sizeof(why));
	memset(slots, 0, sizeof(slots));
	memset(memory, 0, sizeof(memory));
	err = hko_parse(file, bytes, &hko, &why);
	if (err == 0)
		err = hko_layout(&hko, slots, &why);
	if (err == 0 && hko.total_bytes <= sizeof(memory))
		err = hko_build(&hko, slots, memory, BASE, resolve, NULL, &why);
	return err;
}

static uint64_t word_at(uint32_t off)
{
	uint64_t v;

	memcpy(&v, memory + off, sizeof(v));
	return v;
}

static uint64_t reach_at(uint32_t off)
{
	int32_t v;

	memcpy(&v, memory + off, sizeof(v));
	return BASE + off + 4 + (uint64_t)(int64_t)v;
}

static void make_plain(uint32_t *bytes)
{
	const struct make k = { .node = "/test/one", .init = MAKE_INIT_OK };

	*bytes = make_file(file, &k);
	/* hx_sleep_ns is imported by all, and resolved only where the table has it. */
	make_symbol(file, Y_SLEEP)->name = make_symbol(file, Y_MEMCPY)->name;
}

static void a_good_file_is_read(void **state)
{
	uint32_t bytes;

	make_plain(&bytes);
	assert_int_equal(read_all(bytes), 0);
	assert_string_equal(hko.name, "one");
	assert_string_equal(hko.build, HX_MODULE_BUILD);
	assert_int_equal(hko.n_functions, 2);
	assert_int_equal(hko.n_calls, 1);
	assert_int_equal(hko.n_got, 2);		/* hx_strlen, memcpy */
	assert_int_equal(hko.part_bytes[HKO_TEXT], HX_PAGE_SIZE);
	assert_int_equal(hko.part_bytes[HKO_RODATA], HX_PAGE_SIZE);
	assert_int_equal(hko.part_bytes[HKO_DATA], HX_PAGE_SIZE);
	assert_int_equal(hko.total_bytes, 3 * HX_PAGE_SIZE);
}

static void every_reference_reaches_what_it_names(void **state)
{
	uint32_t bytes, text, rodata, data;

	make_plain(&bytes);
	assert_int_equal(read_all(bytes), 0);
	text = hko.sections[S_TEXT].at;
	rodata = hko.sections[S_RODATA].at;
	data = hko.sections[S_DATA].at;
	/* Through the table of addresses. */
	assert_int_equal(word_at((uint32_t)(reach_at(text + T_CALL + 2) - BASE)), STRLEN_AT);
	/* By a detour: jmp *table. */
	assert_memory_equal(memory + (reach_at(text + T_MEMCPY + 1) - BASE), "\xff\x25", 2);
	assert_int_equal(word_at((uint32_t)(reach_at((uint32_t)(reach_at(text + T_MEMCPY + 1) -
			 BASE) + 2) - BASE)), MEMCPY_AT);
	/* Its own symbols directly: lea, call, jmp. */
	assert_memory_equal(memory + text + T_WORD, "\x48\x8d\x05", 3);
	assert_int_equal(reach_at(text + T_WORD + 3), BASE + data);
	assert_memory_equal(memory + text + T_SECOND, "\x67\xe8", 2);
	assert_int_equal(reach_at(text + T_SECOND + 2), BASE + text + T_SHOW);
	assert_int_equal(memory[text + T_JUMP], 0xe9);
	assert_int_equal(memory[text + T_JUMP + 5], 0x90);
	assert_int_equal(reach_at(text + T_JUMP + 1), BASE + text);
	assert_int_equal(reach_at(text + T_DIRECT + 3), BASE + data);
	/* Addresses in constants and lists. */
	assert_int_equal(word_at(rodata + R_NODE + offsetof(struct hx_node, path)), BASE + rodata);
	assert_int_equal(word_at(rodata + R_POINTER), STRLEN_AT);
	assert_int_equal(word_at(hko.sections[S_NODES].at), BASE + rodata + R_NODE);
	assert_int_equal(word_at(data), 0x0807060504030201ull);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(memory[hko.sections[S_BSS].at + i], 0);
}

static void functions_are_found_by_address(void **state)
{
	const struct hko_function *table;
	uint32_t bytes;

	make_plain(&bytes);
	assert_int_equal(read_all(bytes), 0);
	table = (const void *)(memory + hko.functions_at);
	for (uint32_t off = 0; off < T_BYTES; off++) {
		const struct hko_function *f = hko_function_at(table, hko.n_functions, off);

		if (off >= T_SHOW + 16) {
			assert_null(f);
			continue;
		}
		assert_non_null(f);
		assert_string_equal((char *)memory + hko.names_at + f->name,
				    off < T_SHOW ? "first" : "second");
	}
}

/* ---- each refusal: what is spoilt, and what is said */

static uint32_t n_bytes;

#define SPOIL(ident, ...)	static void ident(void) { __VA_ARGS__; }

#define HEAD	((struct elf_header *)file)
#define SEC(i)	make_section(file, (i))
#define SYM(i)	make_symbol(file, (i))
#define RELA(s, i) make_rela(file, (s), (i))
#define DESC	make_desc(file)

SPOIL(no_bytes, n_bytes = 0)
SPOIL(half_a_header, n_bytes = 63)
SPOIL(other_magic, file[0] = 'X')
SPOIL(class_32, file[4] = 1)
SPOIL(big_endian, file[5] = 2)
SPOIL(executable, HEAD->type = 2)
SPOIL(other_machine, HEAD->machine = 183)
SPOIL(program_headers, HEAD->phnum = 1)
SPOIL(no_sections, HEAD->shnum = 0)
SPOIL(too_many_sections, HEAD->shnum = HKO_SECTIONS_MAX + 1)
SPOIL(sections_outside, HEAD->shoff = n_bytes - 8)
SPOIL(sections_crooked, HEAD->shoff += 4)
SPOIL(sections_wrap, HEAD->shoff = UINT64_MAX - 63)
SPOIL(names_outside, HEAD->shstrndx = S_COUNT)
SPOIL(names_no_strings, HEAD->shstrndx = S_TEXT)
SPOIL(name_outside, SEC(S_DATA)->name = 0x7fffffff)
SPOIL(names_open, file[SEC(S_NAMES)->offset + SEC(S_NAMES)->size - 1] = 'x')
SPOIL(write_and_execute, SEC(S_TEXT)->flags |= ELF_WRITE)
SPOIL(thread_local, SEC(S_DATA)->flags |= 0x400)
SPOIL(text_without_bytes, SEC(S_TEXT)->type = ELF_NOBITS)
SPOIL(align_three, SEC(S_DATA)->align = 3)
SPOIL(align_large, SEC(S_DATA)->align = 8192)
SPOIL(section_outside, SEC(S_TEXT)->offset = n_bytes)
SPOIL(section_wraps, SEC(S_TEXT)->offset = UINT64_MAX - 8)
SPOIL(section_huge, SEC(S_BSS)->size = UINT64_MAX)
SPOIL(list_crooked, SEC(S_NODES)->size = 7)
SPOIL(dynamic_section, SEC(S_DATA)->type = 6; SEC(S_DATA)->flags = 0)
SPOIL(no_descriptor, SEC(S_DESC)->flags = 0; SEC(S_DESC)->name = SEC(S_DATA)->name)
SPOIL(two_symtabs, *SEC(S_STRTAB) = *SEC(S_SYMTAB))
SPOIL(symbols_cut, SEC(S_SYMTAB)->size -= 1)
SPOIL(symbols_empty, SEC(S_SYMTAB)->size = 0)
SPOIL(strings_open, file[SEC(S_STRTAB)->offset + SEC(S_STRTAB)->size - 1] = 'x')
SPOIL(symbol_name_outside, SYM(Y_FIRST)->name = 100000)
SPOIL(symbol_beyond_section, SYM(Y_FIRST)->value = T_BYTES)
SPOIL(symbol_value_wraps, SYM(Y_FIRST)->value = UINT64_MAX)
SPOIL(symbol_no_section, SYM(Y_FIRST)->section = S_COUNT)
SPOIL(symbol_common, SYM(Y_FIRST)->section = 0xfff2)
SPOIL(symbol_absolute, SYM(Y_WORD)->section = ELF_ABSOLUTE)
SPOIL(symbol_tls, SYM(Y_WORD)->info = 6)
SPOIL(symbol_unknown, SYM(Y_STRLEN)->name = SYM(Y_FIRST)->name)
SPOIL(relocs_of_nothing, SEC(S_RELA_TEXT)->info = S_COUNT)
SPOIL(relocs_of_bss, SEC(S_RELA_TEXT)->info = S_BSS)
SPOIL(relocs_twice, SEC(S_RELA_RODATA)->info = S_TEXT)
SPOIL(relocs_cut, SEC(S_RELA_TEXT)->size -= 8)
SPOIL(relocs_outside, SEC(S_RELA_TEXT)->offset = n_bytes - 24)
SPOIL(relocs_link, SEC(S_RELA_TEXT)->link = S_TEXT)
SPOIL(reloc_absolute_32, RELA(S_RELA_TEXT, 0)->type = 10)
SPOIL(reloc_tls, RELA(S_RELA_TEXT, 0)->type = 23)
SPOIL(reloc_symbol, RELA(S_RELA_TEXT, 0)->symbol = Y_COUNT)
SPOIL(reloc_no_symbol, RELA(S_RELA_TEXT, 0)->symbol = 0)
SPOIL(reloc_end, RELA(S_RELA_TEXT, 0)->offset = T_BYTES - 3)
SPOIL(reloc_wraps, RELA(S_RELA_TEXT, 0)->offset = UINT64_MAX - 2)
SPOIL(reloc_reach, RELA(S_RELA_TEXT, 5)->symbol = Y_STRLEN)
SPOIL(reloc_range, RELA(S_RELA_TEXT, 5)->addend = 1ll << 32)
SPOIL(desc_short, SEC(S_DESC)->size = 95)
SPOIL(desc_magic, DESC->magic[0] = 'x')
SPOIL(desc_abi_old, DESC->abi_major = 0)
SPOIL(desc_abi_new, DESC->abi_minor = HKO_ABI_MINOR + 1)
SPOIL(desc_size, DESC->size += 8)
SPOIL(desc_name_outside, DESC->name = DESC->size)
SPOIL(desc_name_upper, file[SEC(S_DESC)->offset + DESC->name] = 'A')
SPOIL(desc_name_empty, file[SEC(S_DESC)->offset + DESC->name] = '\0')
SPOIL(desc_kind, DESC->kind = 7)
SPOIL(desc_flags, DESC->flags = 16)
SPOIL(desc_reserved, DESC->reserved = 1)
SPOIL(desc_version, DESC->version = 1ull << 48)
SPOIL(desc_init_ms, DESC->init_ms = 60001)
SPOIL(desc_table_outside, DESC->n_imports = 1000)
SPOIL(desc_table_many, DESC->n_states = 65)
SPOIL(desc_table_crooked, DESC->imports += 4)
SPOIL(desc_table_in_head, DESC->states = 8)
SPOIL(desc_import_version, ((struct hko_import *)((char *)DESC + DESC->imports))->version = 0)
SPOIL(desc_import_order, ((struct hko_import *)((char *)DESC + DESC->imports))[0].name =
      ((struct hko_import *)((char *)DESC + DESC->imports))[2].name)
SPOIL(file_cut, n_bytes -= 8)

static const struct {
	void (*spoil)(void);
	int err;
	const char *words;
} refusals[] = {
	{ no_bytes, -HX_EBADMSG, "no-module" }, { half_a_header, -HX_EBADMSG, "no-module" },
	{ other_magic, -HX_EBADMSG, "no-module" }, { class_32, -HX_EBADMSG, "no-module" },
	{ big_endian, -HX_EBADMSG, "no-module" }, { executable, -HX_EBADMSG, "elf-header" },
	{ other_machine, -HX_EPROTO, "machine=183" },
	{ program_headers, -HX_EBADMSG, "elf-header" },
	{ no_sections, -HX_EBADMSG, "elf-sections" },
	{ too_many_sections, -HX_E2BIG, "sections=33" },
	{ sections_outside, -HX_EBADMSG, "elf-sections" },
	{ sections_crooked, -HX_EBADMSG, "elf-sections" },
	{ sections_wrap, -HX_EBADMSG, "elf-sections" },
	{ names_outside, -HX_EBADMSG, "elf-sections" },
	{ names_no_strings, -HX_EBADMSG, "section-names" },
	{ name_outside, -HX_EBADMSG, "section-name" },
	{ names_open, -HX_EBADMSG, "section-names" },
	{ write_and_execute, -HX_EBADMSG, "section-flags section=.text" },
	{ thread_local, -HX_EBADMSG, "section-flags" },
	{ text_without_bytes, -HX_EBADMSG, "section-flags" },
	{ align_three, -HX_EBADMSG, "alignment section=.data align=3" },
	{ align_large, -HX_EBADMSG, "align=8192" },
	{ section_outside, -HX_EBADMSG, "section-size section=.text" },
	{ section_wraps, -HX_EBADMSG, "section-size" },
	{ section_huge, -HX_EBADMSG, "section-size section=.bss" },
	{ list_crooked, -HX_EBADMSG, "section-size section=hx_nodes" },
	{ dynamic_section, -HX_EBADMSG, "section-type section=.data type=6" },
	{ no_descriptor, -HX_EBADMSG, "section-type section=.data" },
	{ two_symtabs, -HX_EBADMSG, "symbols" }, { symbols_cut, -HX_EBADMSG, "symbols" },
	{ symbols_empty, -HX_EBADMSG, "symbols" }, { strings_open, -HX_EBADMSG, "symbols" },
	{ symbol_name_outside, -HX_EBADMSG, "symbol index=1" },
	{ symbol_beyond_section, -HX_EBADMSG, "symbol-place symbol=first" },
	{ symbol_value_wraps, -HX_EBADMSG, "symbol-place" },
	{ symbol_no_section, -HX_EBADMSG, "symbol-place" },
	{ symbol_common, -HX_EBADMSG, "symbol-place" },
	{ symbol_absolute, -HX_EBADMSG, "symbol-place" },
	{ symbol_tls, -HX_EBADMSG, "symbol index=3" },
	{ symbol_unknown, -HX_EBADMSG, "not-imported symbol=first" },
	{ relocs_of_nothing, -HX_EBADMSG, "relocations" },
	{ relocs_of_bss, -HX_EBADMSG, "relocations" }, { relocs_twice, -HX_EBADMSG, "relocations" },
	{ relocs_cut, -HX_EBADMSG, "relocations" }, { relocs_outside, -HX_EBADMSG, "relocations" },
	{ relocs_link, -HX_EBADMSG, "relocations" },
	{ reloc_absolute_32, -HX_EBADMSG, "relocation-type section=.text index=0 type=10" },
	{ reloc_tls, -HX_EBADMSG, "type=23" },
	{ reloc_symbol, -HX_EBADMSG, "relocation-symbol" },
	{ reloc_no_symbol, -HX_EBADMSG, "relocation-symbol" },
	{ reloc_end, -HX_EBADMSG, "relocation-offset" },
	{ reloc_wraps, -HX_EBADMSG, "relocation-offset" },
	{ reloc_reach, -HX_EBADMSG, "relocation-reach section=.text index=5 symbol=hx_strlen" },
	{ reloc_range, -HX_EBADMSG, "relocation-range section=.text index=5" },
	{ desc_short, -HX_EBADMSG, "descriptor" }, { desc_magic, -HX_EBADMSG, "descriptor" },
	{ desc_abi_old, -HX_EPROTO, "abi=0.0" }, { desc_abi_new, -HX_EPROTO, "abi=1.1" },
	{ desc_size, -HX_EBADMSG, "descriptor-size" }, { desc_name_outside, -HX_EBADMSG, "name" },
	{ desc_name_upper, -HX_EBADMSG, "name" }, { desc_name_empty, -HX_EBADMSG, "name" },
	{ desc_kind, -HX_EBADMSG, "descriptor-values" },
	{ desc_flags, -HX_EBADMSG, "descriptor-values" },
	{ desc_reserved, -HX_EBADMSG, "descriptor-size" },
	{ desc_version, -HX_EBADMSG, "descriptor-values" },
	{ desc_init_ms, -HX_EBADMSG, "descriptor-values" },
	{ desc_table_outside, -HX_EBADMSG, "descriptor-tables" },
	{ desc_table_many, -HX_EBADMSG, "descriptor-tables" },
	{ desc_table_crooked, -HX_EBADMSG, "descriptor-tables" },
	{ desc_table_in_head, -HX_EBADMSG, "descriptor-tables" },
	{ desc_import_version, -HX_EBADMSG, "import index=0" },
	{ desc_import_order, -HX_EBADMSG, "import index=1" },
	{ file_cut, -HX_EBADMSG, "elf-sections" },
};

static void each_spoilt_file_is_refused_in_words(void **state)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(refusals); i++) {
		int err;

		make_plain(&n_bytes);
		refusals[i].spoil();
		err = read_all(n_bytes);
		if (err != refusals[i].err || strstr(why.text, refusals[i].words) == NULL ||
		    strncmp(why.text, "detail=", 7) != 0)
			fail_msg("row %u: got %d \"%s\", not %d \"%s\"", i, err, why.text,
				 refusals[i].err, refusals[i].words);
	}
}

static void needs_are_checked(void **state)
{
	struct make k = { .needs = { { "two", HKO_REQUIRED, 0, 0 } } };
	struct hko_need *n;

	n_bytes = make_file(file, &k);
	n = (struct hko_need *)((char *)DESC + DESC->needs);
	assert_int_equal(hko_parse(file, n_bytes, &hko, &why), 0);
	n->kind = HKO_NEED_KINDS;
	assert_int_equal(hko_parse(file, n_bytes, &hko, &why), -HX_EBADMSG);
	n->kind = HKO_WEAK;
	n->min = 2;
	n->max = 1;
	assert_int_equal(hko_parse(file, n_bytes, &hko, &why), -HX_EBADMSG);
	k.needs[0].name = "one";
	n_bytes = make_file(file, &k);
	assert_int_equal(hko_parse(file, n_bytes, &hko, &why), -HX_EBADMSG);
	assert_string_equal(why.text, "detail=cycle path=one,one");
}

static void what_is_told_can_be_read(void **state)
{
	make_plain(&n_bytes);
	memcpy(file + SEC(S_STRTAB)->offset + SYM(Y_STRLEN)->name, "a\nOK\x1b\x80zzz", 9);
	assert_int_equal(hko_parse(file, n_bytes, &hko, &why), -HX_EBADMSG);
	assert_string_equal(why.text, "detail=not-imported symbol=a?OK??zzz");
}

/* Any byte changed, any length: no access outside the file, which the sanitizers see. */
static void any_byte_may_be_anything(void **state)
{
	uint64_t seed = hx_test_seed();
	unsigned n_good = 0;

	for (unsigned i = 0; i < 200000; i++) {
		uint32_t n, spoilt = (uint32_t)hx_test_random_below(&seed, 4) + 1;
		uint8_t *copy;

		make_plain(&n);
		while (spoilt-- > 0)
			file[hx_test_random_below(&seed, n)] = (uint8_t)hx_test_random(&seed);
		if (hx_test_random_below(&seed, 4) == 0)
			n = (uint32_t)hx_test_random_below(&seed, n);
		copy = malloc(n + 1);
		memcpy(copy, file, n);
		if (hko_parse(copy, n, &hko, &why) == 0) {
			struct hko_slot *s = calloc(hko.n_symbols, sizeof(*s));

			memset(&why, 0, sizeof(why));
			if (hko_layout(&hko, s, &why) == 0) {
				uint8_t *to = calloc(1, hko.total_bytes);

				if (hko_build(&hko, s, to, BASE, resolve, NULL, &why) == 0)
					n_good++;
				free(to);
			}
			free(s);
		}
		free(copy);
	}
	assert_true(n_good > 1000);	/* much is not looked at, so much may change */
}

static void a_signature_is_found_at_the_end(void **state)
{
	struct hko_signature *s;
	size_t bytes;

	make_plain(&n_bytes);
	assert_null(hko_signature(file, n_bytes, &bytes));
	assert_int_equal(bytes, n_bytes);
	s = (struct hko_signature *)(file + n_bytes);
	memcpy(s->magic, "HXSIGN1", 8);
	assert_ptr_equal(hko_signature(file, n_bytes + sizeof(*s), &bytes), s);
	assert_int_equal(bytes, n_bytes);
	assert_null(hko_signature(file, n_bytes + sizeof(*s) - 8, &bytes));
	assert_null(hko_signature(file, 8, &bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_file_is_read),
		cmocka_unit_test(every_reference_reaches_what_it_names),
		cmocka_unit_test(functions_are_found_by_address),
		cmocka_unit_test(each_spoilt_file_is_refused_in_words),
		cmocka_unit_test(needs_are_checked),
		cmocka_unit_test(what_is_told_can_be_read),
		cmocka_unit_test(any_byte_may_be_anything),
		cmocka_unit_test(a_signature_is_found_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
