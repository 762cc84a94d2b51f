# SPDX-License-Identifier: Apache-2.0
"""An API server of ours that misbehaves as a test tells it: late, slow, cut, garbage, endless.

It answers what a registration asks as a real one would; everything else goes by `mode`. It keeps what was asked of it, so
that a test can count requests and credentials. Needs the package cryptography.
"""
import contextlib
import datetime
import ipaddress
import json
import socket
import socketserver
import ssl
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """A CA that lives in memory."""

    def __init__(self, name="test CA"):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._build(self.name, self.key.public_key(), True, DAY)
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _build(self, subject, public_key, is_ca, life, address=None):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public_key)
                   .serial_number(x509.random_serial_number()).not_valid_before(now - 2 * DAY).not_valid_after(now + life)
                   .add_extension(x509.BasicConstraints(is_ca, None), critical=True))
        if address:
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def leaf(self, address="127.0.0.1", life=DAY):
        """(PEM of key and certificate, hex SHA-256 of the certificate)"""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            name = x509.IPAddress(ipaddress.ip_address(address))
        except ValueError:
            name = x509.DNSName(address)
        certificate = self._build(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "apiserver")]), key.public_key(), False,
                                  life, name)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return pem + certificate.public_bytes(serialization.Encoding.PEM), certificate.fingerprint(hashes.SHA256()).hex()


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body


def http(body, status="200 OK", kind="application/json", **headers):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {kind}"] if kind else []
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def pod_object(name, annotations=None, namespace="shop"):
    return {"metadata": {"name": name, "namespace": namespace, "uid": name, "creationTimestamp": "2024-05-06T07:08:09Z",
                         "annotations": annotations or {}},
            "spec": {"containers": [{"name": "c", "image": "i"}], "nodeName": "n1"},
            "status": {"phase": "Running", "containerStatuses": [{"restartCount": 0, "state": {"running": {}}}]}}


def pod_list(*items):
    return {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": list(items)}


def status_object(code, reason):
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code,
            "message": "secret-of-the-cluster"}


GOOD = http(pod_list(pod_object("one"), pod_object("two")))


# ---- what a connection does with a request: (send, request, server) -> None; the connection ends when it returns False
def late(send, request, server):
    server.released.wait(120)
    return False


def byte_by_byte(send, request, server):
    for i in range(len(GOOD)):
        if server.released.wait(0.2):
            return False
        send(GOOD[i:i + 1])
    return True


