#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the workspace root a shared mount on the engine's host, so that what a worker mounts in its
# container shows in sandboxes. compose.warm.yaml runs this before the worker, in a privileged container
# that sees the host's processes.
#   share-workspaces.sh WORKSPACE_ROOT
set -euo pipefail

# The engine's mount namespace is the one that counts; without a dockerd, that of the first process.
# Any process can take the engine's name, so it also has to be root, and of no container. Who owns its
# directory in /proc does not tell: those of processes that can't be traced are root's.
engine=1
for process in /proc/[0-9]*; do
  [[ $process/ns/pid -ef /proc/self/ns/pid ]] || continue
  status=$(cat "$process/status" 2>/dev/null) || continue
  if [[ $status == $'Name:\tdockerd\n'*$'\nUid:\t0\t0\t0\t0\n'* ]]; then
    engine=${process#/proc/}
    break
  fi
done

# shellcheck disable=SC2016 # expanded there
exec nsenter --target "$engine" --mount -- sh -euc '
  mkdir -p "$0"
  case $(findmnt --noheadings --output PROPAGATION --target "$0") in
    shared*) exit 0 ;;
  esac
  mountpoint -q "$0" || mount --bind "$0" "$0"
  mount --make-shared "$0"
  echo "$0 is a shared mount now"' "$1"
