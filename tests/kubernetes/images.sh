# How the images of this folder are made. Sourced after cache.sh, never run.
# shellcheck shell=bash
# shellcheck disable=SC2154 # `devplat_cache` comes from cache.sh, `here` from the scripts that source this.

# shellcheck disable=SC2034 # For the scripts that source this.
kubernetes_version=v1.34.3
kubernetes_registry=registry.k8s.io
# The registry in the names of images that only the nodes themselves use.
local_registry=devplat.local
# An image carries the hash of everything it depends on in this label.
key_label=dev.devplat.key

# Debian packages of a node, of either kind.
node_packages=systemd,conntrack,iptables,nftables,iproute2,ethtool,util-linux,mount,kmod,libseccomp2,pigz,bash,busybox-static
node_packages+=,ca-certificates,curl,jq,procps,findutils,runc,containernetworking-plugins,socat

# need_tools TOOL...: fails unless all of them are installed.
need_tools() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || fail "$tool is missing, which makes the images of nodes" "apt-get install ${tool/#docker/docker.io}"
  done
}

# make_image IMAGE KEY ABOUT MAKER [ARG...]: unless IMAGE has that key, runs MAKER IMAGE KEY ARG... with `work`, a folder
# of its own, and `scratch`, a name for what it creates in Docker, and deletes the image that IMAGE was before. One at a
# time, since the images of pods have the same names in each.
make_image() {
  local image=$1 key=$2 about=$3 name old
  name=${image#*/}
  name=${name%:*}
  mkdir -p "$devplat_cache/kubernetes/locks"
  # Its children keep the lock as well: a second run waits for what a killed one left running.
  exec 9>"$devplat_cache/kubernetes/locks/images"
  flock --nonblock 9 || { say "waiting for another run that makes images"; flock 9; }
  if [[ $(key_of "$image") != "$key" ]]; then
    say "$image: $about"
    old=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null || true)
    scratch=devplat-build-$name
    images=()
    work=$(mktemp -d "${TMPDIR:-/tmp}/devplat-$name.XXXXXX")
    trap clear_up EXIT
    clear_docker
    "$4" "$image" "$key" "${@:5}"
    clear_up
    trap - EXIT
    # A cluster that still uses the old image keeps it.
    [[ -z $old ]] || docker image rm "$old" >/dev/null 2>&1 || true
  fi
  exec 9>&-
}

key_of() { docker image inspect --format "{{index .Config.Labels \"$key_label\"}}" "$1" 2>/dev/null || true; }

clear_up() {
  clear_docker
  rm -rf "$work"
}

clear_docker() {
  docker rm --force --volumes "$scratch" >/dev/null 2>&1 || true
  docker volume rm "$scratch" >/dev/null 2>&1 || true
  docker image rm "$scratch:debian" "$scratch:node" ${images[@]+"${images[@]}"} >/dev/null 2>&1 || true
}

# import_debian: the Debian of nodes as the image $scratch:debian.
import_debian() {
  cached_debian
  docker import "$devplat_cache/kubernetes/debian-$(debian_key)/root.tar.gz" "$scratch:debian" >/dev/null
}

# cached_debian: the Debian of nodes, installed once for all images.
cached_debian() { cached "$devplat_cache/kubernetes/debian-$(debian_key)" install_debian; }

debian_key() { { codename; echo "$node_packages"; declare -f install_debian; } | content_key; }

codename() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

install_debian() {
  say "  Debian's packages (about 30 s the first time)"
  mmdebstrap --quiet --variant=minbase --include="$node_packages" "$(codename)" - 2>&1 >"$1/root.tar" |
    { grep -v '^W: ' || true; } >&2
  [[ -s $1/root.tar ]] || fail "mmdebstrap cannot install Debian's packages" "read the output above"
  tar -xf "$1/root.tar" -C "$1" --wildcards '*bin/busybox' --no-anchored --transform 's#.*/##'
  gzip -1 "$1/root.tar"
}

# image_of_folder IMAGE FOLDER [OPTION of docker import...]: an image of one layer.
image_of_folder() {
  local image=$1 folder=$2
  shift 2
  tar --create --owner=0 --group=0 --directory "$folder" . | docker import "$@" - "$image" >/dev/null
}

# image_of_program IMAGE FILE [OPTION of docker import...]: an image of one static program.
image_of_program() {
  local image=$1 root=$work/root name
  name=$(basename "$2")
  rm -rf "$root"
  mkdir -p "$root/usr/local/bin"
  cp --dereference "$2" "$root/usr/local/bin/$name"
  image_of_folder "$image" "$root" --change 'ENV PATH=/usr/local/bin' --change "ENTRYPOINT [\"/usr/local/bin/$name\"]" "${@:3}"
}

# pod_images BIN: the images that pods of the node itself use, on every kind of node. Their names are added to `images`.
pod_images() {
  local bin=$1 command
  compile_pause
  pod_image "$kubernetes_registry/pause:3.10.1" "$work/pause"
  pod_image "$kubernetes_registry/coredns/coredns:v1.12.1" "$bin/coredns"
  pod_image "$local_registry/local-path-provisioner:v0.0.30" "$bin/local-path-provisioner"
  mkdir -p "$work/busybox/bin"
  install -m 755 "$devplat_cache/kubernetes/debian-$(debian_key)/busybox" "$work/busybox/bin/busybox"
  for command in sh mkdir rm; do ln -s busybox "$work/busybox/bin/$command"; done
  image_of_folder "$local_registry/busybox:local" "$work/busybox" --change 'ENV PATH=/bin'
  images+=("$local_registry/busybox:local")
}

pod_image() {
  image_of_program "$1" "$2"
  images+=("$1")
}

compile_pause() { gcc -static -Os -o "$work/pause" "$here/node/pause.c"; }

# build_node CONTEXT: the image $scratch:node from a folder with a Dockerfile on top of $scratch:debian.
build_node() {
  # The older builder is part of every Docker engine, the newer one a package of its own.
  DOCKER_BUILDKIT=0 docker build --quiet --build-arg DEBIAN="$scratch:debian" --tag "$scratch:node" "$1" >/dev/null 2>"$work/build.log" || {
    cat "$work/build.log" >&2
    fail "docker cannot build the image of a node" "read the output above"
  }
}
