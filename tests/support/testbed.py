"""Real control planes for Python tests, through tests/testbed/testbed."""

import base64
import contextlib
import json
import os
import pathlib
import subprocess

import fault_proxy

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTBED = os.environ.get("TESTBED", str(ROOT / "tests/testbed/testbed"))

BRING_UP_SECONDS = 3600  # the first one may have to build Kubernetes
COMMAND_SECONDS = 120


def testbed(*arguments, seconds=COMMAND_SECONDS):
    done = subprocess.run([TESTBED, *arguments], stdout=subprocess.PIPE, text=True,
                          timeout=seconds, check=True)
    return done.stdout


class ControlPlane:
    """One API server with its etcd and controllers, up until down()."""

    def __init__(self, name, *flags):
        self.name = name
        arguments = ["--", *flags] if flags else []
        output = testbed("up", name, *arguments, seconds=BRING_UP_SECONDS)
        self.kubeconfig = output.strip().splitlines()[-1]
        self.directory = pathlib.Path(self.kubeconfig).parent
        ca, ca_key, certificate, key = testbed("ca", name).split()
        self.ca, self.ca_key, self.certificate, self.key = ca, ca_key, certificate, key
        self.server = self._of_kubeconfig("clusters", "cluster", "server")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    def down(self):
        testbed("down", self.name)

    def stop(self, component, *options):
        testbed("stop", self.name, component, *options)

    def start(self, component):
        testbed("start", self.name, component)

    def compact(self):
        testbed("compact", self.name)

    def _of_kubeconfig(self, group, inner, field):
        view = json.loads(self.kubectl("config", "view", "--raw", "-o", "json"))
        return view[group][0][inner][field]

    def ca_pem(self):
        return pathlib.Path(self.ca).read_text(encoding="ascii")

    # kubectl as its administrator.

    def run(self, *arguments, stdin=None):
        return subprocess.run([TESTBED, "kubectl", self.name, *map(str, arguments)], input=stdin,
                              capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)

    def kubectl(self, *arguments, stdin=None):
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {arguments}: {done.stderr}"
        return done.stdout

    def get(self, *arguments):
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def apply(self, *objects):
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(items))

    def admin_token(self, name="test-admin", namespace="kube-system"):
        """A token that may do everything, for clients behind a proxy, which ends their TLS."""
        subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "cluster-admin"}
        self.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount",
             "metadata": {"name": name, "namespace": namespace}},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
             "metadata": {"name": name}, "subjects": [subject], "roleRef": role})
        return self.token(name, namespace)

    def token(self, name, namespace, hours=8):
        return self.kubectl("create", "token", name, "-n", namespace, f"--duration={hours}h").strip()

    # What stands in front of it.

    @contextlib.contextmanager
    def proxy(self, **options):
        with fault_proxy.FaultProxy(server=self.server, ca=self.ca, certificate=self.certificate,
                                    key=self.key, **options) as proxy:
            yield proxy


def kubeconfig(server, ca_pem, token):
    """The text of a kubeconfig with inline data only."""
    return json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {
            "server": server,
            "certificate-authority-data": base64.b64encode(ca_pem.encode()).decode()}}],
        "users": [{"name": "it", "user": {"token": token}}],
    })


def certificate(directory, ca, ca_key, names, client=False):
    """A certificate of CA for NAMES ("IP:127.0.0.1", "DNS:localhost"); returns its paths."""
    directory = pathlib.Path(directory)
    key, request, out = directory / "own.key", directory / "own.csr", directory / "own.crt"
    usage = "clientAuth" if client else "serverAuth"
    extensions = directory / "own.ext"
    extensions.write_text(f"subjectAltName={','.join(names)}\nextendedKeyUsage={usage}\n",
                          encoding="ascii")
    for command in (
        ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key],
        ["req", "-new", "-key", key, "-subj", "/CN=test", "-out", request],
        ["x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-out", out, "-days", "2",
         "-set_serial", "0x" + os.urandom(8).hex(), "-extfile", extensions],
    ):
        subprocess.run(["openssl", *map(str, command)], check=True, capture_output=True, timeout=30)
    return str(out), str(key)


def authority(directory, name="another CA"):
    """A CA that nobody trusts; returns the paths of its certificate and key."""
    directory = pathlib.Path(directory)
    key, out = directory / "ca.key", directory / "ca.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", str(key), "-out", str(out), "-days", "2", "-subj", f"/CN={name}"],
        check=True, capture_output=True, timeout=30)
    return str(out), str(key)
