/* SPDX-License-Identifier: MIT */
/*
 * Reading the "newc" form of a cpio archive, one entry after the other, from bytes that nobody
 * vouches for.
 */
#ifndef HX_FS_CPIOFS_NEWC_H
#define HX_FS_CPIOFS_NEWC_H

#include <hx/base.h>

struct newc_entry {
	const char *name;	/* inside the archive, name_len bytes, no leading or doubled '/' */
	size_t name_len;
	const uint8_t *data;	/* inside the archive */
	size_t size_bytes;
	uint32_t mode;		/* as in the archive: type and permission bits of POSIX */
	uint32_t mtime_s;
};

#define NEWC_TYPE_MASK	0170000u
#define NEWC_TYPE_DIR	0040000u
#define NEWC_TYPE_FILE	0100000u
#define NEWC_TYPE_LINK	0120000u

/**
 * newc_next() - the entry at an offset, and where the next one is.
 * @archive: the bytes
 * @size:    how many
 * @off:     in: offset of a header (0 to start); out: of the next one; untouched on error
 * @out:     the entry; untouched on error
 * @why:     receives what is wrong, a constant string, when the result is -HX_EBADMSG
 *
 * Returns: 0; -HX_ENOENT at the trailer; -HX_EBADMSG truncated or malformed.
 * Context: any.
 * Locks:   none.
 * Owner:   *out points into @archive.
 * Cost:    O(length of the name).
 * Source:  cpio(5), "New ASCII Format".
 */
HX_MUST_CHECK int newc_next(const void *archive, size_t size, size_t *off, struct newc_entry *out,
			    const char **why);

#endif
