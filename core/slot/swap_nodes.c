// SPDX-License-Identifier: MIT
/*
 * Swaps in the name space: /slots/<slot>/ctl takes "swap <provider>", "rollback" and
 * "probation <ms>"; /slots/<slot>/history shows what became of each.
 */
#include <hx/core/init.h>
#include <hx/core/names.h>
#include <hx/core/string.h>
#include <hx/core/swap.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/timer.h>

#include "slot_priv.h"

#define PROBATION_MAX_MS	600000u

void swap_show_history(struct hx_text *out, const struct hx_kind *k)
{
	struct swap_record r;
	unsigned i;

	for (i = 0; swap_record_at(i, &r); i++) {
		if (r.kind != k)
			continue;
		hx_text_printf(out, "t_ns=%llu event=%s from=%s to=%s result=%s",
			       (unsigned long long)hx_cycles_to_ns(r.cycles -
								   hx_boot_info()->entry_cycles),
			       r.event, r.from, r.to, r.result == 0 ? "ok" : hx_strerror(r.result));
		if (r.step != HX_SWAP_NONE)
			hx_text_printf(out, " step=%s items=%llu state_bytes=%llu wait_ns=%llu "
				       "pause_ns=%llu total_ns=%llu", swap_step_name(r.step),
				       (unsigned long long)r.n_items, (unsigned long long)r.n_bytes,
				       (unsigned long long)r.wait_ns,
				       (unsigned long long)r.pause_ns,
				       (unsigned long long)r.total_ns);
		if (r.n_ended != 0)
			hx_text_printf(out, " promises_ended=%llu", (unsigned long long)r.n_ended);
		if (r.why[0] != '\0')
			hx_text_printf(out, " why=\"%s\"", r.why);
		hx_text_puts(out, "\n");
	}
}

/* The answer: what happened, or why not. */
static void swap_ack(struct hx_text *ack, const struct hx_swap *s, int err)
{
	if (s->kind == NULL || s->new == NULL) {
		hx_text_printf(ack, "detail=%s", err == -HX_ENOENT ? "no-such-provider"
			       : err == -HX_EBUSY ? "swap-goes-on" : "not-swappable");
		return;
	}
	if (err == 0) {
		hx_text_printf(ack, "provider=%s items=%llu pause_ns=%llu",
			       ((const struct hx_provider *)s->new)->name,
			       (unsigned long long)s->n_items,
			       (unsigned long long)hx_cycles_to_ns(s->released_cycles -
								   s->stopped_cycles));
		if (s->n_ended != 0)
			hx_text_printf(ack, " promises_ended=%llu",
				       (unsigned long long)s->n_ended);
		return;
	}
	hx_text_printf(ack, "detail=%s", err == -HX_EEXIST ? "in-use-already"
		       : err == -HX_ENODEV ? "has-failed" : "refused");
	if (s->step != HX_SWAP_NONE)
		hx_text_printf(ack, " step=%s", swap_step_name(s->step));
	hx_text_printf(ack, " error=%s", hx_strerror(err));
	if (s->why[0] != '\0')
		hx_text_printf(ack, " why=\"%s\"", s->why);
}

static int ctl_usage(struct hx_text *ack)
{
	hx_text_puts(ack, "detail=usage usage=\"swap <provider> | rollback | probation <ms>\"");
	return -HX_EINVAL;
}

/* "verb" or "verb argument"; NULL if it is another verb. An argument that is missing is "". */
static const char *argument_of(const char *line, const char *verb)
{
	size_t n = hx_strlen(verb);

	if (hx_strncmp(line, verb, n) != 0 || (line[n] != '\0' && line[n] != ' '))
		return NULL;
	while (line[n] == ' ')
		n++;
	return line + n;
}

static int slot_ctl(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	const struct hx_kind *k = slot_kind(args->var[0]);
	struct hx_swap s = { .kind = NULL };
	const char *word;
	uint64_t ms;
	int err;

	if (k == NULL)
		return -HX_ENOENT;
	word = argument_of(line, "swap");
	if (word != NULL && word[0] != '\0' && hx_strchr(word, ' ') == NULL) {
		err = hx_swap(k->slot, word, &s);
		swap_ack(ack, &s, err);
		return err;
	}
	word = argument_of(line, "rollback");
	if (word != NULL && word[0] == '\0') {
		err = hx_swap_back(k->slot, &s);
		swap_ack(ack, &s, err);
		return err;
	}
	word = argument_of(line, "probation");
	if (word == NULL || hx_parse_u64(word, PROBATION_MAX_MS, &ms) != 0)
		return ctl_usage(ack);
	err = swap_set_probation(k, ms);
	if (err == 0)
		hx_text_printf(ack, "probation_ms=%llu", (unsigned long long)ms);
	else
		hx_text_puts(ack, "detail=not-swappable");
	return err;
}

static const struct hx_node ctl_node = {
	.path = "/slots/<slot>/ctl", .help = "swap <provider> | rollback | probation <ms>",
	.rights = HX_NODE_APPEND, .max_bytes = 0, .take = slot_ctl, .list = slot_list,
};
HX_NODE(ctl_node);
