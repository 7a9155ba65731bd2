"""Where a workflow may call: nothing of our own network, whatever a URL looks like (CWE-918).

A definition is written by an organisation, its values come from outside. So a URL is read once, by
the library that makes the call; its host is resolved once; every address that it has must be
public; and the connection goes to that address, not to the name (OWASP, Server Side Request
Forgery Prevention). The real wall is a firewall around the workers; docs/http-requests.md says so.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Self

import httpx

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
MAX_URL = 2_000
_PORTS = frozenset({443, 8443})
_DEFAULT_PORTS = {"https": 443, "http": 80}
# Signs that parsers of URLs read differently, and what is no sign at all.
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f-\xa0\\<>^`{|}\"\u2028\u2029]")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# What the C library reads as an IPv4 address: decimal, octal and hexadecimal, in 1 to 4 parts.
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")
# Written out, because what Python calls global differs between its versions.
# IANA IPv4 Special-Purpose Address Registry; multicast (224/4), reserved (240/4).
_CLOSED_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
# Global unicast; all else (loopback, mapped and compatible IPv4, NAT64, link-local, unique local,
# multicast) is outside of it.
_OPEN_V6 = ipaddress.IPv6Network("2000::/3")
# Teredo and other protocol assignments, 6to4, documentation, direct delegation of AS112.
_CLOSED_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class ForbiddenUrlError(ValueError):
    """A URL that workflows may not call; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be called, as far as its text tells.

    Attributes:
        url: as it was read.
        host: in ASCII, without a trailing dot.
        is_trusted: the operator named host and port: any address and plain HTTP are allowed.
    """

    url: httpx.URL
    host: str
    port: int
    is_trusted: bool

    @classmethod
    def read(cls, text: str, trusted: frozenset[str] = frozenset()) -> Self:
        """Read a URL.

        Args:
            text: as it stands in the step, variables filled in.
            trusted: ``host:port`` that the operator allows besides.

        Raises:
            ForbiddenUrlError: it is no URL, or none that may be called.
        """
        url = read_url(text)
        host = _host_of(url)
        port = url.port or _DEFAULT_PORTS[url.scheme]
        bracketed = f"[{host}]" if ":" in host else host
        is_trusted = f"{bracketed}:{port}" in trusted
        if not is_trusted:
            if url.scheme != "https":
                raise ForbiddenUrlError("its scheme is http; allowed: https")
            if port not in _PORTS:
                allowed = ", ".join(map(str, sorted(_PORTS)))
                raise ForbiddenUrlError(f"its port is {port}; allowed: {allowed}")
        return cls(url, host, port, is_trusted)

    async def addresses(self, resolve: Resolve) -> list[str]:
        """The addresses of its host, resolved once; all of them may be connected to.

        Raises:
            ForbiddenUrlError: one of them is not public.
            OSError: the host has no address.
        """
        found = list(dict.fromkeys(await resolve(self.host, self.port)))
        if not found:
            raise OSError(f"{self.host} has no address")
        for address in found:
            if not self.is_trusted and (reason := closed(address)) is not None:
                # Not which one it is: that would map our network.
                raise ForbiddenUrlError(f"{self.host} has an address that is {reason}")
        return found

    def pinned(self, address: str) -> httpx.URL:
        """The URL with an address in place of its host."""
        return self.url.copy_with(host=address, port=self.port, fragment=None)

    @property
    def authority(self) -> str:
        """What the header ``Host`` says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_default = self.port == _DEFAULT_PORTS[self.url.scheme]
        return host if is_default else f"{host}:{self.port}"


def read_url(text: str) -> httpx.URL:
    """A URL of http or https, without anything that parsers disagree about.

    Raises:
        ForbiddenUrlError: it is none.
    """
    if len(text) > MAX_URL:
        raise ForbiddenUrlError(f"a URL longer than {MAX_URL} characters")
    if _AMBIGUOUS.search(text):
        raise ForbiddenUrlError('it holds a space, a control character or one of \\<>^`{|}"')
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise ForbiddenUrlError(f"it is no URL: {str(error)[:100]}") from None
    if url.scheme not in _DEFAULT_PORTS:
        raise ForbiddenUrlError(f"its scheme is {url.scheme[:20]!r}; allowed: https")
    if url.userinfo or "@" in text.partition("://")[2].partition("/")[0]:
        raise ForbiddenUrlError("it holds a user or a password")
    if url.port is not None and not 0 < url.port < 65_536:
        raise ForbiddenUrlError(f"its port is {url.port}")
    _host_of(url)
    return url


def closed(address: str) -> str | None:
    """Why an address may not be called; None for a public one."""
    try:
        found: _Address = ipaddress.ip_address(address)
    except ValueError:
        return "no IP address"
    if isinstance(found, ipaddress.IPv4Address):
        return "not public" if any(found in network for network in _CLOSED_V4) else None
    # With a zone ("fe80::1%eth0") it is of one link.
    if found.scope_id is not None or found not in _OPEN_V6:
        return "not public"
    return "not public" if any(found in network for network in _CLOSED_V6) else None


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, as the system's resolver knows them.

    Raises:
        OSError: there is none, or the resolver does not answer.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def _host_of(url: httpx.URL) -> str:
    """The host in ASCII: a name of labels, or an address in its one usual form.

    Raises:
        ForbiddenUrlError: it is neither.
    """
    host = url.raw_host.decode("ascii").lower()
    if ":" in host:
        try:
            found = ipaddress.IPv6Address(host)
        except ValueError:
            raise ForbiddenUrlError("its host is no IPv6 address") from None
        if found.scope_id is not None:
            raise ForbiddenUrlError("its host is an address of one link")
        return str(found)
    host = host.removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ForbiddenUrlError("its host is no name of a host")
    if _NUMERIC.fullmatch(labels[-1]):
        # 0x7f.1, 2130706433 and 0177.0.0.1 are 127.0.0.1 to the C library.
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ForbiddenUrlError("its host is a number; allowed: a name, or 1.2.3.4") from None
    return host
