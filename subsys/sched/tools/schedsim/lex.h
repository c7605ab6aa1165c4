/* SPDX-License-Identifier: MIT */
/*
 * Words of a workload file, with where they stand, and the values made of one word.
 */
#ifndef SCHEDSIM_LEX_H
#define SCHEDSIM_LEX_H

#include "workload.h"
#include <setjmp.h>

#define LEX_WORD_MAX	64u

struct token {
	char text[LEX_WORD_MAX];	/* "" at the end of the file */
	unsigned line, column;
};

/* One file being read. What is wrong ends the reading by a jump to `fail`, with `error` written. */
struct lexer {
	const char *name, *at, *end;
	unsigned line, column;
	struct token now, next;		/* the word looked at, and the one behind it */
	jmp_buf fail;
	char *error;
};

void lex_start(struct lexer *l, const char *name, const char *text, size_t len, char *error);
void lex_step(struct lexer *l);
HX_NORETURN void lex_fail(struct lexer *l, const struct token *at, const char *fmt, ...)
	HX_PRINTF(3, 4);

bool lex_is(const struct lexer *l, const char *word);
bool lex_take(struct lexer *l, const char *word);	/* step over it, if it is there */
void lex_expect(struct lexer *l, const char *word);

/* Read one value and step over it. what: for the message, "a priority". */
void lex_name(struct lexer *l, char name[WL_NAME_MAX], const char *what);
uint64_t lex_number(struct lexer *l, uint64_t least, uint64_t most, const char *what);
int64_t lex_signed(struct lexer *l, int64_t least, int64_t most, const char *what);
double lex_decimal(struct lexer *l, const char *what);
uint64_t lex_time(struct lexer *l, uint64_t least, uint64_t most);
struct dist lex_dist(struct lexer *l, uint64_t least, uint64_t most);
/* Which of n words it is. */
unsigned lex_one_of(struct lexer *l, const char *const *words, unsigned n, const char *what);

#endif
