// SPDX-License-Identifier: MIT
/*
 * What this image is: the build's own words, put into <hx/config/build.h> by the build.
 */
#include <hx/base.h>
#include <hx/config/build.h>
#include <hx/core/names.h>
#include <hx/core/text.h>

static int version_show(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_puts(out, "name=helix build=" HX_BUILD_ID " arch=" HX_BUILD_ARCH
		     " profile=" HX_BUILD_PROFILE " config=" HX_BUILD_CONFIG_HASH
		     "\ncompiler=" HX_BUILD_COMPILER "\n");
	return 0;
}

static const struct hx_node version_node = {
	.path = "/proc/version",
	.help = "build id, machine, profile, hash of the configuration, compiler",
	.rights = HX_NODE_READ, .max_bytes = 384, .show = version_show,
};
HX_NODE(version_node);
