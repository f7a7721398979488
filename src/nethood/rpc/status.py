"""What RPC operations answer with: fault status codes, Win32 errors and NERR values.

NTSTATUS values are in erref. Sources: C706 appendix N.2 and E, [MS-ERREF] 2.2, [MS-SRVS] 2.2.2.10.
"""

from __future__ import annotations

NCA_S_FAULT_CONTEXT_MISMATCH = 0x1C00001A
"""A context handle this association does not have."""
NCA_S_OP_RNG_ERROR = 0x1C010002
"""The interface has no operation of that number."""
NCA_S_UNK_IF = 0x1C010003
"""The presentation context is not one that was negotiated."""
NCA_S_PROTO_ERROR = 0x1C01000B
"""[MS-RPCE] 3.3.3.5.7."""
RPC_X_BAD_STUB_DATA = 0x000006F7
"""The stub does not fit the operation's parameters."""
RPC_S_UNKNOWN_AUTHN_SERVICE = 0x000006D3

ERROR_SUCCESS = 0
ERROR_ACCESS_DENIED = 5
ERROR_NOT_SUPPORTED = 50
ERROR_INVALID_PARAMETER = 87
ERROR_INVALID_NAME = 123
ERROR_INVALID_LEVEL = 124
ERROR_MORE_DATA = 234
NERR_BUF_TOO_SMALL = 2123
NERR_USER_NOT_FOUND = 2221
NERR_NET_NAME_NOT_FOUND = 2310
NERR_DEVICE_NOT_SHARED = 2311
NERR_CLIENT_NAME_NOT_FOUND = 2312
NERR_FILE_ID_NOT_FOUND = 2314
NERR_INVALID_COMPUTER = 2351
