/* SPDX-License-Identifier: MIT */
/*
 * The two plain text sinks, a buffer and a window, and writing into any sink.
 *
 * A sink's put() sees t->total as the position of its first byte; hx_text_write() moves it on
 * afterwards, so no sink counts for itself.
 */
#include <hx/core/string.h>
#include <hx/core/text.h>

void hx_text_write(struct hx_text *t, const char *bytes, size_t n)
{
	t->put(t, bytes, n);
	t->total += n;
}

void hx_text_puts(struct hx_text *t, const char *s)
{
	hx_text_write(t, s, hx_strlen(s));
}

void hx_text_printf(struct hx_text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	hx_text_vprintf(t, fmt, ap);
	va_end(ap);
}

static void buf_put(struct hx_text *t, const char *bytes, size_t n)
{
	struct hx_text_buf *b = HX_CONTAINER_OF(t, struct hx_text_buf, text);

	if (b->size == 0)
		return;
	n = hx_min_u64(n, b->size - 1 - b->used);
	memcpy(b->buf + b->used, bytes, n);
	b->used += n;
	b->buf[b->used] = '\0';
}

void hx_text_buf_init(struct hx_text_buf *b, char *buf, size_t size)
{
	*b = (struct hx_text_buf){ .text.put = buf_put, .buf = buf, .size = size };
	if (size != 0)
		buf[0] = '\0';
}

static void window_put(struct hx_text *t, const char *bytes, size_t n)
{
	struct hx_text_window *w = HX_CONTAINER_OF(t, struct hx_text_window, text);
	uint64_t skip = w->off > t->total ? w->off - t->total : 0;

	if (skip >= n)
		return;
	n = hx_min_u64(n - skip, w->size - w->used);
	memcpy(w->buf + w->used, bytes + skip, n);
	w->used += n;
}

void hx_text_window_init(struct hx_text_window *w, char *buf, size_t size, uint64_t off)
{
	*w = (struct hx_text_window){
		.text.put = window_put, .buf = buf, .size = size, .off = off,
	};
}
