// SPDX-License-Identifier: MIT
/*
 * Functions of the kernel that modules get in another form. The one here does what the plain one
 * does, and what a border needs beside it, because only modules are to pay for that: it notes that
 * a lock is held, puts a gate in place of a function that the module gives away, or asks whether
 * the module may.
 */
#include <hx/core/assert.h>
#include <hx/core/frames.h>
#include <hx/core/grace.h>
#include <hx/core/heap.h>
#include <hx/core/irq_router.h>
#include <hx/core/printf.h>
#include <hx/core/sched_class.h>
#include <hx/hal/mmu.h>

#include "modules_priv.h"

/* ---- locks */

static void noting_mutex_lock(struct hx_mutex *m)
{
	/* Threads of modules that wait for each other are no reason for the kernel to end. */
	if (HX_ENABLED(MUTEX_INHERIT) && hx_mutex_lock_timeout(m, HX_FOREVER) != 0) {
		hx_border_bug("deadlock", (uintptr_t)__builtin_return_address(0));
		hx_bug("mutex %p of a module closes a circle", (void *)m);
	}
	if (!HX_ENABLED(MUTEX_INHERIT))
		hx_mutex_lock(m);
	hx_border_took(m, HX_BORDER_MUTEX);
}

static bool noting_mutex_trylock(struct hx_mutex *m)
{
	bool done = hx_mutex_trylock(m);

	if (done)
		hx_border_took(m, HX_BORDER_MUTEX);
	return done;
}

static int noting_mutex_lock_timeout(struct hx_mutex *m, hx_ns_t timeout_ns)
{
	int err = hx_mutex_lock_timeout(m, timeout_ns);

	if (err == 0)
		hx_border_took(m, HX_BORDER_MUTEX);
	return err;
}

static void noting_mutex_unlock(struct hx_mutex *m)
{
	hx_border_gave(m);
	hx_mutex_unlock(m);
}

static hx_irqflags_t noting_runq_lock(struct hx_runq *rq)
{
	hx_irqflags_t flags = hx_runq_lock(rq);

	hx_border_took(&rq->lock, HX_BORDER_SPIN);
	return flags;
}

static void noting_runq_unlock(struct hx_runq *rq, hx_irqflags_t flags)
{
	hx_border_gave(&rq->lock);
	hx_runq_unlock(rq, flags);
}

/* ---- functions given away */

static void gated_timer_start(struct hx_timer *t, hx_ns_t deadline_ns)
{
	t->fn = (void (*)(struct hx_timer *))module_gate_for((uintptr_t)t->fn);
	hx_timer_start(t, deadline_ns);
}

static void gated_timer_start_exact(struct hx_timer *t, hx_ns_t deadline_ns)
{
	t->fn = (void (*)(struct hx_timer *))module_gate_for((uintptr_t)t->fn);
	hx_timer_start_exact(t, deadline_ns);
}

/* May the code that called from there call the export? */
static int check_caller(const void *back, const void *export)
{
	return HX_ENABLED(CAPS) ? module_check_grant(module_of_code((uintptr_t)back), export) : 0;
}

static int gated_irq_attach(uint32_t line, struct hx_irq_action *a)
{
	int err = check_caller(__builtin_return_address(0), (const void *)hx_irq_attach);

	if (err != 0)
		return err;
	if (a->handler != NULL)
		a->handler = (void (*)(void *))module_gate_for((uintptr_t)a->handler);
	return hx_irq_attach(line, a);
}

static int gated_irq_request(uint32_t line, struct hx_irq_action *a, const char *owner,
			     uint32_t want)
{
	int err = check_caller(__builtin_return_address(0), (const void *)hx_irq_request);

	if (err != 0)
		return err;
	if (a->handler != NULL)
		a->handler = (void (*)(void *))module_gate_for((uintptr_t)a->handler);
	return hx_irq_request(line, a, owner, want);
}

static void gated_grace_call(struct hx_grace *g, void (*fn)(struct hx_grace *g))
{
	hx_grace_call(g, (void (*)(struct hx_grace *))module_gate_for((uintptr_t)fn));
}

