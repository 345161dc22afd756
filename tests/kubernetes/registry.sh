# Finds out whether image registries are reachable. Sourced after cache.sh, never run.
# shellcheck shell=bash

# DEVPLAT_TEST_REGISTRY=yes or no decides without asking.
registry_answers() {
  case ${DEVPLAT_TEST_REGISTRY:-ask} in
    yes) return 0 ;;
    no) return 1 ;;
    # The registry of Kubernetes, and that of the images of kind's and k3d's nodes.
    ask) answers https://registry.k8s.io/v2/ && answers https://registry-1.docker.io/v2/ ;;
    *) fail "DEVPLAT_TEST_REGISTRY is \"$DEVPLAT_TEST_REGISTRY\"" "set it to yes or no, or unset it" ;;
  esac
}

# Any status counts as an answer; Docker Hub asks for a login.
answers() { curl --silent --output /dev/null --connect-timeout 3 --max-time 6 "$1"; }
