// SPDX-License-Identifier: MIT
/*
 * The one table of a module's life.
 */
#include "states.h"

static const char state_names[MODULE_STATES][16] = {
	[MODULE_LOADING] = "loading", [MODULE_LOADED] = "loaded",
	[MODULE_INITIALIZING] = "initializing", [MODULE_RUNNING] = "running",
	[MODULE_PAUSED] = "paused", [MODULE_STOPPING] = "stopping", [MODULE_STOPPED] = "stopped",
	[MODULE_UNLOADING] = "unloading", [MODULE_ERROR] = "error",
};

static const char event_names[MODULE_EVENTS][8] = {
	[MODULE_CHECKED] = "checked", [MODULE_START] = "start", [MODULE_STARTED] = "started",
	[MODULE_PAUSE] = "pause", [MODULE_RESUME] = "resume", [MODULE_STOP] = "stop",
	[MODULE_HALTED] = "halted", [MODULE_UNLOAD] = "unload", [MODULE_GONE] = "gone",
	[MODULE_FAIL] = "fail",
};

/* From, what happens, to. scripts/docs.py reads these lines. */
const struct module_step module_steps[] = {
	{ MODULE_LOADING,	MODULE_CHECKED,	MODULE_LOADED },
	{ MODULE_LOADING,	MODULE_FAIL,	MODULE_NONE },
	{ MODULE_LOADED,	MODULE_START,	MODULE_INITIALIZING },
	{ MODULE_LOADED,	MODULE_UNLOAD,	MODULE_UNLOADING },
	{ MODULE_INITIALIZING,	MODULE_STARTED,	MODULE_RUNNING },
	{ MODULE_INITIALIZING,	MODULE_FAIL,	MODULE_ERROR },
	{ MODULE_RUNNING,	MODULE_PAUSE,	MODULE_PAUSED },
	{ MODULE_RUNNING,	MODULE_STOP,	MODULE_STOPPING },
	{ MODULE_RUNNING,	MODULE_FAIL,	MODULE_ERROR },
	{ MODULE_PAUSED,	MODULE_RESUME,	MODULE_RUNNING },
	{ MODULE_PAUSED,	MODULE_STOP,	MODULE_STOPPING },
	{ MODULE_PAUSED,	MODULE_FAIL,	MODULE_ERROR },
	{ MODULE_STOPPING,	MODULE_HALTED,	MODULE_STOPPED },
	{ MODULE_STOPPING,	MODULE_FAIL,	MODULE_ERROR },
	{ MODULE_STOPPED,	MODULE_UNLOAD,	MODULE_UNLOADING },
	{ MODULE_ERROR,		MODULE_UNLOAD,	MODULE_UNLOADING },
	{ MODULE_UNLOADING,	MODULE_GONE,	MODULE_NONE },
};

const unsigned module_n_steps = HX_ARRAY_LEN(module_steps);

const char *module_state_name(enum module_state s)
{
	return s < MODULE_STATES ? state_names[s] : "none";
}

const char *module_event_name(enum module_event e)
{
	return e < MODULE_EVENTS ? event_names[e] : "none";
}

bool module_state_next(enum module_state from, enum module_event event, enum module_state *to)
{
	for (unsigned i = 0; i < module_n_steps; i++) {
		if (module_steps[i].from == from && module_steps[i].event == event) {
			*to = module_steps[i].to;
			return true;
		}
	}
	return false;
}
