// SPDX-License-Identifier: MIT
/*
 * Loaded modules as components of the healer. The component "modules" keeps the list: its check
 * adds those that were loaded and lets those go that were taken out. A module that is being
 * restarted is out for a moment; nothing is checked meanwhile, because the healer does one thing at
 * a time.
 */
#include <hx/config/core_heal.h>
#include <hx/config/subsys_modules.h>
#include <hx/config/subsys_modules_heal.h>
#include <hx/core/border.h>
#include <hx/core/heal.h>
#include <hx/core/init.h>
#include <hx/core/names.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>

#define PATH_MAX	160u	/* of what a ctl node takes in a line, less the verb */
#define INFO_MAX	2048u

/* All fields are the healer's: its functions run one at a time. */
static struct watched {
	struct hx_healed h;
	char name[HX_FAILURE_WHO_MAX];	/* "": free */
	char path[PATH_MAX];
	bool has_failed;		/* so it was when it was last looked at */
	bool is_out;			/* a restart took it out and has not got it back yet */
} watched[CONFIG_MODULES_MAX];

static char info[INFO_MAX];

/* What a node of a module says; false: it is not there. */
static bool ask(const char *name, const char *node)
{
	char path[HX_NAME_PATH_MAX];
	struct hx_text_buf out;

	hx_snprintf(path, sizeof(path), "/modules/%s/%s", name, node);
	hx_text_buf_init(&out, info, sizeof(info));
	return hx_names_show(path, &out.text) == 0;
}

static enum hx_health module_check(void *arg)
{
	struct watched *w = arg;
	bool had_failed = w->has_failed;

	/* Who made it fail tells why a moment later, which says more: only a second look counts. */
	w->has_failed = ask(w->name, "state") && hx_glob("state=error *", info);
	return w->has_failed && had_failed ? HX_FAILED : HX_HEALTHY;
}

static int order(const char *verb, const char *what)
{
	char line[HX_LINE_MAX + 1], ack[128];
	struct hx_text_buf out;

	if (hx_snprintf(line, sizeof(line), "%s %s", verb, what) >= (int)sizeof(line))
		return -HX_ENAMETOOLONG;
	hx_text_buf_init(&out, ack, sizeof(ack));
	return hx_names_take("/modules/ctl", line, &out.text);
}

static int module_restart(void *arg, const void *state, size_t n_bytes)
{
	struct watched *w = arg;
	int err;

	if (ask(w->name, "state")) {
		err = order("unload", w->name);
		if (err != 0)
			return err;
		w->is_out = true;
	}
	/* Whoever took it out meanwhile does not want it back. */
	if (!w->is_out)
		return -HX_ENOENT;
	err = order("load", w->path);
	if (err == 0)
		w->is_out = false;
	return err;
}

static const struct hx_healed_ops module_ops = { .check = module_check, .restart = module_restart };

static struct watched *find(const char *name)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(watched); i++)
		if (hx_strcmp(watched[i].name, name) == 0)
			return &watched[i];
	return NULL;
}

/* The line "path=…" of what info holds. */
static bool take_path(char path[PATH_MAX])
{
	char *line = info, *end;

	while (line != NULL && hx_strncmp(line, "path=", 5) != 0) {
		line = hx_strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	if (line == NULL)
		return false;
	line += 5;
	end = hx_strchr(line, '\n');
	if (end != NULL)
		*end = '\0';
	return hx_strlcpy(path, line, PATH_MAX) < PATH_MAX;
}

static uint8_t first_policy(const char *name)
{
	return HX_ENABLED(HEAL_POLICY_NOTE) || hx_glob(CONFIG_MODULES_HEAL_NOTED, name) ?
	       HX_HEAL_NOTE
	       : HX_ENABLED(HEAL_POLICY_ISOLATE) ? HX_HEAL_ISOLATE
	       : HX_ENABLED(HEAL_POLICY_PANIC) ? HX_HEAL_PANIC : HX_HEAL_RESTART;
}

static void watch(const char *name)
{
	struct watched *w = find("");

	if (w == NULL || hx_strlen(name) >= sizeof(w->name) || !ask(name, "info") ||
	    !take_path(w->path))
		return;
	w->h = (struct hx_healed){
		.name = w->name, .ops = &module_ops, .arg = w, .policy = first_policy(name),
		.fails_as = HX_FAILURE_CRASH,
	};
	w->has_failed = w->is_out = false;
	hx_strlcpy(w->name, name, sizeof(w->name));
	if (hx_heal_register(&w->h) != 0)
		w->name[0] = '\0';	/* somebody else has that name */
}

/*
 * Its module is there, or will be: what a restart took out stays while it is tried to get it back.
 * One that was isolated because it failed, and has not failed any more, is another one of that
 * name.
 */
static bool is_current(const struct watched *w)
{
	if (!ask(w->name, "state"))
		return w->is_out && w->h.c.open;
	return w->h.state != HX_HEAL_ISOLATED || !w->has_failed ||
	       hx_glob("state=error *", info);
}

static enum hx_health modules_check(void *arg)
{
	char name[HX_NAME_MAX];
	struct hx_name_stat st;
	unsigned i;

	for (i = 0; i < HX_ARRAY_LEN(watched); i++) {
		struct watched *w = &watched[i];

		if (w->name[0] != '\0' && !is_current(w) && hx_heal_unregister(&w->h) == 0)
			w->name[0] = '\0';
	}
	for (i = 0; hx_names_list("/modules", i, name, &st) == 0; i++)
		if (st.is_dir && find(name) == NULL)
			watch(name);
	return HX_HEALTHY;
}

static const struct hx_healed_ops modules_ops = { .check = modules_check };
static struct hx_healed modules_healed = {
	.name = "modules", .ops = &modules_ops, .policy = HX_HEAL_NOTE,
	.fails_as = HX_FAILURE_CRASH,
};

/* With the locks of whoever called into the module: this only tells. */
static void border_failed(const struct hx_border_owner *o)
{
	if (o->target != 0)
		(void)hx_failure_tell(hx_strcmp(o->what, "deadlock") == 0 ? HX_FAILURE_DEADLOCK
				      : HX_FAILURE_CRASH, o->name,
				      "%s at %#zx in thread %u on CPU %u", o->what, (size_t)o->pc,
				      o->thread, o->cpu);
	else
		(void)hx_failure_tell(HX_FAILURE_WATCHDOG, o->name, "%s", o->what);
}

static int heal_modules_init(void)
{
	int err = hx_heal_register(&modules_healed);

	if (err == 0)
		hx_border_set_failed(border_failed);
	return err;
}

static void heal_modules_shutdown(void)
{
	hx_border_set_failed(NULL);
	(void)hx_heal_unregister(&modules_healed);
	for (unsigned i = 0; i < HX_ARRAY_LEN(watched); i++)
		if (watched[i].name[0] != '\0' && hx_heal_unregister(&watched[i].h) == 0)
			watched[i].name[0] = '\0';
}

HX_COMPONENT(heal_modules) = {
	.name = "heal-modules", .phase = HX_PHASE_LATE, .version = 1,
	.needs = "heal modules border",
	.init = heal_modules_init, .shutdown = heal_modules_shutdown,
};
