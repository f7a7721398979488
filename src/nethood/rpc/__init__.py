"""DCE/RPC over named pipes ([MS-RPCE], C706): NDR, PDUs, and one module per RPC interface.

Pure: bytes in, bytes out. What the interfaces tell a client comes from a `host.Host`.
"""
