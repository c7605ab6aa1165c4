// SPDX-License-Identifier: MIT
/*
 * The policy engine: rules look at threads, and what they ask for takes effect.
 *
 * 1 When. Every 10 ms, per queue: the running thread and up to 8 ready ones, those first that were
 *   not looked at for longest. Bound: 9 threads * 32 rules * 8 conditions, and for each thread
 *   whose rules changed one dequeue and enqueue.
 * 2 In force. A rule fires for a thread when its condition holds and the last time was at least a
 *   cooldown ago; it is then in force until its condition is found not to hold, again a cooldown
 *   after it fired at the earliest. What all rules in force ask for is added up from nothing
 *   (struct dis_overlay), so effects never pile up and never stay behind. boost, throttle, preempt
 *   and custom happen once each time a rule fires.
 * 3 Conflicts. Rules are gone through by priority; of two that set the same thing the first wins,
 *   adjustments are added, scales multiplied.
 * 4 Locks. The set of rules is read under the run queue's lock and dis_lock, replaced under
 *   dis_lock. A number, the generation, tells a thread that the rules it obeys are gone.
 */
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/string.h>
#include <hx/hal/timer.h>

#include "hot.h"
#include "policy_priv.h"

#define DAY_S	86400u

uint32_t dis_policy_generation;
static struct dis_rules *rules;			/* dis_lock */
static struct dis_event events[DIS_EVENTS_MAX];	/* dis_lock */
static uint64_t n_events, n_fired;		/* dis_lock */
static struct hx_list hooks = HX_LIST_INIT(hooks);	/* dis_lock; only grows */
static uint32_t day_offset_s;			/* a */
static uint32_t memory_percent;			/* the housekeeping's own */

/* ---- hooks, time of day */

static bool is_name(const char *name)
{
	size_t i;

	for (i = 0; name[i] != '\0'; i++) {
		bool letter = (name[i] >= 'a' && name[i] <= 'z') ||
			      (name[i] >= 'A' && name[i] <= 'Z') || name[i] == '_';

		if (i >= HX_DIS_NAME_MAX - 1 ||
		    (!letter && !(i > 0 && name[i] >= '0' && name[i] <= '9')))
			return false;
	}
	return i > 0;
}

static struct hx_dis_hook *find_locked(const char *name)
{
	struct hx_list *l;

	HX_LIST_FOREACH(l, &hooks) {
		struct hx_dis_hook *h = HX_LIST_ENTRY(l, struct hx_dis_hook, link);

		if (hx_strcmp(h->name, name) == 0)
			return h;
	}
	return NULL;
}

struct hx_dis_hook *dis_hook_find(const char *name, bool predicate)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&dis_lock);
	struct hx_dis_hook *h = find_locked(name);

	hx_spin_unlock_irqrestore(&dis_lock, flags);
	return h != NULL && (predicate ? h->holds != NULL : h->act != NULL) ? h : NULL;
}

int hx_dis_hook_register(struct hx_dis_hook *hook)
{
	hx_irqflags_t flags;
	int err = 0;

	if ((hook->holds == NULL) == (hook->act == NULL) || hook->name == NULL ||
	    !is_name(hook->name))
		return -HX_EINVAL;
	flags = hx_spin_lock_irqsave(&dis_lock);
	if (find_locked(hook->name) != NULL)
		err = -HX_EEXIST;
	else
		hx_list_push_back(&hooks, &hook->link);
	hx_spin_unlock_irqrestore(&dis_lock, flags);
	return err;
}

int hx_dis_set_time_of_day(uint32_t seconds)
{
	if (seconds >= DAY_S)
		return -HX_ERANGE;
	__atomic_store_n(&day_offset_s, seconds + DAY_S -
			 (uint32_t)(hx_now_ns() / HX_NS_PER_S % DAY_S), __ATOMIC_RELAXED);
	return 0;
}

/* ---- what a rule may know */

/* What may take locks that lie outside a run queue's. */
void dis_policy_sample(void)
{
	uint64_t total = hx_frames_total(), n_free = hx_min_u64(total, hx_frames_n_free());

	memory_percent = total == 0 ? 0 : (uint32_t)((total - n_free) * 100 / total);
}

