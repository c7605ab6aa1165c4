/* SPDX-License-Identifier: MIT */
/*
 * PVH boot information: hvm_start_info points to everything else by physical address.
 * Source: Xen public/arch-x86/hvm/start_info.h, version 1.
 */
#include <hx/hal/mem.h>

#include "boot_parse.h"

#define PVH_MAGIC	0x336ec578u

/* Offsets in hvm_start_info, hvm_modlist_entry and hvm_memmap_table_entry. */
enum { SI_MAGIC = 0, SI_VERSION = 4, SI_N_MODULES = 12, SI_MODULES = 16, SI_CMDLINE = 24,
       SI_RSDP = 32, SI_MEMMAP = 40, SI_N_MEMMAP = 48, SI_BYTES = 56 };
enum { MOD_START = 0, MOD_SIZE = 8, MOD_CMDLINE = 16, MOD_BYTES = 32 };
enum { MAP_START = 0, MAP_SIZE = 8, MAP_TYPE = 16, MAP_BYTES = 24 };

static int read_modules(const uint8_t *list, uint32_t n, hx_phys_view_t view,
			struct hx_boot_info *out, struct hx_why why)
{
	uint8_t copy[HX_BOOT_MODULES_MAX][MOD_BYTES];
	char name[HX_BOOT_NAME_MAX] = "";
	int err = 0;

	memcpy(copy, list, n * MOD_BYTES);	/* the next view hides this one */
	for (uint32_t i = 0; i < n && err == 0; i++) {
		uint64_t text = hx_le64(&copy[i][MOD_CMDLINE]);

		name[0] = '\0';
		if (text != 0) {
			const char *p = view(text, sizeof(name) - 1);

			if (p == NULL)
				return hx_boot_refuse(why, "a module's name cannot be read");
			memcpy(name, p, sizeof(name) - 1);
		}
		err = hx_boot_add_module(out, hx_le64(&copy[i][MOD_START]),
					 hx_le64(&copy[i][MOD_SIZE]), name, why);
	}
	return err;
}

static int read_memmap(const uint8_t *map, uint32_t n, struct hx_boot_info *out, struct hx_why why)
{
	int err = 0;

	for (uint32_t i = 0; i < n && err == 0; i++) {
		const uint8_t *e = map + i * MAP_BYTES;

		err = hx_boot_add_e820(out, hx_le64(e + MAP_START), hx_le64(e + MAP_SIZE),
				       hx_le32(e + MAP_TYPE), why);
	}
	return err;
}

int hx_pvh_parse(hx_paddr_t start_info, hx_phys_view_t view, struct hx_boot_info *out,
		 char *why_text, size_t why_size)
{
	struct hx_why why = { why_text, why_size };
	const uint8_t *seen = view(start_info, SI_BYTES);
	uint8_t si[SI_BYTES];
	uint32_t n_modules, n_map;
	int err = 0;

	if (seen == NULL || hx_le32(seen + SI_MAGIC) != PVH_MAGIC)
		return hx_boot_refuse(why, "no Multiboot2 and no PVH information");
	memcpy(si, seen, sizeof(si));
	n_modules = hx_le32(si + SI_N_MODULES);
	n_map = hx_le32(si + SI_N_MEMMAP);
	if (hx_le32(si + SI_VERSION) < 1 || n_map == 0)
		return hx_boot_refuse(why, "the loader gives no memory map");
	if (n_map > HX_BOOT_MEM_MAX)
		return hx_boot_refuse(why, "the memory map has too many pieces");
	if (n_modules > HX_BOOT_MODULES_MAX)
		return hx_boot_refuse(why, "too many modules");
	out->loader = out->protocol = "pvh";
	out->rsdp = hx_le64(si + SI_RSDP);
	out->bios_device = UINT32_MAX;
	if (hx_le64(si + SI_CMDLINE) != 0) {
		seen = view(hx_le64(si + SI_CMDLINE), HX_BOOT_CMDLINE_MAX + 1);
		if (seen == NULL)
			return hx_boot_refuse(why, "the command line cannot be read");
		err = hx_boot_set_cmdline(out, (const char *)seen, HX_BOOT_CMDLINE_MAX + 1, why);
	}
	if (err != 0)
		return err;
	seen = view(hx_le64(si + SI_MEMMAP), (size_t)n_map * MAP_BYTES);
	if (seen == NULL)
		return hx_boot_refuse(why, "the memory map cannot be read");
	err = read_memmap(seen, n_map, out, why);
	if (err == 0 && n_modules != 0) {
		seen = view(hx_le64(si + SI_MODULES), n_modules * (size_t)MOD_BYTES);
		if (seen == NULL)
			return hx_boot_refuse(why, "the module list cannot be read");
		err = read_modules(seen, n_modules, view, out, why);
	}
	return err != 0 ? err : hx_boot_finish(out, why);
}
