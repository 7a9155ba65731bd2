"""Where a workflow may call: a table of hostile URLs and addresses."""

import asyncio

import pytest

from processors.workflow.actions.http_guard import (
    ForbiddenUrlError,
    Target,
    closed,
    resolve_by_system,
)

PUBLIC = "93.184.215.14"


def addresses(url, *found, trusted=frozenset()):
    """The addresses that a URL's host would be connected at; `found` is what a resolver says."""

    async def resolve(host, port):
        return found or await resolve_by_system(host, port)

    return asyncio.run(Target.read(url, trusted).addresses(resolve))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255",
        "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255",
        "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
        "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1",
        "2001::1", "2001:0:7f00:1::", "2001:20::1", "2001:db8::1", "2002:7f00:1::",
        "2002:808:808::", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%lo",
        "2606:4700::1%eth0", "fec0::1", "ff02::1", "4000::1", "nonsense", "",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused_even_among_public_ones(address):
    assert closed(address) is not None
    with pytest.raises(ForbiddenUrlError, match="has an address that is no"):
        addresses("https://rebind.example.com/", PUBLIC, address)


@pytest.mark.parametrize(
    "address", [PUBLIC, "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.167.0.1",
                "223.255.255.255", "2606:4700::1", "2a00:1450::1", "2003::1"],
)  # fmt: skip
def test_public_addresses_are_not(address):
    assert closed(address) is None
    assert addresses("https://api.example.com/", address) == [address]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        # Loopback and our own network, in every spelling.
        ("https://127.0.0.1/", "not public"),
        ("https://localhost/", "not public"),
        ("https://[::1]/", "not public"),
        ("https://[::ffff:127.0.0.1]/", "not public"),
        ("https://[::ffff:7f00:1]/", "not public"),
        ("https://[0:0:0:0:0:0:0:1]/", "not public"),
        ("https://[64:ff9b::127.0.0.1]/", "not public"),
        ("https://[fe80::1%25lo]/", "of one link|no IPv6"),
        ("https://169.254.169.254/latest/meta-data/", "not public"),
        ("https://127.0.0.1./", "not public"),
        ("https://2130706433/", "is a number"),
        ("https://0x7f000001/", "is a number"),
        ("https://0x7f.0.0.1/", "is a number"),
        ("https://0177.0.0.1/", "is a number|no URL"),
        ("https://017700000001/", "is a number"),
        ("https://127.1/", "is a number"),
        ("https://127.0.1/", "is a number"),
        ("https://0/", "is a number"),
        ("https://127.0.0.1.1/", "is a number"),
        ("https://example.com.0x7f/", "is a number"),
        ("https://\uff11\uff12\uff17.0.0.1/", "no URL"),
        ("https://\u2460\u2461\u2466.0.0.1/", "no URL"),
        ("https://127\u30020\u30020\u30021/", "not public|no URL"),
        # Another scheme, port, or a user.
        ("http://api.example.com/", "scheme is http; allowed: https"),
        ("ftp://api.example.com/", "allowed: https"),
        ("file:///etc/passwd", "allowed: https"),
        ("gopher://127.0.0.1:6379/_INFO", "allowed: https"),
        ("javascript:alert(1)", "allowed: https"),
        ("//api.example.com/", "allowed: https"),
        ("api.example.com", "allowed: https"),
        ("", "allowed: https"),
        ("https://api.example.com:22/", "port is 22; allowed: 443, 8443"),
        ("https://api.example.com:6379/", "port is 6379"),
        ("https://api.example.com:0/", "port is 0"),
        ("https://api.example.com:99999/", "port is 99999"),
        ("https://api.example.com:-1/", "port is -1|no URL"),
        ("https://user:pass@api.example.com/", "a user or a password"),
        ("https://api.example.com@127.0.0.1/", "a user or a password"),
        ("https://@127.0.0.1/", "a user or a password"),
        # What parsers read differently.
        ("https://api.example.com\\@127.0.0.1/", "it holds a space"),
        ("https://api.example.com\\.evil.com/", "it holds a space"),
        ("https://api.example.com /", "it holds a space"),
        ("https://api.exa\tmple.com/", "it holds a space"),
        ("https://api.example.com/\r\nX-Evil: 1", "it holds a space"),
        ("https://api.example.com/\x00", "it holds a space"),
        ("https://api.example.com/\u2028", "it holds a space"),
        ("https://%31%32%37.0.0.1/", "no name of a host|no URL"),
        ("https://api%2eexample.com/", "no name of a host|no URL"),
        ("https:///path", "no name of a host|no URL"),
        ("https://./", "no name of a host"),
        ("https://a..b/", "no name of a host"),
        ("https://-a.com/", "no name of a host"),
        ("https://xn--/", "no name of a host|no URL"),
        ("https://[::1/", "no URL"),
        ("https://[v1.x]/", "no URL|no IPv6"),
        ("https://" + "a" * 64 + ".com/", "no name of a host|no URL"),
        ("https://api.example.com/" + "a" * 2_000, "longer than 2000"),
    ],
)
def test_hostile_urls_are_refused(url, words):
    with pytest.raises(ForbiddenUrlError, match=words) as error:
        addresses(url)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "host", "authority"),
    [
        ("https://api.example.com/a?b=c#d", "api.example.com", "api.example.com"),
        ("HTTPS://API.Example.COM:443/", "api.example.com", "api.example.com"),
        ("https://api.example.com.:8443/", "api.example.com", "api.example.com:8443"),
        ("https://bücher.example/", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("https://ex\u0430mple.com/", "xn--exmple-4nf.com", "xn--exmple-4nf.com"),
        ("https://93.184.215.14/", "93.184.215.14", "93.184.215.14"),
        ("https://[2606:4700:0::1]:8443/", "2606:4700::1", "[2606:4700::1]:8443"),
    ],
)
def test_a_host_has_one_form(url, host, authority):
    target = Target.read(url)
    assert (target.host, target.authority) == (host, authority)
    assert target.pinned(PUBLIC).host == PUBLIC


def test_what_the_operator_names_may_be_private_and_plain_but_nothing_beside_it():
    trusted = frozenset({"127.0.0.1:8080", "[::1]:8080", "crm.internal:80"})
    assert addresses("http://127.0.0.1:8080/", trusted=trusted) == ["127.0.0.1"]
    assert addresses("http://crm.internal/", "10.0.0.5", trusted=trusted) == ["10.0.0.5"]
    assert Target.read("http://[::1]:8080/", trusted).is_trusted
    for url in ("http://127.0.0.1:8081/", "https://127.0.0.1/", "http://localhost:8080/"):
        with pytest.raises(ForbiddenUrlError):
            addresses(url, trusted=trusted)


def test_a_host_is_resolved_once_so_that_no_second_answer_can_be_another():
    asked = []

    async def resolve(host, _port):
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else ["127.0.0.1"]

    target = Target.read("https://rebind.example.com/")
    [address] = asyncio.run(target.addresses(resolve))
    assert target.pinned(address).host == PUBLIC
    assert asked == ["rebind.example.com"]
