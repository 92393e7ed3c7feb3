# progress - runs one long step and shows how far it is.
# shellcheck shell=bash

# Seconds between two lines when stderr is not a terminal (one line is rewritten when it is).
progress_line_seconds=15

progress_elapsed() {
	printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60))
}

# progress_show TEXT [last]
progress_show() {
	local text
	text="testbed: $1, $(progress_elapsed)"
	if [[ -t 2 ]]; then
		printf '\r\033[K%s' "$text" >&2
		[[ ${2:-} != last ]] || printf '\n' >&2
	elif [[ ${2:-} == last ]] || ((SECONDS >= progress_next_line)); then
		progress_next_line=$((SECONDS + progress_line_seconds))
		printf '%s\n' "$text" >&2
	fi
}

# Runs COMMAND, in a session of its own so that it can be ended with all its children; its output
# goes to OUTPUT and its errors to ERRORS. DESCRIBE, a function, prints how far it is, given ERRORS.
# progress_run OUTPUT ERRORS DESCRIBE COMMAND...
progress_run() {
	local output=$1 errors=$2 describe=$3 pid status=0
	shift 3
	progress_next_line=0
	: >"$errors"
	setsid "$@" >"$output" 2>"$errors" </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		progress_show "$("$describe" "$errors")"
		sleep 0.5
	done
	wait "$pid" || status=$?
	progress_show "$("$describe" "$errors")" last
	((status == 0)) || tail -n 20 -- "$errors" >&2
	return "$status"
}
