"""Where events go, as a person names it: a table `[[sinks]]` of the policy's file, or one word of the command line.

    mqtts://broker:8883/site/hall#login=FILE&ca=FILE&receipts=yes&home-assistant=yes
    https://host/path#token=FILE&ca=FILE
    prometheus:9464

A word's options stand behind `#`, which never goes over a wire. A secret is a private file's content; it is in no word and no table.
Destinations are no part of the policy's digest: that one says what may leave, whoever takes it. What they get is the same signed lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

from velatura.errors import BadSpec, nearest
from velatura.specs import Spec

__all__ = ["Destination", "ToMqtt", "ToPrometheus", "ToWebhook", "check", "destination_of", "shown"]

PREFIX = "velatura"
FORMS = "mqtts://HOST/PREFIX, https://HOST/PATH or prometheus:PORT"
_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,7}")


class ToMqtt(Spec, frozen=True, tag_field="kind", tag="mqtt"):
    """A broker; events with QoS 1.

    Attributes:
        url: mqtts://HOST[:PORT], or mqtt:// on this machine.
        login: private file of user and password, a line each.
        ca: certificates of who may sign the broker's; "": the system's.
        prefix: topics begin with it.
        receipts: an event is kept until the consumer (`edge receive`) has it, not only the broker.
        home_assistant: describe the counts for Home Assistant.
    """

    url: str
    login: str = ""
    ca: str = ""
    prefix: str = PREFIX
    receipts: bool = False
    home_assistant: bool = False


class ToWebhook(Spec, frozen=True, tag_field="kind", tag="webhook"):
    """POST to an address. token: private file of a bearer's secret; ca: as of a broker."""

    url: str
    token: str = ""
    ca: str = ""


class ToPrometheus(Spec, frozen=True, tag_field="kind", tag="prometheus"):
    """A page of numbers on this machine's loopback."""

    port: int


Destination = ToMqtt | ToWebhook | ToPrometheus
T = TypeVar("T", ToMqtt, ToWebhook)


def destination_of(word: str) -> Destination:
    """What a word of the command line names. Raises BadSpec `edge.sink`."""
    parts = _split(word)
    options = _options(parts.fragment)
    if parts.scheme in ("mqtt", "mqtts"):
        if parts.query:
            raise BadSpec("edge.sink", "an address of MQTT has no '?'", hint="options stand behind #")
        made: dict[str, object] = {"url": urlunsplit((parts.scheme, parts.netloc, "", "", "")), "prefix": parts.path.strip("/") or PREFIX}
        return checked(_with(ToMqtt, made, options))
    if parts.scheme in ("http", "https"):
        return checked(_with(ToWebhook, {"url": urlunsplit(parts._replace(fragment=""))}, options))
    if parts.scheme == "prometheus" and re.fullmatch("[0-9]{1,5}", parts.path) and not options:
        return checked(ToPrometheus(int(parts.path)))
    raise BadSpec("edge.sink", f"{parts.scheme or 'no kind'}: there is no such sink", hint=FORMS)


def check(destinations: tuple[Destination, ...]) -> None:
    """Raises BadSpec `edge.sink`."""
    for one in destinations:
        checked(one)
    names = [shown(one) for one in destinations]
    if len(set(names)) < len(names):
        raise BadSpec("edge.sink", f"{max(names, key=names.count)} is named twice")
    if sum(isinstance(one, ToPrometheus) for one in destinations) > 1:
        raise BadSpec("edge.sink", "one page for Prometheus is enough")


def checked(one: Destination) -> Destination:
    """Raises BadSpec `edge.sink`."""
    if isinstance(one, ToMqtt) and not _PREFIX.fullmatch(one.prefix):
        raise BadSpec("edge.sink", f"{one.prefix!r}: a prefix of topics is made of a-z, A-Z, 0-9, - and _, with / between")
    if isinstance(one, ToPrometheus) and not 1 <= one.port <= 65_535:
        raise BadSpec("edge.sink", f"{one.port} is no port")
    if not isinstance(one, ToPrometheus):
        _split(one.url)
    return one


def shown(one: Destination) -> str:
    """For a person. The path of a web hook is left out: it often is the secret."""
    if isinstance(one, ToPrometheus):
        return f"prometheus:{one.port}"
    parts = urlsplit(one.url)
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return f"{place}/{one.prefix}" if isinstance(one, ToMqtt) else place


def _split(word: str) -> SplitResult:
    """Its parts. Raises BadSpec `edge.sink`; no word of an address that cannot be read is told: a password may stand anywhere in it."""
    try:
        parts = urlsplit(word)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError as error:  # its text quotes the address
        raise BadSpec("edge.sink", "this is no address of a sink: its host or its port cannot be", hint=FORMS) from error
    if any("@" in part for part in (parts.netloc, parts.path, parts.query)):
        raise BadSpec("edge.sink", "a sink's word holds no user and no password: everybody can see it", hint="#login=FILE, mode 0600")
    address = word.partition("#")[0]
    if not word.isprintable() or " " in address or not f"{parts.path}{parts.query}".isascii() or port == 0:
        raise BadSpec("edge.sink", "this is no address of a sink: blanks and other letters are written as %20 and the like", hint=FORMS)
    return parts


def _options(text: str) -> Mapping[str, str]:
    try:
        return {name.replace("-", "_"): value for name, value in parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))}
    except ValueError as error:
        raise BadSpec("edge.sink", "what stands behind # is NAME=VALUE&NAME=VALUE") from error


def _with(kind: Callable[..., T], made: dict[str, object], options: Mapping[str, str]) -> T:
    known = [name for name in kind.__struct_fields__ if name not in ("url", "prefix")]  # type: ignore[attr-defined]
    for name, value in options.items():
        if name not in known:
            raise BadSpec("edge.sink", "a sink has no such option", hint=nearest(name, known))
        if name in ("receipts", "home_assistant"):
            if value not in ("yes", "no"):
                raise BadSpec("edge.sink", f"{name} is yes or no")
            made[name] = value == "yes"
        else:
            made[name] = value
    return kind(**made)
