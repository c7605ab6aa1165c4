// SPDX-License-Identifier: MIT
/*
 * I/O ports: a range of them belongs to one user at a time, a holder or the kernel itself. A device
 * has no way to tell two drivers apart, so ports are not shared: the second one is refused.
 *
 * All ranges are in one list by their first port; no two overlap. What the platform uses itself is
 * in there from the beginning.
 */
#include <hx/core/string.h>
#include <hx/hal/reg.h>

#include "resources_priv.h"

#define PORTS		65536u
#define PLATFORM_MAX	8u

static struct hx_spinlock ports_lock = HX_SPINLOCK_INIT("ports", HX_RANK_LEAF);
static struct hx_list ranges = HX_LIST_INIT(ranges);	/* ports_lock */
static struct hx_res_ports platform[PLATFORM_MAX];

static struct hx_res_ports *range_of(const struct hx_list *n)
{
	return HX_LIST_ENTRY(n, struct hx_res_ports, link);
}

/* False: somebody has a part of it. */
static bool insert(struct hx_res_ports *p)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&ports_lock);
	struct hx_list *at = ranges.next;
	bool is_free;

	while (at != &ranges && range_of(at)->first + range_of(at)->n <= p->first)
		at = at->next;
	is_free = at == &ranges || p->first + p->n <= range_of(at)->first;
	if (is_free)
		hx_list_insert_between(&p->link, at->prev, at);
	hx_spin_unlock_irqrestore(&ports_lock, flags);
	return is_free;
}

static void forget(struct hx_res_ports *p)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&ports_lock);

	hx_list_unlink(&p->link);
	hx_spin_unlock_irqrestore(&ports_lock, flags);
}

static void holder_ends(struct hx_res_lease *l)
{
	forget(HX_CONTAINER_OF(l, struct hx_res_ports, lease));
}

int hx_res_ports_take(struct hx_res_holder *h, struct hx_res_ports *p, const char *name,
		      uint32_t first, uint32_t n)
{
	int err = 0;

	if (n == 0 || first >= PORTS || n > PORTS - first)
		return -HX_EINVAL;
	*p = (struct hx_res_ports){ .holder = h, .name = name, .first = first, .n = n };
	if (h != NULL)
		err = hx_res_lease_begin(h, &p->lease, HX_RES_PORTS, n, holder_ends);
	if (err == 0 && !insert(p)) {
		err = -HX_EBUSY;
		if (h != NULL)
			hx_res_lease_end(&p->lease);
	}
	return err;
}

void hx_res_ports_give(struct hx_res_ports *p)
{
	forget(p);
	if (p->holder != NULL)
		hx_res_lease_end(&p->lease);
}

bool hx_res_ports_has(const struct hx_res_holder *h, uint32_t first, uint32_t n)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&ports_lock);
	uint64_t at = first, end = (uint64_t)first + n;
	const struct hx_list *i;

	/* Neighbours may be two ranges of the same holder. */
	HX_LIST_FOREACH(i, &ranges) {
		const struct hx_res_ports *p = range_of(i);

		if (p->first > at || at >= end)
			break;
		if (p->holder == h && at < p->first + p->n)
			at = p->first + p->n;
	}
	hx_spin_unlock_irqrestore(&ports_lock, flags);
	return at >= end;
}

bool res_ports_at(unsigned idx, struct res_ports_row *row)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&ports_lock);
	const struct hx_list *n = ranges.next;
	const struct hx_res_ports *p;

	while (n != &ranges && idx-- > 0)
		n = n->next;
	p = range_of(n);
	if (n != &ranges) {
		row->first = p->first;
		row->n = p->n;
		hx_strlcpy(row->name, p->name, sizeof(row->name));
		hx_strlcpy(row->holder, p->holder != NULL ? p->holder->name : "kernel",
			   sizeof(row->holder));
	}
	hx_spin_unlock_irqrestore(&ports_lock, flags);
	return n != &ranges;
}

void res_ports_init(void)
{
	uint32_t first, n;
	const char *name;

	for (unsigned i = 0; i < PLATFORM_MAX && hx_platform_ports(i, &first, &n, &name) == 0; i++)
		hx_verify(hx_res_ports_take(NULL, &platform[i], name, first, n) == 0);
}

void res_ports_fini(void)
{
	hx_list_init(&ranges);
}
