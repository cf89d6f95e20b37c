"""Which versions of something whoever asks has already, by the tags that they were given with them (RFC 9110, 13.1)."""

from fastapi import Request


def known(request: Request) -> set[str]:
    """The tags of what they have, from `If-None-Match`: weak or not is the same there."""
    return {each.removeprefix("W/") for each in _tags(request, "If-None-Match")}


def is_among(tag: str, tags: set[str]) -> bool:
    """Whether a version is one of these; `*` stands for whatever there is."""
    return "*" in tags or tag in tags


def is_another(request: Request, tag: str) -> bool:
    """Whether they want no version but those of `If-Match`, and this is none of them: a part of it would not fit to theirs."""
    wanted = _tags(request, "If-Match")
    return bool(wanted) and not is_among(tag, wanted)


def _tags(request: Request, header: str) -> set[str]:
    said = ",".join(request.headers.getlist(header))
    return {each.strip() for each in said.split(",")} - {""}
