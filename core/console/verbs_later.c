// SPDX-License-Identifier: MIT
/*
 * Verbs that come and go while the kernel runs (CONFIG_CONSOLE_VERBS_LATER), those of modules. Who
 * lists verbs looks without a lock: the texts are copied into a place that stays, so that a verb
 * which goes meanwhile shows an old text at worst. Who runs one is counted, and is waited for.
 */
#include <hx/core/assert.h>
#include <hx/core/lock.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>

#include "console_priv.h"

#define LATER_MAX	32u
#define TEXT_MAX	96u

/* Field keys: a atomic, NULL: free; l lock to write, anybody reads what is there. */
static struct later {
	const struct hx_verb *verb;		/* a */
	uint32_t n_users;			/* l */
	bool has_help, has_node;		/* l */
	int min_args, max_args;			/* l */
	char usage[TEXT_MAX], help[TEXT_MAX], node[TEXT_MAX];	/* l */
} verbs[LATER_MAX];

static struct hx_spinlock lock = HX_SPINLOCK_INIT("verbs", HX_RANK_LEAF);

static bool is_text(const char *s)
{
	size_t n = s != NULL ? hx_strnlen(s, TEXT_MAX) : 0;

	return n != 0 && n < TEXT_MAX && hx_utf8_is_text(s, n);
}

/* The usage begins with the name, and the name is one that a line can ask for. */
static bool is_valid(const struct hx_verb *v)
{
	size_t n;

	if (!is_text(v->name) || !is_text(v->usage) || (v->help != NULL && !is_text(v->help)) ||
	    (v->node != NULL ? !is_text(v->node) || v->node[0] != '/' : v->run == NULL))
		return false;
	n = hx_strlen(v->name);
	for (size_t i = 0; i < n; i++)
		if (v->name[i] < 'a' || v->name[i] > 'z')
			return false;
	return hx_strncmp(v->usage, v->name, n) == 0 &&
	       (v->usage[n] == '\0' || v->usage[n] == ' ') && v->min_args >= 0 &&
	       v->min_args <= v->max_args && v->max_args < HX_CONSOLE_ARGS_MAX;
}

static void fill(struct later *l, const struct hx_verb *v)
{
	hx_strlcpy(l->usage, v->usage, TEXT_MAX);
	hx_strlcpy(l->help, v->help != NULL ? v->help : "", TEXT_MAX);
	hx_strlcpy(l->node, v->node != NULL ? v->node : "", TEXT_MAX);
	l->has_help = v->help != NULL;
	l->has_node = v->node != NULL;
	l->min_args = v->min_args;
	l->max_args = v->max_args;
	__atomic_store_n(&l->verb, v, __ATOMIC_RELEASE);
}

/* Is there a verb of that name, also one that is hidden because its node is not there? */
static bool is_known(const char *name)
{
	struct verb_walk w = { 0 };
	struct verb_row row;

	while (verb_walk_next(&w, &row))
		if (verb_name_len(&row) == hx_strlen(name) &&
		    hx_strncmp(row.usage, name, hx_strlen(name)) == 0)
			return true;
	return false;
}

int hx_verb_register(const struct hx_verb *v)
{
	hx_irqflags_t flags;
	unsigned i = 0;
	int err = 0;

	if (!is_valid(v))
		return -HX_EINVAL;
	flags = hx_spin_lock_irqsave(&lock);
	while (i < LATER_MAX && verbs[i].verb != NULL)
		i++;
	if (is_known(v->name))
		err = -HX_EEXIST;
	else if (i == LATER_MAX)
		err = -HX_ENFILE;
	else
		fill(&verbs[i], v);
	hx_spin_unlock_irqrestore(&lock, flags);
	return err;
}

void hx_verb_unregister(const struct hx_verb *v)
{
	hx_irqflags_t flags;
	unsigned i = 0;

	while (i < LATER_MAX && verbs[i].verb != v)
		i++;
	if (i == LATER_MAX)
		return;
	flags = hx_spin_lock_irqsave(&lock);
	__atomic_store_n(&verbs[i].verb, NULL, __ATOMIC_RELEASE);
	while (verbs[i].n_users > 0) {
		hx_spin_unlock_irqrestore(&lock, flags);
		hx_yield();
		flags = hx_spin_lock_irqsave(&lock);
	}
	hx_spin_unlock_irqrestore(&lock, flags);
}

bool verb_later_next(struct verb_walk *w, struct verb_row *row)
{
	for (; w->idx < LATER_MAX; w->idx++) {
		const struct later *l = &verbs[w->idx];
		const struct hx_verb *v = __atomic_load_n(&l->verb, __ATOMIC_ACQUIRE);

		if (v == NULL)
			continue;
		*row = (struct verb_row){
			.usage = l->usage, .help = l->has_help ? l->help : NULL,
			.node = l->has_node ? l->node : NULL, .min_args = (unsigned)l->min_args,
			.max_args = (unsigned)l->max_args, .later = ++w->idx, .verb = v,
		};
		return true;
	}
	return false;
}

void verb_later_run(const struct verb_row *row, struct hx_call *c)
{
	struct later *l = &verbs[row->later - 1];
	hx_irqflags_t flags = hx_spin_lock_irqsave(&lock);
	bool is_there = l->verb == row->verb;

	l->n_users += is_there;
	hx_spin_unlock_irqrestore(&lock, flags);
	if (!is_there) {
		hx_call_err(c, -HX_ENOENT, "unknown-verb");
		return;
	}
	row->verb->run(c);
	flags = hx_spin_lock_irqsave(&lock);
	l->n_users--;
	hx_spin_unlock_irqrestore(&lock, flags);
}
