/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share.
 */
#ifndef HX_I6300ESB_PRIV_H
#define HX_I6300ESB_PRIV_H

#include <hx/base.h>
#include <hx/config/drivers_misc_i6300esb.h>

struct esb {
	uintptr_t regs;		/* the mapped registers; 0: there is no such device */
	uint32_t where;		/* bus, device and function, as the address port wants them */
	uint64_t n_fed;		/* atomic */
	uint64_t n_hungry;	/* atomic: times the healer came and did not feed */
};

extern struct esb esb;

/* Of each of the two stages: what the counter begins at for half of so many seconds. */
uint32_t esb_preload(unsigned seconds);

#endif
