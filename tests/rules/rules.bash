# rules.bash - what every rule needs: the files of the tree, C without comments, one way to complain.
#
# A rule is made of checks. A check prints one line for each finding, "FILE:LINE: what is wrong", and
# nothing when all is well.
# shellcheck shell=bash
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C

cd "$(dirname -- "${BASH_SOURCE[0]}")/../.."
here=tests/rules

# Runs each CHECK; ends with 1 when any of them printed something.
rule_run() {
    local check findings='' said
    for check in "$@"; do
        said=$("$check")
        [[ -z $said ]] || findings+=$said$'\n'
    done
    [[ -n $findings ]] || return 0
    printf '%s' "$findings"
    printf '%s: %d findings\n' "$(basename -- "$0")" "$(grep -c . <<<"$findings")"
    exit 1
}

# Files under DIRECTORY... whose names match PATTERN, sorted. None at all means that the rule looks in
# the wrong place, which must not pass for a clean tree.
rule_files() {
    local pattern=$1 found
    shift
    found=$(find "$@" -type f -name "$pattern" | sort)
    [[ -n $found ]] || { echo "$0: no $pattern in $*" >&2; exit 2; }
    printf '%s\n' "$found"
}

# All files that belong to the project, also new ones, but nothing that git ignores.
rule_tree() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        # a file that is deleted and not yet committed is still in the index
        git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2>/dev/null | sort -u
    else
        find . \( -name .git -o -name build -o -name __pycache__ -o -name .pytest_cache \) -prune -o \
            -type f -print | sed 's,^\./,,' | sort
    fi
}

# Prints FILE... as "FILE:LINE:code", without comments and with empty strings and characters.
rule_code() {
    awk -f "$here/code.awk" "$@"
}

# grep that does not fail when it finds nothing.
rule_search() {
    grep "$@" || [[ $? == 1 ]]
}
