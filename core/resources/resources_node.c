// SPDX-License-Identifier: MIT
/*
 * /resources/<holder>: what a holder has and may have; takes "limit KIND SOFT HARD".
 */
#include <hx/core/console.h>
#include <hx/core/names.h>
#include <hx/core/string.h>

#include "resources_priv.h"

#define WORDS	4u
#define LINE	128u

static void show_limit(struct hx_text *out, const char *key, uint64_t limit)
{
	if (limit == HX_RES_NONE)
		hx_text_printf(out, " %s=none", key);
	else
		hx_text_printf(out, " %s=%llu", key, (unsigned long long)limit);
}

static void show_account(struct hx_text *out, const char *kind, const struct hx_res_account *a)
{
	hx_text_printf(out, "kind=%s charged=%llu used=%llu reserved=%llu", kind,
		       (unsigned long long)res_load(&a->charged),
		       (unsigned long long)res_load(&a->used),
		       (unsigned long long)res_load(&a->reserved));
	show_limit(out, "soft", res_load(&a->soft));
	show_limit(out, "hard", res_load(&a->hard));
	hx_text_printf(out, " peak=%llu over=%llu refused=%llu\n",
		       (unsigned long long)res_load(&a->peak),
		       (unsigned long long)res_load(&a->n_over),
		       (unsigned long long)res_load(&a->n_refused));
}

static void show_meter(struct hx_text *out, const struct hx_res_holder *h)
{
	struct hx_res_meter m;

	res_meter_read(h, &m);
	hx_text_printf(out, "io moved_bytes=%llu waits=%llu waited_ns=%llu again=%llu\n",
		       (unsigned long long)m.n_bytes, (unsigned long long)m.n_waits,
		       (unsigned long long)m.waited_ns, (unsigned long long)m.n_again);
}

static int resources_show(struct hx_text *out, const struct hx_node_args *args)
{
	const struct hx_res_holder *h;

	res_holders_lock();
	h = res_holder_find(args->var[0]);
	if (h != NULL) {
		hx_text_printf(out, "holder=%s parent=%s children=%u\n", h->name,
			       h->parent != NULL ? h->parent->name : "-", h->n_children);
		for (unsigned k = 0; k < HX_RES_KINDS; k++)
			show_account(out, res_kind_name(k), &h->accounts[k]);
		show_meter(out, h);
	}
	res_holders_unlock();
	return h != NULL ? 0 : -HX_ENOENT;
}

static int resources_list(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args)
{
	const struct hx_res_holder *h;

	res_holders_lock();
	h = res_holder_at(idx);
	if (h != NULL)
		hx_strlcpy(name, h->name, HX_NAME_MAX);
	res_holders_unlock();
	return h != NULL ? 0 : -HX_ENOENT;
}

/* Words separated by one space each, in a copy of the line. -HX_EINVAL: not so many. */
static int split(char *line, char *words[WORDS])
{
	for (unsigned i = 0; i < WORDS; i++) {
		words[i] = line;
		while (*line != '\0' && *line != ' ')
			line++;
		if (line == words[i] || (*line == '\0') != (i == WORDS - 1))
			return -HX_EINVAL;
		*line++ = '\0';
	}
	return 0;
}

static int parse_limit(const char *word, uint64_t *limit)
{
	if (hx_strcmp(word, "none") != 0)
		return hx_parse_u64(word, HX_RES_NONE - 1, limit);
	*limit = HX_RES_NONE;
	return 0;
}

static int parse_line(const char *line, unsigned *kind, uint64_t *soft, uint64_t *hard)
{
	char copy[LINE], *words[WORDS];

	if (hx_strlcpy(copy, line, sizeof(copy)) >= sizeof(copy) || split(copy, words) != 0 ||
	    hx_strcmp(words[0], "limit") != 0)
		return -HX_EINVAL;
	for (*kind = 0; *kind < HX_RES_KINDS; (*kind)++)
		if (hx_strcmp(words[1], res_kind_name(*kind)) == 0)
			break;
	if (*kind == HX_RES_KINDS || parse_limit(words[2], soft) != 0 ||
	    parse_limit(words[3], hard) != 0)
		return -HX_EINVAL;
	return 0;
}

static int resources_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	struct hx_res_holder *h;
	uint64_t soft, hard;
	unsigned kind;
	int err = parse_line(line, &kind, &soft, &hard);

	if (err != 0) {
		hx_text_puts(ack, "detail=usage");
		return err;
	}
	res_holders_lock();
	h = res_holder_find(args->var[0]);
	err = h == NULL ? -HX_ENOENT : hx_res_limit(h, (enum hx_res_kind)kind, soft, hard);
	res_holders_unlock();
	if (err == -HX_EINVAL)
		hx_text_puts(ack, "detail=soft-above-hard");
	return err;
}

static const struct hx_node resources_node = {
	.path = "/resources/<holder>",
	.help = "what a holder has and may have; takes limit KIND SOFT HARD, numbers or none",
	.rights = HX_NODE_READ | HX_NODE_APPEND, .max_bytes = 2048,
	.show = resources_show, .take = resources_take, .list = resources_list,
};
HX_NODE(resources_node);

static const struct hx_verb resources_verb = {
	.name = "resources", .usage = "resources", .help = "holders of resources",
	.node = "/resources",
};
HX_VERB(resources_verb);
