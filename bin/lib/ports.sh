# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # ops_port
# Ports of a worker that a script starts. To be sourced.

free_port() { # from
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}

ops() { # prints what is answered at a path
  exec 3<>"/dev/tcp/127.0.0.1/$ops_port" || return
  printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$1" >&3
  cat <&3
  exec 3>&-
}
