/* SPDX-License-Identifier: MIT */
/*
 * What the process says about its CPU, and where its entropy comes from.
 */
#include "host_priv.h"
#include <string.h>
#include <sys/random.h>

static const struct hx_cpu_feature features[] = {
	{ .name = "nx", .present = true, .enabled = true },
	{ .name = "wp", .present = true, .enabled = true },
};

static const struct hx_cpu_info cpu = {
	.vendor = "host", .model = "process", .phys_bits = 40, .virt_bits = 47,
	.n_features = HX_ARRAY_LEN(features), .features = features,
};

static uint64_t seed_state;	/* 0: the system's entropy */

const struct hx_cpu_info *hx_cpu_info(void)
{
	return &cpu;
}

unsigned hx_cpus_present(void)
{
	return 1;	/* one flow runs at a time, whatever the system has */
}

void host_entropy_seed(uint64_t seed)
{
	seed_state = seed;
}

/* Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014 (splitmix64). */
static uint64_t next_seeded(void)
{
	uint64_t z = seed_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

int hx_cpu_entropy(void *buf, size_t n)
{
	uint8_t *out = buf;

	for (size_t done = 0; done < n;) {
		size_t len = hx_min_u64(n - done, sizeof(uint64_t));
		uint64_t word;

		if (seed_state != 0)
			word = next_seeded();
		else if (getrandom(&word, sizeof(word), 0) != sizeof(word))
			return -HX_ENODEV;
		memcpy(out + done, &word, len);
		done += len;
	}
	return 0;
}
