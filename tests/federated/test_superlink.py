"""What `fl up` stands on, without Flower's processes: certificates over real TLS, processes that resist, folders that are stale, bundles, tickets."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("flwr", reason="flwr is not installed")

from tests.federated.jobs import job

from velatura.errors import BadInput, BadSpec, Missing, VelaturaError, Withheld
from velatura.federated.deploy import certificates, processes
from velatura.federated.deploy.asked import Asked, AskedSite, site
from velatura.federated.deploy.bundle import bundle_of_app, bundle_of_job
from velatura.federated.deploy.door import distrust, is_free, shown
from velatura.federated.deploy.down import down
from velatura.federated.deploy.folder import Federation, Node, make, opened
from velatura.federated.deploy.link import may_pass
from velatura.federated.deploy.site import join
from velatura.federated.deploy.start import _node
from velatura.federated.deploy.status import look
from velatura.federated.deploy.tickets import Order, found, issue
from velatura.federated.deploy.up import prepare, prepare_site, up
from velatura.federated.job import Model

NOW = dt.datetime.now(dt.UTC)
linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are known by /proc")


@contextmanager
def tls(folder: Path) -> Iterator[int]:
    """A server that shows the folder's certificate; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                    context.wrap_socket(plain, server_side=True).close()
                except (ssl.SSLError, ConnectionError):
                    continue
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def certified(folder: Path, names: tuple[str, ...] = ("127.0.0.1",), *, at: dt.datetime = NOW, days: float = 30) -> Path:
    folder.mkdir(exist_ok=True)
    certificates.make_authority(folder, at=at)
    certificates.make_server(folder, names, at=at, days=days)
    return folder


def test_a_site_trusts_the_server_that_its_authority_vouches_for(tmp_path: Path) -> None:
    with tls(certified(tmp_path / "a")) as port:
        assert distrust("127.0.0.1", port, tmp_path / "a" / "ca.crt", at=NOW) == ""
        assert (tmp_path / "a" / "server.key").stat().st_mode & 0o777 == 0o600


def test_an_expired_certificate_is_told_with_its_date(tmp_path: Path) -> None:
    old = NOW - dt.timedelta(days=40)
    with tls(certified(tmp_path / "a", at=old)) as port:
        assert (
            distrust("127.0.0.1", port, tmp_path / "a" / "ca.crt", at=NOW)
            == f"the certificate expired on {old + dt.timedelta(days=30):%Y-%m-%d %H:%MZ}"
        )


def test_a_certificate_for_another_host_is_told_with_its_names(tmp_path: Path) -> None:
    with tls(certified(tmp_path / "a", ("hospital.example", "10.0.0.1"))) as port:
        said = distrust("127.0.0.1", port, tmp_path / "a" / "ca.crt", at=NOW)
    assert said == "the certificate is for hospital.example, 10.0.0.1, not for 127.0.0.1"


def test_a_certificate_of_another_authority_is_not_trusted(tmp_path: Path) -> None:
    certified(tmp_path / "b")
    with tls(certified(tmp_path / "a")) as port:
        assert "not vouched for" in distrust("127.0.0.1", port, tmp_path / "b" / "ca.crt", at=NOW)


def test_a_clock_before_the_certificate_is_suspected() -> None:
    found = certificates.Certificate(NOW, NOW + dt.timedelta(days=1), ("a",), b"")
    assert "is this clock right" in found.problem("a", at=NOW - dt.timedelta(hours=1))


