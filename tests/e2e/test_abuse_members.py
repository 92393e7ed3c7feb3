"""What must not work on members, whatever a request says: abuse cases, each named after its number.

An existing ServiceAccount is used where a policy names it, and stays as it is; without such a
policy it is a conflict, however powerful it is.
"""

import base64
import json

import pytest

from fleet import (BINDABLE, IDENTITIES, OWN, PROFILES, TEAM, WITHOUT_POLICY, Fleet, eventually,
                   program)
from kube_api import KubeApi, path
from testbed import ROOT

HOME = "argocd"       # a namespace of the member where others have ServiceAccounts
ACCOUNT = "manager"   # the one that a policy names
RBAC = "rbac.authorization.k8s.io"
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


# Objects that somebody made first.


def make_first(fleet, made):
    """An action: somebody makes a role of the same name, which allows more, just before us."""
    def action(exchange):
        wanted = json.loads(exchange.body)
        wanted["rules"] = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
        wanted["metadata"]["annotations"]["credbroker.dev/mark"] = "a" * 26
        where = path("clusterroles")
        made.append(fleet.member_api.create(where, wanted))
        exchange.forward()
    return action


def check_a_role_that_somebody_made_first(fleet, name):
    made = []
    fleet.member_proxy.forget()
    fleet.member_proxy.on(make_first(fleet, made), method="POST", path="/clusterroles$")
    fleet.request(name, fleet.member)
    condition = fleet.wait_reason(name, "RoleConflict")
    [theirs] = made
    where = path("clusterroles", name=theirs["metadata"]["name"])
    assert theirs["metadata"]["name"] in condition["message"]
    assert writes_to(fleet, "/(clusterrolebindings|token|secrets)$") == []
    assert fleet.hub_api.get(path("secrets", TEAM, name)) is None
    take_back(fleet, name)
    assert fleet.member_api.get(where) == theirs
    fleet.member_api.delete(where)


def test_a07_a_wider_role_of_the_derived_name_is_never_bound(fleet, policy):
    policy()
    check_a_role_that_somebody_made_first(fleet, "a07")


def test_a06_a_role_that_has_the_requested_name_is_neither_bound_nor_changed(fleet, policy, asked):
    where = path("clusterroles", name="wide")
    fleet.members[fleet.member].kubectl("create", "clusterrole", "wide", "--verb=*",
                                        "--resource=secrets")
    before = fleet.member_api.get(where)
    policy()
    asked("a06", clusterRoles=[{"name": "wide", "rules": [JOBS]}])
    fleet.wait_ready("a06")
    credential = fleet.credential("a06")
    assert client(credential).call("GET", path("jobs")).status == 200
    assert client(credential).call("GET", path("secrets")).status == 403
    take_back(fleet, "a06")
    assert fleet.member_api.get(where) == before
    fleet.member_api.delete(where)


