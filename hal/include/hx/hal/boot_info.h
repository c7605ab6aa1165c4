/* SPDX-License-Identifier: MIT */
/*
 * The one neutral handover: every boot path fills one struct hx_boot_info and calls hx_main().
 * No code after that asks which loader it was.
 */
#ifndef HX_HAL_BOOT_INFO_H
#define HX_HAL_BOOT_INFO_H

#include <hx/base.h>

#define HX_BOOT_MEM_MAX		192	/* ranges; OVMF reports about 130 */
#define HX_BOOT_CMDLINE_MAX	1024	/* bytes with the final NUL */
#define HX_BOOT_MODULES_MAX	8
#define HX_BOOT_NAME_MAX	64
#define HX_BOOT_ENTROPY_BYTES	32

enum hx_mem_type {
	HX_MEM_USABLE,		/* free RAM */
	HX_MEM_RESERVED,	/* not RAM, or not ours */
	HX_MEM_ACPI,		/* ACPI tables; RAM, may be reclaimed after they are read */
	HX_MEM_NVS,		/* firmware's, must be kept */
	HX_MEM_BAD,		/* defective RAM */
	HX_MEM_KERNEL,		/* the kernel image */
	HX_MEM_MODULE,		/* a boot module, e.g. the boot archive */
	HX_MEM_BOOT,		/* page tables and early allocations of the hal */
	HX_MEM_MMIO,		/* device registers */
};

struct hx_mem_range {
	hx_paddr_t start, end;	/* half open, bytes; USABLE ranges are page aligned */
	uint32_t type;		/* enum hx_mem_type */
	uint32_t reserved;
};

struct hx_boot_module {
	hx_paddr_t start;
	uint64_t size_bytes;
	char name[HX_BOOT_NAME_MAX];	/* first word of the loader's string, cut if longer */
};

struct hx_framebuffer {
	hx_paddr_t addr;	/* 0: none */
	uint32_t width, height;	/* pixels; characters when type is text */
	uint32_t pitch_bytes;
	uint8_t bpp, type;	/* type as in Multiboot2 tag 8: 0 indexed, 1 RGB, 2 EGA text */
	uint8_t red_shift, red_bits, green_shift, green_bits, blue_shift, blue_bits;
	uint8_t ink, paper;	/* indexed: its brightest and its darkest colour (CONFIG_SCREEN) */
};

struct hx_boot_info {
	const char *loader;		/* "GRUB 2.06-13", "PVH", "host" */
	const char *protocol;		/* "multiboot2-bios", "multiboot2-uefi", "pvh", "host" */
	char cmdline[HX_BOOT_CMDLINE_MAX];
	struct hx_mem_range mem[HX_BOOT_MEM_MAX];	/* sorted, no overlaps */
	uint32_t n_mem;
	uint32_t n_modules;
	struct hx_boot_module modules[HX_BOOT_MODULES_MAX];
	struct hx_framebuffer fb;
	hx_paddr_t rsdp;		/* 0: none */
	hx_paddr_t dtb;			/* 0: none */
	hx_paddr_t efi_system_table;	/* 0: not an EFI machine */
	hx_paddr_t kernel_phys;		/* first byte of the image */
	uint64_t kernel_size_bytes;
	uintptr_t kernel_virt;		/* where it runs; minus the link address = the slide */
	uint64_t entry_cycles;		/* hx_cycles() at the first instruction */
	uint32_t bios_device;		/* drive the BIOS booted from; UINT32_MAX: unknown */
	char loader_name[HX_BOOT_NAME_MAX];	/* what loader may point to */
	uint8_t rsdp_copy[36];		/* the RSDP that a loader passed by value */
	uint8_t entropy[HX_BOOT_ENTROPY_BYTES];
	bool entropy_is_hardware;	/* false: mixed from counters, good for tests only */
};

/**
 * hx_main() - where every boot path ends up; defined in core/init.
 * @info: what the loader gave; the hal keeps it alive and unchanged for ever
 *
 * Returns: never.
 * Context: boot CPU, interrupts off, paging as in the memory map, early console working.
 * Locks:   none.
 * Owner:   the hal owns @info; everybody may read it.
 * Cost:    the life of the kernel.
 * Source:  architecture: "One neutral handover".
 */
HX_NORETURN void hx_main(const struct hx_boot_info *info);

#endif
