"""A proxy in front of a real API server that breaks what the test asks it to break.

It ends TLS, forwards each request to the real server and records what passed. Rules, which may be
set while it runs, give single requests another fate: an action is a function that is handed the
Exchange and decides what the client and the server get to see.

    proxy = FaultProxy(server="https://127.0.0.1:6443", ca=..., certificate=..., key=...)
    rule = proxy.on(lose_reply, method="POST", path="/token$")
    ...
    rule.wait(10)                       # until it has been applied
    assert len(proxy.seen(method="POST", path="/token$")) == 1

Records hold no header values that carry a credential and no bodies.
"""

import datetime
import email.utils
import re
import select
import socket
import ssl
import threading
import time
import urllib.parse

HEAD_MAX = 1 << 20
PIECE = 16384
FOREVER = 3600
SECRET_HEADERS = ("authorization", "cookie")


def readable(socks, seconds):
    """Those of SOCKS that have something to read within SECONDS; there may be thousands of others."""
    poll = select.poll()
    for sock in socks:
        if sock.fileno() < 0:
            raise Gone()
        poll.register(sock, select.POLLIN)
    ready = {number for number, _ in poll.poll(seconds * 1000)}
    return [sock for sock in socks if sock.fileno() in ready]


def is_hung_up(sock):
    """The other side has closed it, or we have."""
    if sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return bool(poll.poll(0))


class Gone(Exception):
    """One of the two sides has closed its connection."""


class Cut(Exception):
    """The action wants the client's connection closed without another byte."""


class Wire:
    """A socket with what was read ahead of need."""

    def __init__(self, sock):
        self.sock = sock
        self.ahead = b""

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (OSError, ValueError) as error:
            raise Gone() from error

    def more(self):
        """Some bytes, or b"" at the end."""
        if self.ahead:
            data, self.ahead = self.ahead, b""
            return data
        try:
            return self.sock.recv(PIECE)
        except (OSError, ValueError) as error:
            raise Gone() from error

    def until(self, end):
        while end not in self.ahead:
            if len(self.ahead) > HEAD_MAX:
                raise Gone()
            data, self.ahead = self.ahead, b""
            piece = self.more()
            if not piece:
                raise Gone()
            self.ahead = data + piece
        found, self.ahead = self.ahead.split(end, 1)
        return found

    def exactly(self, size):
        while size > 0:
            piece = self.more()
            if not piece:
                raise Gone()
            self.ahead = piece[size:]
            yield piece[:size]
            size -= len(piece[:size])

    def has_bytes(self):
        return bool(self.ahead) or self.sock.pending() > 0

    def close(self):
        try:
            # Closing alone does not wake a thread that reads; a client must not wait for it.
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


