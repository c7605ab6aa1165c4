// SPDX-License-Identifier: MIT
/*
 * What modules may call of this room: filesystems make their nodes with it.
 */
#include <hx/core/export.h>
#include <hx/fs/fs_class.h>

HX_EXPORT(hx_fnode_create, 1);
HX_EXPORT(hx_fnode_destroy, 1);
