/* SPDX-License-Identifier: MIT */
/*
 * From the loader's structures to hx_main(), in two steps around the change of page tables.
 *
 *	early  at the link address, on boot.S's tables: read the loader, choose the slide, build the
 *	       final tables, relocate. After relocation nothing may go through a stored pointer.
 *	final  at the slid address: traps, CPU protection, the checks that need the whole map.
 *
 * Every refusal is one line on the early console and HX_EXIT_INIT_FAILED.
 */
#include <hx/config/hal_x86_64.h>
#include <hx/hal/earlycon.h>
#include <hx/hal/mem.h>
#include <hx/hal/power.h>

#include "x86_priv.h"

#define MB2_MAGIC	0x36d76289u
#define MB2_MAX_BYTES	(1024u * 1024)
#define SLIDE_STEP	(2 * HX_MIB)
#define LEAST_FREE	(64 * HX_KIB)	/* below this not even the smallest profile starts */

struct hx_boot_info hx_x86_boot;

static void say(const char *s)
{
	hx_earlycon_write(s, hx_x86_strlen(s));
}

HX_NORETURN void hx_x86_refuse(const char *why)
{
	say("helix: cannot boot: ");
	say(why);
	say("\n");
	hx_hal_exit(HX_EXIT_INIT_FAILED);
}

static void read_loader(uint32_t magic, hx_paddr_t info_pa)
{
	struct hx_boot_info *info = &hx_x86_boot;
	const void *head;
	size_t max = 0;
	char why[80];
	int err;

	if (magic == MB2_MAGIC) {
		head = hx_x86_early_map(info_pa, 8);
		if (head != NULL)
			max = hx_min_u64(hx_le32(head), MB2_MAX_BYTES);
		if (head == NULL || hx_x86_early_map(info_pa, max) == NULL)
			hx_x86_refuse("the Multiboot2 information cannot be read");
		err = hx_mb2_parse(head, max, info, why, sizeof(why));
	} else {
		err = hx_pvh_parse(info_pa, hx_x86_early_map, info, why, sizeof(why));
	}
	if (err != 0)
		hx_x86_refuse(why);
}

/* The image and its boot pages in the memory map; the map must list the RAM they are in. */
static void claim_image(void)
{
	struct hx_boot_info *info = &hx_x86_boot;
	hx_paddr_t pages = (uintptr_t)&hx_boot_pages - HX_IMAGE_OFFSET;
	hx_paddr_t pages_end = (uintptr_t)hx_boot_pages_end - HX_IMAGE_OFFSET;

	if (hx_memmap_claim(info, info->kernel_phys, info->kernel_phys + info->kernel_size_bytes,
			    HX_MEM_KERNEL) != 0)
		hx_x86_refuse("too little RAM: the kernel does not fit into the memory map");
	if (hx_memmap_add(info, pages, pages_end, HX_MEM_BOOT) != 0)
		hx_x86_refuse("the memory map has too many pieces");
}

/* splitmix64: spreads what little a seed holds over 64 bits. Source: Steele, Lea, Flood 2014. */
static uint64_t mix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* Fill info->entropy; returns 64 more bits for the slide. helix.seed= makes both repeatable. */
static uint64_t gather_entropy(void)
{
	struct hx_boot_info *info = &hx_x86_boot;
	const char *word = hx_boot_word(info->cmdline, "helix.seed=");
	uint64_t state = 0, extra;

	if (word == NULL && hx_cpu_entropy(info->entropy, sizeof(info->entropy)) == 0 &&
	    hx_cpu_entropy(&extra, sizeof(extra)) == 0) {
		info->entropy_is_hardware = true;
		return extra;
	}
	if (word != NULL) {
		while ((uint8_t)*word > ' ')
			state = state * 31 + (uint8_t)*word++;
	} else {
		state = info->entry_cycles ^ hx_cycles() << 32 ^ info->rsdp;
	}
	for (size_t i = 0; i < sizeof(info->entropy); i += 8) {
		extra = mix(&state);
		memcpy(info->entropy + i, &extra, 8);
	}
	return mix(&state);
}

