// SPDX-License-Identifier: MIT
/*
 * /sched/threads/<id>/intent: what a thread asks for, as words "key=value", and back.
 *
 * One table says how each field is written, and serves both ways. A line that is written changes
 * the fields it names and keeps the others; it is read whole, then checked whole, and only then has
 * an effect. A thread that is looked at here is held, so that it is not freed meanwhile.
 */
#include <hx/core/string.h>

#include "nodes_priv.h"

#define MAX_BYTES	768	/* all fields, each as long as it can be */

typedef unsigned long long ull;

enum field_kind {
	NUMBER, SIGNED, NAME, FLAGS, CPUS,
};

struct field {
	const char *key;
	const char *names;	/* NAME, FLAGS: one after the other, the empty one ends them */
	uint16_t offset;
	uint8_t size;
	uint8_t kind;		/* enum field_kind */
};

#define FIELD(key, kind, names) \
	{ #key, (names), offsetof(struct hx_intent, key), \
	  sizeof(((struct hx_intent *)NULL)->key), (kind) }

static const struct field fields[] = {
	FIELD(class, NAME, "realtime\0soft_realtime\0interactive\0server\0batch\0background\0idle\0"
	      "critical\0"),
	FIELD(latency, NAME, "none\0target\0maximum\0bounded\0"),
	FIELD(budget_kind, NAME, "unlimited\0percent\0quota\0shares\0"),
	FIELD(energy, NAME, "max_performance\0performance\0balanced\0saving\0max_saving\0"),
	FIELD(nice, SIGNED, NULL),
	FIELD(latency_nice, SIGNED, NULL),
	FIELD(group, NUMBER, NULL),
	FIELD(flags, FLAGS, "low_latency\0high_throughput\0io_bound\0cpu_bound\0pinned\0"
	      "migratable\0no_preempt\0cooperative\0perf_prefer\0power_prefer\0hard_deadline\0"
	      "soft_deadline\0extensible_deadline\0borrow\0"),
	FIELD(budget, NUMBER, NULL),
	FIELD(affinity, CPUS, NULL),
	FIELD(latency_ns, NUMBER, NULL),
	FIELD(latency_max_ns, NUMBER, NULL),
	FIELD(quota_ns, NUMBER, NULL),
	FIELD(budget_period_ns, NUMBER, NULL),
	FIELD(runtime_ns, NUMBER, NULL),
	FIELD(deadline_ns, NUMBER, NULL),
	FIELD(period_ns, NUMBER, NULL),
};

/* What a line changes. */
struct change {
	struct hx_intent intent;
	uint64_t prio, slice_ns;
	bool has_intent, has_prio, has_slice;
};

static uint64_t field_get(const struct hx_intent *i, const struct field *f)
{
	uint64_t value = 0;

	memcpy(&value, (const uint8_t *)i + f->offset, f->size);	/* little endian */
	return value;
}

/* What a field of that many bytes can hold at most. */
static uint64_t field_max(const struct field *f)
{
	return f->size == 8 ? UINT64_MAX : (1ull << (8 * f->size)) - 1;
}

/* The nth of a list of names; NULL: there are not so many. */
static const char *nth_name(const char *names, unsigned n)
{
	for (; *names != '\0' && n > 0; n--)
		names += hx_strlen(names) + 1;
	return *names != '\0' ? names : NULL;
}

static bool name_is(const char *name, const char *word, size_t len)
{
	return hx_strncmp(name, word, len) == 0 && name[len] == '\0';
}

static int number_of_name(const char *names, const char *word, size_t len)
{
	const char *name;

	for (unsigned n = 0; (name = nth_name(names, n)) != NULL; n++)
		if (name_is(name, word, len))
			return (int)n;
	return -HX_EINVAL;
}

static void flags_put(struct hx_text *out, const struct field *f, uint64_t value)
{
	const char *comma = "";

	if (value == 0)
		hx_text_puts(out, "none");
	for (unsigned n = 0; value != 0; n++, value >>= 1) {
		if ((value & 1) == 0)
			continue;
		hx_text_printf(out, "%s%s", comma, nth_name(f->names, n));
		comma = ",";
	}
}

static void field_put(struct hx_text *out, const struct field *f, const struct hx_intent *i)
{
	uint64_t value = field_get(i, f);

	hx_text_printf(out, " %s=", f->key);
	if (f->kind == NAME)
		hx_text_puts(out, nth_name(f->names, (unsigned)value));
	else if (f->kind == FLAGS)
		flags_put(out, f, value);
	else if (f->kind == CPUS && value == HX_AFFINITY_ANY)
		hx_text_puts(out, "any");
	else if (f->kind == SIGNED)
		hx_text_printf(out, "%d", (int8_t)value);
	else
		hx_text_printf(out, "%llu", (ull)value);
}

static int flags_read(const struct field *f, const char *s, uint64_t *value)
{
	*value = 0;
	if (hx_strcmp(s, "none") == 0)
		return 0;
	for (;;) {
		const char *comma = hx_strchr(s, ',');
		size_t len = comma != NULL ? (size_t)(comma - s) : hx_strlen(s);
		int n = number_of_name(f->names, s, len);

		if (n < 0)
			return n;
		*value |= 1ull << n;
		if (comma == NULL)
			return 0;
		s = comma + 1;
	}
}

static int field_read(const struct field *f, const char *s, uint64_t *value)
{
	int n, err;

	switch (f->kind) {
	case NAME:
		n = number_of_name(f->names, s, hx_strlen(s));
		*value = n < 0 ? 0 : (uint64_t)n;
		return n < 0 ? n : 0;
	case FLAGS:
		return flags_read(f, s, value);
	case CPUS:
		*value = HX_AFFINITY_ANY;
		return hx_strcmp(s, "any") == 0 ? 0 : hx_parse_u64(s, UINT64_MAX, value);
	case SIGNED:
		err = hx_parse_u64(s + (*s == '-'), 128 - (*s != '-'), value);
		*value = *s == '-' ? -*value : *value;
		return err;
	default:
		return hx_parse_u64(s, field_max(f), value);
	}
}

