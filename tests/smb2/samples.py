"""One instance of every message and payload class, with no field left at its default."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from nethood.smb2 import (
    change_notify,
    error,
    ioctl,
    lock,
    negotiate,
    notification,
    oplock_break,
    query_directory,
    query_info,
    read,
    session_setup,
    set_info,
    simple,
)
from nethood.smb2 import close as close_
from nethood.smb2 import constants as c
from nethood.smb2 import create as create_
from nethood.smb2 import create_contexts as cc
from nethood.smb2 import ioctl_payloads as ip
from nethood.smb2 import negotiate_contexts as nc
from nethood.smb2 import tree_connect as tc
from nethood.smb2 import write as write_
from nethood.smb2.header import Header
from nethood.smb2.messages import Message
from nethood.smb2.transform import CompressionTransformHeader, TransformHeader
from nethood.wire import Wire

GUID = bytes(range(16))
KEY24 = bytes(range(100, 124))
FILE_ID = {"persistent": 0x1122334455667788, "volatile": 0x99AABBCCDDEEFF00}
TIMES = {
    "creation_time": 0x01D901010101AAAA,
    "last_access_time": 0x01D902020202BBBB,
    "last_write_time": 0x01D903030303CCCC,
    "change_time": 0x01D904040404DDDD,
}
SIZES = {"allocation_size": 4096, "end_of_file": 1234, "file_attributes": 0x20}
CHAIN = cc.encode_contexts([(b"MxAc", b""), (b"QFid", b""), (b"DH2Q", bytes(range(32)))])

CONTEXTS: list[nc.NegotiateContext] = [
    nc.PreauthIntegrityCapabilities([c.SHA_512], b"salt of any size", 1),
    nc.EncryptionCapabilities([c.AES_256_GCM, c.AES_128_GCM, 0x7777], 2),
    nc.CompressionCapabilities([c.COMPRESSION_LZ77, c.COMPRESSION_PATTERN_V1], 1, 3, 4),
    nc.NetnameNegotiateContextId("säntis", 5),
    nc.TransportCapabilities(c.SMB2_ACCEPT_TRANSPORT_LEVEL_SECURITY, 6),
    nc.RdmaTransformCapabilities([c.SMB2_RDMA_TRANSFORM_SIGNING], 7, 8, 9),
    nc.SigningCapabilities([c.SIGNING_AES_GMAC, c.SIGNING_AES_CMAC, c.SIGNING_HMAC_SHA256], 10),
    nc.RawNegotiateContext(0x0100, b"posix or whatever", 11),
]

REQUESTS: list[Message] = [
    negotiate.NegotiateRequest([0x0202, 0x0210], 1, 0x7F, GUID, [], b"starting", 7),
    negotiate.NegotiateRequest([0x0210, 0x0311, 0x4444], 3, 0xFF, GUID, CONTEXTS, reserved2=9),
    session_setup.SessionSetupRequest(
        flags=1, security_mode=2, previous_session_id=5, security_buffer=b"token"
    ),
    tc.TreeConnectRequest("\\\\server\\share".encode("utf-16-le"), 0x0001),
    tc.TreeConnectRequest(
        b"\\\0s\0", 0x0004, [tc.TreeConnectContext(1, b"identity", 3), tc.TreeConnectContext(2)]
    ),
    create_.CreateRequest(
        security_flags=1,
        requested_oplock_level=0xFF,
        smb_create_flags=2,
        reserved=3,
        desired_access=0x120089,
        file_attributes=0x80,
        share_access=7,
        create_disposition=5,
        create_options=0x40,
        name="verzeichnis\\datei".encode("utf-16-le"),
        create_contexts=CHAIN,
    ),
    close_.CloseRequest(flags=1, reserved=2, **FILE_ID),
    read.ReadRequest(
        flags=1,
        length=65536,
        offset=1 << 40,
        **FILE_ID,
        minimum_count=3,
        channel=1,
        remaining_bytes=4,
        read_channel_info=b"descriptor",
    ),
    write_.WriteRequest(
        offset=1 << 41,
        **FILE_ID,
        channel=1,
        remaining_bytes=2,
        flags=1,
        write_channel_info=b"descriptor",
        data=b"what is written",
    ),
    lock.LockRequest(
        [lock.LockElement(0, 10, 1, 7), lock.LockElement(1 << 63, (1 << 64) - 1, 0x12)],
        **FILE_ID,
        lock_sequence=0x65,
    ),
    ioctl.IoctlRequest(
        ctl_code=c.FSCTL_PIPE_TRANSCEIVE,
        **FILE_ID,
        max_input_response=1,
        max_output_response=1024,
        flags=1,
        input=b"in",
        output=b"out",
    ),
    query_directory.QueryDirectoryRequest(
        file_information_class=0x25,
        flags=1,
        file_index=2,
        **FILE_ID,
        output_buffer_length=65536,
        file_name=b"*\0",
    ),
    change_notify.ChangeNotifyRequest(
        flags=1, output_buffer_length=4096, **FILE_ID, completion_filter=0xFFF, reserved=1
    ),
    query_info.QueryInfoRequest(
        info_type=1,
        file_info_class=15,
        output_buffer_length=9,
        additional_information=7,
        flags=3,
        **FILE_ID,
        input_buffer=b"which attributes",
    ),
    set_info.SetInfoRequest(
        info_type=1, file_info_class=10, additional_information=1, **FILE_ID, buffer=b"new name"
    ),
    oplock_break.OplockBreak(oplock_level=1, reserved=2, reserved2=3, **FILE_ID),
    oplock_break.LeaseBreak(flags=1, lease_key=GUID, lease_state=3, lease_duration=4),
    simple.LogoffRequest(reserved=1),
    simple.TreeDisconnectRequest(reserved=1),
    simple.FlushRequest(reserved1=1, reserved2=2, **FILE_ID),
    simple.EchoRequest(reserved=1),
    simple.CancelRequest(reserved=1),
]

RESPONSES: list[Message] = [
    negotiate.NegotiateResponse(
        3, 0x0302, GUID, 0x7F, 1 << 20, 1 << 20, 1 << 20, 5, 6, b"spnego", [], 7, 8
    ),
    negotiate.NegotiateResponse(
        1, 0x0311, GUID, 0x2F, 1 << 23, 1 << 23, 1 << 23, 5, 0, b"spnego", CONTEXTS
    ),
    session_setup.SessionSetupResponse(session_flags=4, security_buffer=b"token"),
    tc.TreeConnectResponse(share_type=1, share_flags=0x30, capabilities=8, maximal_access=0x1F01FF),
    create_.CreateResponse(
        oplock_level=9,
        flags=1,
        create_action=2,
        **TIMES,
        **SIZES,
        reserved2=3,
        **FILE_ID,
        create_contexts=CHAIN,
    ),
    close_.CloseResponse(flags=1, reserved=2, **TIMES, **SIZES),
    read.ReadResponse(data_remaining=3, flags=1, data=b"what was read"),
    write_.WriteResponse(count=5, remaining=6),
    lock.LockResponse(reserved=1),
    ioctl.IoctlResponse(ctl_code=1, **FILE_ID, flags=2, input=b"in", output=b"out"),
    query_directory.QueryDirectoryResponse(output_buffer=b"entries"),
    change_notify.ChangeNotifyResponse(output_buffer=b"changes"),
    query_info.QueryInfoResponse(output_buffer=b"information"),
    set_info.SetInfoResponse(),
    oplock_break.LeaseBreakNotification(
        new_epoch=2,
        flags=1,
        lease_key=GUID,
        current_lease_state=7,
        new_lease_state=1,
        break_reason=3,
        access_mask_hint=4,
        share_mask_hint=5,
    ),
    simple.LogoffResponse(reserved=1),
    simple.TreeDisconnectResponse(reserved=1),
    simple.FlushResponse(reserved=1),
    simple.EchoResponse(reserved=1),
    notification.ServerToClientNotification(reserved=1, session_closed_reserved=2),
    error.ErrorResponse(b"details", 0, 5),
]

BODIES: list[Message] = REQUESTS + RESPONSES

STRUCTURES: list[Wire] = [
    Header(
        credit_charge=1,
        status=0xC0000022,
        command=5,
        credits=3,
        flags=9,
        next_command=64,
        message_id=7,
        process_id=0xFEFF,
        tree_id=8,
        session_id=9,
        signature=GUID,
    ),
    TransformHeader(signature=GUID, nonce=GUID[::-1], original_message_size=99, session_id=5),
    CompressionTransformHeader(
        original_compressed_segment_size=9, compression_algorithm=2, flags=0, offset=64
    ),
    cc.DurableHandleRequest(durable_request=GUID),
    cc.DurableHandleResponse(reserved=b"reserved"),
    cc.DurableHandleReconnect(**FILE_ID),
    cc.QueryMaximalAccessRequest(timestamp=1),
    cc.QueryMaximalAccessResponse(query_status=1, maximal_access=2),
    cc.AllocationSize(allocation_size=1 << 40),
    cc.TimewarpToken(timestamp=1 << 60),
    cc.QueryOnDiskIdResponse(disk_file_id=1, volume_id=2, reserved=GUID),
    cc.Lease(lease_key=GUID, lease_state=7, lease_flags=2, lease_duration=3),
    cc.LeaseV2(lease_key=GUID, lease_state=7, parent_lease_key=GUID[::-1], epoch=4),
    cc.DurableHandleRequestV2(timeout_ms=60000, flags=2, create_guid=GUID),
    cc.DurableHandleResponseV2(timeout_ms=60000, flags=2),
    cc.DurableHandleReconnectV2(**FILE_ID, create_guid=GUID, flags=2),
    cc.AppInstanceId(reserved=1, app_instance_id=GUID),
    cc.AppInstanceVersion(app_instance_version_high=1, app_instance_version_low=2),
    ip.ValidateNegotiateInfoResponse(capabilities=1, guid=GUID, security_mode=2, dialect=0x0302),
    ip.SrvCopychunkResponse(chunks_written=1, chunk_bytes_written=2, total_bytes_written=3),
    ip.SrvRequestResumeKeyResponse(resume_key=KEY24, context_length=1, context=b"more"),
    ip.NetworkResiliencyRequest(timeout_ms=5, reserved=1),
    ip.SrvReadHashRequest(hash_version=2, hash_retrieval_type=1, length=3, offset=4),
    query_info.QueryQuotaInfo(return_single=1, sid_list_length=2, start_sid_offset=3),
]

INTERFACES = [
    ip.NetworkInterfaceInfo(1, IPv4Address("192.0.2.1"), 10**9, c.RSS_CAPABLE, 445),
    ip.NetworkInterfaceInfo(2, IPv6Address("2001:db8::1"), 10**10, 0, 0, 9),
    ip.NetworkInterfaceInfo(3, None),
]

# Everything else that reads bytes: its name, the decoder, bytes it reads.
DECODERS: list[tuple[str, Callable[[bytes], object], bytes]] = [
    ("create contexts", cc.decode_contexts, CHAIN),
    ("lease", cc.decode_lease, bytes(52)),
    (
        "negotiate contexts",
        lambda data: nc.decode_negotiate_contexts(data, 0, 8),
        nc.encode_negotiate_contexts(CONTEXTS),
    ),
    (
        "error contexts",
        lambda data: error.decode_error_contexts(data, 2),
        error.encode_error_contexts([error.ErrorContext(b"abc", 1), error.ErrorContext(b"")]),
    ),
    (
        "symbolic link",
        error.SymbolicLinkError.decode,
        error.SymbolicLinkError("..\\x", "x", 46, c.SYMLINK_FLAG_RELATIVE).encode(),
    ),
    (
        "share redirect",
        error.ShareRedirectError.decode,
        error.ShareRedirectError("share", [error.MoveDstIpaddr(1, GUID)]).encode(),
    ),
    ("interfaces", ip.decode_network_interfaces, ip.encode_network_interfaces(INTERFACES)),
    (
        "validate negotiate",
        ip.ValidateNegotiateInfoRequest.decode,
        ip.ValidateNegotiateInfoRequest(1, GUID, 2, [0x0202, 0x0300]).encode(),
    ),
    (
        "copychunk",
        ip.SrvCopychunkCopy.decode,
        ip.SrvCopychunkCopy(KEY24, [ip.SrvCopychunk(0, 1, 2), ip.SrvCopychunk(3, 4, 5)]).encode(),
    ),
    (
        "snapshots",
        ip.SrvSnapshotArray.decode,
        ip.SrvSnapshotArray(2, ["@GMT-2024.01.02-03.04.05", "@GMT-2023.01.02-03.04.05"]).encode(),
    ),
]
