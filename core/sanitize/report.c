/* SPDX-License-Identifier: MIT */
/*
 * What all sanitizers share: telling a report once, counting, and the node /proc/sanitize.
 */
#include <hx/config/core_sanitize.h>
#include <hx/core/assert.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/core/panic.h>

#include "sanitize_priv.h"

#define REPORT_MAX	240	/* bytes of one report */

static const char *const kind_names[SANITIZE_KINDS] = { "UBSAN", "KASAN" };
static uint64_t n_reports[SANITIZE_KINDS];	/* atomic */
static bool is_reporting;			/* atomic; the code that tells is watched as well */

void sanitize_report(enum sanitize_kind kind, uintptr_t pc, const char *fmt, ...)
{
	struct hx_text_buf out;
	char text[REPORT_MAX];
	va_list ap;

	__atomic_fetch_add(&n_reports[kind], 1, __ATOMIC_RELAXED);
	if (__atomic_exchange_n(&is_reporting, true, __ATOMIC_ACQUIRE))
		return;
	hx_text_buf_init(&out, text, sizeof(text));
	hx_text_printf(&out.text, "%s: ", kind_names[kind]);
	va_start(ap, fmt);
	hx_text_vprintf(&out.text, fmt, ap);
	va_end(ap);
	if (pc != 0) {
		hx_text_puts(&out.text, " by ");
		hx_symbolize(&out.text, pc - 1);	/* pc is a return address: into the call */
	}
	if (HX_ENABLED(SANITIZE_STOP))
		hx_bug("%s", text);
	hx_error("sanitize", "%s", text);
	__atomic_store_n(&is_reporting, false, __ATOMIC_RELEASE);
}

static int sanitize_show(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_printf(out, "stack_protector=%d ubsan=%d kasan=%d ubsan_reports=%ju "
		       "kasan_reports=%ju\n", CONFIG_STACK_PROTECTOR, CONFIG_UBSAN, CONFIG_KASAN,
		       n_reports[SANITIZE_UBSAN], n_reports[SANITIZE_KASAN]);
	return 0;
}

static const struct hx_node sanitize_node = {
	.path = "/proc/sanitize",
	.help = "which sanitizers watch this kernel, and how many reports they made",
	.rights = HX_NODE_READ,
	.max_bytes = 160,
	.show = sanitize_show,
};
HX_NODE(sanitize_node);
