// SPDX-License-Identifier: MIT
/*
 * Capabilities of modules in the booted kernel: granted before init, checked at each call, gone
 * when they are revoked; and a guarded export is not for a module that did not ask. The breaker
 * asks for threads.
 */
#include <hx/core/heap.h>
#include <hx/core/ktest.h>
#include <hx/core/string.h>
#include <hx/fs/vfs.h>
#include <hx/vm/kva.h>

#include "modules_priv.h"

#define OTHER	"/breaker.hko"

static struct hko_why why;

HX_KTEST(borders_modules_have_what_they_were_granted_until_it_is_revoked)
{
	struct module *m = NULL;
	char text[256];
	struct hx_text_buf out;

	if (!HX_ENABLED(BORDERS)) {
		hx_ktest_skip(t, "no module here asks for anything");
		return;
	}
	hx_require(t, breaker_load(&why, &m) == 0);
	hx_text_buf_init(&out, text, sizeof(text));
	hx_expect(t, hx_names_show("/caps/" BREAKER, &out.text) == 0);
	hx_expect(t, hx_strchr(text, '=') != NULL);
	hx_expect(t, breaker_ask("started") == 0);
	hx_cap_object_revoke(module_facility("threads"));
	hx_expect(t, breaker_ask("started") == -HX_EACCES && breaker_ask("not") == 0);
	hx_expect(t, module_state_now(m) == MODULE_RUNNING);
	hx_expect(t, module_unload(BREAKER, &why) == 0);
	/* Lines, in both ways in which there are any. */
	hx_require(t, module_load(BREAKER_PATH, &why, &m) == 0);
	hx_cap_object_revoke(module_facility("irq"));
	hx_expect(t, breaker_ask("left-irq") == -HX_EACCES);
	hx_expect(t, breaker_ask("left-line") == -HX_EACCES);
	hx_expect(t, module_unload(BREAKER, &why) == 0);
	/* Who comes later is granted it anew. */
	hx_require(t, breaker_load(&why, &m) == 0);
	hx_expect(t, breaker_ask("started") == 0 && module_unload(BREAKER, &why) == 0);
}

/* The breaker's file, changed: it asks for other rights of threads, or with 0 for none. */
static int write_other(uint32_t rights)
{
	struct hx_fs_stat st;
	struct hko_desc *d = NULL;
	struct hx_file f;
	size_t bytes;
	char *file;
	int err = hx_vfs_stat(BREAKER_PATH, &st);

	if (err != 0)
		return err;
	bytes = (size_t)st.size_bytes;
	file = hx_alloc(bytes);
	if (file == NULL)
		return -HX_ENOMEM;
	err = hx_vfs_open(&f, BREAKER_PATH, HX_OPEN_READ, 0);
	if (err == 0) {
		err = hx_vfs_read(&f, file, bytes) == (hx_ssize_t)bytes ? 0 : -HX_EIO;
		hx_vfs_close(&f);
	}
	for (size_t at = 0; err == 0 && d == NULL && at + sizeof(*d) <= bytes; at += 8)
		if (memcmp(file + at, HKO_MAGIC, 8) == 0)
			d = (struct hko_desc *)(file + at);
	if (err == 0 && (d == NULL || d->n_caps == 0))
		err = -HX_EBADMSG;
	if (err == 0) {
		struct hko_cap *c = (struct hko_cap *)hko_caps(d);	/* the first: threads */

		c[0] = rights != 0 ? (struct hko_cap){ c[0].name, rights } : c[d->n_caps - 1];
		d->n_caps -= rights == 0;
	}
	if (err == 0)
		err = hx_vfs_open(&f, OTHER, HX_OPEN_WRITE | HX_OPEN_CREATE | HX_OPEN_TRUNC, 0644);
	if (err == 0) {
		err = hx_vfs_write(&f, file, bytes) == (hx_ssize_t)bytes ? 0 : -HX_EIO;
		hx_vfs_close(&f);
	}
	hx_free(file);
	return err;
}

HX_KTEST(borders_modules_get_no_more_than_they_ask_for)
{
	struct module *m = NULL;

	if (!HX_ENABLED(BORDERS) || HX_ENABLED(MODULES_SIGNATURES)) {
		hx_ktest_skip(t, "a file that was changed is refused before");
		return;
	}
	hx_require(t, write_other(0) == 0);
	hx_expect(t, module_load(OTHER, &why, &m) == -HX_EACCES);
	hx_expect(t, hx_glob("detail=capability-missing symbol=hx_thread_* capability=threads",
			     why.text));
	hx_require(t, write_other(0x110) == 0);
	hx_expect(t, module_load(OTHER, &why, &m) == -HX_ENOENT);
	hx_expect(t, hx_strcmp(why.text, "detail=capability name=threads rights=0x110") == 0);
	hx_expect(t, hx_vfs_unlink(OTHER) == 0);
	hx_expect(t, modules_count() == 0 && hx_kva_bytes(HX_AREA_MODULES) == 0);
}
