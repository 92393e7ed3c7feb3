"""Whose is it? What is not ours stays as it is, byte for byte; what is ours goes with its request.

The broker reaches hub and member through proxies, which tell what it did and in which order.
"""

import json

import pytest

import fault_proxy as fault
from fleet import IDENTITIES, KINDS, OWN, PROFILES, TEAM, Fleet, eventually
from kube_api import KubeApi, path

FINALIZER = "credbroker.dev/revocation"
REFUSED_SECONDS = 30  # an API server believes a token that it has seen for another 10 s
REVOKED = []          # what the last test looks at
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def fleet(own_name):
    member = own_name("m1")
    with Fleet(own_name("hub"), member) as fleet:
        fleet.member = member
        fleet.member_api = fleet.apis[member]
        fleet.hub_proxy = fleet.proxy(fleet.hub)
        fleet.member_proxy = fleet.proxy(fleet.members[member])
        fleet.give_access(member, server=fleet.member_proxy.url)
        broker = fleet.broker(hub_server=fleet.hub_proxy.url)
        yield fleet
        broker.stop()


@pytest.fixture(autouse=True)
def clean(fleet):
    """Each test begins with no rules and no records, and must leave no access behind."""
    forget(fleet)
    yield
    forget(fleet)
    for request in fleet.hub_api.items(path("authtokenrequests", TEAM)):
        fleet.hub_api.call("DELETE", path("authtokenrequests", TEAM, request["metadata"]["name"]))
    eventually(lambda: not fleet.ledgers() and not requests(fleet), what="all requests are gone")


def forget(fleet):
    fleet.hub_proxy.forget()
    fleet.member_proxy.forget()


def requests(fleet):
    return fleet.hub_api.items(path("authtokenrequests", TEAM))


def request_path(name):
    return path("authtokenrequests", TEAM, name)


def own_objects(fleet, uid):
    """What stands on the member for the request of this UID, by kind."""
    label = f"?labelSelector=credbroker.dev/request-uid%3D{uid}"
    return {kind: [{"kind": kind, **item} for item in items] for resource, kind in KINDS.items()
            if (items := fleet.member_api.items(path(resource) + label))}


def uid_of(fleet, name):
    return fleet.get_request(name)["metadata"]["uid"]


def object_path(item):
    resource = next(r for r, kind in KINDS.items() if kind == item["kind"])
    return path(resource, item["metadata"].get("namespace"), item["metadata"]["name"])


def client(credential):
    return KubeApi.of_kubeconfig(json.loads(credential["kubeconfig"]))


def assert_refused(credential):
    """It opens nothing any more; the last test looks whether it is a credential at all."""
    assert client(credential).call("GET", path("jobs")).status in (401, 403)
    REVOKED.append(credential)


def member_writes(fleet):
    return [record for method in WRITES for record in fleet.member_proxy.seen(method=method)]


# Conflicts on the member.


def test_an_existing_service_account_stays_untouched_until_it_goes(fleet):
    where = path("serviceaccounts", IDENTITIES, "theirs")
    fleet.member_api.create(path("serviceaccounts", IDENTITIES), {
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "theirs", "labels": {"app.kubernetes.io/managed-by": "credbroker"}}})
    before = fleet.member_api.get(where)
    fleet.request("first", fleet.member, serviceAccountName="theirs")
    condition = fleet.wait_reason("first", "ServiceAccountConflict")
    assert condition["status"] == "False" and f"{IDENTITIES}/theirs" in condition["message"]
    assert fleet.condition("first", "ServiceAccountFoundOrCreated")["status"] == "False"
    assert own_objects(fleet, uid_of(fleet, "first")) == {}
    fleet.delete("first")
    assert fleet.member_api.get(where) == before

    fleet.request("second", fleet.member, serviceAccountName="theirs")
    fleet.wait_reason("second", "ServiceAccountConflict")
    assert fleet.member_api.get(where) == before
    fleet.member_api.delete(where)
    fleet.wait_ready("second")


