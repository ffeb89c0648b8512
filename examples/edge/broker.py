"""Debian's mosquitto on a free port of this machine's loopback, with TLS and a password, that keeps nothing on disk (`run_example.py` starts it)."""

from __future__ import annotations

import datetime
import os
import secrets
import socket
import subprocess
import time
from pathlib import Path

__all__ = ["Broker", "free_port"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """Attributes: port; login: private file of user and password; ca: its own certificate, signed by itself."""

    def __init__(self, folder: Path, program: str, passwords_program: str) -> None:
        self.port, self.login, self.ca = free_port(), folder / "broker.login", folder / "broker.pem"
        self._program, self._config = program, folder / "mosquitto.conf"
        word = secrets.token_urlsafe(12)
        write_private(self.login, f"velatura\n{word}\n")
        write_private(folder / "passwords", f"velatura:{word}\n")
        subprocess.run([passwords_program, "-U", str(folder / "passwords")], check=True)  # -U: no password in the list of processes
        key = certify(self.ca)
        write_private(folder / "broker.key", key)
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous false", f"password_file {folder / 'passwords'}", "persistence false"]
        lines += [f"certfile {self.ca}", f"keyfile {folder / 'broker.key'}"]
        lines += ["user root"] if os.geteuid() == 0 else []  # else it becomes a user who may not read this folder
        self._config.write_text("\n".join(lines) + "\n")
        self.start()

    def start(self) -> None:
        """Empty, as it was at first."""
        self._process = subprocess.Popen([self._program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise SystemExit("mosquitto does not listen")

    def kill(self) -> None:
        """At once, without a word to anybody."""
        self._process.kill()
        self._process.wait()


def write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def certify(path: Path) -> str:
    """Write a certificate for localhost; its private key in PEM."""
    from cryptography import x509  # of velatura's own packages, which the example has looked for by now
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
