/* SPDX-License-Identifier: MIT */
/*
 * Filing what a loader says into struct hx_boot_info, refusing what cannot be.
 */
#include <hx/hal/mem.h>

#include "boot_parse.h"

int hx_boot_add_range(struct hx_boot_info *out, uint64_t start, uint64_t size, uint32_t type,
		      struct hx_why why)
{
	if (start + size < start)
		return hx_boot_refuse(why, "a memory range wraps around");
	if (hx_memmap_add(out, start, start + size, type) != 0)
		return hx_boot_refuse(why, "the memory map has too many pieces");
	return 0;
}

int hx_boot_add_e820(struct hx_boot_info *out, uint64_t start, uint64_t size, uint32_t e820_type,
		     struct hx_why why)
{
	static const uint8_t types[] = {
		[1] = HX_MEM_USABLE, [2] = HX_MEM_RESERVED, [3] = HX_MEM_ACPI, [4] = HX_MEM_NVS,
		[5] = HX_MEM_BAD,
	};
	uint32_t type = HX_MEM_RESERVED;

	if (e820_type >= 1 && e820_type < HX_ARRAY_LEN(types))
		type = types[e820_type];
	return hx_boot_add_range(out, start, size, type, why);
}

int hx_boot_add_module(struct hx_boot_info *out, uint64_t start, uint64_t size, const char *name,
		       struct hx_why why)
{
	struct hx_boot_module *m = &out->modules[out->n_modules];
	size_t n = 0;

	if (start + size < start)
		return hx_boot_refuse(why, "a module wraps around");
	if (out->n_modules == HX_BOOT_MODULES_MAX)
		return hx_boot_refuse(why, "too many modules");
	m->start = start;
	m->size_bytes = size;
	for (; n < HX_BOOT_NAME_MAX - 1 && name[n] != '\0' && name[n] != ' '; n++)
		m->name[n] = name[n];
	m->name[n] = '\0';
	out->n_modules++;
	return 0;
}

int hx_boot_set_cmdline(struct hx_boot_info *out, const char *text, size_t max, struct hx_why why)
{
	size_t n = 0;

	while (n < max && text[n] != '\0')
		n++;
	if (n == max)
		return hx_boot_refuse(why, "the command line has no end");
	if (n >= HX_BOOT_CMDLINE_MAX)
		return hx_boot_refuse(why, "the command line is too long");
	memcpy(out->cmdline, text, n + 1);
	return 0;
}

int hx_boot_finish(struct hx_boot_info *out, struct hx_why why)
{
	if (out->n_mem == 0)
		return hx_boot_refuse(why, "the loader gives no memory map");
	for (uint32_t i = 0; i < out->n_modules; i++) {
		const struct hx_boot_module *m = &out->modules[i];

		if (hx_memmap_claim(out, m->start, m->start + m->size_bytes, HX_MEM_MODULE) != 0)
			return hx_boot_refuse(why, "a module does not lie in usable RAM");
	}
	return 0;
}
