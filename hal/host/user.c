/* SPDX-License-Identifier: MIT */
/*
 * User memory on the host: a model of what a CPU does with the tables of the loaded space, and the
 * copies that go through it. Tables and pages lie in the machine's RAM.
 *
 * The model keeps every translation it has used until it is told to forget it, as long as there is
 * room, as a CPU may, and which table it found behind the upper entries: so a flush that somebody
 * forgot shows as old bytes or old rights. A refused
 * access looks at the tables again before it faults, and the dirty bit is written only if the kept
 * translation has it clear: both as on x86.
 * Source: Intel SDM vol. 3, 4.8, 4.10.
 */
#include "host_priv.h"
#include <hx/hal/arch/paging.h>
#include <hx/hal/paging.h>
#include <hx/hal/user.h>
#include <string.h>

#define CPUS		4u	/* told apart by their number; one runs, tests play the others */
#define KEPT		1024u
#define UPPER		16u
#define TABLE_SPAN	((uintptr_t)512 * HX_PAGE_SIZE)
#define TRIES_MAX	64u	/* of one access: a handler that never resolves it is broken */

/* Field keys: o owner CPU. */
static struct cpu {
	hx_paddr_t root;	/* o 0: the kernel's own tables, which have no user half */
	unsigned tag;		/* o */
	struct {
		uintptr_t base;
		size_t bytes;	/* 0: empty */
		unsigned tag;
		uint64_t entry;
	} kept[KEPT];		/* o */
	struct {
		uintptr_t base;
		unsigned tag;
		hx_paddr_t table;	/* 0: empty */
	} upper[UPPER];		/* o last tables, by what they map; all go with any flush */
} cpus[CPUS];

static unsigned n_levels = 4;
static bool has_tags;
static hx_fault_handler_t handler;

static struct cpu *this_cpu(void)
{
	return &cpus[hx_percpu()->cpu % CPUS];
}

static void forget_upper(struct cpu *c, unsigned tag)
{
	for (unsigned i = 0; i < UPPER; i++)
		if (c->upper[i].tag == tag)
			c->upper[i].table = 0;
}

void hx_host_set_paging(unsigned levels, bool tags)
{
	n_levels = levels;
	has_tags = tags;
}

unsigned hx_paging_levels(void)
{
	return n_levels;
}

bool hx_paging_has_1g(void)
{
	return true;
}

bool hx_tlb_has_tags(void)
{
	return has_tags;
}

void hx_tlb_load(hx_paddr_t root, unsigned tag, bool keep)
{
	struct cpu *c = this_cpu();

	c->root = root;
	c->tag = tag;
	for (unsigned i = 0; !keep && i < KEPT; i++)
		if (c->kept[i].tag == tag)
			c->kept[i].bytes = 0;
	if (!keep)
		forget_upper(c, tag);
}

void hx_tlb_forget(uintptr_t va)
{
	struct cpu *c = this_cpu();

	for (unsigned i = 0; i < KEPT; i++)
		if (c->kept[i].tag == c->tag && va - c->kept[i].base < c->kept[i].bytes)
			c->kept[i].bytes = 0;
	forget_upper(c, c->tag);
}

void hx_tlb_forget_all(void)
{
	memset(this_cpu()->kept, 0, sizeof(this_cpu()->kept));
	memset(this_cpu()->upper, 0, sizeof(this_cpu()->upper));
}

void hx_trap_set_fault_handler(hx_fault_handler_t fn)
{
	handler = fn;
}

void host_user_reset(void)
{
	hx_tlb_reset();
	hx_space_reset();
	memset(cpus, 0, sizeof(cpus));
	n_levels = 4;
	has_tags = false;
	handler = NULL;
}

static bool allows(uint64_t entry, unsigned access)
{
	unsigned flags = hx_pte_flags(entry);

	return (flags & HX_MAP_NOACCESS) == 0 &&
	       ((access & HX_FAULT_WRITE) == 0 || (flags & HX_MAP_WRITE) != 0);
}