def test_where_nobody_listens_nobody_shows_a_certificate(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not is_free("127.0.0.1", port)
    assert shown("127.0.0.1", port) is None
    assert distrust("127.0.0.1", port, tmp_path / "ca.crt", at=NOW).startswith("no server answers")


def test_a_sites_key_is_one_that_flower_takes(tmp_path: Path) -> None:
    from flwr.cli.supernode.register import try_load_public_key

    certificates.make_node_key(tmp_path, "site")
    assert (tmp_path / "site").stat().st_mode & 0o777 == 0o600
    assert certificates.public_key(tmp_path / "site.pub") == try_load_public_key(tmp_path / "site.pub")


@pytest.mark.parametrize("content", [b"", b"no key\n", b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBzhFXiwBIk1ZQJuDRGJTn5pc6h3wwEhEv5sBPVQ6lmI x\n"])
def test_what_is_no_key_on_a_nist_curve_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pub").write_bytes(content)
    with pytest.raises(BadInput, match=r"federated\.key"):
        certificates.public_key(tmp_path / "x.pub")


@pytest.mark.parametrize(
    ("path", "client", "shown", "passes"),
    [
        ("/v1/fleet/pull-messages", "10.0.0.9", b"", True),
        ("/v1/control/start-run", "10.0.0.9", b"", False),
        ("/v1/control/start-run", "127.0.0.1", b"", False),
        ("/v1/control/register-node", "127.0.0.1", b"secre", False),
        ("/v1/control/start-run", "10.0.0.9", b"secret", True),
        ("/v1/runtime/acquire-task", "10.0.0.9", b"secret", False),
        ("/v1/runtime/acquire-task", "127.0.0.1", b"", True),
        ("/v1/runtime/acquire-task", "10.0.0.1", b"", True),
        ("/docs", "10.0.0.9", b"secret", False),
        ("/v1/fleetx", "10.0.0.9", b"", False),
    ],
)
def test_only_sites_requests_come_in_from_elsewhere_and_control_needs_the_secret(path: str, client: str, shown: bytes, passes: bool) -> None:
    assert may_pass(path, client=client, server="10.0.0.1", shown=shown, secret=b"secret") is passes


def started(instance: str, code: str, folder: Path) -> int:
    env = processes.environment(instance, {}, direct="127.0.0.1")
    return processes.start([sys.executable, "-c", code], log=folder / "log", env=env, folder=folder)


def until(done: object, seconds: float = 10.0) -> None:
    stop = time.monotonic() + seconds
    while not done():  # type: ignore[operator]
        assert time.monotonic() < stop, "it took too long"
        time.sleep(0.02)


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: None)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print("ready", flush=True)
time.sleep(60)
"""


@linux
def test_a_process_that_resists_and_a_child_in_its_own_session_end(tmp_path: Path) -> None:
    folder = make(tmp_path / "f", Federation("resists", "127.0.0.1:1", "1", "127.0.0.1"))
    folder.note("superlink", started("resists", STUBBORN, folder.path))
    until(lambda: len(processes.marked("resists")) == 2)
    ended = down(folder, limit_s=0.5)
    assert (ended.ended, ended.killed) == (2, 1)
    assert not processes.marked("resists")
    assert folder.pid("superlink") is None


@linux
def test_a_process_id_that_is_somebody_elses_now_is_left_alone(tmp_path: Path) -> None:
    folder = make(tmp_path / "f", Federation("other", "127.0.0.1:1", "1", "127.0.0.1"))
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        folder.note("superlink", stranger.pid)
        assert not processes.alive(stranger.pid, "other")
        assert down(folder, limit_s=0.2).ended == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait(timeout=60)


def test_children_are_quiet_and_go_past_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    from velatura.federated.quiet import SWITCHES

    monkeypatch.setenv("FLWR_HOME", "/elsewhere")
    monkeypatch.setenv("NO_PROXY", "intranet")
    env = processes.environment("mark", SWITCHES, direct="10.0.0.1")
    assert (env["FLWR_TELEMETRY_ENABLED"], env["FLWR_DISABLE_UPDATE_CHECK"], env["NO_PROXY"]) == ("0", "1", "intranet,10.0.0.1")
    assert "FLWR_HOME" not in env
    done = subprocess.run(
        [sys.executable, "-c", "import velatura.federated.deploy.up, os; print(os.environ['FLWR_TELEMETRY_ENABLED'])"],
        capture_output=True,
        text=True,
        check=True,
        timeout=280,
    )
    assert done.stdout == "0\n"


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
    return port


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A federation's folder that has not run yet."""
    prepare(tmp_path / "f", Asked(1, port=free()))
    return tmp_path / "f"


def refused(path: Path, **change: object) -> VelaturaError:
    with pytest.raises(VelaturaError) as caught:
        prepare(path, Asked(**{"nodes": 1, "port": free(), **change}))  # type: ignore[arg-type]
    return caught.value


@linux
def test_a_federation_that_runs_is_not_started_again(ready: Path) -> None:
    folder = opened(ready)
    pid = started(folder.told.instance, "import time; time.sleep(60)", ready)
    folder.note("superlink", pid)
    assert refused(ready).code == "federated.running"
    folder.note("superlink", None)
    assert refused(ready).code == "federated.stale"
    os.kill(pid, signal.SIGKILL)
    until(lambda: not processes.alive(pid, folder.told.instance))
    prepare(ready, Asked(1, port=free()))


def test_a_port_in_use_is_refused(ready: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert refused(ready, port=taken.getsockname()[1]).code == "federated.port"


def test_a_table_for_each_site_or_for_none(ready: Path) -> None:
    assert refused(ready, nodes=2, data=("digits",)).code == "federated.nodes-data"


def test_every_address_is_no_name(ready: Path) -> None:
    assert refused(ready, host="0.0.0.0").code == "federated.names"
    assert "hospital.example" in prepare(ready, Asked(0, host="0.0.0.0", port=free(), names=("hospital.example",), renew=True)).told.names


def test_a_new_name_needs_a_new_certificate(ready: Path) -> None:
    error = refused(ready, names=("hospital.example",))
    assert error.code == "federated.certificate" and "--renew" in error.hint
    assert "hospital.example" in prepare(ready, Asked(1, port=free(), names=("hospital.example",), renew=True)).told.names


def test_an_expired_certificate_is_refused_before_anything_starts_and_renewed(ready: Path) -> None:
    certificates.make_server(ready, ("127.0.0.1", "localhost"), at=NOW - dt.timedelta(days=9), days=8)
    error = refused(ready)
    assert (error.code, "expired on" in error.sentence) == ("federated.certificate", True)
    authority = (ready / "ca.crt").read_bytes()
    prepare(ready, Asked(1, port=free(), renew=True))
    assert (ready / "ca.crt").read_bytes() == authority


def test_a_registry_of_another_flower_or_a_damaged_one_is_refused(ready: Path) -> None:
    sqlite3.connect(ready / "superlink.db").execute("create table a (b)").connection.commit()
    told = opened(ready).told
    make(ready, Federation(told.instance, told.address, "1.0.0", told.bind, told.names, told.nodes))
    assert "flwr 1.0.0" in refused(ready).sentence
    make(ready, told)
    prepare(ready, Asked(1, port=free()))
    (ready / "superlink.db").write_bytes(b"no database" * 100)
    assert refused(ready).code == "federated.database"


def test_no_federation_and_a_damaged_one(tmp_path: Path, ready: Path) -> None:
    with pytest.raises(Missing, match=r"federated\.no-federation"):
        opened(tmp_path / "none")
    (ready / "federation.json").write_text('{"instance": 3}')
    with pytest.raises(BadInput, match=r"federated\.federation"):
        opened(ready)


def test_a_folder_is_started_again_as_it_was_unless_something_is_said_anew(tmp_path: Path) -> None:
    port, rows = free(), tmp_path / "rows.csv"
    rows.write_text("a,label\n")
    first = prepare(tmp_path / "f", Asked(3, host="127.0.0.2", port=port, names=("hospital.example",), data=("digits", str(rows), "digits"))).told
    again = prepare(tmp_path / "f", Asked()).told
    assert again == first and (again.bind, again.port, len(again.nodes), again.nodes[1].data) == ("127.0.0.2", port, 3, str(rows))
    other = free()
    moved = prepare(tmp_path / "f", Asked(port=other)).told
    assert (moved.port, moved.nodes, moved.names) == (other, first.nodes, first.names)
    with pytest.raises(BadSpec, match="3 tables that the folder knows for 2 nodes"):
        prepare(tmp_path / "f", Asked(2))
    assert [node.data for node in prepare(tmp_path / "f", Asked(data=("digits",) * 3)).told.nodes] == ["digits"] * 3
    assert not prepare(tmp_path / "f", Asked(0)).told.nodes and not prepare(tmp_path / "f", Asked()).told.nodes
    assert len(prepare(tmp_path / "g", Asked(port=other)).told.nodes) == 2


def test_a_site_joins_again_as_it_was_and_no_folder_changes_its_end(tmp_path: Path, ready: Path) -> None:
    certified(tmp_path / "server")
    asked = AskedSite("hospital.example:9443", tmp_path / "server" / "ca.crt", "north", 2, 3, "digits")
    first = prepare_site(tmp_path / "s", *site(asked, None, tmp_path / "s"))
    address, authority, node = site(AskedSite(), first.told, tmp_path / "s")
    assert (address, authority, node) == ("hospital.example:9443", tmp_path / "s" / "ca.crt", Node("north", 2, 3, "digits"))
    assert prepare_site(tmp_path / "s", address, authority, node).told == first.told
    with pytest.raises(BadSpec, match="could be anybody"):
        site(AskedSite("elsewhere.example:9443"), first.told, tmp_path / "s")
    for act in (lambda: prepare(tmp_path / "s", Asked(1)), lambda: prepare_site(ready, address, tmp_path / "server" / "ca.crt", node)):
        with pytest.raises(BadSpec, match=r"federated\.folder"):
            act()


@pytest.mark.parametrize("host", ["", "a b", "a" * 65, "host/", "-a", "a\nb", "ü"])
def test_a_name_that_no_certificate_can_have_is_refused(host: str, ready: Path) -> None:
    assert refused(ready, names=(host,)).code == "federated.host"


def test_who_cannot_listen_at_an_address_is_told_that_it_is_not_his(ready: Path) -> None:
    for host in ("192.0.2.7", "not-a-host.invalid", "not a host"):
        error = refused(ready, host=host)
        assert error.code == "federated.host" and "no address of this machine" in error.sentence


def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refused(tmp_path / "file").code == "files.no-folder"
    assert refused(tmp_path / "file" / "f").code == "files.unwritable"


def test_an_authority_that_is_none_is_told_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("-----BEGIN")
    for file in ("ca.crt", "nothing.crt", "."):
        with pytest.raises(BadInput) as caught:
            prepare_site(tmp_path / "s", "127.0.0.1:9", tmp_path / file, Node("site", 0, 1))
        assert str(tmp_path / file) in caught.value.sentence


def test_a_site_has_one_of_the_numbers_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match="numbers go from 0 to 1"):
        site(AskedSite("127.0.0.1:9", tmp_path, "north", 2, 2), None, tmp_path)


NAMES = ["../evil", "/etc/evil", "a/b", "", ".", "..", "a b", "a\nb", "ü", "a" * 65, "superlink", "x.pub", "a\0b", "*"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_a_site_that_is_no_file_in_its_folder_is_refused_everywhere(name: str, tmp_path: Path, ready: Path) -> None:
    with pytest.raises(BadSpec, match=r"federated\.site-name"):
        Node(name, 0, 1)
    told = (ready / "federation.json").read_text().replace('"node0"', json.dumps(name))
    (ready / "federation.json").write_text(told)
    with pytest.raises(BadInput, match=r"federated\.federation"):
        opened(ready)


@pytest.mark.parametrize("name", ["north", "a" * 64, "St.Anna-3_b", "-", "...", "a.b"])
def test_a_name_of_a_site_has_a_key_of_its_own(name: str, tmp_path: Path) -> None:
    certified(tmp_path / "server")
    folder = prepare_site(tmp_path / "s", "hospital.example:1", tmp_path / "server" / "ca.crt", Node(name, 0, 1))
    assert {path.name for path in (tmp_path / "s" / "keys").iterdir()} == {name, f"{name}.pub"}
    assert certificates.public_key(folder.public_key(name))


@pytest.mark.parametrize("address", ["hospital.example", ":1", "a:0", "a:65536", "a:x", "a:²", f"a:{'9' * 5000}", ""])
def test_an_address_has_a_host_and_a_port(address: str, tmp_path: Path) -> None:
    certified(tmp_path / "server")
    with pytest.raises(BadSpec, match=r"federated\.address"):
        prepare_site(tmp_path / "s", address, tmp_path / "server" / "ca.crt", Node("north", 1, 2))
    assert not (tmp_path / "s").exists()


@linux
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit('Error: no luck')", "ended after .* before it came to .*no luck"),
        ("import time; time.sleep(60)", "did not come to .* in 1 s"),
    ],
)
def test_a_site_that_does_not_come_is_told_with_the_time_that_was_waited(
    code: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process in place of Flower's: one that ends at once, one that only waits."""
    certified(tmp_path / "server")
    folder = prepare_site(tmp_path / "s", "127.0.0.1:1", tmp_path / "server" / "ca.crt", Node("north", 0, 1))
    monkeypatch.setattr("velatura.federated.deploy.site.admitted", lambda folder: None)
    monkeypatch.setattr("velatura.federated.deploy.start._node", lambda folder, node: [sys.executable, "-c", code])
    begun_s = time.monotonic()
    with pytest.raises(Missing, match=words):
        join(folder, wait_s=1.0 if "sleep" in code else 120.0)
    assert time.monotonic() - begun_s < 15
    assert not processes.marked(folder.told.instance)


def test_secrets_are_the_owners_alone(ready: Path) -> None:
    assert ready.stat().st_mode & 0o777 == 0o700
    secret = [ready / "control", ready / "ca.key", ready / "server.key", ready / "keys" / "node0", ready / "secagg" / "site-0.key"]
    assert [path.stat().st_mode & 0o777 for path in secret] == [0o600] * 5


def test_keys_outlive_the_next_preparation_and_a_third_site_gets_its_own(ready: Path) -> None:
    key, control = (ready / "keys" / "node0").read_bytes(), (ready / "control").read_bytes()
    folder = prepare(ready, Asked(3, port=free()))
    assert ((ready / "keys" / "node0").read_bytes(), folder.control) == (key, control)
    assert {path.name for path in (ready / "keys").glob("*.pub")} == {"node0.pub", "node1.pub", "node2.pub"}


def test_a_sites_configuration_survives_signs_in_a_path(tmp_path: Path) -> None:
    from flwr.common.config import parse_config_args

    rows = tmp_path / "rows \"of\" 'our' häuser.csv"
    rows.write_text("a,b\n")
    folder = prepare(tmp_path / "f", Asked(1, port=free(), data=(str(rows),)))
    command = _node(folder, folder.told.nodes[0])
    read = parse_config_args([command[command.index("--node-config") + 1]])
    assert (read["data"], read["partition-id"], read["num-partitions"]) == (str(rows), 0, 1)


def test_a_site_of_a_server_elsewhere_makes_its_own_keys(tmp_path: Path) -> None:
    certified(tmp_path / "server")
    site = prepare_site(tmp_path / "s", "hospital.example:9443", tmp_path / "server" / "ca.crt", Node("north", 1, 2))
    assert (site.serves, site.told.host, site.told.port) == (False, "hospital.example", 9443)
    assert site.authority.read_bytes() == (tmp_path / "server" / "ca.crt").read_bytes()
    line = (tmp_path / "s" / "secagg" / "line").read_text()
    (tmp_path / "peers").write_text(line)
    prepare_site(tmp_path / "s", "hospital.example:9443", site.authority, Node("north", 1, 2), peers=tmp_path / "peers")
    (tmp_path / "peers").write_text("0" + line[1:])
    with pytest.raises(BadSpec, match=r"federated\.secagg-peers"):
        prepare_site(tmp_path / "s", "hospital.example:9443", site.authority, Node("north", 1, 2), peers=tmp_path / "peers")
    with pytest.raises(BadSpec, match=r"federated\.address"):
        prepare_site(tmp_path / "t", "hospital.example", site.authority, Node("north", 1, 2))
    with pytest.raises(BadInput, match=r"federated\.certificate"):
        prepare_site(tmp_path / "t", "hospital.example:1", tmp_path / "none", Node("north", 1, 2))


def test_a_bundle_tells_sites_the_job_and_no_path(tmp_path: Path) -> None:
    of = job(rounds=2)
    first, again = bundle_of_job(of, "a" * 32, tmp_path), bundle_of_job(of, "a" * 32, tmp_path)
    assert first == again
    with zipfile.ZipFile(io.BytesIO(first)) as opened_:
        text = b"".join(opened_.read(name) for name in opened_.namelist())
    assert b"digits" in text
    assert str(Path.cwd()).encode() not in text and str(Path.home()).encode() + b"/" not in text


def test_a_network_of_ones_own_travels_and_nothing_else_of_the_folder(tmp_path: Path) -> None:
    for name in ("nets.py", "other.py", "linear.py"):
        (tmp_path / name).write_text("x = 1\n")
    for word, sent in (("nets:small", ["nets.py"]), ("linear", []), ("installed.elsewhere:net", [])):
        of = msgspec.structs.replace(job(), model=Model(word))
        with zipfile.ZipFile(io.BytesIO(bundle_of_job(of, "a" * 32, tmp_path))) as opened_:
            assert [name for name in opened_.namelist() if name in ("nets.py", "other.py", "linear.py")] == sent


def test_flower_finds_the_two_ends_of_a_bundle(tmp_path: Path) -> None:
    from flwr.supercore.object_ref import validate

    with zipfile.ZipFile(io.BytesIO(bundle_of_job(job(), "a" * 32, tmp_path))) as opened_:
        opened_.extractall(tmp_path)
    for end in ("server", "client"):
        assert validate(f"velatura_job.{end}_app:app", check_module=True, project_dir=tmp_path) == (True, None)


def test_a_plain_app_keeps_its_files_and_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "means"\nversion = "1.0.0"\nlicense = "MIT"\n[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[tool.flwr.app]\npublisher = "me"\n[tool.flwr.app.components]\nserverapp = "means.s:app"\nclientapp = "means.c:app"\n'
    )
    (tmp_path / "means").mkdir()
    (tmp_path / "means" / "s.py").write_text("app = 1\n")
    with zipfile.ZipFile(io.BytesIO(bundle_of_app(tmp_path, "b" * 32))) as opened_:
        assert opened_.read("means/s.py") == b"app = 1\n"
        assert b"'means.s:app'" in opened_.read("velatura_guard.py")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    with pytest.raises(BadSpec, match=r"federated\.app"):
        bundle_of_app(tmp_path, "b" * 32)


def test_a_refusal_in_the_servers_process_is_the_same_refusal_here(tmp_path: Path) -> None:
    ticket = issue(tmp_path, Order(folder="/run", places={2**63 + 5: 1}))
    assert found(tmp_path, ticket.name).order == Order(folder="/run", places={2**63 + 5: 1})
    ticket.raise_refusal()
    with pytest.raises(Withheld), ticket.refusing():
        raise Withheld("dp.budget", "it is spent", hint="stop")
    with pytest.raises(Withheld) as caught:
        ticket.raise_refusal()
    assert (caught.value.code, caught.value.sentence, caught.value.hint) == ("dp.budget", "it is spent", "stop")


@pytest.mark.parametrize("name", ["", "..", "../x", "/etc", "a" * 32])
def test_a_ticket_is_a_name_and_no_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(BadInput, match=r"federated\.ticket"):
        found(tmp_path / "x", name)


@pytest.mark.parametrize("unit", ["server", "site"])
def test_the_units_of_systemd_are_well_formed_and_leave_no_child_behind(unit: str) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    path = Path(__file__).parents[2] / "examples" / "federated" / "systemd" / f"velatura-federation-{unit}.service"
    done = subprocess.run([analyze, "verify", str(path)], capture_output=True, text=True, check=False, timeout=280)
    assert [line for line in done.stderr.splitlines() if path.name in line] == []
    settings = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line and not line.startswith("#"))
    assert settings["KillMode"] == "control-group"
    options = {word.split("=")[0] for word in settings["ExecStart"].split() if word.startswith("--")}
    assert options <= set(velatura_options()), "an option that `fl up` has not"


def velatura_options() -> list[str]:
    import typer.main

    from velatura.cli.fl import app

    command = typer.main.get_command(app).commands["up"]  # type: ignore[attr-defined]
    return [name for parameter in command.params for name in parameter.opts]


@linux
def test_the_status_of_what_is_down_says_what_is_left_and_what_to_do(ready: Path) -> None:
    folder = opened(ready)
    state = look(folder)
    assert (state.well, state.server.state, state.server.next, state.stray) == (False, "down", "velatura fl up", 0)
    assert [(node.name, node.state) for node in state.nodes] == [("node0", "down")]
    pid = started(folder.told.instance, "import time; time.sleep(60)", ready)
    until(lambda: look(folder).stray == 1)
    assert look(folder).server.next == "velatura fl down"
    assert down(folder, limit_s=1.0).ended == 1
    assert not processes.alive(pid, folder.told.instance)


def test_the_status_tells_a_stranger_at_the_address(tmp_path: Path) -> None:
    with tls(certified(tmp_path / "stranger")) as port:
        with pytest.raises(BadSpec, match=r"federated\.port"):
            prepare(tmp_path / "f", Asked(0, port=port))
        folder = prepare(tmp_path / "f", Asked(0, port=free()))
        moved = make(folder.path, msgspec.structs.replace(folder.told, address=f"127.0.0.1:{port}"))
        assert look(moved).server.state == "another server answers at this address"


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
def test_two_that_start_at_once_are_one_too_many(ready: Path) -> None:
    import fcntl

    with (ready / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BadSpec, match=r"federated\.running"):
            up(ready, Asked(1, port=free()))