static void view_system(struct hx_dis_view *view, hx_ns_t now)
{
	const struct dis_queue *q;
	uint64_t load = 0, iowait = 0;
	uint32_t offset_s;
	unsigned n = 0;

	view->n_runnable = 0;
	for (q = dis_queues(); q != NULL; q = q->next, n++) {
		load += q->load_permille;
		iowait += q->iowait_permille;
		view->n_runnable += q->rq->n_ready + (q->curr != NULL);
	}
	view->load_percent = n == 0 ? 0 : (uint32_t)(load / n / 10);
	view->iowait_percent = n == 0 ? 0 : (uint32_t)(iowait / n / 10);
	view->memory_percent = memory_percent;
	offset_s = __atomic_load_n(&day_offset_s, __ATOMIC_RELAXED);
	view->time_of_day_s = (uint32_t)((now / HX_NS_PER_S + offset_s) % DAY_S);
}

static void view_thread(const struct dis_thread *d, hx_ns_t now, struct hx_dis_view *view)
{
	view->thread_id = d->t->id;
	view->class = d->p.class;
	view->level = d->p.level;
	view->urgency = d->p.urgency;
	view->flags = d->p.flags;
	view->usage_permille = d->s.share_permille;
	view->ran_ns = d->s.ran_ns;
	view->wait_ns = d->where < DIS_BANDS ? now - d->s.ready_ns : 0;
	view->age_ns = now - d->s.born_ns;
}

void dis_view_make(const struct dis_thread *d, hx_ns_t now, struct hx_dis_view *view)
{
	view_system(view, now);
	view_thread(d, now, view);
}

/* ---- conditions */

static bool compare(const struct dis_cond *c, int64_t is)
{
	switch (c->cmp) {
	case DIS_LT:
		return is < c->value;
	case DIS_LE:
		return is <= c->value;
	case DIS_GT:
		return is > c->value;
	case DIS_GE:
		return is >= c->value;
	case DIS_EQ:
		return is == c->value;
	default:
		return is != c->value;
	}
}

static bool simple_holds(const struct dis_cond *c, const struct hx_dis_view *v)
{
	int64_t now = v->time_of_day_s;

	switch (c->op) {
	case DIS_C_LOAD:
		return compare(c, v->load_percent);
	case DIS_C_MEMORY:
		return compare(c, v->memory_percent);
	case DIS_C_IOWAIT:
		return compare(c, v->iowait_percent);
	case DIS_C_RUNNABLE:
		return compare(c, v->n_runnable);
	case DIS_C_TIME:	/* 22:00-06:00 goes over midnight */
		return c->value <= c->until ? now >= c->value && now < c->until
		       : now >= c->value || now < c->until;
	case DIS_C_CLASS:
		return v->class == c->which;
	case DIS_C_URGENCY:
		return compare(c, v->urgency);
	case DIS_C_RUNTIME:
		return compare(c, (int64_t)v->ran_ns);
	case DIS_C_WAIT:
		return compare(c, (int64_t)v->wait_ns);
	case DIS_C_USAGE:
		return compare(c, v->usage_permille / 10);
	case DIS_C_FLAG:
		return (v->flags >> c->which & 1) != 0;
	case DIS_C_AGE:
		return compare(c, (int64_t)v->age_ns);
	default:
		return c->hook != NULL && c->hook->holds(v);
	}
}

/* The tree that begins at c; the parser has bounded its depth by its size. */
static bool holds(const struct dis_cond *c, const struct hx_dis_view *v)
{
	const struct dis_cond *below = c + 1, *end = below + c->n_below;

	if (c->op < DIS_C_ALL || c->op == DIS_C_CUSTOM)
		return simple_holds(c, v);
	if (c->op == DIS_C_NOT)
		return !holds(below, v);
	for (; below < end; below += 1 + below->n_below)
		if (holds(below, v) != (c->op == DIS_C_ALL))
			return c->op == DIS_C_ANY;
	return c->op == DIS_C_ALL;
}

bool dis_rule_holds(const struct dis_rule *r, const struct hx_dis_view *view)
{
	return holds(&r->conds[0], view);
}

static bool applies(const struct dis_rule *r, const struct dis_thread *d)
{
	switch (r->scope) {
	case DIS_S_CLASS:
		return dis_classify(d->t->intent) == r->who;
	case DIS_S_GROUP:
		return d->t->intent->group == r->who;
	case DIS_S_TASK:
		return d->t->id == r->who;
	default:
		return true;
	}
}