def first_half(send, request, server):
    """The header and half a list, then nothing."""
    send(GOOD[:len(GOOD) // 2])
    server.released.wait(120)
    return False


def cut(send, request, server):
    send(GOOD[:-40])
    return False


def cut_chunk(send, request, server):
    send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{\"items\":[")
    return False


def close(send, request, server):
    return False


def endless_headers(send, request, server):
    send(b"HTTP/1.1 200 OK\r\n")
    for i in range(10_000_000):
        if server.released.is_set():
            break
        send(b"X-Header-%d: %s\r\n" % (i, b"a" * 1000))
    return False


def endless_body(send, request, server):
    """One item whose annotation never ends."""
    send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    start = b'{"kind":"PodList","items":[{"metadata":{"name":"a","annotations":{"x":"'
    send(b"%x\r\n%s\r\n" % (len(start), start))
    block = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    while not server.released.is_set():
        send(block)
    return False


def fixed(answer):
    def mode(send, request, server):
        send(answer)
        return True
    return mode


MODES = {
    "good": fixed(GOOD),
    "late": late, "byte by byte": byte_by_byte, "first half": first_half, "cut": cut, "cut chunk": cut_chunk, "close": close,
    "endless headers": endless_headers, "endless body": endless_body,
    "garbage": fixed(b"\x00\xff\x16\x03garbage\r\n\r\nmore garbage\r\n\r\n"),
    "no status line": fixed(b"hello, is this HTTP/0.9?\n"),
    "no JSON": fixed(http(b"{\"items\":[{]")),
    "half JSON": fixed(http(GOOD.partition(b"\r\n\r\n")[2][:-2])),
    "JSON and more": fixed(http(GOOD.partition(b"\r\n\r\n")[2] + b"{}")),
    "array": fixed(http([])), "null": fixed(http(None)), "empty": fixed(http(b"")),
    "items is a text": fixed(http({"kind": "PodList", "items": "x"})),
    "deep": fixed(http(b'{"items":' + b"[" * 5000 + b"]" * 5000 + b"}")),
    "no UTF-8": fixed(http(b'{"items":[{"metadata":{"name":"\xff\xfe"}}]}')),
    "HTML": fixed(http(b"<html>login</html>", kind="text/html")), "no type": fixed(http(b"{}", kind=None)),
    "protobuf": fixed(http(b"k8s\x00", kind="application/vnd.kubernetes.protobuf")),
    "gzip": fixed(http(b"\x1f\x8b\x08\x00", **{"Content-Encoding": "gzip"})),
    "two lengths": fixed(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n{}"),
}


class FaultyKube:
    def __init__(self, authority=None, life=DAY, address="127.0.0.1"):
        self.authority = authority or Authority()
        self.mode = "good"
        self.answers = dict(MODES)
        self.requests, self.lock = [], threading.Lock()
        self.released = threading.Event()
        self.connections, self.open = 0, set()
        self.port = self.server = None
        self.use_certificate(self.authority, life, address)

    # ---- what a test does with it ----
    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def use_certificate(self, authority, life=DAY, address="127.0.0.1"):
        pem, self.fingerprint = authority.leaf(address, life)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(prefix="cp-faulty-") as leaf:
            leaf.write(pem)
            leaf.flush()
            self.context.load_cert_chain(leaf.name)

    def set_mode(self, mode):
        """A name of MODES, or the bytes to answer with."""
        if isinstance(mode, bytes):
            self.answers["fixed"], mode = fixed(mode), "fixed"
        self.mode = mode

    def credentials(self):
        with self.lock:
            return sum("authorization" in r.headers for r in self.requests)

    def asked(self, text):
        with self.lock:
            return [r for r in self.requests if text in r.path]

    def start(self):
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError, ValueError):
                    outer._serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = allow_reuse_address = True
            request_queue_size = 256

            def handle_error(self, request, client_address):
                pass

        self.released.clear()
        self.server = Server(("127.0.0.1", self.port or 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        """Down: the port refuses, open connections end."""
        self.released.set()
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None
        with self.lock:
            for raw in self.open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(raw, socket.SHUT_RDWR)

    # ---- a connection ----
    def _serve(self, raw):
        copy = raw.dup()  # wrapping takes the descriptor away from @raw
        with self.lock:
            self.connections += 1
            self.open.add(copy)
        try:
            self._talk(raw)
        finally:
            with self.lock:
                self.open.discard(copy)
            copy.close()

    def _talk(self, raw):
        raw.settimeout(120)
        with self.context.wrap_socket(raw, server_side=True) as s:
            reader = s.makefile("rb")
            while not self.released.is_set():
                request = self._read(reader)
                if request is None:
                    return
                with self.lock:
                    self.requests.append(request)
                if not self._answer(s.sendall, request):
                    with contextlib.suppress(OSError):
                        s.shutdown(socket.SHUT_RDWR)
                    return

    @staticmethod
    def _read(reader):
        line = reader.readline(65536).split()
        if len(line) != 3:
            return None
        headers = {}
        while (header := reader.readline(65536)) not in (b"\r\n", b"\n", b""):
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0)))
        return Request(line[0].decode(), line[1].decode(), headers, body)

    def _answer(self, send, request):
        if request.path == "/version" and self.mode == "good":
            send(http({"major": "1", "minor": "30", "gitVersion": "v1.30.0"}))
        elif request.path == "/api" and self.mode == "good":
            send(http({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}))
        elif request.path.endswith("/kube-root-ca.crt"):
            send(http({"kind": "ConfigMap", "data": {"ca.crt": self.authority.pem}}))
        elif request.method == "POST":
            send(http({**json.loads(request.body), "status": {"allowed": True}}, "201 Created"))
        else:
            return self.answers[self.mode](send, request, self)
        return True
