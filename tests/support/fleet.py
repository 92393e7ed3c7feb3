"""A hub, its members and a broker with exactly the rights that its own manifests give.

    with Fleet("hub", "m1") as fleet:
        fleet.request("one", "m1")
        fleet.wait_ready("one")

Everything the broker prints is kept and, at the end, searched for every token that was seen.
"""

import base64
import concurrent.futures
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from kube_api import KubeApi, path
from testbed import ROOT, ControlPlane, kubeconfig

CREDBROKER = os.environ.get("CREDBROKER", str(ROOT / "build/asan/credbroker"))
# The same without the decision of policies, to see what stands behind them; built beside it.
WITHOUT_POLICY = os.environ.get("CREDBROKER_WITHOUT_POLICY",
                                str(pathlib.Path(CREDBROKER).with_name("credbroker-without-policy")))
OWN = "credbroker-system"
IDENTITIES = "credbroker-identities"
PROFILES = "fleet-system"
TEAM = "team-a"
GRANTABLE = "fleet-jobs"  # the ClusterRole whose rights the broker holds on members
BINDABLE = "fleet-viewer"  # the one it may bind by name
WAIT_SECONDS = 60
API_MULTICLUSTER = "multicluster.x-k8s.io/v1alpha1"
OURS = "?labelSelector=app.kubernetes.io/managed-by%3Dcredbroker"
KINDS = {"serviceaccounts": "ServiceAccount", "secrets": "Secret", "roles": "Role",
         "rolebindings": "RoleBinding", "clusterroles": "ClusterRole",
         "clusterrolebindings": "ClusterRoleBinding"}


