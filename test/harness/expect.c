/* SPDX-License-Identifier: MIT */
/*
 * Ends as results, and the early console's text. The hooks jump back into the test; what the CPU's
 * masks and counters were is put back, since the code that was left never did.
 */
#include "hx_test.h"
#include <hx/hal/earlycon.h>

#define TEXT_BYTES	((size_t)64 << 10)
#define WHAT_BYTES	512

/* core/lib's; a test of the hal alone is linked without it. */
void hx_bug_set_hook(void (*hook)(const char *fmt, va_list ap)) __attribute__((weak));

jmp_buf hx_test_jump;

static struct hx_host_snapshot before;
static enum hx_test_end end;
static char what[WHAT_BYTES];
static char console[TEXT_BYTES];
static size_t console_used;
static const char *typed = "";

HX_NORETURN static void leave(enum hx_test_end how)
{
	end = how;
	longjmp(hx_test_jump, 1);
}

static void on_bug(const char *fmt, va_list ap)
{
	vsnprintf(what, sizeof(what), fmt, ap);
	leave(HX_TEST_BUG);
}

static void on_exit_code(enum hx_exit_code code)
{
	snprintf(what, sizeof(what), "%d", (int)code);
	leave(HX_TEST_EXIT);
}

static void on_violation(const char *text)
{
	snprintf(what, sizeof(what), "%s", text);
	leave(HX_TEST_VIOLATION);
}

void hx_test_arm(void)
{
	hx_host_snapshot(&before);
	end = HX_TEST_RETURNED;
	what[0] = '\0';
	hx_host_take_signals();
	if (hx_bug_set_hook != NULL)
		hx_bug_set_hook(on_bug);
	hx_host_set_exit_hook(on_exit_code);
	hx_host_set_violation_hook(on_violation);
}

enum hx_test_end hx_test_disarm(void)
{
	if (hx_bug_set_hook != NULL)
		hx_bug_set_hook(NULL);
	hx_host_set_exit_hook(NULL);
	hx_host_set_violation_hook(NULL);
	if (end != HX_TEST_RETURNED)
		hx_host_recover(&before);
	return end;
}

const char *hx_test_what(void)
{
	return what;
}

bool hx_test_ended(enum hx_test_end got, enum hx_test_end want, const char *words)
{
	static const char *const names[] = { "returned", "bug", "exit", "violation" };

	if (got == want && strstr(what, words) != NULL)
		return true;
	print_error("ended as %s \"%s\", not as %s \"%s\"\n", names[got], what, names[want], words);
	return false;
}

static void console_write(const char *bytes, size_t n)
{
	size_t room = sizeof(console) - 1 - console_used;

	n = n < room ? n : room;
	memcpy(console + console_used, bytes, n);
	console_used += n;
	console[console_used] = '\0';
}

static int console_getc(void)
{
	return *typed != '\0' ? (unsigned char)*typed++ : -HX_EAGAIN;
}

void hx_test_console_capture(void)
{
	static const struct hx_host_console captured = { console_write, console_getc };

	hx_test_console_clear();
	typed = "";
	hx_host_set_console(&captured);
}

const char *hx_test_console_text(void)
{
	return console;
}

void hx_test_console_clear(void)
{
	console_used = 0;
	console[0] = '\0';
}

void hx_test_console_type(const char *text)
{
	typed = text;
}
