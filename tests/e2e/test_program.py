"""The program as an operator meets it: commands, messages, exit codes, log, start and end."""

import fcntl
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

import fault_proxy as fault
from fleet import CREDBROKER, OWN, PROFILES, TEAM, Broker, Fleet, eventually
from kube_api import KubeApi, path
from testbed import ROOT, authority, kubeconfig

ENDS_SECONDS = 2
COMMANDS = ("controller", "hub-rbac", "member-rbac", "policy test", "version")
CANARY = "eyJhbGciOiJub25lIn0.Y2FuYXJ5IG9mIHRoZSBjb21tYW5kIGxpbmU.Y2FuYXJ5c2lnbmF0dXJl"
TARGET = {"kind": "ClusterProfile", "name": "nowhere", "namespace": PROFILES}


def run(*arguments, environment=None, seconds=30, **options):
    return subprocess.run([CREDBROKER, *map(str, arguments)], capture_output=True, text=True,
                          timeout=seconds, check=False, stdin=subprocess.DEVNULL,
                          env={**os.environ, **(environment or {})}, **options)


def fails(done, code):
    """The one line that says why."""
    assert done.returncode == code, (done.returncode, done.stderr)
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1 and lines[0].startswith("credbroker: "), done.stderr
    assert CANARY.split(".")[1] not in done.stderr
    return lines[0]


# Without a hub.


