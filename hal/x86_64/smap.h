/* SPDX-License-Identifier: MIT */
/*
 * For assembly: STAC and CLAC, which begin and end access to user memory. They are three-byte NOPs
 * until hx_x86_smap_patch() writes the instruction, on a CPU that has SMAP; in a kernel without
 * address spaces they are nothing.
 * Source: Intel SDM vol. 2.
 */
#include <hx/config/hal_paging.h>

	.macro SMAP_SITE bytes
	.if	CONFIG_MMU_SPACES
	.pushsection hx_smap_sites, "a"
	.balign 4
	.long	7770f - ., \bytes
	.popsection
7770:	.byte	0x0f, 0x1f, 0x00		/* nopl (%rax) */
	.endif
	.endm

	.macro STAC
	SMAP_SITE 0xcb010f
	.endm

	.macro CLAC
	SMAP_SITE 0xca010f
	.endm