class Head:
    """The first line and the headers of a request or a reply."""

    def __init__(self, wire):
        lines = wire.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.headers = [line.split(":", 1) for line in lines[1:]]

    def value(self, name):
        for key, value in self.headers:
            if key.lower() == name:
                return value.strip()
        return None

    def without(self, *names):
        return [[key, value] for key, value in self.headers if key.lower() not in names]

    def encode(self):
        lines = [self.line] + [f"{key}:{value}" for key, value in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def body(self, wire):
        """The pieces of the body behind this head, without their framing."""
        if (self.value("transfer-encoding") or "").lower() == "chunked":
            return self._chunks(wire)
        return wire.exactly(int(self.value("content-length") or 0))

    @staticmethod
    def _chunks(wire):
        while size := int(wire.until(b"\r\n").split(b";")[0], 16):
            yield from wire.exactly(size)
            wire.until(b"\r\n")
        wire.until(b"\r\n")


class Record:
    """One request that came in, and what became of it."""

    def __init__(self, head, connection):
        self.method, self.path, _ = head.line.split(" ", 2)
        self.headers = {key.lower(): value.strip() for key, value in head.headers
                        if key.lower() not in SECRET_HEADERS}
        self.authorized = head.value("authorization") is not None
        self.connection = connection
        self.body_size = 0
        self.status = None     # of the reply that the client was sent; None: none was
        self.forwarded = False
        self.begin = time.monotonic()
        self.end = None        # when the last byte was passed on, or the connection was lost

    def is_watch(self):
        return "watch=1" in self.path or "watch=true" in self.path

    def __repr__(self):
        return f"<{self.method} {self.path} -> {self.status}>"


class Connection:
    """One connection of a client."""

    def __init__(self, wire):
        self.wire = wire
        self.server_name = getattr(wire.sock, "asked_for", None)  # of SNI
        self.busy = False
        self.opened = time.monotonic()
        self.closed = None
        self.requests = 0


class Exchange:
    """One request on its way: what an action may do with it."""

    def __init__(self, proxy, wire, head, body, record):
        self.proxy = proxy
        self.wire = wire
        self.head = head
        self.body = body
        self.record = record
        self.keep = head.value("connection") != "close"
        self.reply_head = None
        self.reply_body = None
        self.chunked = False

    # Whole steps, of which actions are made.

    def forward(self, rate=None):
        """Forwards the request and passes the reply on as it comes, at most RATE bytes a second."""
        upstream = self.send()
        try:
            head = Head(upstream)
            self.begin_reply(int(head.line.split(" ")[1]), head.without("transfer-encoding"),
                             chunked=head.value("transfer-encoding") is not None)
            for piece in self._while_client_stays(upstream, head):
                self.slowly(piece, rate)
            self.end_reply()
        except Gone:
            upstream.close()
            raise
        self.done_with(upstream, head)

    def fetch(self):
        """Forwards the request and takes in the whole reply; the client sees nothing of it."""
        upstream = self.send()
        try:
            self.reply_head = Head(upstream)
            self.reply_body = b"".join(self.reply_head.body(upstream))
        except Gone:
            upstream.close()
            raise
        self.done_with(upstream, self.reply_head)

    def pass_on(self, body=None):
        """Sends what was fetched, or BODY in place of its body."""
        body = self.reply_body if body is None else body
        status = int(self.reply_head.line.split(" ")[1])
        headers = self.reply_head.without("transfer-encoding", "content-length")
        self.begin_reply(status, headers + [["Content-Length", str(len(body))]])
        self.data(body)
        self.end_reply()

    def answer(self, status, body=b"", content_type="application/json", headers=()):
        """Answers in the server's place."""
        body = body.encode() if isinstance(body, str) else body
        fields = [["Content-Type", content_type], ["Content-Length", str(len(body))]]
        self.begin_reply(status, fields + [list(field) for field in headers])
        self.data(body)
        self.end_reply()

    def cut(self):
        raise Cut()

    def pause(self, seconds):
        """Waits, unless the proxy is closed meanwhile."""
        if self.proxy.closing.wait(seconds):
            raise Cut()

    # Smaller ones.

    def send(self):
        """Sends the request to the server; returns the connection to it."""
        upstream = self.proxy.upstream(self.record.authorized)
        if self.proxy.bearer and self.record.authorized:
            self.head.headers = self.head.without("authorization")
            self.head.headers.append(["Authorization", f" Bearer {self.proxy.bearer}"])
        try:
            upstream.send(self.head.encode() + self.body)
        except Gone:
            upstream.close()
            raise
        self.record.forwarded = True
        return upstream

    def done_with(self, upstream, head):
        if head.value("connection") == "close":
            upstream.close()
        else:
            self.proxy.keep_upstream(self.record.authorized, upstream)

    def begin_reply(self, status, headers, chunked=False):
        self.chunked = chunked
        head = Head.__new__(Head)
        head.line = f"HTTP/1.1 {status} Fault"
        head.headers = [[key, " " + value.strip()] for key, value in headers]
        if chunked:
            head.headers.append(["Transfer-Encoding", " chunked"])
        if head.value("connection") == "close":
            self.keep = False
        self.record.status = status
        self.wire.send(head.encode())

    def data(self, piece):
        if not piece:
            return
        self.wire.send(b"%x\r\n%s\r\n" % (len(piece), piece) if self.chunked else piece)

    def end_reply(self):
        if self.chunked:
            self.wire.send(b"0\r\n\r\n")

    def slowly(self, piece, rate):
        step = max(1, rate // 10) if rate else len(piece)
        for start in range(0, len(piece), max(1, step)):
            self.data(piece[start:start + step])
            if rate:
                self.pause(0.1)

    def _while_client_stays(self, upstream, head):
        """The reply's body; ends with Gone as soon as the client of a stream has hung up."""
        body = head.body(upstream)
        if not self.chunked:
            yield from body
            return
        while True:
            while not upstream.has_bytes():
                ready = readable([upstream.sock, self.wire.sock], 1)
                if self.proxy.closing.is_set():
                    raise Gone()
                if self.wire.sock in ready and not self.wire.ahead:
                    self.wire.ahead = self.wire.more()
                    if not self.wire.ahead:
                        raise Gone()
                if upstream.sock in ready:
                    break
            try:
                yield next(body)
            except StopIteration:
                return


class Rule:
    """Which requests get an action, and how often."""

    def __init__(self, action, method, path, skip, times):
        self.action = action
        self.method = method
        self.path = re.compile(path)
        self.skip = skip
        self.times = times
        self.count = 0  # requests that it was applied to
        self.condition = threading.Condition()
        self.released = threading.Event()
        self.removed = False

    def takes(self, record):
        if self.removed or (self.method and record.method != self.method):
            return False
        if not self.path.search(record.path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None and self.count >= self.times:
            return False
        with self.condition:
            self.count += 1
            self.condition.notify_all()
        return True

    def wait(self, seconds, count=1):
        """Waits until the rule was applied COUNT times."""
        with self.condition:
            assert self.condition.wait_for(lambda: self.count >= count, seconds), (
                f"rule on {self.method} {self.path.pattern} was applied {self.count} times")

    def release(self):
        """Lets the requests go that hold() has stopped."""
        self.released.set()

    def remove(self):
        self.removed = True


class FaultProxy:
    """Listens on loopback, at .url, until close()."""

    def __init__(self, server, ca, certificate, key, client_certificate=None, address="127.0.0.1"):
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.records = []
        self.connections = []
        self.rules = []
        self._kept = {True: [], False: []}
        self.switch(server, ca, client_certificate)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)
        self._tls.sni_callback = self._remember_name
        self._listener = None
        self._bind((address, 0))

    @staticmethod
    def _client_context(ca, client_certificate):
        context = ssl.create_default_context(cafile=ca)
        if client_certificate:
            context.load_cert_chain(*client_certificate)
        return context

    @staticmethod
    def _remember_name(sock, name, _):
        sock.asked_for = name

    # Lifetime.

    def _bind(self, address):
        self._listener = socket.create_server(address, backlog=256)
        self._address = self._listener.getsockname()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    @property
    def url(self):
        return f"https://{self._address[0]}:{self._address[1]}"

    @property
    def port(self):
        return self._address[1]

    def close(self):
        self.closing.set()
        self.refuse()
        for wires in self._kept.values():
            while wires:
                wires.pop().close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # What a test may do to all connections at once.

    def switch(self, server, ca, client_certificate=None, bearer=None):
        """Takes SERVER for the one behind; with BEARER in place of the clients' own."""
        where = urllib.parse.urlsplit(server)
        with self.lock:
            self.server = (where.hostname, where.port or 443)
            self.bearer = bearer
            self._contexts = {True: self._client_context(ca, None),
                              False: self._client_context(ca, client_certificate)}
            kept = self._kept[True] + self._kept[False]
            self._kept = {True: [], False: []}
        for wire in kept:
            wire.close()

    def refuse(self):
        """Stops listening: connections are refused until resume()."""
        listener, self._listener = self._listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut_connections()

    def is_listening(self):
        return self._listener is not None

    def resume(self):
        self._bind(self._address)

    def cut_connections(self, idle_only=False):
        """Closes the clients' connections; with IDLE_ONLY those that no request is on."""
        for connection in list(self.connections):
            if connection.closed is None and not (idle_only and connection.busy):
                connection.wire.close()

    # Rules and records.

    def on(self, action, method=None, path="", skip=0, times=1):
        """Gives ACTION to TIMES requests (None: all) that match, after the first SKIP of them.
        Later rules go before earlier ones."""
        rule = Rule(action, method, path, skip, times)
        with self.lock:
            self.rules.insert(0, rule)
        return rule

    def forget(self):
        """Drops all rules and records."""
        with self.lock:
            for rule in self.rules:
                rule.remove()
                rule.release()
            self.rules.clear()
            self.records.clear()

    def seen(self, method=None, path="", watch=None):
        """The records that match, oldest first."""
        return [record for record in list(self.records)
                if (method is None or record.method == method)
                and re.search(path, record.path)
                and (watch is None or record.is_watch() == watch)]

    def concurrent(self, records):
        """How many of RECORDS were under way at the same time, at most."""
        now = time.monotonic()
        steps = sorted([(record.begin, 1) for record in records]
                       + [(record.end or now, -1) for record in records])
        most = level = 0
        for _, step in steps:
            level += step
            most = max(most, level)
        return most

    # The work.

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        sock.settimeout(FOREVER)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            wire = Wire(self._tls.wrap_socket(sock, server_side=True))
        except OSError:
            sock.close()
            return
        connection = Connection(wire)
        self.connections.append(connection)
        try:
            while self._serve_one(connection):
                pass
        except (Gone, Cut):
            pass
        finally:
            wire.close()
            connection.closed = time.monotonic()

    def _serve_one(self, connection):
        wire = connection.wire
        head = Head(wire)
        connection.busy = True
        connection.requests += 1
        record = Record(head, connection)
        self.records.append(record)
        body = b"".join(head.body(wire))
        record.body_size = len(body)
        exchange = Exchange(self, wire, head, body, record)
        try:
            self._action_for(record)(exchange)
        finally:
            record.end = time.monotonic()
            connection.busy = False
        return exchange.keep

    def _action_for(self, record):
        with self.lock:
            for rule in self.rules:
                if rule.takes(record):
                    return lambda exchange: rule.action(_WithRule(exchange, rule))
        return Exchange.forward

    def upstream(self, authorized):
        """A connection to the server; one with the client certificate for requests that bring no
        credential of their own."""
        while True:
            with self.lock:
                wire = self._kept[authorized].pop() if self._kept[authorized] else None
            if wire is None:
                break
            if not readable([wire.sock], 0):
                return wire
            wire.close()  # the server has hung up meanwhile
        try:
            sock = socket.create_connection(self.server, timeout=FOREVER)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            context = self._contexts[authorized]
            return Wire(context.wrap_socket(sock, server_hostname=self.server[0]))
        except OSError as error:
            raise Gone() from error

    def keep_upstream(self, authorized, wire):
        with self.lock:
            self._kept[authorized].append(wire)


class _WithRule:
    """The exchange, with the rule that it is under."""

    def __init__(self, exchange, rule):
        self._exchange = exchange
        self.rule = rule

    def __getattr__(self, name):
        return getattr(self._exchange, name)


# Actions.


def forward(exchange):
    exchange.forward()


def cut(exchange):
    """The server never sees the request."""
    exchange.cut()


def lose_reply(exchange):
    """The server has done it; the client never hears of it."""
    exchange.fetch()
    exchange.cut()


def delay(seconds):
    def action(exchange):
        exchange.pause(seconds)
        exchange.forward()
    return action


def rewrite(function):
    """FUNCTION makes the body that the client gets of the server's."""
    def action(exchange):
        exchange.fetch()
        exchange.pass_on(function(exchange.reply_body))
    return action


def date_ahead(seconds):
    """The Date of the reply is that many seconds further on, or back."""
    def action(exchange):
        exchange.fetch()
        date = email.utils.parsedate_to_datetime(exchange.reply_head.value("date"))
        date += datetime.timedelta(seconds=seconds)
        exchange.reply_head.headers = exchange.reply_head.without("date") + [
            ["Date", email.utils.format_datetime(date, usegmt=True)]]
        exchange.pass_on()
    return action


def throttle(bytes_per_second):
    def action(exchange):
        exchange.forward(rate=bytes_per_second)
    return action


def hold(exchange):
    """Stops the request before the server sees it, until the rule's release()."""
    _await_release(exchange)
    exchange.forward()


def hold_reply(exchange):
    """Stops the reply until the rule's release()."""
    exchange.fetch()
    _await_release(exchange)
    exchange.pass_on()


def _await_release(exchange):
    while not exchange.rule.released.wait(0.05):
        if exchange.proxy.closing.is_set():
            exchange.cut()


def silence(exchange):
    """The server's headers, and then nothing more."""
    upstream = exchange.send()
    try:
        head = Head(upstream)
        exchange.begin_reply(200, head.without("transfer-encoding", "content-length"), chunked=True)
        exchange.pause(FOREVER)
    finally:
        upstream.close()


def deaf(exchange):
    """Takes the request and never answers."""
    exchange.pause(FOREVER)


def answer(status, body="", content_type="application/json", headers=()):
    """Answers in the server's place. BODY may be text, bytes, or what makes JSON."""
    def action(exchange):
        exchange.answer(status, body, content_type, headers)
    return action


def too_many_requests(retry_after):
    """As priority and fairness answers: plain text."""
    return answer(429, "Too many requests, please try again later.\n", "text/plain; charset=utf-8",
                  [("Retry-After", str(retry_after))])


def redirect(url):
    return answer(307, "", "text/plain", [("Location", url)])


def truncate(size):
    """Passes on SIZE bytes of the body, and cuts."""
    def action(exchange):
        exchange.fetch()
        status = int(exchange.reply_head.line.split(" ")[1])
        headers = exchange.reply_head.without("transfer-encoding", "content-length")
        length = [["Content-Length", str(len(exchange.reply_body))]]
        exchange.begin_reply(status, headers + length)
        exchange.data(exchange.reply_body[:size])
        exchange.cut()
    return action


def stream(*pieces, then_hold=False):
    """A watch of the test's own making: each piece is sent by itself, then the stream ends."""
    def action(exchange):
        exchange.begin_reply(200, [["Content-Type", "application/json"]], chunked=True)
        for piece in pieces:
            exchange.data(piece.encode() if isinstance(piece, str) else piece)
        if then_hold:
            exchange.pause(FOREVER)
        exchange.end_reply()
    return action


def endless_body(exchange):
    exchange.begin_reply(200, [["Content-Type", "application/json"]], chunked=True)
    exchange.data(b'{"endless":"')
    while not exchange.proxy.closing.is_set():
        exchange.data(b"x" * PIECE)


def endless_headers(exchange):
    exchange.wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
    number = 0
    while not exchange.proxy.closing.is_set():
        number += 1
        exchange.wire.send(b"X-Header-%d: %s\r\n" % (number, b"y" * 1000))


def call_before(function, then=forward):
    """FUNCTION runs before the server sees the request; THEN is what happens to it."""
    def action(exchange):
        function()
        then(exchange)
    return action


def call_with_reply(function):
    """FUNCTION runs when the server has answered and the client does not know it yet."""
    def action(exchange):
        exchange.fetch()
        function()
        exchange.pass_on()
    return action


def call_after(function):
    """FUNCTION runs when the whole reply was passed on."""
    def action(exchange):
        exchange.fetch()
        exchange.pass_on()
        function()
    return action