/* ---- actions */

static const struct dis_overlay nothing = {
	.class = DIS_NONE, .band = DIS_NONE, .scale_percent = 100,
};

void dis_policy_forget(struct dis_thread *d)
{
	d->overlay = nothing;
	d->active = 0;
	d->generation = dis_policy_generation;
	d->fired_is_set = false;
}

/* What lasts while the rule is in force. The first rule to set something wins. */
static void overlay_add(struct dis_overlay *o, const struct dis_act *a)
{
	switch (a->op) {
	case DIS_A_URGENCY:
		if (!o->has_urgency)
			o->urgency = a->urgency;
		o->has_urgency = true;
		break;
	case DIS_A_ADJUST:
		o->adjust += a->urgency;
		break;
	case DIS_A_SLICE:
		if (o->slice_ns == 0)
			o->slice_ns = a->value;
		break;
	case DIS_A_SCALE:
		o->scale_percent = (uint32_t)hx_min_u64(o->scale_percent * a->value / 100, 100000);
		break;
	case DIS_A_AFFINITY:
		if (o->affinity == 0)
			o->affinity = a->value;
		break;
	case DIS_A_PIN:
		if (o->pin == 0 && o->affinity == 0)
			o->affinity = (uint64_t)1 << a->which;
		if (o->pin == 0)
			o->pin = 1;
		break;
	case DIS_A_MIGRATE:
		if (o->pin == 0)
			o->pin = 2;
		break;
	case DIS_A_QUEUE:
		if (o->band == DIS_NONE)
			o->band = a->which;
		break;
	case DIS_A_CLASS:
		if (o->class == DIS_NONE)
			o->class = a->which;
		break;
	case DIS_A_BUDGET:
		if (o->budget_percent == 0)
			o->budget_percent = a->which;
		break;
	case DIS_A_NOPREEMPT:
		o->no_preempt = true;
		break;
	default:
		break;
	}
}

/* What happens once, when the rule fires. */
static void act_once(struct dis_thread *d, const struct dis_act *a, hx_ns_t now,
		     const struct hx_dis_view *view)
{
	if (a->op == DIS_A_BOOST) {
		d->boost = a->urgency;
		d->boost_until_ns = now + a->value;
	} else if (a->op == DIS_A_THROTTLE) {
		d->throttle_percent = a->which;
		d->throttle_until_ns = now + a->value;
	} else if (a->op == DIS_A_PREEMPT) {
		d->force_turn = true;
	} else if (a->op == DIS_A_CUSTOM && a->hook != NULL) {
		a->hook->act(view);
	}
}

static void note(const struct dis_thread *d, const struct dis_rule *r, bool fired, hx_ns_t now)
{
	struct dis_event *e = &events[n_events++ % DIS_EVENTS_MAX];

	e->at_ns = now;
	e->thread_id = d->t->id;
	e->fired = fired;
	hx_strlcpy(e->rule, r->name, sizeof(e->rule));
}

/* One rule and one thread. True: what the thread is to be changed. */
static bool consider(struct dis_thread *d, unsigned i, hx_ns_t now, const struct hx_dis_view *view)
{
	struct dis_rule *r = &rules->rule[i];
	uint32_t bit = (uint32_t)1 << i, now_ms = (uint32_t)(now / HX_NS_PER_MS);
	bool now_holds = applies(r, d) && dis_rule_holds(r, view);
	unsigned k;

	/* fired_ms is 0 for "never"; a thread is not looked at in the first millisecond. */
	if (now_holds == ((d->active & bit) != 0) && !now_holds)
		return false;
	if (d->fired_ms[i] != 0 && now_ms - d->fired_ms[i] < r->cooldown_ms)
		return false;
	if (!now_holds) {
		d->active &= ~bit;
		note(d, r, false, now);
		return true;
	}
	if ((d->active & bit) == 0 || r->cooldown_ms != 0)
		note(d, r, true, now);
	d->fired_ms[i] = now_ms == 0 ? 1 : now_ms;
	r->n_fired++;
	n_fired++;
	for (k = 0; k < r->n_acts; k++)
		act_once(d, &r->acts[k], now, view);
	d->active |= bit;
	return true;
}

