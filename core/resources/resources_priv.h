/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share.
 *
 * Invariants, when nobody is inside a function:
 *	1 charged = reserved + used + the sum of the children's charged, for each kind.
 *	2 No charge goes beyond a hard limit that was there when it was made.
 *	3 used is at least the sum of the leases.
 */
#ifndef HX_CORE_RESOURCES_PRIV_H
#define HX_CORE_RESOURCES_PRIV_H

#include <hx/config/core_ipc.h>
#include <hx/config/core_resources.h>
#include <hx/core/assert.h>
#include <hx/core/resources.h>

/* account.c: words of the kinds, in order. */
const char *res_kind_name(unsigned kind);
/* account.c: a soft limit was passed: counted, logged, and whoever listens hears of it. */
void res_tell(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t charged);
/* account.c: forget a charge here and above. */
void res_uncharge(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t n);

/* holder.c: all holders, under their mutex. */
void res_holders_lock(void);
void res_holders_unlock(void);
struct hx_res_holder *res_holder_at(unsigned idx);
struct hx_res_holder *res_holder_find(const char *name);

/* io.c: nothing moved yet, all buckets full. */
void res_meter_init(struct hx_res_meter *m);
/* io.c: for who looks. */
void res_meter_read(const struct hx_res_holder *h, struct hx_res_meter *out);

/* lease.c: every lease of a holder ends, the youngest first. */
void res_leases_end(struct hx_res_holder *h);

/* ports.c: what the platform has itself; all ranges forgotten; the idx-th one for who looks. */
void res_ports_init(void);
void res_ports_fini(void);
struct res_ports_row {
	uint32_t first, n;
	char name[HX_RES_NAME_MAX], holder[HX_RES_NAME_MAX];
};
bool res_ports_at(unsigned idx, struct res_ports_row *row);

/* events.c, with CONFIG_IPC_EVENTS: a soft limit was passed; told at once if that may be. */
void res_event_add(const struct hx_res_holder *h, enum hx_res_kind kind, uint64_t charged);
extern uint32_t res_n_untold;		/* atomic */
void res_events_tell(void);

static inline uint32_t res_load32(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline uint64_t res_load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

#endif
