/* Whatever a kubeconfig says, an endpoint is https with a CA and a credential, and one that came
 * through an API names no file. */
#include <string.h>

#include <base/error.h>
#include <base/secret.h>

#include "broker/core/kubeconfig.h"
#include "tests/fuzz/fuzz.h"

static bool read_file(void *context, const char *path, struct secret *ret_bytes, struct error *err)
{
	static const char certificate[] =
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

	(void)context;
	if (strlen(path) % 2 == 1)
		return error_set(err, ERROR_NOT_FOUND, "no such file");
	*ret_bytes = secret_from_bytes(certificate, sizeof(certificate) - 1);
	return true;
}

static bool is_header_value(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static void require_usable(const struct kube_endpoint *endpoint)
{
	bool has_cert = !secret_is_empty(&endpoint->client_cert_pem);

	require(strncmp(endpoint->server, "https://", 8) == 0 && endpoint->server[8] != '\0');
	require(is_header_value(endpoint->server) && !strpbrk(endpoint->server, "@?#\\%"));
	require(endpoint->server[strlen(endpoint->server) - 1] != '/');
	require(strstr(endpoint->ca_pem, "BEGIN CERTIFICATE") != NULL);
	require(has_cert == !secret_is_empty(&endpoint->client_key_pem));
	require(has_cert || !secret_is_empty(&endpoint->token) || endpoint->token_file);
	require(is_header_value(secret_expose(&endpoint->token)));
}

static void require_answer(bool ok, const struct kube_endpoint *endpoint, const struct error *err)
{
	static const struct kube_endpoint untouched;

	if (ok)
		require_usable(endpoint);
	else
		require(err->kind != ERROR_NONE &&
			memcmp(endpoint, &untouched, sizeof(untouched)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kube_endpoint inline_only = {0};
	struct kube_endpoint local = {0};
	struct error inline_err = {0};
	struct error local_err = {0};

	bool ok = kubeconfig_read_inline((const char *)data, size, &inline_only, &inline_err);
	require_answer(ok, &inline_only, &inline_err);
	require(!inline_only.token_file);
	bool local_ok = kubeconfig_read_local((const char *)data, size, "/etc", read_file, NULL,
					      &local, &local_err);
	require_answer(local_ok, &local, &local_err);
	require(local_ok || !ok);
	kube_endpoint_done(&inline_only);
	kube_endpoint_done(&local);
	return 0;
}
