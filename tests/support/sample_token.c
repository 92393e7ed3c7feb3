#include "support/sample_token.h"

#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

static char *base64url(const char *bytes, size_t size)
{
	char *text = base64_encode(bytes, size);
	size_t length = strcspn(text, "=");

	text[length] = '\0';
	for (char *c = text; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	return text;
}

char *sample_token(const struct json *claims)
{
	static const char header[] = "{\"alg\":\"RS256\",\"kid\":\"sample\"}";
	cleanup_free char *head = base64url(header, sizeof(header) - 1);
	cleanup_free char *payload = NULL;
	cleanup_free char *dump = NULL;
	struct text token = text_with_max(1 << 20);
	size_t size;

	dump = json_dump(claims, &size);
	payload = base64url(dump, size);
	text_appendf(&token, "%s.%s.%s", head, payload, SAMPLE_TOKEN_CANARY);
	return text_take(&token);
}

struct json *sample_token_claims(const char *subject, int64_t issued_at, int64_t lifetime_s,
				 const char *jti)
{
	struct json *claims = json_object_new();

	json_add_string(claims, "iss", "https://kubernetes.default.svc");
	json_add_string(claims, "sub", subject);
	json_append_string(json_add_array(claims, "aud"), "https://kubernetes.default.svc");
	json_add_integer(claims, "iat", issued_at);
	json_add_integer(claims, "exp", issued_at + lifetime_s);
	json_add_string(claims, "jti", jti);
	return claims;
}
