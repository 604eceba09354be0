"""What whoever runs the HTTP service may choose. The values here suit one machine with a few clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MIB: Final = 1024**2


@dataclass(frozen=True, kw_only=True)
class HttpOptions:
    """Limits of the HTTP service; what counts requests counts those of this process."""

    loopback: bool = True
    """Whether only this machine reaches the service. Only then may somebody without a key use it, for as long as nobody has one."""

    open_to_all: bool = False
    """Whether likewise somebody without a key may come from another machine, by an address or a name that nobody can register."""

    upload_bytes: int = 512 * _MIB
    """Of an upload's request. What each kind of file may have, the intake decides."""

    json_bytes: int = _MIB
    """Of any other request."""

    manifest_bytes: int = 16 * _MIB
    """Of a batch's manifest: 1,000 items."""

    body_start_s: float = 20.0
    """How long a request's body may take to arrive, whatever its size."""

    body_bytes_a_s: int = 64 * 1024
    """Each of these lets it take a second longer. Slower senders are cut off."""

    stalled_s: float = 120.0
    """How long a part of a response waits for its client to take it."""

    requests_a_s: float = 50.0
    """Of a tenant, in the long run."""

    requests_burst: int = 200
    """Of a tenant, at once after some quiet."""

    wrong_keys_burst: int = 20
    """Keys that open nothing, from one address at once; then one in `wrong_key_pause_s`. Who has a good key does not notice."""

    wrong_key_pause_s: float = 3.0

    requests_at_once: int = 256
    """Being worked on, streams and probes not counted; more are told to come back."""

    requests_of_tenant: int = 96
    """Of these."""

    uploads_at_once: int = 8
    uploads_of_tenant: int = 6
    """Of these: some are left for others, however slowly one sends."""

    intakes_at_once: int = 2
    """Children that read what was uploaded, each with up to 8 GB of address space."""

    streams_of_tenant: int = 256
    """Event streams, each an open connection."""

    threads: int = 16
    """That wait for the database and the store. Streams and the check of keys have some of their own."""

    poll_s: float = 0.5
    """Between two looks for new events."""

    link_s: int = 3600
    """How long a URL lives that is signed for a stored file."""
