// SPDX-License-Identifier: MIT
/*
 * Fuzzing what reads modules: reading, placing and relocating bytes that may be anything
 * (libFuzzer; `make fuzz`). Inputs with an even first byte are the file itself; the others are
 * changes of a good one, 6 bytes each: where and how wide, and what to put there.
 */
#include <stdlib.h>
#include <string.h>

#include "hko_make.h"

#define BASE		0xffffe00000001000ull
#define TOTAL_MAX	(1u << 20)	/* more memory is counted only: to fill it takes long */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool resolve(void *arg, const char *name, uint32_t version, uint64_t *address,
		    struct hko_why *why)
{
	if (strlen(name) >= HKO_SYMBOL_MAX || version == 0)
		abort();	/* the parser lets nothing else through */
	*address = 0xffffffff80000000ull + version;
	return true;
}

/* The module was accepted: what is kept of it must hold what it says. */
static void look(const struct hko *m, const uint8_t *memory)
{
	const struct hko_function *f = (const void *)(memory + m->functions_at);

	for (uint32_t i = 0; i < m->n_functions; i++) {
		const char *name = (const char *)memory + m->names_at + f[i].name;

		if (f[i].offset + f[i].size > m->part_bytes[HKO_TEXT] ||
		    strlen(name) >= HKO_SYMBOL_MAX || (i > 0 && f[i - 1].offset > f[i].offset))
			abort();
		(void)hko_function_at(f, m->n_functions, f[i].offset);
	}
	for (uint32_t i = 0; i < m->desc->n_needs; i++)
		if (strlen(hko_text(m->desc, hko_needs(m->desc)[i].name)) >= HKO_NAME_MAX)
			abort();
}

static void read_file(const uint8_t *file, size_t size)
{
	struct hko m;
	struct hko_why why = { .err = 0 };
	struct hko_slot *slots;
	uint8_t *memory;
	size_t covered;

	(void)hko_signature(file, size, &covered);
	if (hko_parse(file, size, &m, &why) != 0) {
		if (why.err == 0 || strncmp(why.text, "detail=", 7) != 0)
			abort();
		return;
	}
	slots = calloc(m.n_symbols, sizeof(*slots));
	if (hko_layout(&m, slots, &why) == 0 && m.total_bytes <= TOTAL_MAX) {
		memory = aligned_alloc(HX_PAGE_SIZE, m.total_bytes);
		memset(memory, 0, m.total_bytes);
		if (hko_build(&m, slots, memory, BASE, resolve, NULL, &why) == 0)
			look(&m, memory);
		free(memory);
	}
	free(slots);
}

static void change(uint8_t *file, size_t size, const uint8_t *how)
{
	size_t at = (size_t)(how[0] | (how[1] & 0x1f) << 8) % size, n = (size_t)1 << (how[1] >> 6);
	int32_t narrow;
	int64_t value;

	memcpy(&narrow, how + 2, sizeof(narrow));
	value = narrow;
	memcpy(file + at, &value, n < size - at ? n : size - at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct make k = { .node = "/test/one", .init = MAKE_INIT_SLOW, .gives = "gift",
				       .needs = { { "two", HKO_REQUIRED, 0, 0 } }, .cap = "irq" };
	static uint8_t good[MAKE_BYTES];
	static uint32_t good_bytes;
	uint8_t *file;
	size_t n;

	if (size == 0)
		return 0;
	if (good_bytes == 0)
		good_bytes = make_file(good, &k);
	/* Of exactly that size, so that the sanitizer sees one byte too far. */
	n = data[0] % 2 == 0 ? size - 1 : good_bytes;
	file = malloc(n > 0 ? n : 1);
	memcpy(file, data[0] % 2 == 0 ? data + 1 : good, n);
	for (size_t i = 1; data[0] % 2 != 0 && i + 6 <= size; i += 6)
		change(file, n, data + i);
	read_file(file, n);
	free(file);
	return 0;
}
