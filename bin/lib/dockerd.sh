#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Starts Docker Engine where no service manager does, detached from terminal and caller.
# Run as root:   dockerd.sh LOG [SOCKET_GROUP]
# Returns at once. The caller waits until the engine answers, and reads LOG if it does not.
set -euo pipefail

log=$1
group=${2-}

# A killed engine leaves its pid files behind, and on some machines /run survives a reboot. The pid may belong
# to another program by now, so it counts only if it is that of the expected program.
is_running() { # pid file, program
  local pid exe
  pid=$(cat "$1" 2>/dev/null) || return 1
  [[ $pid =~ ^[0-9]+$ ]] || return 1
  exe=$(readlink "/proc/$pid/exe") || return 1
  [[ ${exe%% *} == */"$2" ]]
}

# Whether it is an engine with another pid file, so not the default one.
is_another() { # pid
  tr '\0' '\n' <"/proc/$1/cmdline" | grep -e '^--pidfile=' | grep -qvxE -e '--pidfile=(/var)?/run/docker\.pid'
}

if is_running /var/run/docker.pid dockerd && ! is_another "$(</var/run/docker.pid)"; then
  exit 0
fi
rm -f /var/run/docker.pid /var/run/docker.sock

if ! is_running /var/run/docker/containerd/containerd.pid containerd; then
  rm -f /var/run/docker/containerd/containerd.pid /var/run/docker/containerd/*.sock \
    /var/run/docker/containerd/*.sock.ttrpc
fi

# Containers need a cgroup hierarchy; a machine with a minimal init may not have mounted one.
if ! grep -q ' /sys/fs/cgroup' /proc/mounts; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi

# With cgroup version 2, the engine looks in its own cgroup for what can be limited. The root cgroup has no
# files for that, so the engine would not limit swap. A service manager would have put it into another cgroup.
if grep -qx '0::/' /proc/self/cgroup && [[ -e /sys/fs/cgroup/cgroup.controllers && ! -e /sys/fs/cgroup/memory.max ]]; then
  echo +memory >/sys/fs/cgroup/cgroup.subtree_control
  mkdir -p /sys/fs/cgroup/dockerd
  echo $$ >/sys/fs/cgroup/dockerd/cgroup.procs
fi

# The engine outlives this script, so it must not inherit the caller's open files, such as a lock or a pipe
# whose reader waits for its end.
for fd in /proc/self/fd/*; do
  fd=${fd##*/}
  ((fd <= 2)) || eval "exec $fd>&-"
done
ulimit -n 1048576 2>/dev/null || :
# By default an engine has addresses for 31 networks, fewer than tests create that run in parallel.
setsid nohup dockerd ${group:+--group "$group"} --default-address-pool base=172.24.0.0/14,size=22 \
  >>"$log" 2>&1 </dev/null &
