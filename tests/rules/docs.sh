#!/usr/bin/env bash
# The documents name what the program has: flags, reasons, rules, directories; and nothing it has not.
source "$(dirname -- "${BASH_SOURCE[0]}")/rules.bash"

flags_of_the_program() {
    sed -nE 's/^\t\{"([a-z][a-z-]*)",.*/\1/p' broker/option_flags.c | sort -u
}

flags_are_described() {
    local flag
    for flag in $(flags_of_the_program); do
        grep -qE -- "\`--$flag( |\`|=)" docs/cli.md ||
            echo "docs/cli.md:1: --$flag of broker/option_flags.c is not described"
    done
}

described_flags_exist() {
    local flags
    flags=$(flags_of_the_program)
    { rule_search -noE -- '`(credbroker [a-z-]+ )?--[a-z][a-z-]*' docs/cli.md README.md docs/member-access.md; } |
        awk -v flags="help version $(tr '\n' ' ' <<<"$flags")" '
            BEGIN { count = split(flags, list, " "); for (i = 1; i <= count; i++) known["--" list[i]] = 1 }
            { flag = $0; sub(/.*--/, "--", flag); split($0, part, ":")
              if (!(flag in known)) print part[1] ":" part[2] ": the program has no " flag }'
}

# The words that a file puts between quotes and that look like a reason, one a line with its place.
words_of() {
    awk -v strings=1 -f "$here/code.awk" "$@" | awk '
        { split($0, part, ":"); rest = $0
          while (match(rest, /"[A-Z][a-z]+([A-Z][a-z]*)*"/)) {
              print part[1] ":" part[2] ":" substr(rest, RSTART + 1, RLENGTH - 2)
              rest = substr(rest, RSTART + RLENGTH)
          } }'
}

# Everything in the core that looks like a reason is one, but for these.
list_reasons() {
    # shellcheck disable=SC2046
    words_of $(rule_files '*_steps.c' broker/core) broker/core/access_plan.c \
        broker/core/access_status.c broker/core/access_news.c |
        awk -F: '$3 !~ /^(Member|Revo|True|False|Unknown|Normal|Warning|Issue|Revoke|Secret|Kubeconfig|ClusterRole|Role|ServiceAccount|SelfSubjectAccessReview|TokenRequest)$/'
}

# The reason of a step is seen in no condition, only by who reads how the plan works.
reasons_of_steps() {
    awk -v strings=1 -f "$here/code.awk" broker/core/access_plan.c |
        awk '{ split($0, part, ":") } { text = text $0 "\n" }
            END {
                count = split(text, call, /decide(_on)?\(/)
                for (i = 2; i <= count; i++)
                    if (match(call[i], /^[^;"]*ACCESS_[A-Z_]+/)) {
                        step = substr(call[i], RSTART, RLENGTH); sub(/.*ACCESS_/, "", step)
                        if (step == "REPORT" || step == "ACKNOWLEDGE") continue
                        if (match(call[i], /^[^;"]*"[A-Za-z]+"/)) {
                            word = substr(call[i], RSTART, RLENGTH)
                            sub(/^[^"]*"/, "", word); sub(/"$/, "", word)
                            print word
                        }
                    }
            }' | sort -u
}

names_reason() {
    grep -qE "(^|[^A-Za-z])$1([^A-Za-z]|\$)" "$2"
}

reasons_are_described() {
    local place reason document
    declare -A of_steps=()
    while read -r reason; do of_steps[$reason]=1; done < <(reasons_of_steps)
    while IFS=: read -r place line reason; do
        document=docs/api.md
        names_reason "$reason" docs/api.md && continue
        if [[ -n ${of_steps[$reason]:-} && $place == broker/core/access_plan.c ]]; then
            document=docs/architecture.md
            names_reason "$reason" "$document" && continue
        fi
        echo "$place:$line: $reason is not in $document"
    done < <(list_reasons | sort -t: -k3 -u)
}

# "core/x" and "edge/x" in the code map are files that exist.
code_map_is_true() {
    local file
    # shellcheck disable=SC2016 # the backquotes are Markdown's
    for file in $(rule_search -oE '`(base|rbac|delivery|core|edge)/[a-z0-9_]+(\.[ch])?`' docs/architecture.md | tr -d '`' | sort -u); do
        file=${file%.[ch]}
        [[ -e broker/$file.c || -e broker/$file.h || -e $file.c || -e include/$file.h ]] ||
            echo "docs/architecture.md:1: there is no $file"
    done
}

every_file_is_on_the_code_map() {
    local file
    for file in $(rule_files '*.[ch]' broker rbac include | sed 's/\.[ch]$//; s,^include/,,; s,^broker/,,' | sort -u); do
        grep -qE "(^|[^a-z_])${file##*/}([^a-z_]|\$)" docs/architecture.md ||
            echo "docs/architecture.md:1: $file is not on the code map"
    done
}

# Of every metric that the program serves there is a row, and of no other.
metrics_are_described() {
    local served described
    served=$(sed -nE 's/.*\[METRIC_[A-Z_]+\] = \{"([a-z_]+)".*/\1/p' broker/core/metrics.c | sort)
    # shellcheck disable=SC2016 # the backquotes are Markdown's
    described=$(sed -nE 's/^\| `(credbroker_[a-z_]+)` .*/\1/p' docs/metrics.md | sort)
    [[ -n $served ]] || echo "broker/core/metrics.c:1: no metric is found"
    comm -23 <(echo "$served") <(echo "$described") | sed 's/.*/docs\/metrics.md:1: & has no row/'
    comm -13 <(echo "$served") <(echo "$described") | sed 's/.*/docs\/metrics.md:1: there is no metric &/'
}

links_lead_somewhere() {
    local document target
    while IFS= read -r document; do
        # shellcheck disable=SC2016
        while IFS= read -r target; do
            [[ -e $(dirname "$document")/${target%%#*} ]] ||
                echo "$document:1: there is no ${target%%#*}"
        done < <(rule_search -oE '\]\([^)#][^)]*\)' "$document" | sed 's/^](//; s/)$//' | rule_search -vE '^[a-z]+:' | sort -u)
    done < <(rule_tree | rule_search '\.md$')
}

rule_run flags_are_described described_flags_exist reasons_are_described code_map_is_true \
    every_file_is_on_the_code_map metrics_are_described links_lead_somewhere
