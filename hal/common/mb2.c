/* SPDX-License-Identifier: MIT */
/*
 * Multiboot2 boot information: a list of tags, each {u32 type, u32 size, payload}, 8-byte aligned,
 * closed by a tag of type 0. Offsets below are into the whole tag.
 *
 * The map of tag 6 is taken if it is there; else EFI's own (17); else the two numbers of tag 4.
 * Source: Multiboot2 specification 2.0, 3.6.
 */
#include <hx/config/hal_common.h>
#include <hx/hal/mem.h>

#include "boot_parse.h"

enum mb2_tag {
	TAG_END = 0, TAG_CMDLINE = 1, TAG_LOADER = 2, TAG_MODULE = 3, TAG_BASIC_MEM = 4,
	TAG_BOOT_DEVICE = 5, TAG_MMAP = 6, TAG_FRAMEBUFFER = 8, TAG_ELF_SECTIONS = 9,
	TAG_EFI32 = 11, TAG_EFI64 = 12, TAG_ACPI_OLD = 14, TAG_ACPI_NEW = 15, TAG_EFI_MMAP = 17,
};

#define TAG_HEADER	8u
#define TAGS_KNOWN	18u

/* The shortest sensible size of each tag. */
static const uint8_t tag_min[TAGS_KNOWN] = {
	[TAG_CMDLINE] = 9, [TAG_LOADER] = 9, [TAG_MODULE] = 17, [TAG_BASIC_MEM] = 16,
	[TAG_BOOT_DEVICE] = 20, [TAG_MMAP] = 16, [TAG_FRAMEBUFFER] = 31, [TAG_ELF_SECTIONS] = 20,
	[TAG_EFI32] = 12, [TAG_EFI64] = 16, [TAG_ACPI_OLD] = 28, [TAG_ACPI_NEW] = 44,
	[TAG_EFI_MMAP] = 16,
};

struct tags {
	const uint8_t *at[TAGS_KNOWN];	/* the first of each type */
};

static bool is_terminated(const uint8_t *tag, unsigned text)
{
	return tag[hx_le32(tag + 4) - 1] == '\0' && hx_le32(tag + 4) > text;
}

static int add_module(const uint8_t *tag, struct hx_boot_info *out, struct hx_why why)
{
	uint32_t start = hx_le32(tag + 8), end = hx_le32(tag + 12);

	if (end < start || !is_terminated(tag, 16))
		return hx_boot_refuse(why, "a module tag is malformed");
	return hx_boot_add_module(out, start, end - start, (const char *)tag + 16, why);
}

/* Walk all tags: check sizes, note the first of each type, file the modules. */
static int walk_tags(const uint8_t *info, size_t total, struct tags *tags,
		     struct hx_boot_info *out, struct hx_why why)
{
	size_t at = 8;

	while (total - at >= TAG_HEADER) {
		const uint8_t *tag = info + at;
		uint32_t type = hx_le32(tag), size = hx_le32(tag + 4);
		int err;

		if (type == TAG_END)
			return 0;
		if (size < TAG_HEADER || size > total - at)
			return hx_boot_refuse(why, "a tag lies about its size");
		if (type < TAGS_KNOWN && size < tag_min[type])
			return hx_boot_refuse(why, "a tag is too short");
		if (type == TAG_MODULE) {
			err = add_module(tag, out, why);
			if (err != 0)
				return err;
		}
		if (type < TAGS_KNOWN && tags->at[type] == NULL)
			tags->at[type] = tag;
		at += hx_min_u64(hx_align_up(size, 8), total - at);
	}
	return hx_boot_refuse(why, "the tags have no end");
}

static int read_mmap(const uint8_t *tag, struct hx_boot_info *out, struct hx_why why)
{
	uint32_t size = hx_le32(tag + 4), entry_size = hx_le32(tag + 8);
	int err = 0;

	if (entry_size < 24 || (size - 16) % entry_size != 0)
		return hx_boot_refuse(why, "the memory map tag is malformed");
	for (uint32_t at = 16; at < size && err == 0; at += entry_size) {
		const uint8_t *e = tag + at;

		err = hx_boot_add_e820(out, hx_le64(e), hx_le64(e + 8), hx_le32(e + 16), why);
	}
	return err;
}

static int read_efi_mmap(const uint8_t *tag, struct hx_boot_info *out, struct hx_why why)
{
	/* After boot services: loader and boot-services memory is free, so are 7 (conventional). */
	static const uint8_t types[] = {
		HX_MEM_RESERVED, HX_MEM_USABLE, HX_MEM_USABLE, HX_MEM_USABLE, HX_MEM_USABLE,
		HX_MEM_RESERVED, HX_MEM_RESERVED, HX_MEM_USABLE, HX_MEM_BAD, HX_MEM_ACPI,
		HX_MEM_NVS, HX_MEM_MMIO, HX_MEM_MMIO,
	};
	uint32_t size = hx_le32(tag + 4), entry_size = hx_le32(tag + 8);
	int err = 0;

	if (entry_size < 40 || (size - 16) % entry_size != 0)
		return hx_boot_refuse(why, "the EFI memory map tag is malformed");
	for (uint32_t at = 16; at < size && err == 0; at += entry_size) {
		const uint8_t *e = tag + at;
		uint64_t n_pages = hx_le64(e + 24);
		uint32_t type = hx_le32(e);

		if (n_pages >> 52 != 0)
			return hx_boot_refuse(why, "a memory range wraps around");
		type = type < HX_ARRAY_LEN(types) ? types[type] : HX_MEM_RESERVED;
		err = hx_boot_add_range(out, hx_le64(e + 8), n_pages << HX_PAGE_SHIFT, type, why);
	}
	return err;
}

