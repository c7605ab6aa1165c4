// SPDX-License-Identifier: MIT
/*
 * Loading, unloading, reloading: one change at a time.
 *
 * A module's init runs in a thread of its own, so that one which never returns does not take the
 * loader with it. One that is late is given up. With CONFIG_BORDERS it is stopped where it is and
 * the module goes; without, or while it waits in a function of the kernel, it stays in the table,
 * in state error, and its memory stays, because code that runs cannot be taken away; `unload` works
 * once its init has returned.
 */
#include <hx/core/failure.h>
#include <hx/core/grace.h>
#include <hx/core/heal.h>
#include <hx/core/heap.h>
#include <hx/core/irq.h>
#include <hx/core/irq_router.h>
#include <hx/core/log.h>
#include <hx/core/string.h>
#include <hx/hal/timer.h>
#include <hx/vm/kva.h>

#include "modules_priv.h"

#define STOP_NS	(100 * HX_NS_PER_MS)	/* until a thread that can run has run */

static uint32_t last_request;	/* modules_lock */

static int init_thread(void *arg)
{
	struct module *m = arg;

	m->init_result = module_bring_up(m);
	return 0;
}

static void fail(struct module *m, const struct hko_why *why)
{
	modules_look();
	m->why = *why;
	modules_looked();
	module_step(m, MODULE_FAIL);
}

/* Its code is not executable any more: who is in a call there gets out at its next instruction. */
static int end_code(const struct module *m)
{
	return hx_kva_protect(m->base, m->part_bytes[HKO_TEXT], HX_MAP_READ);
}

/*
 * Take an init that is late out of its code. False: it waits in the kernel, and ends when that is
 * over.
 */
static bool is_stopped(struct module *m)
{
	hx_border_fail(&m->owner, "init is late");
	return end_code(m) == 0 && hx_thread_join(m->init, STOP_NS, NULL) == 0;
}

void module_end_calls(struct module *m)
{
	if (HX_ENABLED(BORDERS) && hx_border_has_failed(&m->owner))
		(void)!end_code(m);
}

void module_take_node_out(struct module *m, const struct hx_node *node)
{
	while (hx_names_try_unregister(node) != 0) {
		module_end_calls(m);
		hx_sleep_ns(HX_NS_PER_MS);
	}
}

/* Run its init with a deadline. */
static int run_init(struct module *m, struct hko_why *why)
{
	uint32_t ms = m->desc->init_ms != 0 ? m->desc->init_ms : CONFIG_MODULES_INIT_MS;
	const struct hx_thread_params p = { .name = m->name, .fn = init_thread, .arg = m,
					    .prio = HX_PRIO_DEFAULT };
	hx_ns_t start = hx_now_ns();
	int err;

	if (m->lists[LIST_COMPONENTS].n == 0)
		return 0;
	err = hx_thread_create(&p, &m->init);
	if (err != 0) {
		m->init = NULL;
		return hko_refuse(why, err, "detail=memory");
	}
	if (hx_thread_join(m->init, ms * HX_NS_PER_MS, NULL) != 0) {
		hko_refuse(why, -HX_ETIMEDOUT, "detail=init-timeout name=%s ms=%u", m->name, ms);
		if (HX_ENABLED(BORDERS) && is_stopped(m))
			m->init = NULL;
		return -HX_ETIMEDOUT;
	}
	m->init = NULL;
	m->init_ns = hx_now_ns() - start;
	if (HX_ENABLED(BORDERS) && hx_border_has_failed(&m->owner))
		return module_refuse_fault(m, why);
	if (HX_ENABLED(RESOURCES) && m->init_result != 0 && module_is_over_quota(m))
		return module_refuse_quota(m, 0, why);
	if (m->init_result != 0)
		return hko_refuse(why, m->init_result, "detail=init name=%s error=%s", m->name,
				  hx_strerror(m->init_result));
	return 0;
}

/* What it took and did not give back, nobody will. */
static void take_back(const struct module *m)
{
	uint64_t n = hx_heap_take_back(m->base, m->base + m->part_bytes[HKO_TEXT]);

	if (n == 0)
		return;
	hx_warn("modules", "%s left %llu blocks behind", m->name, (unsigned long long)n);
	/* Not under its name: who is told of a module's failure may load it anew. */
	(void)hx_failure_tell(HX_FAILURE_EXHAUSTION, "modules", "%s left %llu blocks, taken back",
			      m->name, (unsigned long long)n);
}

/* What lies in its memory, or its gates, and the kernel still knows. *n: how much that was. */
static int release_part(const struct module *m, uintptr_t at, size_t bytes, unsigned *n,
			struct hko_why *why)
{
	uint32_t id;

