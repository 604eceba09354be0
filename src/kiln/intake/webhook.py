"""Tells a stranger's server that something has happened, without being led into our own network: https, public, no redirects.

Servers inside that network are told, too, where the operator has named them.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Final

from kiln.errors import RefusedError
from kiln.intake.connection import Deadline, Network, connected
from kiln.intake.url import Target, locate

_SECONDS: Final = 10.0

_WORDS: Final = (
    "this webhook cannot be used: give an https address on the public internet, or one of those that whoever runs this service has "
    "named in KILN_WEBHOOK_HOSTS"
)
"""One sentence for every reason: a caller must not learn from it what there is in our network."""

_HEADERS: Final = {"User-Agent": "kiln", "Content-Type": "application/json", "Connection": "close"}


def check_webhook_url(url: str, *, network: Network | None = None) -> Target:
    """Where a webhook would be delivered, for whoever registers one. RefusedError ("address") unless it is https to a public or own host.

    `post_webhook` checks again: what a name leads to may have changed since.
    """
    network = network or Network()
    try:
        return locate(url, resolve=network.resolve, schemes=("https",), own=network.own_hosts)
    except RefusedError as error:
        raise RefusedError(_WORDS, reason=error.reason) from None


def post_webhook(url: str, body: bytes, *, headers: Mapping[str, str], network: Network | None = None, within_s: float = _SECONDS) -> int:
    """Post JSON, and say with which HTTP status it was answered; the answer itself is not read, and redirects are not followed.

    `headers` are ours, such as a signature. Raises RefusedError: "address" as `check_webhook_url`, "unreachable" when there is no answer
    within seconds.
    """
    network, deadline = network or Network(), Deadline.after(within_s)
    target = locate(url, resolve=network.resolve, schemes=("https",), own=network.own_hosts, within_s=deadline.left_s)
    try:
        with connected(target, network, deadline) as connection:
            connection.request("POST", target.path, body, {"Host": target.host_header, **_HEADERS, **headers})
            with connection.getresponse() as response:
                return response.status
    except (OSError, http.client.HTTPException, ValueError):
        raise RefusedError("the webhook's server did not answer as one should", reason="unreachable") from None
