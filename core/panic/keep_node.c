// SPDX-License-Identifier: MIT
/*
 * The report of the kernel before this one: /log/last_panic; and what follows a panic: helix.panic=
 */
#include <hx/config/core_panic.h>
#include <hx/config/hal_common.h>
#include <hx/core/cmdline.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/core/panic.h>
#include <hx/core/string.h>
#include <hx/core/text.h>
#include <hx/hal/keep.h>

#include "panic_priv.h"

HX_WORD(panic, "helix.panic", "stop|reboot: what follows the report of a panic");

bool panic_reboots;

static const struct keep_head *kept(void)
{
	size_t bytes = 0;
	void *ram = hx_kept_ram(&bytes);

	return keep_find(ram, bytes);
}

bool hx_panic_is_kept(void)
{
	return kept() != NULL;
}

static int last_show(struct hx_text *out, const struct hx_node_args *args)
{
	const struct keep_head *h = kept();

	if (h == NULL)
		hx_text_puts(out, "panic=none\n");
	else
		hx_text_write(out, (const char *)(h + 1), h->bytes);
	return 0;
}

static int last_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	size_t bytes = 0;
	void *ram;

	if (hx_strcmp(line, "clear") != 0) {
		hx_text_puts(ack, "detail=usage usage=clear");
		return -HX_EINVAL;
	}
	ram = hx_kept_ram(&bytes);
	keep_clear(ram, bytes);
	return 0;
}

static const struct hx_node last_node = {
	.path = "/log/last_panic", .help = "the report of the kernel before this one; takes clear",
	.rights = HX_NODE_READ | HX_NODE_APPEND, .max_bytes = CONFIG_KEPT_RAM_KIB * HX_KIB,
	.show = last_show, .take = last_take,
};
HX_NODE(last_node);

static int last_init(void)
{
	char word[8];
	int n = hx_cmdline_get("helix.panic", word, sizeof(word));

	panic_reboots = HX_ENABLED(PANIC_REBOOT);
	if (n >= 0 && hx_strcmp(word, "reboot") == 0)
		panic_reboots = true;
	else if (n >= 0 && hx_strcmp(word, "stop") == 0)
		panic_reboots = false;
	else if (n != -HX_ENOENT)
		hx_warn("panic", "helix.panic= is neither stop nor reboot");
	if (hx_panic_is_kept())
		hx_warn("panic", "the kernel before this one ended in a panic: /log/last_panic");
	return 0;
}

HX_COMPONENT(last_panic) = {
	.name = "last_panic", .phase = HX_PHASE_LATE, .version = 1,
	.needs = "cmdline log",
	.init = last_init,
};
