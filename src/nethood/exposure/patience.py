"""What a failed question means for those that would come after it.

A host that hangs may cost one time-out, not one for each probe: so after a silence, after garbage
from a host that never said anything sensible, or after failures that took a time-out together,
SMB is asked nothing more.
"""

from __future__ import annotations

from nethood.errors import ConnectError, Error, Malformed, TimedOut
from nethood.exposure.context import ProbeContext


def sentence_of(error: Error) -> str:
    """Return *error* as the clause that stands after "unknown: "."""
    if isinstance(error, Malformed):
        return f"the answer makes no sense: {error}"
    return str(error) or type(error).__name__


def is_refusal(error: ConnectError) -> bool:
    """Tell a closed port from what keeps us from asking it, as its cause does where it has one."""
    return not isinstance(error.__cause__, OSError) or isinstance(
        error.__cause__, ConnectionRefusedError
    )


def note_failure(context: ProbeContext, error: Error, elapsed_s: float) -> str:
    """Take note that a question over SMB failed with *error* after *elapsed_s*.

    Returns its sentence. Sets `context.given_up` where nothing more should be asked.
    """
    sentence = sentence_of(error)
    context.lost_s += elapsed_s
    silent = isinstance(error, TimedOut)
    garbage = isinstance(error, Malformed) and not _spoke_sense(context)
    if not context.given_up:
        if silent or garbage:
            context.given_up = sentence
        elif context.lost_s >= context.options.timeout_s:
            context.given_up = f"failures that took {context.lost_s:.1f} s, the last: {sentence}"
    return sentence


def not_asked(context: ProbeContext) -> str:
    """Return the reason of everything that is not asked any more."""
    return f"not asked after: {context.given_up}"


def _spoke_sense(context: ProbeContext) -> bool:
    report = context.report
    return report.server.value is not None or report.smb1.value is not None
