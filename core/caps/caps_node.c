// SPDX-License-Identifier: MIT
/*
 * Capabilities as text: /caps/<holder> shows a table and takes "revoke" and "recall", the verb caps
 * lists the holders, and what happens goes into /log/audit.
 */
#include <hx/core/console.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>

#include "caps_priv.h"

#define SHOWN_MAX	500u	/* capabilities; a line has at most 120 bytes */
#define RIGHTS_MAX	9u	/* "rwxdcage" with the NUL */

/* One after the other, in the order of enum hx_cap_type from 1. */
static const char type_names[] =
	"memory\0process\0thread\0io_port\0interrupt\0file\0channel\0topic\0device\0module\0slot\0"
	"node\0resource\0custom\0";

_Static_assert(HX_CAP_TYPES == 15, "a type changed: keep its name above in step");

static const char *type_name(uint32_t type)
{
	const char *name = type_names;

	if (type == 0 || type >= HX_CAP_TYPES)
		return "-";
	while (--type != 0)
		name += hx_strlen(name) + 1;
	return name;
}

static const char *rights_text(uint32_t rights, char text[RIGHTS_MAX])
{
	static const char letters[RIGHTS_MAX] = "rwxdcage";

	for (unsigned i = 0; i < RIGHTS_MAX - 1; i++)
		text[i] = rights & 1u << i ? letters[i] : '-';
	text[RIGHTS_MAX - 1] = '\0';
	return text;
}

/* ---- the audit log */

/* By hand: printf would be half of what a derivation with its record costs. */
static char *add_text(char *to, const char *text)
{
	while (*text != '\0')
		*to++ = *text++;
	*to = '\0';
	return to;
}

static char *add_hex(char *to, uint64_t value)
{
	unsigned shift = value == 0 ? 0 : hx_log2_floor(value) & ~3u;

	for (;; shift -= 4) {
		*to++ = "0123456789abcdef"[value >> shift & 15];
		if (shift == 0)
			break;
	}
	*to = '\0';
	return to;
}

void cap_audit(enum cap_event event, const struct hx_cap_table *t, hx_cap_t cap, uint32_t type,
	       uint32_t rights, int result)
{
	static const char *const verbs[] = {
		"grant", "derive", "move", "revoke", "recall", "deny",
	};
	/* The longest: "derive cap=0x" + 16 + " type=interrupt rights=rwxdcage". */
	char node[sizeof("/caps/") + HX_CAP_HOLDER_MAX], line[80], letters[RIGHTS_MAX];
	const char *holder = t->holder[0] != '\0' ? t->holder : "-";
	char *to = line;

	/* What is put into transit is recorded when it arrives. */
	if (!HX_ENABLED(CAPS_AUDIT) || (result == 0 && (t->flags & HX_CAP_TABLE_TRANSIT) != 0))
		return;
	add_text(add_text(node, "/caps/"), holder);
	to = add_hex(add_text(add_text(to, verbs[event]), " cap=0x"), cap);
	to = add_text(add_text(to, " type="), type_name(type & ~HX_CAP_UNSETTLED_));
	add_text(add_text(to, " rights="), rights_text(rights, letters));
	hx_audit(holder, node, line, result);
}

/* ---- /caps/<holder> */

static void show_cap(struct hx_text *out, hx_cap_t cap, const struct hx_cap_info *info)
{
	char letters[RIGHTS_MAX];

	hx_text_printf(out, "cap=0x%llx type=%s rights=%s depth=%u lent=%u",
		       (unsigned long long)cap, type_name(info->type),
		       rights_text(info->rights, letters), info->depth, info->is_lent);
	if (info->expires_ns != HX_FOREVER)
		hx_text_printf(out, " expires_ns=%llu", (unsigned long long)info->expires_ns);
	hx_text_puts(out, "\n");
}

