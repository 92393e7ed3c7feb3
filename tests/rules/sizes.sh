#!/usr/bin/env bash
# Small files, short functions, lines that fit. With --table: prints the figures of the tree.
source "$(dirname -- "${BASH_SOURCE[0]}")/rules.bash"

source_lines_max=500
header_lines_max=150
function_lines_max=60
columns_max=100

list_functions() {
    # shellcheck disable=SC2046
    rule_code $(rule_files '*.c' "$@") | awk -f "$here/functions.awk"
}

files_are_small() {
    # shellcheck disable=SC2046
    awk -v source_max=$source_lines_max -v header_max=$header_lines_max '
        FNR == 1 { check() ; file = FILENAME }
        { lines = FNR }
        END { check() }
        function check(  max) {
            max = file ~ /\.h$/ ? header_max : source_max
            if (file != "" && lines > max)
                print file ":" lines ": " lines " lines, at most " max
        }' $(rule_files '*.[ch]' include broker rbac)
}

functions_are_short() {
    list_functions broker rbac tests | awk -v max=$function_lines_max \
        '$5 > max { print $1 ":" $2 ": " $3 "() has " $5 " lines, at most " max }'
}

lines_fit() {
    # shellcheck disable=SC2046
    awk -v max=$columns_max '
        length($0) * 8 <= max { next }
        {
            columns = 0
            for (i = 1; i <= length($0); i++) {
                c = substr($0, i, 1)
                if (c == "\t")
                    columns += 8 - columns % 8
                else if (c < "\200" || c > "\277") # UTF-8: what continues a character takes no place
                    columns++
            }
            if (columns > max)
                print FILENAME ":" FNR ": " columns " columns, at most " max
        }' $(rule_files '*.[ch]' include broker rbac tests)
}

# Reads one number a line: median / 90th percentile / maximum.
distribution() {
    sort -n | awk '{ v[NR] = $1 }
        END { printf "%d / %d / %d", v[int((NR + 1) / 2)], v[int(NR * 0.9 + 0.999)], v[NR] }'
}

share() {
    awk -v part="$1" -v whole="$2" -v digits="${3:-0}" \
        'BEGIN { printf "%.*f %%", digits, whole ? 100 * part / whole : 0 }'
}

# Lines of comment among the lines that are not blank.
comment_share() {
    local all code
    all=$(cat "$@" | rule_search -c '[^[:space:]]')
    code=$(rule_code "$@" | wc -l)
    share $((all - code)) "$all"
}

# Functions declared in headers: how many have a comment right above, or stand in a group that has one.
documented_share() {
    awk 'FNR == 1 { documented = 0 }
        /^[ \t]*(\/)?\*/ || /\*\/[ \t]*$/ { documented = 1; next }
        /^[ \t]*$/ { documented = 0; next }
        /^[A-Za-z_][^={]*\(/ && !/^(typedef|#|static_assert)/ { total++; if (documented) good++ }
        END { printf "%.0f %%", total ? 100 * good / total : 0 }' "$@"
}

print_table() {
    local functions sources headers gotos lines
    functions=$(list_functions broker rbac)
    mapfile -t sources < <(rule_files '*.c' broker rbac)
    mapfile -t headers < <(rule_files '*.h' include broker rbac)
    gotos=$(rule_code "${sources[@]}" | rule_search -cE '[^A-Za-z0-9_]goto[^A-Za-z0-9_]')
    lines=$(cat "${sources[@]}" | wc -l)
    # shellcheck disable=SC2016 # the backquotes are Markdown's
    echo '| `.c` files | lines | file lines med / p90 / max | function lines med / p90 / max | functions | functions > 60 lines | static | params p90 / max | comments `.c` | header doc | `goto` per 1000 lines |'
    echo '|---|---|---|---|---|---|---|---|---|---|---|'
    printf '| %d | %d | %s | %s | %d | %s | %s | %s | %s | %s | %s |\n' "${#sources[@]}" "$lines" \
        "$(wc -l "${sources[@]}" | awk '$2 != "total" { print $1 }' | distribution)" \
        "$(awk '{ print $5 }' <<<"$functions" | distribution)" \
        "$(wc -l <<<"$functions")" \
        "$(share "$(awk '$5 > 60' <<<"$functions" | wc -l)" "$(wc -l <<<"$functions")" 1)" \
        "$(share "$(awk '$4 == "static"' <<<"$functions" | wc -l)" "$(wc -l <<<"$functions")")" \
        "$(awk '{ print $6 }' <<<"$functions" | distribution | sed 's,^[0-9]* / ,,')" \
        "$(comment_share "${sources[@]}")" "$(documented_share "${headers[@]}")" \
        "$(awk -v n="$gotos" -v lines="$lines" 'BEGIN { printf "%.1f", 1000 * n / lines }')"
}

if [[ ${1:-} == --table ]]; then
    print_table
    exit
fi
rule_run files_are_small functions_are_short lines_fit
