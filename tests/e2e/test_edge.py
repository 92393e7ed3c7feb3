"""Our HTTP and Kubernetes client against a real API server, with faults in front of it.

Each test names the items of the rule book that it proves: C, E, R, LI and W numbers are those of
the Kubernetes semantics, R5x those of the security rules.
"""

import json
import os
import pathlib
import re
import subprocess
import time

import pytest

import fault_proxy as fault
import testbed
from fault_proxy import FaultProxy
from kube_probe import Probe

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
SYSTEM = "/api/v1/namespaces/kube-system"
EXPIRED = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410}


def configmap(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def unique(prefix):
    return f"{prefix}-{os.urandom(4).hex()}"


@pytest.fixture(scope="module")
def plane(own_name):
    with testbed.ControlPlane(own_name("plane")) as plane:
        yield plane


@pytest.fixture(scope="module")
def token(plane):
    return plane.admin_token()


@pytest.fixture(name="proxy")
def fresh_proxy(plane):
    with plane.proxy() as proxy:
        yield proxy


@pytest.fixture(name="start")
def start_probe(plane, proxy, token, tmp_path):
    """Starts a probe that calls the API server through the proxy, as an administrator."""
    started = []

    def start(**options):
        options = {"server": proxy.url, "ca": plane.ca, "token": token, **options}
        probe = Probe(tmp_path, **{key: value for key, value in options.items() if value})
        started.append(probe)
        return probe

    yield start
    for probe in started:
        log, code = probe.end()
        assert code == 0, log


# What a request looks like.


def test_requests_carry_our_headers_and_no_others(proxy, start):
    """R-02, R-03, R-04, W-14, C-01"""
    probe = start()
    name = unique("headers")
    probe.call("create", CONFIGMAPS, body=configmap(name))
    probe.call("put", f"{CONFIGMAPS}/{name}", body=configmap(name, a="1"))
    probe.call("apply", f"{CONFIGMAPS}/{name}?fieldManager=edge&force=true", body=configmap(name, b="2"))
    probe.call("patch", f"{CONFIGMAPS}/{name}", body=[{"op": "remove", "path": "/data/b"}])
    last = probe.call("delete", f"{CONFIGMAPS}/{name}", body={"kind": "DeleteOptions", "apiVersion": "v1"})
    assert [record.status for record in proxy.seen()] == [201, 200, 200, 200, 200]
    assert last["kind"] == "none"
    assert [record.headers["content-type"] for record in proxy.seen()] == [
        "application/json", "application/json", "application/apply-patch+yaml",
        "application/json-patch+json", "application/json"]
    for record in proxy.seen():
        assert re.fullmatch(r"credbroker/\S+ \(linux/\w+\)", record.headers["user-agent"])
        assert record.headers["accept"] == "application/json"
        assert not {"accept-encoding", "expect", "transfer-encoding"} & set(record.headers)


def test_the_servers_date_and_warning_are_handed_on(proxy, start):
    """R-07, X-07"""
    proxy.on(fault.answer(200, "{}", headers=[("Warning", '299 - "mind the gap"'),
                                              ("Date", "Sun, 06 Nov 1994 08:49:37 GMT")]))
    result = start().call("get", SYSTEM)
    assert (result["warning"], result["date"]) == ("mind the gap", 784111777)


def test_metadata_only_reads_can_be_asked_for(start):
    """R-02"""
    accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    result = start().call("get", SYSTEM, accept=accept)
    assert result["object"]["kind"] == "PartialObjectMetadata"


@pytest.mark.parametrize("path", ["/api v1", "/api\r\nX-Evil: 1", "/a#b", "api", "/" + "a" * 5000])
def test_a_path_that_is_no_path_is_never_sent(proxy, start, path):
    """R-10"""
    assert start().call("get", path)["kind"] == "invalid"
    assert proxy.seen() == []


@pytest.mark.parametrize("bearer", ["a\r\nX-Evil: 1", "a\nb", "a" * 20000])
def test_a_token_that_is_no_token_is_never_sent(proxy, start, bearer):
    """R-10"""
    probe = start()
    assert probe.call("create", REVIEWS, bearer=bearer, body={})["kind"] == "invalid"
    assert proxy.seen() == []


# Whom it talks to, and whom it trusts.


def test_a_redirect_is_not_followed(plane, proxy, start):
    """R-10, R55"""
    with plane.proxy() as elsewhere:
        proxy.on(fault.redirect(elsewhere.url + SYSTEM), times=None)
        probe = start()
        for verb, body in (("get", None), ("create", {})):
            result = probe.call(verb, SYSTEM, body=body)
            assert (result["status"], result["kind"]) == (307, "unavailable")
        assert elsewhere.connections == []


def test_a_server_of_another_ca_is_refused(proxy, start, tmp_path):
    """C-02"""
    ca, _ = testbed.authority(tmp_path)
    result = start(ca=ca).call("create", CONFIGMAPS, body=configmap("never"))
    assert (result["kind"], result["outcome_unknown"]) == ("unavailable", False)
    assert "not signed by the given CA" in result["text"]
    assert proxy.seen() == []


def test_a_certificate_for_another_name_is_refused(plane, start, tmp_path):
    """C-02"""
    certificate, key = testbed.certificate(tmp_path, plane.ca, plane.ca_key, ["DNS:other.test"])
    with FaultProxy(plane.server, plane.ca, certificate, key) as other:
        result = start(server=other.url).call("get", SYSTEM)
        assert "for another name" in result["text"]
        assert other.seen() == []


def test_the_systems_cas_are_not_trusted(plane, proxy, start, tmp_path):
    """C-02: the server's CA is in the place where libcurl and OpenSSL look by default."""
    system = tmp_path / "system"
    system.mkdir()
    for name in ("plane.pem", "ca-certificates.crt"):
        (system / name).write_text(plane.ca_pem(), encoding="ascii")
    subprocess.run(["openssl", "rehash", str(system)], check=True, capture_output=True, timeout=30)
    hide = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
            'mount --bind "$0" /etc/ssl/certs && exec "$@"', str(system)]
    if subprocess.run([*hide, "true"], capture_output=True, timeout=30, check=False).returncode:
        pytest.skip("no user namespaces here")
    trusted = subprocess.run([*hide, "curl", "-sS", "--max-time", "10", proxy.url + "/livez"],
                             capture_output=True, text=True, timeout=30, check=False)
    assert trusted.returncode == 0, f"the test's own setting does not work: {trusted.stderr}"

    ca, _ = testbed.authority(tmp_path)
    environment = {"SSL_CERT_DIR": str(system), "SSL_CERT_FILE": plane.ca, "CURL_CA_BUNDLE": plane.ca}
    before = len(proxy.seen())
    result = start(ca=ca, wrapper=hide, environment=environment).call("get", SYSTEM)
    assert "not signed by the given CA" in result["text"]
    assert len(proxy.seen()) == before


