"""Addresses of servers: what of an environment variable is taken for one, and the one form in which it is kept.

Each check raises ValueError with a sentence that quotes no secret. What would be read as another host than was meant is refused.
"""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit

import idna

_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
# Where files may lie, and whether the address has to name something there.
_STORES = {"file": True, "memory": False, "s3": True, "gs": True, "az": True}


def web(text: str) -> str:
    """An address of http or https as browsers write it: without capitals and other alphabets in its host, without the port that
    goes without saying, without a slash at its end."""
    wrong = "must be an address that begins with http:// or https://"
    address = urlsplit(text.strip())
    if address.scheme not in _DEFAULT_PORTS or not address.hostname or address.port == 0:
        raise ValueError(wrong)
    if not re.fullmatch(r"[!-~]*", f"{address.path}{address.query}{address.fragment}"):
        raise ValueError(f"{wrong} and has no blanks or other letters than ASCII's after its host")
    port = "" if address.port in (None, _DEFAULT_PORTS[address.scheme]) else f":{address.port}"
    who = f"{address.netloc.rpartition('@')[0]}@" if "@" in address.netloc else ""
    host = _host(address, wrong)
    return address._replace(netloc=f"{who}{f'[{host}]' if ':' in host else host}{port}").geturl().rstrip("/")


def mail_server(text: str) -> str:
    """An address of an SMTP server, as it was given."""
    wrong = "must be an address such as smtps://user:password@host:port, or smtp:// or smtp+tls://"
    address = _parts(text.strip(), wrong)
    if address.scheme not in ("smtp", "smtps", "smtp+tls") or address.port == 0:
        raise ValueError(wrong)
    if address.path.strip("/") or address.query or address.fragment:
        raise ValueError(f"{wrong}, where / ? # in the password are written %2F %3F %23")
    _host(address, wrong)
    if not unquote(f"{address.username or ''}{address.password or ''}").isascii():
        raise ValueError("has a user or a password that is not of ASCII alone, which can't be told to a mail server")
    return text.strip()


def database(text: str) -> str:
    """`sqlite:///FILE` or `postgresql://…`, as libraries expect it."""
    wrong = "must begin with sqlite:/// or postgresql://"
    if text.startswith("sqlite:///"):
        if "?" in text:
            raise ValueError("must be sqlite:/// and a file, and takes no options after a question mark")
        return text
    return postgresql(text, wrong)


def postgresql(text: str, wrong: str) -> str:
    """`postgresql://…`; hosting platforms also say `postgres://`."""
    text = "postgresql://" + text.removeprefix("postgres://") if text.startswith("postgres://") else text
    if not text.startswith("postgresql://"):
        raise ValueError(wrong)
    _parts(
        text,
        "must be such as postgresql://user:password@host:port/database, where / ? # in the password are %2F %3F %23",
    )
    return text


def redis(text: str) -> str:
    """`redis://host:port/number`, or `rediss://` with TLS."""
    wrong = "must begin with redis:// or rediss://"
    address = _parts(text, f"{wrong} and have a number as its port")
    if address.scheme not in ("redis", "rediss"):
        raise ValueError(wrong)
    if not re.fullmatch(r"/?\d*", address.path, re.ASCII):
        raise ValueError(f"{wrong} and have the number of a database, or nothing, after its slash")
    return text


def sentry(text: str) -> str:
    """The DSN of a project of Sentry's."""
    wrong = "must be the DSN of a project, such as https://key@sentry.example/1"
    address = _parts(text, wrong)
    project = address.path.rpartition("/")[2]
    if address.scheme not in ("http", "https") or not address.username or not re.fullmatch(r"\d+", project, re.ASCII):
        raise ValueError(wrong)
    _host(address, wrong)
    return text


def storage(text: str) -> str:
    """Where files lie: a folder or a bucket."""
    wrong = "must be an address such as file://var/files or s3://bucket/folder (gs:// and az:// are others)"
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in _STORES:
        raise ValueError(wrong)
    if _STORES[scheme] and not rest.strip("/"):
        raise ValueError(f"{wrong}, and names no {'folder' if scheme == 'file' else 'bucket'}")
    return text


def _parts(text: str, wrong: str) -> SplitResult:
    """The address in its parts, whose port is a number or not said."""
    try:
        address = urlsplit(text)
        _ = address.port
    except ValueError:
        raise ValueError(wrong) from None
    return address


def _host(address: SplitResult, wrong: str) -> str:
    """Its host as it is found by: a number, or a name by IDNA without the dot of the root."""
    host = (address.hostname or "").lower().removesuffix(".")
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except UnicodeError:  # no name that IDNA knows: IDNAError is one of these
        name = ""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{wrong}, and its host is no name")
    return name
