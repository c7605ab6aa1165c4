/* SPDX-License-Identifier: MIT */
/*
 * Readers of what firmware and loaders leave in memory. Pure functions over bytes: they touch no
 * machine, so they run in host tests and fuzzers as they do at boot. For the hal only.
 *
 * All take `why`: where they put the reason of a refusal, one NUL-terminated phrase, cut to fit.
 * All refuse with -HX_EBADMSG what contradicts itself and never read outside what they were given.
 */
#ifndef HX_HAL_PARSE_H
#define HX_HAL_PARSE_H

#include <hx/base.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/screen.h>

/* Shows n bytes of physical memory until the next call; NULL if there is nothing to be seen. */
typedef const void *(*hx_phys_view_t)(hx_paddr_t pa, size_t n);

/**
 * hx_memmap_add() - lay one range over the memory map.
 * @info:  its mem[] stays sorted, disjoint, page aligned and merged
 * @start: first byte
 * @end:   past the last byte; an empty range changes nothing
 * @type:  enum hx_mem_type; where ranges overlap the worse type wins (memmap.c has the order)
 *
 * Usable ranges shrink to whole pages, all others grow.
 *
 * Returns: 0; -HX_EINVAL end before start or unknown type; -HX_ENFILE more than HX_BOOT_MEM_MAX
 *          pieces (some of the range may then be in).
 * Context: boot, one CPU.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(pieces); allocates nothing.
 * Source:  ACPI 6.4, 15.5 (the caller must expect unordered and overlapping ranges).
 */
HX_MUST_CHECK int hx_memmap_add(struct hx_boot_info *info, hx_paddr_t start, hx_paddr_t end,
				uint32_t type);

/**
 * hx_memmap_claim() - take usable RAM for something: image, module, tables.
 * @info:  the map
 * @start: first byte
 * @end:   past the last byte; the pages it touches are claimed
 * @type:  what it becomes
 *
 * Returns: 0; -HX_ENOENT the map does not list all of it as usable or as @type already; else as
 *          hx_memmap_add().
 * Context: boot, one CPU.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(pieces).
 * Source:  -
 */
HX_MUST_CHECK int hx_memmap_claim(struct hx_boot_info *info, hx_paddr_t start, hx_paddr_t end,
				  uint32_t type);

/**
 * hx_mb2_parse() - read a Multiboot2 information block.
 * @info:     the block, at any alignment
 * @max:      bytes that may be read there
 * @out:      zeroed by the caller; filled as far as parsing came, also on refusal
 * @why:      receives the reason of a refusal
 * @why_size: its size, bytes
 *
 * An RSDP in the block is copied to out->rsdp_copy; out->rsdp stays 0, for the caller to set.
 *
 * Returns: 0; -HX_EBADMSG malformed, truncated, or without a memory map.
 * Context: boot, one CPU.
 * Locks:   none.
 * Owner:   the block is no longer needed afterwards.
 * Cost:    O(bytes + ranges squared).
 * Source:  Multiboot2 specification 2.0, 3.6; UEFI 2.10, 7.2.3 for the map of tag 17.
 */
HX_MUST_CHECK int hx_mb2_parse(const void *info, size_t max, struct hx_boot_info *out, char *why,
			       size_t why_size);

/**
 * hx_pvh_parse() - read what a PVH loader passes (hvm_start_info, version 1).
 * @start_info: its physical address
 * @view:       shows physical memory
 * @out:        zeroed by the caller; filled as far as parsing came, also on refusal
 * @why:        receives the reason of a refusal
 * @why_size:   its size, bytes
 *
 * Returns: 0; -HX_EBADMSG malformed, not visible, or without a memory map.
 * Context: boot, one CPU.
 * Locks:   none.
 * Owner:   the structures are no longer needed afterwards.
 * Cost:    O(bytes + ranges squared).
 * Source:  Xen public/arch-x86/hvm/start_info.h.
 */
HX_MUST_CHECK int hx_pvh_parse(hx_paddr_t start_info, hx_phys_view_t view,
			       struct hx_boot_info *out, char *why, size_t why_size);

/**
 * hx_screen_read() - check what the loader said of the framebuffer (CONFIG_SCREEN).
 * @info: its fb, and the whole memory map
 * @out:  receives the screen, bytes NULL; untouched on error
 *
 * Returns: 0; -HX_ENODEV the loader told of none; -HX_EINVAL it cannot be: no such depth, fields
 *          that overlap, rows longer than their pitch, or it lies in RAM.
 * Context: boot, one CPU.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(pieces of the map).
 * Source:  Multiboot2 specification 2.0, 3.6.12.
 */
HX_MUST_CHECK int hx_screen_read(const struct hx_boot_info *info, struct hx_screen *out);

