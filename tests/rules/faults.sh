#!/usr/bin/env bash
# The table of faults names tests, and those tests exist.
source "$(dirname -- "${BASH_SOURCE[0]}")/rules.bash"

readonly table=tests/e2e/README.md

named_tests() {
    # shellcheck disable=SC2016 # the backquotes are Markdown's
    rule_search -noE '`test_[a-z0-9_]+`' "$table" | tr -d '`'
}

named_tests_exist() {
    local line name
    while IFS=: read -r line name; do
        grep -qE "^def $name\(" tests/e2e/test_*.py || echo "$table:$line: there is no $name"
    done < <(named_tests)
}

each_fault_names_a_test() {
    # shellcheck disable=SC2016
    awk '/^\| --- /{ table = 1; next } !/^\|/{ table = 0 }
        table && !/`test_[a-z0-9_]+`/{ print FILENAME ":" FNR ": a fault that no test shows" }' "$table"
}

the_table_is_found() {
    [[ -n $(named_tests) ]] || echo "$table:1: no test is named"
}

rule_run named_tests_exist each_fault_names_a_test the_table_is_found
