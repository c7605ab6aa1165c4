/* SPDX-License-Identifier: MIT */
/* Of <string.h> what the library asks for; the functions are the hal's and core/lib's. */
#ifndef HX_CORE_LIB_CRYPTO_STRING_H
#define HX_CORE_LIB_CRYPTO_STRING_H

#include <hx/core/string.h>
#include <hx/hal/mem.h>

#define strlen(s)	hx_strlen(s)
#define strcmp(a, b)	hx_strcmp((a), (b))

#endif
