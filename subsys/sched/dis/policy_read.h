/* SPDX-License-Identifier: MIT */
/*
 * Reading a line word by word: policy_words.c for policy_text.c. All that return int: 0, or
 * -HX_EINVAL after dis_read_wrong().
 */
#ifndef HX_DIS_POLICY_READ_H
#define HX_DIS_POLICY_READ_H

#include "policy_priv.h"

struct dis_reader {
	const char *line, *at;
	struct dis_rule r;
	struct dis_syntax_error *error;
};

/* What was expected here; the first call of a line counts. Always -HX_EINVAL. */
int dis_read_wrong(struct dis_reader *in, const char *why);
void dis_read_blanks(struct dis_reader *in);
bool dis_take_word(struct dis_reader *in, const char *word);
bool dis_take_char(struct dis_reader *in, char c);
HX_MUST_CHECK int dis_take_expected(struct dis_reader *in, char c, const char *why);
/* One of n words; *which receives its number. */
HX_MUST_CHECK int dis_take_of(struct dis_reader *in, const char *const *words, unsigned n,
			      uint8_t *which, const char *why);
HX_MUST_CHECK int dis_take_name(struct dis_reader *in, char name[HX_DIS_NAME_MAX],
				const char *why);
/* Decimal, or hexadecimal after 0x; percent: with or without its sign. */
HX_MUST_CHECK int dis_take_number(struct dis_reader *in, uint64_t max, uint64_t *out,
				  const char *why);
HX_MUST_CHECK int dis_take_percent(struct dis_reader *in, uint64_t max, uint64_t *out,
				   const char *why);
HX_MUST_CHECK int dis_take_urgency(struct dis_reader *in, int64_t low, int64_t high, int64_t *out);
HX_MUST_CHECK int dis_take_duration(struct dis_reader *in, uint64_t *ns);

#endif
