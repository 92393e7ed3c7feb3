#!/usr/bin/env bash
# Only these files look inside a secret, each for the reason given. Every other use is a leak to be.
source "$(dirname -- "${BASH_SOURCE[0]}")/rules.bash"

readers() {
    sed 's/ *#.*//; /^$/d' <<'END'
broker/base/secret.c                # is the secret
broker/core/claims.c                # reads a token's payload
broker/core/kubeconfig.c            # reads files that the operator's kubeconfig names
broker/core/own_credential.c        # reads and writes the Secret with our own credential on a member
broker/core/pem.c                   # finds certificates and keys in PEM
broker/core/request_nonce.c         # makes nonces of the hub's key
broker/delivery/kubeconfig_format.c # writes the token for the application
broker/delivery/secret_object.c     # writes the token for the application
broker/edge/http_call.c             # refuses a token that would break a header
broker/edge/http_client.c           # sends the Authorization header and the client key
broker/edge/hub_config.c            # reads the hub's kubeconfig and token files
broker/edge/member_access.c         # reads a member's kubeconfig
END
}

only_readers_expose() {
    # shellcheck disable=SC2046
    {
        readers | sed 's/^/reader:/'
        rule_code $(rule_files '*.[ch]' include broker rbac) |
            rule_search -E '(^|[^A-Za-z0-9_])secret_expose *\('
    } | awk -F: '
        $1 == "reader" { reader[$2] = 1; next }
        $1 == "include/base/secret.h" { next }
        $1 in reader { used[$1] = 1; next }
        { print $1 ":" $2 ": secret_expose() in a file that tests/rules/secrets.sh does not list" }
        END { for (file in reader) if (!(file in used)) print file ":1: exposes no secret: take it off the list" }'
}

# Around secret_expose(): the fields themselves.
nobody_reaches_into_the_struct() {
    # shellcheck disable=SC2046
    rule_code $(rule_files '*.c' broker rbac) |
        rule_search -E '(secret|token|kubeconfig|ca|key_pem|cert_pem|bearer|_pem)(\.|->)bytes([^A-Za-z0-9_]|$)' |
        awk -F: '$1 != "broker/base/secret.c" { print $1 ":" $2 ": reaches into struct secret" }'
}

# A token in a text ends up in a log, a condition or an Event.
no_formatter_takes_a_secret() {
    # shellcheck disable=SC2046
    rule_code $(rule_files '*.c' broker rbac) |
        rule_search -E '(log_event|error_set|error_wrap|text_appendf|v?f?printf) *\(.*secret_expose' |
        awk -F: '{ print $1 ":" $2 ": a secret in a text" }'
}

rule_run only_readers_expose nobody_reaches_into_the_struct no_formatter_takes_a_secret
