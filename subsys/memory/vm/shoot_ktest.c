// SPDX-License-Identifier: MIT
/*
 * One space, threads of it on all CPUs, and a page that comes and goes: when a change returns, no
 * CPU uses what was there before. Threads without a space run in between and leave it loaded.
 */
#include <hx/core/ktest.h>
#include <hx/core/string.h>

#include "vm_priv.h"

#define AT		((uintptr_t)0x40000000)
#define N_READERS	6u
#define N_ROUNDS	40u

enum page_state { THERE, READ_ONLY, GONE, N_STATES, CHANGING };

/* Field keys: a atomic. */
static struct {
	struct hx_vm_space *s;
	uint32_t state;				/* a what holds now: CHANGING nothing */
	uint32_t round;				/* a counts changes */
	uint32_t stop;				/* a */
	uint32_t n_wrong, n_seen[N_STATES];	/* a */
} shoot;

static uint32_t get(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void put(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static int use_page(void *arg)
{
	hx_vm_attach(shoot.s);
	for (unsigned i = 0; get(&shoot.stop) == 0; i++) {
		uint32_t round = get(&shoot.round), state = get(&shoot.state), word = round;
		bool reads = hx_copy_from_user(&word, AT, sizeof(word)) == 0;
		bool writes = hx_copy_to_user(AT, &word, sizeof(word)) == 0;

		if (i % 8 == 0)
			hx_yield();	/* not every kernel takes the CPU away */
		if (state == CHANGING || state != get(&shoot.state) || round != get(&shoot.round))
			continue;
		__atomic_fetch_add(&shoot.n_seen[state], 1, __ATOMIC_RELAXED);
		if (reads != (state != GONE) || writes != (state == THERE))
			__atomic_fetch_add(&shoot.n_wrong, 1, __ATOMIC_RELAXED);
	}
	return 0;	/* still attached: its end leaves the space */
}

static int change_to(enum page_state to)
{
	static const unsigned prot[] = {
		[THERE] = HX_VM_READ | HX_VM_WRITE, [READ_ONLY] = HX_VM_READ, [GONE] = HX_VM_NONE,
	};
	int err;

	put(&shoot.state, CHANGING);
	err = hx_vm_protect(shoot.s, AT, HX_PAGE_SIZE, prot[to]);
	put(&shoot.round, shoot.round + 1);
	put(&shoot.state, to);
	/* Until somebody saw it, however slow the machine is. */
	for (uint32_t seen = get(&shoot.n_seen[to]), i = 0; i < 1000; i++) {
		hx_sleep_ns(2000000);
		if (get(&shoot.n_seen[to]) != seen)
			break;
	}
	return err;
}

HX_KTEST(vm_no_cpu_uses_what_a_change_took)
{
	const struct hx_thread_params p = { .name = "uses", .fn = use_page,
					    .prio = HX_PRIO_DEFAULT };
	const struct hx_vm_params page = { .va = AT, .size_bytes = HX_PAGE_SIZE,
					   .prot = HX_VM_READ | HX_VM_WRITE,
					   .flags = HX_VM_FIXED };
	struct hx_thread *thread[N_READERS];
	struct hx_vm_info info;
	uintptr_t va;

	memset(&shoot, 0, sizeof(shoot));
	hx_require(t, hx_vm_create(0, &shoot.s) == 0 && hx_vm_map(shoot.s, &page, &va) == 0);
	for (unsigned i = 0; i < N_READERS; i++)
		hx_require(t, hx_thread_create(&p, &thread[i]) == 0);
	for (unsigned i = 0; i < N_ROUNDS; i++)
		hx_expect(t, change_to(i % N_STATES) == 0);
	put(&shoot.stop, 1);
	for (unsigned i = 0; i < N_READERS; i++)
		hx_expect(t, hx_thread_join(thread[i], HX_FOREVER, NULL) == 0);
	hx_expect(t, shoot.n_wrong == 0);
	for (unsigned i = 0; i < N_STATES; i++)
		hx_expect(t, shoot.n_seen[i] > 0);
	hx_vm_info(shoot.s, &info);
	hx_expect(t, info.n_threads == 0 && hx_vm_check(shoot.s) == 0);
	hx_vm_put(shoot.s);
}