@pytest.mark.parametrize("word", ["version", "--version"])
def test_the_version_is_that_of_the_build(word):
    lists = (ROOT / "CMakeLists.txt").read_text()
    declared = re.search(r"project\(\s*\w+\s+VERSION\s+([0-9.]+)", lists)
    done = run(word)
    assert (done.returncode, done.stdout) == (0, f"credbroker {declared[1]}\n")


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help_lists_the_commands(word):
    done = run(word)
    assert done.returncode == 0 and done.stderr == ""
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\w", done.stdout, re.M)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_lists_the_flags_that_are_documented(command):
    done = run(*command.split(), "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert f"usage: credbroker {command}" in done.stdout
    flags = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", done.stdout, re.M))
    text = (ROOT / "docs/cli.md").read_text()
    chapters = re.split(r"^## ", text, flags=re.M)
    documented = [c for c in chapters if c.startswith(f"`credbroker {command}`")]
    rows = set(re.findall(r"^\| `(--[a-z-]+)", documented[0], re.M)) if documented else set()
    assert flags == rows


def test_without_a_command_help_is_given_and_the_exit_code_says_wrong_usage():
    done = run()
    assert done.returncode == 2 and "usage: credbroker COMMAND" in done.stdout


@pytest.mark.parametrize("arguments, word", [
    (["nonsense"], "nonsense"),
    (["controller"], "--namespace is required"),
    (["controller", "--nonsense"], "--nonsense"),
    (["controller", "stray"], "stray"),
    (["controller", "--namespace"], "--namespace needs a value"),
    (["controller", "--namespace", "No_Namespace"], "--namespace"),
    (["controller", "--namespace="], "--namespace"),
    (["controller", "--namespace", "n" * 64], "--namespace"),
    (["controller", "--namespace", OWN, "--kubeconfig="], "--kubeconfig"),
    (["controller", "--namespace", OWN, "--service-account-directory", "here"],
     "--service-account-directory"),
    (["controller", "--namespace", OWN, "--hub-id", "Not A Hub"], "--hub-id"),
    (["controller", "--namespace", OWN, "--hub-id", "h" * 41], "--hub-id"),
    (["controller", "--namespace", OWN, "--hub-id", "-h"], "--hub-id"),
    (["controller", "--namespace", OWN, "--identity-namespace", "a.b"], "--identity-namespace"),
    (["controller", "--namespace", OWN, "--profile-namespace", "a/b"], "--profile-namespace"),
    (["controller", "--allow-all-requests"], "unknown argument --allow-all-requests"),
    (["controller", "--health-probe-bind-address", "localhost:8081"], ":8081"),
    (["controller", "--listen", "localhost:8080"], ":8081"),
    (["controller", "--debug=1"], "--debug takes no value"),
    (["controller", "--namespace", OWN, "--leader-election-lease-duration", "10s"],
     "the lease duration must be longer than the renew deadline"),
    (["controller", "--namespace", OWN, "--leader-election-retry-period", "9s"],
     "the renew deadline must be longer than 1.2 retry periods"),
    (["hub-rbac"], "--namespace is required"),
    (["hub-rbac", "--namespace", "UPPER"], "--namespace"),
    (["hub-rbac", "--namespace", "a", "--service-account", "credbroker"], "--service-account"),
    (["hub-rbac", "--namespace", "a", "--service-account", "a/b/c"], "--service-account"),
    (["hub-rbac", "--namespace", "a", "--may-grant", "x"], "--may-grant"),
    (["hub-rbac", *["--namespace=a"] * 65], "more than 64"),
    (["member-rbac"], "--identity-namespace is required"),
    (["member-rbac", "--identity-namespace", "-a"], "--identity-namespace"),
    (["member-rbac", "--identity-namespace", "a", "--may-grant", ""], "--may-grant"),
    (["member-rbac", "--identity-namespace", "a", "--may-grant", "a\nb: c"], "--may-grant"),
    (["member-rbac", "--identity-namespace", "a", "--may-bind", "A/b"], "--may-bind"),
    (["member-rbac", "--identity-namespace", "a", "--may-bind", 'x", "*'], "--may-bind"),
    (["version", "stray"], "stray")])
def test_a_wrong_command_line_is_told_in_one_line(arguments, word):
    assert word in fails(run(*arguments), 2)


def test_a_value_may_follow_its_flag_after_a_blank_or_an_equals_sign():
    blank, equals = run("hub-rbac", "--namespace", "a"), run("hub-rbac", "--namespace=a")
    assert blank.returncode == equals.returncode == 0 and blank.stdout == equals.stdout


def test_output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([CREDBROKER, "hub-rbac", "--namespace", "a"], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert done.returncode == 1 and "standard output" in done.stderr


def test_without_a_kubeconfig_it_must_run_in_a_pod():
    environment = {key: value for key, value in os.environ.items() if "KUBERNETES" not in key}
    done = subprocess.run([CREDBROKER, "controller", "--namespace", OWN], capture_output=True,
                          text=True, timeout=30, check=False, env=environment)
    line = fails(done, 1)
    assert "KUBERNETES_SERVICE_HOST" in line and "--kubeconfig" in line


@pytest.mark.parametrize("content, word", [
    (None, "No such file"), ("", "kubeconfig"), ("a: [", "line"),
    ("apiVersion: v2\n", "v1 Config")])
def test_a_kubeconfig_that_cannot_be_used_is_named(tmp_path, content, word):
    file = tmp_path / "hub.kubeconfig"
    if content is not None:
        file.write_text(content)
    line = fails(run("controller", "--namespace", OWN, "--kubeconfig", file), 1)
    assert str(file) in line and word in line


def test_a_directory_is_no_kubeconfig(tmp_path):
    line = fails(run("controller", "--namespace", OWN, "--kubeconfig", tmp_path), 1)
    assert str(tmp_path) in line


@pytest.mark.parametrize("field, value", [
    ("exec", {"apiVersion": "client.authentication.k8s.io/v1", "command": "x"}),
    ("username", "admin"), ("as", "system:admin"), ("auth-provider", {"name": "gcp"}),
    ("tokenFile", "absent-token"), ("client-certificate", "absent.crt")])
def test_a_kubeconfig_with_what_is_not_served_is_refused_by_name(tmp_path, field, value):
    certificate, _ = authority(tmp_path)
    config = json.loads(kubeconfig("https://127.0.0.1:1", pathlib.Path(certificate).read_text(),
                                   CANARY))
    config["users"][0]["user"][field] = value
    file = tmp_path / "hub.kubeconfig"
    file.write_text(json.dumps(config))
    done = run("controller", "--namespace", OWN, "--kubeconfig", file)
    word = value if isinstance(value, str) and "absent" in value else field
    assert word in fails(done, 1)


def test_a_hub_that_is_not_there_is_tried_for_and_then_named(tmp_path):
    certificate, _ = authority(tmp_path)
    ca_pem = pathlib.Path(certificate).read_text()
    file = tmp_path / "hub.kubeconfig"
    file.write_text(kubeconfig("https://127.0.0.1:1", ca_pem, CANARY))
    begun = time.monotonic()
    done = run("controller", "--namespace", OWN, "--kubeconfig", file)
    assert "https://127.0.0.1:1" in done.stderr
    assert "127.0.0.1:1: cannot connect" in fails(done, 1)
    assert 6 < time.monotonic() - begun < 25
    assert done.stderr.count("the hub does not answer, trying again") == 4


# With a hub.


@pytest.fixture(scope="module")
def fleet(own_name):
    with Fleet(own_name("hub")) as fleet:
        fleet.tokens.add(CANARY)
        yield fleet


def controller(fleet, tmp_path, server=None, ca_pem=None, token=None, seconds=30, flags=()):
    """Runs to its end, which should come by itself."""
    file = tmp_path / "hub.kubeconfig"
    file.write_text(kubeconfig(server or fleet.hub.server, ca_pem or fleet.hub.ca_pem(),
                               token or fleet.hub_token))
    return run("controller", "--namespace", OWN, "--kubeconfig", file, *flags, seconds=seconds)


def test_a_hub_with_another_ca_is_not_believed(fleet, tmp_path):
    certificate, _ = authority(tmp_path)
    done = controller(fleet, tmp_path, ca_pem=pathlib.Path(certificate).read_text())
    assert "certificate" in fails(done, 1).lower()


def test_a_token_that_the_hub_does_not_know_is_told_at_once(fleet, tmp_path):
    begun = time.monotonic()
    assert "Unauthorized" in fails(controller(fleet, tmp_path, token=CANARY), 1)
    assert time.monotonic() - begun < 6


def test_missing_rights_in_the_own_namespace_are_told_at_once(fleet, tmp_path):
    token = fleet.hub.token("default", "default")
    fleet.tokens.add(token)
    line = fails(controller(fleet, tmp_path, token=token), 1)
    assert "Forbidden" in line and OWN in line


def test_a_hub_id_that_somebody_broke_is_told(fleet, tmp_path):
    where = path("configmaps", OWN, "credbroker-hub")
    fleet.broker().stop()
    good = fleet.hub_api.get(where)["data"]["hubID"]
    fleet.hub_api.merge(where, {"data": {"hubID": "Not Legal"}})
    assert "credbroker-hub" in fails(controller(fleet, tmp_path), 1)
    fleet.hub_api.merge(where, {"data": {"hubID": good}})


def hub_id(broker):
    return next(line["hubID"] for line in broker.log() if line["message"] == "ready")


def test_the_hub_id_is_generated_once_and_overridden_by_the_flag(fleet):
    ids = []
    for flags in ((), (), ("--hub-id", "my-hub-1")):
        broker = fleet.broker(*flags)
        ids.append(hub_id(broker))
        broker.stop()
    assert ids[0] == ids[1] and re.fullmatch(r"[0-9a-f]{16}", ids[0])
    assert ids[2] == "my-hub-1"


def test_missing_rights_to_watch_are_in_the_log(fleet):
    """A token that may do nothing at all; the hub id is given, so that it is not looked for."""
    token, fleet.hub_token = fleet.hub_token, fleet.hub.token("default", "default")
    try:
        broker = Broker(fleet, fleet.hub.server, "--hub-id", "h")
    finally:
        fleet.hub_token = token
    watched = {"authtokenrequests", "clusterprofiles", "namespaces", "accesspolicies",
               "rbactemplates", "issuedcredentials", "secrets"}
    eventually(lambda: {line["resource"] for line in broker.log() if "resource" in line
                        and "Forbidden" in line.get("error", "")} == watched,
               what="each resource is named")
    assert broker.process.poll() is None
    assert [line for line in broker.log() if line.get("reason") == "HubKeyDenied"]
    assert all(line["message"] != "ready" for line in broker.log())
    broker.stop()


# Probes.


WATCHES = [f"watch-{name}" for name in (
    "authtokenrequests", "clusterprofiles", "namespaces", "accesspolicies", "rbactemplates",
    "issuedcredentials", "secrets", "own-credentials")]
PROBES = ("--health-probe-bind-address", "127.0.0.1:0")


def probe(broker, where):
    """The status, and the lines of the answer."""
    [address] = eventually(lambda: [line["address"] for line in broker.log()
                                    if line["message"] == "listening for probes"],
                           what="it listens")
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("GET", where)
    response = connection.getresponse()
    lines = response.read().decode().splitlines()
    connection.close()
    return response.status, lines


def test_probes_say_when_it_is_ready_and_that_it_lives_while_the_hub_is_away(fleet):
    proxy = fleet.proxy(fleet.hub)
    broker = fleet.broker(*PROBES, hub_server=proxy.url)
    eventually(lambda: probe(broker, "/readyz") == (200, ["ok"]), what="it is ready")
    status, lines = probe(broker, "/readyz?verbose")
    assert status == 200 and lines[-1] == "readyz check passed"
    assert sorted(lines[:-1]) == sorted(
        ["[+]leader-election ok: leading",
         *[f"[+]{name} ok" for name in ["admission", "loop", "hub", "hub-id", *WATCHES]]])
    assert probe(broker, "/livez?verbose") == (200, ["[+]loop ok", "livez check passed"])
    assert probe(broker, "/metrics")[0] == 404

    proxy.refuse()
    eventually(lambda: sorted(line for line in probe(broker, "/readyz")[1] if line[:3] == "[-]") == [
        "[-]hub failed: it has not answered for 30 s",
        "[-]leader-election failed: the lease was not renewed in time"],
        120, "it is not ready any more")
    assert probe(broker, "/readyz")[0] == 503
    assert probe(broker, "/livez") == (200, ["ok"])
    proxy.resume()
    eventually(lambda: probe(broker, "/readyz")[0] == 200, 120, "it is ready again")
    broker.stop()


def test_probes_name_what_cannot_be_watched(fleet):
    token, fleet.hub_token = fleet.hub_token, fleet.hub.token("default", "default")
    try:
        broker = Broker(fleet, fleet.hub.server, "--hub-id", "h", *PROBES)
    finally:
        fleet.hub_token = token
    eventually(lambda: "[+]hub-id ok" in probe(broker, "/readyz")[1], what="the hub answers")
    status, lines = probe(broker, "/readyz")
    assert status == 503
    assert sorted(line for line in lines if line.startswith("[-]")) == [
        "[-]admission failed: the hub's admission policies are not proven",
        "[-]leader-election failed: the lease cannot be read or taken",
        *sorted(f"[-]{name} failed: its first list is not complete" for name in WATCHES)]
    broker.stop()


def test_an_address_that_is_taken_is_told(fleet, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:" + str(taken.getsockname()[1])
        line = fails(controller(fleet, tmp_path, flags=("--health-probe-bind-address", address)), 1)
    assert address in line and "in use" in line


# The end.


def quick(stop):
    """The best of a few tries: the machine may be busy with other things, too."""
    taken = []
    for _ in range(3):
        taken.append(stop())
        if taken[-1] < ENDS_SECONDS:
            return
    raise AssertionError(f"ended after {taken} s")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_when_it_is_idle(fleet, number):
    def stop():
        broker = fleet.broker()
        begun = time.monotonic()
        broker.process.send_signal(number)
        assert broker.process.wait(20) == 0
        assert broker.log()[-1]["message"] == "stopping"
        return time.monotonic() - begun
    quick(stop)


def test_a_signal_ends_it_in_the_middle_of_work(fleet):
    proxy = fleet.proxy(fleet.hub)
    names = [f"busy-{i}" for i in range(20)]
    for name in names:
        fleet.request(name, "nowhere", targetClusterProfile=TARGET)

    def stop():
        proxy.forget()
        held = proxy.on(fault.hold, method="PATCH", times=None)
        for name in names:  # so that there is something to write
            fleet.hub_api.call("PATCH", path("authtokenrequests", TEAM, name) + "/status",
                               {"status": None}, "application/merge-patch+json")
        broker = fleet.broker(hub_server=proxy.url)
        held.wait(30)
        taken = broker.stop(20)
        held.release()
        return taken
    quick(stop)


def test_a_signal_ends_it_while_the_hub_is_deaf(fleet):
    proxy = fleet.proxy(fleet.hub)

    def stop():
        proxy.forget()
        heard = proxy.on(fault.deaf, times=None)
        broker = Broker(fleet, proxy.url)
        heard.wait(30)
        return broker.stop(20)
    quick(stop)


def test_a_second_signal_does_no_harm(fleet):
    broker = fleet.broker()
    for _ in range(3):
        broker.process.send_signal(signal.SIGTERM)
    assert broker.process.wait(20) == 0


def test_it_starts_when_the_hub_answers_late(fleet):
    proxy = fleet.proxy(fleet.hub)
    proxy.on(fault.answer(503, "", "text/plain"), times=2)
    broker = fleet.broker(hub_server=proxy.url)
    assert "trying again" in broker.log_path.read_text()
    broker.stop()


# The log.


def documented_fields():
    rows = re.search(r"^### Log$(.*?)^## ", (ROOT / "docs/cli.md").read_text(), re.M | re.S)[1]
    cells = re.findall(r"^\| ([^|]+) \|", rows, re.M)
    return set(re.findall(r"`(\w+)`", " ".join(cells)))


def test_every_line_of_the_log_has_the_documented_fields_alone(fleet):
    broker = fleet.broker("--debug")
    fleet.request("logged", "nowhere", targetClusterProfile=TARGET)
    fleet.wait_reason("logged", "ClusterProfileNotFound")
    fleet.delete("logged")
    broker.stop()
    known = documented_fields()
    lines = [line for one in fleet.brokers for line in one.log()]
    for line in lines:
        assert set(line) <= known, line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"])
        assert line["level"] in ("debug", "info", "warning", "error") and line["message"]
    [told] = [line for line in broker.log() if line.get("request") == f"{TEAM}/logged"
              and line.get("reason") == "ClusterProfileNotFound"]
    assert told["level"] == "warning" and told["action"] == "Issue"
    assert told["clusterProfile"] == f"{PROFILES}/nowhere" and len(told["uid"]) == 36


def test_a_reader_that_does_not_read_delays_nobody_and_hears_what_it_missed(fleet, tmp_path):
    file = tmp_path / "hub.kubeconfig"
    file.write_text(kubeconfig(fleet.hub.server, fleet.hub.ca_pem(), fleet.hub_token))
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    process = subprocess.Popen([CREDBROKER, "controller", "--kubeconfig", str(file), "--namespace",
                                OWN], stderr=writer)
    os.close(writer)
    names = [f"unheard-{i}" for i in range(30)]
    for name in names:
        fleet.request(name, "nowhere", targetClusterProfile=TARGET)
    for name in names:
        fleet.wait_reason(name, "ClusterProfileNotFound")
    os.read(reader, 1 << 16)
    fleet.request("heard", "nowhere", targetClusterProfile=TARGET)
    fleet.wait_reason("heard", "ClusterProfileNotFound")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    with os.fdopen(reader) as stream:
        lines = [json.loads(line) for line in stream]
    assert lines[0]["dropped"] > 0
    for name in [*names, "heard"]:
        fleet.hub_api.delete(path("authtokenrequests", TEAM, name))


# In a pod.


def bound_token(fleet, secret):
    """A token of the broker that ends with a Secret."""
    fleet.hub_api.create(path("secrets", OWN), {"apiVersion": "v1", "kind": "Secret",
                                                "metadata": {"name": secret}})
    token = fleet.hub.kubectl("create", "token", "credbroker", "-n", OWN, "--duration=1h",
                              "--bound-object-kind=Secret", f"--bound-object-name={secret}").strip()
    fleet.tokens.add(token)
    return token


def in_pod(fleet, directory, **environment):
    """A controller that knows of the hub what a pod knows."""
    host, port = fleet.hub.server.removeprefix("https://").split(":")
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, **environment}
    broker = Broker.__new__(Broker)
    broker.fleet = fleet
    broker.log_path = directory / "log"
    with open(broker.log_path, "wb") as log:
        broker.process = subprocess.Popen(
            [CREDBROKER, "controller", "--service-account-directory", str(directory),
             "--namespace", OWN],
            stdout=log, stderr=log, env={**os.environ, **environment}, cwd=directory)
    fleet.brokers.append(broker)
    return broker


def test_in_a_pod_the_mounted_token_is_used_and_read_again_when_it_changes(fleet, tmp_path):
    first, second = bound_token(fleet, "first"), bound_token(fleet, "second")
    (tmp_path / "ca.crt").write_text(fleet.hub.ca_pem())
    (tmp_path / "token").write_text(first + "\n")
    nowhere = "http://127.0.0.1:1"
    broker = in_pod(fleet, tmp_path, HTTPS_PROXY=nowhere, https_proxy=nowhere, ALL_PROXY=nowhere,
                    KUBECONFIG="/nonexistent").wait_ready()
    fleet.request("in-pod-1", "nowhere", targetClusterProfile=TARGET)
    fleet.wait_reason("in-pod-1", "ClusterProfileNotFound")

    (tmp_path / "token").write_text("")  # caught in the middle of being exchanged: no token at all
    fleet.hub_api.delete(path("secrets", OWN, "first"))
    eventually(lambda: is_revoked(fleet, first), what="the first token is refused")
    fleet.request("in-pod-2", "nowhere", targetClusterProfile=TARGET)
    eventually(lambda: "Unauthorized" in broker.log_path.read_text(), what="it is refused")
    assert broker.process.poll() is None and fleet.condition("in-pod-2") == {}

    replacement = tmp_path / "..token"
    replacement.write_text(second)
    replacement.replace(tmp_path / "token")
    fleet.wait_reason("in-pod-2", "ClusterProfileNotFound")
    broker.stop()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ca.crt", "log", "token"]
    for name in ("in-pod-1", "in-pod-2"):
        fleet.hub_api.delete(path("authtokenrequests", TEAM, name))


def is_revoked(fleet, token):
    config = json.loads(kubeconfig(fleet.hub.server, fleet.hub.ca_pem(), token))
    return KubeApi.of_kubeconfig(config).call("GET", path("configmaps", OWN)).status == 401


@pytest.mark.parametrize("missing", ["ca.crt", "token"])
def test_in_a_pod_a_missing_file_is_named(fleet, tmp_path, missing):
    (tmp_path / "ca.crt").write_text(fleet.hub.ca_pem())
    (tmp_path / "token").write_text(CANARY)
    (tmp_path / missing).unlink()
    host, port = fleet.hub.server.removeprefix("https://").split(":")
    done = run("controller", "--namespace", OWN, "--service-account-directory", tmp_path,
               environment={"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port})
    assert str(tmp_path / missing) in fails(done, 1)


# Without the CRDs. Last, because it takes them away.


def test_it_waits_for_the_crds_and_goes_on_when_they_come(fleet):
    fleet.hub.kubectl("delete", "-f", ROOT / "deploy/crds", "--timeout=60s")
    broker = Broker(fleet, fleet.hub.server)
    eventually(lambda: {line.get("resource") for line in broker.log() if "error" in line}
               >= {"authtokenrequests", "clusterprofiles", "issuedcredentials"},
               what="what is missing is named")
    assert all(line["message"] != "ready" for line in broker.log())
    fleet.hub.kubectl("apply", "-f", ROOT / "deploy/crds")
    fleet.hub.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    fleet.policy.apply()  # it went with its CRD
    begun = time.monotonic()
    broker.wait_ready()
    print(f"ready {time.monotonic() - begun:.1f} s after the CRDs were there")
    fleet.wait_for_admission()
    fleet.request("after-all", "nowhere", targetClusterProfile=TARGET)
    fleet.wait_reason("after-all", "ClusterProfileNotFound")
    broker.stop()
