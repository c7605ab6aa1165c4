// SPDX-License-Identifier: MIT
/*
 * The scheduler's own nodes: rules, what they did, templates, and why a thread is treated as it is.
 */
#include <hx/core/heap.h>
#include <hx/core/names.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/hal/timer.h>

#include "policy_priv.h"
#include "templates_priv.h"

typedef unsigned long long ull;

static int policy_show(struct hx_text *out, const struct hx_node_args *args)
{
	dis_policy_show(out);
	return 0;
}

static int policy_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	return dis_policy_take(line, ack);
}

static int events_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct dis_event *e = hx_alloc(sizeof(*e) * DIS_EVENTS_MAX);
	uint64_t fired, logged;
	unsigned n, i;

	if (e == NULL)
		return -HX_ENOMEM;
	n = dis_policy_events(e, DIS_EVENTS_MAX);
	dis_policy_count(&fired, &logged);
	hx_text_printf(out, "fired=%llu events=%llu kept=%u\n", (ull)fired, (ull)logged, n);
	for (i = 0; i < n; i++)
		hx_text_printf(out, "at_ns=%llu thread=%u rule=%s in_force=%d\n", (ull)e[i].at_ns,
			       e[i].thread_id, e[i].rule, e[i].fired);
	hx_free(e);
	return 0;
}

static void put_intent(struct hx_text *out, const struct hx_intent *i)
{
	unsigned bit;
	const char *comma = "";

	hx_text_printf(out, "class=%s nice=%d latency_ns=%llu budget_kind=%u budget=%u energy=%u "
		       "flags=", dis_class_name(i->class), i->nice, (ull)i->latency_ns,
		       i->budget_kind, i->budget, i->energy);
	for (bit = 0; bit < DIS_FLAGS; bit++) {
		if ((i->flags >> bit & 1) == 0)
			continue;
		hx_text_printf(out, "%s%s", comma, dis_flag_name(bit));
		comma = ",";
	}
}

static int templates_show(struct hx_text *out, const struct hx_node_args *args)
{
	unsigned i;

	for (i = 0; i < dis_n_templates; i++) {
		hx_text_printf(out, "template=%s ", dis_templates[i].name);
		put_intent(out, &dis_templates[i].intent);
		hx_text_printf(out, " why=\"%s\"\n", dis_templates[i].why);
	}
	for (i = 0; i < dis_n_policy_templates; i++)
		hx_text_printf(out, "policy_template=%s\n", dis_policy_templates[i]);
	return 0;
}

/* ---- one thread */

/* Copied while the table of threads and the run queue are locked, printed after. */
struct facts {
	uint32_t after, id;
	bool found, ours;
	struct dis_thread d;
	struct hx_intent intent;
};

static bool copy_visit(struct hx_thread *t, void *arg)
{
	struct facts *f = arg;
	hx_irqflags_t flags;

	if (t->id <= f->after)
		return true;
	/* Not idle threads, which are not admitted; nobody while another provider is in use: the
	 * words are then somebody else's. */
	flags = hx_runq_lock(t->rq);
	f->ours = dis_queues() != NULL && dis_of(t) != NULL;
	if (f->ours) {
		f->d = *dis_of(t);
		f->intent = *t->intent;
	}
	hx_runq_unlock(t->rq, flags);
	f->id = t->id;
	f->found = true;
	return false;
}

static bool facts_after(uint32_t after, struct facts *f)
{
	f->after = after;
	f->found = false;
	hx_thread_foreach(copy_visit, f);
	return f->found;
}

/* All threads, as for the other nodes below /sched/threads/<id>. */
static int dis_list(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args)
{
	struct facts *f = hx_alloc(sizeof(*f));
	uint32_t id = 0;
	bool found;

	if (f == NULL)
		return -HX_ENOMEM;
	do {
		found = facts_after(id, f);
		id = f->id;
	} while (found && idx-- > 0);
	hx_free(f);
	if (!found)
		return -HX_ENOENT;
	hx_snprintf(name, HX_NAME_MAX, "%u", id);
	return 0;
}

static void put_rules(struct hx_text *out, const struct dis_thread *d)
{
	struct dis_rules *set = hx_alloc(sizeof(*set));
	unsigned i;

	if (set == NULL)
		return;
	dis_policy_get(set);
	for (i = 0; d->generation == dis_policy_generation && i < set->n; i++)
		if (d->active >> i & 1)
			hx_text_printf(out, "rule=%s\n", set->rule[i].name);
	hx_free(set);
}

