// SPDX-License-Identifier: MIT
/*
 * Threads that really leave for user mode, in a page of code that was copied there
 * (hx_trap_provoke(), hx_trap_touch()), and do there what user mode must not.
 */
#include <hx/core/ktest.h>
#include <hx/core/names.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/core/text.h>
#include <hx/hal/cpu.h>
#include <hx/hal/trap.h>

#include "vm_priv.h"

#define CODE	((uintptr_t)0x40000000)
#define RODATA	(CODE + HX_PAGE_SIZE)
#define DATA	(CODE + 4 * HX_PAGE_SIZE)
#define STACK	((uintptr_t)0x50000000)		/* top */
#define N_THREADS	8u

struct going {
	struct hx_vm_space *s;
	struct hx_user_start start;
	int refused;
};

static uintptr_t code_of(const void *function)
{
	return CODE + (uintptr_t)function - (uintptr_t)hx_trap_provoke;
}

static int map(struct hx_vm_space *s, uintptr_t va, size_t size_bytes, unsigned prot)
{
	const struct hx_vm_params p = { .va = va, .size_bytes = size_bytes, .prot = prot,
					.flags = HX_VM_FIXED };
	uintptr_t got;

	return hx_vm_map(s, &p, &got);
}

/* A space with code, a page that is read only, data, and a stack that may grow to four pages. */
static struct hx_vm_space *make_space(void)
{
	size_t n = (size_t)(hx_trap_provoke_end - (const char *)hx_trap_provoke);
	const struct hx_vm_params stack = { .va = STACK - HX_PAGE_SIZE,
					    .size_bytes = HX_PAGE_SIZE,
					    .reserve_bytes = 4 * HX_PAGE_SIZE,
					    .prot = HX_VM_READ | HX_VM_WRITE,
					    .flags = HX_VM_FIXED | HX_VM_STACK };
	struct hx_vm_space *s;
	uintptr_t got;
	int err = hx_vm_create(0, &s);

	if (err != 0)
		return NULL;
	err = map(s, CODE, HX_PAGE_SIZE, HX_VM_READ | HX_VM_WRITE);
	if (err == 0)
		err = map(s, RODATA, HX_PAGE_SIZE, HX_VM_READ);
	if (err == 0)
		err = map(s, DATA, 2 * HX_PAGE_SIZE, HX_VM_READ | HX_VM_WRITE);
	if (err == 0)
		err = hx_vm_map(s, &stack, &got);
	hx_vm_attach(s);
	if (err == 0)
		err = hx_copy_to_user(CODE, (const void *)hx_trap_provoke, n);
	if (err == 0)
		err = hx_vm_protect(s, CODE, HX_PAGE_SIZE, HX_VM_EXEC);
	hx_vm_attach(NULL);
	if (err == 0)
		return s;
	hx_vm_put(s);
	return NULL;
}

static int go(void *arg)
{
	struct going *g = arg;

	hx_vm_attach(g->s);
	g->refused = hx_thread_enter_user(&g->start);
	return 1;
}

static struct hx_thread *send(struct going *g, uintptr_t pc, uintptr_t first, uintptr_t second)
{
	const struct hx_thread_params p = { .name = "in user mode", .fn = go, .arg = g,
					    .prio = HX_PRIO_DEFAULT };
	struct hx_thread *thread;

	g->start = (struct hx_user_start){ .pc = pc, .sp = STACK - 64, .arg = { first, second } };
	g->refused = 0;
	return hx_thread_create(&p, &thread) == 0 ? thread : NULL;
}

/* Go there, end there: the exit value, and the record. */
static int end_of(struct hx_vm_space *s, uintptr_t pc, uintptr_t first, uintptr_t second,
		  struct hx_vm_end *end)
{
	struct going g = { .s = s };
	struct hx_thread *thread = send(&g, pc, first, second);
	uint32_t id;
	int value;

	memset(end, 0, sizeof(*end));
	if (thread == NULL)
		return 2;
	id = thread->id;
	if (hx_thread_join(thread, HX_FOREVER, &value) != 0)
		return 3;
	if (g.refused != 0)
		return g.refused;
	return hx_vm_last_end(id, 0, end) && end->err == value ? value : 4;
}

static int provoke(struct hx_vm_space *s, unsigned vector, struct hx_vm_end *end)
{
	int value = end_of(s, CODE, vector, 0, end);

	return end->vector == vector ? value : 5;
}

