"""Where events go, as words and as tables: read strictly, no secret in either, and no part of the policy's digest."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.edge.chains import CAMERA, SIGNER

from velatura.edge.destinations import ToMqtt, ToPrometheus, ToWebhook, destination_of, shown
from velatura.edge.login import secret_of
from velatura.edge.outbox import Outbox
from velatura.edge.policy import digest, load_policy, promised
from velatura.edge.sinks.opened import opened
from velatura.errors import BadSpec

TABLE = """
[[cameras]]
name = "door"
source = "rtsp://camera/door"
login = "door.login"
[[sinks]]
kind = "mqtt"
url = "mqtts://broker:8883"
login = "broker.login"
prefix = "site/hall"
receipts = true
[[sinks]]
kind = "webhook"
url = "https://example.org/hook"
token = "hook.token"
[[sinks]]
kind = "prometheus"
port = 9464
"""


def test_a_word_and_a_table_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(TABLE)
    words = (
        "mqtts://broker:8883/site/hall#login=broker.login&receipts=yes",
        "https://example.org/hook#token=hook.token",
        "prometheus:9464",
    )
    assert load_policy(path).sinks == tuple(destination_of(word) for word in words)
    assert destination_of("mqtt://localhost") == ToMqtt("mqtt://localhost")
    assert destination_of("https://example.org/a?x=1") == ToWebhook("https://example.org/a?x=1")


def test_where_it_goes_and_how_the_camera_is_reached_are_not_signed(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(TABLE)
    (camera,) = load_policy(path).cameras
    assert digest(camera) == digest(replace(camera, source="", login="", ca="cameras.pem"))
    assert {"source", "login", "ca", "sinks"}.isdisjoint(promised(camera))


@pytest.mark.parametrize(
    "word",
    [
        "mqtts://anna:geheim@broker/site",
        "mqtts://anna@broker/site",
        "mqtts://broker/a?login=x",
        "mqtts://anna:12/geheim@broker/p",
        "mqtts://anna:12#geheim=x@broker",
        "https://anna:geheim/x@broker/p",
        "https://anna:geheim",
        "https://[::1/geheim",
        "https://broker:0/p",
        "https://host/\u00fc",
        "https://host/a b",
        f"mqtts://{'a' * 70}.org/p",
        "prometheus:\u00b2",
        "mqtts://broker/a+b",
        "mqtts://broker/#",
        "mqtts://broker#pasword=x",
        "mqtts://broker#receipts=maybe",
        "mqtts://broker#login",
        "ftp://broker",
        "events.jsonl",
        "prometheus:99999",
        "prometheus:0",
        "prometheus:x",
    ],
)
def test_words_that_are_refused(word: str) -> None:
    if word.endswith("/#"):
        assert destination_of(word) == ToMqtt("mqtts://broker"), "an empty fragment is none"
        return
    with pytest.raises(BadSpec, match=r"edge\.sink") as caught:
        destination_of(word)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ('[[sinks]]\nkind = "mail"\n', "spec.wrong"),
        ('[[sinks]]\nkind = "prometheus"\nport = 1\n', "edge.sink"),
        ('[[sinks]]\nkind = "webhook"\nurl = "https://example.org/other"\n', "edge.sink"),
        ('[[sinks]]\nkind = "mqtt"\nurl = "mqtts://b"\npassword = "x"\n', "spec.unknown-key"),
        ('[[sinks]]\nkind = "mqtt"\nurl = "mqtts://b"\nprefix = "a/#"\n', "edge.sink"),
        ('[[sinks]]\nkind = "mqtt"\nurl = "mqtts://b:x"\n', "edge.sink"),
        ('[[sinks]]\nkind = "webhook"\nurl = "https://u:p/w@b/"\n', "edge.sink"),
    ],
)
def test_tables_that_are_refused(more: str, code: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(TABLE + more)
    with pytest.raises(BadSpec) as caught:
        load_policy(path)
    assert caught.value.code == code


def test_what_is_shown_holds_no_path_of_a_hook() -> None:
    assert shown(ToWebhook("https://hooks.example.org/services/T0/secret")) == "https://hooks.example.org"
    assert shown(ToMqtt("mqtts://broker:8883", prefix="a/b")) == "mqtts://broker:8883/a/b"
    assert shown(ToPrometheus(9464)) == "prometheus:9464"


def test_secrets_are_private_files_and_are_read_before_anything_starts(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    token = tmp_path / "token"
    token.write_text("geheim\n")
    token.chmod(0o644)
    options = {"device": SIGNER.verifier.id, "camera": CAMERA, "totals": dict}
    with pytest.raises(BadSpec, match="others can read"):
        opened(ToWebhook("https://example.org", token=str(token)), outbox, **options)  # type: ignore[arg-type]
    token.chmod(0o600)
    assert secret_of(token) == "geheim"
    opened(ToWebhook("https://example.org", token=str(token)), outbox, **options).close()  # type: ignore[arg-type]
    token.write_text("two\x07bells\n")
    with pytest.raises(BadSpec, match="printable"):
        secret_of(token)
    with pytest.raises(BadSpec, match=r"edge\.ca"):
        opened(ToMqtt("mqtts://localhost", ca=str(token)), outbox, **options)  # type: ignore[arg-type]
    outbox.close()