/**
 * hx_screen_palette() - of the colours that an index can mean, the brightest and the darkest
 *                       (CONFIG_SCREEN).
 * @tag: a framebuffer tag of the indexed type, its size checked against the block
 * @fb:  its ink and paper are set; they stay equal if the palette is missing
 *
 * Returns: nothing.
 * Context: boot, one CPU.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(colours), at most 256.
 * Source:  Multiboot2 specification 2.0, 3.6.12; the number of colours has 16 bits, as GRUB
 *          writes it.
 */
void hx_screen_palette(const uint8_t *tag, struct hx_framebuffer *fb);

/**
 * hx_screen_is_outside_ram() - may this be mapped as a device (CONFIG_SCREEN)?
 * @info:  the memory map
 * @start: first byte
 * @end:   past the last
 *
 * Returns: true if the map has nothing there, or what is reserved or a device's.
 * Context: boot, one CPU.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(pieces of the map).
 * Source:  -
 */
bool hx_screen_is_outside_ram(const struct hx_boot_info *info, hx_paddr_t start, hx_paddr_t end);

#define HX_ACPI_IOAPICS_MAX	4
#define HX_ACPI_ISA_IRQS	16
#define HX_ACPI_CPUS_MAX	64

/* What the hal wants from the ACPI tables. */
struct hx_acpi {
	uint32_t n_cpus;			/* usable processors of the MADT */
	uint32_t n_ioapics;
	hx_paddr_t lapic;			/* 0: no MADT */
	struct {
		hx_paddr_t address;
		uint32_t gsi_base;
	} ioapic[HX_ACPI_IOAPICS_MAX];
	struct {
		uint32_t gsi;
		uint16_t flags;			/* MPS INTI: bits 0-1 polarity, 2-3 trigger mode */
	} isa[HX_ACPI_ISA_IRQS];
	hx_paddr_t hpet;			/* 0: none */
	hx_paddr_t reset_address;		/* 0: no reset register */
	uint8_t reset_space;			/* 0 memory, 1 I/O port */
	uint8_t reset_value;
	/* CPUs that can be started (CONFIG_SMP), as far as their numbers have eight bits. */
	uint8_t n_apic_ids;
	uint8_t apic_id[HX_ACPI_CPUS_MAX];
};

/**
 * hx_acpi_parse() - follow the tables from the RSDP.
 * @rsdp:     physical address of the root pointer, revision 0 or 2
 * @view:     shows physical memory
 * @out:      filled; undefined on error
 * @why:      receives the reason of a refusal
 * @why_size: its size, bytes
 *
 * Returns: 0; -HX_EBADMSG a wrong signature, checksum or length in a table we use.
 * Context: boot or thread.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(bytes of the used tables), about 4 instructions a byte.
 * Source:  ACPI 6.4, 5.2.5 to 5.2.12; IA-PC HPET 1.0a, 3.2.4.
 */
HX_MUST_CHECK int hx_acpi_parse(hx_paddr_t rsdp, hx_phys_view_t view, struct hx_acpi *out,
				char *why, size_t why_size);

/**
 * hx_acpi_rsdp_ok() - is this a root pointer?
 * @p: at least 36 readable bytes
 *
 * Returns: true if signature and checksums are right.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    up to 36 additions.
 * Source:  ACPI 6.4, 5.2.5.3.
 */
bool hx_acpi_rsdp_ok(const void *p);

/**
 * hx_boot_word() - find a kernel word before core/cmdline exists.
 * @cmdline: the words, separated by blanks
 * @key:     with its "=", e.g. "helix.seed="
 *
 * Returns: the first byte of the value (it ends at a blank or NUL), or NULL.
 * Context: any.
 * Locks:   none.
 * Owner:   points into @cmdline.
 * Cost:    O(length).
 * Source:  -
 */
const char *hx_boot_word(const char *cmdline, const char *key);

/**
 * hx_text_put() - append text to a fixed buffer, cutting what does not fit.
 * hx_text_put_hex() - append a number, hexadecimal with 0x.
 * @buf:   NUL-terminated text, or any bytes while @used is 0
 * @size:  its size, bytes, at least 1
 * @used:  bytes in it; advanced
 * @s:     text to append
 * @value: number to append
 *
 * Returns: nothing; the buffer stays NUL-terminated.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(length of @s).
 * Source:  -
 */
void hx_text_put(char *buf, size_t size, size_t *used, const char *s);
void hx_text_put_hex(char *buf, size_t size, size_t *used, uint64_t value);

/* Little-endian fields at any alignment. */
static inline uint16_t hx_le16(const void *p)
{
	uint16_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t hx_le32(const void *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t hx_le64(const void *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

/* Say why and refuse: return hx_refuse(why, why_size, "..."). */
static inline int hx_refuse(char *why, size_t why_size, const char *reason)
{
	size_t used = 0;

	hx_text_put(why, why_size, &used, reason);
	return -HX_EBADMSG;
}

#endif