/* The next handle from *idx on, HX_CAP_NONE: no more. */
static hx_cap_t next_cap(struct hx_cap_table *t, uint32_t *idx)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&t->lock);
	hx_cap_t cap = HX_CAP_NONE;

	while (cap == HX_CAP_NONE && t->slots != cap_no_slots && *idx <= t->mask)
		cap = t->slots[(*idx)++].handle;
	hx_spin_unlock_irqrestore(&t->lock, flags);
	return cap;
}

static void show_table(struct hx_text *out, struct hx_cap_table *t)
{
	uint32_t idx = 0, n_shown = 0, n_more = 0;
	struct hx_cap_info info;
	hx_cap_t cap;

	hx_text_printf(out, "holder=%s used=%u limit=%u denied=%llu\n", t->holder, t->n_used,
		       t->limit, (unsigned long long)t->n_denied);
	while ((cap = next_cap(t, &idx)) != HX_CAP_NONE) {
		if (n_shown == SHOWN_MAX)
			n_more++;
		else if (hx_cap_info(t, cap, &info) == 0) {
			show_cap(out, cap, &info);
			n_shown++;
		}
		hx_resched_point();
	}
	if (n_more != 0)
		hx_text_printf(out, "more=%u\n", n_more);
}

static struct hx_cap_table *find_table(struct hx_cap_table *t, const char *holder)
{
	while (t != NULL && hx_strcmp(t->holder, holder) != 0)
		t = t->next;
	return t;
}

static int caps_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct hx_cap_table *t;
	int err = -HX_ENOENT;

	cap_tables_lock();
	for (t = find_table(cap_tables_first(), args->var[0]); t != NULL;
	     t = find_table(t->next, args->var[0])) {
		show_table(out, t);
		err = 0;
	}
	cap_tables_unlock();
	return err;
}

static int caps_list(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args)
{
	struct hx_cap_table *t;

	cap_tables_lock();
	for (t = cap_tables_first(); t != NULL && idx > 0; idx--)
		t = t->next;
	if (t != NULL)
		hx_strlcpy(name, t->holder, HX_NAME_MAX);
	cap_tables_unlock();
	return t != NULL ? 0 : -HX_ENOENT;
}

/* "revoke HANDLE" or "recall HANDLE", and nothing behind it. */
static int parse_line(const char *line, bool *itself, hx_cap_t *cap)
{
	static const char revoke[] = "revoke ", recall[] = "recall ";

	*itself = hx_strncmp(line, revoke, sizeof(revoke) - 1) == 0;
	if (!*itself && hx_strncmp(line, recall, sizeof(recall) - 1) != 0)
		return -HX_EINVAL;
	return hx_parse_u64(line + sizeof(revoke) - 1, UINT64_MAX, cap);
}

static int caps_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	struct hx_cap_revocation r;
	struct hx_cap_table *t;
	hx_cap_t cap;
	bool itself;
	int err = parse_line(line, &itself, &cap);

	if (err != 0) {
		hx_text_puts(ack, "detail=usage");
		return -HX_EINVAL;
	}
	cap_tables_lock();
	t = find_table(cap_tables_first(), args->var[0]);
	if (t == NULL)
		err = -HX_ENOENT;
	else
		err = itself ? hx_cap_revoke_start(t, cap, &r) : hx_cap_recall_start(t, cap, &r);
	if (err == 0) {
		while (hx_cap_revoke_step(&r))
			hx_resched_point();
		hx_text_printf(ack, "revoked=%llu", (unsigned long long)r.n_gone);
	}
	cap_tables_unlock();
	return err;
}

static const struct hx_node caps_node = {
	.path = "/caps/<holder>",
	.help = "a holder's capabilities; takes revoke CAP (all below and itself) or recall CAP",
	.rights = HX_NODE_READ | HX_NODE_APPEND, .max_bytes = 65536,
	.show = caps_show, .take = caps_take, .list = caps_list,
};
HX_NODE(caps_node);

static const struct hx_verb caps_verb = {
	.name = "caps", .usage = "caps", .help = "who holds capabilities", .node = "/caps",
};
HX_VERB(caps_verb);
