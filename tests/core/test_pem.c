#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include <base/secret.h>

#include "broker/core/pem.h"

#define BLOCK(label, body) "-----BEGIN " label "-----\n" body "\n-----END " label "-----\n"
#define CERTIFICATE        BLOCK("CERTIFICATE", "MIIBCgKCAQEA")
#define KEY                BLOCK("PRIVATE KEY", "MIIBCgKCAQEA")

static bool holds(enum pem_kind kind, const char *bytes, size_t size)
{
	cleanup_secret struct secret text = secret_from_bytes(bytes, size);

	return pem_is(kind, &text);
}

static void pem_is__takes_certificates(void **state)
{
	static const char *const rows[] = {
		CERTIFICATE,
		CERTIFICATE CERTIFICATE CERTIFICATE,
		"\n\n  " CERTIFICATE "\r\n\t\n" CERTIFICATE "\n\n",
		BLOCK("CERTIFICATE", "MIIB\r\nCgKC\r\nAQ=="),
		"-----BEGIN CERTIFICATE-----  \r\nMIIB\r\n-----END CERTIFICATE-----",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!holds(PEM_CERTIFICATES, rows[i], strlen(rows[i])))
			fail_msg("%s", rows[i]);
}

static void pem_is__takes_one_private_key(void **state)
{
	static const char *const rows[] = {
		KEY,
		BLOCK("RSA PRIVATE KEY", "MIIB"),
		BLOCK("EC PRIVATE KEY", "MIIB"),
		BLOCK("EC PARAMETERS", "BggqhkjOPQMBBw==") BLOCK("EC PRIVATE KEY", "MIIB"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!holds(PEM_PRIVATE_KEY, rows[i], strlen(rows[i])))
			fail_msg("%s", rows[i]);
}

static void pem_is__refuses_the_rest(void **state)
{
	static const struct {
		const char *what;
		enum pem_kind kind;
		const char *bytes;
		size_t size;
	} rows[] = {
#define ROW(what, kind, bytes) {what, kind, bytes, sizeof(bytes) - 1}
		ROW("nothing", PEM_CERTIFICATES, ""),
		ROW("white space", PEM_CERTIFICATES, "\n\n"),
		ROW("text", PEM_CERTIFICATES, "hello"),
		ROW("text before", PEM_CERTIFICATES, "subject: x\n" CERTIFICATE),
		ROW("text between", PEM_CERTIFICATES, CERTIFICATE "x\n" CERTIFICATE),
		ROW("text behind", PEM_CERTIFICATES, CERTIFICATE "x"),
		ROW("text behind on the line", PEM_CERTIFICATES,
		    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----x"),
		ROW("text behind the first line", PEM_CERTIFICATES,
		    "-----BEGIN CERTIFICATE-----x\nMIIB\n-----END CERTIFICATE-----\n"),
		ROW("no end", PEM_CERTIFICATES, "-----BEGIN CERTIFICATE-----\nMIIB\n"),
		ROW("half an end", PEM_CERTIFICATES,
		    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE---"),
		ROW("another end", PEM_CERTIFICATES,
		    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END PRIVATE KEY-----\n"),
		ROW("a second beginning", PEM_CERTIFICATES,
		    "-----BEGIN CERTIFICATE-----\nMIIB\n" CERTIFICATE),
		ROW("an empty block", PEM_CERTIFICATES, BLOCK("CERTIFICATE", "")),
		ROW("a body that is no base64", PEM_CERTIFICATES, BLOCK("CERTIFICATE", "MI!B")),
		ROW("a body that is cut", PEM_CERTIFICATES, BLOCK("CERTIFICATE", "MIIBC")),
		ROW("a trusted certificate of OpenSSL", PEM_CERTIFICATES,
		    BLOCK("TRUSTED CERTIFICATE", "MIIB")),
		ROW("a revocation list", PEM_CERTIFICATES, BLOCK("X509 CRL", "MIIB")),
		ROW("a key among certificates", PEM_CERTIFICATES, CERTIFICATE KEY),
		ROW("a NUL", PEM_CERTIFICATES, CERTIFICATE "\0"),
		ROW("a NUL and more", PEM_CERTIFICATES, CERTIFICATE "\0" CERTIFICATE),
		ROW("a certificate for a key", PEM_PRIVATE_KEY, CERTIFICATE),
		ROW("two keys", PEM_PRIVATE_KEY, KEY KEY),
		ROW("parameters alone", PEM_PRIVATE_KEY, BLOCK("EC PARAMETERS", "MIIB")),
		ROW("an encrypted key", PEM_PRIVATE_KEY, BLOCK("ENCRYPTED PRIVATE KEY", "MIIB")),
		ROW("a key encrypted in the old way", PEM_PRIVATE_KEY,
		    BLOCK("RSA PRIVATE KEY",
			  "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMIIB")),
		ROW("a public key", PEM_PRIVATE_KEY, BLOCK("PUBLIC KEY", "MIIB")),
		ROW("an OpenSSH key", PEM_PRIVATE_KEY, BLOCK("OPENSSH PRIVATE KEY", "MIIB")),
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (holds(rows[i].kind, rows[i].bytes, rows[i].size))
			fail_msg("%s was accepted", rows[i].what);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pem_is__takes_certificates),
		cmocka_unit_test(pem_is__takes_one_private_key),
		cmocka_unit_test(pem_is__refuses_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
