/* SPDX-License-Identifier: MIT */
/* What the nodes about threads share. */
#ifndef HX_THREAD_NODES_PRIV_H
#define HX_THREAD_NODES_PRIV_H

#include <hx/core/names.h>

#include "thread_priv.h"

/* The thread that the path's <id> names: 0, or -HX_ENOENT. */
int thread_named(const struct hx_node_args *args, struct thread_info *i);
int threads_list(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args);
void thread_put(struct hx_text *out, const struct thread_info *i);

#endif
