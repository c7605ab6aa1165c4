// SPDX-License-Identifier: MIT
/*
 * How people reach the fault points: helix.fault= at boot, /fault/points and /fault/ctl later.
 * Compiled in only with CONFIG_FAULT_INJECTION.
 */
#include <hx/base.h>
#include <hx/core/cmdline.h>
#include <hx/core/fault.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/core/text.h>

#include "fault_priv.h"

HX_WORD(fault, "helix.fault", "<point>[:n[:kind]][,…]: a fault at the n-th hit of a point");

/* Modules have no points of their own in here: their code names them. */
HX_FAULT_POINT(module, "module.*", "a point in the code of a module");

static const struct hx_fault_point *registered(const char *name)
{
	const struct hx_fault_point *const *it;

	HX_SECTION_FOREACH(it, hx_fault_points) {
		if (hx_glob((*it)->name, name))
			return *it;
	}
	return NULL;
}

static void show_count(struct hx_text *out, const char *word, uint64_t n)
{
	if (n == HX_FAULT_ALWAYS)
		hx_text_printf(out, " %s=always", word);
	else
		hx_text_printf(out, " %s=%llu", word, (unsigned long long)n);
}

static void show_armed(struct hx_text *out, const struct fault_armed *a)
{
	hx_text_printf(out, "%s=%s kind=%s", a->is_armed ? "armed" : "disarmed", a->name,
		       hx_fault_kind_name(a->kind));
	if (a->is_armed) {
		show_count(out, "after", a->left);
		show_count(out, "every", a->every);
		show_count(out, "times", a->times);
		show_count(out, "odds", a->odds);
	}
	show_count(out, "hits", a->n_hits);
	show_count(out, "fired", a->n_fired);
	hx_text_puts(out, "\n");
}

static int points_show(struct hx_text *out, const struct hx_node_args *args)
{
	const struct hx_fault_point *const *it;
	struct fault_armed a;
	unsigned i;

	HX_SECTION_FOREACH(it, hx_fault_points)
		hx_text_printf(out, "point=%s kind=%s help=%s\n", (*it)->name,
			       hx_fault_kind_name((*it)->kind), (*it)->help);
	for (i = 0; fault_armed_at(i, &a); i++) {
		if (a.name[0] != '\0')
			show_armed(out, &a);
	}
	return 0;
}

static const struct hx_node points_node = {
	.path = "/fault/points",
	.help = "points that can be armed; those that are or were, and how often they fired",
	.rights = HX_NODE_READ, .max_bytes = 8192, .show = points_show,
};
HX_NODE(points_node);

/* Cut the next word off *rest: NUL-terminated in place. NULL: there is none. */
static char *next_word(char **rest)
{
	char *word = *rest, *end;

	while (*word == ' ')
		word++;
	if (*word == '\0')
		return NULL;
	end = hx_strchr(word, ' ');
	*rest = end != NULL ? end + 1 : word + hx_strlen(word);
	if (end != NULL)
		*end = '\0';
	return word;
}

#define USAGE	"detail=usage usage=\"arm <point> [kind <kind>] [after <n>] [every <n>] " \
		"[times <n>|always] [odds <n>] | disarm <point> | seed <n>\""

/* One "<word> <value>" of an arm line. */
static bool take_option(struct hx_fault_plan *plan, const char *word, const char *value)
{
	uint64_t n;

	if (hx_strcmp(word, "kind") == 0) {
		plan->kind = hx_fault_kind_named(value);
		return plan->kind != HX_FAULT_NONE;
	}
	if (hx_strcmp(word, "times") == 0 && hx_strcmp(value, "always") == 0) {
		plan->times = HX_FAULT_ALWAYS;
		return true;
	}
	if (hx_parse_u64(value, FAULT_COUNT_MAX, &n) != 0 || n == 0)
		return false;
	if (hx_strcmp(word, "after") == 0)
		plan->after = n;
	else if (hx_strcmp(word, "every") == 0)
		plan->every = n;
	else if (hx_strcmp(word, "times") == 0)
		plan->times = n;
	else if (hx_strcmp(word, "odds") == 0)
		plan->odds = (uint32_t)n;
	else
		return false;
	return true;
}