	*n += hx_names_release_memory(at, bytes);
	if (hx_threads_release_memory(at, bytes, &id) != 0)
		return hko_refuse(why, -HX_EBUSY, "detail=thread-left thread=%u", id);
	if (HX_ENABLED(HEAL) && hx_heal_release_memory(at, bytes) != 0)
		return hko_refuse(why, -HX_EBUSY, "detail=heal-running name=%s", m->name);
	*n += hx_irq_release_memory(at, bytes) + hx_irq_detach_memory(at, bytes);
	*n += hx_timers_release_memory(at, bytes) + hx_grace_release_memory(at, bytes);
	return 0;
}

/*
 * Whatever it registered and did not take back itself: one that failed had no occasion to. Until
 * there is none, since what is still called may register more. -HX_EBUSY: its memory cannot go.
 */
static int release(struct module *m, struct hko_why *why)
{
	unsigned n, total = 0;
	int err;

	do {
		n = HX_ENABLED(BORDERS) ? module_release_nodes(m) : 0;
		err = release_part(m, m->base, m->total_bytes, &n, why);
		if (err == 0 && m->gates_bytes != 0)
			err = release_part(m, m->gates, m->gates_bytes, &n, why);
		total += n;
	} while (err == 0 && n != 0);
	if (total != 0)
		hx_warn("modules", "%s left %u things registered, taken back", m->name, total);
	return err;
}

/* Nothing of it is registered any more and nothing of it is up. */
static void remove(struct module *m)
{
	module_step(m, MODULE_UNLOAD);
	module_withdraw(m);
	if (HX_ENABLED(MODULES_TAKE_BACK))
		take_back(m);
	module_step(m, MODULE_GONE);
	module_free(m);
}

/* From LOADED to RUNNING; else it is gone, or in the table with state error if it still runs. */
static int start(struct module *m, struct hko_why *why)
{
	int err = module_publish(m);
	struct hko_why ignored;

	if (err != 0) {
		hko_refuse(why, err, "detail=quota modules=%u max=%u", CONFIG_MODULES_MAX + 1,
			   CONFIG_MODULES_MAX);
		module_step(m, MODULE_UNLOAD);
		module_step(m, MODULE_GONE);
		module_free(m);
		return err;
	}
	module_step(m, MODULE_START);
	err = run_init(m, why);
	if (err == 0) {
		err = module_put_in(m, why);
		if (err != 0)
			module_bring_down(m);
	}
	if (err == 0) {
		module_step(m, MODULE_STARTED);
		return 0;
	}
	fail(m, why);
	if (m->init == NULL && release(m, &ignored) == 0)
		remove(m);
	return err;
}

/* Who holds it, for the answer: the first one. */
static const char *user_of(const struct module *m)
{
	for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++) {
		const struct module *other = module_at(i);

		for (uint32_t k = 0; other != NULL && other->held != NULL &&
		     k < other->desc->n_needs; k++)
			if (other->held[k] == m)
				return other->name;
	}
	return "-";
}

static int may_stop(struct module *m, struct hko_why *why)
{
	if ((m->desc->flags & HKO_ESSENTIAL) != 0)
		return hko_refuse(why, -HX_EPERM, "detail=essential name=%s", m->name);
	if (m->n_users > 0)
		return hko_refuse(why, -HX_EBUSY, "detail=in-use name=%s users=%u by=%s", m->name,
				  m->n_users, user_of(m));
	if (m->init != NULL && hx_thread_join(m->init, 0, NULL) != 0)
		return hko_refuse(why, -HX_EBUSY, "detail=init-running name=%s", m->name);
	m->init = NULL;
	return 0;
}

/* From any state in which it is in the table to gone; refused, it is as before, but for one whose
 * shutdown left something behind: that stays, in state error. */
static int unload(struct module *m, struct hko_why *why)
{
	int err = may_stop(m, why);

	if (err == 0)
		module_end_calls(m);
	if (err == 0)
		err = module_take_out(m, why);
	if (err != 0)
		return err;
	if (m->state != MODULE_ERROR)
		module_step(m, MODULE_STOP);
	module_bring_down(m);
	err = release(m, why);
	if (err != 0) {
		if (m->state != MODULE_ERROR)
			fail(m, why);
		return err;
	}
	if (m->state != MODULE_ERROR)
		module_step(m, MODULE_HALTED);
	remove(m);
	return 0;
}

/* Take back what a request loaded before it failed, last come first gone. */
static void undo_request(uint32_t id)
{
	struct hko_why ignored;
	bool again = true;

	while (again) {
		again = false;
		for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++) {
			struct module *m = module_at(i);

			if (m != NULL && m->request == id && m->n_users == 0 &&
			    unload(m, &ignored) == 0)
				again = true;
		}
	}
}