/* All rules and one thread; dis_lock is held. */
static void look_at(struct dis_queue *q, struct dis_thread *d, hx_ns_t now,
		    struct hx_dis_view *view)
{
	uint32_t was = d->active;
	int32_t boost = d->boost;
	hx_ns_t throttled = d->throttle_until_ns;
	bool change = false, touched = false;
	unsigned i, k;

	if (d->generation != dis_policy_generation) {
		dis_policy_forget(d);
		change = true;
	}
	if (!d->fired_is_set) {
		memset(d->fired_ms, 0, sizeof(d->fired_ms));
		d->fired_is_set = true;
	}
	change |= dis_expire(d, now);
	dis_stats_window(d, now);
	view_thread(d, now, view);
	for (i = 0; i < rules->n; i++)
		touched |= consider(d, i, now, view);
	change |= touched && (d->active != was || d->boost != boost ||
			      d->throttle_until_ns != throttled);
	if (!change) {
		dis_confine(d);		/* it may have forgotten its rules when it was woken */
		return;
	}
	d->overlay = nothing;
	for (i = 0; i < rules->n; i++)
		for (k = 0; (d->active >> i & 1) != 0 && k < rules->rule[i].n_acts; k++)
			overlay_add(&d->overlay, &rules->rule[i].acts[k]);
	dis_reseat(q, d, now);
}

void dis_policy_look(struct dis_queue *q, hx_ns_t now)
{
	struct hx_dis_view view;
	struct hx_list *l;
	struct dis_thread *d;
	bool kick = false;
	unsigned n;

	view_system(&view, now);
	hx_spin_acquire_(&dis_lock);
	if (q->curr != NULL) {
		look_at(q, q->curr, now, &view);
		dis_account_watch(q, q->curr);	/* a rule may have given it a budget */
		kick = q->curr->force_turn;
	}
	/* The first of the list goes to its end, whatever happens to it. */
	for (n = 0; n < DIS_LOOKS_MAX && n < q->rq->n_ready; n++) {
		l = hx_list_first(&q->ready);
		if (l == NULL)
			break;
		hx_list_unlink(l);
		hx_list_push_back(&q->ready, l);
		d = HX_LIST_ENTRY(l, struct dis_thread, ready);
		look_at(q, d, now, &view);
		if (d->where != DIS_HELD && (q->curr == NULL || dis_comes_before(q, d, q->curr)))
			kick = true;
	}
	hx_spin_release_(&dis_lock);
	if (kick)
		hx_runq_kick(q->rq);
}

/* ---- the set in force */

int dis_policy_start(void)
{
	unsigned n;
	const char *const *lines = dis_policy_lines("default", &n);
	int err;

	rules = hx_zalloc(sizeof(*rules));
	if (rules == NULL)
		return -HX_ENOMEM;
	err = dis_rules_add_lines(rules, lines, n);
	if (err != 0) {
		hx_free(rules);
		rules = NULL;
	}
	n_events = n_fired = 0;
	dis_policy_generation++;
	return err;
}

void dis_policy_stop(void)
{
	hx_free(rules);
	rules = NULL;
}

void dis_policy_set(const struct dis_rules *set)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&dis_lock);

	*rules = *set;
	dis_policy_generation++;
	hx_spin_unlock_irqrestore(&dis_lock, flags);
}

void dis_policy_get(struct dis_rules *set)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&dis_lock);

	if (rules != NULL)
		*set = *rules;
	else
		set->n = 0;
	hx_spin_unlock_irqrestore(&dis_lock, flags);
}

void dis_policy_count(uint64_t *fired, uint64_t *logged)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&dis_lock);

	*fired = n_fired;
	*logged = n_events;
	hx_spin_unlock_irqrestore(&dis_lock, flags);
}

/* The newest ones, oldest first. */
unsigned dis_policy_events(struct dis_event *out, unsigned max)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&dis_lock);
	uint64_t n = hx_min_u64(hx_min_u64(n_events, DIS_EVENTS_MAX), max), i;

	for (i = 0; i < n; i++)
		out[i] = events[(n_events - n + i) % DIS_EVENTS_MAX];
	hx_spin_unlock_irqrestore(&dis_lock, flags);
	return (unsigned)n;
}
