// SPDX-License-Identifier: MIT
/*
 * Characters drawn into memory are read back by a reader of its own, at each size of a pixel and
 * each scale; nothing is written outside the screen, nor in what a pitch leaves free.
 */
#include "hx_test.h"

#include <hx/core/screen.h>

#define GUARD	64u
#define MARK	0xa5u

static const struct hx_font *const font = &hx_screen_font;
static uint8_t *memory;
static size_t memory_bytes;
static struct hx_screen screen;
static struct hx_grid grid;

static void start(uint32_t width, uint32_t height, uint32_t cell_bytes, uint32_t gap,
		  enum hx_screen_kind kind)
{
	free(memory);
	screen = (struct hx_screen){
		.width = width, .height = height, .pitch_bytes = width * cell_bytes + gap,
		.ink = 0x7f3344ee, .paper = 0x11008822, .kind = (uint8_t)kind,
		.cell_bytes = (uint8_t)cell_bytes,
	};
	if (kind == HX_SCREEN_CHARACTERS)
		screen.ink = 0x1f;
	memory_bytes = (size_t)screen.pitch_bytes * height + 2 * GUARD;
	memory = malloc(memory_bytes);
	assert_non_null(memory);
	memset(memory, MARK, memory_bytes);
	screen.bytes = memory + GUARD;
	hx_grid_init(&grid, &screen);
	hx_grid_clear(&grid);
}

static int end(void **state)
{
	free(memory);
	memory = NULL;
	return 0;
}

static uint32_t cell(uint32_t x, uint32_t y)
{
	const uint8_t *at = memory + GUARD + (size_t)y * screen.pitch_bytes +
			    (size_t)x * screen.cell_bytes;
	uint32_t value = 0;

	for (unsigned i = 0; i < screen.cell_bytes; i++)
		value |= (uint32_t)at[i] << 8 * i;
	return value;
}

static uint32_t cut(uint32_t value)
{
	return screen.cell_bytes == 4 ? value : value & ((1u << 8 * screen.cell_bytes) - 1);
}

static void assert_outside_is_untouched(void)
{
	for (size_t i = 0; i < memory_bytes; i++) {
		size_t in = i - GUARD;

		if (i < GUARD || i >= memory_bytes - GUARD ||
		    in % screen.pitch_bytes >= screen.width * screen.cell_bytes)
			assert_int_equal(memory[i], MARK);
	}
}

/* What the picture at a place shows: the one glyph that it is, pixel by pixel; 0: none. */
static char seen(uint32_t column, uint32_t row)
{
	uint32_t w = font->width * grid.scale, h = font->height * grid.scale;

	for (char c = HX_FONT_FIRST; c <= HX_FONT_LAST; c++) {
		const uint8_t *glyph = font->glyphs + (c - HX_FONT_FIRST) * font->height;
		bool same = true;

		for (uint32_t y = 0; y < h && same; y++)
			for (uint32_t x = 0; x < w && same; x++) {
				bool ink = (glyph[y / grid.scale] << (x / grid.scale) & 0x80) != 0;

				same = cell(column * w + x, row * h + y) ==
				       cut(ink ? screen.ink : screen.paper);
			}
		if (same)
			return c;
	}
	return 0;
}

static void every_character_at_every_depth(void **state)
{
	assert_int_equal(font->width, 8);
	for (uint32_t bytes = 1; bytes <= 4; bytes++) {
		start(8 * 95 + 7, 16 * 2 + 15, bytes, 13, HX_SCREEN_PIXELS);
		assert_int_equal(grid.columns, 95);
		assert_int_equal(grid.rows, 47 / font->height);
		for (char c = HX_FONT_FIRST; c <= HX_FONT_LAST; c++)
			hx_grid_put(&grid, (uint32_t)(c - HX_FONT_FIRST), 1, c);
		for (char c = HX_FONT_FIRST; c <= HX_FONT_LAST; c++) {
			assert_int_equal(seen((uint32_t)(c - HX_FONT_FIRST), 1), c);
			assert_int_equal(seen((uint32_t)(c - HX_FONT_FIRST), 0), ' ');
		}
		/* What is left at the edges is paper. */
		for (uint32_t y = 0; y < screen.height; y++)
			assert_int_equal(cell(screen.width - 1, y), cut(screen.paper));
		assert_outside_is_untouched();
	}
}

static void large_screens_have_large_glyphs(void **state)
{
	start(2560, 1440, 4, 0, HX_SCREEN_PIXELS);
	assert_int_equal(grid.scale, 2);
	assert_int_equal(grid.columns, 160);
	hx_grid_put(&grid, 159, grid.rows - 1, 'Q');
	assert_int_equal(seen(159, grid.rows - 1), 'Q');
	assert_int_equal(seen(158, grid.rows - 1), ' ');
	assert_outside_is_untouched();
	start(3840, 1439, 1, 0, HX_SCREEN_PIXELS);
	assert_int_equal(grid.scale, 1);
}

static void machine_text_mode(void **state)
{
	start(80, 25, 2, 0, HX_SCREEN_CHARACTERS);
	assert_int_equal(grid.columns, 80);
	assert_int_equal(grid.rows, 25);
	hx_grid_put(&grid, 79, 24, 'x');
	assert_int_equal(cell(79, 24), 0x1f00 | 'x');
	assert_int_equal(cell(0, 0), 0x1f00 | ' ');
	assert_outside_is_untouched();
}

static void what_is_outside_is_not_written(void **state)
{
	for (uint32_t kind = HX_SCREEN_PIXELS; kind <= HX_SCREEN_CHARACTERS; kind++) {
		start(41, 37, 2, 6, kind);
		for (uint32_t i = 0; i < 40; i++) {
			hx_grid_put(&grid, grid.columns + i, 0, 'x');
			hx_grid_put(&grid, 0, grid.rows + i, 'x');
			hx_grid_put(&grid, UINT32_MAX - i, UINT32_MAX - i, 'x');
		}
		assert_outside_is_untouched();
		for (uint32_t y = 0; y < screen.height; y++)
			for (uint32_t x = 0; x < screen.width; x++)
				assert_int_not_equal(cell(x, y), cut(screen.ink));
	}
	/* No room for a single character. */
	start(7, 15, 4, 0, HX_SCREEN_PIXELS);
	assert_int_equal(grid.columns, 0);
	hx_grid_put(&grid, 0, 0, 'x');
	assert_outside_is_untouched();
}

static void what_has_no_glyph_is_a_question_mark(void **state)
{
	static const char odd[] = { '\0', '\n', '\x1b', '\x1f', '\x7f', (char)0x80, (char)0xff };

	start(640, 64, 3, 0, HX_SCREEN_PIXELS);
	for (uint32_t i = 0; i < sizeof(odd); i++) {
		hx_grid_put(&grid, i, 0, odd[i]);
		assert_int_equal(seen(i, 0), '?');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_character_at_every_depth, end),
		cmocka_unit_test_teardown(large_screens_have_large_glyphs, end),
		cmocka_unit_test_teardown(machine_text_mode, end),
		cmocka_unit_test_teardown(what_is_outside_is_not_written, end),
		cmocka_unit_test_teardown(what_has_no_glyph_is_a_question_mark, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
