#!/usr/bin/env bash
# The tree speaks of the project alone: no place on somebody's machine, no host to fetch things from.
source "$(dirname -- "${BASH_SOURCE[0]}")/rules.bash"

files() {
    rule_tree | rule_search -vE '^(tests/rules/paths\.sh|LICENSE|tests/testbed/go\.sum)$'
}

search_tree() {
    # shellcheck disable=SC2046
    rule_search -InE "$1" /dev/null $(files) | awk -F: -v why="$2" '{ print $1 ":" $2 ": " why ": " substr($0, length($1 $2) + 3, 80) }'
}

no_path_of_a_machine() {
    search_tree '(^|[^A-Za-z0-9_.$}/-])/(work|root|home|Users|mnt|media)/[A-Za-z0-9._-]' 'a path of one machine'
    search_tree '(^|[^A-Za-z0-9_.$}-])/tmp/[A-Za-z0-9]' 'a path of one machine: use TMPDIR or mktemp'
}

no_registry_host() {
    search_tree '(^|[^A-Za-z0-9.-])((proxy|sum)\.golang\.org|deb\.debian\.org|(archive|security|ports)\.ubuntu\.com|pypi\.org|files\.pythonhosted\.org|registry\.npmjs\.org|crates\.io|(index|registry-1|hub)\.docker\.(io|com)|docker\.io|quay\.io|gcr\.io|ghcr\.io|registry\.k8s\.io|[a-z0-9.-]*(artifactory|nexus|mirror)[a-z0-9-]*\.[a-z]{2,})' 'a host to fetch things from'
    search_tree 'GOPROXY=|GONOSUMDB=|GOFLAGS=-insecure|pip +install|--index-url' 'where things come from is the machine'\''s choice'
}

no_address_of_a_network() {
    search_tree '(^|[^0-9.])(10\.[0-9]+|192\.168|172\.(1[6-9]|2[0-9]|3[01]))\.[0-9]+\.[0-9]+($|[^0-9.])' 'an address of one network' |
        rule_search -vE '^(tests|broker/edge/http_address)' # addresses are data there
}

no_credential() {
    search_tree 'BEGIN (RSA |EC |OPENSSH |ENCRYPTED )?PRIVATE KEY' 'a private key' | rule_search -vE '^(tests/(base|core|edge|data|fuzz)/|broker/core/(pem|kubeconfig)\.)'
    search_tree '(ghp|gho|github_pat|glpat|xox[bp]|AKIA)[-_A-Z0-9a-z]{16,}' 'a credential'
}

rule_run no_path_of_a_machine no_registry_host no_address_of_a_network no_credential
