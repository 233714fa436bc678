"""From another machine's address: who trusts the clinic's authority reaches it strictly verified, and Chromium takes it as secure."""

import base64
import contextlib
import hashlib
import json
import plistlib
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Error, Page, sync_playwright

from edge_node.programme import Programme
from edge_node.store.store import Store
from edge_node.tls import interfaces, keeping
from edge_node.tls.authority import Pair, make_authority
from tests.edge.tls.tablet import CHROMIUM, browser_that_trusts
from tests.link.places import HUB, NotPermitted, apart
from tests.processes.programs import environment

ROOT = Path(__file__).parents[3]


class Clinic(NamedTuple):
    """A clinic's computer at an address that is not loopback, and where a device stands."""

    url: str
    trust: str
    host: str
    data: Path
    inside: Sequence[str]
    device: Sequence[str]


@contextlib.contextmanager
def places() -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    """Two namespaces with a link between them; where that is not permitted, this machine by its address on a network."""
    with contextlib.ExitStack() as stack:
        try:
            place = stack.enter_context(apart(1))
        except NotPermitted:
            yield interfaces.reachable(interfaces.names())[0], (), ()
            return
        yield HUB, place.hub_inside, place.clinic_inside


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    data = tmp_path_factory.mktemp("https") / "node"
    with places() as (host, inside, device):
        program = [*inside, str(Path(sys.executable).with_name("medtech-edge"))]
        options = ["serve", "--https", "--host", "0.0.0.0", "--port", "0", "--http-port", "0", "--sync-interval", "0"]
        secret = data.with_name("password")
        secret.write_text("a long enough password")
        add = ["user", "add", "ama", "--role", "clinician", "--password-file", str(secret), "--data", str(data)]
        subprocess.run([*program, *add], check=True, capture_output=True, env=environment())
        with data.with_name("log").open("wb") as log:
            process = subprocess.Popen(
                [*program, *options, "--data", str(data)], stdout=subprocess.PIPE, stderr=log, env=environment()
            )
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        url, trust = urlsplit(ready["url"]), urlsplit(ready["trust"])
        yield Clinic(f"https://{host}:{url.port}", f"http://{host}:{trust.port}", host, data, inside, device)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        process.stdout.close()


def visit(clinic: Clinic, address: str, authority: Path | None = None) -> dict[str, Any]:
    """What a device gets that trusts this authority and no other (without one: those of the world)."""
    words = [*clinic.device, sys.executable, "-m", "tests.edge.tls.visit", address]
    words += [str(authority)] if authority is not None else []
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, env=environment())
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def authority(clinic: Clinic) -> Path:
    """The authority's certificate as a device gets it, without HTTPS."""
    told = visit(clinic, f"{clinic.trust}/trust/clinic.crt")
    assert told["content-type"] == "application/x-x509-ca-cert"
    path = clinic.data.with_name("authority.pem")
    path.write_text(ssl.DER_cert_to_PEM_cert(bytes.fromhex(told["body"])))
    return path


def test_a_device_that_trusts_only_the_clinics_authority_is_let_in_strictly_verified(
    clinic: Clinic, authority: Path
) -> None:
    assert not clinic.host.startswith("127.")
    told = visit(clinic, f"{clinic.url}/healthz", authority)
    assert told["status"] == 200
    assert told["strict-transport-security"]


def test_a_device_that_does_not_trust_it_yet_is_not_let_in(clinic: Clinic) -> None:
    assert "certificate" in visit(clinic, f"{clinic.url}/healthz")["refused"].lower()


def test_without_https_there_is_the_way_to_it_and_nothing_else(clinic: Clinic, authority: Path) -> None:
    over = visit(clinic, f"{clinic.trust}/")
    assert (over["status"], over["location"]) == (307, "/trust"), (
        "the pages themselves would frighten a newcomer's browser"
    )
    assert f'href="{clinic.url}/"' in bytes.fromhex(visit(clinic, f"{clinic.trust}/trust")["body"]).decode()
    assert not over["strict-transport-security"]
    for path in ("/login", "/patients/1", "/fhir/Patient", "/metrics"):
        assert visit(clinic, clinic.trust + path)["status"] == 404


