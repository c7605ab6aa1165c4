/* SPDX-License-Identifier: MIT */
/*
 * The string functions that kernel code needs; semantics as in ISO C and POSIX unless said.
 * memcpy() and friends are in <hx/hal/mem.h>, included here.
 */
#ifndef HX_CORE_STRING_H
#define HX_CORE_STRING_H

#include <hx/base.h>
#include <hx/hal/mem.h>

/**
 * hx_strlen() - bytes before the NUL
 * hx_strnlen() - the same, but looking at max bytes at most
 * @s:   the string
 * @max: bytes
 *
 * Returns: the length; hx_strnlen() gives max if there is no NUL before.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(length).
 * Source:  ISO C11, 7.24.6.3; POSIX strnlen().
 */
size_t hx_strlen(const char *s);
size_t hx_strnlen(const char *s, size_t max);

/**
 * hx_strcmp() - compare two strings byte by byte
 * hx_strncmp() - compare at most n bytes
 * hx_strcasecmp() - compare, taking A-Z for a-z (ASCII only)
 * @a: one string
 * @b: the other
 * @n: bytes to look at; 0 compares equal
 *
 * Returns: 0 equal; negative a comes first; positive b does. Bytes count as unsigned.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(length of the common part).
 * Source:  ISO C11, 7.24.4; POSIX strcasecmp() in the C locale.
 */
int hx_strcmp(const char *a, const char *b);
int hx_strncmp(const char *a, const char *b, size_t n);
int hx_strcasecmp(const char *a, const char *b);

/**
 * hx_strchr() - first occurrence of a byte in a string
 * hx_strrchr() - last occurrence of a byte in a string
 * hx_memchr() - first occurrence of a byte in n bytes
 * @s: where to look
 * @c: the byte; in a string, 0 finds the NUL
 * @n: bytes
 *
 * Returns: where it is, or NULL.
 * Context: any.
 * Locks:   none.
 * Owner:   the result points into s.
 * Cost:    O(length).
 * Source:  ISO C11, 7.24.5.
 */
char *hx_strchr(const char *s, int c);
char *hx_strrchr(const char *s, int c);
void *hx_memchr(const void *s, int c, size_t n);

/**
 * hx_strlcpy() - copy a string, cut to fit, always NUL-terminated
 * @dst:  receives at most size - 1 bytes and a NUL; untouched if size is 0
 * @src:  the string; must not overlap dst
 * @size: of dst, bytes
 *
 * Returns: the length of src, so >= size means cut.
 * Context: any.
 * Locks:   none.
 * Owner:   the caller has both.
 * Cost:    O(length of src).
 * Source:  OpenBSD strlcpy(3).
 */
size_t hx_strlcpy(char *dst, const char *src, size_t size);

/**
 * hx_glob() - whether a whole text fits a pattern
 * @pattern: '*' stands for any run of bytes, '?' for one byte, all others for themselves
 * @text:    the text
 *
 * Returns: true if it fits.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    at most length of pattern times length of text; no recursion.
 * Source:  POSIX fnmatch() without flags, brackets and backslashes.
 */
bool hx_glob(const char *pattern, const char *text);

/**
 * hx_cut_words() - a line as its words
 * @line:  words between blanks; a NUL takes the place of each blank
 * @words: receives where they begin
 * @n:     how many there is room for
 *
 * Returns: how many there are; n + 1 if there are more.
 * Context: any.
 * Locks:   none.
 * Owner:   the words lie in the caller's line.
 * Cost:    O(length).
 * Source:  -
 */
unsigned hx_cut_words(char *line, char *words[], unsigned n);

/**
 * hx_parse_u64() - a whole string as a number
 * @s:   decimal, or hexadecimal after 0x; then perhaps k, m or g: times 2^10, 2^20, 2^30.
 *       No sign, no blanks
 * @max: largest value allowed
 * @out: receives the value; untouched on error
 *
 * Returns: 0; -HX_EINVAL not a number; -HX_ERANGE above max.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(length).
 * Source:  -
 */
HX_MUST_CHECK int hx_parse_u64(const char *s, uint64_t max, uint64_t *out);

/**
 * hx_utf8_is_text() - whether bytes are well-formed UTF-8 without control characters
 * @s: the bytes; need not be terminated
 * @n: how many
 *
 * Returns: true if so; also for none. False: overlong forms, surrogates, values above U+10FFFF, cut
 *          sequences, U+0000..U+001F and U+007F..U+009F.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(n).
 * Source:  RFC 3629; Unicode 15, table 3-7.
 */
bool hx_utf8_is_text(const char *s, size_t n);

#endif
