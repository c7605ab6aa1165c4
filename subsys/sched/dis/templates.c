// SPDX-License-Identifier: MIT
/*
 * Ready-made intents. Each passes hx_intent_check(); a test sees to that.
 */
#include <hx/core/string.h>

#include "templates_priv.h"

#define MS	HX_NS_PER_MS

#define ANYWHERE	.affinity = HX_AFFINITY_ANY
#define COMMON		ANYWHERE, .energy = HX_ENERGY_BALANCED

const struct dis_template dis_templates[] = {
	{ "audio", "5 ms at most, or it cracks", {
		COMMON, .class = HX_INTENT_REALTIME, .latency = HX_LATENCY_MAXIMUM,
		.latency_ns = 5 * MS, .flags = HX_INTENT_LOW_LATENCY } },
	{ "video_60fps", "a frame every 16 ms", {
		COMMON, .class = HX_INTENT_SOFT_REALTIME, .latency = HX_LATENCY_TARGET,
		.latency_ns = 16 * MS } },
	{ "video_144fps", "a frame every 7 ms", {
		ANYWHERE, .class = HX_INTENT_SOFT_REALTIME, .latency = HX_LATENCY_TARGET,
		.latency_ns = 7 * MS, .flags = HX_INTENT_LOW_LATENCY,
		.energy = HX_ENERGY_PERFORMANCE } },
	{ "ui", "answers within 50 ms", {
		COMMON, .class = HX_INTENT_INTERACTIVE, .latency = HX_LATENCY_TARGET,
		.latency_ns = 50 * MS } },
	{ "webserver", "waits for the network most of the time", {
		COMMON, .class = HX_INTENT_SERVER, .flags = HX_INTENT_IO_BOUND } },
	{ "database", "waits for disks, a little more urgent than other servers", {
		COMMON, .class = HX_INTENT_SERVER, .nice = -5, .flags = HX_INTENT_IO_BOUND } },
	{ "compilation", "uses what there is, in long slices", {
		COMMON, .class = HX_INTENT_BATCH,
		.flags = HX_INTENT_HIGH_THROUGHPUT | HX_INTENT_CPU_BOUND } },
	{ "backup", "reads everything, and is in nobody's way: 20 % of a CPU", {
		COMMON, .class = HX_INTENT_BACKGROUND, .nice = 10,
		.budget_kind = HX_BUDGET_PERCENT, .budget = 20,
		.flags = HX_INTENT_IO_BOUND } },
	{ "gc", "10 % of a CPU, and more while nobody wants it", {
		COMMON, .class = HX_INTENT_BACKGROUND, .budget_kind = HX_BUDGET_PERCENT,
		.budget = 10, .flags = HX_INTENT_BORROW | HX_INTENT_CPU_BOUND } },
	{ "monitoring", "short looks at even intervals: 5 % of a CPU", {
		COMMON, .class = HX_INTENT_SERVER, .nice = 5,
		.budget_kind = HX_BUDGET_PERCENT, .budget = 5 } },
	{ "batch", "throughput", {
		COMMON, .class = HX_INTENT_BATCH, .flags = HX_INTENT_HIGH_THROUGHPUT } },
	{ "background", "nobody waits for it", {
		ANYWHERE, .class = HX_INTENT_BACKGROUND, .energy = HX_ENERGY_SAVING,
		.flags = HX_INTENT_POWER_PREFER } },
};
const unsigned dis_n_templates = HX_ARRAY_LEN(dis_templates);

int hx_intent_template(const char *name, struct hx_intent *out)
{
	for (unsigned i = 0; i < dis_n_templates; i++) {
		if (hx_strcmp(name, dis_templates[i].name) == 0) {
			*out = dis_templates[i].intent;
			return 0;
		}
	}
	return -HX_ENOENT;
}