def test_a_second_request_for_a_service_account_waits_for_the_first_to_go(fleet):
    fleet.request("first", fleet.member, serviceAccountName="shared")
    fleet.wait_ready("first")
    credential = fleet.credential("first")
    before = own_objects(fleet, uid_of(fleet, "first"))
    for name in ("second", "third"):
        fleet.request(name, fleet.member, serviceAccountName="shared")
        fleet.wait_reason(name, "ServiceAccountConflict")
    fleet.delete("second")
    assert own_objects(fleet, uid_of(fleet, "first")) == before
    assert client(credential).call("GET", path("jobs")).status == 200

    fleet.delete("first")
    fleet.wait_ready("third")
    assert fleet.credential("third")["token"] != credential["token"]
    REVOKED.append(credential)  # the third's rights are those of its name


def squatter(fleet, seen):
    """An action: somebody makes an object of the same name just before the broker does. It has all
    that can be known of ours: labels and annotations, but no mark."""
    def action(exchange):
        wanted = json.loads(exchange.body)
        metadata = wanted["metadata"]
        annotations = {**metadata["annotations"], "credbroker.dev/mark": "a" * 26}
        foreign = {**wanted, "metadata": {**metadata, "annotations": annotations}}
        if "rules" in foreign:
            foreign["rules"] = []
        else:
            foreign["subjects"] = []
        where = object_path(wanted)
        seen.append((where, fleet.member_api.create(where.rsplit("/", 1)[0], foreign)))
        exchange.forward()
    return action


@pytest.mark.parametrize("resource, reason, kind", [
    ("roles", "RoleConflict", "RoleFoundOrCreated"),
    ("clusterroles", "RoleConflict", "ClusterRoleFoundOrCreated"),
    ("rolebindings", "RoleBindingConflict", "RoleBindingCreated"),
    ("clusterrolebindings", "RoleBindingConflict", "ClusterRoleBindingCreated")])
def test_a_foreign_object_of_a_derived_name_stays_untouched(fleet, resource, reason, kind):
    foreign = []
    fleet.member_proxy.on(squatter(fleet, foreign), method="POST", path=f"/{resource}$")
    roles = [{"namespace": "apps", "name": "r",
              "rules": [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}]}]
    fleet.request(f"{resource}-1", fleet.member, roles=roles)
    condition = fleet.wait_reason(f"{resource}-1", reason)
    [(where, body)] = foreign
    assert body["metadata"]["name"] in condition["message"]
    assert fleet.condition(f"{resource}-1", kind)["status"] == "False"
    assert fleet.member_proxy.seen(method="POST", path="/token$") == []
    assert fleet.hub_api.get(path("secrets", TEAM, f"{resource}-1")) is None
    fleet.delete(f"{resource}-1")
    assert fleet.member_api.get(where) == body

    fleet.member_proxy.on(squatter(fleet, foreign), method="POST", path=f"/{resource}$")
    fleet.request(f"{resource}-2", fleet.member, roles=roles)
    fleet.wait_reason(f"{resource}-2", reason)
    fleet.member_api.delete(foreign[1][0])
    fleet.wait_ready(f"{resource}-2")
    fleet.member_api.delete(where)


def test_an_anchor_name_that_is_taken_leads_to_the_next_generation(fleet):
    def make_twice(exchange):
        exchange.fetch()
        exchange.fetch()  # AlreadyExists
        exchange.pass_on()

    fleet.member_proxy.on(make_twice, method="POST", path="/secrets$")
    fleet.request("anchor", fleet.member)
    fleet.wait_ready("anchor")
    uid = uid_of(fleet, "anchor")

    def anchors():
        return fleet.hub_api.get(path("issuedcredentials", OWN, uid))["spec"]["anchors"]

    eventually(lambda: [a["generation"] for a in anchors()] == [2], what="the second anchor alone")
    [anchor] = own_objects(fleet, uid)["Secret"]
    assert anchor["metadata"]["uid"] == anchors()[0]["uid"]


# Conflicts on the hub.


def foreign_secret(name, **metadata):
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": name, **metadata}, "data": {"token": "dGhlaXJz"}}


def test_an_existing_secret_stays_untouched_and_nothing_is_made(fleet):
    fleet.hub_api.create(path("secrets", TEAM), foreign_secret("taken"))
    before = fleet.hub_api.get(path("secrets", TEAM, "taken"))
    fleet.request("taken", fleet.member)
    assert fleet.wait_reason("taken", "SecretConflict")["status"] == "False"
    assert member_writes(fleet) == []
    fleet.delete("taken")
    assert fleet.hub_api.get(path("secrets", TEAM, "taken")) == before
    fleet.hub_api.delete(path("secrets", TEAM, "taken"))


