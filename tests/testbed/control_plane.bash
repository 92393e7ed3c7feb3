# control_plane - brings up, lists, breaks and removes whole control planes; one directory each.
# shellcheck shell=bash

: "${components:?}" "${assets?}"

control_plane_home=${TESTBED_DIR:-${TMPDIR:-/tmp}/credbroker-testbed-$UID}

# What is in the home is believed (which processes to end, what to run), so it has to be ours: the
# default one has a name that anybody could take first.
control_plane_check_home() {
	[[ -e $control_plane_home || -L $control_plane_home ]] || return 0
	[[ -d $control_plane_home && -O $control_plane_home ]] ||
		fail "$control_plane_home is not a directory of this user"
	[[ -n ${TESTBED_DIR:-} || ! -L $control_plane_home ]] || fail "$control_plane_home is a link"
}

control_plane_make_home() {
	mkdir -p -- "$control_plane_home"
	control_plane_check_home
	control_plane_home=$(cd -- "$control_plane_home" && pwd)
}

control_plane_check_name() {
	[[ $1 =~ ^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$ ]] ||
		fail_usage "$1 is not a name: lower-case letters, digits and dashes, at most 40"
}

# Sets directory to that of NAME, which must exist.
control_plane_find() {
	(($# > 0)) || fail_usage "NAME is missing"
	control_plane_check_name "$1"
	directory=$control_plane_home/$1
	[[ -d $directory ]] || fail "no control plane is named $1 (see: testbed list)"
	directory=$(cd -- "$directory" && pwd)
}

# Holds DIRECTORY for this run: up, down, stop, start and compact of one control plane take turns.
control_plane_lock() {
	local lock
	exec {lock}<"$1" || return 1
	flock -w 120 "$lock" || fail "another testbed command has held $1 for 120 s"
	[[ -d $1 ]]
}

# A port below those that the kernel gives out by itself, so that nobody takes it by chance while
# the server is stopped; not one that another control plane here has.
control_plane_pick_port() {
	local floor=20000 ceiling port
	read -r ceiling _ </proc/sys/net/ipv4/ip_local_port_range
	((ceiling > floor + 1000)) || ceiling=32768
	while :; do
		port=$((floor + SRANDOM % (ceiling - floor)))
		grep -qsx "$port" "$control_plane_home"/*/port || break
	done
	printf '%s\n' "$port"
}

control_plane_remove() {
	local directory=$1 component
	local -a records=()
	for component in kube-controller-manager kube-apiserver etcd; do
		records+=("$directory/run/$component.process")
	done
	process_end 5 "${records[@]}" || return 1
	rm -rf -- "$directory"
}

control_plane_discard() {
	process_end_jobs
	control_plane_remove "$up_directory" &&
		note "${up_directory##*/} is not up; nothing of it was kept"
}

# Starts kube-apiserver on a free port. Only binding tells whether a port is free, so it is tried.
control_plane_start_apiserver() {
	local name=$1 attempts=5 port
	shift
	while :; do
		port=$(control_plane_pick_port)
		printf '%s\n' "$port" >"$up_directory/port"
		component_apiserver_command "$assets" "$name" "$port" "$@" \
			>"$up_directory/run/kube-apiserver.command"
		component_start "$up_directory" kube-apiserver
		component_await "$up_directory" kube-apiserver && return 0
		if ((--attempts == 0)) ||
			! grep -q 'bind: address already in use' "$up_directory/log/kube-apiserver.log"; then
			component_blame "$up_directory" kube-apiserver
			return 1
		fi
		: >"$up_directory/log/kube-apiserver.log"
	done
}

control_plane_write_kubeconfigs() {
	local name=$1 server user
	server=https://127.0.0.1:$(<"$up_directory/port")
	for user in admin kube-controller-manager; do
		pki_kubeconfig "$up_directory/pki" "$user" "$name" "$server" \
			>"$up_directory/$user.kubeconfig"
	done
}

control_plane_start_all() {
	local name=$1
	shift
	mkdir -- "$up_directory"/{run,log}
	printf '%s\n' "$assets" >"$up_directory/assets"
	pki_make "$up_directory/pki" "$name"
	component_etcd_command "$assets" >"$up_directory/run/etcd.command"
	component_controller_manager_command "$assets" \
		>"$up_directory/run/kube-controller-manager.command"
	component_bring_up "$up_directory" etcd
	control_plane_start_apiserver "$name" "$@"
	control_plane_write_kubeconfigs "$name"
	component_bring_up "$up_directory" kube-controller-manager
}

control_plane_check_programs() {
	local program
	for program in curl openssl flock setsid; do
		[[ -n $(type -P "$program") ]] || fail "$program is needed, and is not there"
	done
}

# Makes the directory of NAME, which is removed again unless this run gets to its end.
control_plane_claim() {
	control_plane_make_home
	up_directory=$control_plane_home/$1
	mkdir -- "$up_directory" 2>/dev/null || fail "$1 exists already (testbed down $1 removes it)"
	undo=(control_plane_discard "${undo[@]}")
	control_plane_lock "$up_directory"
}

control_plane_up() {
	(($# > 0)) || fail_usage "up: NAME is missing"
	local name=$1 milliseconds
	control_plane_check_name "$name"
	shift
	(($# == 0)) || [[ $1 == -- ]] || fail_usage "up: put kube-apiserver's flags after --"
	control_plane_check_programs
	assets_find
	milliseconds=$((${EPOCHREALTIME/./} / 1000))
	control_plane_claim "$name"
	control_plane_start_all "$name" "${@:2}"
	printf -v milliseconds '%04d' $((${EPOCHREALTIME/./} / 1000 - milliseconds))
	note "$name is up after ${milliseconds:0:-3}.${milliseconds: -3} s"
	undo=("${undo[@]:1}")
	disown -a
	printf '%s\n' "$up_directory/admin.kubeconfig"
}

control_plane_down() {
	local name
	local -a names=("$@")
	(($# > 0)) || fail_usage "down: NAME or --all is missing"
	if [[ $1 == --all ]]; then
		mapfile -t names < <(control_plane_names)
	fi
	for name in "${names[@]}"; do
		control_plane_find "$name"
		control_plane_lock "$directory" || continue
		control_plane_remove "$directory"
	done
	[[ -n ${TESTBED_DIR:-} ]] || rmdir -- "$control_plane_home" 2>/dev/null || true
}

control_plane_names() {
	local entry
	for entry in "$control_plane_home"/*/; do
		entry=${entry%/}
		[[ ! -d $entry ]] || printf '%s\n' "${entry##*/}"
	done
}

control_plane_list() {
	(($# == 0)) || fail_usage "list takes no argument"
	local name directory component port format='%-24s %-24s %s\n'
	local -a states
	# shellcheck disable=SC2059
	printf "$format" NAME SERVER COMPONENTS
	while read -r name; do
		directory=$control_plane_home/$name
		states=()
		for component in "${components[@]}"; do
			if component_alive "$directory" "$component"; then
				states+=("$component=$(process_pid "$directory/run/$component.process")")
			else
				states+=("$component=stopped")
			fi
		done
		port=$(cat -- "$directory/port" 2>/dev/null) || port=none
		# shellcheck disable=SC2059
		printf "$format" "$name" "https://127.0.0.1:$port" "${states[*]}"
	done < <(control_plane_names)
}

control_plane_kubectl() {
	control_plane_find "$@"
	shift
	exec "$(<"$directory/assets")/kubectl" --kubeconfig="$directory/admin.kubeconfig" \
		--cache-dir="$directory/kubectl" "$@"
}

# Sets directory and component from "NAME COMPONENT", and holds the control plane.
control_plane_find_component() {
	control_plane_find "$@"
	component=${2:-}
	[[ " ${components[*]} " == *" $component "* && -n $component ]] ||
		fail_usage "COMPONENT is one of: ${components[*]}"
	control_plane_lock "$directory" || fail "$1 is gone"
}

control_plane_stop() {
	local directory component
	control_plane_find_component "$@"
	component_alive "$directory" "$component" || fail "$component of $1 is not running"
	case ${3:-} in
	'') process_kill "$directory/run/$component.process" ;;
	--term) process_end 30 "$directory/run/$component.process" ;;
	*) fail_usage "stop: unknown option $3" ;;
	esac
}

control_plane_restart() {
	undo=(process_end_jobs "${undo[@]}")
	component_bring_up "$1" "$2"
	undo=("${undo[@]:1}")
	disown -a
}

control_plane_start() {
	local directory component
	control_plane_find_component "$@"
	! component_alive "$directory" "$component" || fail "$component of $1 is running already"
	control_plane_restart "$directory" "$component"
}

# Writes a key of no meaning ("testbed"), compacts etcd to that very revision, and restarts a
# running API server, whose watch cache would answer from memory what etcd has forgotten. Afterwards
# no resource version from before can be watched from, not even the latest.
control_plane_compact() {
	local directory component revision
	control_plane_find_component "${1:-}" etcd
	revision=$(component_etcd_request "$directory" /v3/kv/put '{"key":"dGVzdGJlZA=="}' |
		sed -n 's/.*"revision":"\([0-9]*\)".*/\1/p')
	[[ -n $revision ]] || fail "etcd of $1 does not say its revision"
	component_etcd_request "$directory" /v3/kv/compaction \
		"{\"revision\":\"$revision\",\"physical\":true}" >/dev/null ||
		fail "etcd of $1 does not compact to revision $revision"
	if component_alive "$directory" kube-apiserver; then
		process_kill "$directory/run/kube-apiserver.process"
		control_plane_restart "$directory" kube-apiserver
	fi
}

control_plane_ca() {
	local directory file
	control_plane_find "$@"
	for file in ca.crt ca.key server.crt server.key; do
		printf '%s\n' "$directory/pki/$file"
	done
}
