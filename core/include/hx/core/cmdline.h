/* SPDX-License-Identifier: MIT */
/*
 * Kernel words: helix.<name>[=value]. Blanks separate words; "…" keeps blanks in a word, whether it
 * surrounds the value or the whole word; a backslash before \ " or ' takes that byte as it is.
 * Each room registers the words it reads, so that an unknown helix.* word is reported at boot.
 */
#ifndef HX_CORE_CMDLINE_H
#define HX_CORE_CMDLINE_H

#include <hx/base.h>
#include <hx/config/core_cmdline.h>

struct hx_word {
	const char *name;	/* "helix.loglevel"; a trailing '.' takes any rest: "helix.slot." */
	const char *help;	/* one line with the values it takes */
};

HX_SECTION_BOUNDS(hx_words, struct hx_word);
#define HX_WORD(ident, name_, help_) \
	static const struct hx_word hx_word_##ident = { \
		.name = (name_), .help = HX_ENABLED(HELP_TEXTS) ? (help_) : "", \
	}; \
	HX_REGISTER(hx_words, word_##ident, struct hx_word, &hx_word_##ident)

/**
 * hx_cmdline_get() - the value of a kernel word, without its quotes.
 * @name: the word up to the '='
 * @buf:  receives the value, always NUL-terminated when @size > 0; untouched if it is not there
 * @size: bytes in @buf
 *
 * The last one on the line wins.
 *
 * Returns: the length in bytes, 0 for a bare word; -HX_ENOENT not there; -HX_ENAMETOOLONG does not
 *          fit (@buf then holds what fits).
 * Context: any.
 * Locks:   none; the line is constant.
 * Owner:   the caller has @buf.
 * Cost:    O(length of the line).
 * Source:  GRUB manual 2.06, 16.1 (its quoting: it writes "a=b c" for a="b c").
 */
int hx_cmdline_get(const char *name, char *buf, size_t size);

/**
 * hx_cmdline_has() - whether a word is on the line, with or without a value.
 * @name: the word up to the '='
 *
 * Returns: true if it is there.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(length of the line).
 * Source:  -
 */
bool hx_cmdline_has(const char *name);

/**
 * hx_cmdline_unknown() - the helix.* words on the line that nobody registered.
 * @idx:  which one, from 0
 * @buf:  receives its name, cut to fit
 * @size: bytes in @buf, at least 1
 *
 * Returns: 0; -HX_ENOENT past the last one.
 * Context: any.
 * Locks:   none.
 * Owner:   the caller has @buf.
 * Cost:    O(length of the line times registered words).
 * Source:  -
 */
int hx_cmdline_unknown(unsigned idx, char *buf, size_t size);

/**
 * hx_cmdline_problem() - what is wrong with the line as a whole.
 *
 * Returns: a sentence for the log, or NULL; known after the component "cmdline" came up.
 * Context: any.
 * Locks:   none.
 * Owner:   constant string.
 * Cost:    a load.
 * Source:  -
 */
const char *hx_cmdline_problem(void);

#endif
