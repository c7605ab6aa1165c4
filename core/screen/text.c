// SPDX-License-Identifier: MIT
/*
 * Glyphs to pixels of any size, or characters to the machine's own text mode.
 *
 *	cell (x, y) of a row of pixels:	bytes + y * pitch_bytes + x * cell_bytes
 *
 * The glyphs are small on a large screen: from SCALE_WIDTH x SCALE_HEIGHT pixels times n on, each
 * pixel of theirs is n wide and n high.
 */
#include <hx/core/screen.h>

#define SCALE_WIDTH	1280u
#define SCALE_HEIGHT	720u

/* A pitch may be odd. */
struct cell4 {
	uint32_t value;
} HX_PACKED;
struct cell2 {
	uint16_t value;
} HX_PACKED;

static void put_cell(const struct hx_screen *s, uint32_t x, uint32_t y, uint32_t value)
{
	volatile uint8_t *at = s->bytes + (size_t)y * s->pitch_bytes + (size_t)x * s->cell_bytes;

	switch (s->cell_bytes) {
	case 4:
		((volatile struct cell4 *)at)->value = value;
		break;
	case 2:
		((volatile struct cell2 *)at)->value = (uint16_t)value;
		break;
	default:
		for (unsigned i = 0; i < s->cell_bytes; i++)
			at[i] = (uint8_t)(value >> 8 * i);
	}
}

static uint32_t character(const struct hx_screen *s, char c)
{
	return (uint8_t)c | s->ink << 8;
}

void hx_grid_init(struct hx_grid *g, const struct hx_screen *s)
{
	const struct hx_font *f = &hx_screen_font;
	uint32_t scale;

	*g = (struct hx_grid){ .screen = s, .columns = s->width, .rows = s->height, .scale = 1 };
	if (s->kind == HX_SCREEN_CHARACTERS)
		return;
	scale = (uint32_t)hx_min_u64(s->width / SCALE_WIDTH, s->height / SCALE_HEIGHT);
	g->scale = scale != 0 ? scale : 1;
	g->columns = s->width / (f->width * g->scale);
	g->rows = s->height / (f->height * g->scale);
}

void hx_grid_clear(const struct hx_grid *g)
{
	const struct hx_screen *s = g->screen;
	uint32_t value = s->kind == HX_SCREEN_CHARACTERS ? character(s, ' ') : s->paper;

	for (uint32_t y = 0; y < s->height; y++)
		for (uint32_t x = 0; x < s->width; x++)
			put_cell(s, x, y, value);
}

static bool is_inked(const uint8_t *glyph, uint32_t x, uint32_t y)
{
	const struct hx_font *f = &hx_screen_font;

	return (glyph[y * ((f->width + 7) / 8) + x / 8] >> (7 - x % 8) & 1) != 0;
}

void hx_grid_put(const struct hx_grid *g, uint32_t column, uint32_t row, char c)
{
	const struct hx_screen *s = g->screen;
	const struct hx_font *f = &hx_screen_font;
	uint32_t width = f->width * g->scale, height = f->height * g->scale;
	const uint8_t *glyph;

	if (column >= g->columns || row >= g->rows)
		return;
	if (c < HX_FONT_FIRST || c > HX_FONT_LAST)
		c = '?';
	if (s->kind == HX_SCREEN_CHARACTERS) {
		put_cell(s, column, row, character(s, c));
		return;
	}
	glyph = f->glyphs + (size_t)(c - HX_FONT_FIRST) * f->height * ((f->width + 7) / 8);
	for (uint32_t y = 0; y < height; y++)
		for (uint32_t x = 0; x < width; x++)
			put_cell(s, column * width + x, row * height + y,
				 is_inked(glyph, x / g->scale, y / g->scale) ? s->ink : s->paper);
}
