"""Our client's core, logon and RPC against servers of other projects."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from nethood.auth.initiator import offered_mechanisms
from nethood.erref import STATUS_ACCESS_DENIED, STATUS_LOGON_FAILURE, STATUS_NOT_SUPPORTED
from nethood.errors import StatusError
from nethood.exposure.dialogue import SmbDialogue
from nethood.smb2 import constants as c
from nethood.smb2.client import ClientSession
from tests.exposure.conversing import dialogue_with
from tests.interop import peers
from tests.interop.smbd_peer import PASSWORD, USER, Smbd, await_port, free_port, start_smbd

DIALECTS = (0x0202, 0x0210, 0x0300, 0x0302, 0x0311)
CIPHERS = (c.AES_128_CCM, c.AES_128_GCM, c.AES_256_CCM, c.AES_256_GCM)
SIGNING = (c.SIGNING_HMAC_SHA256, c.SIGNING_AES_CMAC, c.SIGNING_AES_GMAC)
SHARES = ["files", "IPC$"]


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smbd]:
    """smbd that insists on signatures, and makes guests of strangers."""
    state = tmp_path_factory.mktemp("signing")
    smbd = start_smbd(state, server_signing="mandatory", map_to_guest="Bad User")
    print(smbd)
    yield smbd
    smbd.stop()


@pytest.fixture(scope="module")
def encrypting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smbd]:
    """smbd that speaks to nobody in clear."""
    smbd = start_smbd(tmp_path_factory.mktemp("encrypting"), smb_encrypt="required")
    yield smbd
    smbd.stop()


@pytest.fixture(scope="module")
def open_hearted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smbd]:
    """smbd with neither, and 3.0 as its highest dialect."""
    state = tmp_path_factory.mktemp("open")
    smbd = start_smbd(state, server_signing="disabled", server_max_protocol="SMB3_00")
    yield smbd
    smbd.stop()


_IMPACKET = """
import sys
from impacket.ntlm import compute_lmhash, compute_nthash
from impacket.smbserver import SimpleSMBServer
server = SimpleSMBServer("127.0.0.1", int(sys.argv[1]))
server.setSMB2Support(True)
server.addShare("FILES", sys.argv[2], "impacket's")
server.addCredential("alice", 0, compute_lmhash("secret"), compute_nthash("secret"))
server.start()
"""


@pytest.fixture(scope="module")
def impacket_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """impacket's server, with the user alice."""
    peers.need("impacket")
    folder, port = tmp_path_factory.mktemp("impacket"), free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _IMPACKET, str(port), str(folder)], stdout=log, stderr=log
        )
    await_port(port, process, folder / "log")
    yield port
    process.kill()
    process.wait()


async def logon(dialogue: SmbDialogue) -> ClientSession:
    return await dialogue.logon(USER, PASSWORD, "WORKGROUP")


async def assert_it_answers(dialogue: SmbDialogue) -> None:
    """The share list and the server's name come through srvsvc on IPC$."""
    found = await dialogue.share_enum()
    assert [share.name for share in found.shares] == SHARES
    assert found.shares[0].comment == "the files share"
    info = (await dialogue.server_info()).info
    assert info is not None
    assert (info.name, info.comment) == ("SMBDPEER", "interop")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_user_signed(signing: Smbd, dialect: int) -> None:
    async with dialogue_with(signing.port, dialects=(dialect,)) as dialogue:
        negotiated = dialogue.connection.negotiated
        assert negotiated is not None
        assert negotiated.dialect_revision == dialect
        assert negotiated.signing_required
        assert offered_mechanisms(negotiated.security_buffer) == ["NTLM"]
        session = await logon(dialogue)
        assert session.signing_required
        assert not session.is_keyless
        tree = await dialogue.tree_connect("files")
        assert tree.share_type == c.SMB2_SHARE_TYPE_DISK
        assert tree.maximal_access
        await assert_it_answers(dialogue)
        await dialogue.close()
        assert dialogue.connection.session_table == {}


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_nobody(signing: Smbd, dialect: int) -> None:
    async with dialogue_with(signing.port, dialects=(dialect,)) as dialogue:
        session = await dialogue.logon_anonymous()
        assert session.is_keyless
        assert not session.signing_required
        await assert_it_answers(dialogue)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_guest(signing: Smbd, dialect: int) -> None:
    async with dialogue_with(signing.port, dialects=(dialect,)) as dialogue:
        session = await dialogue.logon("stranger", "whatever")
        assert session.is_guest
        assert not session.signing_required
        await assert_it_answers(dialogue)


