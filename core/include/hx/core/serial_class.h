/* SPDX-License-Identifier: MIT */
/*
 * What a driver of serial ports provides: the chip, and nothing else. The two queues, waiting, the
 * console device and the counts are the kernel's (drivers/serial), so that another driver can take
 * over between two bytes (docs/design/swapping.md).
 *
 * All calls for one chip come one after the other: the kernel holds the chip's lock, with
 * interrupts off. A driver takes no lock, waits for nobody and keeps what it knows in the chip.
 */
#ifndef HX_CORE_SERIAL_CLASS_H
#define HX_CORE_SERIAL_CLASS_H

#include <hx/base.h>
#include <hx/hal/reg.h>

#define HX_SERIAL_ABI		1u
#define HX_SERIAL_REGS		8u	/* of a chip, in bytes */

/* What look() sees, and what want() asks to be told of. */
enum hx_serial_bits {
	HX_SERIAL_IN = 1,	/* input waits in the chip */
	HX_SERIAL_ROOM = 2,	/* it takes output */
	HX_SERIAL_IDLE = 4,	/* all output is on the line; look() only */
	HX_SERIAL_ALL = 7,
};

/* How the line is set, and what was counted: what one driver leaves to the next. */
struct hx_serial_state {
	uint32_t version;		/* HX_SERIAL_STATE */
	uint32_t baud;			/* bits a second */
	uint8_t data_bits, stop_bits;	/* 5..8, 1..2 */
	uint8_t parity;			/* 0 none, 1 odd, 2 even */
	uint8_t reserved[5];		/* 0 */
	uint64_t n_in, n_out;		/* bytes taken out of the chip, and put into it */
	uint64_t n_overruns;		/* input that the chip lost: at least so many bytes */
};

#define HX_SERIAL_STATE		1u

/* One chip. The kernel's but for fields d, which are the driver's. The counts go up byte by byte,
 * so that they are right if the driver breaks in the middle of a call. */
struct hx_serial_chip {
	struct hx_reg_window regs;
	uint32_t fifo_bytes;		/* d output that it takes at once */
	uint32_t wants;			/* d what want() was told */
	uint64_t n_in, n_out, n_overruns;	/* d */
	uint64_t priv[2];		/* d */
};

/* [L] the chip's lock is held, interrupts are off. Numbers below 0 are errors: the kernel then
 * takes the driver out of the slot. */
struct hx_serial_ops {
	uint32_t abi;		/* HX_SERIAL_ABI */
	const char *name;	/* "ns16550" */
	hx_ns_t poll_ns;	/* 0: it interrupts; else it is to be asked so often */
	/* [L] Is such a chip there? At boot only: may cut the line for a moment. */
	bool (*present)(struct hx_serial_chip *c);
	/* [L] Take it over and set it so: no interrupts, counts from the state. What is in the chip
	 * stays, and a line that is set so already is not disturbed. 0 or a negative error. */
	int (*load)(struct hx_serial_chip *c, const struct hx_serial_state *state);
	/* [L] Only reads. 0 or a negative error. With CONFIG_SLOT_SWAP only. */
	int (*save)(struct hx_serial_chip *c, struct hx_serial_state *state);
	int (*look)(struct hx_serial_chip *c);		/* [L] enum hx_serial_bits */
	/* [L] Move what there is or fits, at most n: how many bytes. n may be 0. */
	int (*get)(struct hx_serial_chip *c, uint8_t *bytes, unsigned n);
	int (*put)(struct hx_serial_chip *c, const uint8_t *bytes, unsigned n);
	int (*want)(struct hx_serial_chip *c, unsigned bits);	/* [L] interrupt for these; 0 */
	int (*pending)(struct hx_serial_chip *c);	/* [L] 1: what it wants is there */
	int (*rearm)(struct hx_serial_chip *c);	/* [L] what pends makes a new edge; 0 */
};

HX_SECTION_BOUNDS(hx_serial_classes, struct hx_serial_ops);
#define HX_SERIAL_CLASS(ops)	HX_REGISTER(hx_serial_classes, ops, struct hx_serial_ops, &(ops))

/**
 * hx_serial_lent_read() - read a register of a chip, from a module.
 * hx_serial_lent_write() - write one.
 * @c:   as the kernel gave it to an operation that runs now
 * @reg: 0..7
 * @value: what to write
 *
 * The ports are the kernel's, whoever sits in the slot: they are lent for the time of a call.
 *
 * Returns: what the chip answers; all ones for what is not lent.
 * Context: [L].
 * Locks:   none.
 * Owner:   drivers/serial.
 * Cost:    a few instructions and one access.
 * Source:  -
 */
uint8_t hx_serial_lent_read(const struct hx_serial_chip *c, unsigned reg);
void hx_serial_lent_write(const struct hx_serial_chip *c, unsigned reg, uint8_t value);

#endif
