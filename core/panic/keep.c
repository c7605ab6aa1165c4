// SPDX-License-Identifier: MIT
/*
 * The report in RAM that a restart leaves alone, and whether what stands there is one.
 *
 *	struct keep_head | text, cut at the end of the RAM
 *
 * 1 Writing. The old head is made invalid first; the text is written as it is made, so that a
 *   report that breaks off is kept up to there; the head comes last, when the text is whole. Bytes
 *   that are no plain text become '?': what is shown later went through damaged memory.
 * 2 Reading. The RAM may hold anything. Magic, length and checksums of head and text must be right.
 */
#include <hx/core/crc32c.h>
#include <hx/core/string.h>
#include <hx/hal/keep.h>

#include "panic_priv.h"

static const char keep_magic[8] = "HXPANIC1";

/* Where the report of this kernel goes; of the CPU that reports. */
static struct {
	uint8_t *ram;
	size_t size, used;	/* of the text */
} keep;

static uint32_t head_crc(const struct keep_head *h)
{
	return hx_crc32c(0, h, offsetof(struct keep_head, head_crc));
}

void keep_begin(void *ram, size_t bytes)
{
	if (ram == NULL || bytes <= sizeof(struct keep_head))
		return;
	memset(ram, 0, sizeof(struct keep_head));
	keep.ram = ram;
	keep.size = bytes - sizeof(struct keep_head);
	keep.used = 0;
}

void keep_put(const char *bytes, size_t n)
{
	if (keep.ram == NULL)
		return;
	for (size_t i = 0; i < n && keep.used < keep.size; i++) {
		char c = bytes[i];
		bool plain = (c >= ' ' && c <= '~') || c == '\n' || c == '\t';

		keep.ram[sizeof(struct keep_head) + keep.used++] = plain ? (uint8_t)c : '?';
	}
}

void keep_end(void)
{
	struct keep_head *h = (struct keep_head *)keep.ram;

	if (h == NULL)
		return;
	keep.ram = NULL;
	h->bytes = (uint32_t)keep.used;
	h->text_crc = hx_crc32c(0, h + 1, keep.used);
	memcpy(h->magic, keep_magic, sizeof(h->magic));
	h->head_crc = head_crc(h);
	hx_kept_ram_flush();
}

const struct keep_head *keep_find(const void *ram, size_t bytes)
{
	const struct keep_head *h = ram;

	if (ram == NULL || bytes <= sizeof(*h) ||
	    memcmp(h->magic, keep_magic, sizeof(h->magic)) != 0 || h->head_crc != head_crc(h) ||
	    h->bytes > bytes - sizeof(*h) || h->text_crc != hx_crc32c(0, h + 1, h->bytes))
		return NULL;
	return h;
}

void keep_clear(void *ram, size_t bytes)
{
	if (ram != NULL && bytes > sizeof(struct keep_head))
		memset(ram, 0, sizeof(struct keep_head));
}
