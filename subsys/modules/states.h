/* SPDX-License-Identifier: MIT */
/*
 * The life of a module: its states, what may happen in each, and what it is afterwards. The table
 * in states.c drives the code, the tests, and the table of docs/design/modules.md.
 */
#ifndef MODULES_STATES_H
#define MODULES_STATES_H

#include <hx/base.h>

enum module_state {
	MODULE_LOADING,		/* file read, checked, placed */
	MODULE_LOADED,		/* in memory with its rights; nothing of it has run */
	MODULE_INITIALIZING,	/* its init runs */
	MODULE_RUNNING,
	MODULE_PAUSED,		/* as before, but it gets no new users */
	MODULE_STOPPING,	/* nodes and providers go, its shutdown runs */
	MODULE_STOPPED,		/* nothing of it runs any more */
	MODULE_UNLOADING,	/* its memory goes */
	MODULE_ERROR,		/* given up: why stands beside it */
	MODULE_STATES,
	MODULE_NONE = MODULE_STATES,	/* not there */
};

enum module_event {
	MODULE_CHECKED, MODULE_START, MODULE_STARTED, MODULE_PAUSE, MODULE_RESUME, MODULE_STOP,
	MODULE_HALTED, MODULE_UNLOAD, MODULE_GONE, MODULE_FAIL,
	MODULE_EVENTS,
};

struct module_step {
	uint8_t from, event, to;	/* enum module_state, module_event, module_state */
};

extern const struct module_step module_steps[];
extern const unsigned module_n_steps;

/* "running", "pause": never NULL. */
const char *module_state_name(enum module_state s);
const char *module_event_name(enum module_event e);
/* What a module in a state is after an event; false: that may not happen then. */
bool module_state_next(enum module_state from, enum module_event event, enum module_state *to);

#endif