@pytest.mark.parametrize("algorithm", SIGNING)
async def test_every_signing_algorithm(signing: Smbd, algorithm: int) -> None:
    async with dialogue_with(signing.port, signing_algorithms=(algorithm,)) as dialogue:
        assert dialogue.connection.negotiated is not None
        assert dialogue.connection.negotiated.signing_algorithm == algorithm
        await logon(dialogue)
        await assert_it_answers(dialogue)


async def test_a_wrong_password(signing: Smbd) -> None:
    async with dialogue_with(signing.port) as dialogue:
        with pytest.raises(StatusError) as refused:
            await dialogue.logon(USER, "wrong")
        assert refused.value.status == STATUS_LOGON_FAILURE


async def test_what_it_says_of_itself(signing: Smbd) -> None:
    async with dialogue_with(signing.port) as dialogue:
        challenge = await dialogue.ntlm_challenge()
        assert challenge.netbios_computer == "SMBDPEER"
        assert challenge.timestamp is not None
        assert challenge.os_version == (6, 1, 0)


@pytest.mark.parametrize("cipher", CIPHERS)
async def test_every_cipher(encrypting: Smbd, cipher: int) -> None:
    async with dialogue_with(encrypting.port, ciphers=(cipher,)) as dialogue:
        session = await logon(dialogue)
        assert session.encrypt_data
        await assert_it_answers(dialogue)
        assert dialogue.received.startswith(b"\xfdSMB")


@pytest.mark.parametrize("dialect", [0x0300, 0x0302])
async def test_encryption_before_3_1_1(encrypting: Smbd, dialect: int) -> None:
    async with dialogue_with(encrypting.port, dialects=(dialect,)) as dialogue:
        assert (await logon(dialogue)).encrypt_data
        await assert_it_answers(dialogue)


async def test_who_can_not_encrypt_is_told_so(encrypting: Smbd) -> None:
    async with dialogue_with(encrypting.port, dialects=(0x0210,)) as dialogue:
        with pytest.raises(StatusError) as refused:
            await logon(dialogue)
        assert refused.value.status == STATUS_ACCESS_DENIED


@pytest.mark.parametrize("dialects", [(0x0202,), (0x0300,), DIALECTS])
async def test_no_protection_at_all(open_hearted: Smbd, dialects: tuple[int, ...]) -> None:
    async with dialogue_with(open_hearted.port, dialects=dialects) as dialogue:
        session = await logon(dialogue)
        assert not session.signing_required
        await assert_it_answers(dialogue)


async def test_a_dialect_that_is_not_spoken(open_hearted: Smbd) -> None:
    with pytest.raises(StatusError) as refused:
        async with dialogue_with(open_hearted.port, dialects=(0x0311,)):
            pass
    assert refused.value.status == STATUS_NOT_SUPPORTED


async def test_impacket(impacket_port: int) -> None:
    """It speaks 2.0.2 and nothing else."""
    async with dialogue_with(impacket_port) as dialogue:
        negotiated = dialogue.connection.negotiated
        assert negotiated is not None
        assert negotiated.dialect_revision == c.DIALECT_2_0_2
        assert (await dialogue.ntlm_challenge()).target_name
    async with dialogue_with(impacket_port) as dialogue:
        session = await dialogue.logon("alice", "secret")
        assert not session.is_keyless
        found = await dialogue.share_enum()
        assert {share.name for share in found.shares} == {"IPC$", "FILES"}
        assert (await dialogue.server_info()).status == 0


async def test_impacket_and_nobody(impacket_port: int) -> None:
    async with dialogue_with(impacket_port) as dialogue:
        session = await dialogue.logon_anonymous()
        assert session.is_null
        assert (await dialogue.share_enum()).shares


async def test_impacket_and_a_wrong_password(impacket_port: int) -> None:
    async with dialogue_with(impacket_port) as dialogue:
        with pytest.raises(StatusError) as refused:
            await dialogue.logon("alice", "wrong")
        assert refused.value.status == STATUS_LOGON_FAILURE
