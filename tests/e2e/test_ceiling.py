"""The ceiling check answers as a real API server does for a user who holds exactly the ceiling.

Ceilings and wants are generated from few words, so that they nearly miss each other: the wants are
parts of what one or two rules of the ceiling cover together, most with one word changed.
"""

import collections
import concurrent.futures
import itertools
import json
import os
import pathlib
import random
import re
import subprocess
import time

import pytest

from kube_api import KubeApi, path
from testbed import ControlPlane

SEED = 20260
CEILINGS = 64
WANTS_OF_EACH = 64
CONNECTIONS = 8
SECONDS = 60

ROOT = pathlib.Path(__file__).resolve().parents[2]
RBAC = "rbac.authorization.k8s.io"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
EVERYBODY = ("system:basic-user", "system:discovery", "system:public-info-viewer")
NAMESPACES = ("inner", "outer")

WORDS = {
    "apiGroups": ["", "apps", "example.org", "*"],
    "resources": ["pods", "pods/log", "pods/*", "log", "deployments", "deployments/scale", "*/log",
                  "*/scale", "*", "a/b/c", "*/b/c", "*/c"],
    "verbs": ["get", "list", "create", "delete", "*"],
    "resourceNames": ["a", "b", "c", "*"],
    "nonResourceURLs": ["/m", "/metrics", "/metrics/", "/metrics/*", "/metrics*", "/m*", "/m**",
                        "/*", "*", "/debug/*", "/debug/pprof", "/debug/*/pprof", "/debug/a/pprof"],
}
RESOURCE_FIELDS = ("apiGroups", "resources", "verbs", "resourceNames")
URL_FIELDS = ("nonResourceURLs", "verbs")

Pair = collections.namedtuple("Pair", "ceiling namespace rules")


def probe_program():
    places = [os.environ.get("CEILING_PROBE")]
    if "KUBE_PROBE" in os.environ:
        places.append(pathlib.Path(os.environ["KUBE_PROBE"]).with_name("ceiling_probe"))
    places += [ROOT / "build" / preset / "ceiling_probe" for preset in ("asan", "dev", "release")]
    for place in places:
        if place and os.access(place, os.X_OK):
            return str(place)
    raise FileNotFoundError("ceiling_probe is not built (CEILING_PROBE names it)")


def ask_ours(questions):
    """What tests/rbac/ceiling_probe.c answers."""
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run([probe_program()], input=lines, capture_output=True, text=True,
                          timeout=SECONDS, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


# Generating.

class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, share):
        return self.random.random() < share

    def some(self, words, most=3):
        return self.random.sample(words, self.random.randint(1, min(most, len(words))))

    def rule(self, cluster):
        if cluster and self.chance(0.25):
            return {field: self.some(WORDS[field]) for field in URL_FIELDS}
        rule = {field: self.some(WORDS[field]) for field in RESOURCE_FIELDS}
        if self.chance(0.6):
            del rule["resourceNames"]
        return rule

    def sibling(self, rule):
        """The rule with other words in one place, so that both together cover more than each."""
        field = self.random.choice([field for field in rule if field != "resources"])
        return {**rule, field: self.some(WORDS[field])}

    def ceiling(self, cluster):
        rules = [self.rule(cluster)]
        for _ in range(self.random.randint(0, 4)):
            rules.append(self.sibling(self.random.choice(rules)) if self.chance(0.5)
                         else self.rule(cluster))
        return rules

    def narrower(self, field, word):
        """A word that WORD covers in FIELD."""
        if field == "nonResourceURLs":
            if not word.endswith("*"):
                return word
            return self.random.choice([word, word.rstrip("*") + "/x", word.rstrip("*") + "x*",
                                       word.rstrip("*") or "/"])
        if word == "*" and field != "resourceNames":
            return self.random.choice(WORDS[field])
        if field == "resources" and word.startswith("*/"):
            return self.random.choice([word, "pods" + word[1:]])
        return word

    def within(self, rules):
        """A rule that the siblings among RULES may well cover together."""
        first = self.random.choice(rules)
        alike = [rule for rule in rules if rule.keys() == first.keys()]
        second = self.random.choice(alike)
        widened = self.random.choice(list(first))
        rule = {}
        for field, words in first.items():
            if field == widened:
                words = sorted(set(words + second[field]))
            rule[field] = sorted({self.narrower(field, word) for word in self.some(words)})
        if "resources" in rule and "resourceNames" not in rule and self.chance(0.3):
            rule["resourceNames"] = self.some(WORDS["resourceNames"])
        return rule

    def beyond(self, rule):
        """The rule with one thing changed, which mostly is too much."""
        field = self.random.choice(list(rule))
        changed = {name: list(words) for name, words in rule.items()}
        if field == "resourceNames" and self.chance(0.5):
            del changed[field]
        else:
            changed[field][self.random.randrange(len(rule[field]))] = self.random.choice(
                WORDS[field])
        return changed

    def want(self, held, namespace):
        usable = [rule for rule in held if namespace is None or "nonResourceURLs" not in rule]
        usable = usable or [self.rule(False)]
        rules = [self.within(usable) for _ in range(self.random.randint(1, 3))]
        if self.chance(0.7):
            at = self.random.randrange(len(rules))
            rules[at] = self.beyond(rules[at])
        return rules


