// SPDX-License-Identifier: MIT
/*
 * /irq/ctl: where a line goes, its limit, and the end of a pause.
 */
#include <hx/core/names.h>
#include <hx/core/string.h>
#include <hx/core/text.h>

#include "irq_router_priv.h"

#define CTL_USAGE	"affinity <line> <cpus>|all, limit <line> <per second>, resume <line>"
#define WORDS		3

/* One "2" or "0-3" of a list, ended by comma or NUL; *at moves behind it. False: it is neither. */
static bool parse_range(char **at, uint64_t *bits)
{
	char *s = *at, *end = s, *to = NULL;
	uint64_t first, last;
	bool more;

	while (*end != ',' && *end != '\0') {
		if (*end == '-' && to == NULL) {
			*end = '\0';
			to = end + 1;
		}
		end++;
	}
	more = *end == ',';
	*end = '\0';
	if (hx_parse_u64(s, 63, &first) != 0)
		return false;
	last = first;
	if (to != NULL && (hx_parse_u64(to, 63, &last) != 0 || last < first))
		return false;
	*bits |= (~0ull >> (63 - (last - first))) << first;
	*at = end + more;
	return !more || **at != '\0';
}

static bool parse_cpus(char *s, uint64_t *bits)
{
	*bits = 0;
	if (hx_strcmp(s, "all") == 0) {
		*bits = UINT64_MAX;
		return true;
	}
	do {
		if (!parse_range(&s, bits))
			return false;
	} while (*s != '\0');
	return true;
}

static int ctl_do(char *words[], unsigned n, struct hx_text *ack)
{
	uint64_t line, value;

	if (n < 2 || n > WORDS || hx_parse_u64(words[1], HX_IRQ_LINES - 1, &line) != 0)
		goto usage;
	if (n == 2 && hx_strcmp(words[0], "resume") == 0)
		return hx_irq_resume((uint32_t)line);
	if (n == 3 && hx_strcmp(words[0], "limit") == 0 &&
	    hx_parse_u64(words[2], UINT32_MAX, &value) == 0)
		return hx_irq_set_limit((uint32_t)line, value);
	if (n == 3 && hx_strcmp(words[0], "affinity") == 0 && parse_cpus(words[2], &value))
		return hx_irq_set_affinity((uint32_t)line, (struct hx_cpumask){ value });
usage:
	hx_text_printf(ack, "detail=usage usage=\"%s\"", CTL_USAGE);
	return -HX_EINVAL;
}

static int ctl_take(const char *text, struct hx_text *ack, const struct hx_node_args *args)
{
	char copy[HX_LINE_MAX + 1], *words[WORDS];
	uint64_t before = ack->total;
	unsigned n;
	int err;

	hx_strlcpy(copy, text, sizeof(copy));
	n = hx_cut_words(copy, words, WORDS);
	err = ctl_do(words, n, ack);
	if (err == 0)
		hx_text_printf(ack, "line=%s", words[1]);
	else if (ack->total == before)
		hx_text_printf(ack, "detail=%s line=%s", err == -HX_ENOENT ? "free-line" :
			       err == -HX_ENODEV ? "no-wire" : "value", words[1]);
	return err;
}

static const struct hx_node ctl_node = {
	.path = "/irq/ctl", .help = CTL_USAGE, .rights = HX_NODE_APPEND, .take = ctl_take,
};
HX_NODE(ctl_node);
