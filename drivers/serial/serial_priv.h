/* SPDX-License-Identifier: MIT */
/*
 * What the driver keeps for each port.
 */
#ifndef HX_DRIVERS_SERIAL_PRIV_H
#define HX_DRIVERS_SERIAL_PRIV_H

#include <hx/base.h>
#include <hx/config/core_resources.h>
#include <hx/config/core_slot.h>
#include <hx/config/drivers_serial.h>
#include <hx/core/console_dev.h>
#include <hx/core/irq.h>
#include <hx/core/lock.h>
#include <hx/core/ring.h>
#include <hx/core/serial_class.h>
#include <hx/core/slot.h>
#include <hx/core/swap.h>
#include <hx/core/thread.h>
#include <hx/core/wait.h>
#include <hx/hal/reg.h>
#include <hx/hal/timer.h>
#include <sole_serial.h>

#define SERIAL_NAME_MAX	8
#define SERIAL_SILENT	3u	/* so often in a row no interrupt came: its line is broken */
/* From Kconfig, rounded down to a power of two. */
#define SERIAL_POW2(n)	(1u << (31 - __builtin_clz(n)))

/* Which of a port's chips: two, for the driver in the slot and one that is to replace it; and one
 * for the driver that booted, which can always be asked. */
enum { SERIAL_CHIPS = 3, SERIAL_SPARE = 2 };

/* Field keys: c constant while up, x rx.lock, t tx.lock, g chip_lock, a atomic. */
struct serial {
	struct hx_reg_window regs;	/* c */
	uint32_t line;			/* c */
	struct hx_spinlock chip_lock;	/* rank HX_RANK_DRIVER, inside rx.lock and tx.lock: for each
					 * call of the driver */
	const struct hx_serial_ops *ops;	/* g who drives it */
	struct hx_serial_chip *chip;	/* g what that one has */
	struct hx_serial_chip chips[SERIAL_CHIPS];	/* g */
	struct hx_serial_state set;	/* g how the line is to be */
	unsigned wants;			/* g what the driver was told last */
	uint32_t user;			/* g CPU that called the driver last */
	bool is_shut;			/* g nobody calls the driver: it is being replaced */
	bool throttled;			/* g by who has rx.lock: the queue is full, no input */
	bool tx_waits;			/* g by who has tx.lock: output waits */
	const struct hx_serial_ops *failed;	/* g thrown out, and not reported yet */
	const char *failed_why;		/* g */
	bool rx_waits;			/* x so was input or output when a reader looked last */
	uint32_t n_silent;		/* a interrupts that did not come, since one came */
	struct hx_wait_queue rx, tx;
	struct hx_ring rx_ring;		/* x */
	struct hx_ring tx_ring;		/* t */
	struct hx_irq_action action;
	struct hx_timer poll;		/* for drivers that do not interrupt */
	hx_ns_t poll_ns;		/* a the driver's */
	struct hx_console_dev dev;	/* counts: g */
	char name[SERIAL_NAME_MAX];	/* c */
	uint8_t rx_buf[SERIAL_POW2(CONFIG_SERIAL_RX_BYTES)];	/* x */
	uint8_t tx_buf[SERIAL_POW2(CONFIG_SERIAL_TX_BYTES)];	/* t */
};

extern const struct hx_serial_ops *serial_current;	/* a in the slot */
extern const struct hx_serial_ops *serial_first;	/* c who booted; built in */
extern const struct hx_kind serial_kind;
extern const struct hx_swap_class serial_swap_class;

/* The idx-th port; NULL: there are no more. */
struct serial *serial_port(unsigned idx);

/* ports.c, with CONFIG_RESOURCES: nobody else gets that window. As hx_res_ports_take(). */
int serial_ports_take(unsigned idx, const struct hx_reg_window *w);
void serial_ports_give(unsigned idx);

/* ---- chip.c: calls of the driver; chip_lock held unless said otherwise */

static inline const struct hx_serial_ops *serial_ops(const struct serial *s)
{
	return hx_serial_is_sole ? hx_serial_sole : s->ops;
}

/* Interrupts are off. */
static inline void serial_enter(struct serial *s)
{
	hx_spin_acquire_(&s->chip_lock);
	if (HX_ENABLED(SLOT_SWAP))
		s->user = hx_percpu()->cpu;
}

static inline void serial_leave(struct serial *s)
{
	hx_spin_release_(&s->chip_lock);
}

static inline void serial_set_ops(struct serial *s, const struct hx_serial_ops *ops,
				  struct hx_serial_chip *c)
{
	s->ops = ops;
	s->chip = c;
	__atomic_store_n(&s->poll_ns, ops->poll_ns, __ATOMIC_RELAXED);
}

/* Is there such a chip, and the driver's first call. No lock needed. */
bool serial_chip_start(struct serial *s);
/* From chip to queue, once; rx.lock held. How many bytes. */
unsigned serial_get(struct serial *s);
/* From queue to chip, once; tx.lock held. even_shut: polled, by the driver that booted. */
void serial_put(struct serial *s, bool even_shut);
/* The driver is told what is wanted, if that changed. */
void serial_want(struct serial *s);
/* enum hx_serial_bits; also while it is shut. */
unsigned serial_look(struct serial *s);
bool serial_pending(struct serial *s);
/* The driver that booted was asked in place of the one in the slot, and sent so much. */
void serial_spare_counts(struct serial *s, unsigned n_out);
void serial_rearm(struct serial *s);

/* ---- serial.c */
/* What waits in chip and queues moves on. No lock held. */
bool serial_serve(struct serial *s);
/* The timer of a driver that does not interrupt. No lock held. */
void serial_poll_begin(struct serial *s);

/* ---- failed.c, with CONFIG_SLOT_SWAP */
/* The driver answers what cannot be: the one before it, or the one that booted, goes on. */
void serial_throw_out(struct serial *s, const char *why);
/* The record of that, and the other ports. Any context but NMI; no lock held. */
void serial_report(struct serial *s);

#endif
