/* SPDX-License-Identifier: MIT */
/*
 * What the boot-protocol readers of this room share: the E820 numbers that both Multiboot2 and PVH
 * use, and filing a range or a module with a refusal in words.
 */
#ifndef HX_HAL_COMMON_BOOT_PARSE_H
#define HX_HAL_COMMON_BOOT_PARSE_H

#include <hx/hal/parse.h>

struct hx_why {
	char *text;
	size_t size;
};

int hx_boot_add_range(struct hx_boot_info *out, uint64_t start, uint64_t size, uint32_t type,
		      struct hx_why why);
int hx_boot_add_e820(struct hx_boot_info *out, uint64_t start, uint64_t size, uint32_t e820_type,
		     struct hx_why why);
int hx_boot_add_module(struct hx_boot_info *out, uint64_t start, uint64_t size, const char *name,
		       struct hx_why why);
int hx_boot_set_cmdline(struct hx_boot_info *out, const char *text, size_t max, struct hx_why why);
/* Modules become ranges last: the map they lie in must be whole. */
int hx_boot_finish(struct hx_boot_info *out, struct hx_why why);

static inline int hx_boot_refuse(struct hx_why why, const char *reason)
{
	return hx_refuse(why.text, why.size, reason);
}

#endif