static int take_arm(const char *point, char *rest, struct hx_text *ack)
{
	const struct hx_fault_point *p = registered(point);
	struct hx_fault_plan plan = { .point = point, .kind = p != NULL ? p->kind : HX_FAULT_FAIL,
				      .after = 1 };
	const char *word, *value;
	bool is_good = true;
	int err = -HX_EINVAL;

	while (is_good && (word = next_word(&rest)) != NULL) {
		value = next_word(&rest);
		is_good = value != NULL && take_option(&plan, word, value);
	}
	/* A ':' in the name would be read as a count by the kernel word. */
	if (is_good && hx_strchr(point, ':') == NULL)
		err = hx_fault_plan_arm(&plan);
	if (err == 0)
		hx_text_printf(ack, "point=%s after=%llu registered=%d", point,
			       (unsigned long long)plan.after, p != NULL);
	else
		hx_text_puts(ack, err == -HX_ENFILE ? "detail=table-full" : USAGE);
	return err;
}

static int take_seed(const char *value, struct hx_text *ack)
{
	uint64_t n;

	if (hx_parse_u64(value, UINT64_MAX, &n) != 0) {
		hx_text_puts(ack, USAGE);
		return -HX_EINVAL;
	}
	hx_fault_seed(n);
	hx_text_printf(ack, "seed=%llu", (unsigned long long)n);
	return 0;
}

static int ctl_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	char copy[HX_LINE_MAX + 1], *rest = copy;
	const char *verb, *what;

	hx_strlcpy(copy, line, sizeof(copy));
	verb = next_word(&rest);
	what = verb != NULL ? next_word(&rest) : NULL;
	if (what != NULL && hx_strcmp(verb, "arm") == 0)
		return take_arm(what, rest, ack);
	if (what == NULL || next_word(&rest) != NULL ||
	    (hx_strcmp(verb, "disarm") != 0 && hx_strcmp(verb, "seed") != 0)) {
		hx_text_puts(ack, USAGE);
		return -HX_EINVAL;
	}
	if (*verb == 's')
		return take_seed(what, ack);
	if (hx_fault_disarm(what) != 0) {
		hx_text_puts(ack, "detail=not-armed");
		return -HX_ENOENT;
	}
	hx_text_printf(ack, "point=%s", what);
	return 0;
}

static const struct hx_node ctl_node = {
	.path = "/fault/ctl", .help = "arm <point> [kind <k>] [after <n>] [every <n>] [times <n>] "
	"[odds <n>] | disarm <point> | seed <n>",
	.rights = HX_NODE_APPEND, .max_bytes = 0, .take = ctl_take,
};
HX_NODE(ctl_node);

/* First of all components after the command line, so that it can fail every other one. */
static int fault_init(void)
{
	char words[128], *spec = words, *comma;
	int n = hx_cmdline_get("helix.fault", words, sizeof(words));

	if (n == -HX_ENAMETOOLONG)
		hx_warn("fault", "helix.fault is longer than %zu bytes", sizeof(words) - 1);
	for (; n > 0 && spec != NULL; spec = comma) {
		comma = hx_strchr(spec, ',');
		if (comma != NULL)
			*comma++ = '\0';
		if (hx_fault_arm(spec) != 0)
			hx_warn("fault", "cannot arm %s", spec);
		else
			hx_info("fault", "armed %s", spec);
	}
	return 0;
}

HX_COMPONENT(fault) = {
	.name = "fault", .phase = HX_PHASE_BOOT, .version = 1,
	.needs = "cmdline",
	.init = fault_init,
};
