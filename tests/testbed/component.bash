# component - one of the three programs of a control plane: its command line, and whether it serves.
#
# A control plane's directory holds, for each: run/COMPONENT.process (see process.bash),
# run/COMPONENT.command (NUL after each argument) and log/COMPONENT.log. All run in that directory.
# shellcheck shell=bash

# In the order in which they are started.
# shellcheck disable=SC2034
components=(etcd kube-apiserver kube-controller-manager)

# etcd is reached over sockets in a directory that nobody else may enter: it has no authentication
# of its own, and needs no port. Its URLs must look like host:port, so the sockets' names do, too.
component_socket=etcd:2379

# Seconds until a started component must serve.
component_patience=60

# No fsync: the data outlives a killed etcd (the kernel has it), and no test outlives the kernel.
component_etcd_command() {
	printf '%s\0' "$1/etcd" --name=testbed --data-dir=data --unsafe-no-fsync \
		"--listen-client-urls=unix://$component_socket" \
		"--advertise-client-urls=unix://$component_socket" \
		--listen-peer-urls=unix://peer:2380 --initial-advertise-peer-urls=unix://peer:2380 \
		--initial-cluster=testbed=unix://peer:2380
}

# Anonymous requests stay allowed, as on most real clusters: RBAC lets them see health and version
# and nothing else. Endpoints of the service "kubernetes" are left out: loopback is refused there.
# component_apiserver_command ASSETS NAME PORT FLAG...
component_apiserver_command() {
	local assets=$1 name=$2 port=$3
	shift 3
	printf '%s\0' "$assets/kube-apiserver" "--etcd-servers=unix:$component_socket" \
		--bind-address=127.0.0.1 --advertise-address=127.0.0.1 --external-hostname=127.0.0.1 \
		"--secure-port=$port" --endpoint-reconciler-type=none \
		--service-cluster-ip-range=10.96.0.0/16 --cert-dir=pki \
		--tls-cert-file=pki/server.crt --tls-private-key-file=pki/server.key \
		--client-ca-file=pki/ca.crt --authorization-mode=RBAC \
		"--service-account-issuer=https://kubernetes.$name.testbed" \
		--service-account-signing-key-file=pki/service-account.key \
		--service-account-key-file=pki/service-account.key \
		--service-account-extend-token-expiration=false "$@"
}

component_controller_manager_command() {
	local controllers=garbage-collector-controller,namespace-controller
	controllers+=,serviceaccount-controller,clusterrole-aggregation-controller
	printf '%s\0' "$1/kube-controller-manager" --kubeconfig=kube-controller-manager.kubeconfig \
		"--controllers=$controllers" --use-service-account-credentials \
		--leader-elect=false --secure-port=0
}

# Asks the API server of DIRECTORY as its administrator: component_request DIRECTORY PATH
component_request() {
	local directory=$1
	curl --silent --fail --noproxy '*' --max-time 2 --output /dev/null \
		--cacert "$directory/pki/ca.crt" \
		--cert "$directory/pki/admin.crt" --key "$directory/pki/admin.key" \
		"https://127.0.0.1:$(<"$directory/port")$2"
}

# Asks etcd of DIRECTORY through its JSON gateway: component_etcd_request DIRECTORY PATH [BODY]
component_etcd_request() {
	local directory=$1 path=$2
	shift 2
	env -C "$directory" curl --silent --fail --noproxy '*' --max-time 5 \
		--unix-socket "$component_socket" ${1:+--data "$1"} "http://etcd$path"
}

# The controller manager is known to work once the default namespace has the ServiceAccount that it
# makes.
component_serves() {
	local account=/api/v1/namespaces/default/serviceaccounts/default
	case $2 in
	etcd) component_etcd_request "$1" /health >/dev/null ;;
	kube-apiserver) component_request "$1" /readyz ;;
	kube-controller-manager) component_request "$1" "$account" ;;
	esac
}

component_alive() {
	process_alive "$1/run/$2.process"
}

component_start() {
	local directory=$1 component=$2
	local -a words
	mapfile -d '' -t words <"$directory/run/$component.command"
	process_start "$directory/run/$component.process" "$directory/log/$component.log" "$directory" \
		"${words[@]}"
}

# Waits until COMPONENT serves; fails, with component_fault set, when it dies or takes too long.
component_await() {
	local directory=$1 component=$2 deadline=$((SECONDS + component_patience))
	until component_serves "$directory" "$component"; do
		if ! component_alive "$directory" "$component"; then
			component_fault="has ended"
			return 1
		elif ((SECONDS >= deadline)); then
			component_fault="does not serve after $component_patience s"
			return 1
		fi
		sleep 0.1
	done
}

component_blame() {
	note "$2 $component_fault; the end of its log:"
	tail -n 20 -- "$1/log/$2.log" | cut -c 1-500 | sed 's/^/  /' >&2
}

# Starts COMPONENT and waits until it serves; says why when it does not.
component_bring_up() {
	component_start "$1" "$2"
	component_await "$1" "$2" || {
		component_blame "$1" "$2"
		return 1
	}
}
