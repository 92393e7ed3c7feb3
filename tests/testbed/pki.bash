# pki - a control plane's own certificate authority, its certificates, and kubeconfigs made of them.
#
# EC keys throughout: making one takes a millisecond, and signing a token with ES256 costs the API
# server a third of what RS256 does.
# shellcheck shell=bash

pki_key() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$1"
}

pki_authority() {
	local pki=$1 name=$2
	pki_key "$pki/ca.key"
	openssl req -x509 -new -key "$pki/ca.key" -out "$pki/ca.crt" -days 30 -sha256 \
		-subj "/CN=testbed $name" -config <(
			printf '%s\n' '[req]' distinguished_name=subject x509_extensions=authority \
				'[subject]' '[authority]' basicConstraints=critical,CA:true \
				keyUsage=critical,keyCertSign,cRLSign subjectKeyIdentifier=hash
		)
}

# pki_certificate PKI NAME SUBJECT USAGE [EXTENSION]
pki_certificate() {
	local pki=$1 name=$2 subject=$3 usage=$4 extension=${5:-}
	pki_key "$pki/$name.key"
	openssl req -new -key "$pki/$name.key" -subj "$subject" \
		-config <(printf '[req]\ndistinguished_name=subject\n[subject]\n') |
		openssl x509 -req -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -out "$pki/$name.crt" \
			-days 30 -sha256 -set_serial "0x$(openssl rand -hex 8)" -extfile <(
				printf '%s\n' basicConstraints=critical,CA:false \
					keyUsage=critical,digitalSignature "extendedKeyUsage=$usage" \
					subjectKeyIdentifier=hash authorityKeyIdentifier=keyid "$extension"
			) 2>/dev/null
}

# Makes everything that the control plane NAME needs, in PKI.
pki_make() {
	local pki=$1 name=$2
	mkdir -- "$pki"
	pki_authority "$pki" "$name"
	pki_key "$pki/service-account.key"
	pki_certificate "$pki" server /CN=kube-apiserver serverAuth \
		subjectAltName=IP:127.0.0.1,DNS:localhost
	pki_certificate "$pki" admin /O=system:masters/CN=testbed-admin clientAuth
	pki_certificate "$pki" kube-controller-manager /CN=system:kube-controller-manager clientAuth
}

# Prints a kubeconfig for the holder of the certificate USER, with inline data only:
# pki_kubeconfig PKI USER CLUSTER SERVER
pki_kubeconfig() {
	local pki=$1 user=$2 cluster=$3 server=$4
	cat <<-END
		apiVersion: v1
		kind: Config
		clusters:
		- name: $cluster
		  cluster:
		    server: $server
		    certificate-authority-data: $(base64 -w 0 "$pki/ca.crt")
		users:
		- name: $user
		  user:
		    client-certificate-data: $(base64 -w 0 "$pki/$user.crt")
		    client-key-data: $(base64 -w 0 "$pki/$user.key")
		contexts:
		- name: $cluster
		  context: {cluster: $cluster, user: $user}
		current-context: $cluster
	END
}