/* Look at the tables: the entry of the page around va, its size; NULL: nothing is mapped. */
static uint64_t *walk(uintptr_t va, size_t *bytes)
{
	struct cpu *c = this_cpu();
	unsigned i = (unsigned)(va / TABLE_SPAN) % UPPER;
	bool is_known = c->upper[i].table != 0 && c->upper[i].tag == c->tag &&
			c->upper[i].base == va / TABLE_SPAN;
	hx_paddr_t table = is_known ? c->upper[i].table : c->root;

	for (unsigned level = is_known ? 0 : n_levels - 1; table != 0; level--) {
		uint64_t *e = (uint64_t *)hx_phys_to_virt(table) +
			      (va >> (HX_PAGE_SHIFT + 9 * level)) % 512;

		if (level == 0) {
			c->upper[i].base = va / TABLE_SPAN;
			c->upper[i].tag = c->tag;
			c->upper[i].table = table;
		}
		if (*e == 0)
			return NULL;
		*bytes = HX_PAGE_SIZE << 9 * level;
		if (level == 0 || hx_pte_is_page(*e, level))
			return e;
		table = hx_pte_address(*e);
	}
	return NULL;
}

/* One access as the CPU makes it: where the byte lies in the direct map; NULL: a page fault. */
static void *translate(uintptr_t va, unsigned access, unsigned *fault)
{
	struct cpu *c = this_cpu();
	unsigned i = (unsigned)(va >> HX_PAGE_SHIFT) % KEPT;
	unsigned use = HX_MAP_ACCESSED | (access & HX_FAULT_WRITE ? HX_MAP_DIRTY : 0);
	uint64_t *e;
	size_t bytes;

	if (c->kept[i].tag != c->tag || va - c->kept[i].base >= c->kept[i].bytes ||
	    !allows(c->kept[i].entry, access) || (~hx_pte_flags(c->kept[i].entry) & use) != 0) {
		e = walk(va, &bytes);
		*fault = access | (e != NULL ? HX_FAULT_PRESENT : 0);
		if (e == NULL || !allows(*e, access))
			return NULL;
		*e |= (uint64_t)use << HX_HOST_PTE_FLAGS;
		c->kept[i].base = va & ~(bytes - 1);
		c->kept[i].bytes = bytes;
		c->kept[i].tag = c->tag;
		c->kept[i].entry = *e;
	}
	return hx_phys_to_virt(hx_pte_address(c->kept[i].entry) + (va - c->kept[i].base));
}

static void *reach(uintptr_t va, unsigned access)
{
	unsigned fault = 0;
	void *p;

	for (unsigned i = 0; i < TRIES_MAX; i++) {
		p = translate(va, access, &fault);
		if (p != NULL || handler == NULL || handler(va, fault) != 0)
			return p;
	}
	hx_host_violation("the fault at %#zx is resolved again and again", (size_t)va);
}

static bool is_user(uintptr_t va, size_t n)
{
	return va <= hx_mmu_user_end() && n <= hx_mmu_user_end() - va;
}

static size_t part_of(uintptr_t va, size_t n)
{
	return hx_min_u64(n, HX_PAGE_SIZE - va % HX_PAGE_SIZE);
}

int hx_copy_from_user(void *dst, uintptr_t src, size_t n)
{
	if (!is_user(src, n))
		return -HX_EFAULT;
	for (size_t done = 0, len; done < n; done += len) {
		const void *p = reach(src + done, 0);

		if (p == NULL)
			return -HX_EFAULT;
		len = part_of(src + done, n - done);
		memcpy((char *)dst + done, p, len);
	}
	return 0;
}

int hx_copy_to_user(uintptr_t dst, const void *src, size_t n)
{
	if (!is_user(dst, n))
		return -HX_EFAULT;
	for (size_t done = 0, len; done < n; done += len) {
		void *p = reach(dst + done, HX_FAULT_WRITE);

		if (p == NULL)
			return -HX_EFAULT;
		len = part_of(dst + done, n - done);
		memcpy(p, (const char *)src + done, len);
	}
	return 0;
}

int hx_clear_user(uintptr_t dst, size_t n)
{
	if (!is_user(dst, n))
		return -HX_EFAULT;
	for (size_t done = 0, len; done < n; done += len) {
		void *p = reach(dst + done, HX_FAULT_WRITE);

		if (p == NULL)
			return -HX_EFAULT;
		len = part_of(dst + done, n - done);
		memset(p, 0, len);
	}
	return 0;
}

hx_ssize_t hx_strncpy_from_user(char *dst, uintptr_t src, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int err = hx_copy_from_user(&dst[i], src + i, 1);

		if (err != 0)
			return err;
		if (dst[i] == '\0')
			return (hx_ssize_t)i;
	}
	return -HX_ENAMETOOLONG;
}
