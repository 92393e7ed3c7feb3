"""What must not work on members, whatever a request says: abuse cases, each named after its number.

An existing ServiceAccount is used where a policy names it, and stays as it is; without such a
policy it is a conflict, however powerful it is.
"""

import base64
import json

import pytest

from fleet import BINDABLE, IDENTITIES, OWN, TEAM, Fleet, eventually, program
from kube_api import KubeApi, path

HOME = "argocd"       # a namespace of the member where others have ServiceAccounts
ACCOUNT = "manager"   # the one that a policy names
JOBS = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list"]}


@pytest.fixture(scope="module")
def fleet(own_name):
    member = own_name("m1")
    with Fleet(own_name("hub"), member) as fleet:
        fleet.policy.withdraw()
        fleet.member = member
        fleet.member_api = fleet.apis[member]
        fleet.member_proxy = fleet.proxy(fleet.members[member])
        fleet.give_access(member, server=fleet.member_proxy.url)
        fleet.members[member].kubectl("create", "namespace", HOME)
        fleet.members[member].kubectl("apply", "-f", "-", stdin=program(
            "member-rbac", "--identity-namespace", IDENTITIES,
            "--existing-service-account", f"{HOME}/{ACCOUNT}"))
        fleet.current = fleet.broker()
        yield fleet
        fleet.current.stop()


@pytest.fixture
def policy(fleet):
    """Makes the one AccessPolicy of a test, which goes when the test is over."""
    name = "members"

    def make(**allow):
        fleet.hub.apply({"apiVersion": "credbroker.dev/v1alpha1", "kind": "AccessPolicy",
                         "metadata": {"name": name},
                         "spec": {"subjects": [{"namespaces": [TEAM]}],
                                  "clusterProfiles": [{"names": [fleet.member]}],
                                  "allow": {"clusterRules": [JOBS], **allow}}})

    yield make
    fleet.hub_api.call("DELETE", path("accesspolicies", name=name))


@pytest.fixture
def asked(fleet, policy):
    """Asks, and takes back what was asked for before the policy goes."""
    names = []

    def ask(name, **spec):
        names.append(name)
        fleet.request(name, fleet.member, **spec)
        return name

    fleet.member_proxy.forget()
    yield ask
    take_back(fleet, *names)


def take_back(fleet, *names):
    for name in names:
        fleet.hub_api.call("DELETE", path("authtokenrequests", TEAM, name))
    for name in names:
        eventually(lambda: fleet.get_request(name) is None, what=f"{name} is gone")


def make_account(fleet, namespace, name, cluster_role=None):
    """Somebody else's ServiceAccount, which looks as much like ours as it can."""
    where = path("serviceaccounts", namespace, name)
    fleet.member_api.create(path("serviceaccounts", namespace), {
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "credbroker"},
                     "annotations": {"credbroker.dev/mark": "a" * 26}}})
    if cluster_role:
        fleet.members[fleet.member].kubectl(
            "create", "clusterrolebinding", name, f"--clusterrole={cluster_role}",
            f"--serviceaccount={namespace}:{name}")
    return where


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def client(credential):
    return KubeApi.of_kubeconfig(json.loads(credential["kubeconfig"]))


def account_on_record(fleet, name):
    uid = fleet.get_request(name)["metadata"]["uid"]
    return fleet.hub_api.get(path("issuedcredentials", OWN, uid))["spec"]["objects"][0]


def writes_to(fleet, pattern):
    return [record for method in ("POST", "PUT", "PATCH", "DELETE")
            for record in fleet.member_proxy.seen(method=method, path=pattern)]


# ServiceAccounts that exist.