def test_a_ca_that_is_none_is_refused(start, tmp_path):
    """C-02, R57: never a fallback to other roots"""
    no_ca = tmp_path / "no-ca.crt"
    no_ca.write_text("-----BEGIN NOTHING-----\n", encoding="ascii")
    assert start(ca=no_ca).call("get", SYSTEM)["kind"] == "invalid"


def test_proxies_and_netrc_of_the_environment_are_ignored(proxy, start, tmp_path):
    """security 2.5"""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login evil password evil\n", encoding="ascii")
    (tmp_path / ".netrc").chmod(0o600)
    nowhere = "http://127.0.0.1:1"
    environment = {"HOME": str(tmp_path), "NETRC": str(tmp_path / ".netrc")}
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy"):
        environment[name] = nowhere
    result = start(token=None, environment=environment).call("get", SYSTEM)
    assert result["status"] == 403  # anonymous
    assert [record.authorized for record in proxy.seen()] == [False]


def test_loopback_is_refused_unless_allowed(proxy, start):
    """R56: the address counts, whatever the name"""
    for server in (proxy.url, f"https://localhost:{proxy.port}"):
        result = start(server=server, loopback="no").call("create", CONFIGMAPS, body={})
        assert (result["kind"], result["outcome_unknown"]) == ("denied", False)
    assert proxy.connections == []


@pytest.mark.parametrize("host", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "[::]", "[fe80::1]",
                                  "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]",
                                  "[fd00:ec2::254]", "2130706433", "0x7f.1"])
