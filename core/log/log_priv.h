/* SPDX-License-Identifier: MIT */
/*
 * A ring of numbered records, shared by the kernel log and the audit log.
 *
 *   buf:  … | hdr area text | hdr area text | hdr area text | free …
 *             ^tail (oldest)                                 ^head
 *
 * head and tail run freely and are masked on use; a record may wrap. Each record holds its own
 * number, so that a line lost by re-entry leaves a gap just as an overwritten one does.
 */
#ifndef HX_CORE_LOG_PRIV_H
#define HX_CORE_LOG_PRIV_H

#include <hx/base.h>
#include <hx/core/log.h>

#define LOG_AREA_MAX	31	/* bytes kept of an area */

/* KiB from Kconfig, rounded down to a power of two, in bytes. */
#define LOG_RING_BYTES(kib)	(1024u << (31 - __builtin_clz(kib)))
/* The text form of a record is longer than the record: "seq=… t_ns=… level=… area=" is at most 80
 * bytes against a header of 24, so four times the ring is a safe bound. */
#define LOG_SHOW_MAX_BYTES(kib)	(4 * 1024 * (kib))

struct log_header {
	uint64_t seq;
	uint64_t cycles;	/* hx_cycles() when it was logged */
	uint16_t len;		/* bytes of text */
	uint8_t level;
	uint8_t area_len;
	uint32_t reserved;
};

/* Field keys: c constant, l log lock. */
struct log_ring {
	uint8_t *buf;			/* c */
	uint32_t size_bytes;		/* c power of two */
	uint32_t head, tail;		/* l */
	uint64_t next_seq;		/* l */
	volatile uint32_t n_lost;	/* a lines that found the lock held by their own CPU */
};

/* One record taken out of a ring. */
struct log_line {
	struct log_header h;
	char area[LOG_AREA_MAX + 1];
	char text[HX_LOG_TEXT_MAX + 1];
};

/* Append; text has h->len bytes, area h->area_len. False: counted as lost. Any context. */
bool log_ring_put(struct log_ring *r, struct log_header *h, const char *area, const char *text);
/* The oldest record numbered *seq or higher, at or after *pos (start with pos 0, any value is
 * safe). False: none. Advances both. */
bool log_ring_next(struct log_ring *r, uint32_t *pos, uint64_t *seq, struct log_line *out);
uint64_t log_ring_next_seq(struct log_ring *r);

/* log.c: append len bytes of text, cut to fit, stamped now. */
void log_add(struct log_ring *r, enum hx_log_level level, const char *area, const char *text,
	     int len);
/* "seq=… t_ns=… " */
void log_show_stamp(struct hx_text *out, const struct log_header *h);
/* Lines may quote outside bytes: what could move a cursor or fake a second line becomes '?'. */
void log_clean(char *s);

#endif
