// SPDX-License-Identifier: MIT
/*
 * The names of a module's functions, kept beside its constants so that a backtrace can say them
 * when the file is long gone: a table in ascending order, then the names.
 */
#include <hx/core/string.h>

#include "elf.h"
#include "hko.h"

/* Shell's sort with Knuth's steps: in place, without a recursion, and fast enough for some
 * thousands of names. */
static void sort(struct hko_function *f, uint32_t n)
{
	uint32_t step = 1;

	while (step < n / 3)
		step = 3 * step + 1;
	for (; step > 0; step /= 3) {
		for (uint32_t i = step; i < n; i++) {
			struct hko_function moved = f[i];
			uint32_t at = i;

			for (; at >= step && f[at - step].offset > moved.offset; at -= step)
				f[at] = f[at - step];
			f[at] = moved;
		}
	}
}

void hko_put_functions(const struct hko *m, uint8_t *to)
{
	const struct elf_symbol *s = (const void *)(m->file + m->symtab_off);
	struct hko_function *table = (void *)(to + m->functions_at);
	char *names = (char *)to + m->names_at;
	uint32_t n = 0, used = 0;

	for (uint32_t i = 1; i < m->n_symbols; i++) {
		const char *name = (const char *)m->file + m->strtab_off + s[i].name;
		uint32_t bytes;

		if (elf_type(&s[i]) != ELF_FUNC || s[i].section == ELF_UNDEFINED ||
		    s[i].size == 0 || m->sections[s[i].section].part != HKO_TEXT)
			continue;
		bytes = (uint32_t)hx_strnlen(name, HKO_SYMBOL_MAX - 1) + 1;
		hx_strlcpy(names + used, name, bytes);
		table[n++] = (struct hko_function){
			.offset = m->sections[s[i].section].at + (uint32_t)s[i].value,
			.size = (uint32_t)s[i].size, .name = used,
		};
		used += bytes;
	}
	sort(table, n);
}

const struct hko_function *hko_function_at(const struct hko_function *table, uint32_t n,
					   uint32_t off)
{
	uint32_t low = 0, high = n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (table[mid].offset <= off)
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 && off - table[low - 1].offset < table[low - 1].size ? &table[low - 1] :
									     NULL;
}