def test_a_secret_that_comes_between_stays_untouched_and_the_token_is_revoked(fleet):
    def create_first(exchange):
        fleet.hub_api.create(path("secrets", TEAM), foreign_secret("between"))
        exchange.forward()

    fleet.hub_proxy.on(create_first, method="POST", path=f"/namespaces/{TEAM}/secrets$")
    fleet.request("between", fleet.member)
    fleet.wait_reason("between", "SecretConflict")
    before = fleet.hub_api.get(path("secrets", TEAM, "between"))
    assert before["data"] == {"token": "dGhlaXJz"}
    uid = uid_of(fleet, "between")
    fleet.delete("between")
    assert fleet.hub_api.get(path("secrets", TEAM, "between")) == before
    assert own_objects(fleet, uid) == {}
    fleet.hub_api.delete(path("secrets", TEAM, "between"))


def test_labels_and_annotations_of_ours_make_no_secret_ours(fleet):
    fleet.request("original", fleet.member)
    fleet.wait_ready("original")
    original = fleet.hub_api.get(path("secrets", TEAM, "original"))["metadata"]
    copied = {key: original[key] for key in ("labels", "annotations")}
    fleet.hub_api.create(path("secrets", TEAM), foreign_secret("copy", **copied))
    before = fleet.hub_api.get(path("secrets", TEAM, "copy"))
    fleet.request("copy", fleet.member)
    fleet.wait_reason("copy", "SecretConflict")
    fleet.delete("original")
    fleet.delete("copy")
    assert fleet.hub_api.get(path("secrets", TEAM, "copy")) == before
    fleet.hub_api.delete(path("secrets", TEAM, "copy"))


def test_a_secret_made_anew_by_hand_is_not_withdrawn(fleet):
    fleet.request("exchanged", fleet.member)
    fleet.wait_ready("exchanged")
    original = fleet.hub_api.get(path("secrets", TEAM, "exchanged"))["metadata"]
    copied = {key: original[key] for key in ("labels", "annotations")}
    fleet.hub_api.delete(path("secrets", TEAM, "exchanged"))
    fleet.hub_api.create(path("secrets", TEAM), foreign_secret("exchanged", **copied))
    before = fleet.hub_api.get(path("secrets", TEAM, "exchanged"))
    fleet.delete("exchanged")
    assert fleet.hub_api.get(path("secrets", TEAM, "exchanged")) == before
    fleet.hub_api.delete(path("secrets", TEAM, "exchanged"))


def test_objects_made_anew_by_hand_on_the_member_are_not_deleted(fleet):
    fleet.request("replaced", fleet.member)
    fleet.wait_ready("replaced")
    credential = fleet.credential("replaced")
    mine = [item for items in own_objects(fleet, uid_of(fleet, "replaced")).values()
            for item in items]
    assert sorted(item["kind"] for item in mine) == [
        "ClusterRole", "ClusterRoleBinding", "Secret", "ServiceAccount"]
    theirs = {}
    # the anchor first: it goes with its ServiceAccount
    for item in sorted(mine, key=lambda item: item["kind"] != "Secret"):
        where = object_path(item)
        fleet.member_api.delete(where)
        copied = {key: item["metadata"].get(key)
                  for key in ("name", "namespace", "labels", "annotations")}
        fleet.member_api.create(where.rsplit("/", 1)[0], {**item, "metadata": copied})
        theirs[where] = fleet.member_api.get(where)
    fleet.delete("replaced")
    for where, before in theirs.items():
        assert fleet.member_api.get(where) == before
        fleet.member_api.delete(where)
    assert_refused(credential)


def test_what_is_ours_goes_even_without_its_labels(fleet):
    fleet.request("bare", fleet.member)
    fleet.wait_ready("bare")
    mine = [object_path(item) for items in own_objects(fleet, uid_of(fleet, "bare")).values()
            for item in items]
    for where in mine:
        fleet.member_api.merge(where, {"metadata": {"labels": None, "annotations": None}})
    fleet.hub_api.merge(path("secrets", TEAM, "bare"),
                        {"metadata": {"labels": None, "annotations": None}})
    fleet.delete("bare")
    for where in mine:
        assert fleet.member_api.get(where) is None
    assert fleet.hub_api.get(path("secrets", TEAM, "bare")) is None


