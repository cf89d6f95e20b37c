"""Proxies by which others are reached, as `HTTP_PROXY` and its like name them: none leads back to this machine."""

import os
from urllib.request import getproxies_environment

_HERE = ("localhost", "127.0.0.1", "::1", "[::1]")


def pass_by_this_machine() -> None:
    """Have all libraries of this process go to what stands on this machine by no proxy: a company's refuses that, or leads to
    somebody else's machine. Where the environment names no proxy nothing is changed."""
    named = getproxies_environment()
    left_out = named.pop("no", "")
    if not named or left_out.strip() == "*":
        return
    told = [*filter(None, (host.strip() for host in left_out.split(","))), *_HERE]
    # Some libraries read the one, some the other.
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(dict.fromkeys(told))
