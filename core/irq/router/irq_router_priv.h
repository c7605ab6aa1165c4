/* SPDX-License-Identifier: MIT */
/* Lines and their users, as the files of this room see them. */
#ifndef HX_IRQ_ROUTER_PRIV_H
#define HX_IRQ_ROUTER_PRIV_H

#include <hx/core/irq_router.h>
#include <hx/core/thread.h>

#include "../irq_priv.h"

#define IRQ_WINDOW_NS		(100 * HX_NS_PER_MS)	/* in which a storm shows */
#define IRQ_PAUSE_FIRST_NS	(10 * HX_NS_PER_MS)	/* then twice as long each time */
#define IRQ_PAUSE_MAX_NS	(10 * HX_NS_PER_S)
#define IRQ_RELAPSE_NS		HX_NS_PER_S	/* open for so long: another storm */
#define IRQ_WINDOWS_PER_S	(HX_NS_PER_S / IRQ_WINDOW_NS)
#define IRQ_STORMS_KEPT		16u

_Static_assert(CONFIG_IRQ_STORM_RATE >= IRQ_WINDOWS_PER_S, "at least one in a window");

/* Field keys: c constant, l irq_lock, r irq_lock to write, interrupts off to read. */
struct irq_user {
	struct irq_user *next;		/* r */
	struct hx_irq_action *action;	/* c */
	uint32_t want;			/* c enum hx_irq_want */
	char owner[HX_IRQ_OWNER_MAX];	/* c */
};

/* More keys: o the CPU that takes the interrupt; h the same, also set under the lock. */
struct irq_line {
	struct hx_irq_action action;	/* c what the dispatcher calls */
	struct irq_user *users;		/* r the first; there is always one */
	uint32_t line;			/* c */
	uint32_t cpu;			/* l who takes its interrupts */
	struct hx_cpumask affinity;	/* l who may */
	bool is_paused;			/* l */
	bool was_set;			/* l the trigger is not the firmware's */
	bool was_level;			/* l what that was */
	int32_t left;			/* h interrupts until the clock is looked at */
	int32_t window;			/* l so many in a window are a storm */
	hx_ns_t rate_since;		/* l */
	uint32_t unclaimed;		/* l in this window */
	hx_ns_t unclaimed_since;	/* l */
	uint64_t n_unclaimed, n_storms;	/* l */
	hx_ns_t pause_ns;		/* l of the last pause; 0: none yet */
	hx_ns_t opened_ns;		/* l */
	struct hx_timer timer;		/* ends a pause */
};

struct irq_storm {
	uint64_t seq;			/* from 1 */
	hx_ns_t t_ns, pause_ns;
	const char *cause;
	uint32_t line, n;
	char owner[HX_IRQ_OWNER_MAX];	/* of the first user */
};

/* ---- router.c */
extern struct irq_line *router_lines[HX_IRQ_LINES];	/* irq_lock; NULL: nobody has it */

/* ---- storm.c; what the dispatcher's part finds: interrupts off, no lock held */
void storm_unclaimed(struct irq_line *l);
void storm_rate(struct irq_line *l);
/* irq_lock held. */
void storm_init(struct irq_line *l);
void storm_open(struct irq_line *l);
bool storm_at(unsigned idx, struct irq_storm *out);	/* the oldest first */

/* ---- router.c, for nodes and tests: copies, so that text is written without the lock */
struct irq_user_info {
	char name[HX_IRQ_OWNER_MAX], owner[HX_IRQ_OWNER_MAX];
	uint64_t count;
	uint32_t want;
};
bool router_line(uint32_t line, struct irq_line *out);		/* false: nobody has it */
bool router_user(uint32_t line, unsigned idx, struct irq_user_info *out);

#endif
