#!/usr/bin/env bash
# deploy/docker/build.sh [platform | stock-ops]...: build the images, both without an argument.
#
# PYTHON_IMAGE, NODE_IMAGE   base images with their digest, NAME@sha256:...; else asked of the registry by Docker
# SOURCE                     address of the repository, for the image's label
# TAG                        else the version of pyproject.toml
# SAMPLE_DATA=yes            with the sample prices in the platform's image
# BUILDER                    docker, podman or buildah; else the first that is there
# BUILD_OPTIONS              further options of it
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly PYTHON_TAG=python:3.13-slim-trixie NODE_TAG=node:24-trixie-slim
readonly DOCKERFILE=deploy/docker/Dockerfile

main() {
    local targets=("$@")
    ((${#targets[@]})) || targets=(platform stock-ops)
    builder=${BUILDER:-$(first_of docker podman buildah)}
    python_image=$(pinned PYTHON_IMAGE "${PYTHON_IMAGE:-$(digest_of "$PYTHON_TAG")}")
    node_image=$(pinned NODE_IMAGE "${NODE_IMAGE:-$(digest_of "$NODE_TAG")}")
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
    revision=$(git rev-parse HEAD)
    # The time of the commit, so that one commit always makes the same layers.
    epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
    for target in "${targets[@]}"; do
        build "$target"
    done
}

build() {
    local target=$1 command name
    case $target in
    platform) name=stock-analysis ;;
    stock-ops) name=stock-ops ;;
    *) fail "there is no image $target; there are platform and stock-ops" ;;
    esac
    case $builder in
    docker) command=(docker buildx build --output "type=docker,rewrite-timestamp=true") ;;
    podman) command=(podman build --layers --format docker --timestamp "$epoch" --ignorefile "$DOCKERFILE.dockerignore") ;;
    buildah) command=(buildah bud --layers --format docker --timestamp "$epoch" --ignorefile "$DOCKERFILE.dockerignore") ;;
    *) fail "BUILDER=$builder: choose docker, podman or buildah" ;;
    esac
    local options=()
    read -ra options <<<"${BUILD_OPTIONS:-}"
    "${command[@]}" "${options[@]}" --target "$target" -t "$name:${TAG:-$version}" \
        -f "$DOCKERFILE" \
        --build-arg "PYTHON_IMAGE=$python_image" --build-arg "NODE_IMAGE=$node_image" \
        --build-arg "SOURCE_DATE_EPOCH=$epoch" --build-arg "SAMPLE_DATA=${SAMPLE_DATA:-no}" \
        --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "SOURCE=${SOURCE:-}" .
}

first_of() {
    local name
    for name in "$@"; do
        if command -v "$name" >/dev/null; then
            echo "$name"
            return
        fi
    done
    fail "none of $* is there; install one of them"
}

# The newest digest of a tag, asked of its registry; the answer is printed so that it can be kept.
digest_of() {
    [[ $builder == docker ]] || fail "set PYTHON_IMAGE and NODE_IMAGE to NAME@sha256:...; only docker finds digests here"
    local digest
    digest=$(docker buildx imagetools inspect "$1" --format '{{.Manifest.Digest}}') || fail "no digest of $1 can be had"
    echo "base image: $1@$digest" >&2
    echo "$1@$digest"
}

pinned() {
    [[ $2 =~ @sha256:[0-9a-f]{64}$ ]] || fail "$1=$2 is not pinned; give it as NAME@sha256:..."
    echo "$2"
}

fail() {
    echo "Error: $1" >&2
    exit 2
}

main "$@"
