/* limits.h - every cap on what comes from outside, each with its reason. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

enum {
	JSON_DEPTH_MAX = 64,     /* managedFields of a custom resource nest 20 deep */
	HTTP_BODY_MAX = 4 << 20, /* the largest object (3 MiB) fits; lists take smaller pages */
	HTTP_MEMBER_BODY_MAX = 256 << 10, /* single small objects, and pages of them */
	HTTP_HEADERS_MAX = 64 << 10,      /* kube-apiserver sends under 2 KiB */
	HTTP_PATH_MAX = 4096,             /* a path segment is at most 253 characters */
	WATCH_EVENT_MAX = 8 << 20,        /* kube-apiserver takes objects of up to 3 MiB */
	STATUS_BODY_MAX = 64 << 10,       /* a Status object */
	KUBECONFIG_MAX = 1 << 20,         /* a Secret holds at most 1 MiB */
	SERVER_URL_MAX = 1024,            /* a host name is at most 253 characters */
	YAML_DEPTH_MAX = 32,
	YAML_NODES_MAX = 10000,
	MANIFESTS_MAX = 8 << 20,       /* a file with some thousand policies */
	MANIFESTS_NODES_MAX = 1000000, /* what it may hold; about 100 bytes each */
	TOKEN_MAX = 16 << 10,          /* kube-apiserver's tokens are about 1 KiB */
	CA_PEM_MAX = 64 << 10,         /* about 16 certificates */
	LIST_PAGE_SIZE = 500,          /* client-go's page */
	MEMBER_PAGE_SIZE = 100,        /* of objects of 2 KiB, which fit HTTP_MEMBER_BODY_MAX */
	MEMBER_PAGES_MAX = 1000,       /* of a list: one that never ends wastes its own time */
	CONDITION_MESSAGE_MAX = 1024,  /* Kubernetes takes 32768; people read a line */
	REQUEST_RULES_MAX = 64 << 10,  /* so that what a member echoes fits into its body cap */
	REQUEST_TEMPLATES_MAX = 16,    /* the CRD's */
	REQUESTER_GROUPS_MAX = 256,    /* the CRD's */
	RIGHTS_ROLES_MAX = 47,         /* so that roles, bindings and identity fit a ledger */
	REQUEST_ROLES_MAX = 40,        /* the CRD's 20 roles and 20 clusterRoles */
	RULE_SET_RULES_MAX = 256,      /* Kubernetes' own admin role has 29 */
	RULE_SET_WORDS_MAX = 4096,   /* verbs, groups, resources, names and URLs of all its rules */
	RULE_SET_RIGHTS_MAX = 65536, /* what these combine to; 426 in admin */
	RULE_WORD_MAX = 253,         /* the longest name of an object */
	NAMESPACE_NAME_MAX = 63,     /* a DNS label */
	POLICY_ENTRIES_MAX = 32,     /* subjects and clusterProfiles of an AccessPolicy */
	POLICY_LIST_MAX = 128,       /* any other list of it */
	POLICY_LABELS_MAX = 16,      /* matchLabels, and matchExpressions, of one selector */
	POLICY_WORD_MAX = 512,       /* the user name of a ServiceAccount has up to 339 bytes */
	TEMPLATE_PARAMETERS_MAX = 16,     /* templates are short; and as many variables */
	TEMPLATE_ROLES_MAX = 20,          /* and as many clusterRoles, as in a request */
	TEMPLATE_VALUES_MAX = 64,         /* names of a list that somebody wrote out */
	TEMPLATE_PATTERN_MAX = 256,       /* bytes of a regular expression */
	TEMPLATE_PATTERN_ATOMS_MAX = 256, /* glibc needs time and memory for the square */
	TEMPLATE_OUTPUT_MAX = REQUEST_RULES_MAX,
};

#endif
