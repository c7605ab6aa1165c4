// SPDX-License-Identifier: MIT
/*
 * The words of the rule language, and how numbers, names and durations are read. Each function
 * takes what it wants from the line, or says what it expected and leaves the place where it was.
 */
#include <hx/core/string.h>

#include "policy_read.h"

#define DURATION_MAX_NS	(HX_NS_PER_S * 86400 * 365)

const char *const dis_cond_words[DIS_CONDS] = {
	"load", "memory", "iowait", "runnable", "time", "class", "urgency", "runtime", "wait",
	"usage", "flag", "age", "all", "any", "not", "custom",
};
const char *const dis_cmp_words[DIS_CMPS] = { "<", "<=", ">", ">=", "=", "!=" };
const char *const dis_act_words[DIS_ACTS] = {
	"urgency", "adjust", "boost", "slice", "scale", "affinity", "pin", "migrate", "queue",
	"class", "budget", "throttle", "preempt", "nopreempt", "custom",
};
const char *const dis_band_words[DIS_BANDS] = { "realtime", "fair", "idle" };
const char *const dis_scope_words[DIS_SCOPES] = { "global", "class", "group", "task" };

/* Always fails; the first call counts. */
int dis_read_wrong(struct dis_reader *in, const char *why)
{
	if (in->error != NULL && in->error->why == NULL) {
		in->error->column = (unsigned)(in->at - in->line) + 1;
		in->error->why = why;
	}
	return -HX_EINVAL;
}

void dis_read_blanks(struct dis_reader *in)
{
	while (*in->at == ' ' || *in->at == '\t')
		in->at++;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* The word here, not taken. */
static size_t word_len(struct dis_reader *in)
{
	size_t n = 0;

	dis_read_blanks(in);
	while (is_word_char(in->at[n]))
		n++;
	return n;
}

bool dis_take_word(struct dis_reader *in, const char *word)
{
	size_t n = word_len(in);

	if (n != hx_strlen(word) || hx_strncmp(in->at, word, n) != 0)
		return false;
	in->at += n;
	return true;
}

bool dis_take_char(struct dis_reader *in, char c)
{
	dis_read_blanks(in);
	if (*in->at != c)
		return false;
	in->at++;
	return true;
}

int dis_take_expected(struct dis_reader *in, char c, const char *why)
{
	return dis_take_char(in, c) ? 0 : dis_read_wrong(in, why);
}

/* One of a list of words. */
int dis_take_of(struct dis_reader *in, const char *const *words, unsigned n, uint8_t *which,
		   const char *why)
{
	for (unsigned i = 0; i < n; i++) {
		if (dis_take_word(in, words[i])) {
			*which = (uint8_t)i;
			return 0;
		}
	}
	return dis_read_wrong(in, why);
}

int dis_take_name(struct dis_reader *in, char name[HX_DIS_NAME_MAX], const char *why)
{
	size_t n = word_len(in);

	if (n == 0 || n >= HX_DIS_NAME_MAX || (*in->at >= '0' && *in->at <= '9'))
		return dis_read_wrong(in, why);
	memcpy(name, in->at, n);
	name[n] = '\0';
	in->at += n;
	return 0;
}

/* Decimal, or with 0x hexadecimal. On error the column is that of the number. */
int dis_take_number(struct dis_reader *in, uint64_t max, uint64_t *out, const char *why)
{
	const char *p;
	unsigned base = 10;
	uint64_t n = 0;

	dis_read_blanks(in);
	p = in->at;
	if (p[0] == '0' && p[1] == 'x') {
		base = 16;
		p += 2;
	}
	for (const char *begin = p;; p++) {
		unsigned digit = *p >= '0' && *p <= '9' ? (unsigned)(*p - '0')
				 : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a') + 10 : 99;

		if (digit >= base) {
			if (p == begin)
				return dis_read_wrong(in, why);
			break;
		}
		if (n > (max - digit) / base || digit > max)
			return dis_read_wrong(in, why);
		n = n * base + digit;
	}
	in->at = p;
	*out = n;
	return 0;
}

int dis_take_percent(struct dis_reader *in, uint64_t max, uint64_t *out, const char *why)
{
	int err = dis_take_number(in, max, out, why);

	if (err == 0)
		dis_take_char(in, '%');
	return err;
}

int dis_take_urgency(struct dis_reader *in, int64_t low, int64_t high, int64_t *out)
{
	static const char why[] = "expected an urgency, -100 to 127, or a step of up to 227";
	const char *begin;
	uint64_t n;
	bool minus;
	int err;

	dis_read_blanks(in);
	begin = in->at;
	minus = *in->at == '-';
	if (*in->at == '-' || *in->at == '+')
		in->at++;
	err = dis_take_number(in, 1000, &n, why);
	if (err != 0)
		return err;
	*out = minus ? -(int64_t)n : (int64_t)n;
	if (*out >= low && *out <= high)
		return 0;
	in->at = begin;
	return dis_read_wrong(in, why);
}

int dis_take_duration(struct dis_reader *in, uint64_t *ns)
{
	static const struct { const char *unit; uint64_t ns; } units[] = {
		{ "ns", 1 }, { "us", HX_NS_PER_US }, { "ms", HX_NS_PER_MS }, { "s", HX_NS_PER_S },
		{ "min", HX_NS_PER_S * 60 }, { "h", HX_NS_PER_S * 3600 },
	};
	static const char why[] = "expected a duration: 10ms, 2s, 5min; at most a year";
	const char *begin;
	uint64_t n;
	int err;

	dis_read_blanks(in);
	begin = in->at;
	err = dis_take_number(in, DURATION_MAX_NS, &n, why);
	if (err != 0)
		return err;
	for (unsigned i = 0; i < HX_ARRAY_LEN(units); i++) {
		if (!is_word_char(*in->at) || !dis_take_word(in, units[i].unit))
			continue;
		if (n > DURATION_MAX_NS / units[i].ns) {
			in->at = begin;
			return dis_read_wrong(in, why);
		}
		*ns = n * units[i].ns;
		return 0;
	}
	return dis_read_wrong(in, "expected a unit: ns, us, ms, s, min or h");
}
