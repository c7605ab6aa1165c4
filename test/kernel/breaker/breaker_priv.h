/* SPDX-License-Identifier: MIT */
/* What the files of this room share. */
#ifndef HX_BREAKER_PRIV_H
#define HX_BREAKER_PRIV_H

/* What its nodes do for a word that they take. */
int breaker_run(const char *word);

/* ports.c, with CONFIG_RESOURCES: 0; an error if that is not allowed, or there is no device. */
int no_break_port_take(void);
int no_break_port_more(void);
int no_break_port_give(void);
int no_break_port_read(void);

/* left.c: each leaves something behind. */
int left_node(void);
int no_break_node_goes(void);	/* takes that one back */
int left_timer(void);
int left_irq(void);
int left_line(void);
int left_thread(void);
int left_lives(void);
int left_grace(void);

/* heal.c, with CONFIG_HEAL: has a component watched, and does not take it out by itself. */
int no_break_watched(void);
int break_watched(void);

#endif