def test_addresses_that_no_member_has_are_refused(proxy, start, host):
    """R56"""
    allowed = "no" if host in ("2130706433", "0x7f.1") else "yes"  # other spellings of 127.0.0.1
    result = start(server=f"https://{host}:{proxy.port}", loopback=allowed).call("get", SYSTEM)
    assert result["kind"] == "denied"
    assert proxy.connections == []


def test_the_tls_server_name_is_that_of_sni_certificate_and_host(plane, start, tmp_path):
    """C-14"""
    certificate, key = testbed.certificate(tmp_path, plane.ca, plane.ca_key, ["DNS:api.member.test"])
    with FaultProxy(plane.server, plane.ca, certificate, key) as member:
        result = start(server=member.url, tls_server_name="api.member.test").call("get", SYSTEM)
        assert result["kind"] == "none"
        assert member.connections[0].server_name == "api.member.test"
        assert member.seen()[0].headers["host"] == f"api.member.test:{member.port}"


def test_a_bearer_of_the_request_is_the_only_credential_on_its_connection(plane, token, start):
    """C-07, R54: against the server itself, which would believe a client certificate first"""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    pki = pathlib.Path(plane.ca).parent
    probe = start(server=plane.server, token=None, certificate=pki / "admin.crt", key=pki / "admin.key")
    users = [probe.call("create", REVIEWS, body=review, **fields)["object"]["status"]["userInfo"]["username"]
             for fields in ({}, {"bearer": token}, {})]
    assert users == ["testbed-admin", "system:serviceaccount:kube-system:test-admin", "testbed-admin"]


def test_a_bearer_of_the_request_has_connections_of_its_own(proxy, token, start):
    """R54"""
    probe = start()
    for fields in ({}, {"bearer": token}, {}, {"bearer": token}):
        assert probe.call("get", SYSTEM, **fields)["kind"] == "none"
    first, second, third, fourth = [record.connection for record in proxy.seen()]
    assert first is third and second is fourth and first is not second


# Sent once.


@pytest.mark.parametrize("verb", ["create", "put", "apply", "patch", "delete"])
def test_a_write_is_not_sent_again_when_a_kept_connection_dies(proxy, start, verb):
    """C-05, E-04"""
    probe = start()
    probe.call("get", SYSTEM)
    rule = proxy.on(fault.cut, path=CONFIGMAPS, times=None)
    result = probe.call(verb, f"{CONFIGMAPS}?x", body=configmap("never"))
    assert (result["kind"], result["outcome_unknown"], result["status"]) == ("unavailable", True, 0)
    assert rule.count == 1
    assert proxy.seen()[0].connection is proxy.seen()[1].connection


def test_a_large_write_is_not_sent_again_either(proxy, start):
    """C-05: a body that does not fit into one write"""
    probe = start()
    probe.call("get", SYSTEM)
    rule = proxy.on(fault.cut, method="POST", times=None)
    result = probe.call("create", CONFIGMAPS, body=configmap("never", text="x" * 300000))
    assert result["outcome_unknown"] and rule.count == 1


def test_a_write_after_the_server_closed_an_idle_connection_works(proxy, start):
    probe = start()
    probe.call("get", SYSTEM)
    proxy.cut_connections(idle_only=True)
    assert probe.call("create", CONFIGMAPS, body=configmap(unique("idle")))["kind"] == "none"
    assert len(proxy.seen(method="POST")) == 1


@pytest.mark.parametrize("verb", ["create", "apply", "delete"])
def test_a_write_whose_reply_was_lost_is_of_unknown_outcome(plane, proxy, start, verb):
    """E-04, R-09, FI-01"""
    probe = start()
    name = unique("lost")
    if verb == "delete":
        probe.call("create", CONFIGMAPS, body=configmap(name))
    proxy.on(fault.lose_reply, path=CONFIGMAPS)
    before = len(proxy.seen())
    path = {"create": CONFIGMAPS, "apply": f"{CONFIGMAPS}/{name}?fieldManager=edge",
            "delete": f"{CONFIGMAPS}/{name}"}[verb]
    result = probe.call(verb, path, body={} if verb == "delete" else configmap(name))
    assert (result["kind"], result["outcome_unknown"]) == ("unavailable", True)
    assert len(proxy.seen()) == before + 1
    there = plane.run("get", "configmap", name).returncode == 0
    assert there == (verb != "delete")


