/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share.
 */
#ifndef HX_CORE_LIB_CRYPTO_PRIV_H
#define HX_CORE_LIB_CRYPTO_PRIV_H

#include <hx/core/crypto.h>
#include <hx/hal/mem.h>

#include "mbedtls_config.h"

#endif
