// SPDX-License-Identifier: MIT
/* The I/O ports that this hal uses itself all the time, with a broker that others ask for theirs.
 * What it touches to end or to reset the machine is nobody's while the machine runs. */
#include <hx/hal/reg.h>

int hx_platform_ports(unsigned idx, uint32_t *first, uint32_t *n, const char **name)
{
	static const struct { uint16_t first, n; char name[8]; } own[] = {
		{ 0x20, 2, "pic" }, { 0xa0, 2, "pic" }, { 0x40, 4, "pit" }, { 0x61, 1, "pit" },
	};

	if (idx >= HX_ARRAY_LEN(own))
		return -HX_ENODEV;
	*first = own[idx].first;
	*n = own[idx].n;
	*name = own[idx].name;
	return 0;
}
