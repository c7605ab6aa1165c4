// SPDX-License-Identifier: MIT
/*
 * From what a loader says of a framebuffer to a screen that can be written: nothing of it is
 * believed before it was checked, since the kernel will write where it says. What does not add up
 * is no reason not to boot: then there is no screen.
 *
 *	pixel:	bpp bits in (bpp + 7) / 8 bytes; RGB fields inside them, or the index of a colour
 *
 * Source: Multiboot2 specification 2.0, 3.6.12.
 */
#include <hx/hal/parse.h>

#define SIDE_MAX	16384u		/* pixels or characters */
#define PITCH_MAX	(SIDE_MAX * 8)
#define FIELD_BITS_MAX	16u
#define PAPER_BLUE	0x60u		/* of 255: dark */
#define WHITE_ON_BLUE	0x1fu

#define PALETTE		34u	/* where it begins in the tag, behind its length of 16 bits */
#define COLOURS		256u

enum fb_type { FB_INDEXED, FB_RGB, FB_TEXT };

bool hx_screen_is_outside_ram(const struct hx_boot_info *info, hx_paddr_t start, hx_paddr_t end)
{
	for (uint32_t i = 0; i < info->n_mem; i++) {
		const struct hx_mem_range *r = &info->mem[i];

		if (r->start < end && start < r->end && r->type != HX_MEM_RESERVED &&
		    r->type != HX_MEM_MMIO)
			return false;
	}
	return true;
}

void hx_screen_palette(const uint8_t *tag, struct hx_framebuffer *fb)
{
	uint32_t size = hx_le32(tag + 4), n, least = UINT32_MAX, most = 0;

	if (size < PALETTE)
		return;
	n = (uint32_t)hx_min_u64(hx_min_u64(hx_le16(tag + PALETTE - 2), (size - PALETTE) / 3),
				 COLOURS);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *c = tag + PALETTE + 3 * i;
		uint32_t light = (uint32_t)c[0] + c[1] + c[2];

		if (light > most)
			fb->ink = (uint8_t)i;
		if (light < least)
			fb->paper = (uint8_t)i;
		most = light > most ? light : most;
		least = light < least ? light : least;
	}
}

/* The bits of one colour in a pixel; 0: there is no such field. */
static uint32_t field(unsigned shift, unsigned bits, unsigned bpp, uint32_t value)
{
	if (bits == 0 || bits > FIELD_BITS_MAX || shift + bits > bpp)
		return 0;
	value = bits >= 8 ? (value << (bits - 8) | value >> (16 - bits)) : value >> (8 - bits);
	return value << shift;
}

/* Each colour has its own bits; white on dark blue. */
static bool read_colours(const struct hx_framebuffer *fb, struct hx_screen *out)
{
	uint32_t red = field(fb->red_shift, fb->red_bits, fb->bpp, 0xff);
	uint32_t green = field(fb->green_shift, fb->green_bits, fb->bpp, 0xff);
	uint32_t blue = field(fb->blue_shift, fb->blue_bits, fb->bpp, 0xff);

	if (red == 0 || green == 0 || blue == 0 || ((red & green) | (green & blue) |
						    (red & blue)) != 0)
		return false;
	out->ink = red | green | blue;
	out->paper = field(fb->blue_shift, fb->blue_bits, fb->bpp, PAPER_BLUE);
	return true;
}

static bool read_cells(const struct hx_framebuffer *fb, struct hx_screen *out)
{
	out->kind = fb->type == FB_TEXT ? HX_SCREEN_CHARACTERS : HX_SCREEN_PIXELS;
	out->cell_bytes = (uint8_t)((fb->bpp + 7) / 8);
	out->ink = fb->type == FB_TEXT ? WHITE_ON_BLUE : fb->ink;
	out->paper = fb->type == FB_TEXT ? 0 : fb->paper;
	switch (fb->type) {
	case FB_INDEXED:
		return fb->bpp == 8 && fb->ink != fb->paper;
	case FB_RGB:
		return (fb->bpp == 15 || fb->bpp == 16 || fb->bpp == 24 || fb->bpp == 32) &&
		       read_colours(fb, out);
	default:
		return fb->type == FB_TEXT && fb->bpp == 16;
	}
}

int hx_screen_read(const struct hx_boot_info *info, struct hx_screen *out)
{
	const struct hx_framebuffer *fb = &info->fb;
	struct hx_screen s = { .width = fb->width, .height = fb->height,
			       .pitch_bytes = fb->pitch_bytes };
	uint64_t size = (uint64_t)fb->pitch_bytes * fb->height;

	if (fb->addr == 0)
		return -HX_ENODEV;
	if (fb->width == 0 || fb->width > SIDE_MAX || fb->height == 0 || fb->height > SIDE_MAX ||
	    fb->pitch_bytes > PITCH_MAX || fb->addr > UINT64_MAX - size || !read_cells(fb, &s) ||
	    (uint64_t)s.width * s.cell_bytes > s.pitch_bytes ||
	    !hx_screen_is_outside_ram(info, fb->addr, fb->addr + size))
		return -HX_EINVAL;
	*out = s;
	return 0;
}
