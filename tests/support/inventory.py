"""What exists for a request on hub and member, and whether the ledger says the same.

    stock = Inventory(fleet, "m1")
    stock.check_issued("one")       # one of each object, all of them on record
    stock.check_nothing_is_left()
"""

import base64
import collections

from fleet import KINDS, OURS, OWN, TEAM, eventually
from kube_api import KubeApi, path

SETTLE_SECONDS = 20
# kube-apiserver goes on to take a token that it has just seen for ten seconds.
TOKEN_CACHE_SECONDS = 30


class Inventory:
    """Of one hub and one of its members."""

    def __init__(self, fleet, member):
        self.fleet = fleet
        self.plane = fleet.members[member]
        self.hub = fleet.hub_api
        self.member = fleet.apis[member]
        self.roles_of_a_template = 0  # ClusterRoles with rules

    # Single facts.

    def request(self, name, namespace=TEAM):
        return self.hub.get(path("authtokenrequests", namespace, name))

    def ledger(self, name, namespace=TEAM):
        """The record of the request; asserts that there is but one."""
        found = [item for item in self.fleet.ledgers()
                 if item["spec"]["request"]["name"] == name
                 and item["spec"]["request"]["namespace"] == namespace]
        assert len(found) <= 1, found
        return found[0]["spec"] if found else None

    def anchors(self, name, namespace=TEAM):
        return (self.ledger(name, namespace) or {}).get("anchors", [])

    def token_ids(self, name, namespace=TEAM):
        return [anchor.get("jti") for anchor in self.anchors(name, namespace)]

    def secret(self, name, namespace=TEAM):
        return self.hub.get(path("secrets", namespace, name))

    def token(self, name, namespace=TEAM):
        token = base64.b64decode(self.secret(name, namespace)["data"]["token"]).decode()
        self.fleet.tokens.add(token)
        return token

    def ours(self, resource):
        """All objects of ours on the member of one kind."""
        return self.member.items(path(resource) + OURS)

    def on_member(self, request_uid=None):
        """All objects of ours, or of one request: kind, namespace, name, UID."""
        where = OURS + (f",credbroker.dev/request-uid%3D{request_uid}" if request_uid else "")
        return {(kind, item["metadata"].get("namespace"), item["metadata"]["name"],
                 item["metadata"]["uid"])
                for resource, kind in KINDS.items()
                for item in self.member.items(path(resource) + where)}

    @staticmethod
    def on_record(ledger):
        anchors = [dict(anchor, kind="Secret") for anchor in ledger.get("anchors", [])]
        return {(item["kind"], item.get("namespace"), item["name"], item.get("uid"))
                for item in ledger["objects"] + anchors}

    def answer_to(self, token):
        """What the member says to a token: the code, and who it is."""
        api = KubeApi(self.plane.server, self.plane.ca_pem(), token=token)
        reply = api.call("POST", path("selfsubjectreviews"), {
            "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
        user = reply.body["status"]["userInfo"]["username"] if reply.status == 201 else None
        return reply.status, user

    # What must be true.

    def check_issued(self, name, namespace=TEAM, anchors=(1,)):
        """Returns the token, which works."""
        request = self.request(name, namespace)
        eventually(lambda: self._agrees(request, anchors), SETTLE_SECONDS,
                   f"ledger and member agree on {name}")
        secret_uid = self.secret(name, namespace)["metadata"]["uid"]
        assert self.request(name, namespace)["status"]["tokenResponse"]["uid"] == secret_uid
        assert len(request["metadata"]["finalizers"]) == 1
        token = self.token(name, namespace)
        identity = (f"system:serviceaccount:{self.anchors(name, namespace)[0]['namespace']}:"
                    f"{request['spec']['serviceAccountName']}")
        assert self.answer_to(token) == (201, identity)
        return token

    def _agrees(self, request, anchors):
        spec = request["spec"]
        where = request["metadata"]["name"], request["metadata"]["namespace"]
        ledger, secret = self.ledger(*where), self.secret(*where)
        found = self.on_member(request["metadata"]["uid"])
        counts = collections.Counter(kind for kind, *_ in found)
        templated = self.roles_of_a_template * len(spec.get("templates", []))
        wanted = collections.Counter(
            ServiceAccount=1,
            Role=sum("rules" in role for role in spec.get("roles", [])),
            ClusterRole=sum("rules" in role for role in spec.get("clusterRoles", [])) + templated,
            RoleBinding=len(spec.get("roles", [])),
            ClusterRoleBinding=len(spec.get("clusterRoles", [])) + templated)
        return (counts.pop("Secret", 0) in anchors and counts == +wanted
                and self.on_record(ledger) == found
                and ledger["secret"].get("uid") == secret["metadata"]["uid"])

    def check_all_issued(self, names, namespace=TEAM, besides=()):
        """As check_issued(), for many at once: what the member holds for them is what is on record,
        and each has one token, which its Secret holds. What it holds for BESIDES does not
        count."""
        eventually(lambda: self._all_agree(names, namespace, besides), SETTLE_SECONDS,
                   f"ledger and member agree on {len(names)} requests")

    def _all_agree(self, names, namespace, besides):
        ledgers = {item["spec"]["request"]["name"]: item["spec"] for item in self.fleet.ledgers()
                   if item["spec"]["request"]["namespace"] == namespace}
        secrets = {item["metadata"]["name"]: item
                   for item in self.hub.items(path("secrets", namespace) + OURS)}
        if any(name not in ledgers or name not in secrets for name in names):
            return False
        recorded = set().union(*(self.on_record(ledgers[name]) for name in names))
        found = self.on_member().difference(*(
            self.on_member(self.request(name, namespace)["metadata"]["uid"]) for name in besides))
        return recorded == found and all(
            len(ledgers[name]["anchors"]) == 1
            and ledgers[name]["secret"].get("uid") == secrets[name]["metadata"]["uid"]
            and secrets[name]["metadata"]["annotations"]["credbroker.dev/anchor-generation"]
            == str(ledgers[name]["anchors"][0]["generation"]) for name in names)

    def check_nothing_is_left(self, seconds=SETTLE_SECONDS):
        eventually(self.fleet.nothing_is_left, seconds, "nothing is left")

    def check_ended(self, *names, namespace=TEAM, seconds=SETTLE_SECONDS):
        """The requests are gone, and with them everything."""
        for name in names:
            eventually(lambda: self.request(name, namespace) is None, seconds, f"{name} is gone")
        self.check_nothing_is_left()

    def purge(self):
        """Removes what a failed test has left, so that it is not the next one's trouble."""
        for item in self.hub.items(path("authtokenrequests")):
            where = path("authtokenrequests", item["metadata"]["namespace"], item["metadata"]["name"])
            self.hub.call("PATCH", where, {"metadata": {"finalizers": None}},
                          "application/merge-patch+json")
            self.hub.call("DELETE", where)
        for item in self.fleet.ledgers():
            self.hub.call("DELETE", path("issuedcredentials", OWN, item["metadata"]["name"]))
        for item in self.hub.items(path("secrets") + OURS):
            self.hub.call("DELETE", path("secrets", item["metadata"]["namespace"],
                                         item["metadata"]["name"]))
        resources = {kind: resource for resource, kind in KINDS.items()}
        for kind, namespace, name, _ in self.on_member():
            self.member.call("DELETE", path(resources[kind], namespace, name))

    def check_refused(self, token):
        eventually(lambda: self.answer_to(token)[0] == 401, TOKEN_CACHE_SECONDS,
                   "the member refuses the token")
