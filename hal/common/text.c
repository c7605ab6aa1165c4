/* SPDX-License-Identifier: MIT */
/*
 * The little text handling that the lowest floor needs before and below core: bounded append, and
 * finding a kernel word.
 */
#include <hx/hal/parse.h>

void hx_text_put(char *buf, size_t size, size_t *used, const char *s)
{
	while (*s != '\0' && *used + 1 < size)
		buf[(*used)++] = *s++;
	buf[*used] = '\0';
}

void hx_text_put_hex(char *buf, size_t size, size_t *used, uint64_t value)
{
	char digits[19] = "0x";
	unsigned n = value == 0 ? 1 : hx_log2_floor(value) / 4 + 1;

	for (unsigned i = 0; i < n; i++)
		digits[2 + i] = "0123456789abcdef"[value >> (4 * (n - 1 - i)) & 15];
	digits[2 + n] = '\0';
	hx_text_put(buf, size, used, digits);
}

const char *hx_boot_word(const char *cmdline, const char *key)
{
	for (const char *p = cmdline; *p != '\0'; ) {
		const char *k = key;

		while (*k != '\0' && *p == *k)
			p++, k++;
		if (*k == '\0')
			return p;
		while (*p != '\0' && *p != ' ')
			p++;
		while (*p == ' ')
			p++;
	}
	return NULL;
}
