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

struct hx_text;
struct hx_trap_frame;

/* other.c (CONFIG_PANIC_MODULES): adds what a place outside the image is called; false: it is none.
 * */
bool put_other_place(struct hx_text *out, uintptr_t pc, unsigned back);
/* Somebody dealt with the exception. */
bool panic_is_caught(struct hx_trap_frame *f);

extern uint32_t panic_cpu;	/* a who reports, + 1; 0: nobody yet */

/* state.c (CONFIG_PANIC_STATE) */
void panic_note_cpu(const struct hx_trap_frame *f);	/* this CPU, before it halts */
void panic_stop_by_nmi(void);				/* those that do not listen */
void panic_put_state(struct hx_text *out);

/* keep.c (CONFIG_PANIC_KEEP): what stands in front of a report that is kept. */
struct keep_head {
	char magic[8];
	uint32_t bytes;		/* of the text, which follows */
	uint32_t text_crc;	/* CRC-32C */
	uint32_t head_crc;	/* of what stands before it */
	uint32_t padding;
};
/* The old one is gone; everything put from now on is kept; end makes it valid. NULL: nothing is. */
void keep_begin(void *ram, size_t bytes);
void keep_put(const char *bytes, size_t n);
void keep_end(void);
/* The report in some RAM, or NULL: none, or damaged. */
const struct keep_head *keep_find(const void *ram, size_t bytes);
void keep_clear(void *ram, size_t bytes);
/* keep_node.c: what follows a panic. */
extern bool panic_reboots;

/* screen.c (CONFIG_PANIC_SCREEN): what was put is shown from its beginning, by the first call. */
struct hx_screen;
struct screen_text {
	const char *bytes;
	size_t used;
	uint32_t n_cut;		/* lines that are missing behind them */
};
void screen_put(const char *put, size_t n);
void screen_show(void);
/* The text from the top; what does not fit is counted in the last row. */
void screen_draw(const struct hx_screen *s, const struct screen_text *t);

/*
 * symtab.c; pure functions over the bytes of a table. symtab_is_valid() must have said yes before
 * the others. Text offsets count from the first function; symtab_anchor() is the offset of
 * hx_symbolize(), so that its running address gives all others, wherever the image was slid to.
 */
bool symtab_is_valid(const uint8_t *table, size_t size);
uint32_t symtab_anchor(const uint8_t *table);
bool symtab_find(const uint8_t *table, uint32_t off, struct symtab_place *out);

#endif
