/* SPDX-License-Identifier: MIT */
/*
 * What loaded modules may call or read. A room lists it in a file of its own, exports.c, which its
 * meson.build names under 'exports'; what is not listed does not exist for a module.
 *
 * The version counts changes of meaning: another argument, another result, another owner. A module
 * remembers the version that it was built with, and is refused where it is another. Shapes of
 * structs and inline functions need no version: docs/design/modules.md, "Built for this kernel".
 *
 *	HX_EXPORT(hx_mutex_lock, 1);
 *	HX_EXPORT_LEAF(memcpy, 1);		a fault in it, called by a module, is the module's
 *	HX_EXPORT_IF(SMP, hx_spin_wait, 1);	only with CONFIG_SMP, of this room's config header
 */
#ifndef HX_CORE_EXPORT_H
#define HX_CORE_EXPORT_H

#include <hx/base.h>

struct hx_export {
	const char *name;
	const void *address;	/* NULL: this configuration has none */
	uint32_t version;	/* from 1 */
	bool is_leaf;		/* takes no lock, and has no state that could be half changed */
};

HX_SECTION_BOUNDS(hx_exports, struct hx_export);

/* One symbol a line, with literal values: scripts/mkmodule.py reads them from the source. */
#define HX_EXPORT(symbol, version_) \
	static const struct hx_export hx_export_##symbol = { \
		#symbol, (const void *)&symbol, (version_), false }; \
	HX_REGISTER(hx_exports, export_##symbol, struct hx_export, &hx_export_##symbol)

#define HX_EXPORT_LEAF(symbol, version_) \
	static const struct hx_export hx_export_##symbol = { \
		#symbol, (const void *)&symbol, (version_), true }; \
	HX_REGISTER(hx_exports, export_##symbol, struct hx_export, &hx_export_##symbol)

#define HX_EXPORT_IF(config, symbol, version_) \
	static const struct hx_export hx_export_##symbol = { \
		#symbol, HX_ENABLED(config) ? (const void *)&symbol : NULL, (version_), false }; \
	HX_REGISTER(hx_exports, export_##symbol, struct hx_export, &hx_export_##symbol)

#endif
