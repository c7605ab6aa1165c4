// SPDX-License-Identifier: MIT
/*
 * /heal/status, /heal/history, /heal/policy, /heal/ctl and the verb heal.
 */
#include <hx/core/console.h>
#include <hx/core/names.h>
#include <hx/core/string.h>
#include <hx/core/text.h>

#include "heal_priv.h"

#define STATUS_BYTES	32768u
#define RECORD_BYTES	320u

static int status_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct hx_failure_counts n;
	struct hx_healed *h = NULL;
	unsigned kind;

	hx_failure_counts(&n);
	hx_text_printf(out, "told=%llu taken=%llu lost=%llu records=%llu stuck=%u well=%d",
		       (unsigned long long)n.n_told, (unsigned long long)n.n_taken,
		       (unsigned long long)n.n_lost, (unsigned long long)heal_n_records(),
		       heal_workers_lost(), hx_heal_is_well());
	for (kind = 0; kind < HX_FAILURE_KINDS; kind++)
		hx_text_printf(out, " %s=%llu", hx_failure_name(kind),
			       (unsigned long long)n.n_kind[kind]);
	hx_text_puts(out, "\n");
	while ((h = heal_pin_next(h)) != NULL)
		hx_text_printf(out, "name=%s state=%s policy=%s tries=%u failures=%u healed=%u "
			       "merged=%u vital=%d beat_ms=%u saved_bytes=%u saved_ns=%llu\n",
			       h->name, heal_state_name(h->state), heal_action_name(h->policy),
			       h->c.n_tries, h->n_failures, h->n_healed, h->n_merged,
			       (h->flags & HX_HEALED_VITAL) != 0, h->beat_ms, h->saved_bytes,
			       (unsigned long long)h->saved_ns);
	return 0;
}

static const struct hx_node status_node = {
	.path = "/heal/status", .help = "failures by kind; components, how they are",
	.rights = HX_NODE_READ, .max_bytes = STATUS_BYTES, .show = status_show,
};
HX_NODE(status_node);

static int history_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct hx_heal_record r = { .seq = 0 };

	while (hx_heal_next(r.seq, &r))
		hx_text_printf(out, "seq=%llu at_ns=%llu cause=%s name=%s thread=%u cpu=%u "
			       "action=%s took_ns=%llu state_bytes=%u result=%d asked=%u "
			       "evidence=\"%s\"\n", (unsigned long long)r.seq,
			       (unsigned long long)r.why.at_ns, hx_failure_name(r.why.kind),
			       r.why.who, r.why.thread, r.why.cpu, heal_action_name(r.action),
			       (unsigned long long)r.took_ns, r.n_bytes, r.result, r.asked,
			       r.why.what);
	return 0;
}

static const struct hx_node history_node = {
	.path = "/heal/history", .help = "what failed, and what was done about it",
	.rights = HX_NODE_READ, .max_bytes = CONFIG_HEAL_RECORDS * RECORD_BYTES,
	.show = history_show,
};
HX_NODE(history_node);

/* Cut a line of two words in two. False: it has not two. */
static bool two_words(char *line, char **second)
{
	char *gap = hx_strchr(line, ' ');

	if (gap == NULL || gap == line)
		return false;
	*gap++ = '\0';
	*second = gap;
	return *gap != '\0' && hx_strchr(gap, ' ') == NULL;
}

static unsigned action_of(const char *word)
{
	unsigned action;

	for (action = 0; action < HX_HEAL_ACTIONS; action++)
		if (hx_strcmp(word, heal_action_name(action)) == 0)
			break;
	return action;
}

static int policy_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct hx_healed *h = NULL;

	hx_text_printf(out, "tries=%u window_ms=%u backoff_ms=%u period_ms=%u call_ms=%u\n",
		       CONFIG_HEAL_TRIES, CONFIG_HEAL_WINDOW_S * 1000u, CONFIG_HEAL_BACKOFF_MS,
		       CONFIG_HEAL_PERIOD_MS, CONFIG_HEAL_CALL_MS);
	while ((h = heal_pin_next(h)) != NULL)
		hx_text_printf(out, "name=%s policy=%s can=note%s%s%s,panic\n", h->name,
			       heal_action_name(h->policy),
			       h->ops->restart != NULL ? ",restart" : "",
			       h->ops->fall_back != NULL ? ",fallback" : "",
			       h->flags & HX_HEALED_VITAL ? "" : ",isolate");
	return 0;
}

static int policy_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	char copy[HX_LINE_MAX + 1], *word;
	int err = -HX_EINVAL;

	hx_strlcpy(copy, line, sizeof(copy));
	if (!two_words(copy, &word) || action_of(word) == HX_HEAL_ACTIONS) {
		hx_text_puts(ack, "detail=usage usage=\"<name> note|restart|fallback|isolate|"
			     "panic\"");
		return err;
	}
	err = hx_heal_set_policy(copy, action_of(word));
	if (err == 0)
		hx_text_printf(ack, "name=%s policy=%s", copy, word);
	else
		hx_text_puts(ack, "detail=no-such-component");
	return err;
}

static const struct hx_node policy_node = {
	.path = "/heal/policy", .help = "what is done first about whom: <name> <action>",
	.rights = HX_NODE_READ | HX_NODE_APPEND, .max_bytes = STATUS_BYTES,
	.show = policy_show, .take = policy_take,
};
HX_NODE(policy_node);

static int ctl_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	char copy[HX_LINE_MAX + 1], *name;
	unsigned action;
	int err;

	hx_strlcpy(copy, line, sizeof(copy));
	action = two_words(copy, &name) ? hx_strcmp(copy, "check") == 0 ? HX_HEAL_NOTE
	       : action_of(copy) : HX_HEAL_ACTIONS;
	if (action >= HX_HEAL_PANIC || hx_strcmp(copy, "note") == 0) {
		hx_text_puts(ack, "detail=usage usage=\"check|restart|fallback|isolate <name>\"");
		return -HX_EINVAL;
	}
	err = hx_heal_do(name, action);
	if (err == 0)
		hx_text_printf(ack, "name=%s done=%s", name, copy);
	else
		hx_text_printf(ack, "detail=%s", err == -HX_ENOENT ? "no-such-component"
			       : err == -HX_ENOTSUP ? "it-cannot" : "failed");
	return err;
}

static const struct hx_node ctl_node = {
	.path = "/heal/ctl", .help = "check | restart | fallback | isolate <name>",
	.rights = HX_NODE_APPEND, .take = ctl_take,
};
HX_NODE(ctl_node);

static const struct hx_verb heal_verb = {
	.name = "heal", .usage = "heal", .node = "/heal/status",
};
HX_VERB(heal_verb);
