/* SPDX-License-Identifier: MIT */
/*
 * Formatting: every result must equal that of the C library's snprintf(), over 200,000 formats and
 * values made up here, plus the few cases that the standard leaves open.
 */
#include <hx/core/printf.h>

#include "test_priv.h"

#define N_FORMATS	200000

static uint64_t seed = 0x9e3779b97f4a7c15;

static unsigned pick(unsigned n)
{
	return test_random(&seed) % n;
}

/* Values of all magnitudes, with the borders more often than chance would have them. */
static uint64_t pick_value(void)
{
	static const uint64_t borders[] = { 0, 1, UINT64_MAX, INT64_MAX, 1ull << 63, INT32_MAX,
					    1ull << 31, UINT32_MAX, 0x7f, 0x80, 0xff, 0x8000 };

	if (pick(3) == 0)
		return borders[pick(HX_ARRAY_LEN(borders))];
	return test_random(&seed) >> pick(64);
}

struct format {
	char text[48];
	bool width_arg, prec_arg;
};

static void append(struct format *f, const char *s)
{
	strcat(f->text, s);
}

/* One conversion, with a character before and after it. */
static void make_format(struct format *f, const char *flags, const char *length, char conv)
{
	char piece[8];
	unsigned i, n = pick(3);

	memset(f, 0, sizeof(*f));
	append(f, "<%");
	for (i = 0; i < n && *flags != '\0'; i++)
		append(f, (char[]){ flags[pick(strlen(flags))], '\0' });
	switch (pick(4)) {
	case 0:
		f->width_arg = true;
		append(f, "*");
		break;
	case 1:
		snprintf(piece, sizeof(piece), "%u", 1 + pick(40));
		append(f, piece);
		break;
	}
	if (conv != 'p' && conv != 'c') {
		switch (pick(5)) {
		case 0:
			f->prec_arg = true;
			append(f, ".*");
			break;
		case 1:
			snprintf(piece, sizeof(piece), ".%u", pick(30));
			append(f, piece);
			break;
		case 2:
			append(f, ".");
			break;
		}
	}
	append(f, length);
	append(f, (char[]){ conv, '>', '\0' });
}

#define BOTH(f, width, prec, value) do { \
	if ((f)->width_arg && (f)->prec_arg) { \
		a = hx_snprintf(mine, size, (f)->text, width, prec, value); \
		b = snprintf(theirs, size, (f)->text, width, prec, value); \
	} else if ((f)->width_arg || (f)->prec_arg) { \
		a = hx_snprintf(mine, size, (f)->text, (f)->width_arg ? width : prec, value); \
		b = snprintf(theirs, size, (f)->text, (f)->width_arg ? width : prec, value); \
	} else { \
		a = hx_snprintf(mine, size, (f)->text, value); \
		b = snprintf(theirs, size, (f)->text, value); \
	} } while (0)

static void check_same(const struct format *f, int a, int b, const char *mine, const char *theirs,
		       size_t size)
{
	if (a != b || (size != 0 && strcmp(mine, theirs) != 0))
		fail_msg("%s: %d \"%s\", C library %d \"%s\"", f->text, a, mine, b, theirs);
}

static void numbers_are_as_in_the_c_library(void **state)
{
	static const char *const lengths[] = { "", "h", "hh", "l", "ll", "z", "j", "t" };
	static const char convs[] = "diuxXo";
	char mine[160], theirs[160];
	struct format f;
	unsigned i;

	for (i = 0; i < N_FORMATS; i++) {
		char conv = convs[pick(6)];
		bool is_signed = conv == 'd' || conv == 'i';
		const char *flags = is_signed ? "-0+ " : conv == 'u' ? "-0" : "-0#";
		unsigned length = pick(HX_ARRAY_LEN(lengths));
		size_t size = pick(10) == 0 ? pick(20) : sizeof(mine);
		int a, b, width = (int)pick(60) - 30, prec = (int)pick(35) - 5;
		uint64_t value = pick_value();

		make_format(&f, flags, lengths[length], conv);
		mine[0] = theirs[0] = '\0';
		if (length < 3)
			BOTH(&f, width, prec, (unsigned)value);
		else
			BOTH(&f, width, prec, value);
		check_same(&f, a, b, mine, theirs, size);
	}
}

static void strings_are_as_in_the_c_library(void **state)
{
	static const char source[] = "The quick brown fox jumps over";
	char mine[160], theirs[160];
	struct format f;
	unsigned i;

	for (i = 0; i < N_FORMATS / 10; i++) {
		size_t size = pick(4) == 0 ? pick(20) : sizeof(mine);
		int a, b, width = (int)pick(60) - 30, prec = (int)pick(35) - 5;
		const char *string = source + pick(sizeof(source));
		void *pointer = (void *)(uintptr_t)(pick_value() | 1);
		int c = 1 + (int)pick(255);

		make_format(&f, "-", "", 's');
		BOTH(&f, width, prec, string);
		check_same(&f, a, b, mine, theirs, size);
		make_format(&f, "-", "", 'c');
		BOTH(&f, width, prec, c);
		check_same(&f, a, b, mine, theirs, size);
		make_format(&f, "-", "", 'p');
		BOTH(&f, width, prec, pointer);
		check_same(&f, a, b, mine, theirs, size);
	}
}

static void a_string_is_not_read_past_its_precision(void **state)
{
	char four[4] = { 'a', 'b', 'c', 'd' }, buf[16];		/* the sanitizer watches the end */

	assert_int_equal(hx_snprintf(buf, sizeof(buf), "%.4s|%.*s", four, 2, four), 7);
	assert_string_equal(buf, "abcd|ab");
}

/* The format reaches us as data here, so that the compiler does not refuse it. */
static int format_data(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = hx_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

static void open_cases_are_defined(void **state)
{
	char buf[64];

	format_data(buf, sizeof(buf), "%s|%10s|%-8s|%.2s", NULL, NULL, NULL, NULL);
	assert_string_equal(buf, "(null)|    (null)|(null)  |(n");
	format_data(buf, sizeof(buf), "%p|%8p|%-6p|", NULL, NULL, NULL);
	assert_string_equal(buf, "0x0|     0x0|0x0   |");
	format_data(buf, sizeof(buf), "%q %5.2k %d%%", 7);
	assert_string_equal(buf, "%q %5.2k 7%");
	assert_int_equal(format_data(buf, sizeof(buf), "end %"), 5);
	assert_string_equal(buf, "end %");
	assert_int_equal(format_data(buf, sizeof(buf), "%-05"), 4);
	assert_string_equal(buf, "%-05");
	assert_int_equal(format_data(NULL, 0, "%d", 12345), 5);
	assert_int_equal(format_data(buf, 1, "%d", 12345), 5);
	assert_string_equal(buf, "");
	assert_int_equal(format_data(buf, sizeof(buf), ""), 0);
	assert_string_equal(buf, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_as_in_the_c_library),
		cmocka_unit_test(strings_are_as_in_the_c_library),
		cmocka_unit_test(a_string_is_not_read_past_its_precision),
		cmocka_unit_test(open_cases_are_defined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