static uint64_t choose_slide(uint64_t random)
{
	const struct hx_boot_info *info = &hx_x86_boot;
	const char *word = hx_boot_word(info->cmdline, "helix.kaslr=");
	uint64_t room = HX_IMAGE_WINDOW - hx_align_up((uintptr_t)hx_image_end - HX_IMAGE_OFFSET,
						      SLIDE_STEP);

	if (!HX_ENABLED(KASLR) || (word != NULL && memcmp(word, "off", 3) == 0))
		return 0;
	return random % (room / SLIDE_STEP + 1) * SLIDE_STEP;
}

/*
 * RELR: an even word is the address of one word to relocate; an odd one is a bit map of the 63
 * words that follow the last. The addends are in place. Source: gABI proposal "RELR", 2017.
 */
static void relocate(uint64_t slide)
{
	uint64_t *where = NULL;

	for (const uint64_t *r = hx_relr_start; r < hx_relr_end; r++) {
		if ((*r & 1) == 0) {
			where = (uint64_t *)*r;
			*where++ += slide;
			continue;
		}
		for (uint64_t bits = *r >> 1; bits != 0; bits &= bits - 1)
			where[__builtin_ctzll(bits)] += slide;
		where += 63;
	}
}

HX_NORETURN void hx_x86_boot_early(uint32_t magic, uint32_t info_pa, uint64_t entry_cycles)
{
	struct hx_boot_info *info = &hx_x86_boot;
	uint64_t slide;
	hx_paddr_t root;
	int err;

	/* Loaders zero it, but on a machine of 1.5 MiB the firmware then works on top of it. */
	memset(hx_clear_start, 0, (size_t)(hx_bss_end - hx_clear_start));
	hx_x86_earlycon_init();
	info->entry_cycles = entry_cycles;
	info->kernel_virt = (uintptr_t)hx_image_start;
	info->kernel_phys = info->kernel_virt - HX_IMAGE_OFFSET;
	info->kernel_size_bytes = (size_t)(hx_image_end - hx_image_start);
	read_loader(magic, info_pa);
	claim_image();
	slide = choose_slide(gather_entropy());
	if (HX_ENABLED(MMU_SPACES))
		hx_x86_smap_patch();
	err = hx_x86_mmu_build(slide, &root);
	if (err == -HX_EOVERFLOW)
		hx_x86_refuse("the memory map lists RAM that this CPU cannot address");
	if (err != 0)
		hx_x86_refuse("too little RAM for the page tables");
	info->kernel_virt += slide;
	if (slide != 0)
		relocate(slide);
	hx_x86_boot_switch(root, hx_x86_boot_stack_top(), (uintptr_t)hx_x86_boot_final + slide,
			   slide);
}

HX_NORETURN void hx_x86_boot_final(uint64_t slide)
{
	struct hx_boot_info *info = &hx_x86_boot;
	uint64_t free_bytes = 0;
	int err;

	hx_x86_trap_init();
	info->loader += slide;		/* set before the slide */
	info->protocol += slide;
	err = hx_x86_mmu_live();
	if (err != 0)
		hx_x86_refuse(err == -HX_ENFILE ? "the memory map has too many pieces" :
						  "too little RAM for the page tables");
	if (HX_ENABLED(SCREEN))
		hx_x86_screen_map();
	hx_x86_cpu_enable();
	if (HX_ENABLED(LA57) && (hx_cr4() & HX_CR4_LA57) == 0)
		say("helix: this CPU has no 5-level paging: going on with 4 levels\n");
	if (HX_ENABLED(SMP))
		hx_x86_ap_reserve();
	if (HX_ENABLED(KEPT_RAM))
		hx_x86_keep_reserve();
	if (info->rsdp_copy[0] != 0)
		info->rsdp = (uintptr_t)info->rsdp_copy - slide - HX_IMAGE_OFFSET;
	for (uint32_t i = 0; i < info->n_mem; i++)
		if (info->mem[i].type == HX_MEM_USABLE)
			free_bytes += info->mem[i].end - info->mem[i].start;
	if (free_bytes < LEAST_FREE)
		hx_x86_refuse("too little RAM");
	hx_main(info);
}
