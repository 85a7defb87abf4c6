"""What a request asks for, as a manager wants it; what makes no sense is told here.

Any program may be at the other end of the socket, so every number is looked at that the
manager's callers in Python would not get wrong.  All raise InvalidArgument.
"""

import json
from pathlib import Path
from typing import Any

from conman_lab.errors import InvalidArgument
from conman_lab.manager.container import Restart, Status
from conman_lab.manager.vocabulary import Source
from conman_lab.manager.wire import convert, parts
from conman_lab.oci import Bundle

LONGEST = (1 << 31) // 1000  # seconds, 24 days: poll(2) has 31 bits for milliseconds


def source(request: Any) -> Source:
    """A directory, or the bundle that was sent."""
    path = Path(request.source or request.rootfs_path)
    if not path.is_absolute():
        raise InvalidArgument(
            f"{str(path)!r} is no absolute path, and this daemon has another directory"
        )
    return Bundle(path, _config(request.config)) if request.config else path


def readonly(request: Any) -> bool | None:
    """With a source it may be left open; conman's rootfs_readonly is said always."""
    if request.rootfs_path:
        return bool(request.rootfs_readonly)
    return bool(request.readonly) if request.HasField("readonly") else None


def restart(request: Any) -> Restart:
    """The policy."""
    try:
        return parts.restart_of(request.restart)
    except ValueError as error:
        raise InvalidArgument(f"{error}: take no, on-failure or always") from None


def status(request: Any) -> Status | None:
    """Which containers; None: of every status."""
    if not request.HasField("state"):
        return None
    if request.state not in convert.STATUS:
        raise InvalidArgument(f"{request.state} is no state: take 0 to 3")
    return convert.STATUS[request.state]


def seconds(request: Any, name: str) -> float | None:
    """How long it may take; None: as long as it likes."""
    wanted: float | None = parts.given(request, name)[name]
    if wanted is not None and not 0 <= wanted <= LONGEST:  # so is nothing with a NaN
        raise InvalidArgument(f"cannot wait {wanted:g} seconds: take 0 to {LONGEST}")
    return wanted


def _config(words: str) -> dict[str, Any]:
    try:
        config = json.loads(words)
    except ValueError as error:
        raise InvalidArgument(f"the config is no JSON: {error}") from None
    if not isinstance(config, dict):
        raise InvalidArgument("the config is no JSON object")
    return config