def test_a_write_that_was_never_sent_has_a_known_outcome(proxy, start):
    """E-04"""
    proxy.refuse()
    result = start().call("create", CONFIGMAPS, body=configmap("never"))
    assert (result["kind"], result["outcome_unknown"]) == ("unavailable", False)


# What is believed of a reply.


def test_a_body_over_the_cap_ends_the_call(proxy, start):
    """security 2.6"""
    proxy.on(fault.endless_body)
    result = start(body_max=100000).call("get", SYSTEM)
    assert (result["kind"], "longer than 100000 bytes" in result["text"]) == ("invalid", True)


def test_headers_over_the_cap_end_the_call(proxy, start):
    """security 4.3"""
    proxy.on(fault.endless_headers)
    result = start().call("get", SYSTEM)
    assert (result["kind"], "too many headers" in result["text"]) == ("invalid", True)


def test_a_reply_that_is_cut_short_is_not_believed(proxy, start):
    """LI-06, C-12"""
    rule = proxy.on(fault.truncate(120), times=None)
    probe = start()
    result = probe.call("list", CONFIGMAPS)
    assert (result["kind"], "object" in result) == ("unavailable", False)
    assert rule.count == 3
    result = probe.call("create", CONFIGMAPS, body=configmap(unique("cut")))
    assert (result["kind"], result["outcome_unknown"]) == ("unavailable", True)
    assert rule.count == 4


@pytest.mark.parametrize("body,content_type", [
    ("<html>Please log in</html>", "text/html"), ("{}", "text/plain"), ("{}", "application/yaml"),
    ('{"kind":', "application/json"), ('{"a":1,"a":2}', "application/json"), ("", "application/json")])
def test_a_success_that_is_not_json_is_no_success(proxy, start, body, content_type):
    """R-02, section 4's order of decoding"""
    proxy.on(fault.answer(200, body, content_type), times=None)
    probe = start()
    result = probe.call("get", SYSTEM)
    assert (result["kind"], result["outcome_unknown"]) == ("unavailable", False)
    result = probe.call("create", CONFIGMAPS, body={})
    assert (result["kind"], result["outcome_unknown"]) == ("unavailable", True)