def test_a30_a_forged_status_steers_no_deletion(fleet, policy, asked):
    """It names what is somebody else's: a Secret on the hub, and everything by its UID."""
    where = path("secrets", TEAM, "a30-theirs")
    theirs = fleet.hub_api.create(path("secrets", TEAM), {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a30-theirs"}})
    policy()
    asked("a30")
    fleet.wait_ready("a30")
    reference = {"apiVersion": "v1", "kind": "Secret", "namespace": TEAM, "name": "a30-theirs",
                 "uid": theirs["metadata"]["uid"]}
    fleet.hub_api.merge(path("authtokenrequests", TEAM, "a30") + "/status", {"status": {
        "tokenResponse": {**reference, "apiGroup": ""},
        "deliveries": [{"name": "kubeconfig", "format": "Kubeconfig", "objectRef": reference}]}})
    take_back(fleet, "a30")
    assert fleet.hub_api.get(where) == theirs
    assert fleet.hub_api.get(path("secrets", TEAM, "a30")) is None
    assert fleet.nothing_is_left()
    fleet.hub_api.delete(where)


# Templates and values. A template has no functions and replaces whole strings alone; what a
# ClusterProfile or a request says is a value, and stays one.

HOSTILE = ['"', "\\", '"}]}', "}}", "${x}", "$(x)", "$(where)", "{{cluster}}", "&a", "*a", "!!str x",
           "---", "%", "'", "#", "|", "a\tb", "a\nb: c", "\u0000", "é", "*"]

# A policy can list these, and a template be filled with them.
PRINTABLE = [value for value in HOSTILE
             if all("!" <= character <= "~" and character != "*" for character in value)]


def template(name, parameters=(), roles=(), variables=(), **more):
    return {"apiVersion": "credbroker.dev/v1alpha1", "kind": "RBACTemplate",
            "metadata": {"name": name},
            "spec": {"parameters": list(parameters), "roles": list(roles),
                     "variables": list(variables), **more}}


def jobs_named(value, namespace="apps"):
    return {"namespace": namespace, "name": "worker", "rules": [{**JOBS, "resourceNames": [value]}]}


def create_template(fleet, body):
    return fleet.hub_api.call("POST", "/apis/credbroker.dev/v1alpha1/rbactemplates"
                              "?fieldValidation=Strict", body)


@pytest.fixture
def templates(fleet):
    """Makes RBACTemplates, which go when the test is over."""
    made = []

    def make(body):
        made.append(body["metadata"]["name"])
        reply = create_template(fleet, body)
        assert reply.status == 201, reply

    yield make
    for name in made:
        fleet.hub_api.call("DELETE", f"/apis/credbroker.dev/v1alpha1/rbactemplates/{name}")


def roles_in_apps(fleet):
    return [item for item in fleet.member_api.items(path("roles", "apps"))
            if "credbroker.dev/request-uid" in item["metadata"].get("labels", {})]


def test_a14_a_value_is_put_in_as_it_is_or_refused(fleet, policy, templates, asked):
    templates(template("a14", [{"name": "which", "type": "String"}], [jobs_named("$(which)")]))
    policy(templates=[{"name": "a14", "parameters": [{"name": "which", "values": PRINTABLE}]}])
    outcomes = {}
    for number, value in enumerate(HOSTILE):
        body = {"apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "AuthTokenRequest",
                "metadata": {"name": f"a14-{number}"},
                "spec": {"targetClusterProfile": {"name": fleet.member, "namespace": PROFILES},
                         "serviceAccountName": f"a14-{number}",
                         "templates": [{"name": "a14", "parameters": [
                             {"name": "which", "value": value}]}]}}
        reply = fleet.hub_api.call("POST", path("authtokenrequests", TEAM), body)
        if reply.status == 201:
            outcomes[f"a14-{number}"] = value
    try:
        for name, value in outcomes.items():
            eventually(lambda: fleet.condition(name).get("reason") in (
                "Issued", "TemplateInvalid", "TemplateNotAllowed"), what=f"an answer to {value!r}")
        served = {value for name, value in outcomes.items()
                  if fleet.condition(name)["reason"] == "Issued"}
        # what is printable is a name like others; nothing was looked into, nothing split
        given = [word for item in roles_in_apps(fleet) for each in item["rules"]
                 for word in each["resourceNames"]]
        assert sorted(given) == sorted(served)
        assert served == set(PRINTABLE)
    finally:
        take_back(fleet, *outcomes)


def test_a14_labels_of_a_cluster_profile_are_values_too(fleet, policy, templates, asked):
    templates(template("a14-label", roles=[jobs_named("$(zone)")],
                       variables=[{"name": "zone", "from": {"label": "zone"}}]))
    policy(templates=[{"name": "a14-label"}])
    where = path("clusterprofiles", PROFILES, fleet.member)
    for value in ('a"b', "a\nb", "}}", "${x}"):  # what no label can be
        assert fleet.hub_api.call("PATCH", where, {"metadata": {"labels": {"zone": value}}},
                                  "application/merge-patch+json").status == 422
    fleet.hub_api.merge(where, {"metadata": {"labels": {"zone": "a.b_C-1"}}})
    asked("a14-label", clusterRoles=[], templates=[{"name": "a14-label"}])
    fleet.wait_ready("a14-label")
    [found] = roles_in_apps(fleet)
    assert found["rules"] == [{**JOBS, "resourceNames": ["a.b_C-1"]}]


def test_a16_a_kubeconfig_is_json_which_every_yaml_parser_reads_alike(fleet, policy, asked):
    """Names with all that names may have: nothing in it is more than a string."""
    policy()
    asked("a16.0x1e-3.null", serviceAccountName="0x1e-3.true.no")
    fleet.wait_ready("a16.0x1e-3.null")
    text = fleet.credential("a16.0x1e-3.null")["kubeconfig"]
    as_json = json.loads(text)
    file = fleet.scratch + "/a16.kubeconfig"
    with open(file, "w", encoding="utf-8") as out:
        out.write(text)
    seen = json.loads(fleet.hub.run("--kubeconfig", file, "config", "view", "--raw",
                                    "-o", "json").stdout)
    for group in ("clusters", "contexts", "users", "current-context"):
        assert seen[group] == as_json[group]
    assert client({"kubeconfig": text}).call("GET", path("jobs")).status == 200


TOO_MUCH = {
    "unknown variable": template("x", roles=[jobs_named("$(nobody)")]),
    "function": template("x", [{"name": "which", "type": "String"}],
                         [jobs_named("$(upper(which))")]),
    "nested": template("x", [{"name": "which", "type": "String"}], [jobs_named("$($(which))")]),
    "many variables": template("x", variables=[
        {"name": f"v{number}", "from": {"field": "name"}} for number in range(10000)],
        roles=[jobs_named("a")]),
    "large value": template("x", roles=[jobs_named("a" * (1 << 20))]),
}


@pytest.mark.parametrize("case", TOO_MUCH)
def test_a17_a_template_with_more_than_names_is_refused(fleet, policy, asked, case):
    """By admission or, where its schema cannot say it, by the broker, and then nothing is made."""
    policy(templates=[{"name": "x"}])
    reply = create_template(fleet, TOO_MUCH[case])
    if reply.status == 201:
        try:
            name = asked(f"a17-{case.split()[0]}", clusterRoles=[], templates=[
                {"name": "x", "parameters": [{"name": "which", "value": "a"}]
                 if "which" in json.dumps(TOO_MUCH[case]) else []}])
            eventually(lambda: fleet.condition(name).get("reason") in (
                "TemplateNotFound", "TemplateInvalid", "TemplateNotAllowed"), what="a refusal")
            assert fleet.member_proxy.seen(method="POST", path="/(roles|serviceaccounts)$") == []
        finally:
            fleet.hub_api.call("DELETE", "/apis/credbroker.dev/v1alpha1/rbactemplates/x")


def test_a19_nobody_says_the_labels_of_what_is_delivered(fleet, policy, asked):
    """There are no templates for labels or annotations: nothing of a request gets into the Secret's
    metadata but its name, and what a request has there itself stays there."""
    policy()
    marks = {"kubernetes.io/service-account.name": "default", "helm.sh/hook": "post-install",
             "argocd.argoproj.io/secret-type": "cluster"}
    asked("a19")
    fleet.hub_api.merge(path("authtokenrequests", TEAM, "a19"),
                        {"metadata": {"labels": marks, "annotations": marks}})
    fleet.wait_ready("a19")
    secret = fleet.hub_api.get(path("secrets", TEAM, "a19"))
    metadata = secret["metadata"]
    found = {**metadata.get("labels", {}), **metadata.get("annotations", {})}
    assert not set(marks) & set(found)
    assert all(key.startswith(("credbroker.dev/", "app.kubernetes.io/")) for key in found)
    assert secret["type"] in ("Opaque", "credbroker.dev/credential")
    for field in ("labels", "annotations"):
        body = fleet.get_request("a19")
        body["metadata"] = {"name": "a19-asks"}
        body["spec"]["deliveries"] = [{"name": "kubeconfig", "format": "Kubeconfig", field: marks}]
        assert fleet.hub_api.call("POST", path("authtokenrequests", TEAM)
                                  + "?fieldValidation=Strict", body).status >= 400


# What a policy would have stopped, with no policy at all: the member is the second wall.


def rule(groups, resources, *verbs):
    return {"apiGroups": groups, "resources": resources, "verbs": list(verbs)}


def inline(*rules):
    return {"clusterRoles": [{"name": "r", "rules": list(rules)}]}


def role(namespace, *rules):
    return {"clusterRoles": [], "roles": [{"namespace": namespace, "name": "r",
                                           **({"rules": list(rules)} if rules else {})}]}


SECRETS = rule([""], ["secrets"], "get")
# Each case of A1 to A9 as far as rights go, and why it is refused. What the broker may do itself
# (make bindings, roles and identities) and what it was let grant, it could give without a policy.
BEHIND_POLICIES = {
    "a01-admin": ({"clusterRoles": [{"name": "cluster-admin"}]}, "GrantRefused"),
    "a01-view": ({"clusterRoles": [{"name": "view"}]}, "GrantRefused"),
    "a01-role": (role("kube-system"), "GrantRefused"),
    "a02-harmless": (inline(rule([""], ["pods"], "get")), "GrantRefused"),
    "a02-beside": (inline(JOBS, rule(["batch"], ["cronjobs"], "get")), "GrantRefused"),
    "a04-wider": (inline(SECRETS), "GrantRefused"),
    "a05-star": (inline(rule(["*"], ["*"], "*")), "GrantRefused"),
    "a05-paths": (inline({"nonResourceURLs": ["*"], "verbs": ["*"]}), "GrantRefused"),
    "a05-escalate": (inline(rule([RBAC], ["clusterroles"], "escalate")), "GrantRefused"),
    "a05-bind": (inline(rule([RBAC], ["clusterroles"], "bind")), "GrantRefused"),
    "a05-impersonate": (inline(rule([""], ["users"], "impersonate")), "GrantRefused"),
    "a05-tokens": (inline(rule([""], ["serviceaccounts/token"], "create")), "GrantRefused"),
    "a05-proxy": (inline(rule([""], ["nodes/proxy"], "get")), "GrantRefused"),
    "a05-approval": (inline(rule(["certificates.k8s.io"],
                                 ["certificatesigningrequests/approval"], "update")),
                     "GrantRefused"),
    "a05-ephemeral": (inline(rule([""], ["pods/ephemeralcontainers"], "patch")), "GrantRefused"),
    "a05-webhooks": (inline(rule(["admissionregistration.k8s.io"],
                                 ["mutatingwebhookconfigurations"], "create")), "GrantRefused"),
    "a08-kube": (role("kube-system", SECRETS), "GrantRefused"),
    "a08-broker": (role(OWN, SECRETS), "GrantRefused"),
    # By the admission policy for members alone: these rights the broker holds.
    "a08-kube-held": (role("kube-system", JOBS), "GrantRefused"),
    "a08-broker-held": (role(OWN, JOBS), "GrantRefused"),
    "a08-identity": ({"serviceAccountNamespace": "kube-system"}, "NamespaceNotOpened"),
    "a08-account": ({"serviceAccountNamespace": "kube-system",
                     "serviceAccountName": "namespace-controller"}, "NamespaceNotOpened"),
}


def guard_namespaces(member):
    """The admission policy for members, and until it is in force."""
    member.kubectl("apply", "-f", ROOT / "deploy/policies/member")
    tried = ("create", "role", "tried", "--verb=get", "--resource=jobs.batch", "-n", OWN,
             "--dry-run=server", f"--as=system:serviceaccount:{OWN}:credbroker")
    eventually(lambda: "credbroker makes no Role" in member.run(*tried).stderr, 60,
               "the member refuses Roles in the broker's namespace")


@pytest.fixture(scope="module")
def without_policy(fleet):
    """A broker that allows everything, in the place of the other one; last, since it stays."""
    fleet.current.stop()
    guard_namespaces(fleet.members[fleet.member])
    fleet.current = fleet.broker(file=WITHOUT_POLICY)
    yield fleet
    fleet.current.stop()


def test_a10_without_any_policy_the_member_refuses_a01_to_a09(without_policy):
    fleet = without_policy
    assert fleet.hub_api.items(path("accesspolicies")) == []
    fleet.member_proxy.forget()
    for name, (spec, _) in BEHIND_POLICIES.items():
        fleet.request(name, fleet.member, **{"clusterRoles": [], **spec})
    for name, (_, reason) in BEHIND_POLICIES.items():
        assert fleet.wait_reason(name, reason)["status"] == "False", name
        assert fleet.hub_api.get(path("secrets", TEAM, name)) is None, name
    assert fleet.member_proxy.seen(method="POST", path="/token$") == []
    take_back(fleet, *BEHIND_POLICIES)
    assert fleet.nothing_is_left()


def test_a10_without_any_policy_a_foreign_role_of_a_derived_name_is_a_conflict(without_policy):
    fleet = without_policy
    check_a_role_that_somebody_made_first(fleet, "a10-a07")


def test_a10_the_broker_without_policy_is_another_program(without_policy):
    """It serves what no policy allows: that it refused so much was not for another reason."""
    fleet = without_policy
    fleet.request("a10-served", fleet.member)
    fleet.wait_ready("a10-served")
    take_back(fleet, "a10-served")
