// SPDX-License-Identifier: MIT
/*
 * The kernel log: formatting, levels, the console's copy, and its node.
 *
 * The ring is static, so logging works before memory does. A line is formatted on the caller's
 * stack and enters the ring in one piece; the console's copy is written after the lock is dropped.
 */
#include <hx/base.h>
#include <hx/core/cmdline.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/cpu.h>
#include <hx/hal/earlycon.h>
#include <hx/hal/timer.h>

#include "log_priv.h"

static uint8_t kernel_buf[LOG_RING_BYTES(CONFIG_LOG_KIB)];
static struct log_ring kernel_ring = { .buf = kernel_buf, .size_bytes = sizeof(kernel_buf) };

static const char level_names[HX_LOG_LEVELS][6] = { "error", "warn", "info", "debug" };
static enum hx_log_level console_level = CONFIG_LOG_CONSOLE_LEVEL;
static void (*console_write)(const char *bytes, size_t n) = hx_earlycon_write;

void log_clean(char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
	}
}

static void to_console(enum hx_log_level level, const char *area, char *text)
{
	char line[HX_LOG_TEXT_MAX + LOG_AREA_MAX + 16];
	int n;

	log_clean(text);
	n = hx_snprintf(line, sizeof(line), "%s %.*s: %s\n", level_names[level], LOG_AREA_MAX, area,
			text);
	console_write(line, hx_min_u64((uint64_t)n, sizeof(line) - 1));
}

void log_add(struct log_ring *r, enum hx_log_level level, const char *area, const char *text,
	     int len)
{
	struct log_header h = {
		.cycles = hx_cycles(),
		.level = level,
		.len = len < HX_LOG_TEXT_MAX ? len : HX_LOG_TEXT_MAX,
		.area_len = hx_strnlen(area, LOG_AREA_MAX),
	};

	log_ring_put(r, &h, area, text);
}

void hx_vlog(enum hx_log_level level, const char *area, const char *fmt, va_list ap)
{
	char text[HX_LOG_TEXT_MAX + 1];

	log_add(&kernel_ring, level, area, text, hx_vsnprintf(text, sizeof(text), fmt, ap));
	if (level <= console_level)
		to_console(level, area, text);
}

void hx_log(enum hx_log_level level, const char *area, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	hx_vlog(level, area, fmt, ap);
	va_end(ap);
}

void hx_log_set_console_level(enum hx_log_level level)
{
	console_level = level;
}

enum hx_log_level hx_log_console_level(void)
{
	return console_level;
}

void hx_log_set_console(void (*write)(const char *bytes, size_t n))
{
	console_write = write != NULL ? write : hx_earlycon_write;
}

uint64_t hx_log_next_seq(void)
{
	return log_ring_next_seq(&kernel_ring);
}

void log_show_stamp(struct hx_text *out, const struct log_header *h)
{
	hx_text_printf(out, "seq=%llu t_ns=%llu ", (unsigned long long)h->seq,
		       (unsigned long long)hx_cycles_to_ns(h->cycles -
							   hx_boot_info()->entry_cycles));
}

uint64_t hx_log_show(struct hx_text *out, uint64_t seq, size_t max_lines)
{
	uint32_t pos = kernel_ring.tail - 1;	/* before the oldest: begin with that */
	struct log_line line;

	while (max_lines-- > 0 && log_ring_next(&kernel_ring, &pos, &seq, &line)) {
		log_show_stamp(out, &line.h);
		log_clean(line.text);
		hx_text_printf(out, "level=%s area=%s %s\n",
			       level_names[line.h.level % HX_LOG_LEVELS], line.area, line.text);
	}
	return seq;
}

void hx_log_show_last(struct hx_text *out, size_t n)
{
	uint64_t next = hx_log_next_seq();

	hx_log_show(out, next > n ? next - n : 0, n);
}

static int kernel_show(struct hx_text *out, const struct hx_node_args *args)
{
	hx_log_show(out, 0, SIZE_MAX);
	return 0;
}

static const struct hx_node kernel_node = {
	.path = "/log/kernel", .help = "the kernel log, oldest line first",
	.rights = HX_NODE_READ, .max_bytes = LOG_SHOW_MAX_BYTES(CONFIG_LOG_KIB),
	.show = kernel_show,
};
HX_NODE(kernel_node);

HX_WORD(loglevel, "helix.loglevel", "error|warn|info|debug or 0-3: what the console shows");

static void read_level(void)
{
	char word[8];
	int n = hx_cmdline_get("helix.loglevel", word, sizeof(word));
	unsigned level;

	if (n == -HX_ENOENT)
		return;
	for (level = 0; level < HX_LOG_LEVELS; level++) {
		if (hx_strcmp(word, level_names[level]) == 0 ||
		    (n == 1 && word[0] == (char)('0' + level))) {
			console_level = level;
			return;
		}
	}
	hx_warn("log", "helix.loglevel=%s is not a level", word);
}

/* The command line came up before the log could be told what to show: report it here. */
static void report_words(void)
{
	const struct hx_word *const *it;
	char word[48];
	unsigned i;

	if (hx_cmdline_problem() != NULL)
		hx_warn("cmdline", "%s", hx_cmdline_problem());
	for (i = 0; hx_cmdline_unknown(i, word, sizeof(word)) == 0; i++)
		hx_warn("cmdline", "unknown word %s", word);
	if (i == 0)
		return;
	HX_SECTION_FOREACH(it, hx_words)
		hx_warn("cmdline", "known word %s: %s", (*it)->name, (*it)->help);
}

static int log_init(void)
{
	read_level();
	report_words();
	return 0;
}

HX_COMPONENT(log) = {
	.name = "log", .phase = HX_PHASE_EARLY, .version = 1,
	.needs = "cmdline",
	.init = log_init,
};
