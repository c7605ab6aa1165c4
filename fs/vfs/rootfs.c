// SPDX-License-Identifier: MIT
/*
 * The filesystem of "/": mounted at boot, before all others.
 */
#include <hx/config/fs.h>
#include <hx/core/init.h>

#include "vfs_priv.h"

static int rootfs_init(void)
{
	return hx_vfs_mount(CONFIG_ROOTFS_BOOT_NAME, NULL, "/", 0, NULL);
}

HX_COMPONENT(rootfs) = {
	.name = "rootfs", .phase = HX_PHASE_LATE, .version = 1,
	.needs = "vfs frames",
	.init = rootfs_init,
};
