/* SPDX-License-Identifier: MIT */
/*
 * The screen as the loader or the firmware left it: memory that can be written at any moment,
 * without a driver. It is mapped at boot, before hx_main(), so that a panic needs nothing more.
 * CONFIG_SCREEN.
 */
#ifndef HX_HAL_SCREEN_H
#define HX_HAL_SCREEN_H

#include <hx/base.h>

enum hx_screen_kind {
	HX_SCREEN_PIXELS,	/* each cell is a pixel of 1 to 4 bytes, the lowest byte first */
	HX_SCREEN_CHARACTERS,	/* each cell is a character (code page 437) and a byte of colours */
};

struct hx_screen {
	volatile uint8_t *bytes;	/* the upper left cell */
	uint32_t width, height;		/* cells */
	uint32_t pitch_bytes;		/* from a row to the next */
	uint32_t ink, paper;		/* pixels: their values. Characters: ink has both colours */
	uint8_t kind;			/* enum hx_screen_kind */
	uint8_t cell_bytes;
};

/**
 * hx_hal_screen() - the screen, made ready to be written.
 *
 * Returns: where and how; NULL: this machine has none, or shows something else on it by now.
 * Context: any, even NMI.
 * Locks:   none.
 * Owner:   the hal's, for ever. Nothing is to be read from the screen: it may be slow.
 * Cost:    a load; of characters some port accesses.
 * Source:  -
 */
const struct hx_screen *hx_hal_screen(void);

#endif