static int read_memory(const struct tags *tags, struct hx_boot_info *out, struct hx_why why)
{
	const uint8_t *basic = tags->at[TAG_BASIC_MEM];
	int err;

	if (tags->at[TAG_MMAP] != NULL)
		return read_mmap(tags->at[TAG_MMAP], out, why);
	if (tags->at[TAG_EFI_MMAP] != NULL)
		return read_efi_mmap(tags->at[TAG_EFI_MMAP], out, why);
	if (basic == NULL)
		return 0;
	err = hx_boot_add_range(out, 0, hx_le32(basic + 8) * HX_KIB, HX_MEM_USABLE, why);
	if (err != 0)
		return err;
	return hx_boot_add_range(out, HX_MIB, hx_le32(basic + 12) * HX_KIB, HX_MEM_USABLE, why);
}

static int read_framebuffer(const uint8_t *tag, struct hx_framebuffer *fb, struct hx_why why)
{
	*fb = (struct hx_framebuffer){
		.addr = hx_le64(tag + 8), .pitch_bytes = hx_le32(tag + 16),
		.width = hx_le32(tag + 20), .height = hx_le32(tag + 24),
		.bpp = tag[28], .type = tag[29],
	};
	if (fb->type == 1) {
		if (hx_le32(tag + 4) < 38)
			return hx_boot_refuse(why, "the framebuffer tag is too short");
		fb->red_shift = tag[32];
		fb->red_bits = tag[33];
		fb->green_shift = tag[34];
		fb->green_bits = tag[35];
		fb->blue_shift = tag[36];
		fb->blue_bits = tag[37];
	}
	if (HX_ENABLED(SCREEN) && fb->type == 0)
		hx_screen_palette(tag, fb);
	if ((uint64_t)fb->width * fb->bpp > (uint64_t)fb->pitch_bytes * 8)
		return hx_boot_refuse(why, "the framebuffer tag contradicts itself");
	return 0;
}

/* The tags that need no more than copying. */
static int read_plain(const struct tags *tags, struct hx_boot_info *out, struct hx_why why)
{
	const uint8_t *tag = tags->at[TAG_LOADER];
	size_t used = 0;

	if (tag != NULL) {
		if (!is_terminated(tag, TAG_HEADER))
			return hx_boot_refuse(why, "the loader's name has no end");
		hx_text_put(out->loader_name, sizeof(out->loader_name), &used,
			    (const char *)tag + TAG_HEADER);
	}
	tag = tags->at[TAG_BOOT_DEVICE];
	out->bios_device = tag != NULL ? hx_le32(tag + 8) : UINT32_MAX;
	tag = tags->at[TAG_ELF_SECTIONS];
	if (tag != NULL && (uint64_t)hx_le32(tag + 8) * hx_le32(tag + 12) > hx_le32(tag + 4) - 20)
		return hx_boot_refuse(why, "the ELF section tag lies about its size");
	if (tags->at[TAG_EFI64] != NULL)
		out->efi_system_table = hx_le64(tags->at[TAG_EFI64] + 8);
	else if (tags->at[TAG_EFI32] != NULL)
		out->efi_system_table = hx_le32(tags->at[TAG_EFI32] + 8);
	if (tags->at[TAG_ACPI_NEW] != NULL)
		memcpy(out->rsdp_copy, tags->at[TAG_ACPI_NEW] + 8, 36);
	else if (tags->at[TAG_ACPI_OLD] != NULL)
		memcpy(out->rsdp_copy, tags->at[TAG_ACPI_OLD] + 8, 20);
	return 0;
}

int hx_mb2_parse(const void *info, size_t max, struct hx_boot_info *out, char *why_text,
		 size_t why_size)
{
	struct hx_why why = { why_text, why_size };
	struct tags tags = { 0 };
	const uint8_t *tag;
	uint32_t total;
	int err;

	if (max < 16)
		return hx_boot_refuse(why, "the Multiboot2 information is truncated");
	total = hx_le32(info);
	if (total < 16 || total > max)
		return hx_boot_refuse(why, "the Multiboot2 information lies about its size");
	err = walk_tags(info, total, &tags, out, why);
	if (err != 0)
		return err;
	tag = tags.at[TAG_CMDLINE];
	if (tag != NULL)
		err = hx_boot_set_cmdline(out, (const char *)tag + 8, hx_le32(tag + 4) - 8, why);
	if (err == 0)
		err = read_plain(&tags, out, why);
	if (err == 0 && tags.at[TAG_FRAMEBUFFER] != NULL)
		err = read_framebuffer(tags.at[TAG_FRAMEBUFFER], &out->fb, why);
	if (err == 0)
		err = read_memory(&tags, out, why);
	out->loader = out->loader_name;
	out->protocol = out->efi_system_table != 0 || tags.at[TAG_EFI_MMAP] != NULL ?
			"multiboot2-uefi" : "multiboot2-bios";
	return err != 0 ? err : hx_boot_finish(out, why);
}
