# A running Docker engine. Sourced by machine.sh, never run. An engine that is running already is left alone.
# shellcheck shell=bash
# shellcheck disable=SC2154 # `root`, `bootstrap` and `invoked_with` come from the scripts that source this.

need_docker() {
  if docker_answers; then return; fi
  if socket_is_closed; then
    join_docker_group
    return
  fi
  [[ -z ${DOCKER_HOST:-} ]] || fail "the Docker engine at $DOCKER_HOST does not answer" "start it, or unset DOCKER_HOST to use one on this machine"
  need_commands dockerd:docker.io jq:jq iptables:iptables
  # Debian 13 split the client from docker.io.
  need_commands docker:docker-cli
  lacks_sys_resource && use_runtime_without_sys_resource
  start_engine
}

docker_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# socket_is_closed: whether the engine's socket exists and this user may not write to it, without which no connection is
# accepted.
socket_is_closed() {
  local engine
  engine=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null)} || engine=
  engine=${engine:-unix:///var/run/docker.sock}
  [[ $engine == unix://* && -S ${engine#unix://} && ! -w ${engine#unix://} ]]
}

start_engine() {
  if docker_answers; then return; fi
  if [[ -d /run/systemd/system ]]; then
    say "starting the Docker engine as a service (about 3 s)"
    as_root systemctl enable --now docker >&2
  else
    say "starting the Docker engine: dockerd in the background, its log in /var/log/dockerd.log (about 3 s)"
    # dockerd does not start while there is the pid file of one that was killed.
    # shellcheck disable=SC2016 # For the shell that runs as root.
    as_root sh -c '
      pid=$(cat /var/run/docker.pid 2>/dev/null) && [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] ||
        rm -f /var/run/docker.pid
      setsid dockerd </dev/null >>/var/log/dockerd.log 2>&1 &'
  fi
  for _ in $(seq 150); do
    if docker_answers; then return; fi
    if socket_is_closed; then
      join_docker_group
      return
    fi
    sleep 0.2
  done
  [[ -d /run/systemd/system ]] || tail -n 15 /var/log/dockerd.log >&2 || true
  fail "the Docker engine did not start within 30 s" "read its log: /var/log/dockerd.log, or journalctl -u docker"
}

# A new group counts only in new logins; `sg` starts one for the rest of this run. The variable that remembers this is not
# named DEVPLAT_…, since devplat reads all of those as values of the profile.
join_docker_group() {
  [[ -z ${JOINED_DOCKER_GROUP:-} ]] || fail "user $(id -un) is in the group docker and still has no access to the Docker engine" "log in again, then run the same command"
  say "user $(id -un) has no access to the Docker engine: joining the group docker, which lasts, and going on in it"
  need_commands sg:login
  as_root usermod -aG docker "$(id -un)"
  export JOINED_DOCKER_GROUP=yes
  # Not by $0 itself, which may be relative to another folder.
  exec sg docker -c "$(printf '%q ' "$root/${0##*/}" ${invoked_with[@]+"${invoked_with[@]}"})"
}

# CAP_SYS_RESOURCE is bit 24 of the bounding set.
lacks_sys_resource() {
  local bounding
  bounding=$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)
  (((16#$bounding >> 24 & 1) == 0))
}

use_runtime_without_sys_resource() {
  local runtime=/usr/local/lib/devplat/runc-shed config=/etc/docker/daemon.json merged
  [[ -x $runtime ]] && grep -qs "$runtime" "$config" && return
  say "this machine lacks CAP_SYS_RESOURCE, which privileged containers ask for: adding a runtime to $config that leaves it out"
  as_root install -D -m 755 "$bootstrap/runc-shed" "$runtime"
  merged=$({ as_root cat "$config" 2>/dev/null || echo '{}'; } |
    jq --arg path "$runtime" '.runtimes.shed.path = $path | ."default-runtime" = "shed"') ||
    fail "$config is not JSON" "correct it, then run the same command"
  as_root mkdir -p /etc/docker
  printf '%s\n' "$merged" | as_root tee "$config" >/dev/null
}
