// SPDX-License-Identifier: MIT
/*
 * The filesystem of "/" as a provider of the slot "rootfs" (CONFIG_FS_ROOT_SLOT): chosen and
 * mounted at boot, before all others.
 */
#include <hx/config/fs.h>
#include <hx/core/init.h>

#include "vfs_priv.h"

static const void *rootfs_now;

/* What others are mounted on, and where everybody writes. */
static int rootfs_check(const void *provider)
{
	const struct hx_fs_ops *ops = provider;

	return ops->mount != NULL && ops->unmount != NULL && ops->lookup != NULL &&
	       ops->create != NULL && ops->unlink != NULL && ops->rename != NULL &&
	       ops->read != NULL && ops->write != NULL && ops->truncate != NULL &&
	       ops->readdir != NULL && ops->release != NULL ? 0 : -HX_EINVAL;
}

const struct hx_kind rootfs_kind = {
	.slot = "rootfs", .abi = HX_FS_ABI, .default_name = CONFIG_ROOTFS_BOOT_NAME,
	.first = (const void *const *)__start_hx_fs_types,
	.last = (const void *const *)__stop_hx_fs_types,
	.check = rootfs_check, .current = &rootfs_now,
	.swap = HX_ENABLED(FS_SWAP) ? &rootfs_swap : NULL,
};
HX_KIND(rootfs_kind);

const struct hx_fs_ops *vfs_type_take(const char *name)
{
	const void *ops = NULL;

	return HX_ENABLED(SLOT_DYNAMIC) && hx_slot_take(&rootfs_kind, name, &ops) == 0 ? ops : NULL;
}

static int rootfs_init(void)
{
	int err = hx_slot_select(&rootfs_kind);

	if (err != 0)
		return err;
	return hx_vfs_mount(((const struct hx_fs_ops *)rootfs_now)->name, NULL, "/", 0, NULL);
}

HX_COMPONENT(rootfs) = {
	.name = "rootfs", .phase = HX_PHASE_LATE, .version = 1,
	.needs = "vfs frames slots",
	.init = rootfs_init,
};
