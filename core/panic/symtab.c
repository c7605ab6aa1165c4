// SPDX-License-Identifier: MIT
/*
 * Which function and which line an address belongs to: reader of the table that scripts/symtab.py
 * made from the linked image.
 *
 * It runs in a panic, when memory may be damaged: so it trusts no byte of the table. Every read
 * goes through a cursor that knows the end; a table that is cut or scrambled gives "not found" or
 * a wrong name, never a fault and never an endless loop.
 *
 * The table, little endian, offsets in bytes from its start:
 *
 *	0  u32 magic "HXS1"      4  u32 size of the whole      8  u32 number of functions
 *	12 u32 text offset of the anchor function (text offsets count from the first function)
 *	16 u32 where the file names are      20 u32 number of file names
 *	24 index: per function, ascending: u32 text offset, u32 where its record is
 *	   record: uleb size, name NUL, uleb number of rows, then per row:
 *	           uleb 2 * (address step) + (1: a new file number, uleb, follows), sleb line step
 *	   file names, each ended by NUL; file number k is the k-th
 *
 * The state before the first row is address 0 (of the function), line 0, file 0.
 */
#include <hx/base.h>
#include <hx/core/string.h>

#include "panic_priv.h"

#define MAGIC		0x31535848u	/* "HXS1" */
#define HEADER_BYTES	24u
#define ENTRY_BYTES	8u

/* Reads [at, end); past the end everything is 0 and bad is set for good. */
struct cursor {
	const uint8_t *at, *end;
	bool bad;
};

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint8_t next_byte(struct cursor *c)
{
	if (c->at == c->end) {
		c->bad = true;
		return 0;
	}
	return *c->at++;
}

/* One LEB128 number of at most 32 bits; *bits receives how many bits were written. */
static uint32_t next_leb(struct cursor *c, unsigned *bits, uint8_t *last)
{
	uint32_t value = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = next_byte(c);
		value |= (uint32_t)(byte & 0x7f) << shift;
		shift += 7;
	} while ((byte & 0x80) != 0 && shift < 32);
	*bits = shift;
	*last = byte;
	return value;
}

static uint32_t next_uleb(struct cursor *c)
{
	unsigned bits;
	uint8_t last;

	return next_leb(c, &bits, &last);
}

static int32_t next_sleb(struct cursor *c)
{
	unsigned bits;
	uint8_t last;
	uint32_t value = next_leb(c, &bits, &last);

	if (bits < 32 && (last & 0x40) != 0)
		value |= UINT32_MAX << bits;
	return (int32_t)value;
}

/* A NUL-terminated text at the cursor, or NULL if it does not end inside the table. */
static const char *next_text(struct cursor *c)
{
	const char *text = (const char *)c->at;
	const uint8_t *nul = hx_memchr(c->at, 0, (size_t)(c->end - c->at));

	if (nul == NULL) {
		c->bad = true;
		return NULL;
	}
	c->at = nul + 1;
	return text;
}

/* Index of the last function that starts at or before off; -1 if there is none. */
static int64_t find_entry(const uint8_t *table, uint32_t n, uint32_t off)
{
	uint32_t low = 0, high = n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (get_u32(table + HEADER_BYTES + mid * ENTRY_BYTES) <= off)
			low = mid + 1;
		else
			high = mid;
	}
	return (int64_t)low - 1;
}

static const char *file_name(const uint8_t *table, uint32_t size, uint32_t idx)
{
	uint32_t at = get_u32(table + 16);
	uint32_t n = get_u32(table + 20);
	const char *name = NULL;

	if (at > size || idx >= n)
		return NULL;
	struct cursor c = { table + at, table + size, false };

	for (uint32_t i = 0; i <= idx && !c.bad; i++)
		name = next_text(&c);
	return name;
}

/* The rows of one function: the last one at or before off says file and line. */
static void find_line(struct cursor *c, uint32_t off, uint32_t *file, uint32_t *line)
{
	uint32_t n_rows = next_uleb(c);
	uint32_t addr = 0, now_file = 0, now_line = 0;

	*line = 0;
	/* Each row takes at least two bytes, so a wild n_rows ends at the end of the table. */
	while (n_rows-- > 0 && !c->bad) {
		uint32_t step = next_uleb(c);

		addr += step >> 1;
		if ((step & 1) != 0)
			now_file = next_uleb(c);
		now_line += (uint32_t)next_sleb(c);
		if (addr > off || c->bad)
			return;
		*file = now_file;
		*line = now_line;
	}
}

bool symtab_is_valid(const uint8_t *table, size_t size)
{
	return size >= HEADER_BYTES && get_u32(table) == MAGIC && get_u32(table + 4) <= size &&
	       get_u32(table + 4) >= HEADER_BYTES &&
	       get_u32(table + 8) <= (get_u32(table + 4) - HEADER_BYTES) / ENTRY_BYTES;
}

uint32_t symtab_anchor(const uint8_t *table)
{
	return get_u32(table + 12);
}

bool symtab_find(const uint8_t *table, uint32_t off, struct symtab_place *out)
{
	uint32_t size = get_u32(table + 4);
	int64_t idx = find_entry(table, get_u32(table + 8), off);
	uint32_t start, record, len, file = 0, line;
	const char *name;

	if (idx < 0)
		return false;
	start = get_u32(table + HEADER_BYTES + (uint32_t)idx * ENTRY_BYTES);
	record = get_u32(table + HEADER_BYTES + (uint32_t)idx * ENTRY_BYTES + 4);
	if (record < HEADER_BYTES || record > size)
		return false;
	struct cursor c = { table + record, table + size, false };

	len = next_uleb(&c);
	name = next_text(&c);
	if (c.bad || off < start || off - start >= len)
		return false;
	find_line(&c, off - start, &file, &line);
	*out = (struct symtab_place){ .name = name, .offset = off - start,
		.file = line == 0 ? NULL : file_name(table, size, file), .line = line };
	return true;
}