static int gated_thread_create(const struct hx_thread_params *p, struct hx_thread **out)
{
	struct hx_thread_params q = *p;
	int err = check_caller(__builtin_return_address(0), (const void *)hx_thread_create);

	if (err != 0)
		return err;
	q.fn = (int (*)(void *))module_gate_for((uintptr_t)p->fn);
	return hx_thread_create(&q, out);
}

static int gated_thread_init(struct hx_thread *t, const struct hx_thread_params *p)
{
	struct hx_thread_params q = *p;
	int err = check_caller(__builtin_return_address(0), (const void *)hx_thread_init);

	if (err != 0)
		return err;
	q.fn = (int (*)(void *))module_gate_for((uintptr_t)p->fn);
	return hx_thread_init(t, &q);
}

static int checked_frames_alloc(unsigned order, unsigned flags, hx_paddr_t *pa)
{
	const void *back = __builtin_return_address(0);
	int err = check_caller(back, (const void *)hx_frames_alloc);

	return err != 0 ? err : HX_ENABLED(RESOURCES) ?
	       module_frames_alloc(back, order, flags, pa) : hx_frames_alloc(order, flags, pa);
}

static void *checked_map_device(hx_paddr_t pa, size_t size_bytes)
{
	const void *back = __builtin_return_address(0);

	return check_caller(back, (const void *)hx_mmu_map_device) == 0 ?
	       module_map_device(pa, size_bytes) : NULL;
}

static int gated_names_register(const struct hx_node *node)
{
	const void *back = __builtin_return_address(0);
	int err = check_caller(back, (const void *)hx_names_register);
	struct module *m = module_of_code((uintptr_t)back);

	return err != 0 ? err : m != NULL ? module_make_node(m, node) : hx_names_register(node);
}

/* ---- the end of a call */

static HX_NORETURN HX_PRINTF(1, 2) void noting_bug(const char *fmt, ...)
{
	char text[96];
	va_list ap;

	hx_border_bug("broken invariant", (uintptr_t)__builtin_return_address(0));
	va_start(ap, fmt);
	hx_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	hx_bug("%s", text);
}

const void *module_export_for_modules(const void *address)
{
	static const struct module_instead pairs[] = {
		{ (const void *)hx_mutex_lock, (const void *)noting_mutex_lock },
		{ (const void *)hx_mutex_trylock, (const void *)noting_mutex_trylock },
		{ (const void *)hx_mutex_lock_timeout, (const void *)noting_mutex_lock_timeout },
		{ (const void *)hx_mutex_unlock, (const void *)noting_mutex_unlock },
		{ (const void *)hx_runq_lock, (const void *)noting_runq_lock },
		{ (const void *)hx_runq_unlock, (const void *)noting_runq_unlock },
		{ (const void *)hx_timer_start, (const void *)gated_timer_start },
		{ (const void *)hx_timer_start_exact, (const void *)gated_timer_start_exact },
		{ (const void *)hx_irq_attach, (const void *)gated_irq_attach },
		{ (const void *)hx_irq_request, (const void *)gated_irq_request },
		{ (const void *)hx_frames_alloc, (const void *)checked_frames_alloc },
		{ (const void *)hx_mmu_map_device, (const void *)checked_map_device },
		{ (const void *)hx_names_register, (const void *)gated_names_register },
		{ (const void *)hx_names_unregister, (const void *)module_unmake_node },
		{ (const void *)hx_grace_call, (const void *)gated_grace_call },
		{ (const void *)hx_thread_create, (const void *)gated_thread_create },
		{ (const void *)hx_thread_init, (const void *)gated_thread_init },
		{ (const void *)hx_bug, (const void *)noting_bug },
	};
	const void *instead = module_instead(pairs, HX_ARRAY_LEN(pairs), address);

	if (instead != NULL)
		return instead;
	return HX_ENABLED(HEAL) ? module_export_of_heal(address) : address;
}
