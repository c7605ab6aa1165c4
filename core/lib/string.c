/* SPDX-License-Identifier: MIT */
/*
 * String functions, written for size: the strings of a kernel are short.
 */
#include <hx/core/string.h>

size_t hx_strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n] != '\0')
		n++;
	return n;
}

size_t hx_strlen(const char *s)
{
	return hx_strnlen(s, SIZE_MAX);
}

int hx_strncmp(const char *a, const char *b, size_t n)
{
	for (; n != 0; a++, b++, n--)
		if (*a != *b || *a == '\0')
			return (unsigned char)*a - (unsigned char)*b;
	return 0;
}

int hx_strcmp(const char *a, const char *b)
{
	return hx_strncmp(a, b, SIZE_MAX);
}

static int ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : (unsigned char)c;
}

int hx_strcasecmp(const char *a, const char *b)
{
	while (*a != '\0' && ascii_lower(*a) == ascii_lower(*b)) {
		a++;
		b++;
	}
	return ascii_lower(*a) - ascii_lower(*b);
}

char *hx_strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (*s == '\0')
			return NULL;
	return (char *)s;
}

char *hx_strrchr(const char *s, int c)
{
	const char *last = NULL;

	do {
		if (*s == (char)c)
			last = s;
	} while (*s++ != '\0');
	return (char *)last;
}

void *hx_memchr(const void *s, int c, size_t n)
{
	const unsigned char *p = s;

	for (; n != 0; p++, n--)
		if (*p == (unsigned char)c)
			return (void *)p;
	return NULL;
}

size_t hx_strlcpy(char *dst, const char *src, size_t size)
{
	size_t len = hx_strlen(src);

	if (size != 0) {
		size_t n = hx_min_u64(len, size - 1);

		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return len;
}

/*
 * Only the last '*' seen need be tried again: whatever an earlier one could take more, the last
 * one can take as well. So the cost is at most len(pattern) * len(text), and nothing recurses.
 */
bool hx_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10u : UINT32_MAX;
}

/* Powers of 1024 by suffix letter; 0 if it is none. */
static unsigned suffix_shift(char c)
{
	switch (ascii_lower(c)) {
	case 'k': return 10;
	case 'm': return 20;
	case 'g': return 30;
	default: return 0;
	}
}

unsigned hx_cut_words(char *line, char *words[], unsigned n)
{
	unsigned i = 0;

	for (;;) {
		while (*line == ' ')
			*line++ = '\0';
		if (*line == '\0')
			return i;
		if (i == n)
			return n + 1;
		words[i++] = line;
		while (*line != ' ' && *line != '\0')
			line++;
	}
}

int hx_parse_u64(const char *s, uint64_t max, uint64_t *out)
{
	unsigned base = 10, shift = 0;
	bool too_big = false;
	uint64_t x = 0;

	if (s[0] == '0' && ascii_lower(s[1]) == 'x') {
		base = 16;
		s += 2;
	}
	if (digit_value(*s) >= base)
		return -HX_EINVAL;
	for (; digit_value(*s) < base; s++) {
		too_big |= __builtin_mul_overflow(x, (uint64_t)base, &x);
		too_big |= __builtin_add_overflow(x, (uint64_t)digit_value(*s), &x);
	}
	if (*s != '\0') {
		shift = suffix_shift(*s++);
		if (shift == 0 || *s != '\0')
			return -HX_EINVAL;
	}
	if (too_big || x > (max >> shift))
		return -HX_ERANGE;
	*out = x << shift;
	return 0;
}

/*
 * The first byte fixes the length and, for four of them, narrows the second byte: that excludes
 * overlong forms (E0, F0), surrogates (ED) and what is above U+10FFFF (F4). C2 is narrowed as well,
 * from 80 to A0, which excludes the control characters U+0080..U+009F.
 */
bool hx_utf8_is_text(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + n;

	while (p < end) {
		unsigned char first = *p++, low = 0x80, high = 0xbf;
		unsigned more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;

		if (first < 0x20 || (first >= 0x7f && first < 0xc2) || first > 0xf4)
			return false;
		if (first == 0xc2 || first == 0xe0)
			low = 0xa0;
		else if (first == 0xf0)
			low = 0x90;
		else if (first == 0xed)
			high = 0x9f;
		else if (first == 0xf4)
			high = 0x8f;
		for (; more != 0; more--, low = 0x80, high = 0xbf)
			if (p == end || *p < low || *p++ > high)
				return false;
	}
	return true;
}
