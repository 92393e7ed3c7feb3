#!/usr/bin/env bash
# A header compiles alone, is guarded by a name made of its place, and says what it is.
source "$(dirname -- "${BASH_SOURCE[0]}")/rules.bash"

list_headers() {
    rule_files '*.h' include broker rbac tests
}

headers_compile_alone() {
    local header
    for header in $(list_headers); do
        "${CC:-cc}" -std=c17 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
            -Iinclude -Ibroker -Itests -I. -x c - <<<"#include \"$header\"" 2>&1 |
            sed -n "s,^[^ ]*$header:\([0-9]*\):[0-9]*: [a-z ]*error: ,$header:\1: does not compile alone: ,p" |
            head -3 || true
    done
}

guards_name_the_place() {
    local header guard
    for header in $(rule_files '*.h' include broker rbac); do
        guard=${header#include/}
        [[ $guard != broker/*/* ]] || guard=${guard#broker/}
        guard=$(tr 'a-z/.-' 'A-Z___' <<<"$guard")
        grep -q "^#ifndef $guard\$" "$header" && grep -q "^#define $guard\$" "$header" ||
            echo "$header:1: the guard must be $guard"
    done
}

headers_begin_with_their_purpose() {
    local header first
    for header in $(list_headers); do
        read -r first <"$header" || true
        [[ $first == "/* ${header##*/} - "* ]] ||
            echo "$header:1: must begin with \"/* ${header##*/} - \" and its purpose"
    done
}

rule_run headers_compile_alone guards_name_the_place headers_begin_with_their_purpose
