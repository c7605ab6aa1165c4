// SPDX-License-Identifier: MIT
/*
 * The configuration that the image was built from, word for word; compiled in when
 * CONFIG_PROC_CONFIG says so.
 */
#include <hx/base.h>
#include <hx/config/build.h>
#include <hx/core/names.h>
#include <hx/core/text.h>

static int config_show(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_puts(out, hx_build_config_text);
	return 0;
}

static const struct hx_node config_node = {
	.path = "/proc/config", .help = "the .config of this image",
	.rights = HX_NODE_READ, .max_bytes = 65536, .show = config_show,
};
HX_NODE(config_node);
