# toolchain - finds a Go of the series that builds a sound kube-apiserver, or fetches it as the Go
# module that it is.
#
# Built with Go 1.27, Kubernetes 1.36 serves a broken OpenAPI v2 document, so another series is
# never used, however new.
# shellcheck shell=bash

: "${here:?}"

# "1.26", from the go line of go.mod.
toolchain_series() {
	awk '$1 == "go" { split($2, v, "."); print v[1] "." v[2]; exit }' "$here/go.mod"
}

# "go1.26.8", from the toolchain line of go.mod.
toolchain_pinned() {
	awk '$1 == "toolchain" { print $2; exit }' "$here/go.mod"
}

# Prints the version of the Go program at PATH itself, as "1.26"; fails when it is not usable.
toolchain_version() {
	local version
	version=$(GOTOOLCHAIN=local timeout 20 "$1" env GOVERSION 2>/dev/null) || return 1
	[[ $version =~ go([0-9]+\.[0-9]+) ]] || return 1
	printf '%s\n' "${BASH_REMATCH[1]}"
}

# Where a Go may be. Distributions put a second one where PATH does not look.
toolchain_candidates() {
	type -P go || true
	printf '%s\n' "/usr/lib/go-$(toolchain_series)/bin/go" /usr/local/go/bin/go /usr/lib/go/bin/go
}

# Sets found_go and found_version: the right series if it is anywhere, else the first Go there is.
toolchain_look() {
	local candidate version series
	series=$(toolchain_series)
	found_go='' found_version=''
	for candidate in $(toolchain_candidates); do
		version=$(toolchain_version "$candidate") || continue
		if [[ $version == "$series" || -z $found_go ]]; then
			found_go=$candidate found_version=$version
		fi
		[[ $version != "$series" ]] || return 0
	done
	[[ -n $found_go ]]
}

toolchain_missing() {
	fail "building the control plane needs Go, and there is none. Either install one, any from \
1.17 on (Debian, Ubuntu: apt-get install golang-go; Go $(toolchain_series) itself is fetched with it), \
or set KUBE_ASSETS to a directory with etcd, kube-apiserver, kube-controller-manager and kubectl"
}

toolchain_unfit() {
	fail "Go $found_version at $found_go cannot build the control plane: it has to be \
$(toolchain_series) (with Go 1.27 the API server's OpenAPI v2 document is broken), and \
$(toolchain_pinned) could not be fetched. Either install Go $(toolchain_series), or let Go reach \
its module proxy, or set KUBE_ASSETS"
}

toolchain_describe() {
	printf '[1/4] fetch %s, as Go %s is here' "$(toolchain_pinned)" "$found_version"
}

# Go before 1.21 cannot change its own version, but fetches and verifies the same module as any
# other. What a module's zip cannot hold is mended as the go command does it: mode bits and go.mod
# files.
toolchain_fetch_as_module() {
	local work=$1 module file root
	module=golang.org/toolchain@v0.0.1-$(toolchain_pinned)
	module+=.$("$found_go" env GOOS)-$("$found_go" env GOARCH)
	mkdir -p "$work/empty"
	progress_run /dev/null "$work/errors" toolchain_describe \
		env -C "$work/empty" GO111MODULE=on GOWORK=off GOFLAGS=-modcacherw \
		GOMODCACHE="$work/toolchain" "$found_go" mod download "$module" || return 1
	root=$work/toolchain/$module
	chmod -R u+x -- "$root/bin" "$root/pkg/tool"
	while IFS= read -r -d '' file; do
		cp -- "$file" "${file%_go.mod}go.mod"
	done < <(find "$root" -name _go.mod -print0)
	go=$root/bin/go
}

# Sets go to a program of the right series, and exports what makes it stay there. WORK is a
# directory for as long as the build lasts.
toolchain_find() {
	local work=$1
	toolchain_look || toolchain_missing
	go=$found_go
	export GOTOOLCHAIN=local
	if [[ $found_version == "$(toolchain_series)" ]]; then
		note "[1/4] Go $found_version is at $found_go"
	elif ((10#${found_version#*.} < 21)); then
		toolchain_fetch_as_module "$work" || toolchain_unfit
	else
		GOTOOLCHAIN=$(toolchain_pinned)
		progress_run /dev/null "$work/errors" toolchain_describe "$go" version || toolchain_unfit
	fi
	[[ $("$go" env GOVERSION) == go"$(toolchain_series)"* ]] || toolchain_unfit
}
