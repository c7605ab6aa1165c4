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

HX_WORD(fault, "helix.fault", "<point>[:n][,…]: fail at the n-th hit of a point");

static bool is_registered(const char *name)
{
	const struct hx_fault_point *const *it;

	HX_SECTION_FOREACH(it, hx_fault_points) {
		if (hx_glob((*it)->name, name))
			return true;
	}
	return false;
}

static int points_show(struct hx_text *out, const struct hx_node_args *args)
{
	const struct hx_fault_point *const *it;
	struct fault_armed a;
	unsigned i;

	HX_SECTION_FOREACH(it, hx_fault_points)
		hx_text_printf(out, "point=%s help=%s\n", (*it)->name, (*it)->help);
	for (i = 0; fault_armed_at(i, &a); i++) {
		if (a.name[0] != '\0')
			hx_text_printf(out, "armed=%s after=%llu\n", a.name,
				       (unsigned long long)a.left);
	}
	return 0;
}

static const struct hx_node points_node = {
	.path = "/fault/points", .help = "points that can be armed, and those that are",
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

static int take_arm(const char *point, char *rest, struct hx_text *ack)
{
	const char *after = next_word(&rest), *n = after != NULL ? next_word(&rest) : "1";
	char spec[HX_FAULT_NAME_MAX + 16];
	int err = -HX_EINVAL;

	/* A ':' in the name would be read as a count. */
	if ((after == NULL || hx_strcmp(after, "after") == 0) && n != NULL &&
	    next_word(&rest) == NULL && hx_strchr(point, ':') == NULL &&
	    hx_snprintf(spec, sizeof(spec), "%s:%s", point, n) < (int)sizeof(spec))
		err = hx_fault_arm(spec);
	if (err == 0)
		hx_text_printf(ack, "point=%s after=%s registered=%d", point, n,
			       is_registered(point));
	else
		hx_text_puts(ack, err == -HX_ENFILE ? "detail=table-full"
			     : "detail=usage usage=\"arm <point> [after <n>]\"");
	return err;
}

static int ctl_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	char copy[HX_LINE_MAX + 1], *rest = copy;
	const char *verb, *point;

	hx_strlcpy(copy, line, sizeof(copy));
	verb = next_word(&rest);
	point = verb != NULL ? next_word(&rest) : NULL;
	if (point != NULL && hx_strcmp(verb, "arm") == 0)
		return take_arm(point, rest, ack);
	if (point == NULL || hx_strcmp(verb, "disarm") != 0 || next_word(&rest) != NULL) {
		hx_text_puts(ack, "detail=usage usage=\"arm <point> [after <n>] | "
			     "disarm <point>\"");
		return -HX_EINVAL;
	}
	if (hx_fault_disarm(point) != 0) {
		hx_text_puts(ack, "detail=not-armed");
		return -HX_ENOENT;
	}
	hx_text_printf(ack, "point=%s", point);
	return 0;
}

static const struct hx_node ctl_node = {
	.path = "/fault/ctl", .help = "arm <point> [after <n>] | disarm <point>",
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
