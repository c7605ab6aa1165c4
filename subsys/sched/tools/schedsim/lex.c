// SPDX-License-Identifier: MIT
/*
 * From bytes to words and values. A word is a run of letters, digits and "_.-+", or one of the
 * signs { } ( ) , = | : / alone; '#' begins a comment up to the end of the line.
 */
#include "lex.h"
#include <stdarg.h>
#include <string.h>

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("_.-+", c) != NULL);
}

static bool is_sign(char c)
{
	return c != '\0' && strchr("{}(),=|:/", c) != NULL;
}

void lex_fail(struct lexer *l, const struct token *at, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(l->error, WL_ERROR_MAX, "%.80s:%u:%u: ", l->name, at->line, at->column);

	va_start(ap, fmt);
	vsnprintf(l->error + n, WL_ERROR_MAX - (unsigned)n, fmt, ap);
	va_end(ap);
	longjmp(l->fail, 1);
}

static char step(struct lexer *l)
{
	char c = *l->at++;

	l->column++;
	if (c == '\n') {
		l->line++;
		l->column = 1;
	}
	return c;
}

static void skip_blanks(struct lexer *l)
{
	while (l->at < l->end) {
		if (*l->at == '#') {
			while (l->at < l->end && *l->at != '\n')
				step(l);
		} else if (*l->at != '\0' && strchr(" \t\r\n", *l->at) != NULL) {
			step(l);
		} else {
			return;
		}
	}
}

/* Read the word after `next`. */
static void scan(struct lexer *l)
{
	struct token *t = &l->next;
	unsigned n = 0;

	skip_blanks(l);
	t->line = l->line;
	t->column = l->column;
	t->text[0] = '\0';
	if (l->at == l->end)
		return;
	if (is_sign(*l->at)) {
		t->text[n++] = step(l);
	} else if (is_word(*l->at)) {
		while (l->at < l->end && is_word(*l->at)) {
			if (n == LEX_WORD_MAX - 1)
				lex_fail(l, t, "this word is longer than %u", LEX_WORD_MAX - 1);
			t->text[n++] = step(l);
		}
	} else {
		lex_fail(l, t, "no word begins with the byte 0x%02x", (unsigned char)*l->at);
	}
	t->text[n] = '\0';
}

void lex_start(struct lexer *l, const char *name, const char *text, size_t len, char *error)
{
	l->name = name;
	l->at = text;
	l->end = text + len;
	l->line = l->column = 1;
	l->error = error;
}

void lex_step(struct lexer *l)
{
	l->now = l->next;
	scan(l);
}

bool lex_is(const struct lexer *l, const char *word)
{
	return strcmp(l->now.text, word) == 0;
}

bool lex_take(struct lexer *l, const char *word)
{
	bool there = lex_is(l, word);

	if (there)
		lex_step(l);
	return there;
}

HX_NORETURN static void unexpected(struct lexer *l, const char *what)
{
	if (l->now.text[0] == '\0')
		lex_fail(l, &l->now, "expected %s, and the file ends here", what);
	lex_fail(l, &l->now, "expected %s, found '%s'", what, l->now.text);
}

void lex_expect(struct lexer *l, const char *word)
{
	char what[LEX_WORD_MAX + 2];

	if (lex_take(l, word))
		return;
	snprintf(what, sizeof(what), "'%s'", word);
	unexpected(l, what);
}

