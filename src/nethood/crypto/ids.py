"""Numeric ids of SMB2 dialects, ciphers and signing algorithms, as negotiated on the wire."""

from __future__ import annotations

SMB_2_0_2 = 0x0202
SMB_2_1 = 0x0210
SMB_3_0 = 0x0300
SMB_3_0_2 = 0x0302
SMB_3_1_1 = 0x0311

# [MS-SMB2] 2.2.3.1.2
AES_128_CCM = 1
AES_128_GCM = 2
AES_256_CCM = 3
AES_256_GCM = 4
CIPHER_NAMES = {
    AES_128_CCM: "AES-128-CCM",
    AES_128_GCM: "AES-128-GCM",
    AES_256_CCM: "AES-256-CCM",
    AES_256_GCM: "AES-256-GCM",
}
CIPHER_KEY_SIZES = {AES_128_CCM: 16, AES_128_GCM: 16, AES_256_CCM: 32, AES_256_GCM: 32}

# [MS-SMB2] 2.2.3.1.7
HMAC_SHA256 = 0
AES_CMAC = 1
AES_GMAC = 2
SIGNING_NAMES = {HMAC_SHA256: "HMAC-SHA256", AES_CMAC: "AES-CMAC", AES_GMAC: "AES-GMAC"}
