/* SPDX-License-Identifier: MIT */
/* The parts of core/panic as they see each other. */
#ifndef PANIC_PRIV_H
#define PANIC_PRIV_H

#include <hx/base.h>

/* The bounds of the table: empty, or on the host NULL, in the first link. */
extern const uint8_t hx_symtab_start[] __attribute__((weak, visibility("hidden")));
extern const uint8_t hx_symtab_end[] __attribute__((weak, visibility("hidden")));

/* Where an address lies. The texts are in the table. */
struct symtab_place {
	const char *name;	/* function */
	uint32_t offset;	/* bytes from its start */
	const char *file;	/* NULL: no line known */
	uint32_t line;
};

/*
 * symtab.c; pure functions over the bytes of a table. symtab_is_valid() must have said yes before
 * the others. Text offsets count from the first function; symtab_anchor() is the offset of
 * hx_symbolize(), so that its running address gives all others, wherever the image was slid to.
 */
bool symtab_is_valid(const uint8_t *table, size_t size);
uint32_t symtab_anchor(const uint8_t *table);
bool symtab_find(const uint8_t *table, uint32_t off, struct symtab_place *out);

#endif
