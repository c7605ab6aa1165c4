/* SPDX-License-Identifier: MIT */
/*
 * RAM: a file without a name (memfd), so that one page can be seen at several addresses, as through
 * page tables. The direct map shows the whole of it, with what is not RAM left unmapped: touching a
 * hole faults as it would on a machine that checks.
 *
 * physical:  0   4K      636K   1M  +256K                 3G ... 4G
 *            |-- | usable |  --  |boot| usable ... modules | --  | usable, the rest
 */
#define _GNU_SOURCE
#include "host_priv.h"
#include <hx/hal/mmu.h>
#include <hx/hal/parse.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOW_RAM_END	((hx_paddr_t)0x9f000)	/* where a PC's BIOS keeps its own data */
#define HIGH_RAM	((hx_paddr_t)1 << 20)
#define BOOT_RESERVE	((uint64_t)256 << 10)	/* 64 table pages: 1 root, then 63 for early maps */
#define PCI_HOLE	(3 * HX_GIB)
#define ABOVE_HOLE	(4 * HX_GIB)

uintptr_t hx_hhdm_base;

static struct hx_boot_info info;
static int mem_fd = -1;

static int make_map(const struct hx_host_params *p)
{
	hx_paddr_t low_end = hx_min_u64(p->mem_bytes, PCI_HOLE);
	int err = hx_memmap_add(&info, HX_PAGE_SIZE, low_end, HX_MEM_USABLE);

	if (err == 0 && p->mem_bytes > PCI_HOLE)
		err = hx_memmap_add(&info, ABOVE_HOLE, ABOVE_HOLE + (p->mem_bytes - PCI_HOLE),
				    HX_MEM_USABLE);
	if (err == 0)
		err = hx_memmap_add(&info, LOW_RAM_END, HIGH_RAM, HX_MEM_RESERVED);
	if (err == 0)
		err = hx_memmap_claim(&info, HIGH_RAM, HIGH_RAM + BOOT_RESERVE, HX_MEM_BOOT);
	for (unsigned i = 0; err == 0 && i < p->n_holes; i++) {
		const struct hx_mem_range *h = &p->holes[i];

		if (h->start >= h->end || h->end > HOST_PHYS_BYTES ||
		    (h->start < HIGH_RAM + BOOT_RESERVE && h->end > HIGH_RAM))
			return -HX_EINVAL;
		err = hx_memmap_add(&info, h->start, h->end, h->type);
	}
	return err;
}

/* The highest free place below the PCI hole, as a loader would choose. */
static int place_module(const struct hx_host_module *m)
{
	uint64_t size = hx_align_up(m->size_bytes, HX_PAGE_SIZE);
	struct hx_boot_module *out = &info.modules[info.n_modules];

	for (unsigned i = info.n_mem; i-- > 0;) {
		struct hx_mem_range *r = &info.mem[i];

		if (r->type != HX_MEM_USABLE || r->start >= PCI_HOLE || r->end - r->start <= size)
			continue;
		out->start = r->end - size;
		out->size_bytes = m->size_bytes;
		strncpy(out->name, m->name, sizeof(out->name) - 1);
		info.n_modules++;
		return size != 0 ? hx_memmap_claim(&info, out->start, r->end, HX_MEM_MODULE) : 0;
	}
	return -HX_ENOMEM;
}

bool host_memory_is_ram(uint32_t type)
{
	return type != HX_MEM_RESERVED && type != HX_MEM_BAD && type != HX_MEM_MMIO;
}