# Deletion.


def test_deletion_undoes_everything_in_order_and_the_finalizer_goes_last(fleet):
    roles = [{"namespace": "apps", "name": f"r{i}",
              "rules": [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}]}
             for i in range(2)]
    fleet.request("ordered", fleet.member, roles=roles)
    fleet.wait_ready("ordered")
    credential = fleet.credential("ordered")
    uid = uid_of(fleet, "ordered")
    forget(fleet)
    fleet.delete("ordered")
    assert fleet.nothing_is_left()
    records = fleet.member_proxy.seen(method="DELETE") + fleet.hub_proxy.seen(method="DELETE")
    records += fleet.hub_proxy.seen(method="PATCH", path="/authtokenrequests/ordered$")
    done = [record.path.split("?")[0].split("/")
            for record in sorted(records, key=lambda record: record.begin)]
    assert [parts[-2] for parts in done] == [
        "rolebindings", "rolebindings", "clusterrolebindings", "secrets", "serviceaccounts",
        "roles", "roles", "clusterroles", "secrets", "issuedcredentials", "authtokenrequests"]
    assert done[8][-1] == "ordered" and done[9][-1] == uid
    assert_refused(credential)


def test_the_finalizers_of_others_stay(fleet):
    fleet.request("guarded", fleet.member)
    fleet.wait_ready("guarded")
    uid = uid_of(fleet, "guarded")
    fleet.hub_api.merge(request_path("guarded"), {
        "metadata": {"finalizers": ["example.com/before", FINALIZER, "example.com/after"]}})
    fleet.delete("guarded", wait=False)
    theirs = ["example.com/before", "example.com/after"]
    eventually(lambda: fleet.get_request("guarded")["metadata"]["finalizers"] == theirs,
               what="our finalizer is gone")
    assert own_objects(fleet, uid) == {} and fleet.ledgers() == []
    assert fleet.hub_api.get(path("secrets", TEAM, "guarded")) is None
    fleet.hub_api.merge(request_path("guarded"), {"metadata": {"finalizers": None}})
    eventually(lambda: fleet.get_request("guarded") is None, what="the request is gone")


def strip_and_delete(fleet, name):
    """The request is gone before the broker can do anything about it."""
    held = fleet.member_proxy.on(fault.hold, method="DELETE")
    fleet.delete(name, wait=False)
    held.wait(30)
    fleet.hub_api.merge(request_path(name), {"metadata": {"finalizers": None}})
    eventually(lambda: fleet.get_request(name) is None, what="the request is gone")
    return held


def test_a_request_whose_finalizer_was_stripped_is_revoked_all_the_same(fleet):
    fleet.request("stripped", fleet.member)
    fleet.wait_ready("stripped")
    credential = fleet.credential("stripped")
    strip_and_delete(fleet, "stripped").release()
    eventually(fleet.nothing_is_left, what="nothing is left")
    assert_refused(credential)


def test_a_finalizer_that_is_taken_away_is_put_back(fleet):
    fleet.request("unguarded", fleet.member)
    fleet.wait_ready("unguarded")
    fleet.hub_api.merge(request_path("unguarded"), {"metadata": {"finalizers": None}})
    eventually(lambda: fleet.get_request("unguarded")["metadata"].get("finalizers") == [FINALIZER],
               what="the finalizer is back")


def test_a_request_made_anew_under_the_name_gets_an_identity_of_its_own(fleet):
    fleet.request("again", fleet.member)
    fleet.wait_ready("again")
    old = fleet.credential("again")
    old_uid = uid_of(fleet, "again")
    old_account = own_objects(fleet, old_uid)["ServiceAccount"][0]["metadata"]["uid"]
    held = strip_and_delete(fleet, "again")
    fleet.request("again", fleet.member)
    new_uid = uid_of(fleet, "again")
    assert "tokenResponse" not in fleet.get_request("again").get("status", {})
    held.release()
    fleet.wait_ready("again")
    new = fleet.credential("again")
    assert new["token"] != old["token"]
    assert own_objects(fleet, new_uid)["ServiceAccount"][0]["metadata"]["uid"] != old_account
    eventually(lambda: own_objects(fleet, old_uid) == {}, what="the old access is gone")
    assert [ledger["metadata"]["name"] for ledger in fleet.ledgers()] == [new_uid]
    assert client(new).call("GET", path("jobs")).status == 200
    REVOKED.append(old)


