/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of namefs share: the filesystem (namefs.c) and the console's view (tree.c).
 */
#ifndef HX_FS_NAMEFS_PRIV_H
#define HX_FS_NAMEFS_PRIV_H

/* Make the console show files and nodes as one tree, and put the plain name space back. */
void namefs_tree_attach(void);
void namefs_tree_detach(void);

#endif
