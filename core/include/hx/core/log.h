/* SPDX-License-Identifier: MIT */
/*
 * The kernel log: a bounded ring of lines, each with a sequence number that never repeats, a time,
 * a level and an area. Old lines are overwritten; the reader sees the gap in the numbers.
 */
#ifndef HX_CORE_LOG_H
#define HX_CORE_LOG_H

#include <hx/base.h>
#include <hx/config/core_log.h>
#include <hx/core/text.h>
#include <stdarg.h>

#define HX_LOG_TEXT_MAX	192	/* bytes of one line's text; what is longer is cut */

enum hx_log_level {
	HX_LOG_ERROR,		/* something failed */
	HX_LOG_WARN,		/* odd, dealt with */
	HX_LOG_INFO,		/* a step done */
	HX_LOG_DEBUG,
	HX_LOG_LEVELS,
};

/**
 * hx_log() - add a line to the log.
 * hx_vlog() - the same with a va_list.
 * @level: enum hx_log_level
 * @area:  the room's word: "mem"; at most 31 bytes are kept
 * @fmt:   printf format of hx/core/printf.h, without a final newline
 *
 * Returns: nothing. Lines above CONFIG_LOG_MAX_LEVEL are dropped; a line that interrupts the log
 *          itself (NMI, panic) is counted as lost in the ring, but still reaches the console.
 * Context: any, from the first instruction of hx_main(), even NMI and panic.
 * Locks:   the log's own, with interrupts off, never waited for by the CPU that holds it; the
 *          console is written outside of it.
 * Owner:   @area and the arguments are copied.
 * Cost:    formatting, plus about 100 instructions and one copy; console output is extra.
 * Source:  Linux Documentation/core-api/printk-ringbuffer (numbering and gaps; ours has a lock).
 */
void hx_log(enum hx_log_level level, const char *area, const char *fmt, ...) HX_PRINTF(3, 4);
void hx_vlog(enum hx_log_level level, const char *area, const char *fmt, va_list ap)
	HX_PRINTF(3, 0);

/* Compiled out above CONFIG_LOG_MAX_LEVEL, with their strings. */
#define hx_log_if_(level, ...) \
	do { if ((level) <= CONFIG_LOG_MAX_LEVEL) hx_log((level), __VA_ARGS__); } while (0)
#define hx_error(area, ...)	hx_log_if_(HX_LOG_ERROR, area, __VA_ARGS__)
#define hx_warn(area, ...)	hx_log_if_(HX_LOG_WARN, area, __VA_ARGS__)
#define hx_info(area, ...)	hx_log_if_(HX_LOG_INFO, area, __VA_ARGS__)
#define hx_debug(area, ...)	hx_log_if_(HX_LOG_DEBUG, area, __VA_ARGS__)

/**
 * hx_log_set_console_level() - which lines also go to the console.
 * hx_log_console_level() - the level set last.
 * @level: lines up to this level do, as they are logged
 *
 * Returns: the second one: the level.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a load or a store.
 * Source:  -
 */
void hx_log_set_console_level(enum hx_log_level level);
enum hx_log_level hx_log_console_level(void);

/**
 * hx_log_set_console() - where console lines go.
 * @write: called in any context, even with interrupts off; NULL: the polled early console again
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   the function stays valid until it is replaced.
 * Cost:    a store.
 * Source:  -
 */
void hx_log_set_console(void (*write)(const char *bytes, size_t n));

/**
 * hx_log_show() - lines of the log as text, from a number on.
 * hx_log_show_last() - the last n.
 * hx_log_next_seq() - the number that the next line gets; the first one ever has 0.
 * @out:       receives "seq=12 t_ns=345 level=info area=mem text…\n" per line
 * @seq:       first number wanted; if it was overwritten, the oldest kept
 * @max_lines: at most so many
 *
 * Control characters in a line are shown as '?'. Each line is copied under the lock and written
 * outside of it, so a slow sink loses old lines rather than stopping the kernel.
 *
 * Returns: the number to ask for next.
 * Context: any that the sink allows; in a panic it works whatever is held.
 * Locks:   the log's own, for one line at a time.
 * Owner:   -
 * Cost:    O(lines kept) to find @seq, then O(bytes shown).
 * Source:  -
 */
uint64_t hx_log_show(struct hx_text *out, uint64_t seq, size_t max_lines);
void hx_log_show_last(struct hx_text *out, size_t n);
uint64_t hx_log_next_seq(void);

#if CONFIG_LOG_AUDIT_KIB > 0
/**
 * hx_audit() - record a control action in /log/audit.
 * @who:    who did it: "console"
 * @node:   the path it was sent to
 * @line:   what was sent; cut to fit HX_LOG_TEXT_MAX together with @node
 * @result: 0 or the negative error it answered
 *
 * Returns: nothing. With CONFIG_LOG_AUDIT_KIB 0 nothing is kept and it costs nothing.
 * Context: any.
 * Locks:   as hx_log().
 * Owner:   all strings are copied.
 * Cost:    as hx_log(), without console output.
 * Source:  -
 */
void hx_audit(const char *who, const char *node, const char *line, int result);
#else
static inline void hx_audit(const char *who, const char *node, const char *line, int result)
{
}
#endif

#endif
