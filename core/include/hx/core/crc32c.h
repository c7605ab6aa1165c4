/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C (Castagnoli): the checksum of everything we write down. Source: RFC 3720, B.4.
 */
#ifndef HX_CORE_CRC32C_H
#define HX_CORE_CRC32C_H

#include <hx/base.h>

/**
 * hx_crc32c() - continue a checksum over more bytes
 * @crc:   what the bytes before gave; 0 to start
 * @bytes: the bytes
 * @n:     how many
 *
 * Returns: the checksum; "123456789" alone gives 0xe3069283.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    about 5 instructions a byte; a table of 1 KiB.
 * Source:  RFC 3720, B.4; Castagnoli et al., IEEE Trans. Communications 41 (1993).
 */
uint32_t hx_crc32c(uint32_t crc, const void *bytes, size_t n);

#endif
