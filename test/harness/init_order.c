/* SPDX-License-Identifier: MIT */
/*
 * A test program has no computed order of components: the harness sorts the few it brings up.
 * Linked in only where core/init asks for one, whose hx_main() then refuses to boot.
 */
#include <hx/core/init.h>

const struct hx_component *const hx_init_order[1];
const size_t hx_init_order_len;
