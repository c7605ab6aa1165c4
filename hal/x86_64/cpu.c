/* SPDX-License-Identifier: MIT */
/*
 * What the boot CPU is and can, and switching on what protects the kernel.
 *
 * Only CPUID decides: emulators accept or hang on control bits that they do not implement.
 * Source: Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E.
 */
#include <hx/hal/arch/paging.h>
#include <hx/hal/mem.h>

#include "x86_priv.h"

enum how { BY_CR4, BY_EFER, ALWAYS, NEVER };

/* One row per feature. control: the CR4 or EFER bit that says whether it is on. */
static const struct {
	char name[15];
	uint8_t word, bit, how, control;
} rows[] = {
	{ "nx", W_81D, 20, BY_EFER, 11 },	{ "smep", W_7B, 7, BY_CR4, 20 },
	{ "smap", W_7B, 20, BY_CR4, 21 },	{ "umip", W_7C, 2, BY_CR4, 11 },
	{ "pge", W_1D, 13, BY_CR4, 7 },		{ "pdpe1gb", W_81D, 26, ALWAYS, 0 },
	{ "la57", W_7C, 16, BY_CR4, 12 },	{ "pcid", W_1C, 17, BY_CR4, 17 },
	{ "invpcid", W_7B, 10, ALWAYS, 0 },	{ "pku", W_7C, 3, BY_CR4, 22 },
	{ "fsgsbase", W_7B, 0, BY_CR4, 16 },	{ "xsave", W_1C, 26, BY_CR4, 18 },
	{ "rdrand", W_1C, 30, ALWAYS, 0 },	{ "rdseed", W_7B, 18, ALWAYS, 0 },
	{ "x2apic", W_1C, 21, NEVER, 0 },	{ "tsc-deadline", W_1C, 24, NEVER, 0 },
	{ "invariant-tsc", W_87D, 8, ALWAYS, 0 }, { "rdtscp", W_81D, 27, ALWAYS, 0 },
	{ "apic", W_1D, 9, ALWAYS, 0 },		{ "syscall", W_81D, 11, BY_EFER, 0 },
	{ "erms", W_7B, 9, ALWAYS, 0 },		{ "hypervisor", W_1C, 31, ALWAYS, 0 },
};

static struct hx_cpu_feature features[HX_ARRAY_LEN(rows)];
static struct hx_cpu_info info;

static uint32_t feature_word(enum hx_x86_word w)
{
	bool leaf7 = hx_cpuid(0, 0).a >= 7, leaf87 = hx_cpuid(0x80000000, 0).a >= 0x80000007;

	switch (w) {
	case W_1C:
		return hx_cpuid(1, 0).c;
	case W_1D:
		return hx_cpuid(1, 0).d;
	case W_7B:
		return leaf7 ? hx_cpuid(7, 0).b : 0;
	case W_7C:
		return leaf7 ? hx_cpuid(7, 0).c : 0;
	case W_81D:
		return hx_cpuid(0x80000001, 0).d;
	case W_87D:
		return leaf87 ? hx_cpuid(0x80000007, 0).d : 0;
	}
	return 0;
}

bool hx_x86_has(enum hx_x86_word word, unsigned bit)
{
	return (feature_word(word) >> bit & 1) != 0;
}

static bool row_present(size_t i)
{
	return hx_x86_has(rows[i].word, rows[i].bit);
}

static bool row_enabled(size_t i)
{
	if (rows[i].how == BY_CR4)
		return (hx_cr4() >> rows[i].control & 1) != 0;
	if (rows[i].how == BY_EFER)
		return (hx_rdmsr(HX_MSR_EFER) >> rows[i].control & 1) != 0;
	return rows[i].how == ALWAYS;
}

void hx_x86_cpu_enable(void)
{
	uint64_t cr4 = HX_CR4_PAE;

	cr4 |= hx_x86_has(W_1D, 13) ? HX_CR4_PGE : 0;
	cr4 |= hx_x86_has(W_7B, 7) ? HX_CR4_SMEP : 0;
	cr4 |= hx_x86_has(W_7B, 20) ? HX_CR4_SMAP : 0;
	cr4 |= hx_x86_has(W_7C, 2) ? HX_CR4_UMIP : 0;
	if (HX_ENABLED(LA57) || HX_ENABLED(TLB_SHOOTDOWN))
		cr4 |= hx_x86_paging_bits(feature_word(W_1C), feature_word(W_1D),
					  feature_word(W_7B));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

static void put_words(char *to, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	const uint32_t words[4] = { a, b, c, d };

	memcpy(to, words, sizeof(words));
}

const struct hx_cpu_info *hx_cpu_info(void)
{
	struct hx_cpuid r = hx_cpuid(0, 0);

	if (info.features != NULL)
		return &info;
	put_words(info.vendor, r.b, r.d, r.c, 0);
	r = hx_cpuid(1, 0);
	info.family = r.a >> 8 & 15;
	info.model_nr = r.a >> 4 & 15;
	info.stepping = r.a & 15;
	if (info.family >= 6)
		info.model_nr |= r.a >> 12 & 0xf0;
	if (info.family == 15)
		info.family += r.a >> 20 & 0xff;
	if (hx_cpuid(0x80000000, 0).a >= 0x80000004) {
		for (unsigned i = 0; i < 3; i++) {
			r = hx_cpuid(0x80000002 + i, 0);
			put_words(info.model + 16 * i, r.a, r.b, r.c, r.d);
		}
	}
	r = hx_cpuid(0x80000008, 0);
	info.phys_bits = r.a & 0xff;
	info.virt_bits = r.a >> 8 & 0xff;
	for (size_t i = 0; i < HX_ARRAY_LEN(rows); i++) {
		features[i].name = rows[i].name;
		features[i].present = row_present(i);
		features[i].enabled = features[i].present && row_enabled(i);
	}
	info.n_features = HX_ARRAY_LEN(rows);
	info.features = features;
	return &info;
}

/* RDRAND may run dry for a moment; ten tries are Intel's advice (SDM vol. 1, 7.3.17.1). */
static bool rdrand(uint64_t *out)
{
	for (unsigned i = 0; i < 10; i++) {
		bool ok;

		__asm__ volatile("rdrand %0" : "=r"(*out), "=@ccc"(ok));
		if (ok)
			return true;
	}
	return false;
}

int hx_cpu_entropy(void *buf, size_t n)
{
	uint8_t *to = buf;

	if (!hx_x86_has(W_1C, 30))
		return -HX_ENODEV;
	while (n != 0) {
		size_t part = hx_min_u64(n, 8);
		uint64_t word;

		if (!rdrand(&word))
			return -HX_ENODEV;
		memcpy(to, &word, part);
		to += part;
		n -= part;
	}
	return 0;
}