def test_the_page_shows_the_fingerprint_that_the_clinics_computer_tells(clinic: Clinic) -> None:
    program = str(Path(sys.executable).with_name("medtech-edge"))
    words = [*clinic.inside, program, "trust", "--json", "--data", str(clinic.data)]
    told = json.loads(subprocess.run(words, capture_output=True, check=True, env=environment()).stdout)
    page = bytes.fromhex(visit(clinic, f"{clinic.trust}/trust")["body"]).decode()
    assert told["sha256"] in page
    assert f"{clinic.trust}/trust" in page


def test_an_iphone_gets_the_same_certificate_in_a_profile(clinic: Clinic, authority: Path) -> None:
    told = visit(clinic, f"{clinic.trust}/trust/clinic.mobileconfig")
    assert told["content-type"] == "application/x-apple-aspen-config"
    payload = plistlib.loads(bytes.fromhex(told["body"]))["PayloadContent"][0]
    assert ssl.DER_cert_to_PEM_cert(payload["PayloadContent"]) == authority.read_text()


@contextlib.contextmanager
def browsing(clinic: Clinic, folder: Path, authority: bytes) -> Iterator[Page]:
    """A page of a Chromium on the device that trusts this authority."""
    arguments, program = ["--no-sandbox", "--disable-gpu"], Path(CHROMIUM)
    if clinic.device:
        program = browser_that_trusts(folder / "browser", clinic.device, authority)
    elif authority == keeping_of(clinic).authority.certificate:
        # Where no namespaces are permitted, it is told to take this server's key: less than verifying, and enough to go on.
        public = keeping_of(clinic).server.parsed().public_key()
        spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        pin = base64.b64encode(hashlib.sha256(spki).digest()).decode()
        arguments.append(f"--ignore-certificate-errors-spki-list={pin}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser.new_page()
        browser.close()


def keeping_of(clinic: Clinic) -> keeping.Kept:
    """What the clinic's computer has in its store."""
    key = bytes.fromhex(json.loads((clinic.data / "edge.key").read_text())["plain"])
    with Store.open(clinic.data, key, Programme()) as store, store.reading() as connection:
        rows = dict(connection.execute("SELECT name, value FROM meta WHERE name LIKE 'tls_%'").fetchall())
    pairs = {name: msgspec.msgpack.decode(value, type=Pair) for name, value in rows.items()}
    return keeping.Kept(pairs["tls_authority"], pairs["tls_server"], ())


def test_chromium_that_trusts_it_has_a_secure_context(clinic: Clinic, authority: Path, tmp_path: Path) -> None:
    """In the namespace no error of certificates is passed over: the browser verifies chain, name and constraints itself."""
    with browsing(clinic, tmp_path, ssl.PEM_cert_to_DER_cert(authority.read_text())) as page:
        answer = page.goto(f"{clinic.url}/login")
        assert answer is not None
        assert answer.status == 200
        assert page.evaluate("isSecureContext") is True
        page.get_by_label("Name").fill("ama")
        page.get_by_label("Password").fill("a long enough password")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{clinic.url}/")
        worker = "navigator.serviceWorker.ready.then((one) => [one.scope, one.active.scriptURL])"
        assert page.evaluate(worker) == [f"{clinic.url}/", f"{clinic.url}/worker.js"]


def test_chromium_that_trusts_another_authority_refuses_to_go_there(clinic: Clinic, tmp_path: Path) -> None:
    other = make_authority("Elsewhere", datetime(2026, 6, 1, tzinfo=UTC), [clinic.host])
    with browsing(clinic, tmp_path, other.certificate) as page, pytest.raises(Error, match="ERR_CERT"):
        page.goto(f"{clinic.url}/login")
