// SPDX-License-Identifier: MIT
/*
 * Completion of the word before the cursor: a verb if it is the first, else a path. What all
 * candidates share is inserted; if that is nothing, a second tab lists them.
 */
#include <hx/base.h>
#include <hx/core/string.h>

#include "console_priv.h"

/* A walk over the candidates: every name that could stand there, to be compared with the word. */
struct source {
	bool verbs;
	struct verb_row row;		/* verbs: the last one */
	unsigned idx;			/* paths: the next one */
	char dir[HX_NAME_PATH_MAX];	/* paths: the directory */
};

static bool next_candidate(struct source *s, char name[HX_NAME_MAX], bool *is_dir)
{
	struct hx_name_stat st;
	size_t n;

	*is_dir = false;
	if (!s->verbs) {
		if (hx_tree()->list(s->dir, s->idx++, name, &st) != 0)
			return false;
		*is_dir = st.is_dir;
		return true;
	}
	if (!verb_row_next(s->idx++ == 0 ? NULL : &s->row, &s->row))
		return false;
	n = hx_min_u64(verb_name_len(&s->row), HX_NAME_MAX - 1);
	memcpy(name, s->row.usage, n);
	name[n] = '\0';
	return true;
}

/* Where the word's last component begins, and where its candidates come from. False: nowhere. */
static bool find_source(const struct console_line *l, struct source *s, unsigned *start)
{
	unsigned word = l->cursor, base = l->cursor, i;
	size_t n;

	while (word > 0 && l->text[word - 1] != ' ' && l->text[word - 1] != '"')
		word--;
	*s = (struct source){ .verbs = true };
	for (i = 0; i < word; i++)
		s->verbs &= l->text[i] == ' ';
	*start = word;
	if (s->verbs)
		return true;
	while (base > word && l->text[base - 1] != '/')
		base--;
	n = base - word;
	if (n == 0 || l->text[word] != '/' || n >= sizeof(s->dir))
		return false;
	*start = base;
	n = n > 1 ? n - 1 : 1;		/* without the '/' at its end, but for the root */
	memcpy(s->dir, l->text + word, n);
	s->dir[n] = '\0';
	return true;
}

static bool fits(const char *name, const char *word, size_t len)
{
	return hx_strncmp(name, word, len) == 0;
}

static void list_all(struct source *s, const char *word, size_t len, struct hx_text *out)
{
	char name[HX_NAME_MAX];
	bool is_dir;

	hx_text_puts(out, "\n");
	while (next_candidate(s, name, &is_dir)) {
		if (fits(name, word, len))
			hx_text_printf(out, "%s%s\n", name, is_dir ? "/" : "");
	}
}

bool complete(struct console_line *l, struct hx_text *out)
{
	char name[HX_NAME_MAX], common[HX_NAME_MAX + 1] = "";
	unsigned n_fit = 0, start;
	struct source s, again;
	size_t len, shared = 0;
	bool is_dir, ends_dir = false;

	if (!find_source(l, &s, &start))
		return false;
	again = s;
	len = l->cursor - start;
	while (next_candidate(&s, name, &is_dir)) {
		if (!fits(name, l->text + start, len))
			continue;
		if (n_fit++ == 0)
			shared = hx_strlcpy(common, name, sizeof(common));
		while (shared > 0 && hx_strncmp(common, name, shared) != 0)
			shared--;
		ends_dir = is_dir;
	}
	if (n_fit == 0)
		return false;
	if (n_fit == 1)
		common[shared++] = ends_dir ? '/' : ' ';
	while (n_fit > 1 && (common[shared] & 0xc0) == 0x80)
		shared--;		/* not in the middle of a character */
	if (shared > len)
		line_insert(l, common + len, shared - len, out);
	if (shared > len || !l->tabbed)
		return false;
	list_all(&again, l->text + start, len, out);
	return true;
}
