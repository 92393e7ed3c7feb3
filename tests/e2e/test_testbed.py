"""The testbed: real control planes come up, can be broken on purpose, and leave nothing behind."""

import base64
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import stat
import subprocess
import threading
import time

import pytest

TESTBED = pathlib.Path(__file__).resolve().parents[1] / "testbed"
PROGRAMS = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"]


class Testbed:
    """Runs the testbed with a home of its own."""

    __test__ = False

    def __init__(self, home):
        self.home = home
        self.environment = dict(os.environ, TESTBED_DIR=str(home))

    def run(self, *arguments, given="", timeout=120, **options):
        return subprocess.run(
            [TESTBED / "testbed", *arguments], env=self.environment, input=given, timeout=timeout,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def ok(self, *arguments, **options):
        result = self.run(*arguments, **options)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def start(self, *arguments):
        return subprocess.Popen(
            [TESTBED / "testbed", *arguments], env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def server(self, name):
        line = next(line for line in self.ok("list").splitlines() if line.split()[0] == name)
        return line.split()[1]

    def pid(self, name, component):
        return int((self.home / name / "run" / (component + ".process")).read_text().split()[0])

    def paths(self, name):
        return [pathlib.Path(path) for path in self.ok("ca", name).splitlines()]


def processes_that_mention(text):
    """Pids of processes whose directory, arguments or environment contain TEXT."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            seen = os.readlink(entry / "cwd").encode()
            seen += (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(text).encode() in seen:
            found.append(int(entry.name))
    return found


def eventually(condition, seconds=30, every=0.1):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "does not happen within %d s" % seconds
        time.sleep(every)


def get(testbed, name, path, token=None):
    """Status of a GET on the API server with no client certificate."""
    context = ssl.create_default_context(cafile=testbed.paths(name)[0])
    address = testbed.server(name)[len("https://"):]
    connection = http.client.HTTPSConnection(address, context=context, timeout=10)
    headers = {"Authorization": "Bearer " + token} if token else {}
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def token_parts(token):
    padded = [part + "=" * (-len(part) % 4) for part in token.split(".")]
    return [json.loads(base64.urlsafe_b64decode(part)) for part in padded[:2]]


@pytest.fixture(scope="module")
def testbed(tmp_path_factory):
    bed = Testbed(tmp_path_factory.mktemp("testbed"))
    bed.ok("assets", timeout=3600)
    yield bed
    bed.ok("down", "--all")
    assert processes_that_mention(bed.home) == []


@pytest.fixture(scope="module")
def hub(testbed):
    started = time.monotonic()
    result = testbed.run("up", "hub", "--", "--service-account-max-token-expiration=1h")
    testbed.seconds = time.monotonic() - started
    assert result.returncode == 0, result.stderr
    testbed.printed = result.stdout
    return testbed


@pytest.fixture
def lone(tmp_path):
    bed = Testbed(tmp_path / "home")
    yield bed
    bed.run("down", "--all")


def test_up_prints_one_line_the_path_of_a_private_kubeconfig_with_inline_data_only(hub):
    path = pathlib.Path(hub.printed.rstrip("\n"))
    assert hub.printed == str(path) + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((hub.home / "hub").stat().st_mode) == 0o700
    text = path.read_text()
    assert "client-key-data: " in text
    for outside in ("certificate-authority:", "client-certificate:", "client-key:", "exec:"):
        assert outside not in text


def test_up_is_ready_in_time(hub, capsys):
    with capsys.disabled():
        print(" up took %.1f s " % hub.seconds, end="")
    assert hub.seconds < 30


def test_kubeconfig_works_as_administrator(hub):
    kubectl = pathlib.Path(hub.ok("assets").strip()) / "kubectl"
    result = subprocess.run(
        [kubectl, "--kubeconfig", hub.printed.strip(), "--cache-dir", hub.home / "hub" / "kubectl",
         "auth", "can-i", "*", "*"], stdout=subprocess.PIPE, text=True, timeout=30)
    assert result.stdout == "yes\n"


def test_server_says_the_version_of_its_program(hub):
    program = pathlib.Path(hub.ok("assets").strip()) / "kube-apiserver"
    said = subprocess.check_output([program, "--version"], text=True, timeout=30)
    version = json.loads(hub.ok("kubectl", "hub", "get", "--raw", "/version"))
    assert said == "Kubernetes %s\n" % version["gitVersion"]


def test_up_of_a_taken_name_is_refused_and_harms_nothing(hub):
    result = hub.run("up", "hub")
    assert result.returncode == 1 and result.stdout == ""
    assert "hub exists already" in result.stderr
    assert hub.ok("kubectl", "hub", "get", "--raw", "/readyz") == "ok"


@pytest.mark.parametrize("name", ["", "..", "a/b", "-a", "A", "a" * 41])
def test_up_of_an_unfit_name_is_refused(hub, name):
    assert hub.run("up", name).returncode == 2


def test_token_is_refused_what_it_has_no_right_to_and_allowed_what_it_has(hub):
    hub.ok("kubectl", "hub", "create", "serviceaccount", "reader")
    token = hub.ok("kubectl", "hub", "create", "token", "reader").strip()
    assert get(hub, "hub", "/api/v1/namespaces", token) == 403
    hub.ok("kubectl", "hub", "create", "clusterrolebinding", "reader", "--clusterrole=view",
           "--serviceaccount=default:reader")
    eventually(lambda: get(hub, "hub", "/api/v1/namespaces", token) == 200)
    hub.ok("kubectl", "hub", "delete", "serviceaccount", "reader")
    eventually(lambda: get(hub, "hub", "/api/v1/namespaces", token) == 401)


def test_stranger_may_see_health_and_nothing_else(hub):
    assert get(hub, "hub", "/livez") == 200
    assert get(hub, "hub", "/api/v1/namespaces") == 403
    assert get(hub, "hub", "/api/v1/namespaces", "wrong") == 401


def test_extra_flags_reach_the_server(hub):
    token = hub.ok("kubectl", "hub", "create", "token", "default", "--duration=5h").strip()
    header, claims = token_parts(token)
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["iss"] == "https://kubernetes.hub.testbed"
    assert header["alg"] == "ES256"


def test_controllers_collect_garbage_end_namespaces_and_aggregate_roles(hub):
    inside = ["kubectl", "hub", "--namespace=short"]
    hub.ok("kubectl", "hub", "create", "namespace", "short")
    hub.ok(*inside, "create", "configmap", "owner")
    uid = hub.ok(*inside, "get", "configmap", "owner", "--output=jsonpath={.metadata.uid}")
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    dependent = {"apiVersion": "v1", "kind": "ConfigMap",
                 "metadata": {"name": "dependent", "ownerReferences": [owner]}}
    hub.ok(*inside, "create", "--filename=-", given=json.dumps(dependent))
    hub.ok(*inside, "delete", "configmap", "owner")
    eventually(lambda: "not found" in hub.run(*inside, "get", "configmap", "dependent").stderr)
    hub.ok("kubectl", "hub", "delete", "namespace", "short", "--timeout=60s")
    view = ["kubectl", "hub", "get", "clusterrole", "view", "--output=jsonpath={.rules}"]
    eventually(lambda: "pods" in hub.ok(*view))


def test_killed_api_server_comes_back_on_its_port_with_its_state(hub):
    server = hub.server("hub")
    hub.ok("kubectl", "hub", "create", "configmap", "kept")
    old = hub.pid("hub", "kube-apiserver")
    hub.ok("stop", "hub", "kube-apiserver")
    assert old not in processes_that_mention(hub.home)
    assert "kube-apiserver=stopped" in hub.ok("list")
    assert hub.run("stop", "hub", "kube-apiserver").returncode == 1
    hub.ok("start", "hub", "kube-apiserver")
    assert hub.run("start", "hub", "kube-apiserver").returncode == 1
    assert hub.server("hub") == server
    hub.ok("kubectl", "hub", "get", "configmap", "kept")


@pytest.mark.parametrize("component", ["etcd", "kube-controller-manager"])
def test_other_components_are_stopped_and_started_too(hub, component):
    name = "kept-over-" + component
    hub.ok("kubectl", "hub", "create", "configmap", name)
    hub.ok("stop", "hub", component, "--term")
    assert component + "=stopped" in hub.ok("list")
    hub.ok("start", "hub", component)
    assert component + "=stopped" not in hub.ok("list")
    eventually(lambda: hub.run("kubectl", "hub", "get", "configmap", name).returncode == 0)


def test_compact_makes_every_older_resource_version_expire(hub):
    configmaps = "/api/v1/namespaces/default/configmaps"
    listed = json.loads(hub.ok("kubectl", "hub", "get", "--raw", configmaps))
    watch = "?watch=1&timeoutSeconds=1&resourceVersion=" + listed["metadata"]["resourceVersion"]
    assert "ERROR" not in hub.ok("kubectl", "hub", "get", "--raw", configmaps + watch)
    hub.ok("compact", "hub")
    event = json.loads(hub.ok("kubectl", "hub", "get", "--raw", configmaps + watch))
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


def test_compact_leaves_a_stopped_api_server_stopped(hub):
    hub.ok("stop", "hub", "kube-apiserver")
    hub.ok("compact", "hub")
    assert "kube-apiserver=stopped" in hub.ok("list")
    hub.ok("start", "hub", "kube-apiserver")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_server_certificate_can_be_used_in_front_of_the_server(hub, host):
    authority, authority_key, certificate, key = hub.paths("hub")
    assert "PRIVATE KEY" in authority_key.read_text()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    client_side = ssl.create_default_context(cafile=authority)
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    near, far = socket.socketpair()
    near.settimeout(10)
    far.settimeout(10)
    thread = threading.Thread(target=lambda: server_side.wrap_socket(far, server_side=True).close())
    thread.start()
    client_side.wrap_socket(near, server_hostname=host).close()
    thread.join(10)


def test_two_control_planes_trust_neither_each_others_tokens_nor_certificates(hub):
    hub.ok("up", "member")
    assert hub.server("hub") != hub.server("member")
    token = hub.ok("kubectl", "hub", "create", "token", "default").strip()
    assert get(hub, "hub", "/api", token) == 200
    assert get(hub, "member", "/api", token) == 401
    with pytest.raises(ssl.SSLError):
        context = ssl.create_default_context(cafile=hub.paths("hub")[0])
        address = hub.server("member")[len("https://"):]
        http.client.HTTPSConnection(address, context=context, timeout=10).request("GET", "/livez")
    hub.ok("down", "member")
    assert not (hub.home / "member").exists()
    assert processes_that_mention(hub.home / "member") == []
    assert hub.ok("kubectl", "hub", "get", "--raw", "/readyz") == "ok"


def test_daemons_hold_no_descriptor_of_their_caller(lone):
    read, write = os.pipe()
    lone.ok("up", "closed", pass_fds=[write])
    os.close(write)
    os.set_blocking(read, False)
    assert os.read(read, 1) == b"", "somebody still holds the other end"
    os.close(read)
    lone.ok("down", "closed")
    assert list(lone.home.iterdir()) == []
    assert processes_that_mention(lone.home) == []


@pytest.mark.parametrize("number, stage", [
    (signal.SIGTERM, "pki"),
    (signal.SIGINT, "run/etcd.process"),
    (signal.SIGTERM, "run/kube-apiserver.process"),
    (signal.SIGHUP, "run/kube-apiserver.process"),
    (signal.SIGINT, "run/kube-controller-manager.process"),
])
def test_interrupted_up_leaves_nothing(lone, number, stage):
    up = lone.start("up", "short")
    eventually((lone.home / "short" / stage).exists, every=0.005)
    up.send_signal(number)
    output, errors = up.communicate(timeout=30)
    assert up.returncode == 128 + number and output == "", errors
    assert list(lone.home.iterdir()) == []
    assert processes_that_mention(lone.home) == []


def test_killed_up_is_removed_by_down(lone):
    up = lone.start("up", "killed")
    eventually((lone.home / "killed/run/kube-apiserver.process").exists, every=0.005)
    up.kill()
    up.communicate(timeout=30)
    assert processes_that_mention(lone.home / "killed") != []
    lone.ok("down", "--all")
    assert list(lone.home.iterdir()) == []
    assert processes_that_mention(lone.home / "killed") == []


def test_failed_up_says_why_and_leaves_nothing(lone):
    result = lone.run("up", "unfit", "--", "--no-such-flag")
    assert result.returncode == 1 and result.stdout == ""
    assert "unknown flag: --no-such-flag" in result.stderr
    assert list(lone.home.iterdir()) == []
    assert processes_that_mention(lone.home) == []


def test_taken_port_makes_up_take_another_one(lone):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        lone.environment["TAKEN"] = str(taken.getsockname()[1])
        script = """
            eval "$(sed -e '/^main /d' -e "s|^here=.*|here=$PWD|" testbed)"
            eval "free_$(declare -f control_plane_pick_port)"
            control_plane_pick_port() {
                if [[ -e $control_plane_home/tried ]]; then
                    free_control_plane_pick_port
                else
                    touch "$control_plane_home/tried"
                    printf '%s\\n' "$TAKEN"
                fi
            }
            main up moved
        """
        result = subprocess.run(
            ["bash", "-c", script], cwd=TESTBED, env=lone.environment, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert result.returncode == 0, result.stderr
        assert (lone.home / "tried").exists()
        assert not lone.server("moved").endswith(":" + lone.environment["TAKEN"])


def test_down_spares_a_process_that_only_has_the_same_pid(lone):
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        run = lone.home / "old" / "run"
        run.mkdir(parents=True)
        (run / "etcd.process").write_text("%d 1\n" % stranger.pid)
        lone.ok("down", "old")
        assert not (lone.home / "old").exists()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_home_that_is_a_link_is_not_believed(tmp_path):
    bed = Testbed(tmp_path)
    del bed.environment["TESTBED_DIR"]
    bed.environment["TMPDIR"] = str(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ("credbroker-testbed-%d" % os.getuid())).symlink_to(tmp_path / "elsewhere")
    for command in (["list"], ["up", "a"], ["down", "--all"]):
        result = bed.run(*command)
        assert result.returncode == 1 and "is a link" in result.stderr


def test_down_of_an_unknown_name_is_an_error_and_of_all_of_none_is_not(lone):
    assert lone.run("down", "nobody").returncode == 1
    lone.ok("down", "--all")
    assert lone.ok("list").split() == ["NAME", "SERVER", "COMPONENTS"]


FAKE_GO = """#!/bin/bash
set -u
printf '%s\\n' "$*" >>"$FAKE_GO_LOG"
version=$FAKE_GO_VERSION
if [[ $GOTOOLCHAIN != local ]]; then
    case ${FAKE_GO_FETCH:-works} in
    works) version=$GOTOOLCHAIN ;;
    fails) echo "toolchain not available" >&2; exit 1 ;;
    esac
