# process - starts a daemon, knows whether it still runs, ends it.
#
# A daemon is known by its record, a file with "PID START". START is its start time (field 22 of
# /proc/PID/stat): a pid that the kernel has given to somebody else since then has another one.
# shellcheck shell=bash

# Prints the start time of PID; fails when it is gone. A zombie is gone: in a container, nobody may
# ever collect it. But not before its last thread is, which still holds its ports and files.
process_start_time() {
	local stat
	local -a fields
	{ stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
	read -ra fields <<<"${stat##*) }"
	[[ ${fields[0]} != [ZX] ]] || ((fields[17] > 1)) || return 1
	printf '%s\n' "${fields[19]}"
}

process_alive() {
	local pid start
	{ read -r pid start <"$1"; } 2>/dev/null || return 1
	[[ $(process_start_time "$pid") == "$start" ]]
}

process_pid() {
	local pid start
	read -r pid start <"$1" && printf '%s\n' "$pid"
}

# Descriptors of whoever called us (a lock, a pipe of make or of a test) must not live on in a
# daemon.
process_close_descriptors() {
	local fd
	for fd in "/proc/$1/fd/"*; do
		fd=${fd##*/}
		if ((fd > 2)); then
			eval "exec $fd>&-"
		fi
	done
}

# Starts COMMAND in DIRECTORY, in a session of its own, with a clean environment, and writes RECORD
# before COMMAND runs: process_start RECORD LOG DIRECTORY COMMAND...
process_start() {
	local record=$1 log=$2 directory=$3 attempt
	shift 3
	rm -f -- "$record"
	(
		self=$BASHPID
		cd -- "$directory" || exit
		printf '%s %s\n' "$self" "$(process_start_time "$self")" >"$record"
		process_close_descriptors "$self"
		exec setsid env -i PATH="$PATH" HOME="$directory" TMPDIR="${TMPDIR:-/tmp}" "$@" \
			</dev/null >>"$log" 2>&1
	) &
	for ((attempt = 0; attempt < 100; attempt++)); do
		[[ ! -s $record ]] || return 0
		sleep 0.02
	done
	note "no record of a started process at $record"
	return 1
}

process_signal() {
	local signal=$1 record
	shift
	for record in "$@"; do
		if process_alive "$record"; then
			kill -s "$signal" -- "$(process_pid "$record")" 2>/dev/null || true
		fi
	done
}

# Waits up to SECONDS until none is alive: process_wait SECONDS RECORD...
process_wait() {
	local attempts=$(($1 * 20)) record
	shift
	for record in "$@"; do
		while process_alive "$record"; do
			((attempts-- > 0)) || return 1
			sleep 0.05
		done
	done
}

# SIGTERM, and SIGKILL for what is still there after SECONDS: process_end SECONDS RECORD...
process_end() {
	local seconds=$1
	shift
	process_signal TERM "$@"
	process_wait "$seconds" "$@" || process_kill "$@"
}

process_kill() {
	process_signal KILL "$@"
	process_wait 5 "$@" || {
		note "a process does not end: $*"
		return 1
	}
}

# Ends whatever this shell itself has started and not let go of, with all of its descendants.
process_end_jobs() {
	local signal pid pids attempt
	pids=$(jobs -p)
	for signal in TERM KILL; do
		for pid in $pids; do
			kill -s "$signal" -- "-$pid" 2>/dev/null ||
				kill -s "$signal" -- "$pid" 2>/dev/null || true
		done
		for ((attempt = 0; attempt < 60; attempt++)); do
			[[ -n $(jobs -pr) ]] || return 0
			sleep 0.05
		done
	done
}
