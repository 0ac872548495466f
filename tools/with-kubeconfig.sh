#!/usr/bin/env bash
# tools/with-kubeconfig.sh COMMAND...: run it with what KUBECONFIG_CONTENT holds as a file, for itself alone.
set -euo pipefail
if [[ -n ${KUBECONFIG_CONTENT:-} ]]; then
    umask 077
    KUBECONFIG=$(mktemp)
    trap 'rm -f "$KUBECONFIG"' EXIT
    printf '%s\n' "$KUBECONFIG_CONTENT" >"$KUBECONFIG"
    unset KUBECONFIG_CONTENT
    export KUBECONFIG
fi
"$@"