static const char *place_of(const struct dis_thread *d)
{
	static const char *const places[] = { "realtime", "fair", "idle", "held", "-" };

	return d->where <= DIS_NOWHERE ? places[d->where] : "?";
}

static void put_thread(struct hx_text *out, const struct facts *f)
{
	const struct dis_thread *d = &f->d;
	const struct dis_stats *s = &d->s;
	const struct dis_learned *l = &d->learned;

	hx_text_puts(out, "intent ");
	put_intent(out, &f->intent);
	hx_text_printf(out, "\ndecision class=%s urgency=%d level=%u queue=%s weight=%u "
		       "slice_ns=%llu request_ns=%llu quota_ns=%llu period_ns=%llu "
		       "promised_ppm=%u\n",
		       dis_class_name(d->p.class), d->p.urgency, d->p.level, place_of(d),
		       d->p.weight, (ull)d->p.slice_ns, (ull)d->p.request_ns, (ull)d->p.quota_ns,
		       (ull)d->p.period_ns, d->t->promised_ppm);
	hx_text_printf(out, "account left_ns=%lld exhausted=%llu deadlines=%u missed=%u\n",
		       (long long)d->account.left_ns, (ull)d->account.n_exhausted,
		       s->n_deadlines, s->n_missed);
	hx_text_printf(out, "statistics ran_ns=%llu share_permille=%u run_ns=%llu run_dev_ns=%llu "
		       "sleep_ns=%llu wait_ns=%llu wait_max_ns=%llu interval_ns=%llu "
		       "interval_dev_ns=%llu bursts=%u slice_ends=%u\n", (ull)s->ran_ns,
		       s->share_permille, (ull)s->run_ema, (ull)s->run_dev, (ull)s->sleep_ema,
		       (ull)s->wait_ema, (ull)s->wait_max_ns, (ull)s->interval_ema,
		       (ull)s->interval_dev, s->n_bursts, s->n_slice_ends);
	hx_text_printf(out, "optimizer behaviour=%s confidence=%u predicted_ns=%llu error_ns=%llu "
		       "error_percent=%u learned_slice_ns=%llu why=\"%s\"\n",
		       dis_behaviour_name(l->behaviour), l->confidence, (ull)s->run_ema,
		       (ull)s->run_dev, dis_error_percent(d), (ull)l->slice_ns,
		       dis_behaviour_why(l->behaviour));
	if (d->boost_until_ns != 0)
		hx_text_printf(out, "boost urgency=%d until_ns=%llu\n", d->boost,
			       (ull)d->boost_until_ns);
	if (d->throttle_until_ns != 0)
		hx_text_printf(out, "throttle percent=%u until_ns=%llu\n", d->throttle_percent,
			       (ull)d->throttle_until_ns);
	put_rules(out, d);
}

static int dis_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct facts *f;
	uint64_t id;
	bool found;

	if (hx_parse_u64(args->var[0], UINT32_MAX, &id) != 0 || id == 0)
		return -HX_ENOENT;
	f = hx_alloc(sizeof(*f));
	if (f == NULL)
		return -HX_ENOMEM;
	found = facts_after((uint32_t)id - 1, f) && f->id == id;
	if (found && f->ours)
		put_thread(out, f);
	else if (found)
		hx_text_puts(out, "decision queue=none\n");
	hx_free(f);
	return found ? 0 : -HX_ENOENT;
}

static const struct hx_node policy_node = {
	.path = "/sched/policy",
	.help = "rules; takes rule ..., drop NAME, clear, template NAME, begin, commit, abort, "
		"clock HH:MM",
	.rights = HX_NODE_READ | HX_NODE_APPEND, .max_bytes = 16384,
	.show = policy_show, .take = policy_take,
};
HX_NODE(policy_node);

static const struct hx_node events_node = {
	.path = "/sched/policy_events", .help = "what the rules did last",
	.rights = HX_NODE_READ, .max_bytes = 8192, .show = events_show,
};
HX_NODE(events_node);

static const struct hx_node templates_node = {
	.path = "/sched/templates", .help = "ready-made intents, and sets of rules",
	.rights = HX_NODE_READ, .max_bytes = 4096, .show = templates_show,
};
HX_NODE(templates_node);

static const struct hx_node dis_node = {
	.path = "/sched/threads/<id>/dis",
	.help = "how the intent scheduler sees a thread, and why",
	.rights = HX_NODE_READ, .max_bytes = 4096, .show = dis_show, .list = dis_list,
};
HX_NODE(dis_node);
