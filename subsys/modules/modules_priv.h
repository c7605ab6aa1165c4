/* SPDX-License-Identifier: MIT */
/*
 * Loaded modules, as the files of this room see them.
 *
 * Locks. modules_lock is held for the whole of a change: loading, init included, and unloading.
 * table_lock guards the table for those who only look; it is taken inside modules_lock and for
 * short. A backtrace looks without a lock: a module is taken out of the table a grace period before
 * its memory goes.
 */
#ifndef MODULES_PRIV_H
#define MODULES_PRIV_H

#include <hx/base.h>
#include <hx/config/core_border.h>
#include <hx/config/core_caps.h>
#include <hx/config/core_heal.h>
#include <hx/config/core_resources.h>
#include <hx/config/subsys_modules.h>
#include <hx/core/border.h>
#include <hx/core/caps.h>
#include <hx/core/init.h>
#include <hx/core/mutex.h>
#include <hx/core/names.h>
#include <hx/core/resources.h>
#include <hx/core/slot.h>
#include <hx/core/thread.h>

#include "hko.h"
#include "states.h"

struct hx_ktest_run;
struct hx_symbol;

#define MODULES_DEPTH_MAX	8u	/* modules that one request may load for each other */
#define MODULES_PATH_MAX	128u	/* bytes of a path with the NUL */

/* The entries of one registration section of a module: pointers into its memory. */
struct module_list {
	const void *const *first;
	uint32_t n, n_done;		/* entries; those that are registered, or up */
};

enum module_lists {
	LIST_COMPONENTS, LIST_NODES, LIST_VERBS, LIST_PROVIDERS, LIST_STATES, LISTS,
};

/* Field keys: c constant once it is in the table, m modules_lock, t table_lock and modules_lock to
 * write, either to read. */
struct module {
	char name[HKO_NAME_MAX];	/* c */
	char path[MODULES_PATH_MAX];	/* c where it came from */
	enum module_state state;	/* t */
	struct hko_why why;		/* t of state error */
	const struct hko_desc *desc;	/* c a copy of its own */
	struct module **held;		/* m by need: who stays for it; NULL: nobody */
	uint32_t n_users;		/* t modules that hold this one */
	uint32_t request;		/* m loaded for the sake of which request */
	uintptr_t base;			/* c its memory */
	uint32_t part_at[HKO_PARTS], part_bytes[HKO_PARTS], total_bytes;	/* c */
	const struct hko_function *functions;	/* c in its memory */
	const char *names;		/* c */
	uint32_t n_functions;		/* c */
	struct module_list lists[LISTS];	/* m */
	struct hx_slot_entry *entries;	/* m one for each provider */
	struct hx_thread *init;		/* m runs its init; NULL: none */
	int init_result;		/* the init thread's, then m */
	uint64_t init_ns;		/* c how long that took */
	bool is_signed;			/* c by a key that this kernel knows */
	struct hx_cap_table caps;	/* what it was granted, with CONFIG_CAPS */
	struct hx_res_holder *holder;	/* c pays for its memory, with CONFIG_RESOURCES */
	uint32_t image_bytes;		/* c charged for image and gates */
	struct module_ports *ports;	/* what it has of I/O ports */
	bool has_tried_ports;		/* a and was told that it has not taken them */
	hx_cap_t *grants;		/* c of the descriptor's requests; NULL: none */
	struct hx_border_owner owner;	/* of its gates, with CONFIG_BORDERS */
	uintptr_t gates;		/* c their memory; 0: none */
	uint32_t gates_bytes;		/* c */
	uint32_t n_later;		/* c gates for functions that it gives away later */
	uintptr_t later_at;		/* c the first of these */
	uintptr_t *later;		/* a their functions; 0: free */
};

extern struct hx_mutex modules_lock;

/* ---- table.c */

