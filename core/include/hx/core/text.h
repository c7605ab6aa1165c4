/* SPDX-License-Identifier: MIT */
/*
 * Text sinks: where formatted text goes. Everything that shows something writes into one of these,
 * so the same code fills a buffer, a window of a file read at an offset, or the console.
 * A sink never fails half way: what does not fit is counted and cut at a byte limit.
 */
#ifndef HX_CORE_TEXT_H
#define HX_CORE_TEXT_H

#include <hx/base.h>
#include <stdarg.h>

/* put() sees in total how many bytes came before; it does not change total. It cannot fail. */
struct hx_text {
	void (*put)(struct hx_text *t, const char *bytes, size_t n);
	uint64_t total;		/* bytes written into the sink so far, kept or not */
	void *arg;		/* the sink's own */
};

/* Into buf, always NUL-terminated; what is too long is cut. total tells the full length. */
struct hx_text_buf {
	struct hx_text text;
	char *buf;
	size_t size, used;	/* used: bytes kept, without the NUL */
};

/* Keeps only bytes [off, off + size) of what is written: a read at an offset. No NUL. */
struct hx_text_window {
	struct hx_text text;
	char *buf;
	uint64_t off;
	size_t size, used;
};

/**
 * hx_text_buf_init() - a sink that fills a buffer with a string
 * hx_text_window_init() - a sink that keeps one part of what is written
 * @b:    filled in; write into &b->text
 * @w:    filled in; write into &w->text
 * @buf:  where the bytes go; may be NULL when size is 0
 * @size: of buf, bytes
 * @off:  position of the first byte kept
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none; a sink belongs to one writer.
 * Owner:   the caller keeps the struct and buf alive while it writes.
 * Cost:    a few stores.
 * Source:  -
 */
void hx_text_buf_init(struct hx_text_buf *b, char *buf, size_t size);
void hx_text_window_init(struct hx_text_window *w, char *buf, size_t size, uint64_t off);

/**
 * hx_text_write() - bytes into a sink
 * hx_text_puts() - a string into a sink
 * @t:     the sink
 * @bytes: n of them, any values
 * @n:     bytes; 0 is allowed
 * @s:     NUL-terminated
 *
 * Returns: nothing: a sink never fails; what did not fit shows in its own fields.
 * Context: any that the sink allows; those above allow any.
 * Locks:   the sink's own; those above have none.
 * Owner:   bytes are copied before it returns.
 * Cost:    one indirect call, and what the sink does.
 * Source:  -
 */
void hx_text_write(struct hx_text *t, const char *bytes, size_t n);
void hx_text_puts(struct hx_text *t, const char *s);

/**
 * hx_text_printf() - formatted text into a sink
 * hx_text_vprintf() - the same with the arguments as a list
 * @t:   the sink; gets the text in pieces
 * @fmt: printf format of hx/core/printf.h
 * @ap:  the arguments; the caller's list is not consumed
 *
 * Returns: nothing, as hx_text_write().
 * Context: any that the sink allows.
 * Locks:   the sink's own.
 * Owner:   arguments are read before it returns.
 * Cost:    about 30 instructions a conversion, 10 a digit; one sink call a piece.
 * Source:  ISO C11, 7.21.6.1; printf.h says what is left out.
 */
void hx_text_printf(struct hx_text *t, const char *fmt, ...) HX_PRINTF(2, 3);
void hx_text_vprintf(struct hx_text *t, const char *fmt, va_list ap) HX_PRINTF(2, 0);

#endif