def test_an_existing_service_account_is_used_where_a_policy_names_it(fleet, policy, asked):
    where = make_account(fleet, HOME, ACCOUNT, cluster_role=BINDABLE)
    before = fleet.member_api.get(where)
    policy(existingServiceAccounts=[{"namespace": HOME, "name": ACCOUNT}])
    asked("used", serviceAccountNamespace=HOME, serviceAccountName=ACCOUNT)
    fleet.wait_ready("used")
    found = fleet.condition("used", "ServiceAccountFoundOrCreated")
    assert (found["status"], found["reason"]) == ("True", "ServiceAccountFound")
    credential = fleet.credential("used")
    assert claims(credential["token"])["sub"] == f"system:serviceaccount:{HOME}:{ACCOUNT}"
    assert account_on_record(fleet, "used") == {
        "kind": "ServiceAccount", "namespace": HOME, "name": ACCOUNT, "requestedName": ACCOUNT,
        "existing": True, "uid": before["metadata"]["uid"]}
    for resource in ("jobs", "pods"):  # what was asked for, and what it had
        assert client(credential).call("GET", path(resource)).status == 200
    assert fleet.member_api.get(where) == before

    take_back(fleet, "used")
    assert fleet.nothing_is_left_but([f"ServiceAccount/{HOME}/{ACCOUNT}"])
    assert fleet.member_api.get(where) == before
    assert writes_to(fleet, r"/serviceaccounts(/[^/]*)?$") == []
    eventually(lambda: client(credential).call("GET", path("pods")).status == 401,
               what="the token is refused")
    fleet.member_api.delete(where)


def test_an_existing_service_account_that_is_exchanged_stays_and_gets_no_token(fleet, policy,
                                                                               asked):
    where = make_account(fleet, HOME, ACCOUNT)
    policy(existingServiceAccounts=[{"namespace": HOME, "name": ACCOUNT}])
    asked("exchanged", serviceAccountNamespace=HOME, serviceAccountName=ACCOUNT)
    fleet.wait_ready("exchanged")
    credential = fleet.credential("exchanged")
    fleet.member_api.delete(where)
    make_account(fleet, HOME, ACCOUNT)
    other = fleet.member_api.get(where)
    eventually(lambda: client(credential).call("GET", path("jobs")).status == 401,
               what="the token of the one that went is refused")
    take_back(fleet, "exchanged")
    assert fleet.member_api.get(where) == other
    fleet.member_api.delete(where)


def test_none_is_made_where_a_policy_names_one_as_existing(fleet, policy, asked):
    policy(existingServiceAccounts=[{"namespace": HOME, "name": ACCOUNT}])
    asked("early", serviceAccountNamespace=HOME, serviceAccountName=ACCOUNT)
    condition = fleet.wait_reason("early", "ServiceAccountNotFound")
    assert f"{HOME}/{ACCOUNT}" in condition["message"]
    assert fleet.member_api.get(path("serviceaccounts", HOME, ACCOUNT)) is None
    where = make_account(fleet, HOME, ACCOUNT)
    fleet.wait_ready("early")
    take_back(fleet, "early")
    fleet.member_api.delete(where)


def test_a_powerful_service_account_that_no_policy_names_is_a_conflict(fleet, policy, asked):
    where = make_account(fleet, IDENTITIES, "powerful", cluster_role="cluster-admin")
    before = fleet.member_api.get(where)
    policy(existingServiceAccounts=[{"namespace": HOME, "name": "powerful"},
                                    {"namespace": IDENTITIES, "name": ACCOUNT}])
    asked("taken", serviceAccountName="powerful")
    condition = fleet.wait_reason("taken", "ServiceAccountConflict")
    assert f"{IDENTITIES}/powerful" in condition["message"]
    assert fleet.hub_api.get(path("secrets", TEAM, "taken")) is None
    take_back(fleet, "taken")
    assert fleet.member_proxy.seen(method="POST", path="/token$") == []
    assert fleet.member_api.get(where) == before
    fleet.member_api.delete(where)
    fleet.member_api.delete(path("clusterrolebindings", name="powerful"))


def test_an_existing_service_account_elsewhere_is_denied_before_any_call(fleet, policy, asked):
    policy(existingServiceAccounts=[{"namespace": HOME, "name": ACCOUNT}])
    asked("elsewhere", serviceAccountNamespace="kube-system",
          serviceAccountName="namespace-controller")
    fleet.wait_reason("elsewhere", "IdentityNotAllowed")
    assert fleet.member_proxy.seen() == []
