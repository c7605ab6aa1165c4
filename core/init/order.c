// SPDX-License-Identifier: MIT
/*
 * The order of coming up, checked once more at boot. The build computed it; this finds an image
 * whose parts and whose order do not belong together, before anything runs in a wrong order.
 *
 * Invariants of a good order:
 *	1. it holds each registered component exactly once, and nothing else;
 *	2. phases never fall;
 *	3. each word that a component needs is given before it, by a name or by its gives;
 *	   an optional word ('?') only if somebody gives it at all.
 */
#include <hx/base.h>
#include <hx/core/string.h>

#include "init_priv.h"

/* The next word of a list of words; its length, 0 at the end. */
static size_t next_word(const char **at, const char **word)
{
	const char *p = *at;
	const char *start;

	while (*p == ' ')
		p++;
	for (start = p; *p != '\0' && *p != ' '; p++)
		;
	*word = start;
	*at = p;
	return (size_t)(p - start);
}

static bool list_has(const char *list, const char *word, size_t len)
{
	const char *w;
	size_t n;

	while (list != NULL && (n = next_word(&list, &w)) != 0) {
		if (n == len && memcmp(w, word, len) == 0)
			return true;
	}
	return false;
}

/* Written out: most words are names, and most names differ in the first letter. */
static inline bool is_name(const char *name, const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (name[i] != word[i])		/* also at the end of a shorter name */
			return false;
	}
	return name[len] == '\0';
}

static inline bool gives(const struct hx_component *c, const char *word, size_t len)
{
	return is_name(c->name, word, len) || (c->gives != NULL && list_has(c->gives, word, len));
}

static bool given_in(const struct init_graph *g, size_t from, size_t to, const char *word,
		     size_t len)
{
	for (size_t i = from; i < to; i++) {
		if (gives(g->order[i], word, len))
			return true;
	}
	return false;
}

/* Invariant 3 for one component: NULL, or the word that comes too late or from nobody. */
static const char *unmet_need(const struct init_graph *g, size_t idx)
{
	const char *at = g->order[idx]->needs;
	const char *word;
	size_t len;

	while (at != NULL && (len = next_word(&at, &word)) != 0) {
		bool optional = word[len - 1] == '?';

		if (optional)
			len--;
		if (given_in(g, 0, idx, word, len))
			continue;
		if (!optional || given_in(g, idx + 1, g->n_order, word, len))
			return word;
	}
	return NULL;
}

/* Invariant 1, given that set and order are equally long. NULL, or one that breaks it. */
static const struct hx_component *not_once(const struct init_graph *g)
{
	const struct hx_component *const *it;

	for (it = g->first; it < g->last; it++) {
		const struct hx_component *c = *it;
		unsigned n = 0;

		for (size_t i = 0; i < g->n_order; i++)
			n += g->order[i] == c;
		if (n != 1)
			return c;
	}
	return NULL;
}

static bool fault(struct init_fault *out, const char *what, const struct hx_component *c,
		  const char *word)
{
	*out = (struct init_fault){ what, c, word };
	return false;
}

bool init_order_is_good(const struct init_graph *g, struct init_fault *out)
{
	const struct hx_component *odd;
	uint32_t phase = 0;

	if ((size_t)(g->last - g->first) != g->n_order)
		return fault(out, "order and set differ in length", NULL, NULL);
	odd = not_once(g);
	if (odd != NULL)
		return fault(out, "not exactly once in the order", odd, NULL);
	for (size_t i = 0; i < g->n_order; i++) {
		const struct hx_component *c = g->order[i];
		const char *word;

		if (c->phase < phase || c->phase >= HX_PHASE_COUNT)
			return fault(out, "phase falls", c, NULL);
		phase = c->phase;
		word = unmet_need(g, i);
		if (word != NULL)
			return fault(out, "needs a word that nobody gave before", c, word);
	}
	return true;
}
