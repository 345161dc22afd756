# Whether image registries answer. Sourced after cache.sh, never run.
# shellcheck shell=bash

# DEVPLAT_TEST_REGISTRY=yes or no decides without asking.
registry_answers() {
  case ${DEVPLAT_TEST_REGISTRY:-ask} in
    yes) return 0 ;;
    no) return 1 ;;
    # Kubernetes' own, and the one that kind's node image is in.
    ask) answers https://registry.k8s.io/v2/ && answers https://registry-1.docker.io/v2/ ;;
    *) fail "DEVPLAT_TEST_REGISTRY is \"$DEVPLAT_TEST_REGISTRY\"" "set it to yes or no, or leave it away" ;;
  esac
}

# Whatever it answers: the second wants a login.
answers() { curl --silent --output /dev/null --connect-timeout 3 --max-time 6 "$1"; }