void lex_name(struct lexer *l, char name[WL_NAME_MAX], const char *what)
{
	const char *text = l->now.text;

	if (!((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z')))
		unexpected(l, what);
	if (strlen(text) >= WL_NAME_MAX)
		lex_fail(l, &l->now, "the name '%s' is longer than %u", text, WL_NAME_MAX - 1);
	memcpy(name, text, strlen(text) + 1);
	lex_step(l);
}

/* The digits at the start of text; more than 18 of them give UINT64_MAX. */
static uint64_t digits(const char **text)
{
	uint64_t n = 0;
	unsigned many = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++) {
		n = n * 10 + (uint64_t)(**text - '0');
		many += many != 0 || n != 0;
	}
	return many > 18 ? UINT64_MAX : n;
}

uint64_t lex_number(struct lexer *l, uint64_t least, uint64_t most, const char *what)
{
	const char *p = l->now.text;
	uint64_t n = digits(&p);

	if (p == l->now.text || *p != '\0')
		unexpected(l, what);
	if (n < least || n > most)
		lex_fail(l, &l->now, "%s is %llu..%llu", what, (unsigned long long)least,
			 (unsigned long long)most);
	lex_step(l);
	return n;
}

int64_t lex_signed(struct lexer *l, int64_t least, int64_t most, const char *what)
{
	const char *p = l->now.text;
	bool minus = *p == '-';
	uint64_t n;

	p += *p == '-' || *p == '+';
	if (*p < '0' || *p > '9')
		unexpected(l, what);
	n = digits(&p);
	if (*p != '\0')
		unexpected(l, what);
	if (n > INT32_MAX || (minus ? -(int64_t)n : (int64_t)n) < least ||
	    (minus ? -(int64_t)n : (int64_t)n) > most)
		lex_fail(l, &l->now, "%s is %lld..%lld", what, (long long)least, (long long)most);
	lex_step(l);
	return minus ? -(int64_t)n : (int64_t)n;
}

/* Digits, perhaps with a point and more digits; scale: the value of one, in units. */
static double decimal(const char **text)
{
	double n = 0, part = 1;

	for (; **text >= '0' && **text <= '9'; (*text)++)
		n = n * 10 + (**text - '0');
	if (**text == '.') {
		for ((*text)++; **text >= '0' && **text <= '9'; (*text)++) {
			part /= 10;
			n += part * (**text - '0');
		}
	}
	return n;
}

double lex_decimal(struct lexer *l, const char *what)
{
	const char *p = l->now.text;
	double n = decimal(&p);

	if (p == l->now.text || *p != '\0' || !(n > 0) || n > 1000)
		unexpected(l, what);
	lex_step(l);
	return n;
}

uint64_t lex_time(struct lexer *l, uint64_t least, uint64_t most)
{
	static const struct { char unit[4]; double ns; } units[] = {
		{ "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 },
	};
	const char *p = l->now.text;
	double n = decimal(&p);
	size_t i;

	for (i = 0; i < HX_ARRAY_LEN(units) && strcmp(p, units[i].unit) != 0; i++)
		;
	if (p == l->now.text || *l->now.text == '.')
		unexpected(l, "a time, such as 5ms");
	if (i == HX_ARRAY_LEN(units))
		lex_fail(l, &l->now, "'%s': a time ends in ns, us, ms or s", l->now.text);
	n = n * units[i].ns + 0.5;
	if (n < (double)least || n >= (double)most + 1)
		lex_fail(l, &l->now, "'%s': here a time is %llu ns..%llu ns", l->now.text,
			 (unsigned long long)least, (unsigned long long)most);
	lex_step(l);
	return (uint64_t)n;
}

struct dist lex_dist(struct lexer *l, uint64_t least, uint64_t most)
{
	struct dist d = { .kind = DIST_CONST };
	struct token second;
	bool uniform = lex_is(l, "uniform"), pareto = lex_is(l, "pareto");

	if (!uniform && !pareto && !lex_is(l, "exp")) {
		d.a = lex_time(l, least, most);
		return d;
	}
	d.kind = uniform ? DIST_UNIFORM : pareto ? DIST_PARETO : DIST_EXP;
	lex_step(l);
	lex_expect(l, "(");
	d.a = lex_time(l, least, most);
	if (uniform || pareto)
		lex_expect(l, ",");
	if (pareto)
		d.alpha = lex_decimal(l, "the shape of a pareto distribution, above 0");
	second = l->now;
	if (uniform || lex_take(l, ",")) {
		second = l->now;
		d.b = lex_time(l, least, most);
		if (d.b < d.a)
			lex_fail(l, &second, "the greatest is below %s",
				 d.kind == DIST_EXP ? "the mean" : "the least");
	}
	lex_expect(l, ")");
	return d;
}

unsigned lex_one_of(struct lexer *l, const char *const *words, unsigned n, const char *what)
{
	char list[160] = "";
	size_t used = 0;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (lex_take(l, words[i]))
			return i;
	}
	for (i = 0; i < n && used < sizeof(list) - 1; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
					 i == 0 ? "" : " ", words[i]);
	lex_fail(l, &l->now, "%s '%s' is none of: %s", what, l->now.text, list);
}