static struct module_request *request_new(const char *path, struct hko_why *why)
{
	struct module_request *r = hx_zalloc(sizeof(*r));

	if (r == NULL) {
		hko_refuse(why, -HX_ENOMEM, "detail=memory");
		return NULL;
	}
	r->path = path;
	r->why = why;
	return r;
}

int module_load_inner(const struct module_request *outer, const char *path)
{
	struct module_request *r = request_new(path, outer->why);
	struct module *m = NULL;
	int err;

	if (r == NULL)
		return outer->why->err;
	r->outer = outer;
	r->id = outer->id;
	err = module_prepare(r, &m);
	hx_free(r);
	return err != 0 ? err : start(m, outer->why);
}

static int load(const char *path, struct hko_why *why, struct module **out)
{
	struct module_request *r = request_new(path, why);
	struct module *m = NULL;
	uint32_t id = ++last_request;
	int err;

	if (r == NULL)
		return why->err;
	r->id = id;
	err = module_prepare(r, &m);
	hx_free(r);
	if (err == 0)
		err = start(m, why);
	if (err != 0) {
		undo_request(id);
		hx_warn("modules", "%s refused: %s", path, why->text);
		return err;
	}
	hx_info("modules", "%s loaded from %s", m->name, path);
	*out = m;
	return 0;
}

int module_load(const char *path, struct hko_why *why, struct module **out)
{
	int err;

	hx_mutex_lock(&modules_lock);
	err = load(path, why, out);
	hx_mutex_unlock(&modules_lock);
	return err;
}

static int find(const char *name, struct module **m, struct hko_why *why)
{
	*m = module_find(name);
	if (*m != NULL)
		module_settle(*m);
	return *m != NULL ? 0 : hko_refuse(why, -HX_ENOENT, "detail=not-loaded name=%.31s", name);
}

int module_unload(const char *name, struct hko_why *why)
{
	char told[HKO_NAME_MAX];	/* the name may be the module's own */
	struct module *m;
	int err;

	hx_strlcpy(told, name, sizeof(told));
	hx_mutex_lock(&modules_lock);
	err = find(name, &m, why);
	if (err == 0)
		err = unload(m, why);
	if (err == 0)
		hx_info("modules", "%s unloaded", told);
	hx_mutex_unlock(&modules_lock);
	return err;
}

int module_pause(const char *name, bool is_paused, struct hko_why *why)
{
	enum module_event event = is_paused ? MODULE_PAUSE : MODULE_RESUME;
	enum module_state next;
	struct module *m;
	int err;

	hx_mutex_lock(&modules_lock);
	err = find(name, &m, why);
	if (err == 0 && !module_state_next(m->state, event, &next))
		err = hko_refuse(why, -HX_EBUSY, "detail=state state=%s",
				 module_state_name(m->state));
	if (err == 0) {
		module_pause_providers(m, is_paused);
		module_step(m, event);
	}
	hx_mutex_unlock(&modules_lock);
	return err;
}

/* The new one is checked and placed while the old one still runs; only its start can then fail, and
 * for that the old file is kept at hand. */
static int reload(struct module *old, const char *path, struct hko_why *why)
{
	struct module_request *r = request_new(path, why);
	struct module *m = NULL, *back;
	char old_path[MODULES_PATH_MAX];
	struct hko_why second;
	uint32_t id = ++last_request;
	int err;

	if (r == NULL)
		return why->err;
	r->id = id;
	r->instead_of = old;
	err = module_prepare(r, &m);
	hx_free(r);
	if (err != 0) {
		undo_request(id);
		return err;
	}
	hx_strlcpy(old_path, old->path, sizeof(old_path));
	err = unload(old, why);
	if (err != 0) {
		module_step(m, MODULE_UNLOAD);
		module_step(m, MODULE_GONE);
		module_free(m);
		undo_request(id);
		return err;
	}
	err = start(m, why);
	if (err != 0) {
		undo_request(id);
		hx_error("modules", "reload from %s failed: %s", path, why->text);
		if (load(old_path, &second, &back) != 0)
			hx_error("modules", "nor does %s come back: %s", old_path, second.text);
	}
	return err;
}

int module_reload(const char *name, const char *path, struct hko_why *why)
{
	struct module *m;
	int err;

	hx_mutex_lock(&modules_lock);
	err = find(name, &m, why);
	if (err == 0)
		err = reload(m, path, why);
	hx_mutex_unlock(&modules_lock);
	return err;
}
