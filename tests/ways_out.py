"""Servers of a network that lets nobody out directly: a proxy that knows hosts no one else knows, and a private CA."""

import asyncio
import base64
import contextlib
import datetime
import http.server
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

REPLY = b'{"ok": true, "result": [], "models": []}'


@dataclass(frozen=True)
class Passed:
    """What went through the proxy: ``CONNECT``, ``SOCKS`` or the method of a plain request, and the host's name."""

    how: str
    host: str
    login: str | None = None


@dataclass
class WayOut:
    """The network.

    Attributes:
        proxy: Host and port; speaks HTTP and SOCKS5.
        tls_proxy: The same proxy, to be spoken to in TLS.
        passed: What the proxy saw, in order.
        served: Hosts that were called, in order.
        authorizations: What callers said of who they are, as far as they did.
        port, tls_port: Where the only server listens; the proxy leads all names there.
        authority: The file of the CA that signed its certificate.
    """

    authority: Path
    passed: list[Passed] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    proxy: str = ""
    tls_proxy: str = ""
    port: int = 0
    tls_port: int = 0


@contextmanager
def way_out(folder: Path) -> Iterator[WayOut]:
    """Run it."""
    certificate = _sign(folder)
    way = WayOut(folder / "authority.pem")
    with ExitStack() as stack:
        server, tls_server = _Server(way), _Server(way)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        tls_server.socket = context.wrap_socket(tls_server.socket, server_side=True, do_handshake_on_connect=False)
        way.port, way.tls_port = server.server_address[1], tls_server.server_address[1]
        proxy = _Proxy(way)
        way.proxy = f"127.0.0.1:{proxy.server_address[1]}"
        for one in (server, tls_server, proxy):
            thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(one.server_close)
            stack.callback(one.shutdown)
        way.tls_proxy = f"localhost:{stack.enter_context(_in_tls(context, int(proxy.server_address[1])))}"
        yield way


@contextmanager
def _in_tls(context: ssl.SSLContext, port: int) -> Iterator[int]:
    """Another port at which the same is served in TLS. On a loop: two threads may not share a socket of TLS."""
    ready: SimpleQueue[tuple[int, Callable[[], object]]] = SimpleQueue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_carry(reader, back), _carry(there, writer))

    async def run() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        ready.put((server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(stop.set)))
        await stop.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    its_port, stop = ready.get()
    yield its_port
    stop()
    thread.join()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()


def _sign(folder: Path) -> Path:
    """Write an authority, and a certificate of its for all hosts of ``.test`` and for this computer."""
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A company's authority")])
    usual = (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    signer = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    uses = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    authority = (
        usual.subject_name(issuer)
        .serial_number(1)
        .public_key(ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, decipher_only=False, **uses),
            critical=True,
        )
        .add_extension(signer, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    names = [x509.DNSName("*.company.test"), x509.DNSName("localhost")]
    certificate = (
        usual.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]))
        .serial_number(2)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "authority.pem").write_bytes(authority.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + certificate.public_bytes(pem))
    return folder / "server.pem"


class _Server(http.server.ThreadingHTTPServer):
    """Answers everything with success, and keeps which host was meant."""

    def __init__(self, way: WayOut) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                way.served.append(self.headers["host"].partition(":")[0])
                way.authorizations.append(self.headers["authorization"] or "")
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(REPLY)))
                self.send_header("etag", '"x"')
                # Kept alive, so that a pool closes it: of what a server closes in TLS, aiohttp awaits no end.
                self.end_headers()
                self.wfile.write(REPLY)

            do_POST = do_PUT = do_GET

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that does not trust us hangs up."""


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, way: WayOut) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                first = self.rfile.peek(1)[:1]
                if first == b"\x05":
                    _serve_socks(self, way)
                elif first:
                    _serve_http(self, way)

        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *_: object) -> None:
        """Say nothing: who has its answer hangs up."""


def _serve_http(client: socketserver.StreamRequestHandler, way: WayOut) -> None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.rfile.readline()
    method, target = head.decode().split(" ", 2)[:2]
    logins = [line.split()[-1] for line in head.decode().splitlines() if line.lower().startswith("proxy-authorization")]
    login = base64.b64decode(logins[0]).decode() if logins else None
    host, _, port = target.removeprefix("http://").partition("/")[0].partition(":")
    way.passed.append(Passed(method, host, login))
    if method == "CONNECT":
        client.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        _join(client, way.tls_port if port == "443" else way.port)
    else:
        _join(client, way.port, head)


def _serve_socks(client: socketserver.StreamRequestHandler, way: WayOut) -> None:
    read, write = client.rfile.read, client.wfile.write
    methods = read(read(2)[1])
    login = None
    if 2 in methods:
        write(b"\x05\x02")
        read(1)
        login = ":".join(read(read(1)[0]).decode() for _ in range(2))
        write(b"\x01\x00")
    else:
        write(b"\x05\x00")
    kind = read(4)[3]
    assert kind == 3, "the name is not asked of the proxy"
    host = read(read(1)[0]).decode()
    port = int.from_bytes(read(2), "big")
    way.passed.append(Passed("SOCKS", host, login))
    write(b"\x05\x00\x00\x01" + bytes(6))
    _join(client, way.tls_port if port == 443 else way.port)


def _join(client: socketserver.StreamRequestHandler, port: int, head: bytes = b"") -> None:
    """Carry bytes both ways until one side has ended."""
    with socket.create_connection(("127.0.0.1", port)) as server:
        server.sendall(head)

        def back() -> None:
            # Who has its answer hangs up at once.
            with contextlib.suppress(OSError):
                while piece := server.recv(65_536):
                    client.connection.sendall(piece)
                client.connection.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=back, daemon=True)
        thread.start()
        with contextlib.suppress(OSError):
            while piece := client.rfile.read1(65_536):
                server.sendall(piece)
        thread.join()