/* Show RAM in the direct map; what is no RAM stays without access. */
static int map_ram(void)
{
	void *base = mmap((void *)HOST_HHDM_BASE, HOST_PHYS_BYTES, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (base != (void *)HOST_HHDM_BASE)
		return -HX_ENOMEM;
	hx_hhdm_base = HOST_HHDM_BASE;
	for (unsigned i = 0; i < info.n_mem; i++) {
		const struct hx_mem_range *r = &info.mem[i];

		if (!host_memory_is_ram(r->type))
			continue;
		base = mmap(hx_phys_to_virt(r->start), r->end - r->start, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED | MAP_NORESERVE, mem_fd, (off_t)r->start);
		if (base == MAP_FAILED)
			return -HX_ENOMEM;
	}
	return 0;
}

static int check(const struct hx_host_params *p)
{
	if (p->mem_bytes < HX_HOST_MEM_MIN || p->mem_bytes > HX_HOST_MEM_MAX ||
	    p->mem_bytes % HX_PAGE_SIZE != 0)
		return -HX_EINVAL;
	if (p->n_modules > HX_BOOT_MODULES_MAX)
		return -HX_ENFILE;
	if (p->cmdline != NULL && strlen(p->cmdline) >= HX_BOOT_CMDLINE_MAX)
		return -HX_E2BIG;
	return 0;
}

int host_memory_init(const struct hx_host_params *p)
{
	int err = check(p);

	if (err != 0)
		return err;
	info = (struct hx_boot_info){ .loader = "host", .protocol = "host",
				      .bios_device = UINT32_MAX,
				      .kernel_virt = (uintptr_t)&__executable_start };
	if (p->cmdline != NULL)
		strcpy(info.cmdline, p->cmdline);
	err = make_map(p);
	for (unsigned i = 0; err == 0 && i < p->n_modules; i++)
		err = place_module(&p->modules[i]);
	if (err != 0)
		return err;
	mem_fd = memfd_create("helix-ram", MFD_CLOEXEC);
	if (mem_fd < 0)
		return -HX_ENOMEM;
	err = ftruncate(mem_fd, (off_t)HOST_PHYS_BYTES) == 0 ? map_ram() : -HX_ENOMEM;
	if (err != 0) {
		host_memory_fini();
		return err;
	}
	for (unsigned i = 0; i < p->n_modules; i++)
		if (p->modules[i].size_bytes != 0)
			memcpy(hx_phys_to_virt(info.modules[i].start), p->modules[i].bytes,
			       p->modules[i].size_bytes);
	info.entry_cycles = hx_cycles();
	info.entropy_is_hardware = p->seed == 0;
	return hx_cpu_entropy(info.entropy, sizeof(info.entropy));
}

void host_memory_fini(void)
{
	if (mem_fd < 0)
		return;
	for (unsigned i = 0; i < info.n_mem && hx_hhdm_base != 0; i++)
		if (host_memory_is_ram(info.mem[i].type))
			host_shadow_forget((uintptr_t)hx_phys_to_virt(info.mem[i].start),
					   info.mem[i].end - info.mem[i].start);
	if (hx_hhdm_base != 0)
		munmap((void *)hx_hhdm_base, HOST_PHYS_BYTES);
	hx_hhdm_base = 0;
	close(mem_fd);
	mem_fd = -1;
}

int host_memory_fd(void)
{
	return mem_fd;
}

const struct hx_boot_info *host_memory_info(void)
{
	return &info;
}

void host_memory_reserve(hx_paddr_t *start, hx_paddr_t *end)
{
	*start = HIGH_RAM;
	*end = HIGH_RAM + BOOT_RESERVE;
}

void host_memory_visit(void (*visit)(void *arg, uintptr_t start, uintptr_t end, size_t page_bytes,
				     unsigned flags), void *arg)
{
	uintptr_t start = 0, end = 0;

	for (unsigned i = 0; i < info.n_mem; i++) {
		const struct hx_mem_range *r = &info.mem[i];

		if (!host_memory_is_ram(r->type))
			continue;
		if ((uintptr_t)hx_phys_to_virt(r->start) != end) {
			if (start != end)
				visit(arg, start, end, HX_PAGE_SIZE, HX_MAP_WRITE);
			start = (uintptr_t)hx_phys_to_virt(r->start);
		}
		end = (uintptr_t)hx_phys_to_virt(r->end);
	}
	if (start != end)
		visit(arg, start, end, HX_PAGE_SIZE, HX_MAP_WRITE);
}

/* Shadow pages wholly inside are given back (they read as 0 = fine again); the rims by hand. */
void host_shadow_forget(uintptr_t start, size_t size_bytes)
{
	size_t scale, offset;
	uintptr_t from, to;

	if (__asan_get_shadow_mapping == NULL)
		return;
	__asan_get_shadow_mapping(&scale, &offset);
	from = hx_align_up((start >> scale) + offset, HX_PAGE_SIZE);
	to = hx_align_down(((start + size_bytes) >> scale) + offset, HX_PAGE_SIZE);
	if (from >= to || madvise((void *)from, to - from, MADV_DONTNEED) != 0) {
		__asan_unpoison_memory_region((void *)start, size_bytes);
		return;
	}
	__asan_unpoison_memory_region((void *)start, ((from - offset) << scale) - start);
	__asan_unpoison_memory_region((void *)((to - offset) << scale),
				      start + size_bytes - ((to - offset) << scale));
}
