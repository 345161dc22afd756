# What quickstart and check need of a machine, installed only where it is missing, and said before it is done.
# Sourced, never run. Everything here can be done again.
# shellcheck shell=bash source-path=SCRIPTDIR

bootstrap=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../tests/kubernetes/cache.sh
. "$bootstrap/../tests/kubernetes/cache.sh"
# shellcheck source=docker.sh
. "$bootstrap/docker.sh"
# shellcheck source=rust.sh
. "$bootstrap/rust.sh"

as_root() {
  if [[ $EUID == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "this needs root: $*" "run it as root, or install sudo"
  fi
}

# need_commands COMMAND:PACKAGE...: installs the Debian packages of those commands that are not there.
need_commands() {
  local pair missing=()
  for pair in "$@"; do
    find_command "${pair%%:*}" || [[ " ${missing[*]-} " == *" ${pair#*:} "* ]] || missing+=("${pair#*:}")
  done
  [[ ${#missing[@]} == 0 ]] || need_packages "${missing[@]}"
}

# mmdebstrap, and by what it has a root of its own where the caller is none.
need_mmdebstrap() {
  need_commands mmdebstrap:mmdebstrap
  [[ $EUID == 0 ]] || need_commands newuidmap:uidmap
}

# need_python_modules MODULE:PACKAGE...: the same for modules of Debian's own Python.
need_python_modules() {
  local pair missing=()
  for pair in "$@"; do
    /usr/bin/python3 -W ignore -c "import ${pair%%:*}" 2>/dev/null || missing+=("${pair#*:}")
  done
  [[ ${#missing[@]} == 0 ]] || need_packages "${missing[@]}"
}

# need_packages PACKAGE...: installs them.
need_packages() {
  command -v apt-get >/dev/null ||
    fail "missing on this machine: $*" "this works by itself on Debian and Ubuntu; elsewhere, install them and run the same command"
  say "installing from Debian packages: $* (usually 10 to 40 s)"
  local log
  log=$(mktemp)
  if ! install_packages "$@" >"$log" 2>&1; then
    say "the package lists are old: apt-get update"
    if ! { as_root apt-get update && install_packages "$@"; } >"$log" 2>&1; then
      tail -n 20 "$log" >&2
      rm "$log"
      fail "these packages cannot be installed: $*" "the output of apt-get above says why"
    fi
  fi
  rm "$log"
}

install_packages() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# Commands of administrators are not on everybody's PATH.
find_command() {
  PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v "$1" >/dev/null
}