static int touch(struct hx_vm_space *s, uintptr_t va, unsigned how, struct hx_vm_end *end)
{
	int value = end_of(s, code_of(hx_trap_touch), va, how, end);

	return end->va == va ? value : 6;
}

HX_KTEST(vm_user_fault_ends_the_thread_and_not_the_kernel)
{
	struct hx_vm_space *s = make_space();
	uintptr_t kernel = (uintptr_t)hx_trap_provoke;
	struct hx_vm_end e;

	hx_require(t, s != NULL);
	hx_expect(t, touch(s, CODE - HX_PAGE_SIZE, HX_TRAP_READ, &e) == -HX_EFAULT);
	hx_expect(t, e.region.start == e.region.end && !e.is_overflow);
	hx_expect(t, e.pc >= code_of(hx_trap_touch) && e.pc < CODE + HX_PAGE_SIZE);
	hx_expect(t, e.sp == STACK - 64);
	hx_expect(t, touch(s, RODATA, HX_TRAP_WRITE, &e) == -HX_EFAULT);
	hx_expect(t, e.region.start == RODATA && e.region.prot == HX_VM_READ);
	hx_expect(t, touch(s, CODE, HX_TRAP_WRITE, &e) == -HX_EFAULT);
	hx_expect(t, e.region.prot == HX_VM_EXEC);
	hx_expect(t, touch(s, DATA + 8, HX_TRAP_GO, &e) == -HX_EFAULT && e.pc == DATA + 8);
	hx_expect(t, touch(s, kernel, HX_TRAP_READ, &e) == -HX_EFAULT);
	hx_expect(t, touch(s, kernel, HX_TRAP_GO, &e) == -HX_EFAULT);
	hx_expect(t, touch(s, hx_hhdm_base, HX_TRAP_WRITE, &e) == -HX_EFAULT);
	hx_expect(t, touch(s, UINTPTR_MAX, HX_TRAP_READ, &e) == -HX_EFAULT);
	hx_expect(t, hx_vm_check(s) == 0);
	hx_vm_put(s);
}

HX_KTEST(vm_user_exceptions_tell_the_joiner_what_they_were)
{
	struct hx_vm_space *s = make_space();
	struct hx_vm_end e;

	hx_require(t, s != NULL);
	hx_expect(t, provoke(s, 0, &e) == -HX_ERANGE && e.va == 0);
	hx_expect(t, provoke(s, 6, &e) == -HX_ENOSYS);
	hx_expect(t, provoke(s, 13, &e) == -HX_EPERM);
	hx_expect(t, provoke(s, 14, &e) == -HX_EFAULT && e.va == HX_PAGE_SIZE);
	/* Gates are the kernel's: a breakpoint of user mode is a protection fault. */
	hx_expect(t, end_of(s, CODE, 3, 0, &e) == -HX_EPERM && e.vector == 13);
	hx_vm_put(s);
}

/* provoke(8) pushes without an end: three more pages come, then the guard. */
HX_KTEST(vm_user_stack_overflow_is_told_as_such)
{
	struct hx_vm_space *s = make_space();
	struct hx_vm_end e;
	struct hx_vm_info info;

	hx_require(t, s != NULL);
	hx_expect(t, end_of(s, CODE, 8, 0, &e) == -HX_EFAULT);
	hx_expect(t, e.is_overflow && e.va == STACK - 4 * HX_PAGE_SIZE - 8);
	hx_vm_info(s, &info);
	hx_expect(t, info.n_grown == 3);
	hx_vm_put(s);
}

/* What is touched and may be, comes: the thread gets to its end, the address 0 on its stack. */
HX_KTEST(vm_user_faults_are_resolved)
{
	struct hx_vm_space *s = make_space();
	struct hx_vm_end e;
	uint8_t byte = 0;

	hx_require(t, s != NULL);
	hx_expect(t, end_of(s, code_of(hx_trap_touch), DATA + 100, HX_TRAP_WRITE, &e) ==
		     -HX_EFAULT && e.pc == 0 && e.va == 0 && e.vector == 14);
	hx_expect(t, end_of(s, code_of(hx_trap_touch), RODATA, HX_TRAP_READ, &e) == -HX_EFAULT &&
		     e.pc == 0);
	hx_vm_attach(s);
	hx_expect(t, hx_copy_from_user(&byte, DATA + 100, 1) == 0 && byte == HX_TRAP_WRITE);
	hx_vm_attach(NULL);
	hx_vm_put(s);
}

