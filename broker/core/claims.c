#include "core/claims.h"

#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/secret.h>

/* The end of the year 9999: later times cannot be written as RFC 3339. */
static const int64_t time_max = 253402300799;

/* The three parts of header.payload.signature. */
struct parts {
	const char *start[3];
	size_t size[3];
};

static bool split(const struct secret *token, struct parts *ret_parts, struct error *err)
{
	const char *at = secret_expose(token);
	const char *end = at + token->size;

	if (token->size > TOKEN_MAX)
		return error_set(err, ERROR_INVALID, "token is longer than %d bytes", TOKEN_MAX);
	for (size_t i = 0; i < 3; i++) {
		const char *dot = memchr(at, '.', (size_t)(end - at));
		if ((dot != NULL) != (i < 2))
			return error_set(err, ERROR_INVALID, "token does not have three parts");
		ret_parts->start[i] = at;
		ret_parts->size[i] = (size_t)((dot ? dot : end) - at);
		if (ret_parts->size[i] == 0)
			return error_set(err, ERROR_INVALID, "token has an empty part");
		at = dot ? dot + 1 : end;
	}
	return true;
}

static bool decode(const struct parts *parts, size_t index, struct secret *ret_bytes,
		   struct error *err)
{
	if (!base64url_decode(parts->start[index], parts->size[index], ret_bytes, err))
		return error_wrap(err, "part %zu of the token", index + 1);
	return true;
}

static bool decode_object(const struct parts *parts, size_t index, struct json **ret_json,
			  struct error *err)
{
	cleanup_secret struct secret bytes = {0};
	cleanup_json struct json *json = NULL;

	if (!decode(parts, index, &bytes, err))
		return false;
	json = json_parse(secret_expose(&bytes), bytes.size, err);
	if (!json)
		return error_wrap(err, "part %zu of the token", index + 1);
	if (!json_is_object(json))
		return error_set(err, ERROR_INVALID, "part %zu of the token is no object",
				 index + 1);
	*ret_json = TAKE_PTR(json);
	return true;
}

/* What is kept of a token ends up in the ledger and in logs. */
static bool is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static bool take_text(const struct json *value, const char *name, char **ret_text,
		      struct error *err)
{
	const char *text = json_string(value);

	if (!text || text[0] == '\0' || !is_printable(text))
		return error_set(err, ERROR_INVALID, "claim %s of the token is no text", name);
	*ret_text = memory_text(text);
	return true;
}

static bool take_time(const struct json *payload, const char *name, int64_t *ret_time,
		      struct error *err)
{
	int64_t time;

	if (!json_integer(json_find(payload, name), &time) || time < 0 || time > time_max)
		return error_set(err, ERROR_INVALID, "claim %s of the token is no time", name);
	*ret_time = time;
	return true;
}

static bool take_audiences(const struct json *value, struct claims *claims, struct error *err)
{
	size_t count = json_is_array(value) ? json_size(value) : 1;

	if (count == 0)
		return error_set(err, ERROR_INVALID, "claim aud of the token is empty");
	claims->audiences = memory_new_array(count, sizeof(*claims->audiences));
	for (; claims->audience_count < count; claims->audience_count++) {
		const struct json *item =
			json_is_array(value) ? json_item(value, claims->audience_count) : value;
		if (!take_text(item, "aud", &claims->audiences[claims->audience_count], err))
			return false;
	}
	return true;
}

static bool take_claims(const struct json *payload, struct claims *claims, struct error *err)
{
	const struct json *jti = json_find(payload, "jti");

	if (!take_text(json_find(payload, "sub"), "sub", &claims->subject, err) ||
	    !take_text(json_find(payload, "iss"), "iss", &claims->issuer, err) ||
	    (jti && !take_text(jti, "jti", &claims->jti, err)) ||
	    !take_audiences(json_find(payload, "aud"), claims, err) ||
	    !take_time(payload, "iat", &claims->issued_at, err) ||
	    !take_time(payload, "exp", &claims->expires_at, err))
		return false;
	claims->bound_secret_uid =
		memory_text(json_find_string(payload, "kubernetes.io", "secret", "uid"));
	claims->service_account_uid =
		memory_text(json_find_string(payload, "kubernetes.io", "serviceaccount", "uid"));
	if (claims->expires_at <= claims->issued_at)
		return error_set(err, ERROR_INVALID, "the token expires before it is issued");
	return true;
}

bool claims_read(const struct secret *token, struct claims *ret_claims, struct error *err)
{
	cleanup_with(claims_done) struct claims claims = {0};
	cleanup_json struct json *header = NULL;
	cleanup_json struct json *payload = NULL;
	cleanup_secret struct secret signature = {0};
	struct parts parts = {0};

	if (!split(token, &parts, err) || !decode_object(&parts, 0, &header, err) ||
	    !decode_object(&parts, 1, &payload, err) || !decode(&parts, 2, &signature, err) ||
	    !take_claims(payload, &claims, err))
		return false;
	*ret_claims = claims;
	claims = (struct claims){0};
	return true;
}

void claims_done(struct claims *claims)
{
	memory_free(claims->jti);
	memory_free(claims->subject);
	memory_free(claims->issuer);
	memory_free(claims->bound_secret_uid);
	memory_free(claims->service_account_uid);
	for (size_t i = 0; i < claims->audience_count; i++)
		memory_free(claims->audiences[i]);
	memory_free(claims->audiences);
	*claims = (struct claims){0};
}
