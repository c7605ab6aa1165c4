// SPDX-License-Identifier: MIT
/*
 * The screen of a PC, mapped at boot: the framebuffer that the loader told of, or else the text
 * mode that a BIOS leaves behind, if it is still there when it is needed.
 *
 * A framebuffer may lie anywhere and is a few MiB long. It is mapped in pages of 2 MiB, in the part
 * of the device area that mmu.c keeps for it, so that it takes neither a table of its own nor an
 * instruction for each of its pages. Its memory type is UC-: uncached, or what the firmware's MTRRs
 * say, which is mostly write-combining.
 * Sources: Intel SDM vol. 3, 12.5.2 (UC-); IBM VGA, its graphics controller and CRT controller.
 */
#include <hx/hal/screen.h>

#include "pt_priv.h"

#define PTE_UC_MINUS	(1ull << 4)		/* PAT entry 2 */

#define VGA_TEXT	0xb8000u
#define VGA_END		0xc0000u
#define VGA_COLUMNS	80u
#define VGA_ROWS	25u
#define WHITE_ON_BLUE	0x1fu

#define VGA_MISC	0x3ccu
#define MISC_COLOUR	0x01u			/* the CRT controller is at 0x3d4 */
#define VGA_NOBODY	0xffu
#define VGA_GRAPHICS	0x3ceu			/* index; data follows */
#define GRAPHICS_MISC	6u
#define GRAPHICS_KIND	0x0du			/* graphics mode, where its memory is seen */
#define TEXT_AT_B8000	0x0cu
#define VGA_CRTC	0x3d4u
#define CRTC_CURSOR	0x0au
#define CURSOR_OFF	0x20u
#define CRTC_START	0x0cu			/* and the low byte */

static struct hx_screen screen;			/* c bytes NULL: there is none */

static volatile uint8_t *map_pixels(const struct hx_boot_info *info, hx_paddr_t pa, uint64_t size)
{
	hx_paddr_t start = hx_align_down(pa, SIZE(1)), end = hx_align_up(pa + size, SIZE(1));
	uintptr_t va;

	if (!hx_screen_is_outside_ram(info, start, end)) {
		start = hx_align_down(pa, SIZE(0));
		end = hx_align_up(pa + size, SIZE(0));
	}
	if (end < start || end > pt.phys_limit || end - start > SCREEN_BYTES - SIZE(1))
		return NULL;
	va = pt_scaled(DEVICE_48) + SCREEN_AT + (start & (SIZE(1) - 1));
	if (pt_map_run(va, start, end - start, RIGHTS_W | PTE_UC_MINUS, 1) != 0)
		return NULL;
	return (volatile uint8_t *)va + (pa - start);
}

void hx_x86_screen_pass(uintptr_t *device_used, size_t bytes)
{
	uintptr_t used = __atomic_load_n(device_used, __ATOMIC_RELAXED);

	while (used < SCREEN_AT + SCREEN_BYTES && used + bytes > SCREEN_AT)
		if (__atomic_compare_exchange_n(device_used, &used, SCREEN_AT + SCREEN_BYTES, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return;
}

static bool is_vga_text(const struct hx_framebuffer *fb, const struct hx_screen *s)
{
	return fb->addr >= VGA_TEXT && fb->addr < VGA_END &&
	       (uint64_t)s->pitch_bytes * s->height <= VGA_END - fb->addr;
}

void hx_x86_screen_map(void)
{
	const struct hx_boot_info *info = &hx_x86_boot;
	hx_paddr_t at = info->fb.addr;
	struct hx_screen s;

	if (hx_screen_read(info, &s) != 0 ||
	    (s.kind == HX_SCREEN_CHARACTERS && !is_vga_text(&info->fb, &s))) {
		s = (struct hx_screen){
			.width = VGA_COLUMNS, .height = VGA_ROWS, .pitch_bytes = 2 * VGA_COLUMNS,
			.ink = WHITE_ON_BLUE, .kind = HX_SCREEN_CHARACTERS, .cell_bytes = 2,
		};
		at = VGA_TEXT;
	}
	if (s.kind == HX_SCREEN_CHARACTERS)
		s.bytes = hx_mmu_map_device(at, (size_t)s.pitch_bytes * s.height);
	else
		s.bytes = map_pixels(info, at, (uint64_t)s.pitch_bytes * s.height);
	screen = s;
}

static uint8_t vga_read(uint16_t port, uint8_t idx)
{
	hx_outb(port, idx);
	return hx_inb(port + 1);
}

static void vga_write(uint16_t port, uint8_t idx, uint8_t value)
{
	hx_outb(port, idx);
	hx_outb(port + 1, value);
}

/* Is there a VGA, does it show text, and from where? Somebody may have changed that since. */
static bool vga_shows_text(void)
{
	uint8_t misc = hx_inb(VGA_MISC);

	return misc != VGA_NOBODY && (misc & MISC_COLOUR) != 0 &&
	       (vga_read(VGA_GRAPHICS, GRAPHICS_MISC) & GRAPHICS_KIND) == TEXT_AT_B8000;
}

const struct hx_screen *hx_hal_screen(void)
{
	if (screen.bytes == NULL)
		return NULL;
	if (screen.kind == HX_SCREEN_CHARACTERS) {
		if (!vga_shows_text())
			return NULL;
		vga_write(VGA_CRTC, CRTC_CURSOR, CURSOR_OFF);
		vga_write(VGA_CRTC, CRTC_START, 0);
		vga_write(VGA_CRTC, CRTC_START + 1, 0);
	}
	return &screen;
}