/* Its state for who looks: one that faulted has failed before anybody who may change it saw. */
enum module_state module_state_now(const struct module *m);
/* Why it failed; returns -HX_EFAULT. */
int module_refuse_fault(const struct module *m, struct hko_why *why);
/* Make it so. modules_lock held. */
void module_settle(struct module *m);
/* The module in a place of the table, or NULL; table_lock or modules_lock held. */
struct module *module_at(unsigned idx);
struct module *module_find(const char *name);
void modules_look(void);	/* take table_lock */
void modules_looked(void);
/* 0; -HX_ENFILE. modules_lock held. */
int module_publish(struct module *m);
/* Nobody finds it any more, not even a backtrace. */
void module_withdraw(struct module *m);
/* An event of its life; one that may not happen in its state is a bug. modules_lock held. */
void module_step(struct module *m, enum module_event event);
unsigned modules_count(void);
uint64_t modules_bytes(void);	/* of all in the table */
/* Whose code that is, NULL: nobody's. No lock: it must be one that cannot go now. */
struct module *module_of_code(uintptr_t pc);
/* For backtraces: any context, no lock. */
bool module_symbol(uintptr_t pc, struct hx_symbol *out);

/* ---- prepare.c */

/* A file being made a module, with those for whose sake: inner first. */
struct module_request {
	const struct module_request *outer;
	const char *path;
	uint32_t id;
	const struct module *instead_of;	/* its name may be taken by this one */
	struct hko hko;
	struct hko_slot *slots;
	uintptr_t file;			/* of hx_kva_alloc() */
	size_t file_bytes;
	bool is_signed;
	struct hko_why *why;
	struct module *m;
};

/* Read, check and place a file: *out is LOADED and in no table. Loads what it needs. Error: *why.
 * */
int module_prepare(struct module_request *r, struct module **out);
void module_free(struct module *m);	/* memory and all; it is in no table */

/*
 * verify.c (CONFIG_MODULES_SIGNATURES): 0, or -HX_EACCES: a signature that is not by this kernel's
 * key over this file, or none where one is required. *file_bytes becomes the bytes that were
 * signed.
 */
int module_verify(const void *file, size_t *file_bytes, bool *is_signed, struct hko_why *why);
/* The same by any key: 65 bytes, and the first 16 of the SHA-256 over them. */
int module_verify_by(const uint8_t key[65], const uint8_t key_id[16], const void *file,
		     size_t *file_bytes, bool *is_signed, struct hko_why *why);

/* ---- needs.c */

/* Whether all that it needs is there; loads what is missing. Holds those that stay for it. */
int module_resolve_needs(struct module_request *r, struct module *m);
void module_drop_needs(struct module *m);
/* Is there a module or a component of that name or gift in these versions? *m: NULL if built in. */
bool module_gives(const char *name, uint64_t min, uint64_t max, struct module **m);
const char *module_need_kind(uint32_t kind);

/* ---- lists.c */

/* Find the registration sections, check what they point at. */
int module_take_lists(struct module *m, const struct hko *h, struct hko_why *why);
/* Bytes of what an entry of a list points at. */
uint32_t module_entry_bytes(const struct module *m, enum module_lists list);
/* Nodes and providers in and out. take_out: -HX_EBUSY a provider is in use: nothing happened. */
int module_put_in(struct module *m, struct hko_why *why);
int module_take_out(struct module *m, struct hko_why *why);
void module_pause_providers(struct module *m, bool is_paused);
/* Its components up, in order, and down; the first error of up, with those before it down again. */
int module_bring_up(struct module *m);
void module_bring_down(struct module *m);

/* ---- grants.c, with CONFIG_CAPS */

/* A capability for each that its descriptor asks for. */
int module_grant(struct module *m, struct hko_why *why);
void module_ungrant(struct module *m);
/* The facility that m would have to be granted to call an export; NULL: it may. */
const char *module_lacks(const struct module *m, const void *export);
/* May m, whose code calls, still do that? 0; -HX_EACCES. m NULL: it is no module. */
int module_check_grant(struct module *m, const void *export);
/* The object behind a word of a descriptor; NULL: there is none. */
struct hx_cap_object *module_facility(const char *name);

/* ---- quota.c, with CONFIG_RESOURCES */

