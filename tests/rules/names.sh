#!/usr/bin/env bash
# One noun for a file: what x.c shows to others begins with x_, and no file is named for having no noun.
source "$(dirname -- "${BASH_SOURCE[0]}")/rules.bash"

# FUNCTION FILE, and why it is there. A name that is left over is a finding too.
exceptions() {
    sed 's/ *#.*//; /^$/d' <<'END'
main                        broker/main.c
base64url_decode            broker/base/base64.c        # the other alphabet of the same encoding
access_policies_decide      rbac/access_policy.c        # one decision of all of them
access_policies_are_for     rbac/access_policy.c
access_step_name            broker/core/access_plan.c   # of enum access_step, which the plan defines
kube_delete_options         broker/core/kube_call.c     # the body of one kind of call
kube_endpoint_done          broker/core/kubeconfig.c    # what a kubeconfig is read into
kube_resource_api_version   broker/core/kube_path.c     # of the resources, which make the paths
member_anchor_render        broker/core/member_objects.c # what the broker makes or asks for on a member
member_token_request_render broker/core/member_objects.c
member_review_render        broker/core/member_objects.c
member_review_is_of_identity broker/core/member_objects.c
member_username             broker/core/member_objects.c
hub_token_new               broker/edge/hub_config.c    # the part of the configuration that changes
hub_token_free              broker/edge/hub_config.c
hub_token_read              broker/edge/hub_config.c
hub_token_current           broker/edge/hub_config.c
kube_call_cancel            broker/edge/kube_client.c   # the call that kube_client_start() returned
http_call_cancel            broker/edge/http_peer.c     # a call waits in its peer's queue
http_transfer_prepare       broker/edge/http_client.c   # http_transfer.h: all that knows libcurl
http_transfer_start         broker/edge/http_client.c
http_transfer_stop          broker/edge/http_client.c
http_transfer_list          broker/edge/http_client.c
http_transfer_list_free     broker/edge/http_client.c
http_multi_close            broker/edge/http_client.c
http_spare_drop             broker/edge/http_client.c
END
}

# "FILE LINE NAME" of every function that other files can call.
list_exported() {
    # shellcheck disable=SC2046
    rule_code $(rule_files '*.c' broker rbac) | awk -f "$here/functions.awk" |
        awk '$4 == "global" { print $1, $2, $3 }'
}

# A file of several steps or objects exports functions of one: ledger_steps.c, ledger_step_open().
functions_begin_with_their_file() {
    { exceptions | sed 's/^/exception /'; list_exported; } | awk '
        $1 == "exception" { excused[$2 " " $3] = 1; next }
        {
            noun = $1
            sub(/.*\//, "", noun)
            sub(/\.c$/, "", noun)
            one = noun
            sub(/s$/, "", one)
            if ($3 == noun || index($3, noun "_") == 1 || index($3, one "_") == 1)
                next
            if (($3 " " $1) in excused) {
                used[$3 " " $1] = 1
                next
            }
            print $1 ":" $2 ": " $3 "() does not begin with " noun "_"
        }
        END {
            for (name in excused)
                if (!(name in used) && name !~ /^main /) {
                    split(name, word, " ")
                    print "tests/rules/names.sh:1: no exception is needed for " word[1] "() in " word[2]
                }
        }'
}

files_have_a_noun() {
    rule_files '*.[ch]' include broker rbac tests |
        rule_search -E '(^|[/_])(util|utils|common|helper|helpers|manager|misc|handler|handlers|stuff)[._]' |
        sed 's/$/:1: a file needs a noun of its own/'
}

# The stories of tests/scenarios are about the core as a whole.
test_files_mirror_the_tree() {
    local test source
    for test in $(rule_files 'test_*.c' tests | rule_search -vx tests/core/test_scenarios.c); do
        source=${test#tests/}
        source=broker/${source%/*}/${source##*/test_}
        source=${source/broker\/program\//broker/}
        source=${source/broker\/rbac\//rbac/}
        [[ -f $source || -f include/${source#broker/} || -f ${source%.c}.h ]] ||
            echo "$test:1: there is no $source"
    done
}

rule_run functions_begin_with_their_file files_have_a_noun test_files_mirror_the_tree