def test_a_request_that_is_deleted_while_its_token_is_minted_leaves_nothing(fleet):
    held = fleet.member_proxy.on(fault.hold_reply, method="POST", path="/token$")
    fleet.request("hasty", fleet.member)
    held.wait(30)
    fleet.delete("hasty", wait=False)
    held.release()
    eventually(lambda: fleet.get_request("hasty") is None, what="the request is gone")
    assert fleet.nothing_is_left()
    assert fleet.hub_proxy.seen(method="POST", path=f"/namespaces/{TEAM}/secrets$") == []


def test_a_request_that_never_got_anywhere_goes_at_once(fleet):
    target = {"kind": "ClusterProfile", "name": "nowhere", "namespace": PROFILES}
    fleet.request("lost", fleet.member, targetClusterProfile=target)
    fleet.wait_reason("lost", "ClusterProfileNotFound")
    assert "finalizers" not in fleet.get_request("lost")["metadata"]
    fleet.delete("lost")
    assert fleet.ledgers() == [] and member_writes(fleet) == []


def test_a_namespace_goes_with_the_requests_in_it(fleet):
    fleet.hub.kubectl("create", "namespace", "leaving")
    fleet.open_namespace("leaving")
    fleet.request("inside", fleet.member, namespace="leaving")
    fleet.wait_ready("inside", "leaving")
    credential = fleet.credential("inside", "leaving")
    fleet.hub.kubectl("delete", "namespace", "leaving", "--timeout=60s")
    assert fleet.nothing_is_left()
    assert_refused(credential)


# Two hubs that share a member.


@pytest.fixture(scope="module")
def other_hub(fleet, own_name):
    with Fleet(own_name("hub2")) as other:
        other.member = fleet.member
        other.member_api = fleet.member_api
        other.members[fleet.member] = fleet.members[fleet.member]
        other.apis[fleet.member] = fleet.member_api
        other.add_profile(fleet.member)
        other.give_access(fleet.member)
        broker = other.broker()
        yield other
        broker.stop()


def test_two_hubs_share_a_member_and_touch_nothing_of_each_other(fleet, other_hub):
    """The same names on both hubs, but for the ServiceAccount."""
    roles = [{"namespace": "apps", "name": "r",
              "rules": [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}]}]
    for hub, account in ((fleet, "of-one"), (other_hub, "of-the-other")):
        hub.request("same", fleet.member, serviceAccountName=account, roles=roles)
    for hub in (fleet, other_hub):
        hub.wait_ready("same")
    mine, theirs = (own_objects(hub, uid_of(hub, "same")) for hub in (fleet, other_hub))
    names = [{(kind, item["metadata"]["name"]) for kind, items in made.items() for item in items}
             for made in (mine, theirs)]
    assert len(names[0]) == len(names[1]) == 6 and not names[0] & names[1]
    marks = [{item["metadata"]["labels"]["credbroker.dev/hub-id"]
              for items in made.values() for item in items} for made in (mine, theirs)]
    assert len(marks[0]) == len(marks[1]) == 1 and marks[0] != marks[1]

    credential = fleet.credential("same")
    fleet.delete("same")
    assert own_objects(other_hub, uid_of(other_hub, "same")) == theirs
    assert client(other_hub.credential("same")).call("GET", path("jobs")).status == 200
    assert_refused(credential)
    other_hub.delete("same")


def test_the_service_account_of_another_hub_is_a_conflict(fleet, other_hub):
    fleet.request("one", fleet.member, serviceAccountName="wanted-by-two")
    fleet.wait_ready("one")
    before = own_objects(fleet, uid_of(fleet, "one"))
    other_hub.request("two", fleet.member, serviceAccountName="wanted-by-two")
    other_hub.wait_reason("two", "ServiceAccountConflict")
    other_hub.delete("two")
    assert own_objects(fleet, uid_of(fleet, "one")) == before
    assert client(fleet.credential("one")).call("GET", path("jobs")).status == 200


def test_no_revoked_token_is_a_credential_any_more(fleet):
    clients = [client(credential) for credential in REVOKED]
    assert clients
    eventually(lambda: {c.call("GET", path("jobs")).status for c in clients} == {401},
               REFUSED_SECONDS, "all revoked tokens are refused")