/* Make m a holder, charged for its image; end that: what it had goes back. */
int module_quota_begin(struct module *m, struct hko_why *why);
void module_quota_end(struct module *m);
/* Charge it for more memory of the loader's. */
int module_charge(struct module *m, uint32_t bytes, struct hko_why *why);
/* Was it ever refused memory because of its limit? */
bool module_is_over_quota(const struct module *m);
int module_refuse_quota(const struct module *m, uint64_t more, struct hko_why *why);
/* What a module gets for an export that gives or takes memory. */
const void *module_export_of_quota(const void *address);
/* hx_frames_alloc() for the code that back lies in. */
int module_frames_alloc(const void *back, unsigned order, unsigned flags, hx_paddr_t *pa);

/* ports.c: what a module gets for an export that takes ports or reaches them. */
const void *module_export_of_ports(const void *address);
/* Its holder has ended: the records of its ports go. */
void module_ports_end(struct module *m);

/* devices.c: what a module gets for hx_mmu_map_device(); NULL: also when 16 are mapped. */
void *module_map_device(hx_paddr_t pa, size_t size_bytes);

/* What a module gets instead of an export. */
struct module_instead {
	const void *plain, *instead;
};

static inline const void *module_instead(const struct module_instead *pairs, unsigned n_pairs,
					 const void *address)
{
	for (unsigned i = 0; i < n_pairs; i++)
		if (pairs[i].plain == address)
			return pairs[i].instead;
	return NULL;
}

/* instead_heal.c, with CONFIG_HEAL: what a module gets for an export of core/heal. */
const void *module_export_of_heal(const void *address);

/* ---- modules_ktest.c, for the tests in the booted kernel */

/* Wait until nobody else starts threads or takes memory: the boot is over. */
void modules_quiet(void);
/* The idx-th module of the boot archive whose name begins so, as a path; false: there is none. */
bool modules_in_archive(const char *prefix, unsigned idx, char path[MODULES_PATH_MAX]);
/* Loaded; NULL: the test has failed, with the loader's words. */
struct module *modules_load(struct hx_ktest_run *t, const char *path);

/* ---- breaker_ktest.c, for the tests that have the module that breaks */

#define BREAKER		"test_kernel_breaker"
#define BREAKER_PATH	"/boot/modules/" BREAKER ".hko"

/* Let it do what the word says: what its function returns; -HX_EFAULT it broke. */
int breaker_ask(const char *word);
/* As module_load() of it. Its init has little time, which a machine with much else to do may use
 * up: that is no failure, and it is loaded anew. */
int breaker_load(struct hko_why *why, struct module **m);
/* While this node is registered, what its init does. */
extern const struct hx_node breaker_init_node;
extern const char *breaker_init_word;

/* ---- borders.c, with CONFIG_BORDERS */

/* Gates for what its lists point at; its constants are still writable. */
int module_put_gates(struct module *m, struct hko_why *why);
/* A gate for a function of a module; itself if it is none, or there is no gate left. */
uintptr_t module_gate_for(uintptr_t fn);
/* made_nodes.c: nodes that m registers itself, as hx_names_register() and hx_names_unregister(). */
int module_make_node(struct module *m, const struct hx_node *node);
void module_unmake_node(const struct hx_node *node);
/* All of them that are left; how many those were. */
unsigned module_release_nodes(struct module *m);
/* instead.c: what a module gets for an export of that address. */
const void *module_export_for_modules(const void *address);

/* ---- modules.c */

/* If m has failed, who is in a call into it gets out. */
void module_end_calls(struct module *m);
/* A node is in the name space no more, and nobody inside: who loops there gets out when m fails. */
void module_take_node_out(struct module *m, const struct hx_node *node);

/* These take modules_lock. */

int module_load(const char *path, struct hko_why *why, struct module **out);
int module_load_inner(const struct module_request *outer, const char *path);
int module_unload(const char *name, struct hko_why *why);
int module_reload(const char *name, const char *path, struct hko_why *why);
int module_pause(const char *name, bool is_paused, struct hko_why *why);

#endif
