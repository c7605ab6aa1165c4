// SPDX-License-Identifier: MIT
/*
 * The kernel's command line, read in place: a look-up walks the line and copies one value out.
 *
 * Nothing is parsed ahead of time and nothing is stored, so this works from the first instruction
 * of hx_main() on and costs nothing for words that are never asked for.
 */
#include <hx/base.h>
#include <hx/core/cmdline.h>
#include <hx/core/init.h>
#include <hx/core/names.h>
#include <hx/core/string.h>
#include <hx/core/text.h>
#include <hx/hal/boot_info.h>

#define PREFIX	"helix."

/* The hal reads these before core runs, and cannot register anything. */
HX_WORD(kaslr, "helix.kaslr", "off: the image stays where it was linked");
HX_WORD(seed, "helix.seed", "<number>: repeatable entropy, for tests");

/* A place inside the line. Quotes belong to one word: they do not reach over its end. */
struct scan {
	const char *p;
	bool quoted;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next byte of the word without quotes and escapes, or -1 at its end. */
static int scan_next(struct scan *s)
{
	for (;;) {
		char c = *s->p;

		s->p++;
		if (HX_LIKELY((unsigned char)c > '"' && c != '\\'))
			return (unsigned char)c;	/* no blank, no quote, no end */
		if (c == '\0' || (!s->quoted && is_blank(c))) {
			s->p--;
			return -1;
		}
		if (c == '"') {
			s->quoted = !s->quoted;
			continue;
		}
		if (c == '\\' && (*s->p == '\\' || *s->p == '"' || *s->p == '\''))
			c = *s->p++;
		return (unsigned char)c;
	}
}

/* Go to the start of the next word. False at the end of the line. */
static bool scan_word(struct scan *s)
{
	while (scan_next(s) >= 0)
		;
	if (*s->p == '\0')
		return false;	/* s->quoted tells whether a quote was left open */
	while (is_blank(*s->p))
		s->p++;
	return *s->p != '\0';
}

/*
 * Whether the word at *s is `name`; then *s stands behind the '=' (or at the end of a bare word).
 * A registered name that ends in '.' takes any rest.
 */
static bool scan_is(struct scan *s, const char *name)
{
	struct scan at = *s;
	int c;

	for (; (c = scan_next(&at)) == (unsigned char)*name && c > 0; name++)
		;
	if (*name != '\0' || (c >= 0 && c != '=' && name[-1] != '.'))
		return false;
	*s = at;
	return true;
}

static struct scan scan_start(void)
{
	return (struct scan){ .p = hx_boot_info()->cmdline };
}

/* The last word of that name: *found stands at its value. */
static bool find_last(const char *name, struct scan *found)
{
	struct scan s = scan_start();
	bool any = false;

	/* The line may begin with a word or with blanks. */
	if (is_blank(*s.p) && !scan_word(&s))
		return false;
	if (*s.p == '\0')
		return false;
	do {
		struct scan value = s;

		if (scan_is(&value, name)) {
			*found = value;
			any = true;
		}
	} while (scan_word(&s));
	return any;
}

bool hx_cmdline_has(const char *name)
{
	struct scan s;

	return find_last(name, &s);
}

int hx_cmdline_get(const char *name, char *buf, size_t size)
{
	struct scan s;
	size_t n = 0;
	int c;

	if (!find_last(name, &s))
		return -HX_ENOENT;
	while ((c = scan_next(&s)) >= 0) {
		if (n + 1 < size)
			buf[n] = (char)c;
		n++;
	}
	if (size > 0)
		buf[n < size ? n : size - 1] = '\0';
	return n < size ? (int)n : -HX_ENAMETOOLONG;
}

static bool is_known(const struct scan *s)
{
	const struct hx_word *const *it;
	struct scan ours = *s;
	const char *prefix = PREFIX;

	/* Other words belong to boot loaders and to people: not our business. */
	while (*prefix != '\0' && scan_next(&ours) == *prefix)
		prefix++;
	if (*prefix != '\0')
		return true;
	HX_SECTION_FOREACH(it, hx_words) {
		struct scan at = *s;

		if (scan_is(&at, (*it)->name))
			return true;
	}
	return false;
}

int hx_cmdline_unknown(unsigned idx, char *buf, size_t size)
{
	struct scan s = scan_start();
	size_t n = 0;
	int c;

	/* A NUL-terminated line of at most HX_BOOT_CMDLINE_MAX bytes: this ends. */
	if (is_blank(*s.p) && !scan_word(&s))
		return -HX_ENOENT;
	while (is_known(&s) || idx-- > 0) {
		if (!scan_word(&s))
			return -HX_ENOENT;
	}
	while ((c = scan_next(&s)) >= 0 && c != '=' && n + 1 < size)
		buf[n++] = (char)c;
	buf[n] = '\0';
	return 0;
}

static const char *problem;

const char *hx_cmdline_problem(void)
{
	return problem;
}

/* Only looks: a bad line never stops a boot. */
static int cmdline_init(void)
{
	struct scan s = scan_start();

	while (scan_word(&s))
		;
	if (s.quoted)
		problem = "a quote is not closed: the rest of the line is one word";
	else if (s.p - hx_boot_info()->cmdline == HX_BOOT_CMDLINE_MAX - 1)
		problem = "the line fills its buffer: the loader may have cut it";
	return 0;
}

HX_COMPONENT(cmdline) = {
	.name = "cmdline", .phase = HX_PHASE_BOOT, .version = 1,
	.init = cmdline_init,
};

static int cmdline_show(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_puts(out, hx_boot_info()->cmdline);
	hx_text_puts(out, "\n");
	return 0;
}

static const struct hx_node cmdline_node = {
	.path = "/proc/cmdline", .help = "the kernel's command line, as the loader gave it",
	.rights = HX_NODE_READ, .max_bytes = HX_BOOT_CMDLINE_MAX + 1, .show = cmdline_show,
};
HX_NODE(cmdline_node);
