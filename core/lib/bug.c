/* SPDX-License-Identifier: MIT */
/*
 * hx_bug(): where every broken invariant ends. This room is below the panic report, so the report
 * hangs itself in by a hook; before it has, one line on the early console must do.
 */
#include <hx/core/assert.h>
#include <hx/core/text.h>
#include <hx/hal/earlycon.h>
#include <hx/hal/power.h>

static void (*bug_hook)(const char *fmt, va_list ap);

void hx_bug_set_hook(void (*hook)(const char *fmt, va_list ap))
{
	bug_hook = hook;
}

static void bug_put(struct hx_text *t, const char *bytes, size_t n)
{
	hx_earlycon_write(bytes, n);
}

void hx_bug(const char *fmt, ...)
{
	struct hx_text out = { .put = bug_put };
	va_list ap;

	va_start(ap, fmt);
	if (bug_hook != NULL)
		bug_hook(fmt, ap);
	hx_text_puts(&out, "\nBUG: ");
	hx_text_vprintf(&out, fmt, ap);
	hx_text_puts(&out, "\n");
	va_end(ap);
	hx_hal_exit(HX_EXIT_PANIC);
}
