#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An engine of its own that has runc and gVisor, in a network namespace. As root:
#   gvisor-engine.sh start IMAGE... starts it, gives it images of the default engine's, prints its address
#   gvisor-engine.sh stop           stops it, and removes all of it
set -euo pipefail

name=zcbot-gvisor-bench
directory=/var/tmp/$name
address=unix://$directory/sock

stop() {
  local pid mount
  for pid in $(docker -H "$address" ps -aq 2>/dev/null || :); do
    docker -H "$address" rm -f "$pid" >/dev/null 2>&1 || :
  done
  # The pid may belong to another program by now, even to another engine.
  if pid=$(cat "$directory/pid" 2>/dev/null) && grep -qszFx -e "--pidfile=$directory/pid" "/proc/$pid/cmdline"; then
    kill "$pid"
    for _ in {1..100}; do
      [[ -e /proc/$pid ]] || break
      sleep 0.2
    done
  fi
  while read -r _ mount _; do
    [[ $mount != "$directory"/* ]] || umount -l "$mount" || :
  done < <(tac /proc/self/mounts)
  [[ ! -e /var/run/netns/$name ]] || ip netns del "$name"
  rm -rf --one-file-system "$directory"
}

start() { # images...
  mkdir -p "$directory"
  # Uses the host's sockets: gVisor's own network stack does not start on every kernel.
  cat >"$directory/daemon.json" <<END
{"runtimes": {"runsc": {"path": "$(command -v runsc)", "runtimeArgs": ["--platform=systrap", "--network=host"]}}}
END
  ip netns add "$name"
  ip -n "$name" link set lo up
  # Sandboxes check that the firewall refuses this address. Without a route to it, the kernel refuses before the
  # rules see a packet, and a connection fails only with its second SYN.
  ip -n "$name" route add 169.254.169.254 dev lo
  # in the default engine's cgroup, if it has one: see dockerd.sh
  [[ ! -d /sys/fs/cgroup/dockerd ]] || echo $$ >/sys/fs/cgroup/dockerd/cgroup.procs
  setsid nohup nsenter --net="/var/run/netns/$name" dockerd --config-file="$directory/daemon.json" \
    --data-root="$directory/data" --exec-root="$directory/exec" --pidfile="$directory/pid" --host="$address" \
    --containerd-namespace="$name" --containerd-plugins-namespace="$name-plugins" \
    >"$directory/log" 2>&1 </dev/null &
  for _ in {1..150}; do
    ! docker -H "$address" version >/dev/null 2>&1 || break
    sleep 0.2
  done
  docker save "$@" | docker -H "$address" load -q >/dev/null || {
    tail -5 "$directory/log" >&2
    stop
    exit 1
  }
  echo "$address"
}

case ${1-} in
  start)
    stop
    shift
    start "${@:?an image}"
    ;;
  stop) stop ;;
  *)
    sed -n '3,5s/^# //p' "$0" >&2
    exit 64
    ;;
esac