def canary(where):
    return {"apiGroups": ["canary.example"], "resources": [where], "verbs": ["sing"]}


class Ceiling:
    """What one user holds, besides what everybody does."""

    def __init__(self, number, generator, everybody):
        self.user = f"ceiling-{number}"
        creates = {"apiGroups": [RBAC], "resources": ["roles", "clusterroles"], "verbs": ["create"]}
        self.generated = {None: generator.ceiling(True)}
        self.generated.update((name, generator.ceiling(False)) for name in NAMESPACES)
        self.rules = {where: rules + [canary(where or "cluster")]
                      for where, rules in self.generated.items()}
        self.rules[None] += [creates] + everybody

    def parts(self):
        return [{"rules": rules, **({"namespace": where} if where else {})}
                for where, rules in self.rules.items()]

    def held(self, namespace):
        return self.generated[None] + (self.generated[namespace] if namespace else [])

    def may_escalate(self, namespace):
        """Whoever may escalate is not checked by the API server."""
        return any({"*"} == set(rule["verbs"]) & set(rule["apiGroups"]) & set(rule["resources"])
                   and "resourceNames" not in rule
                   for rule in self.held(namespace) if "resources" in rule)

    def objects(self):
        """The roles and their bindings; in one namespace the role is a ClusterRole."""
        for where, rules in self.rules.items():
            kind = "Role" if where == "inner" else "ClusterRole"
            name = f"{self.user}-{where or 'cluster'}"
            yield self._object(kind, name, where if kind == "Role" else None, rules=rules)
            yield self._object("RoleBinding" if where else "ClusterRoleBinding", name, where,
                               roleRef={"apiGroup": RBAC, "kind": kind, "name": name},
                               subjects=[{"apiGroup": RBAC, "kind": "User", "name": self.user}])

    @staticmethod
    def _object(kind, name, namespace, **fields):
        return path(kind.lower() + "s", namespace), {
            "apiVersion": f"{RBAC}/v1", "kind": kind,
            "metadata": {"name": name, **({"namespace": namespace} if namespace else {})}, **fields}


