// SPDX-License-Identifier: MIT
/*
 * Paths and patterns as text: checked once at the border, then walked without further checks.
 */
#include <hx/base.h>
#include <hx/core/string.h>

#include "names_priv.h"

static size_t component_len(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0' && s[n] != '/')
		n++;
	return n;
}

/* One component of n bytes. A pattern may be <word>, and nothing else may hold '<' or '>'. */
static int component_check(const char *s, size_t n, bool is_pattern)
{
	if (n == 0 || (s[0] == '.' && (n == 1 || (n == 2 && s[1] == '.'))))
		return -HX_EINVAL;
	if (n >= HX_NAME_MAX)
		return -HX_ENAMETOOLONG;
	if (is_pattern && n > 2 && s[0] == '<' && s[n - 1] == '>') {
		s++;
		n -= 2;
	}
	return hx_memchr(s, '<', n) == NULL && hx_memchr(s, '>', n) == NULL &&
	       hx_utf8_is_text(s, n) ? 0 : -HX_EINVAL;
}

int path_check(const char *path, bool is_pattern)
{
	const char *p = path;

	if (*p != '/')
		return -HX_EINVAL;
	if (p[1] == '\0')
		return is_pattern ? -HX_EINVAL : 0;	/* the root is never a node */
	while (*p == '/') {
		size_t n = component_len(++p);
		int err = component_check(p, n, is_pattern);

		if (err != 0)
			return err;
		p += n;
		if (p - path >= HX_NAME_PATH_MAX)
			return -HX_ENAMETOOLONG;
	}
	return is_pattern && path_vars(path) > HX_NAME_VARS_MAX ? -HX_EINVAL : 0;
}

unsigned path_vars(const char *pattern)
{
	unsigned n = 0;

	for (; *pattern != '\0'; pattern++)
		n += *pattern == '<';
	return n;
}

static unsigned sort_key(char c)
{
	return c == '/' ? 1 : (unsigned char)c;
}

int path_compare(const char *a, const char *b)
{
	while (*a == *b && *a != '\0') {
		a++;
		b++;
	}
	return (int)sort_key(*a) - (int)sort_key(*b);
}

enum path_match path_match(const char *pattern, const char *path, struct hx_node_args *args,
			   const char **rest)
{
	args->n_vars = 0;
	if (path[1] == '\0') {
		*rest = pattern + 1;
		return MATCH_BELOW;
	}
	while (*path == '/' && *pattern == '/') {
		pattern++;
		path++;
		if (*pattern == '<') {
			size_t n = component_len(path);

			memcpy(args->var[args->n_vars], path, n);
			args->var[args->n_vars++][n] = '\0';
			path += n;
			pattern += component_len(pattern);
		} else {
			while (*path == *pattern && *path != '\0' && *path != '/') {
				path++;
				pattern++;
			}
		}
		if (*path != '\0')
			continue;
		*rest = pattern + 1;
		return *pattern == '\0' ? MATCH_EXACT : *pattern == '/' ? MATCH_BELOW : MATCH_NONE;
	}
	return MATCH_NONE;
}
