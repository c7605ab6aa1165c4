/* SPDX-License-Identifier: MIT */
/* The provider, for its tests in the kernel. */
#ifndef EDF_PRIV_H
#define EDF_PRIV_H

#include <hx/core/sched_class.h>

extern const struct hx_sched_ops hx_sched_edf_ops;

#endif
