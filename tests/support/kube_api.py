"""A client for the Kubernetes API that costs no process per call, for tests that look often.

    api = KubeApi.as_admin(plane)
    api.get("/api/v1/namespaces/default")            # None when there is none
    api.call("POST", path, body).status              # when a refusal is what is expected
"""

import base64
import collections
import copy
import http.client
import json
import ssl
import tempfile
import threading
import urllib.parse

CALL_SECONDS = 60

Reply = collections.namedtuple("Reply", "status body")

CORE = "/api/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
GROUPS = {
    "namespaces": CORE, "secrets": CORE, "serviceaccounts": CORE, "configmaps": CORE, "pods": CORE,
    "nodes": CORE,
    "roles": RBAC, "rolebindings": RBAC, "clusterroles": RBAC, "clusterrolebindings": RBAC,
    "jobs": "/apis/batch/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "events": "/apis/events.k8s.io/v1",
    "authtokenrequests": "/apis/multicluster.x-k8s.io/v1alpha1",
    "clusterprofiles": "/apis/multicluster.x-k8s.io/v1alpha1",
    "issuedcredentials": "/apis/credbroker.dev/v1alpha1",
    "accesspolicies": "/apis/credbroker.dev/v1alpha1",
    "rbactemplates": "/apis/credbroker.dev/v1alpha1",
    "validatingadmissionpolicies": ADMISSION, "validatingadmissionpolicybindings": ADMISSION,
    "mutatingadmissionpolicies": ADMISSION, "mutatingadmissionpolicybindings": ADMISSION,
    "selfsubjectreviews": "/apis/authentication.k8s.io/v1",
    "selfsubjectaccessreviews": "/apis/authorization.k8s.io/v1",
}


def path(resource, namespace=None, name=None):
    """The path of an object, or of the list that it is in."""
    parts = [GROUPS[resource]]
    if namespace:
        parts += ["namespaces", namespace]
    parts.append(resource)
    if name:
        parts.append(urllib.parse.quote(name, safe=""))
    return "/".join(parts)


def _decoded(entry, key):
    return base64.b64decode(entry.get(key, "")).decode()


class KubeApi:
    """One server and one identity."""

    def __init__(self, server, ca_pem, token=None, certificate=None, key=None):
        where = urllib.parse.urlsplit(server)
        self._where = (where.hostname, where.port)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._context = ssl.create_default_context(cadata=ca_pem)
        if certificate:
            with tempfile.NamedTemporaryFile("w") as file:
                file.write(certificate + key)
                file.flush()
                self._context.load_cert_chain(file.name)
        self._local = threading.local()

    @classmethod
    def as_admin(cls, plane):
        return cls.of_kubeconfig(json.loads(
            plane.kubectl("config", "view", "--raw", "-o", "json")))

    @classmethod
    def of_kubeconfig(cls, config):
        """CONFIG is a kubeconfig with inline data, as an object."""
        cluster = config["clusters"][0]["cluster"]
        user = config["users"][0]["user"]
        return cls(cluster["server"], _decoded(cluster, "certificate-authority-data"),
                   token=user.get("token"), certificate=_decoded(user, "client-certificate-data"),
                   key=_decoded(user, "client-key-data"))

    def impersonating(self, user, group=None):
        """The same server and connections as USER, if this identity may impersonate."""
        other = copy.copy(self)
        other._headers = {**self._headers, "Impersonate-User": user}
        if group:
            other._headers["Impersonate-Group"] = group
        return other

    def with_token(self, token):
        """The same server and connections with another credential; for who has no certificate."""
        other = copy.copy(self)
        other._headers = {"Authorization": f"Bearer {token}"}
        return other

    def call(self, method, where, body=None, content_type="application/json"):
        headers = {**self._headers, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = content_type
        data = json.dumps(body) if body is not None else None
        try:
            status, content = self._exchange(method, where, data, headers)
        except (http.client.HTTPException, OSError):
            self._forget_connection()  # an idle one may have been closed
            status, content = self._exchange(method, where, data, headers)
        try:
            return Reply(status, json.loads(content))
        except ValueError:
            return Reply(status, {"message": content.decode(errors="replace")})

    def _exchange(self, method, where, data, headers):
        if getattr(self._local, "connection", None) is None:
            self._local.connection = http.client.HTTPSConnection(
                *self._where, timeout=CALL_SECONDS, context=self._context)
        self._local.connection.request(method, where, data, headers)
        response = self._local.connection.getresponse()
        return response.status, response.read()

    def _forget_connection(self):
        connection, self._local.connection = getattr(self._local, "connection", None), None
        if connection:
            connection.close()

    # What is expected to succeed.

    def _expect(self, reply, what):
        assert reply.status < 300, f"{what}: {reply.status} {reply.body.get('message')}"
        return reply.body

    def get(self, where):
        reply = self.call("GET", where)
        return None if reply.status == 404 else self._expect(reply, f"GET {where}")

    def items(self, where):
        return self._expect(self.call("GET", where), f"GET {where}")["items"]

    def create(self, where, body):
        return self._expect(self.call("POST", f"{where}?fieldValidation=Strict", body),
                            f"POST {where}")

    def merge(self, where, patch):
        return self._expect(self.call("PATCH", where, patch, "application/merge-patch+json"),
                            f"PATCH {where}")

    def delete(self, where, body=None):
        return self._expect(self.call("DELETE", where, body), f"DELETE {where}")