def eventually(check, seconds=WAIT_SECONDS, what="the expected state"):
    """Calls CHECK until it returns something true; returns that."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def profile_object(name, namespace=PROFILES):
    return {"apiVersion": API_MULTICLUSTER, "kind": "ClusterProfile",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"displayName": name, "clusterManager": {"name": "tests"}}}


def access_object(profile, text, secret=None, namespace=PROFILES, **data):
    """The member access Secret with kubeconfig TEXT, and DATA for more keys."""
    return {
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": secret or f"member-{profile}", "namespace": OWN,
                     "labels": {"credbroker.dev/member-access": "true"},
                     "annotations": {"credbroker.dev/cluster-profile": f"{namespace}/{profile}"}},
        "data": {key: base64.b64encode(value.encode()).decode()
                 for key, value in {"kubeconfig": text, **data}.items()}}


class Broker:
    """One controller process."""

    def __init__(self, fleet, hub_server, *flags, loopback=True, file=CREDBROKER):
        self.fleet = fleet
        self.log_path = pathlib.Path(fleet.scratch) / f"broker-{len(fleet.brokers)}.log"
        config = pathlib.Path(fleet.scratch) / f"hub-{len(fleet.brokers)}.kubeconfig"
        config.write_text(kubeconfig(hub_server, fleet.hub.ca_pem(), fleet.hub_token))
        config.chmod(0o600)
        # Who counts calls wants neither looks at members and credentials nor the broker's own
        # credentials among them; a later flag wins.
        command = [file, "controller", "--kubeconfig", str(config), "--namespace", OWN,
                   "--member-check-interval", "24h", "--credential-check-interval", "0",
                   "--sweep-interval", "0", "--member-credential-lifetime", "0", *flags]
        if loopback:
            command.append("--allow-loopback-members")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        fleet.brokers.append(self)

    def log(self):
        """Its JSON lines; what a sanitizer prints is no JSON and fails the test."""
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        for line in lines:
            assert line.startswith("{"), "not a log line:\n" + "\n".join(lines[-60:])
        return [json.loads(line) for line in lines]

    def wait_ready(self):
        eventually(lambda: any(line["message"] == "ready" for line in self.log())
                   or self.process.poll() is not None, what="the broker is ready")
        assert self.process.poll() is None, self.log_path.read_text()
        return self

    def kill(self):
        """SIGKILL: nothing can be tidied up."""
        self.process.kill()
        self.process.wait(10)

    def stop(self, seconds=10):
        """SIGTERM; returns how long it took. A leak or an error of a sanitizer fails here."""
        begun = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        assert code in (0, -signal.SIGKILL), f"exit {code}\n{self.log_path.read_text()[-6000:]}"
        return time.monotonic() - begun

    def rss_kib(self, field="VmHWM"):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        return 0

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Policy:
    """The AccessPolicy of tests that are not about policies: any rules but the dangerous ones, and
    those existing roles, identities and audiences that were asked for so far, since none of them
    has a wildcard."""

    NAME = "everything"

    def __init__(self, fleet):
        self.fleet = fleet
        self.cluster_roles = {BINDABLE}
        self.roles = set()
        self.identities = {IDENTITIES}
        self.audiences = set()
        self.templates = []
        self.withdrawn = False
        self.apply()

    def allow(self, spec):
        """Grows so that it allows SPEC, unless it was withdrawn."""
        before = self.body()
        self.cluster_roles |= {role["name"] for role in spec.get("clusterRoles") or []
                               if not role.get("rules")}
        self.roles |= {(role["namespace"], role["name"]) for role in spec.get("roles") or []
                       if not role.get("rules")}
        if spec.get("serviceAccountNamespace"):
            self.identities.add(spec["serviceAccountNamespace"])
        self.audiences |= set((spec.get("credential") or {}).get("audiences") or [])
        if self.body() != before and not self.withdrawn:
            self.apply()

    def body(self):
        everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
                      {"nonResourceURLs": ["*"], "verbs": ["*"]}]
        return {
            "apiVersion": "credbroker.dev/v1alpha1", "kind": "AccessPolicy",
            "metadata": {"name": self.NAME},
            "spec": {
                "subjects": [{"namespaceSelector": {}}],
                "clusterProfiles": [{"selector": {}}],
                "allow": {
                    "templates": self.templates,
                    "clusterRules": everything,
                    "dangers": ["non-resource-urls"],
                    "clusterRoles": sorted(self.cluster_roles),
                    "roles": [{"namespace": namespace, "name": name}
                              for namespace, name in sorted(self.roles)],
                    "identities": [{"namespace": name} for name in sorted(self.identities)],
                    "audiences": sorted(self.audiences),
                    "protectedNamespaces": sorted(self.identities),
                    "lifetime": {"minSeconds": 600, "maxSeconds": 86400}}}}

    def apply(self):
        self.withdrawn = False
        self.fleet.hub.apply(self.body())

    def withdraw(self):
        self.withdrawn = True
        self.fleet.hub.kubectl("delete", "accesspolicy", self.NAME)


class Fleet:
    """A hub and members, prepared as docs/member-access.md tells an operator to."""

    def __init__(self, hub="hub", *members, namespaces=(TEAM,), identity_namespaces=(IDENTITIES,),
                 member_flags=()):
        self.scratch = tempfile.mkdtemp(prefix="credbroker-test-")
        self.brokers = []
        self.tokens = set()
        self.proxies = []
        self.members = {}
        self.apis = {}  # of the administrators, by the name of the control plane
        self.planes = []
        try:
            # A control plane mostly waits while it comes up: all do so together.
            with concurrent.futures.ThreadPoolExecutor() as pool:
                coming = [pool.submit(self._bring_up, hub)]
                coming += [pool.submit(self._bring_up, name, *member_flags) for name in members]
            self.hub, *members = [plane.result() for plane in coming]
            self._prepare_hub(namespaces)
            for member in members:
                self._prepare_member(member, identity_namespaces, access=True)
        except BaseException:
            self.down()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.check_no_token_was_printed()
        finally:
            self.down()

    def down(self):
        for broker in self.brokers:
            if broker.process.poll() is None:
                broker.kill()
        for proxy in self.proxies:
            proxy.close()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(ControlPlane.down, self.planes))
        shutil.rmtree(self.scratch)

    # What administrators do.

    def _prepare_hub(self, namespaces):
        self.hub_api = KubeApi.as_admin(self.hub)
        self.hub.kubectl("apply", "-f", ROOT / "deploy/crds")
        self.hub.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        for namespace in (OWN, PROFILES, *namespaces):
            self.hub.kubectl("create", "namespace", namespace)
        self.open_namespace(*namespaces)
        self.policy = Policy(self)
        self.hub.kubectl("apply", "-f", ROOT / "deploy/policies")
        self.wait_for_admission()
        self.hub_token = self.hub.token("credbroker", OWN)

    def wait_for_admission(self):
        """Policies take effect a moment after they were applied; for a kind that is new to the API
        server, half a minute may pass, in which it answers 503."""
        stamped = {"apiVersion": API_MULTICLUSTER, "kind": "AuthTokenRequest",
                   "metadata": {"generateName": "asked-"},
                   "spec": {"targetClusterProfile": {"name": "none"}, "serviceAccountName": "none"}}
        eventually(lambda: "requester" in self.hub_api.call(
            "POST", path("authtokenrequests", OWN) + "?dryRun=All", stamped).body.get(
                "spec", {}), seconds=120, what="the API server stamps requests")

    def open_namespace(self, *namespaces):
        """Lets the broker deliver to namespaces of the hub."""
        flags = [flag for namespace in namespaces for flag in ("--namespace", namespace)]
        self.hub.kubectl("apply", "-f", "-", stdin=program("hub-rbac", *flags))

    def _bring_up(self, name, *flags):
        plane = ControlPlane(name, *flags)
        self.planes.append(plane)
        return plane

    def add_member(self, name, *flags, identity_namespaces=(IDENTITIES,), access=True):
        return self._prepare_member(self._bring_up(name, *flags), identity_namespaces, access)

    def _prepare_member(self, member, identity_namespaces, access):
        name = member.name
        self.members[name] = member
        self.apis[name] = KubeApi.as_admin(member)
        for namespace in (OWN, *identity_namespaces, "apps"):
            member.kubectl("create", "namespace", namespace)
        member.kubectl("create", "clusterrole", GRANTABLE, "--resource=jobs.batch",
                       "--verb=create,get,list,watch,delete")
        member.kubectl("create", "clusterrole", BINDABLE, "--resource=pods", "--verb=get,list,watch")
        flags = [flag for namespace in identity_namespaces
                 for flag in ("--identity-namespace", namespace)]
        member.kubectl("apply", "-f", "-", stdin=program(
            "member-rbac", *flags, "--may-grant", GRANTABLE, "--may-bind", BINDABLE))
        self.add_profile(name)
        if access:
            self.give_access(name)
        return member

    def add_profile(self, name, namespace=PROFILES):
        self.hub.apply(profile_object(name, namespace))

    def give_access(self, profile, member=None, server=None, secret=None, text=None,
                    namespace=PROFILES, **data):
        """Writes the member access Secret. SERVER may be a fault proxy's URL, TEXT any kubeconfig,
        DATA more keys."""
        plane = self.members[member or profile]
        if text is None:
            token = plane.token("credbroker", OWN)
            self.tokens.add(token)
            text = kubeconfig(server or plane.server, plane.ca_pem(), token)
        self.hub.apply(access_object(profile, text, secret, namespace, **data))

    def proxy(self, plane):
        """A fault proxy in front of PLANE; closed with the fleet."""
        from fault_proxy import FaultProxy
        proxy = FaultProxy(server=plane.server, ca=plane.ca, certificate=plane.certificate,
                           key=plane.key)
        self.proxies.append(proxy)
        return proxy

    def broker(self, *flags, hub_server=None, loopback=True, file=CREDBROKER):
        return Broker(self, hub_server or self.hub.server, *flags, loopback=loopback,
                      file=file).wait_ready()

    # What teams do.

    def request(self, name, profile, namespace=TEAM, **spec):
        """Creates an AuthTokenRequest: by default one ClusterRole within what may be granted."""
        wanted = {
            "targetClusterProfile": {"apiGroup": "multicluster.x-k8s.io", "kind": "ClusterProfile",
                                     "name": profile, "namespace": PROFILES},
            "serviceAccountName": name,
            "clusterRoles": [{"name": "jobs", "rules": [
                {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list"]}]}],
        }
        wanted.update(spec)
        body = {"apiVersion": API_MULTICLUSTER, "kind": "AuthTokenRequest",
                "metadata": {"name": name, "namespace": namespace}, "spec": wanted}
        self.policy.allow(wanted)
        return self.hub_api.create(path("authtokenrequests", namespace), body)

    def get_request(self, name, namespace=TEAM):
        """None also while the hub does not answer."""
        try:
            reply = self.hub_api.call("GET", path("authtokenrequests", namespace, name))
        except (OSError, http.client.HTTPException):
            return None
        return reply.body if reply.status == 200 else None

    def condition(self, name, kind="Ready", namespace=TEAM):
        status = (self.get_request(name, namespace) or {}).get("status", {})
        for condition in status.get("conditions", []):
            if condition["type"] == kind:
                return condition
        return {}

    def wait_ready(self, name, namespace=TEAM, seconds=WAIT_SECONDS):
        return eventually(lambda: self.condition(name, namespace=namespace).get("status") == "True",
                          seconds, f"{name} is Ready: {self.condition(name, namespace=namespace)}")

    def wait_reason(self, name, reason, kind="Ready", namespace=TEAM, seconds=WAIT_SECONDS):
        eventually(lambda: self.condition(name, kind, namespace).get("reason") == reason, seconds,
                   f"{name} says {reason}")
        return self.condition(name, kind, namespace)

    def delete(self, name, namespace=TEAM, wait=True):
        self.hub.kubectl("delete", "atr", name, "-n", namespace, f"--wait={str(wait).lower()}",
                         "--timeout=60s")

    def credential(self, name, namespace=TEAM):
        """The delivered data, decoded; its token joins the canaries."""
        data = self.hub_api.get(path("secrets", namespace, name))["data"]
        data = {key: base64.b64decode(value).decode() for key, value in data.items()}
        self.tokens.add(data["token"])
        return data

    def use(self, credential, *arguments):
        """kubectl with the delivered kubeconfig."""
        file = pathlib.Path(self.scratch) / "delivered.kubeconfig"
        file.write_text(credential["kubeconfig"])
        return self.hub.run("--kubeconfig", file, *arguments)

    # What must be true.

    def on_member(self, name, *kinds):
        """Objects of ours on a member, as "kind/namespace/name"."""
        return sorted(f"{kind}/{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"
                      for resource, kind in KINDS.items() if not kinds or resource in kinds
                      for item in self.apis[name].items(path(resource) + OURS))

    def ledgers(self):
        return self.hub_api.items(path("issuedcredentials", OWN))

    def nothing_is_left(self):
        return self.nothing_is_left_but([])

    def nothing_is_left_but(self, foreign):
        """FOREIGN objects of members have our label, and are not ours."""
        return (not self.ledgers()
                and all(set(self.on_member(name)) <= set(foreign) for name in self.members)
                and not self.hub_api.items(path("secrets") + OURS))

    def check_no_token_was_printed(self):
        """No token, whole or in part, plain or in base64, in logs, Events, statuses or ledgers."""
        for secret in self.hub_api.items(path("secrets") + OURS):
            if token := base64.b64decode(secret.get("data", {}).get("token", "")).decode():
                self.tokens.add(token)
        output = "".join(broker.log_path.read_text(errors="replace") for broker in self.brokers)
        output += self.hub.kubectl("get", "events,atr,issuedcredentials,configmaps,clusterprofiles",
                                   "-A", "-o", "yaml")
        for token in self.tokens | {self.hub_token}:
            for part in token.split(".")[1:]:
                encoded = base64.b64encode(part.encode()).decode().rstrip("=")
                assert part not in output and encoded[:-2] not in output, "a token was printed"


def program(*arguments):
    return subprocess.run([CREDBROKER, *arguments], check=True, capture_output=True, text=True,
                          timeout=30).stdout
