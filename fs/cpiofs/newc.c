// SPDX-License-Identifier: MIT
/*
 * Reading the "newc" form of a cpio archive.
 *
 *	header 110 bytes: "070701", then 13 numbers of 8 hexadecimal digits
 *	name, NUL, padding to 4 bytes    data, padding to 4 bytes    next header …
 *
 * Every length is checked against what is left before it is used, so no arithmetic here overflows.
 */
#include "newc.h"

#include <hx/core/string.h>
#include <hx/fs/fs_class.h>

#define NEWC_HEADER	110u

enum newc_field { F_MODE = 1, F_MTIME = 5, F_FILESIZE = 6, F_NAMESIZE = 11 };

static bool parse_hex(const char *p, uint32_t *out)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 8; i++) {
		char c = p[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value << 4 | (uint32_t)(c - 'A' + 10);
		else
			return false;
	}
	*out = value;
	return true;
}

static bool field(const char *header, enum newc_field f, uint32_t *out)
{
	return parse_hex(header + 6 + 8 * f, out);
}

/* Components must be plain: none empty, ".", "..", or too long. "." alone is the root. */
static bool name_is_plain(const char *name, size_t len)
{
	size_t start = 0;

	if (len == 1 && name[0] == '.')
		return true;
	for (size_t i = 0; i <= len; i++) {
		size_t n = i - start;

		if (i < len && name[i] != '/')
			continue;
		if (n == 0 || n > HX_FS_NAME_MAX)
			return false;
		if (name[start] == '.' && (n == 1 || (n == 2 && name[start + 1] == '.')))
			return false;
		start = i + 1;
	}
	return true;
}

static int bad(const char **why, const char *what)
{
	*why = what;
	return -HX_EBADMSG;
}

int newc_next(const void *archive, size_t size, size_t *off, struct newc_entry *out,
	      const char **why)
{
	const char *base = archive, *h;
	uint32_t mode, mtime, data_len, name_len;
	size_t data_at, left = size > *off ? size - *off : 0;

	if (left < NEWC_HEADER)
		return bad(why, "header cut off");
	h = base + *off;
	if (memcmp(h, "070701", 6) != 0)
		return bad(why, "no newc magic");
	if (!field(h, F_MODE, &mode) || !field(h, F_MTIME, &mtime) ||
	    !field(h, F_FILESIZE, &data_len) || !field(h, F_NAMESIZE, &name_len))
		return bad(why, "a number is not hexadecimal");
	if (name_len == 0 || name_len > HX_FS_PATH_MAX || name_len > left - NEWC_HEADER)
		return bad(why, "name cut off or too long");
	if (h[NEWC_HEADER + name_len - 1] != '\0' ||
	    hx_memchr(h + NEWC_HEADER, '\0', name_len - 1) != NULL)
		return bad(why, "name not terminated");
	if (name_len == sizeof("TRAILER!!!") &&
	    memcmp(h + NEWC_HEADER, "TRAILER!!!", name_len) == 0)
		return -HX_ENOENT;
	data_at = hx_align_up(*off + NEWC_HEADER + name_len, 4);
	if (data_at > size || data_len > size - data_at)
		return bad(why, "data cut off");
	out->name = h + NEWC_HEADER;
	out->name_len = name_len - 1;
	if (out->name_len > 2 && out->name[0] == '.' && out->name[1] == '/') {
		out->name += 2;
		out->name_len -= 2;
	}
	if (!name_is_plain(out->name, out->name_len))
		return bad(why, "name is empty or climbs out");
	out->data = (const uint8_t *)base + data_at;
	out->size_bytes = data_len;
	out->mode = mode;
	out->mtime_s = mtime;
	*off = hx_min_u64(hx_align_up(data_at + data_len, 4), size);
	return 0;
}