def test_errors_of_the_server_get_their_kinds(start):
    """E-01"""
    probe = start()
    name = unique("kinds")
    probe.call("create", CONFIGMAPS, body=configmap(name))
    stale = configmap(name)
    stale["metadata"]["resourceVersion"] = "1"
    wrong_uid = {"preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}
    kinds = [probe.call(verb, path, body=body)["kind"] for verb, path, body in [
        ("create", CONFIGMAPS, configmap(name)),
        ("put", f"{CONFIGMAPS}/{name}", stale),
        ("delete", f"{CONFIGMAPS}/{name}", wrong_uid),
        ("get", f"{CONFIGMAPS}/{unique('none')}", None),
        ("get", "/apis/nothing.test/v1/things/one", None),
        ("create", CONFIGMAPS, configmap("Not A Name")),
    ]]
    assert kinds == ["conflict", "conflict", "conflict", "not found", "unavailable", "invalid"]


def test_the_servers_own_words_stay_out_of_error_texts(proxy, start):
    """E-05"""
    canary = "eyJhbGciOiJub25lIn0.canary"
    status = {"kind": "Status", "reason": "Invalid", "code": 422, "message": f"bad token {canary}"}
    proxy.on(fault.answer(422, json.dumps(status)))
    result = start().call("create", CONFIGMAPS, body=configmap("never", token=canary))
    assert result["kind"] == "invalid" and canary not in json.dumps(result)


# Tried again.


def gaps(records):
    return [after.begin - before.end for before, after in zip(records, records[1:])]


@pytest.mark.parametrize("verb", ["get", "create"])
def test_429_in_plain_text_is_waited_for_as_told(proxy, start, verb):
    """R-05, R-06, E-03"""
    proxy.on(fault.too_many_requests(1), times=2)
    path = CONFIGMAPS if verb == "create" else SYSTEM
    result = start().call(verb, path, body=configmap(unique("busy")) if verb == "create" else None)
    assert result["kind"] == "none"
    assert len(proxy.seen()) == 3
    assert all(1 <= gap < 1.5 for gap in gaps(proxy.seen()))


def test_a_server_that_is_always_busy_is_given_up_after_ten_tries(proxy, start):
    """R-05"""
    proxy.on(fault.too_many_requests(0), times=None)
    result = start().call("create", CONFIGMAPS, body=configmap("never"))
    assert (result["kind"], result["status"], result["outcome_unknown"]) == ("unavailable", 429, False)
    assert len(proxy.seen()) == 10


@pytest.mark.parametrize("verb,status,retry_after,tries,unknown", [
    ("get", 503, None, 1, False), ("get", 503, 0, 2, False), ("get", 500, 0, 2, False),
    ("get", 504, 0, 2, False), ("get", 429, None, 1, False), ("get", 404, 0, 1, False),
    ("create", 429, None, 1, False), ("create", 429, 0, 2, False), ("create", 409, 0, 1, False),
    # Repeating what may have been done is for those who know what it was.
    ("create", 500, 0, 1, True), ("create", 503, 0, 1, True), ("create", 504, None, 1, True),
])
def test_only_what_is_safe_and_asked_for_is_tried_again(proxy, start, verb, status, retry_after, tries,
                                                        unknown):
    """R-05, E-04"""
    headers = [] if retry_after is None else [("Retry-After", str(retry_after))]
    proxy.on(fault.answer(status, "no", "text/plain", headers))
    path = CONFIGMAPS if verb == "create" else SYSTEM
    result = start().call(verb, path, body=configmap(unique("try")) if verb == "create" else None)
    assert len(proxy.seen()) == tries
    assert (result["kind"] == "none") == (tries > 1)
    assert result["outcome_unknown"] == unknown


def test_a_lost_get_is_repeated_a_second_apart_and_not_for_ever(proxy, start):
    """R-05"""
    rule = proxy.on(fault.cut, times=None)
    probe = start()
    assert probe.call("get", SYSTEM)["kind"] == "unavailable"
    assert rule.count == 3
    assert all(1 <= gap < 1.5 for gap in gaps(proxy.seen()))
    rule.remove()
    proxy.on(fault.cut, times=1)
    assert probe.call("get", SYSTEM)["kind"] == "none"


def test_a_401_renews_the_token_and_is_repeated_once(proxy, start, token):
    """section 4: 401"""
    probe = start(token="stale", second_token=token)
    assert probe.call("create", CONFIGMAPS, body=configmap(unique("renew")))["kind"] == "none"
    assert [record.status for record in proxy.seen()] == [401, 201]
    probe = start(token="stale", second_token="stale-too")
    assert probe.call("get", SYSTEM)["status"] == 401
    assert [record.status for record in proxy.seen()] == [401, 201, 401, 401]


def test_a_401_without_another_token_is_told_at_once(proxy, start):
    assert start(token="stale").call("get", SYSTEM)["kind"] == "denied"
    assert len(proxy.seen()) == 1


# The pool.


def test_calls_are_bounded_and_streams_do_not_count(proxy, start):
    """R-08, P-02, Q-05"""
    probe = start(calls_max=3)
    for _ in range(2):
        stream = probe.start("stream", f"{CONFIGMAPS}?watch=1")
        probe.await_event(lambda event, stream=stream: event.get("opened") == stream)
    proxy.on(fault.delay(0.05), path=SYSTEM, times=None)
    calls = [probe.start("get", SYSTEM) for _ in range(30)]
    assert all(probe.result(call)["kind"] == "none" for call in calls)
    assert proxy.concurrent(proxy.seen(watch=False)) == 3
    assert len({record.connection for record in proxy.seen(watch=False)}) <= 3
    assert len(proxy.connections) <= 5


def test_urgent_calls_go_to_the_head_of_the_line(proxy, start):
    probe = start(calls_max=1)
    rule = proxy.on(fault.hold)
    calls = [probe.start("get", f"{SYSTEM}?n={number}") for number in range(5)]
    rule.wait(10)
    calls += [probe.start("get", f"{SYSTEM}?u={number}", urgent=True) for number in range(2)]
    rule.release()
    assert all(probe.result(call)["kind"] == "none" for call in calls)
    order = [record.path.split("?")[1] for record in proxy.seen()]
    assert order == ["n=0", "u=0", "u=1", "n=1", "n=2", "n=3", "n=4"]


def test_a_cancelled_call_is_never_told_and_frees_its_place(proxy, start):
    probe = start(calls_max=1)
    rule = proxy.on(fault.hold)
    running = probe.start("get", SYSTEM)
    rule.wait(10)
    waiting = probe.start("get", f"{SYSTEM}?waiting")
    last = probe.start("get", f"{SYSTEM}?last")
    probe.command("cancel", id=waiting)
    probe.command("cancel", id=running)
    assert probe.result(last)["kind"] == "none"
    probe.mark()
    assert not [event for event in probe.events if event.get("id") in (running, waiting)]
    assert [record.path for record in proxy.seen()] == [SYSTEM, f"{SYSTEM}?last"]
    rule.release()


def test_a_call_can_end_while_the_program_ends(proxy, start):
    """Every kind of call is under way when all is torn down; the sanitizers look on."""
    proxy.on(fault.deaf, path=SYSTEM, times=None)
    proxy.on(fault.too_many_requests(30), path="busy", times=None)
    probe = start(calls_max=2)
    for path in (SYSTEM, f"{SYSTEM}?waiting", f"{SYSTEM}?line", f"{SYSTEM}?busy"):
        probe.start("get", path)
    probe.start("stream", f"{CONFIGMAPS}?watch=1")
    probe.watch("", "v1", "configmaps")
    probe.await_event(lambda event: "opened" in event)


# Streams and time.


def test_a_silent_stream_is_given_up(proxy, start):
    """W-09, FI-04"""
    proxy.on(fault.silence)
    probe = start()
    stream = probe.start("stream", f"{CONFIGMAPS}?watch=1", idle_ms=700)
    result = probe.result(stream)
    assert (result["kind"], "fell silent" in result["text"]) == ("unavailable", True)
    assert 700 <= result["ms"] < 2000


def test_a_stream_has_a_hard_ceiling(proxy, start):
    """W-09"""
    endless = ["x" * 10] * 2000

    def drip(exchange):
        exchange.begin_reply(200, [["Content-Type", "application/json"]], chunked=True)
        for piece in endless:
            exchange.data(piece.encode())
            exchange.pause(0.1)

    proxy.on(drip)
    probe = start()
    result = probe.result(probe.start("stream", f"{CONFIGMAPS}?watch=1", timeout_ms=1000, idle_ms=600))
    assert (result["kind"], "timed out" in result["text"]) == ("unavailable", True)
    assert 1000 <= result["ms"] < 2500


def test_a_stream_hands_on_what_is_no_stream(proxy, start):
    """E-02"""
    proxy.on(fault.answer(410, json.dumps(EXPIRED)))
    probe = start()
    result = probe.result(probe.start("stream", f"{CONFIGMAPS}?watch=1"))
    assert (result["status"], result["kind"]) == (410, "conflict")
    assert not [event for event in probe.events if "opened" in event]


def test_limits_of_time(proxy, start):
    """R-09, W-10, and idle connections: all waited for at once"""
    proxy.on(fault.deaf, path="deaf", times=None)
    probe, idle = start(), start()
    begun = time.monotonic()
    idle.call("get", SYSTEM)
    connection = proxy.seen(path=SYSTEM)[0].connection
    get = probe.start("get", f"{SYSTEM}?deaf")
    write = probe.start("create", f"{CONFIGMAPS}?deaf", body=configmap("never"))
    stream = probe.start("stream", f"{CONFIGMAPS}?deaf&watch=1")

    opening = probe.result(stream, 60)
    assert 30000 <= opening["ms"] < 33000 and "no headers" in opening["text"]
    assert 14 <= connection.closed - begun <= 18
    reading = probe.result(get, 60)
    assert 35000 <= reading["ms"] < 38000 and not reading["outcome_unknown"]
    writing = probe.result(write, 60)
    assert 40000 <= writing["ms"] < 43000 and writing["outcome_unknown"]
    assert len(proxy.seen(path="deaf")) == 3
    assert idle.call("get", SYSTEM)["kind"] == "none"