HX_KTEST(vm_user_entry_is_refused_where_it_makes_no_sense)
{
	struct hx_user_start start = { .pc = CODE, .sp = STACK };
	struct hx_vm_space *s = make_space();
	struct hx_vm_end e;

	hx_require(t, s != NULL);
	hx_expect(t, hx_thread_enter_user(&start) == -HX_EINVAL);	/* no space */
	hx_expect(t, end_of(s, hx_mmu_user_end(), 0, 0, &e) == -HX_EINVAL);
	hx_expect(t, end_of(s, (uintptr_t)hx_trap_provoke, 0, 0, &e) == -HX_EINVAL);
	hx_vm_put(s);
}

/* Registers of the first instruction there: nothing of the kernel's. */
static volatile uint64_t seen[2], dirty;

static void look(struct hx_trap_frame *f, int err)
{
	const char *name;
	uint64_t value;

	for (unsigned i = 0; hx_trap_register(f, i, &name, &value); i++) {
		if (hx_strcmp(name, "rdi") == 0)
			seen[0] = value;
		else if (hx_strcmp(name, "rsi") == 0)
			seen[1] = value;
		else if (name[0] == 'r' && hx_strcmp(name, "rip") != 0 &&
			 hx_strcmp(name, "rsp") != 0 && hx_strcmp(name, "rflags") != 0)
			dirty |= value;
	}
	hx_thread_exit(err);
}

HX_KTEST(vm_user_mode_sees_no_register_of_the_kernel)
{
	struct hx_vm_space *s = make_space();
	struct hx_vm_end e;

	hx_require(t, s != NULL);
	dirty = 0;
	hx_trap_set_user_upcall(look);
	/* Not code: the first fetch faults. */
	end_of(s, DATA, 0x1234, 0x5678, &e);
	hx_trap_set_user_upcall(vm_end_thread);
	hx_expect(t, seen[0] == 0x1234 && seen[1] == 0x5678 && dirty == 0);
	hx_vm_put(s);
}

/* Many at once, interrupted again and again, on all CPUs; spaces that two of them share. */
HX_KTEST(vm_user_threads_are_interrupted_and_go_on)
{
	struct hx_vm_space *s[N_THREADS / 2];
	struct hx_thread *thread[N_THREADS];
	struct going g[N_THREADS];
	int value;

	for (unsigned i = 0; i < N_THREADS / 2; i++) {
		s[i] = make_space();
		hx_require(t, s[i] != NULL);
	}
	for (unsigned i = 0; i < N_THREADS; i++) {
		g[i].s = s[i / 2];
		thread[i] = send(&g[i], code_of(hx_trap_touch), 20000000 + i,
				 i % 2 == 0 ? HX_TRAP_SPIN : HX_TRAP_SPIN_USER);
		hx_require(t, thread[i] != NULL);
	}
	for (unsigned i = 0; i < N_THREADS; i++) {
		hx_expect(t, hx_thread_join(thread[i], HX_FOREVER, &value) == 0);
		hx_expect(t, value == -HX_EFAULT && g[i].refused == 0);
	}
	for (unsigned i = 0; i < N_THREADS / 2; i++) {
		hx_expect(t, hx_vm_check(s[i]) == 0);
		hx_vm_put(s[i]);
	}
}

/* ---- ended by others */

#define FOR_EVER	((uintptr_t)1 << 62)

static bool is_in_user(const struct hx_thread *thread)
{
	return (__atomic_load_n(&thread->user, __ATOMIC_RELAXED) & HX_THREAD_IN_USER) != 0;
}

static int ended(struct hx_thread *thread)
{
	int value = 0;

	hx_thread_end_user(thread);
	return hx_thread_join(thread, HX_FOREVER, &value) == 0 ? value : 1;
}

