# assets - where etcd, kube-apiserver, kube-controller-manager and kubectl are: in KUBE_ASSETS, in
# PATH, or built once from the modules that go.mod pins, into a cache outside the tree.
# shellcheck shell=bash

: "${here:?}"

# Set by assets_find.
assets=''

assets_programs=(etcd kube-apiserver kube-controller-manager kubectl)
assets_packages=(
	go.etcd.io/etcd/server/v3
	k8s.io/kubernetes/cmd/kube-apiserver
	k8s.io/kubernetes/cmd/kube-controller-manager
	k8s.io/kubernetes/cmd/kubectl
)

# The version of MODULE in go.mod.
assets_pinned() {
	awk -v module="$1" '$1 == module && $2 ~ /^v/ { print $2; exit }' "$here/go.mod"
}

assets_complete() {
	local program
	for program in "${assets_programs[@]}"; do
		[[ -f $1/$program && -x $1/$program ]] || return 1
	done
}

# Prints which of the four DIRECTORY lacks.
assets_lacking() {
	local program
	for program in "${assets_programs[@]}"; do
		[[ -f $1/$program && -x $1/$program ]] || printf ' %s' "$program"
	done
}

# Whether the four in DIRECTORY say that they are of the pinned versions.
assets_are_pinned() {
	local directory=$1 kubernetes etcd said
	kubernetes=$(assets_pinned k8s.io/kubernetes)
	etcd=$(assets_pinned go.etcd.io/etcd/server/v3)
	said=$(
		timeout 20 "$directory/etcd" --version | sed -n 's/^etcd Version: /etcd v/p'
		timeout 20 "$directory/kube-apiserver" --version
		timeout 20 "$directory/kube-controller-manager" --version
		timeout 20 "$directory/kubectl" version --client | sed -n 's/^Client Version:/kubectl/p'
	) 2>/dev/null || return 1
	[[ $said == "etcd $etcd
Kubernetes $kubernetes
Kubernetes $kubernetes
kubectl $kubernetes" ]]
}

assets_from_environment() {
	[[ -d $KUBE_ASSETS ]] || fail "KUBE_ASSETS: $KUBE_ASSETS is not a directory"
	assets=$(cd -- "$KUBE_ASSETS" && pwd)
	assets_complete "$assets" || fail "KUBE_ASSETS: $assets lacks$(assets_lacking "$assets")"
}

# A directory of PATH that has all four, of the pinned versions.
assets_from_path() {
	local directory
	local -a directories
	IFS=: read -ra directories <<<"$PATH"
	for directory in "${directories[@]}"; do
		if [[ $directory == /* ]] && assets_complete "$directory" &&
			assets_are_pinned "$directory"; then
			assets=$directory
			return 0
		fi
	done
	return 1
}

assets_describe_modules() {
	printf '[2/4] list packages, %d modules fetched' "$(grep -c '^go: downloading' "$1")"
}

# "go build -v" names a package when it is compiled; what was in Go's own cache counts from the
# start.
assets_describe_build() {
	local compiled
	compiled=$(grep -cvE '^(#|go: |[[:space:]]|$)' "$1" || true)
	printf '[3/4] build, %d of %d packages' $((packages_cached + compiled)) "$packages_total"
	((packages_cached + compiled < packages_total)) || printf ', linking'
}

# Sets packages_total and packages_cached, and fetches modules on the way.
assets_count_packages() {
	progress_run "$work/packages" "$work/errors" assets_describe_modules \
		env -C "$here" "$go" list -trimpath -deps \
		-f '{{if ne .ImportPath "unsafe"}}{{.Stale}} {{.StaleReason}}{{end}}' \
		"${assets_packages[@]}" || return 1
	packages_total=$(grep -c . "$work/packages" || true)
	packages_cached=$(grep -cE '^false|available in build cache' "$work/packages" || true)
}

# kube-apiserver takes the versions that it serves from its own version, which the linker sets.
assets_linker_flags() {
	local version major minor prefix=k8s.io/component-base/version
	version=$(assets_pinned k8s.io/kubernetes)
	IFS=. read -r major minor _ <<<"${version#v}"
	printf -- '-s -w'
	printf -- " -X $prefix.%s" "gitVersion=$version" "gitMajor=$major" "gitMinor=$minor" \
		gitCommit= gitTreeState=clean buildDate=1970-01-01T00:00:00Z
}

assets_compile() {
	mkdir -- "$work/bin"
	progress_run /dev/null "$work/errors" assets_describe_build \
		env -C "$here" "$go" build -v -trimpath -ldflags "$(assets_linker_flags)" -o "$work/bin/" \
		"${assets_packages[@]}" || return 1
	mv -- "$work/bin/server" "$work/bin/etcd"
}

assets_discard_work() {
	process_end_jobs
	chmod -R u+w -- "$work" 2>/dev/null
	rm -rf -- "$work"
}

# Holds the lock until this run ends. What an earlier run could not remove (SIGKILL) goes first.
assets_lock() {
	local lock waited=0
	mkdir -p -- "${cache%/*}"
	exec {lock}>"$cache.lock"
	until flock -w 15 "$lock"; do
		((waited += 15))
		((waited < 3600)) || fail "another build has held $cache.lock for an hour"
		note "another build is under way, waiting, ${waited} s"
	done
	chmod -R u+w -- "$cache".building.* 2>/dev/null || true
	rm -rf -- "$cache".building.*
}

assets_build() {
	local go packages_total packages_cached
	work=$(mktemp -d -- "$cache.building.XXXXXX")
	undo=(assets_discard_work "${undo[@]}")
	note "building the control plane, once, into $cache (about 8 minutes and 4 GB on two cores)"
	toolchain_find "$work"
	mkdir -- "$work/tmp"
	export GOFLAGS=-mod=readonly GOWORK=off GOTMPDIR=$work/tmp
	assets_count_packages || fail "cannot fetch the modules of $here/go.mod"
	assets_compile || fail "the build failed; nothing of it was kept"
	assets_are_pinned "$work/bin" || fail "[4/4] what was built does not say the pinned versions"
	note "[4/4] built and checked, $(progress_elapsed)"
	rm -rf -- "$cache"
	mv -T -- "$work/bin" "$cache"
	undo=("${undo[@]:1}")
	assets_discard_work
}

assets_from_cache() {
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/credbroker/kube-$(assets_pinned k8s.io/kubernetes)
	cache+=-etcd-$(assets_pinned go.etcd.io/etcd/server/v3)
	if ! assets_complete "$cache"; then
		assets_lock
		assets_complete "$cache" || assets_build
	fi
	assets=$cache
}

# Sets assets to the directory that holds the four.
assets_find() {
	if [[ -n ${KUBE_ASSETS:-} ]]; then
		assets_from_environment
	elif ! assets_from_path; then
		assets_from_cache
	fi
}
