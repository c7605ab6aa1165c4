/* SPDX-License-Identifier: MIT */
/*
 * RAM that a warm restart leaves alone: 32 MiB up, or half of what there is in whole 8 MiB.
 *
 * Who else writes to RAM between two kernels, and where:
 *	SeaBIOS		below 1 MiB, and the last 256 KiB or so below 4 GiB
 *	GRUB on BIOS	takes from the upper end of RAM below 4 GiB
 *	OVMF		8 MiB to about 24 MiB while it starts, then from the upper end down
 *	GRUB on UEFI	a quarter of RAM, from the upper end of its largest piece
 *	the loader	the kernel from 2 MiB on, its archive behind it or at the upper end
 * so the middle is nobody's. Whatever is in it is believed only with the right checksum.
 */
#include <hx/hal/keep.h>
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>
#include <hx/hal/parse.h>

#include "x86_priv.h"

#define KEEP_AT		(32 * HX_MIB)
#define KEEP_STEP	(8 * HX_MIB)
#define KEEP_BYTES	(CONFIG_KEPT_RAM_KIB * HX_KIB)

static hx_paddr_t kept;			/* c 0: there is none */

/* Of RAM below 4 GiB, whoever has it now: the same at each boot. */
static hx_paddr_t end_of_ram(const struct hx_boot_info *info)
{
	hx_paddr_t end = 0;

	for (uint32_t i = 0; i < info->n_mem; i++)
		if (info->mem[i].type == HX_MEM_USABLE && info->mem[i].start < 4 * HX_GIB)
			end = hx_min_u64(info->mem[i].end, 4 * HX_GIB);
	return end;
}

static bool is_free(const struct hx_boot_info *info, hx_paddr_t start, hx_paddr_t end)
{
	for (uint32_t i = 0; i < info->n_mem; i++)
		if (info->mem[i].type == HX_MEM_USABLE && info->mem[i].start <= start &&
		    end <= info->mem[i].end)
			return true;
	return false;
}

void hx_x86_keep_reserve(void)
{
	struct hx_boot_info *info = &hx_x86_boot;
	hx_paddr_t at = hx_min_u64(hx_align_down(end_of_ram(info) / 2, KEEP_STEP), KEEP_AT);

	if (at != 0 && is_free(info, at, at + KEEP_BYTES) &&
	    hx_memmap_add(info, at, at + KEEP_BYTES, HX_MEM_BOOT) == 0)
		kept = at;
}

void *hx_kept_ram(size_t *bytes)
{
	if (kept == 0)
		return NULL;
	*bytes = KEEP_BYTES;
	return hx_phys_to_virt(kept);
}

void hx_kept_ram_flush(void)
{
	__asm__ volatile("wbinvd" : : : "memory");
}
