/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share: the tree of derivations.
 *
 *	object.roots -> node -- next -> node		in tables: slot -> node, node -> table, idx
 *	                 |first_child
 *	                node (table NULL) -- next -> node
 *	                 |first_child
 *	                node
 *
 * A node without a table was dropped while it had children: it keeps them where they belong, so
 * that a revocation further up finds them, and goes with the last of them.
 *
 * Invariants; the code cites them by number:
 *	1 A node's rights are a part of its parent's, and it expires no later.
 *	2 A slot whose handle is not 0 has a node, whose table and idx lead back to the slot; both
 *	  change only with the locks of the object and of the table held.
 *	3 A node with EXCLUSIVE has no sibling. Its parent has EXCLUSIVE, or it is a root.
 *	4 A live node with EXCLUSIVE and children has HX_CAP_ASK_ set in its slot.
 *	5 Below a node with n_cuts nothing resolves, and nothing is derived. The object is unsettled
 *	  as long as it has such a node.
 *	6 A handle is never used a second time, but for the same node after its way there and back
 *	  (transfer.c). A slot that is kept for that is counted, has no handle, and is not free.
 */
#ifndef HX_CORE_CAPS_PRIV_H
#define HX_CORE_CAPS_PRIV_H

#include <hx/config/core_caps.h>
#include <hx/config/core_resources.h>
#include <hx/core/assert.h>
#include <hx/core/caps.h>
#include <hx/core/heap.h>

/* Field keys: c constant, l lock of the object. */
struct cap_node {
	struct hx_cap_object *object;		/* c */
	struct hx_cap_table *table;		/* l NULL: dropped */
	struct cap_node *parent;		/* l NULL: a root */
	struct cap_node *first_child;		/* l */
	struct cap_node *next, *prev;		/* l siblings; prev NULL: the first */
	hx_ns_t expires_ns;			/* c */
	uint32_t idx;				/* l of its slot */
	uint16_t n_cuts;			/* l revocations of what is below; they hold it */
	uint8_t rights;				/* c */
	uint8_t depth;				/* c */
};

/* What a revocation or a drop took out of the tree, to be freed without locks. */
struct cap_gone {
	struct cap_node *first;		/* by next */
	uint32_t n_refs;		/* of the object, to be put */
};

/* The slots of a table, as they are taken from the heap. */
struct cap_array {
	struct hx_grace grace;
	struct hx_cap_slot slots[];
};

/* table.c */
extern struct hx_cap_slot cap_no_slots[1];	/* of a table that never had any */
/* A free slot, taken and not visible; may sleep. */
HX_MUST_CHECK int cap_slot_reserve(struct hx_cap_table *t, uint32_t *idx);
void cap_slot_unreserve(struct hx_cap_table *t, uint32_t idx);
/* A reserved slot becomes the node's; the object's lock held. */
hx_cap_t cap_slot_fill(struct hx_cap_table *t, uint32_t idx, struct cap_node *n);
/* A slot that cap_slot_keep() kept is free after all. */
void cap_slot_release(struct hx_cap_table *t, uint32_t idx);
/* The slot of a node answers to nothing, and is kept: cap_slot_fill() with the same node gives the
 * same handle again. The object's lock held. */
uint32_t cap_slot_keep(struct cap_node *n);
/* The slot of a node is free again; the object's lock held. */
void cap_slot_clear(struct cap_node *n);
/* The node became lent, or is whole again; the object's lock held. */
void cap_slot_update(const struct cap_node *n);
/* The node of a live capability with its object locked, or NULL. */
struct cap_node *cap_lock(const struct hx_cap_table *t, hx_cap_t cap, hx_irqflags_t *flags);
void cap_unlock(struct cap_node *n, hx_irqflags_t flags);
/* charge.c (CONFIG_RESOURCES); the table's lock held for the first two. */
bool cap_charge_slot(struct hx_cap_table *t);	/* false: a limit of its holder */
void cap_uncharge_slot(struct hx_cap_table *t);
void cap_charge_finish(struct hx_cap_table *t);	/* the table is empty */

static inline bool cap_charge_one(struct hx_cap_table *t)
{
	return !HX_ENABLED(RESOURCES) || HX_LIKELY(t->charge == NULL) || cap_charge_slot(t);
}

static inline void cap_uncharge_one(struct hx_cap_table *t)
{
	if (HX_ENABLED(RESOURCES) && HX_UNLIKELY(t->charge != NULL))
		cap_uncharge_slot(t);
}

static inline void cap_charge_end(struct hx_cap_table *t)
{
	if (HX_ENABLED(RESOURCES) && t->charge != NULL)
		cap_charge_finish(t);
}

/* All tables with a name, under their mutex. */
void cap_tables_lock(void);
void cap_tables_unlock(void);
struct hx_cap_table *cap_tables_first(void);

/* cap.c: why the node may not leave a table; the object's lock held. */
int cap_refuse_move(const struct cap_node *n, const struct hx_cap_table *from);
/* cap.c: hx_cap_drop(); of what is being revoked only if even_cut. False: not there. */
bool cap_drop_any(struct hx_cap_table *t, hx_cap_t cap, bool even_cut);

/* revoke.c; the object's lock held */
bool cap_is_cut(const struct cap_node *n);	/* one above it, or the object, is being revoked */
/* Unlink a node without children and table, unless a revocation holds it, and those above it for
 * which nothing is left then. */
void cap_remove(struct cap_node *n, struct cap_gone *gone);
/* Without locks. */
void cap_free_gone(struct hx_cap_object *o, struct cap_gone *gone);

/* object.c; the object's lock held */
void cap_settle(struct hx_cap_object *o);	/* after n_cuts or is_ended changed */

/* caps_node.c */
enum cap_event { CAP_GRANT, CAP_DERIVE, CAP_MOVE, CAP_REVOKE, CAP_RECALL, CAP_DENY };
/* Without locks. */
void cap_audit(enum cap_event event, const struct hx_cap_table *t, hx_cap_t cap, uint32_t type,
	       uint32_t rights, int result);

static inline struct cap_node **cap_siblings(struct cap_node *n)
{
	return n->parent != NULL ? &n->parent->first_child : &n->object->roots;
}

static inline bool cap_is_exclusive(const struct cap_node *n)
{
	return (n->rights & HX_CAP_EXCLUSIVE) != 0;
}

static inline bool cap_is_lent(const struct cap_node *n)
{
	return cap_is_exclusive(n) && n->first_child != NULL;
}

#endif
