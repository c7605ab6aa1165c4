// SPDX-License-Identifier: MIT
/* How the tests of this room talk to the module test/kernel/breaker. */
#include <hx/core/string.h>

#include "modules_priv.h"

const char *breaker_init_word;

int breaker_ask(const char *word)
{
	char text[32];
	struct hx_text_buf ack;

	hx_text_buf_init(&ack, text, sizeof(text));
	return hx_names_take("/test/break", word, &ack.text);
}

int breaker_load(struct hko_why *why, struct module **m)
{
	int err = -HX_ETIMEDOUT;

	for (unsigned i = 0; i < 50 && err == -HX_ETIMEDOUT; i++)
		err = module_load(BREAKER_PATH, why, m);
	return err;
}

static int init_show(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_puts(out, breaker_init_word);
	return 0;
}

const struct hx_node breaker_init_node = {
	.path = "/test/break_init", .help = "how the breaker's init breaks",
	.rights = HX_NODE_READ, .max_bytes = 16, .show = init_show,
};
