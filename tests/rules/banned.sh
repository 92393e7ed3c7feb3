#!/usr/bin/env bash
# What no source may call or say, and why.
source "$(dirname -- "${BASH_SOURCE[0]}")/rules.bash"

# shellcheck disable=SC2046
code=$(rule_code $(rule_files '*.[ch]' broker rbac include tests))

# No file whose name begins like PLACES calls any of FUNCTIONS; comments and texts do not count.
ban() {
    local places=$1 why=$2 functions
    shift 2
    functions=$(IFS='|' && echo "$*")
    rule_search -E "^($places).*[^A-Za-z0-9_>.]($functions)[[:blank:]]*\\(" <<<"$code" |
        awk -v why="$why" '{
            split($0, part, ":")
            code = substr($0, length(part[1] part[2]) + 3)
            sub(/^[ \t]*/, "", code)
            print part[1] ":" part[2] ": " why ": " code
        }'
}

unsafe_functions_are_not_called() {
    ban 'broker/|include/|tests/' 'writes without a limit, use struct text' \
        strcpy strcat strncpy strncat stpcpy sprintf vsprintf gets
    ban 'broker/|include/|tests/' 'cannot say that its input is wrong' atoi atol atoll atof strtok
    ban 'broker/|include/|tests/' 'has hidden state' localtime gmtime ctime asctime rand random srand
}

the_broker_waits_in_its_loop_and_starts_nothing() {
    ban 'broker/|include/|tests/' 'waits' sleep usleep nanosleep
    ban 'broker/|include/' 'waits, use edge/loop.h' select pause sigwait
    ban 'broker/|include/' 'starts a program' system popen fork vfork \
        execl execlp execle execv execve execvp posix_spawn posix_spawnp
    ban 'broker/|include/' 'changes the environment' setenv putenv unsetenv clearenv
    ban '(broker/(base|core|delivery|edge)|rbac)/' 'only main ends the process' \
        exit _exit _Exit quick_exit
}

memory_is_had_from_base() {
    ban 'rbac/|broker/(core|delivery|edge)/|broker/[a-z_]+\.[ch]:' 'use base/memory.h' \
        malloc calloc realloc reallocarray aligned_alloc free strdup strndup asprintf vasprintf
}

pure_code_is_pure() {
    ban '(rbac|broker/core|broker/delivery)/' 'rbac, core and delivery have no files, clocks and output' \
        printf fprintf vfprintf puts fputs putchar perror fopen open read write getenv \
        time clock_gettime gettimeofday clock_system abort
}

# Nothing in the code says PATTERN.
refuse() {
    rule_search -E "$1" <<<"$code" |
        awk -v why="$2" '{ split($0, part, ":"); print part[1] ":" part[2] ": " why }'
}

nothing_dangerous_is_said() {
    refuse '(^|[^A-Za-z0-9_])goto([^A-Za-z0-9_]|$)' 'no goto: cleanup by attribute'
    refuse 'CURLOPT_(PROXY_)?SSL_VERIFY(PEER|HOST|STATUS)[^;]*[^0-9]0L?[^0-9x]' 'peers are always verified'
    refuse 'CURLOPT_(VERBOSE|DEBUGFUNCTION)' 'libcurl would print tokens'
    refuse 'CURLOPT_(FOLLOWLOCATION|UNRESTRICTED_AUTH)[^;]*[^0-9]1L?[^0-9]' 'redirects are not followed'
    refuse '#[[:blank:]]*pragma[[:blank:]]+(GCC|clang)[[:blank:]]+diagnostic' 'warnings are mended, not silenced'
    refuse '#[[:blank:]]*if[[:blank:]]+0' 'code that is not compiled'
}

# The time that a comparison takes must not tell how much of it was right. What is compared with a
# literal is no secret.
secrets_are_compared_in_constant_time() {
    rule_search -E '^broker/.*(mem|str|strn|strcase)cmp[[:blank:]]*\([^;]*(secret_expose|secret|token|password)' <<<"$code" |
        rule_search -v ', ""[,)]' |
        awk -F: '{ print $1 ":" $2 ": compare secrets with secret_equal()" }'
}

# What tests put in the place of a function, they put there when they are linked.
nothing_switches_policies_off() {
    rule_search -E '^(broker/|rbac/|include/).*(__wrap_|__real_|WITHOUT_POLICY)' <<<"$code" |
        awk -F: '{ print $1 ":" $2 ": the product has no switch for its policies" }'
}

# What is left to do is an issue, not a comment.
nothing_is_postponed() {
    local -a files
    mapfile -t files < <(rule_files '*' broker rbac include tests/rules tests/support tests/testbed)
    rule_search -nE '(^|[^A-Za-z0-9])(TODO|FIXME|XXX|HACK)([^A-Za-z0-9]|$)' /dev/null "${files[@]}" |
        rule_search -v '^tests/rules/banned\.sh:' | awk -F: '{ print $1 ":" $2 ": left to do" }'
}

rule_run unsafe_functions_are_not_called the_broker_waits_in_its_loop_and_starts_nothing \
    memory_is_had_from_base pure_code_is_pure nothing_dangerous_is_said \
    secrets_are_compared_in_constant_time nothing_switches_policies_off nothing_is_postponed
