# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # ops_port, id, worker_pid
# Functions for scripts that start their own worker. To be sourced after setup.sh; the script defines a function
# fail.

# Two runs in one checkout would use the same files. Processes in the background must not keep the lock: start
# them with unlocked.
only_one() { # lock file, name of the script
  exec {run_lock_fd}>"$1"
  flock -n "$run_lock_fd" || die 75 "Another $2 runs in this checkout. Wait for its end, or use another clone."
}
unlocked() { # command...
  exec "$@" {run_lock_fd}>&-
}

free_port() { # from, or a random one above it, so that runs that begin together do not take the same
  local port=$(($1 + RANDOM % 500))
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}

ops() { # path; prints the answer
  exec 3<>"/dev/tcp/127.0.0.1/$ops_port" || return
  printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$1" >&3
  timeout 10 cat <&3
  exec 3>&-
}

await_ready() { # seconds
  local deadline=$((EPOCHSECONDS + $1))
  until ops /health/ready 2>/dev/null | grep -q '^HTTP/1.[01] 200'; do
    kill -0 "$worker_pid" 2>/dev/null || fail "the worker ended"
    ((EPOCHSECONDS <= deadline)) || fail "not ready after $1 s: $(ops /health/ready 2>&1 | tail -n 1)"
    sleep 0.1
  done
}

has_idle_slot() { ops /metrics 2>/dev/null | grep -qE '^zcbot_slots_idle.* 1(\.0)?$'; }

remove_leftovers() {
  local left
  left=$(docker ps -aq --filter "label=zcbot.worker=$id" 2>/dev/null) || :
  # shellcheck disable=SC2086 # ids, one word each
  [[ -z $left ]] || docker rm -f $left >/dev/null 2>&1 || :
  docker network rm "zcbot-$id" >/dev/null 2>&1 || :
}