def review(user, namespace, attributes=None, url=None):
    spec = {"user": user, "groups": ["system:authenticated"]}
    if url:
        spec["nonResourceAttributes"] = {"path": url, **attributes}
    else:
        spec["resourceAttributes"] = {**attributes, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


class Server:
    """The API server, asked over several connections at once."""

    def __init__(self, plane, pool):
        self.api = KubeApi.as_admin(plane)
        self.pool = pool

    def ask(self, function, items):
        return list(self.pool.map(function, items))

    def is_allowed(self, question):
        return self.api.create(REVIEWS, question)["status"]["allowed"]

    def everybody(self):
        return [rule for name in EVERYBODY
                for rule in self.api.get(path("clusterroles", name=name))["rules"]]

    def bring_up(self, ceilings):
        for name in NAMESPACES:
            self.api.create(path("namespaces"), {"metadata": {"name": name}})
        self.ask(lambda item: self.api.create(*item),
                 [item for ceiling in ceilings for item in ceiling.objects()])
        self.ask(self.wait_for_canary, list(itertools.product(ceilings, (None, *NAMESPACES))))

    def wait_for_canary(self, item):
        """The authorizer learns of a role some time after it was made, and of all its rules at
        once."""
        ceiling, namespace = item
        question = review(ceiling.user, namespace, {
            "group": "canary.example", "resource": namespace or "cluster", "verb": "sing"})
        deadline = time.monotonic() + SECONDS
        while not self.is_allowed(question):
            assert time.monotonic() < deadline, f"{ceiling.user} holds nothing in {namespace}"
            time.sleep(0.05)

    def dry_run(self, api, namespace, rules):
        kind = "Role" if namespace else "ClusterRole"
        return api.call("POST", path(kind.lower() + "s", namespace) + "?dryRun=All", {
            "apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": {"name": "wanted"},
            "rules": rules})

    def escalation(self, pair):
        """None when the role may be made, else the rules that the server says are not held."""
        reply = self.dry_run(self.api.impersonating(pair.ceiling.user), pair.namespace, pair.rules)
        if reply.status == 201:
            return None
        message = reply.body["message"]
        assert reply.status == 403 and "not currently held:" in message, (pair.rules, reply)
        return [missing_rule(line) for line in message.split("not currently held:\n")[1].split("\n")]


def missing_rule(line):
    """{APIGroups:["" "apps"], ...} as an object."""
    return {field: re.findall(r'"([^"]*)"', words)
            for field, words in re.findall(r"(\w+):\[([^]]*)\]", line)}


def names_gap(missing, gap):
    """Whether the server misses the right, too, that we do."""
    parts = {"APIGroups": "group", "Resources": "resource", "ResourceNames": "name",
             "NonResourceURLs": "url", "Verbs": "verb"}
    return any(all(gap[part] in rule.get(field, []) if part in gap else field not in rule
                   for field, part in parts.items()) for rule in missing)


def compare(pair, ours, missing):
    """What is wrong with our answer, if anything."""
    if "error" in ours:
        return ours["error"]
    if missing is None:
        return None if ours.get("covered") else f"we alone refuse: {ours['text']}"
    if ours.get("covered"):
        return "we alone allow"
    return None if names_gap(missing, ours["gap"]) else f"another gap: {ours['gap']}"


@pytest.fixture(scope="module")
def server(own_name):
    with ControlPlane(own_name("api")) as plane, \
            concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        yield Server(plane, pool)


@pytest.fixture(scope="module")
def pairs(server):
    generator = Generator(SEED)
    everybody = server.everybody()
    ceilings = [Ceiling(number, generator, everybody) for number in range(CEILINGS)]
    server.bring_up(ceilings)
    return [Pair(ceiling, namespace, generator.want(ceiling.held(namespace), namespace))
            for ceiling in ceilings
            for namespace in itertools.islice(itertools.cycle((None, *NAMESPACES)), WANTS_OF_EACH)]


@pytest.fixture(scope="module")
def verdicts(pairs):
    return ask_ours({"ceiling": pair.ceiling.parts(), "wanted": [
        {"rules": pair.rules, **({"namespace": pair.namespace} if pair.namespace else {})}]}
        for pair in pairs)


def test_every_verdict_is_that_of_the_escalation_check(server, pairs, verdicts, capsys):
    checked = [(pair, ours) for pair, ours in zip(pairs, verdicts)
               if not pair.ceiling.may_escalate(pair.namespace)]
    begin = time.monotonic()
    answers = server.ask(server.escalation, [pair for pair, _ in checked])
    seconds = time.monotonic() - begin
    wrong = [(fault, pair.ceiling.parts(), pair.namespace, pair.rules)
             for (pair, ours), missing in zip(checked, answers)
             if (fault := compare(pair, ours, missing))]
    allowed = sum(missing is None for missing in answers)
    with capsys.disabled():
        print(f"\n{len(checked)} pairs: {allowed} allowed, {len(checked) - allowed} refused, "
              f"{len(wrong)} differ; {seconds:.0f} s")
    assert not wrong, json.dumps(wrong[0])
    assert len(checked) >= 3000
    assert min(allowed, len(checked) - allowed) >= len(checked) // 5


def concrete_rights(rules):
    """One request for each right, with words in the place of wildcards."""
    for rule in rules:
        for url, verb in itertools.product(rule.get("nonResourceURLs", []), rule["verbs"]):
            yield {"verb": verb.replace("*", "any")}, re.sub(r"\*+$", "/any", url)
        for group, resource, verb, name in itertools.product(
                rule.get("apiGroups", []), rule.get("resources", []), rule["verbs"],
                rule.get("resourceNames", ["any"])):
            resource, _, subresource = resource.partition("/")
            yield {"group": group.replace("*", "any"), "verb": verb.replace("*", "any"),
                   "resource": resource.replace("*", "any"), "subresource": subresource,
                   "name": name}, None


def test_the_authorizer_allows_what_is_covered(server, pairs, verdicts, capsys):
    """The ceiling check is never wider than what the holder of the ceiling could do."""
    questions = [review(pair.ceiling.user, pair.namespace, attributes, url)
                 for pair, ours in zip(pairs, verdicts) if ours.get("covered")
                 for attributes, url in concrete_rights(pair.rules)]
    questions = random.Random(SEED).sample(questions, 1000)
    answers = server.ask(server.is_allowed, questions)
    with capsys.disabled():
        print(f"\n{len(answers)} rights of covered sets: {sum(answers)} allowed")
    assert all(answers), questions[answers.index(False)]


def test_a_rule_is_taken_where_the_api_server_takes_it(server, capsys):
    """Every shape: each field absent, empty and filled."""
    filled = {field: words[:1] for field, words in WORDS.items()}
    shapes = [{field: value for field, value in zip(filled, values) if value is not None}
              for values in itertools.product(*((None, [], words) for words in filled.values()))]
    cases = list(itertools.product((None, "default"), shapes))
    taken = server.ask(
        lambda case: server.dry_run(server.api, case[0], [case[1]]).status, cases)
    ours = ask_ours({"wanted": [{"rules": [shape], **({"namespace": name} if name else {})}]}
                    for name, shape in cases)
    assert set(taken) == {201, 422}
    for case, status, answer in zip(cases, taken, ours):
        assert (status == 201) == ("error" not in answer), (case, status, answer)
    with capsys.disabled():
        print(f"\n{len(cases)} shapes: {taken.count(201)} taken")
