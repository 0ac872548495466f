#!/usr/bin/env bash
# A Kubernetes cluster for `make test-cluster` where Docker is: kind, with metrics, a Gateway's controller at ports
# 30080 (HTTP) and 30443 (HTTPS) of each node, and policies and volumes as kind brings them.
#
# kind-cluster.sh up --nodes N --with ADD-ONS --state FOLDER | kubeconfig --state FOLDER | kubectl WORDS...
#                 | load --state FOLDER ARCHIVE... | node stop|kill|start N | down --state FOLDER
#
# N counts the nodes that take pods: kind's control plane is one more. --with is what every cluster of this script
# has; it is taken and not looked at.

set -euo pipefail
readonly name=stock-test
readonly metrics=https://github.com/kubernetes-sigs/metrics-server/releases/download/v0.8.0/components.yaml
readonly gateway=https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.4.0/standard-install.yaml
readonly traefik=oci://ghcr.io/traefik/helm/traefik

main() {
    local verb=${1:?up, kubeconfig, kubectl, load, node or down}
    shift
    case $verb in
    kubectl) exec kubectl "$@" ;;
    node) node "$@" ;;
    up | kubeconfig | load | down)
        read_options "$@"
        "$verb"
        ;;
    *)
        echo "Error: there is no verb $verb" >&2
        exit 2
        ;;
    esac
}

read_options() {
    count=1 state='' archives=()
    while (($#)); do
        case $1 in
        --nodes) count=$2 && shift 2 ;;
        --with) shift 2 ;;
        --state) state=$2 && shift 2 ;;
        *) archives+=("$1") && shift ;;
        esac
    done
    : "${state:?--state FOLDER}"
}

up() {
    mkdir -p "$state"
    {
        echo "kind: Cluster"
        echo "apiVersion: kind.x-k8s.io/v1alpha4"
        echo "nodes:"
        echo "  - role: control-plane"
        for _ in $(seq "$count"); do echo "  - role: worker"; done
    } >"$state/kind.yaml"
    kind create cluster --name "$name" --config "$state/kind.yaml" --kubeconfig "$state/kubeconfig" --wait 120s
    export KUBECONFIG=$state/kubeconfig
    kubectl apply -f "$metrics" -f "$gateway"
    # kind's kubelets have certificates of their own making.
    kubectl -n kube-system patch deployment metrics-server --type json -p \
        '[{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--kubelet-insecure-tls"}]'
    helm install traefik "$traefik" --namespace traefik --create-namespace --wait --timeout 180s \
        --set providers.kubernetesGateway.enabled=true --set gateway.enabled=false \
        --set service.type=NodePort --set ports.web.nodePort=30080 --set ports.websecure.nodePort=30443
    kubectl -n kube-system rollout status deployment metrics-server --timeout 120s
}

kubeconfig() {
    echo "$state/kubeconfig"
}

load() {
    local archive
    for archive in "${archives[@]}"; do
        kind load image-archive "$archive" --name "$name"
    done
}

# stop: out of touch, its containers run on; kill: a power cut.
node() {
    local container
    container=$(kind get nodes --name "$name" | grep worker | sort | sed -n "${2:?the number of the node}p")
    case $1 in
    stop) docker exec "$container" systemctl stop kubelet ;;
    kill) docker kill "$container" ;;
    start) docker start "$container" && docker exec "$container" systemctl start kubelet ;;
    esac
}

down() {
    kind delete cluster --name "$name"
    rm -rf "$state"
}

main "$@"