fi
case $1 in
env) echo "$version" ;;
version) echo "go version $version" ;;
list) printf 'true stale dependency\\n%.0s' 1 2 3 4 ;;
build)
    while [[ $1 != -o ]]; do shift; done
    echo half >"$2/kube-apiserver"
    echo example.com/package >&2
    case $FAKE_GO_BUILD in
    hang) sleep 60 & wait ;;
    fail) echo "no space left" >&2; exit 1 ;;
    esac
    sleep 1
    echo 'echo etcd Version: '"$FAKE_ETCD" >"$2/server"
    echo 'echo Kubernetes v1.36.3' >"$2/kube-apiserver"
    echo 'echo Kubernetes v1.36.3' >"$2/kube-controller-manager"
    echo 'echo Client Version: v1.36.3' >"$2/kubectl"
    sed -i '1i #!/bin/sh' "$2"/*
    chmod +x "$2"/*
    ;;
esac
"""


class Builder(Testbed):
    """A testbed whose Go is a script, and whose cache is its own."""

    def __init__(self, home):
        super().__init__(home)
        (home / "bin").mkdir()
        (home / "bin" / "go").write_text(FAKE_GO)
        (home / "bin" / "go").chmod(0o755)
        self.cache = home / "cache" / "credbroker"
        self.log = home / "log"
        self.log.touch()
        self.environment = {
            "PATH": "%s/bin:/usr/bin:/bin" % home, "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "FAKE_GO_LOG": str(self.log), "FAKE_GO_VERSION": "go1.26.4", "FAKE_GO_BUILD": "good",
            "FAKE_ETCD": "3.6.8"}

    def builds(self):
        return sum(line.startswith("build ") for line in self.log.read_text().splitlines())

    def kept(self):
        return [path for path in self.cache.iterdir() if not path.name.endswith(".lock")]


@pytest.fixture
def builder(tmp_path):
    return Builder(tmp_path)


def test_assets_are_built_once_and_then_found(builder):
    first = builder.run("assets")
    assert first.returncode == 0, first.stderr
    directory = pathlib.Path(first.stdout.strip())
    assert sorted(path.name for path in directory.iterdir()) == PROGRAMS
    assert builder.kept() == [directory]
    assert re.search(r"\[3/4\] build, 1 of 4 packages, \d:\d\d\n", first.stderr)
    assert builder.ok("assets") == first.stdout
    assert builder.builds() == 1


def test_two_builds_at_once_are_one(builder):
    both = [builder.start("assets"), builder.start("assets")]
    printed = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert printed[0] == printed[1] != ""
    assert builder.builds() == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", [["assets"], ["up", "hub"]])
def test_interrupted_build_leaves_nothing_half_made(builder, number, command):
    builder.environment.update(FAKE_GO_BUILD="hang", TESTBED_DIR=str(builder.home / "state"))
    build = builder.start(*command)
    eventually(builder.builds)
    build.send_signal(number)
    output, errors = build.communicate(timeout=30)
    assert build.returncode == 128 + number and output == "", errors
    assert builder.kept() == []
    assert processes_that_mention(builder.log) == []


@pytest.mark.parametrize("change, said", [
    ({"FAKE_GO_BUILD": "fail"}, "no space left"),
    ({"FAKE_ETCD": "3.5.0"}, "does not say the pinned versions"),
])
def test_failed_build_says_why_and_leaves_nothing_half_made(builder, change, said):
    builder.environment.update(change)
    result = builder.run("assets")
    assert result.returncode == 1 and result.stdout == ""
    assert said in result.stderr
    assert builder.kept() == []


def test_what_a_killed_build_left_is_removed_by_the_next(builder):
    builder.environment["FAKE_GO_BUILD"] = "hang"
    build = builder.start("assets")
    eventually(builder.builds)
    orphans = [pid for pid in processes_that_mention(builder.log) if pid != build.pid]
    build.kill()
    build.communicate(timeout=30)
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)
    assert len(builder.kept()) == 1
    builder.environment["FAKE_GO_BUILD"] = "good"
    directory = pathlib.Path(builder.ok("assets").strip())
    assert builder.kept() == [directory]


def test_programs_in_path_are_used_when_they_are_the_pinned_ones(builder):
    built = pathlib.Path(builder.ok("assets").strip())
    chosen = builder.home / "chosen"
    built.rename(chosen)
    builder.environment["PATH"] = "%s:%s" % (chosen, builder.environment["PATH"])
    assert builder.ok("assets") == "%s\n" % chosen
    assert builder.builds() == 1
    (chosen / "etcd").write_text("#!/bin/sh\necho etcd Version: 3.5.0\n")
    assert builder.ok("assets") == "%s\n" % built
    assert builder.builds() == 2


def test_kube_assets_comes_first_and_has_to_be_whole(builder):
    whole = pathlib.Path(builder.ok("assets").strip())
    builder.environment["KUBE_ASSETS"] = str(whole)
    assert builder.ok("assets") == "%s\n" % whole
    (whole / "kubectl").unlink()
    result = builder.run("assets")
    assert result.returncode == 1 and result.stderr.endswith("lacks kubectl\n")
    builder.environment["KUBE_ASSETS"] = "/nonexistent"
    assert builder.run("assets").returncode == 1
    assert builder.builds() == 1


def toolchain(builder):
    """What toolchain_find chooses when the script is the only Go there is."""
    script = """
        set -euo pipefail
        here=$PWD
        source ./process.bash; source ./progress.bash; source ./toolchain.bash
        note() { echo "$1" >&2; }
        fail() { note "$1"; exit 1; }
        toolchain_candidates() { type -P go || true; }
        mkdir -p "$HOME/work"
        toolchain_find "$HOME/work"
        "$go" version
    """
    return subprocess.run(["bash", "-c", script], cwd=TESTBED, env=builder.environment, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("version, used", [
    ("go1.26.4", "go1.26.4"), ("go1.21.0", "go1.26.8"), ("go1.27.0", "go1.26.8"),
    ("devel go1.28-abc", "go1.26.8"),
])
def test_only_the_right_series_of_go_builds(builder, version, used):
    builder.environment["FAKE_GO_VERSION"] = version
    result = toolchain(builder)
    assert result.stdout == "go version %s\n" % used, result.stderr


@pytest.mark.parametrize("version", ["go1.27.0", "go1.22.2"])
@pytest.mark.parametrize("fetch", ["fails", "is ignored"])
def test_another_series_is_refused_when_the_right_one_cannot_be_fetched(builder, version, fetch):
    builder.environment.update(FAKE_GO_VERSION=version, FAKE_GO_FETCH=fetch)
    result = toolchain(builder)
    assert result.returncode == 1 and result.stdout == ""
    assert "OpenAPI v2" in result.stderr and "KUBE_ASSETS" in result.stderr


def test_missing_go_is_reported_with_a_way_out(builder):
    (builder.home / "bin" / "go").unlink()
    result = toolchain(builder)
    assert result.returncode == 1
    assert "apt-get install golang-go" in result.stderr and "KUBE_ASSETS" in result.stderr