/* One word of the line, "key=value", NUL-terminated. */
static int word_read(char *word, struct change *c)
{
	char *value = hx_strchr(word, '=');
	uint64_t number;
	int err;

	if (value == NULL)
		return -HX_EINVAL;
	*value++ = '\0';
	if (hx_strcmp(word, "prio") == 0) {
		c->has_prio = true;
		return hx_parse_u64(value, HX_PRIO_LOWEST, &c->prio);
	}
	if (hx_strcmp(word, "slice_ns") == 0) {
		c->has_slice = true;
		return hx_parse_u64(value, UINT32_MAX, &c->slice_ns);
	}
	for (size_t i = 0; HX_ENABLED(INTENTS) && i < HX_ARRAY_LEN(fields); i++) {
		if (hx_strcmp(word, fields[i].key) != 0)
			continue;
		c->has_intent = true;
		err = field_read(&fields[i], value, &number);
		if (err == 0)
			memcpy((uint8_t *)&c->intent + fields[i].offset, &number, fields[i].size);
		return err;
	}
	return -HX_EINVAL;
}

static int line_read(const char *line, struct change *c, struct hx_text *ack)
{
	char copy[HX_LINE_MAX + 1], *word = copy, *blank;
	int err = 0;

	hx_strlcpy(copy, line, sizeof(copy));
	while (err == 0 && word != NULL) {
		blank = hx_strchr(word, ' ');
		if (blank != NULL)
			*blank++ = '\0';
		if (*word != '\0')
			err = word_read(word, c);
		if (err != 0)
			hx_text_printf(ack, "detail=word word=%s", word);
		word = blank;
	}
	return err;
}

/* The thread of the path, held. */
static struct hx_thread *thread_of(const struct hx_node_args *args)
{
	uint64_t id;

	if (hx_parse_u64(args->var[0], UINT32_MAX, &id) != 0)
		return NULL;
	return thread_hold((uint32_t)id);
}

static void copy_of(struct hx_thread *t, struct change *c)
{
	hx_irqflags_t flags = hx_irq_save();
	struct hx_runq *rq = runq_lock_of(t);

	c->intent = *t->intent;
	c->prio = t->base_prio;
	c->slice_ns = t->slice_ns;
	quiet_unlock(&rq->lock);
	hx_irq_restore(flags);
}

static int intent_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct hx_thread *t = thread_of(args);
	struct change c;

	if (t == NULL)
		return -HX_ENOENT;
	copy_of(t, &c);
	thread_release(t);
	hx_text_printf(out, "prio=%llu slice_ns=%llu", (ull)c.prio, (ull)c.slice_ns);
	for (size_t i = 0; HX_ENABLED(INTENTS) && i < HX_ARRAY_LEN(fields); i++)
		field_put(out, &fields[i], &c.intent);
	hx_text_puts(out, "\n");
	return 0;
}

/* Why no CPU promises that: what is asked for, and what each that may be asked has promised. */
static void refusal_put(struct hx_text *out, const struct hx_intent *want)
{
	uint64_t cpus = want->affinity & (HX_ENABLED(ONE_CPU) ? 1 : cpus_running);

	hx_text_printf(out, " asked_ppm=%u of=%u promised_ppm=", hx_promise_density(want),
		       HX_PROMISE_MAX_PPM);
	for (const char *comma = ""; cpus != 0; cpus &= cpus - 1, comma = ",") {
		unsigned cpu = (unsigned)__builtin_ctzll(cpus);

		hx_text_printf(out, "%scpu%u:%u", comma, cpu, hx_sched_promised_ppm(cpu));
	}
}

/* The intent first: the scheduler may refuse it, the rest cannot fail any more. */
static int change_do(struct hx_thread *t, const struct change *c, struct hx_text *ack)
{
	const char *why = "the scheduler cannot promise that";
	int err = 0;

	if (t->flags & HX_THREAD_IDLE)
		return -HX_EACCES;
	if (c->has_intent) {
		if (hx_intent_check(&c->intent, &why) == 0 && sched_check_intent(&c->intent) != 0)
			why = "affinity names no CPU that runs";
		err = hx_thread_set_intent(t, &c->intent);
	}
	if (err != 0) {
		hx_text_printf(ack, "detail=intent why=\"%s\"", why);
		if (hx_sched_may_admit && err == -HX_ENOSPC)
			refusal_put(ack, &c->intent);
		return err;
	}
	if (c->has_slice)
		t->slice_ns = (uint32_t)c->slice_ns;
	return c->has_prio ? hx_thread_set_prio(t, (unsigned)c->prio) : 0;
}

static int intent_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	struct hx_thread *t = thread_of(args);
	struct change c = { .has_intent = false };
	int err;

	if (t == NULL)
		return -HX_ENOENT;
	copy_of(t, &c);
	err = line_read(line, &c, ack);
	if (err == 0)
		err = change_do(t, &c, ack);
	thread_release(t);
	return err;
}

static const struct hx_node intent_node = {
	.path = "/sched/threads/<id>/intent",
	.help = "what a thread asks of the scheduler; takes key=value words (slice_ns=0: default)",
	.rights = HX_NODE_READ | HX_NODE_WRITE, .max_bytes = MAX_BYTES,
	.show = intent_show, .take = intent_take, .list = threads_list,
};
HX_NODE(intent_node);
