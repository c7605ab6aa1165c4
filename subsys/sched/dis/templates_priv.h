/* SPDX-License-Identifier: MIT */
/*
 * The table of ready-made intents, for the node that lists them and for the test that checks all.
 */
#ifndef HX_DIS_TEMPLATES_PRIV_H
#define HX_DIS_TEMPLATES_PRIV_H

#include "dis_priv.h"

struct dis_template {
	const char *name, *why;
	struct hx_intent intent;
};

extern const struct dis_template dis_templates[];
extern const unsigned dis_n_templates;

#endif
