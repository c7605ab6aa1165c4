/* SPDX-License-Identifier: MIT */
/* Of <limits.h> what the library asks for: gcc's own includes the one of a C library. */
#ifndef HX_CORE_LIB_CRYPTO_LIMITS_H
#define HX_CORE_LIB_CRYPTO_LIMITS_H

#define CHAR_BIT	__CHAR_BIT__
#define INT_MAX		__INT_MAX__
#define UINT_MAX	(__INT_MAX__ * 2u + 1u)
#define LONG_MAX	__LONG_MAX__
#define ULONG_MAX	(__LONG_MAX__ * 2ul + 1ul)

#endif
