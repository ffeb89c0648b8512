"""A real mosquitto on a free loopback port, to be killed and started again; and certificates for it."""

from __future__ import annotations

import datetime
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Mosquitto", "certificates", "free_port", "needs_mosquitto"]


def needs_mosquitto() -> str:
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if not found:
        message = "the MQTT broker mosquitto is not installed (Debian: apt-get install mosquitto)"
        if os.environ.get("VELATURA_CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """Args: persistence: it keeps sessions and messages on disk, saved at each change; login: (user, password) that it asks for."""

    def __init__(self, folder: Path, *, persistence: bool = False, login: tuple[str, str] | None = None, tls: dict[str, Path] | None = None) -> None:
        self._program, self.port, self._folder = needs_mosquitto(), free_port(), folder
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"listener {self.port} 127.0.0.1", f"allow_anonymous {'false' if login else 'true'}"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes a user who may not read a test's folder
        if persistence:
            lines += ["persistence true", f"persistence_location {folder}/", "autosave_on_changes true", "autosave_interval 1"]
        if login:
            passwords = folder / "passwords"
            subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), *login], check=True, capture_output=True, timeout=280)
            lines.append(f"password_file {passwords}")
        if tls:
            lines += [f"certfile {tls['cert']}", f"keyfile {tls['key']}"]
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen([self._program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("mosquitto does not listen")

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=60)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()


def certificates(folder: Path, name: str = "localhost") -> dict[str, Path]:
    """An authority and a server's certificate for a name: files "ca", "cert", "key"."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    subjects = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, word)]) for word in ("test authority", name)]
    made = {}
    for index, (subject, key) in enumerate(zip(subjects, keys, strict=True)):
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subjects[0])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=index == 0, path_length=None), critical=True)
        )
        if index == 1:
            builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        made[index] = builder.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    key_pem = keys[1].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files = {"ca": made[0], "cert": made[1], "key": key_pem}
    for word, raw in files.items():
        (folder / f"{word}.pem").write_bytes(raw)
    return {word: folder / f"{word}.pem" for word in files}