/* It runs, or is ready, on this CPU or another; it has not begun; it waits in the kernel. */
HX_KTEST(vm_user_threads_are_ended_by_others)
{
	struct hx_vm_space *s = make_space();
	struct going g = { .s = s };
	struct hx_vm_end e;
	struct hx_thread *thread;
	uint32_t id;

	hx_require(t, s != NULL);
	for (unsigned i = 0; i < 200; i++) {
		unsigned how = i % 2 == 0 ? HX_TRAP_SPIN : HX_TRAP_SPIN_USER;

		thread = send(&g, code_of(hx_trap_touch), FOR_EVER, how);
		hx_require(t, thread != NULL);
		id = thread->id;
		while (i % 4 < 2 && !is_in_user(thread))
			hx_yield();
		if (i % 8 == 0)
			hx_sleep_ns(3 * HX_NS_PER_MS);
		hx_expect(t, ended(thread) == -HX_ECANCELED || g.refused == -HX_ECANCELED);
		hx_expect(t, !hx_vm_last_end(id, 0, &e));	/* that is no fault */
	}
	hx_mutex_lock(&s->lock);	/* its first fetch waits for this */
	thread = send(&g, DATA, 0, 0);
	hx_sleep_ns(10 * HX_NS_PER_MS);
	if (thread != NULL)
		hx_thread_end_user(thread);
	hx_mutex_unlock(&s->lock);
	hx_require(t, thread != NULL);
	hx_expect(t, ended(thread) == -HX_ECANCELED || g.refused == -HX_ECANCELED);
	hx_expect(t, hx_vm_check(s) == 0);
	hx_vm_put(s);
}

#define ROUNDS	150u

static uint32_t n_wrong;	/* atomic */

/* One of several that make threads, move them, and end them wherever they are then. */
static int make_and_end(void *arg)
{
	struct hx_vm_space *s = arg;
	struct going g[2] = { { .s = s }, { .s = s } };
	uint32_t rnd = (uint32_t)hx_thread_self()->id;
	struct hx_thread *thread[2];

	for (unsigned i = 0; i < ROUNDS; i++) {
		for (unsigned k = 0; k < 2; k++) {
			thread[k] = send(&g[k], code_of(hx_trap_touch), FOR_EVER, HX_TRAP_SPIN);
			if (thread[k] == NULL)
				return 1;
		}
		for (unsigned k = 0; k < 4; k++) {
			struct hx_intent want = *thread[k % 2]->intent;

			rnd = rnd * 1664525u + 1013904223u;
			want.affinity = 1ull << (rnd >> 8) % hx_cpu_count();
			(void)!hx_thread_set_intent(thread[k % 2], &want);
			if ((rnd & 7) == 0)
				hx_sleep_ns(1);
		}
		for (unsigned k = 0; k < 2; k++)
			if (ended(thread[k]) != -HX_ECANCELED && g[k].refused != -HX_ECANCELED)
				__atomic_fetch_add(&n_wrong, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

HX_KTEST(vm_user_torture_made_moved_and_ended)
{
	struct hx_thread_params p = { .name = "ender", .fn = make_and_end,
				      .prio = HX_PRIO_DEFAULT };
	struct hx_vm_space *s[N_THREADS / 2];
	struct hx_thread *team[N_THREADS / 2];
	int value;

	n_wrong = 0;
	for (unsigned i = 0; i < N_THREADS / 2; i++) {
		s[i] = make_space();
		hx_require(t, s[i] != NULL);
		p.arg = s[i / 2];
		hx_require(t, hx_thread_create(&p, &team[i]) == 0);
	}
	for (unsigned i = 0; i < N_THREADS / 2; i++)
		hx_expect(t, hx_thread_join(team[i], HX_FOREVER, &value) == 0 && value == 0);
	hx_expect(t, n_wrong == 0);
	for (unsigned i = 0; i < N_THREADS / 2; i++) {
		hx_expect(t, hx_vm_check(s[i]) == 0);
		hx_vm_put(s[i]);
	}
}

HX_KTEST(vm_user_ends_are_shown)
{
	static char text[4096];
	struct hx_vm_space *s = make_space();
	struct hx_text_buf b;
	struct hx_vm_end e;

	hx_require(t, s != NULL);
	hx_expect(t, touch(s, RODATA + 16, HX_TRAP_WRITE, &e) == -HX_EFAULT);
	hx_vm_put(s);
	hx_text_buf_init(&b, text, sizeof(text));
	if (hx_names_show("/mem/faults", &b.text) != 0)
		hx_ktest_skip(t, "no nodes");
	else
		hx_expect(t, hx_glob("number=* err=EFAULT vector=14 *va=0x40001010 "
				     "region=0x40001000-0x40002000 prot=1 overflow=0 *", text));
}
