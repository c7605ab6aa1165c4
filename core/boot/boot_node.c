// SPDX-License-Identifier: MIT
/* /proc/boot: what each step on the way to the prompt cost. */
#include <hx/core/init.h>
#include <hx/core/names.h>
#include <hx/core/text.h>
#include <hx/hal/timer.h>

#include "boot_priv.h"

static void show_total(struct hx_text *out, const char *what, uint64_t cycles)
{
	hx_text_printf(out, "%s_cycles=%llu\n", what, (unsigned long long)cycles);
}

static int boot_show(struct hx_text *out, const struct hx_node_args *args)
{
	const struct boot_mark *marks;
	uint32_t n_marks = boot_marks(&marks);
	uint32_t kept = n_marks < BOOT_MARKS_MAX ? n_marks : BOOT_MARKS_MAX;
	struct hx_boot_times times;
	uint64_t before;

	hx_boot_times(&times);
	before = times.entry;
	for (uint32_t i = 0; i < kept; i++) {
		hx_text_printf(out, "step=%s cycles=%llu\n", marks[i].what,
			       (unsigned long long)(marks[i].cycles - before));
		before = marks[i].cycles;
	}
	show_total(out, "waited", times.waited);
	if (times.prompt != 0)
		show_total(out, "to_prompt", times.prompt - times.entry - times.waited);
	hx_text_printf(out, "dropped=%u\n", n_marks - kept);
	show_total(out, "second", hx_cycles_hz());
	return 0;
}

static const struct hx_node boot_node = {
	.path = "/proc/boot",
	.help = "cycles of each boot step; to_prompt is without the time waited for a clock",
	.rights = HX_NODE_READ, .max_bytes = BOOT_MARKS_MAX * 64 + 160, .show = boot_show,
};
HX_NODE(boot_node);
