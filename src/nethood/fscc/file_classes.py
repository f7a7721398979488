"""The numbers of the file information classes, and the table of what each may: [MS-FSCC] 2.4.

Which of them SMB2 carries says [MS-SMB2] 2.2.37 and 2.2.39; the least output buffer is the size a
C compiler gives the structure with one character of its name ([MS-FSA] 2.1.5.12).
"""

from __future__ import annotations

from nethood.erref import STATUS_NOT_SUPPORTED
from nethood.fscc.info_class import (
    DELETE,
    READ_ATTRIBUTES,
    READ_EA,
    WRITE_ATTRIBUTES,
    WRITE_DATA,
    WRITE_EA,
    InfoClass,
    table,
)

FILE_BASIC_INFORMATION = 4
FILE_STANDARD_INFORMATION = 5
FILE_INTERNAL_INFORMATION = 6
FILE_EA_INFORMATION = 7
FILE_ACCESS_INFORMATION = 8
FILE_NAME_INFORMATION = 9
FILE_RENAME_INFORMATION = 10
FILE_LINK_INFORMATION = 11
FILE_DISPOSITION_INFORMATION = 13
FILE_POSITION_INFORMATION = 14
FILE_FULL_EA_INFORMATION = 15
FILE_MODE_INFORMATION = 16
FILE_ALIGNMENT_INFORMATION = 17
FILE_ALL_INFORMATION = 18
FILE_ALLOCATION_INFORMATION = 19
FILE_END_OF_FILE_INFORMATION = 20
FILE_ALTERNATE_NAME_INFORMATION = 21
FILE_STREAM_INFORMATION = 22
FILE_PIPE_INFORMATION = 23
FILE_PIPE_LOCAL_INFORMATION = 24
FILE_PIPE_REMOTE_INFORMATION = 25
FILE_MAILSLOT_QUERY_INFORMATION = 26
FILE_MAILSLOT_SET_INFORMATION = 27
FILE_COMPRESSION_INFORMATION = 28
FILE_OBJECT_ID_INFORMATION = 29
FILE_MOVE_CLUSTER_INFORMATION = 31
FILE_QUOTA_INFORMATION = 32
FILE_REPARSE_POINT_INFORMATION = 33
FILE_NETWORK_OPEN_INFORMATION = 34
FILE_ATTRIBUTE_TAG_INFORMATION = 35
FILE_TRACKING_INFORMATION = 36
FILE_VALID_DATA_LENGTH_INFORMATION = 39
FILE_SHORT_NAME_INFORMATION = 40
FILE_SFIO_RESERVE_INFORMATION = 44
FILE_SFIO_VOLUME_INFORMATION = 45
FILE_HARD_LINK_INFORMATION = 46
FILE_NORMALIZED_NAME_INFORMATION = 48
FILE_ID_GLOBAL_TX_DIRECTORY_INFORMATION = 50
FILE_STANDARD_LINK_INFORMATION = 54
FILE_ID_INFORMATION = 59
FILE_DISPOSITION_INFORMATION_EX = 64
FILE_RENAME_INFORMATION_EX = 65

# Deviates: a rename or link by a name of one character makes 22 bytes, and pysmb and older
# smbclients send them so; [MS-FSCC] 2.4.42.2 wants padding to 24.
_RENAME_SIZE = 20

FILE_INFO: dict[int, InfoClass] = table(
    InfoClass(1, "FileDirectoryInformation"),
    InfoClass(2, "FileFullDirectoryInformation"),
    InfoClass(3, "FileBothDirectoryInformation"),
    InfoClass(4, "FileBasicInformation", 40, 40, READ_ATTRIBUTES, WRITE_ATTRIBUTES),
    InfoClass(5, "FileStandardInformation", 24),
    InfoClass(6, "FileInternalInformation", 8),
    InfoClass(7, "FileEaInformation", 4),
    InfoClass(8, "FileAccessInformation", 4),
    InfoClass(9, "FileNameInformation"),
    InfoClass(10, "FileRenameInformation", set_size=_RENAME_SIZE, set_access=DELETE),
    InfoClass(11, "FileLinkInformation", set_size=_RENAME_SIZE),
    InfoClass(12, "FileNamesInformation"),
    InfoClass(13, "FileDispositionInformation", set_size=1, set_access=DELETE),
    InfoClass(14, "FilePositionInformation", 8, 8),
    InfoClass(15, "FileFullEaInformation", 0, 0, READ_EA, WRITE_EA),
    InfoClass(16, "FileModeInformation", 4, 4),
    InfoClass(17, "FileAlignmentInformation", 4),
    InfoClass(18, "FileAllInformation", 104, query_access=READ_ATTRIBUTES),
    InfoClass(19, "FileAllocationInformation", set_size=8, set_access=WRITE_DATA),
    InfoClass(20, "FileEndOfFileInformation", set_size=8, set_access=WRITE_DATA),
    InfoClass(21, "FileAlternateNameInformation", 8),
    InfoClass(22, "FileStreamInformation", 32),
    InfoClass(23, "FilePipeInformation", 8, 8, READ_ATTRIBUTES, WRITE_ATTRIBUTES),
    InfoClass(24, "FilePipeLocalInformation", 40, query_access=READ_ATTRIBUTES),
    InfoClass(25, "FilePipeRemoteInformation", 12, query_access=READ_ATTRIBUTES),
    InfoClass(26, "FileMailslotQueryInformation"),
    InfoClass(27, "FileMailslotSetInformation"),
    InfoClass(28, "FileCompressionInformation", 16),
    InfoClass(29, "FileObjectIdInformation"),
    InfoClass(31, "FileMoveClusterInformation"),
    InfoClass(32, "FileQuotaInformation", set_refusal=STATUS_NOT_SUPPORTED),
    InfoClass(33, "FileReparsePointInformation"),
    InfoClass(34, "FileNetworkOpenInformation", 56, query_access=READ_ATTRIBUTES),
    InfoClass(35, "FileAttributeTagInformation", 8, query_access=READ_ATTRIBUTES),
    InfoClass(36, "FileTrackingInformation"),
    InfoClass(37, "FileIdBothDirectoryInformation"),
    InfoClass(38, "FileIdFullDirectoryInformation"),
    InfoClass(39, "FileValidDataLengthInformation", set_size=8, set_access=WRITE_DATA),
    InfoClass(40, "FileShortNameInformation", set_size=4, set_access=DELETE),
    InfoClass(44, "FileSfioReserveInformation"),
    InfoClass(45, "FileSfioVolumeInformation"),
    InfoClass(46, "FileHardLinkInformation"),
    InfoClass(48, "FileNormalizedNameInformation", 8),
    InfoClass(50, "FileIdGlobalTxDirectoryInformation"),
    InfoClass(54, "FileStandardLinkInformation"),
    InfoClass(59, "FileIdInformation", 24),
    InfoClass(60, "FileIdExtdDirectoryInformation"),
    InfoClass(64, "FileDispositionInformationEx", set_refusal=STATUS_NOT_SUPPORTED),
    InfoClass(65, "FileRenameInformationEx", set_refusal=STATUS_NOT_SUPPORTED),
    InfoClass(78, "FileId64ExtdDirectoryInformation"),
    InfoClass(79, "FileId64ExtdBothDirectoryInformation"),
    InfoClass(80, "FileIdAllExtdDirectoryInformation"),
    InfoClass(81, "FileIdAllExtdBothDirectoryInformation"),
)
"""Every class of [MS-FSCC] 2.4 by number."""
