# Installs the programs that quickstart, check and bench need. Each function installs only missing programs and reports
# them first, so all of them can be called again. Sourced, never run.
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
    fail "this needs root: $*" "run the same command as root, or install sudo"
  fi
}

# need_commands COMMAND:PACKAGE...: installs the Debian packages of the commands that are missing.
need_commands() {
  local pair missing=()
  for pair in "$@"; do
    find_command "${pair%%:*}" || [[ " ${missing[*]-} " == *" ${pair#*:} "* ]] || missing+=("${pair#*:}")
  done
  [[ ${#missing[@]} == 0 ]] || need_packages "${missing[@]}"
}

# mmdebstrap, and newuidmap, with which it gets a user namespace when the caller is not root.
need_mmdebstrap() {
  need_commands mmdebstrap:mmdebstrap
  [[ $EUID == 0 ]] || need_commands newuidmap:uidmap
}

# allow_inotify INSTANCES: until the next reboot. Each node of a cluster takes some 20; Debian allows 128 for each account.
allow_inotify() {
  local now
  now=$(cat /proc/sys/fs/inotify/max_user_instances)
  if ((now >= $1)); then return; fi
  say "allowing $1 inotify instances in place of $now, until the next reboot"
  as_root sh -c "echo $1 >/proc/sys/fs/inotify/max_user_instances"
}

# need_disk GB FOLDER: fails if less than that and 5 % of the size is free in the file system of the folder. A full disk fails
# late and in strange ways: k3s with its own settings starts no pods while less than 5 % is free.
need_disk() {
  local free size needed
  read -r free size < <(df --output=avail,size --block-size=1G "$2" | tail -n 1)
  needed=$(($1 + size / 20))
  ((free >= needed)) ||
    fail "$free GB are free in the file system of $2, and this needs $needed GB" "delete what is not needed there, such as old builds in target/, and run the same command again"
}

# need_python_modules MODULE:PACKAGE...: installs the Debian packages of the modules that Debian's own Python lacks.
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
    fail "missing on this machine: $*" "they are installed automatically on Debian and Ubuntu; elsewhere, install them and run the same command"
  say "installing from Debian packages: $* (about 10 to 40 s)"
  local log
  log=$(mktemp)
  if ! install_packages "$@" >"$log" 2>&1; then
    say "the package lists are old: apt-get update"
    if ! { as_root apt-get update && install_packages "$@"; } >"$log" 2>&1; then
      tail -n 20 "$log" >&2
      rm "$log"
      fail "these packages cannot be installed: $*" "read the output of apt-get above"
    fi
  fi
  rm "$log"
}

install_packages() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# The PATH of many users lacks the folders of administrators' commands.
find_command() {
  PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v "$1" >/dev/null
}
