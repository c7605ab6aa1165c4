/* SPDX-License-Identifier: MIT */
/*
 * Characters on a screen as the hal gives it (CONFIG_SCREEN_TEXT): a grid of columns and rows, in
 * one colour on another. Pixels are written and never read; nothing is kept but the grid.
 */
#ifndef HX_CORE_SCREEN_H
#define HX_CORE_SCREEN_H

#include <hx/base.h>
#include <hx/hal/screen.h>

#define HX_FONT_FIRST	' '	/* printable ASCII, one glyph behind the other */
#define HX_FONT_LAST	'~'

/* Made by scripts/psf.py. A glyph is height rows of (width + 7) / 8 bytes, the left pixel the
 * highest bit. */
struct hx_font {
	uint32_t width, height;
	const uint8_t *glyphs;
};
extern const struct hx_font hx_screen_font;

struct hx_grid {
	const struct hx_screen *screen;
	uint32_t columns, rows;
	uint32_t scale;		/* a pixel of a glyph is that many high and wide on the screen */
};

/**
 * hx_grid_init() - lay a grid over a screen.
 * @g: filled
 * @s: any screen, of any size
 *
 * Returns: nothing. Columns or rows may be 0 where not even one character fits.
 * Context: any.
 * Locks:   none.
 * Owner:   @s stays the hal's.
 * Cost:    a few divisions.
 * Source:  -
 */
void hx_grid_init(struct hx_grid *g, const struct hx_screen *s);

/**
 * hx_grid_clear() - the colour of the paper everywhere.
 * hx_grid_put() - one character.
 * @g:      the grid
 * @column: from the left, 0; outside the grid nothing happens
 * @row:    from the top, 0; the same
 * @c:      what is not printable ASCII shows as '?'
 *
 * Returns: nothing.
 * Context: any, even NMI.
 * Locks:   none: who writes to one screen at the same time mixes its characters.
 * Owner:   -
 * Cost:    a store for each pixel.
 * Source:  -
 */
void hx_grid_clear(const struct hx_grid *g);
void hx_grid_put(const struct hx_grid *g, uint32_t column, uint32_t row, char c);

#endif
