// SPDX-License-Identifier: MIT
/*
 * The report on the machine's own screen.
 *
 * 1 When. The text is noted as it is made, and drawn when it went out over the serial line and to
 *   the RAM that is kept: so a screen that faults costs nothing but itself. Drawing starts once.
 * 2 What. From the top: the report begins with what matters most. Long lines wrap; nothing scrolls.
 *   If it does not fit, the last row tells how much is missing, and where all of it is.
 */
#include <hx/config/core_panic.h>
#include <hx/core/screen.h>
#include <hx/core/string.h>
#include <hx/core/text.h>

#include "panic_priv.h"

#define TEXT_BYTES	8192u	/* what fits on a screen of 160 by 50, were each row full */
#define COLUMNS_MIN	20u
#define ROWS_MIN	4u
#define NOTE_BYTES	96u

/* Of the CPU that reports. */
static char bytes[TEXT_BYTES] HX_UNCLEARED;
static struct screen_text report = { .bytes = bytes };
static bool is_drawn;

void screen_put(const char *put, size_t n)
{
	struct screen_text *t = &report;

	for (size_t i = 0; i < n; i++) {
		if (t->used == 0 && put[i] == '\n')
			continue;	/* the empty line before the reason */
		if (t->used < TEXT_BYTES)
			bytes[t->used++] = put[i];
		else
			t->n_cut += put[i] == '\n';
	}
}

/* A row shows up to `columns` bytes of a line, *len of them. Returns where the next one begins. */
static size_t next_row(const struct screen_text *t, size_t at, uint32_t columns, size_t *len)
{
	size_t start = at;

	while (at < t->used && at - start < columns && t->bytes[at] != '\n')
		at++;
	*len = at - start;
	return at < t->used && t->bytes[at] == '\n' ? at + 1 : at;
}

static void put_row(const struct hx_grid *g, uint32_t row, const char *from, size_t n)
{
	for (uint32_t i = 0; i < n; i++)
		hx_grid_put(g, i, row, from[i] != '\t' ? from[i] : ' ');
}

/* Where the first row begins that does not fit if there are `rows` of them. */
static size_t end_of_rows(const struct screen_text *t, uint32_t columns, uint32_t rows)
{
	size_t at = 0, len;

	for (uint32_t row = 0; row < rows && at < t->used; row++)
		at = next_row(t, at, columns, &len);
	return at;
}

static void put_note(const struct hx_grid *g, const struct screen_text *t, size_t from)
{
	char buf[NOTE_BYTES];
	struct hx_text_buf note;
	uint32_t n = t->n_cut;

	for (size_t i = from; i < t->used; i++)
		n += t->bytes[i] == '\n';
	hx_text_buf_init(&note, buf, sizeof(buf));
	hx_text_printf(&note.text, "-- %u lines more: serial line%s --", n,
		       HX_ENABLED(PANIC_KEEP) ? ", /log/last_panic after a warm restart" : "");
	put_row(g, g->rows - 1, buf, note.used);
}

void screen_draw(const struct hx_screen *s, const struct screen_text *t)
{
	size_t at = 0, end, len;
	struct hx_grid g;

	hx_grid_init(&g, s);
	if (g.columns < COLUMNS_MIN || g.rows < ROWS_MIN)
		return;
	end = end_of_rows(t, g.columns, g.rows);
	if (end < t->used || t->n_cut != 0)
		end = end_of_rows(t, g.columns, g.rows - 1);
	hx_grid_clear(&g);
	for (uint32_t row = 0; at < end; row++) {
		size_t start = at;

		at = next_row(t, at, g.columns, &len);
		put_row(&g, row, t->bytes + start, len);
	}
	if (end < t->used || t->n_cut != 0)
		put_note(&g, t, end);
}

void screen_show(void)
{
	const struct hx_screen *s;

	if (is_drawn)
		return;
	is_drawn = true;
	s = hx_hal_screen();
	if (s != NULL)
		screen_draw(s, &report);
}
