/* SPDX-License-Identifier: MIT */
/* What the files that read a workload share: the state of the reading, and its parts. */
#ifndef SCHEDSIM_PARSE_H
#define SCHEDSIM_PARSE_H

#include "lex.h"

struct parser {
	struct lexer l;
	struct workload *w;
};

/* parse_intent.c: key=value ..., checked as a whole; the first word is looked at. */
void parse_intent(struct parser *p, struct hx_intent *out);

/* parse_program.c: { statements } */
void parse_program(struct parser *p, struct spec *s);

/* parse.c: what a name stands for. */
unsigned parse_mutex(struct parser *p);
unsigned parse_sem(struct parser *p);

#endif
