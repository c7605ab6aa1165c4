/* SPDX-License-Identifier: MIT */
/* The parts of core/init; a host test drives them with a graph of its own. */
#ifndef INIT_PRIV_H
#define INIT_PRIV_H

#include <hx/base.h>
#include <hx/core/init.h>

/* What came into the image, and the order to take it up in. Constant. */
struct init_graph {
	const struct hx_component *const *order;
	size_t n_order;
	const struct hx_component *const *first, *const *last;	/* the registration section */
};

/* Why an order is refused. */
struct init_fault {
	const char *what;
	const struct hx_component *component;	/* NULL: none in particular */
	const char *word;			/* starts with the unmet word; NULL: none */
};

/* order.c: true, or false and *out filled. */
bool init_order_is_good(const struct init_graph *g, struct init_fault *out);

/* up.c: bring up in order; 0, or the error of the component that failed, after all that were up
 * went down again. init_down() takes down what is up, the last one first, each once. */
int init_up(const struct init_graph *g);
void init_down(bool tell);
/* How many are up: the components [0, n) of the graph. */
size_t init_n_up(void);

/* The graph of this image. */
const struct init_graph *init_graph(void);

#endif
