/* SPDX-License-Identifier: MIT */
/*
 * Formatting into a text sink, piece by piece, so that nothing is ever too long for a buffer here.
 *
 * Every conversion ends in the same four pieces, of which some are empty:
 *
 *	blanks | sign or 0x | zeros | digits or string | blanks
 *
 * Differs from ISO C where that leaves it open: %p is 0x and hex digits, a NULL string is "(null)",
 * and an unknown conversion is shown as it stands.
 */
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/core/text.h>

enum fmt_flags {
	FMT_LEFT = 1 << 0,	/* - */
	FMT_ZERO = 1 << 1,	/* 0 */
	FMT_PLUS = 1 << 2,	/* + */
	FMT_BLANK = 1 << 3,	/* a blank */
	FMT_ALT = 1 << 4,	/* # */
};

#define FMT_DIGITS_MAX	22	/* 64 bits in octal */
#define FMT_RUN		16
static const char fmt_blanks[] = "                ", fmt_zeros[] = "0000000000000000";

struct fmt_spec {
	unsigned flags;
	int width;		/* 0: none */
	int prec;		/* -1: none */
	unsigned size;		/* of the argument, bytes */
};

static void fmt_repeat(struct hx_text *t, const char *run, int n)
{
	for (; n > FMT_RUN; n -= FMT_RUN)
		hx_text_write(t, run, FMT_RUN);
	hx_text_write(t, run, n);
}

static void fmt_field(struct hx_text *t, const struct fmt_spec *spec, const char *prefix,
		      int zeros, const char *body, size_t n)
{
	size_t n_prefix = hx_strlen(prefix);
	int pad = (size_t)spec->width > n_prefix + n ? spec->width - (int)(n_prefix + n) : 0;

	pad = pad > zeros ? pad - zeros : 0;
	if (spec->flags & FMT_ZERO) {
		zeros += pad;
		pad = 0;
	}
	if (!(spec->flags & FMT_LEFT))
		fmt_repeat(t, fmt_blanks, pad);
	hx_text_write(t, prefix, n_prefix);
	fmt_repeat(t, fmt_zeros, zeros);
	hx_text_write(t, body, n);
	if (spec->flags & FMT_LEFT)
		fmt_repeat(t, fmt_blanks, pad);
}

/* One integer argument, brought to 64 bits as its length and signedness say. */
static uint64_t fmt_integer(const struct fmt_spec *spec, char conv, va_list *ap)
{
	unsigned size = conv == 'p' ? sizeof(void *) : spec->size, unused_bits = 64 - 8 * size;
	uint64_t x = size == 8 ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned int);

	x <<= unused_bits;
	return conv == 'd' ? (uint64_t)((int64_t)x >> unused_bits) : x >> unused_bits;
}

static void fmt_number(struct hx_text *t, struct fmt_spec *spec, char conv, va_list *ap)
{
	unsigned base = conv == 'o' ? 8 : conv == 'd' || conv == 'u' ? 10 : 16;
	char digits[FMT_DIGITS_MAX], *end = digits + sizeof(digits), *p = end;
	uint64_t x = fmt_integer(spec, conv, ap);
	char ten = conv == 'X' ? 'A' : 'a';
	const char *prefix = "";
	int n;

	if (conv == 'd') {
		prefix = spec->flags & FMT_PLUS ? "+" : spec->flags & FMT_BLANK ? " " : "";
		if ((int64_t)x < 0) {
			prefix = "-";
			x = -x;
		}
	} else if (conv == 'p' || ((spec->flags & FMT_ALT) && base == 16 && x != 0)) {
		prefix = conv == 'X' ? "0X" : "0x";
	}
	for (; x != 0; x /= base)
		*--p = x % base < 10 ? '0' + x % base : ten + x % base - 10;
	n = end - p;
	if (spec->prec >= 0)
		spec->flags &= ~FMT_ZERO;	/* the precision says how many zeros */
	else
		spec->prec = 1;			/* a zero has one digit */
	if ((spec->flags & FMT_ALT) && base == 8 && spec->prec <= n)
		spec->prec = n + 1;		/* an octal number begins with 0 */
	fmt_field(t, spec, prefix, spec->prec > n ? spec->prec - n : 0, p, n);
}

/* Flags, width, precision and length of one conversion; returns where its letter is. */
static const char *fmt_parse(const char *f, struct fmt_spec *spec, va_list *ap)
{
	static const char letters[] = "-0+ #";
	int *number = &spec->width;
	const char *c;

	*spec = (struct fmt_spec){ .prec = -1, .size = sizeof(int) };
	for (; *f != '\0' && (c = hx_strchr(letters, *f)) != NULL; f++)
		spec->flags |= 1u << (c - letters);
	for (;; number = &spec->prec) {
		if (*f == '*') {
			*number = va_arg(*ap, int);
			f++;
		}
		for (; *f >= '0' && *f <= '9'; f++)
			*number = *number * 10 + (*f - '0');
		if (*f != '.' || number == &spec->prec)
			break;
		spec->prec = 0;
		f++;
	}
	if (spec->width < 0) {
		spec->flags |= FMT_LEFT;
		spec->width = -spec->width;
	}
	if (spec->flags & FMT_LEFT)
		spec->flags &= ~FMT_ZERO;
	for (; *f == 'h'; f++)
		spec->size /= 2;
	for (; *f != '\0' && hx_strchr("lzjt", *f) != NULL; f++)
		spec->size = sizeof(long);
	return f;
}

static void fmt_string(struct hx_text *t, struct fmt_spec *spec, const char *s)
{
	if (s == NULL)
		s = "(null)";
	spec->flags &= ~FMT_ZERO;
	fmt_field(t, spec, "", 0, s, hx_strnlen(s, spec->prec < 0 ? SIZE_MAX : (size_t)spec->prec));
}

/* Show one conversion; false if its letter is unknown. */
static bool fmt_convert(struct hx_text *t, struct fmt_spec *spec, char conv, va_list *ap)
{
	char c;

	switch (conv) {
	case 'd': case 'i': case 'u': case 'x': case 'X': case 'o': case 'p':
		fmt_number(t, spec, conv == 'i' ? 'd' : conv, ap);
		return true;
	case 's':
		fmt_string(t, spec, va_arg(*ap, const char *));
		return true;
	case 'c':
		c = (char)va_arg(*ap, int);
		spec->flags &= ~FMT_ZERO;
		fmt_field(t, spec, "", 0, &c, 1);
		return true;
	case '%':
		hx_text_write(t, "%", 1);
		return true;
	default:
		return false;
	}
}

void hx_text_vprintf(struct hx_text *t, const char *fmt, va_list args)
{
	struct fmt_spec spec;
	const char *start;
	va_list ap;

	va_copy(ap, args);	/* a va_list parameter may be a pointer; &ap needs the real one */
	for (;;) {
		start = fmt;
		while (*fmt != '\0' && *fmt != '%')
			fmt++;
		if (fmt != start)
			hx_text_write(t, start, fmt - start);
		if (*fmt == '\0')
			break;
		start = fmt;
		fmt = fmt_parse(fmt + 1, &spec, &ap);
		if (fmt_convert(t, &spec, *fmt, &ap)) {
			fmt++;
		} else {
			hx_text_write(t, start, 1);
			fmt = start + 1;
		}
	}
	va_end(ap);
}

int hx_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct hx_text_buf out;

	hx_text_buf_init(&out, buf, size);
	hx_text_vprintf(&out.text, fmt, ap);
	return (int)out.text.total;
}

int hx_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = hx_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
