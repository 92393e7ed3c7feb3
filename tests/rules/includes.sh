#!/usr/bin/env bash
# Who may include whom: base < rbac < delivery < core < edge < program; tests may include anything but a .c.
#
# Rbac, core and delivery are pure, so they get the pure part of the C library only; every other library has
# the few files that know it.
source "$(dirname -- "${BASH_SOURCE[0]}")/rules.bash"

# "FILE:LINE:<header>" or "FILE:LINE:"header"", comments left out.
list_includes() {
    # shellcheck disable=SC2046 # no name in the tree has a blank
    awk -v strings=1 -f "$here/code.awk" $(rule_files '*.[ch]' "$@") |
        awk 'match($0, /:#[ \t]*include[ \t]*/) {
                 place = substr($0, 1, RSTART); header = substr($0, RSTART + RLENGTH)
                 sub(/[ \t]*$/, "", header); print place header }'
}

layers_point_downwards() {
    list_includes include broker rbac | awk '
        function rank_of(path) {
            if (path ~ /^(include|broker)\/base\//) return 0
            if (path ~ /^(include\/|broker\/)?rbac\//) return 1
            if (path ~ /^broker\/delivery\//) return 2
            if (path ~ /^broker\/core\//) return 3
            if (path ~ /^broker\/edge\//) return 4
            return 5
        }
        {
            split($0, part, ":"); file = part[1]; header = part[3]
            if (header !~ /^"|^<(base|rbac)\//) next
            target = substr(header, 2, length(header) - 2)
            place = file ":" part[2] ": "
            if (target ~ /\.c$/)
                print place "includes the source " target
            else if (target ~ /^broker\/|^tests\//)
                print place "only tests may include " target
            else if (target ~ /^base\// && header ~ /^"/)
                print place "write <" target ">: it is a shared contract of include/"
            else if (target ~ /^rbac\// && header ~ /^"/ && layer(file) != "rbac")
                print place target " is for rbac alone: use what is in include/rbac"
            else if (target !~ /\// && system("test -f " file_directory(file) target) != 0)
                print place target " is not beside its includer: write its directory"
            else if (target ~ /^(rbac|delivery|core|edge)\// && rank_of("broker/" target) > rank_of(file))
                print place layer(file) " must not know " target
            else if (target ~ /\// && target !~ /^(base|rbac|delivery|core|edge)\//)
                print place "no such layer: " target
        }
        function layer(path) {
            sub(/^(broker|include)\//, "", path)
            if (path !~ /\//) return "the program"
            sub(/\/.*/, "", path)
            return path
        }
        function file_directory(path) { sub(/[^\/]*$/, "", path); return path }'
}

# FILES may include HEADER..., nobody else may.
libraries_stay_in_their_files() {
    list_includes include broker rbac | awk -v table='
curl/ broker/edge/http_client.c
jansson.h broker/base/json.c broker/base/memory.c
yaml.h broker/core/yaml.c
regex.h rbac/text_pattern.c
openssl/ broker/base/digest.c broker/base/memory.c broker/base/secret.c
sys/epoll.h broker/edge/loop.c broker/edge/http_client.c broker/edge/http_server.c
sys/signalfd.h broker/edge/loop.c
sys/socket.h broker/edge/http_address.c broker/edge/http_socket.c broker/edge/http_listener.c broker/edge/http_server.c
netinet/ broker/edge/http_address.c broker/edge/http_socket.c broker/edge/http_listener.c
arpa/ -
netdb.h broker/edge/http_listener.c
time.h broker/base/clock.c
sys/time.h -
pthread.h -
cmocka.h -
microhttpd.h broker/edge/http_server.c
jwt.h -' '
        BEGIN {
            rows = split(table, lines, "\n")
            for (i = 1; i <= rows; i++) {
                split(lines[i], word, " ")
                allowed[word[1]] = lines[i] " "
            }
        }
        {
            split($0, part, ":")
            header = part[3]
            if (header !~ /^</) next
            header = substr(header, 2, length(header) - 2)
            key = header in allowed ? header : substr(header, 1, index(header, "/"))
            if (key in allowed && key != "" && index(allowed[key], " " part[1] " ") == 0)
                print part[1] ":" part[2] ": <" header "> is not for this file"
        }'
}

pure_code_gets_the_pure_c_library() {
    list_includes broker/core broker/delivery rbac include/rbac | awk '
        {
            split($0, part, ":")
            if (part[3] ~ /^<(base|rbac)\// || part[3] !~ /^</) next
            if (part[3] ~ /^<(assert|stdbool|stddef|stdint|stdio|stdlib|string|strings)\.h>$/) next
            if (part[1] == "broker/core/yaml.c" && part[3] == "<yaml.h>") next
            if (part[1] == "rbac/text_pattern.c" && part[3] == "<regex.h>") next
            print part[1] ":" part[2] ": " part[3] ": rbac, core and delivery are pure"
        }'
}

# Proves that the header stands on its own.
own_header_comes_first() {
    list_includes broker rbac | awk '
        {
            split($0, part, ":"); file = part[1]; header = part[3]
            if (file in seen) next
            seen[file] = 1
            if (file !~ /\.c$/) next
            own = file
            sub(/\.c$/, ".h", own)
            if (system("test -f " own) != 0) {
                sub(/^broker\//, "", own)
                own = "include/" own
                if (system("test -f " own) != 0) next
            }
            sub(/^(broker|include)\//, "", own)
            if (substr(header, 2, length(header) - 2) != own)
                print file ":" part[2] ": the first include must be its own header, " own
        }'
}

tests_use_headers_only() {
    list_includes tests | awk '
        { split($0, part, ":")
          if (part[3] ~ /\.c[">]$/) print part[1] ":" part[2] ": includes the source " part[3] }'
}

rule_run layers_point_downwards libraries_stay_in_their_files pure_code_gets_the_pure_c_library \
    own_header_comes_first tests_use_headers_only
